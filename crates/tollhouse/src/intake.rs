//! From the provider's words to ours: a notification or an answer of its API becomes an event for the rules.

use jiff::Timestamp;
use nowpayments::notification::Notification;
use sha2::{Digest, Sha256};
use tollhouse_core::event::{EventSource, Parent, PaymentFacts, Received, ReportedMoney};
use tollhouse_core::id::{IdError, ProviderPaymentId};
use tollhouse_core::money::{Currency, Reported, exact_amount};
use tollhouse_core::payment::Payment;
use tollhouse_core::status::PaymentStatus;

/// What came with an event.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// When it was received.
    pub received_at: Timestamp,
    /// How it came.
    pub source: EventSource,
    /// Which canonical form the signature matched.
    pub signature_form: Option<&'static str>,
    /// The headers that are kept, as a JSON object.
    pub headers: String,
}

/// Pairs a notification with its bytes.
///
/// # Errors
/// A payment id of the provider that is longer than any we can keep.
pub fn received(envelope: Envelope, body: Vec<u8>, notification: &Notification) -> Result<Received, IdError> {
    let digest = Sha256::digest(&body).into();
    Ok(Received {
        received_at: envelope.received_at,
        source: envelope.source,
        signature_form: envelope.signature_form,
        headers: envelope.headers,
        digest,
        facts: facts(notification)?,
        body,
    })
}

fn facts(n: &Notification) -> Result<PaymentFacts, IdError> {
    Ok(PaymentFacts {
        payment_id: n.payment_id.to_string().parse()?,
        status: PaymentStatus::new(n.status.as_str()),
        order_ref: n.order_id.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(without_nul),
        invoice_id: n.invoice_id.map(|id| id.to_string()),
        parent: parent(n),
        price: money(n.price_amount.as_ref(), n.price_currency.as_deref()),
        pay: money(n.pay_amount.as_ref(), n.pay_currency.as_deref()),
        pay_address: destination(n.pay_address.as_deref()),
        pay_extra_id: destination(n.payin_extra_id.as_deref()),
        actually_paid: amount(n.actually_paid.as_ref()),
        outcome: money(n.outcome_amount.as_ref(), n.outcome_currency.as_deref()),
        updated_at_ms: n.updated_at_ms,
    })
}

/// Puts what is known of a payment's parent into an answer that names none: the API's answers may leave it out, and a re-deposit that was
/// once called one stays one. A notification says `null` where there is none, and is left as it is.
pub fn keep_parent(received: &mut Received, known: Option<&Payment>) {
    let known = known.map_or(Parent::None, |payment| payment.parent);
    if received.facts.parent == Parent::None && received.source != EventSource::Ipn {
        received.facts.parent = known;
    }
}

fn parent(n: &Notification) -> Parent {
    use nowpayments::notification::Parent as Said;
    match &n.parent {
        Said::None => Parent::None,
        Said::Id(id) => {
            id.to_string().parse::<ProviderPaymentId>().map_or(Parent::Unreadable, Parent::Payment)
        }
        Said::Unusable(_) => Parent::Unreadable,
    }
}

fn money(said: Option<&nowpayments::Amount>, currency: Option<&str>) -> ReportedMoney {
    ReportedMoney { amount: amount(said), currency: currency.and_then(|text| Currency::new(text).ok()) }
}

/// The text goes through our own reader: what is negative or too long is unusable, never rounded (I7).
fn amount(said: Option<&nowpayments::Amount>) -> Reported {
    match said {
        None => Reported::Nothing,
        Some(said) => said.exact().map_or(Reported::Unusable, |exact| {
            exact_amount(&exact.to_string()).map_or(Reported::Unusable, Reported::Exact)
        }),
    }
}

/// Longest address or memo that is kept, in characters. The longest real ones (Cardano's) have about 110.
const DESTINATION_LENGTH_MAX: usize = 256;

/// An address or memo, if it is one that a person can be shown to copy: printable ASCII, as all real ones are.
fn destination(text: Option<&str>) -> Option<String> {
    let text = text?.trim();
    let fine = !text.is_empty()
        && text.len() <= DESTINATION_LENGTH_MAX
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    fine.then(|| text.to_owned())
}

/// PostgreSQL's text has no place for U+0000; the raw bytes keep it.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
