//! What a notification says. Read from the same bytes that were signed (nowpayments.md sections 2.8 and 3).

use crate::amount::Amount;
use crate::id::{ProviderInvoiceId, ProviderPaymentId, ProviderPurchaseId};
use crate::json::{self, BODY_BYTES_MAX, Members, Value};
use crate::shape::ShapeError;
use crate::status::Status;

/// Why a body cannot be read at all. A verified body always can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Larger than [`BODY_BYTES_MAX`].
    #[error("the body is larger than {BODY_BYTES_MAX} bytes")]
    TooLarge,
    /// Not one unambiguous JSON object.
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

/// A body, by what it is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A payment, named by a usable `payment_id`.
    Payment(Box<Notification>),
    /// Anything else: a withdrawal or custody notice, or a payment whose id cannot be read.
    NotAPayment(NotAPayment),
}

/// What is known about a body that names no payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAPayment {
    /// The `payment_id` that is there and cannot be used, as JSON text. `None` in withdrawal and custody notices.
    pub unusable_payment_id: Option<String>,
    /// The `id` of a withdrawal or custody notice.
    pub id: Option<String>,
    /// Its `status` (upper case as a rule), or the `payment_status`.
    pub status: Option<String>,
}

/// Whether a payment is a re-deposit or recovered deposit that belongs to an earlier payment. A child never completes an order
/// by itself, so a parent that cannot be read is not the same as none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parent {
    /// The member is missing or null, and nothing else says that there is one.
    None,
    /// The payment that this one belongs to.
    Id(ProviderPaymentId),
    /// Something is there that is no id, or in its place only that the payment is a re-deposit; its JSON text. Treat the payment as a child.
    Unusable(String),
}

impl Parent {
    /// True unless the provider says that there is no parent.
    pub fn is_child(&self) -> bool {
        *self != Self::None
    }

    /// The parent's id, if it can be read.
    pub fn id(&self) -> Option<ProviderPaymentId> {
        match self {
            Self::Id(id) => Some(*id),
            Self::None | Self::Unusable(_) => None,
        }
    }
}

/// The provider's fees; in `currency`, which is the outcome's as a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fee {
    /// Ticker of the fees.
    pub currency: Option<String>,
    /// Taken for the deposit.
    pub deposit: Option<Amount>,
    /// Taken for the service.
    pub service: Option<Amount>,
    /// Taken for the withdrawal to the merchant.
    pub withdrawal: Option<Amount>,
}

/// A payment as one notification, or one API answer, shows it. Missing and null are both `None`. Text is unescaped and otherwise
/// as it came: it may contain any character, U+0000 included, and it is not trusted further than the signature goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Which payment.
    pub payment_id: ProviderPaymentId,
    /// Where it stands.
    pub status: Status,
    /// The merchant's order.
    pub order_id: Option<String>,
    /// The merchant's words about the order.
    pub order_description: Option<String>,
    /// The invoice that the payment was made for.
    pub invoice_id: Option<ProviderInvoiceId>,
    /// The provider's grouping of payments.
    pub purchase_id: Option<ProviderPurchaseId>,
    /// The payment that this one is a re-deposit of.
    pub parent: Parent,
    /// The price of the order, in `price_currency`.
    pub price_amount: Option<Amount>,
    /// Currency of the price: `usd`.
    pub price_currency: Option<String>,
    /// What was to be paid, in `pay_currency`.
    pub pay_amount: Option<Amount>,
    /// Ticker with its network: `usdttrc20`.
    pub pay_currency: Option<String>,
    /// What was paid so far, in `pay_currency`. Zero or `None` on a finished payment means "not reported".
    pub actually_paid: Option<Amount>,
    /// Nearly always zero; filled in recoveries of a wrong asset.
    pub actually_paid_at_fiat: Option<Amount>,
    /// What the merchant gets, net of fees, in `outcome_currency`.
    pub outcome_amount: Option<Amount>,
    /// Ticker of the outcome.
    pub outcome_currency: Option<String>,
    /// Where the coin goes.
    pub pay_address: Option<String>,
    /// Memo or tag that must go with the coin.
    pub payin_extra_id: Option<String>,
    /// The provider's fees.
    pub fee: Option<Fee>,
    /// Ids of the children that the provider lists on their parent.
    pub payment_extra_ids: Vec<ProviderPaymentId>,
    /// When the provider last changed the payment, in milliseconds since 1970 UTC. Often missing; never an order of events.
    pub updated_at_ms: Option<i64>,
    /// Names of members that are there and could not be read, so that a surprise shows instead of passing for "missing".
    /// Amounts and the parent say so themselves.
    pub unusable: Vec<&'static str>,
}

/// Reads a body. Only its shape can fail: a member that is unknown is ignored, one that cannot be read is named.
pub fn parse(body: &[u8]) -> Result<Body, ParseError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(ParseError::TooLarge);
    }
    Ok(read_body(json::read_object(body)?))
}

fn read_body(members: Members<'_>) -> Body {
    let payment_id = member(&members, "payment_id").and_then(ProviderPaymentId::read);
    match payment_id {
        Some(payment_id) => Body::Payment(Box::new(read_payment(payment_id, &members))),
        None => Body::NotAPayment(NotAPayment {
            unusable_payment_id: member(&members, "payment_id").map(json_text),
            id: member(&members, "id").map(plain_text),
            status: member(&members, "status").or_else(|| member(&members, "payment_status")).map(plain_text),
        }),
    }
}

pub(crate) fn read_payment(payment_id: ProviderPaymentId, members: &Members<'_>) -> Notification {
    let mut from = Reading { members, unusable: Vec::new() };
    Notification {
        payment_id,
        status: Status::from_text(&member(members, "payment_status").map(plain_text).unwrap_or_default()),
        order_id: from.text("order_id"),
        order_description: from.text("order_description"),
        invoice_id: from.read("invoice_id", ProviderInvoiceId::read),
        purchase_id: from.read("purchase_id", ProviderPurchaseId::read),
        parent: read_parent(members),
        price_amount: amount(members, "price_amount"),
        price_currency: from.text("price_currency"),
        pay_amount: amount(members, "pay_amount"),
        pay_currency: from.text("pay_currency"),
        actually_paid: amount(members, "actually_paid"),
        actually_paid_at_fiat: amount(members, "actually_paid_at_fiat"),
        outcome_amount: amount(members, "outcome_amount"),
        outcome_currency: from.text("outcome_currency"),
        pay_address: from.text("pay_address"),
        payin_extra_id: from.text("payin_extra_id"),
        fee: from.read("fee", read_fee),
        payment_extra_ids: from.read("payment_extra_ids", read_ids).unwrap_or_default(),
        updated_at_ms: from.read("updated_at", read_instant_ms),
        unusable: from.unusable,
    }
}

/// Reads members by name and remembers those that are there and cannot be read.
struct Reading<'a> {
    members: &'a Members<'a>,
    unusable: Vec<&'static str>,
}

impl<'a> Reading<'a> {
    fn read<T>(&mut self, name: &'static str, read: impl Fn(&'a Value<'a>) -> Option<T>) -> Option<T> {
        let value = member(self.members, name)?;
        let read = read(value);
        if read.is_none() {
            self.unusable.push(name);
        }
        read
    }

    fn text(&mut self, name: &'static str) -> Option<String> {
        self.read(name, read_text)
    }
}

/// The value of a member; null equals missing.
pub(crate) fn member<'a>(members: &'a Members<'a>, name: &str) -> Option<&'a Value<'a>> {
    members.iter().find(|(key, _)| key == name).map(|(_, value)| value).filter(|value| **value != Value::Null)
}

/// Text, or a number's token: an order id that was all digits may have lost its quotes on the way.
pub(crate) fn read_text(value: &Value<'_>) -> Option<String> {
    match value {
        Value::String(text) | Value::Number(text) => Some(text.clone().into_owned()),
        _ => None,
    }
}

pub(crate) fn amount(members: &Members<'_>, name: &str) -> Option<Amount> {
    member(members, name).map(read_amount)
}

pub(crate) fn read_amount(value: &Value<'_>) -> Amount {
    match value {
        Value::Number(text) | Value::String(text) => Amount::from_text(text),
        other => Amount::Unrepresentable(json_text(other)),
    }
}

/// What `origin_type` says of a re-deposit.
const RE_DEPOSIT: &str = "REPEATED";

fn read_parent(members: &Members<'_>) -> Parent {
    match member(members, "parent_payment_id") {
        // Rows of the list may lack it, and say so in another way.
        None => match member(members, "origin_type") {
            Some(said @ Value::String(word)) if word.eq_ignore_ascii_case(RE_DEPOSIT) => {
                Parent::Unusable(json_text(said))
            }
            _ => Parent::None,
        },
        Some(value) => match ProviderPaymentId::read(value) {
            Some(id) => Parent::Id(id),
            None => Parent::Unusable(json_text(value)),
        },
    }
}

fn read_fee(value: &Value<'_>) -> Option<Fee> {
    let Value::Object(members) = value else {
        return None;
    };
    Some(Fee {
        currency: member(members, "currency").and_then(read_text),
        deposit: amount(members, "depositFee"),
        service: amount(members, "serviceFee"),
        withdrawal: amount(members, "withdrawalFee"),
    })
}

/// All or none: half a list of children would look complete.
fn read_ids(value: &Value<'_>) -> Option<Vec<ProviderPaymentId>> {
    match value {
        Value::Array(items) => items.iter().map(ProviderPaymentId::read).collect(),
        _ => None,
    }
}

/// Epoch milliseconds in notifications, ISO 8601 text in API answers.
pub(crate) fn read_instant_ms(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Number(token) => token.parse().ok(),
        Value::String(text) => text
            .parse::<jiff::Timestamp>()
            .map(|instant| instant.as_millisecond())
            .ok()
            .or_else(|| text.parse().ok()),
        _ => None,
    }
}

/// Text without its quotes, anything else as JSON.
fn plain_text(value: &Value<'_>) -> String {
    read_text(value).unwrap_or_else(|| json_text(value))
}

fn json_text(value: &Value<'_>) -> String {
    crate::canonical::write_lexemes(value)
}
