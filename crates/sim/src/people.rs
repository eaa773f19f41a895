//! Who buys, and what the provider tells of their payments.

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tollhouse_core::event::{EventSource, Parent, PaymentFacts, Received, ReportedMoney};
use tollhouse_core::id::ProviderPaymentId;
use tollhouse_core::money::{Money, Reported};
use tollhouse_core::status::PaymentStatus;

/// What a period costs.
pub const PRICE: &str = "5.00 USD";
/// What a notification that contradicts the order says that it costs.
const WRONG_PRICE: &str = "4.00 USD";
/// What the provider asks for it.
const ASKED: &str = "0.001 BTC";
/// What somebody pays who pays too little.
const TOO_LITTLE: &str = "0.0004 BTC";
/// What is missing then.
const REST: &str = "0.0006 BTC";

/// Somebody who buys now and then.
#[derive(Debug, Clone)]
pub struct Person {
    /// Their account.
    pub user: i64,
    /// When they buy again.
    pub next_buy: Timestamp,
}

/// The stories that a payment can have: the provider's words in their order.
const STORIES: [&[&str]; 7] = [
    &["waiting", "confirming", "confirmed", "sending", "finished"],
    &["waiting", "confirming", "finished"],
    &["finished"],
    &["waiting", "expired", "confirming", "finished"],
    &["waiting", "confirming", "partially_paid"],
    &["waiting", "failed"],
    &["waiting", "confirming", "finished", "refunded"],
];
/// How many of [`STORIES`], from the first on, end in access.
const GOOD_STORIES: usize = 4;

/// Of how many payments one contradicts its order.
const CONTRADICTS_ONE_IN: usize = 15;

/// A payment at the provider.
#[derive(Debug, Clone)]
pub struct Payment {
    /// The provider's number.
    pub id: i64,
    /// What it is for.
    pub order_ref: String,
    story: &'static [&'static str],
    next: usize,
    /// The provider says another price than the order's.
    contradicts: bool,
    /// To the address of which payment it came, as the rest of it.
    rest_of: Option<i64>,
}

impl Payment {
    /// A payment with one of the stories; with `good` it ends in access.
    #[must_use]
    pub fn new(id: i64, order_ref: String, roll: usize, good: bool) -> Self {
        let count = if good { GOOD_STORIES } else { STORIES.len() };
        let contradicts = !good && roll.is_multiple_of(CONTRADICTS_ONE_IN);
        Self { id, order_ref, story: STORIES[roll % count], next: 0, contradicts, rest_of: None }
    }

    /// A payment that is paid at once.
    #[must_use]
    pub fn at_once(id: i64, order_ref: String) -> Self {
        Self { id, order_ref, story: STORIES[2], next: 0, contradicts: false, rest_of: None }
    }

    /// What was missing from another, sent to the same address: a re-deposit.
    #[must_use]
    pub fn rest_of(id: i64, other: &Self) -> Self {
        Self { rest_of: Some(other.id), ..Self::at_once(id, other.order_ref.clone()) }
    }

    /// Whether less comes than was asked.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.story.contains(&"partially_paid")
    }

    /// The last that was said of it, with another price than before.
    #[must_use]
    pub fn contradicted(&self, now: Timestamp) -> Option<Received> {
        let status = *self.story.get(self.next.checked_sub(1)?)?;
        let other = Self { contradicts: !self.contradicts, ..self.clone() };
        Some(other.say(status, now, EventSource::Ipn))
    }

    /// What comes next, if something does.
    pub fn advance(&mut self, now: Timestamp) -> Option<Received> {
        let status = *self.story.get(self.next)?;
        self.next += 1;
        Some(self.say(status, now, EventSource::Ipn))
    }

    /// What the provider says when it is asked: the last that happened.
    #[must_use]
    pub fn polled(&self, now: Timestamp) -> Option<Received> {
        let status = *self.story.get(self.next.checked_sub(1)?)?;
        Some(self.say(status, now, EventSource::Poll))
    }

    fn say(&self, status: &str, now: Timestamp, source: EventSource) -> Received {
        let money = |text: &str| text.parse::<Money>().ok();
        let reported = |money: Option<Money>| ReportedMoney {
            amount: money.as_ref().map_or(Reported::Nothing, |money| Reported::Exact(money.amount)),
            currency: money.map(|money| money.currency),
        };
        let paid = match status {
            "waiting" | "expired" | "failed" => None,
            _ if self.is_short() => money(TOO_LITTLE),
            _ if self.rest_of.is_some() => money(REST),
            _ => money(ASKED),
        };
        let facts = PaymentFacts {
            payment_id: ProviderPaymentId::new(self.id).unwrap_or_else(|error| unreachable!("{error}")),
            status: PaymentStatus::new(status),
            order_ref: Some(self.order_ref.clone()),
            invoice_id: None,
            parent: self
                .rest_of
                .and_then(|id| ProviderPaymentId::new(id).ok())
                .map_or(Parent::None, Parent::Payment),
            price: reported(money(if self.contradicts { WRONG_PRICE } else { PRICE })),
            pay: reported(money(ASKED)),
            pay_address: None,
            pay_extra_id: None,
            actually_paid: reported(paid).amount,
            outcome: ReportedMoney { amount: Reported::Nothing, currency: None },
            // The provider's clock is not ours; what it tells later is later there.
            updated_at_ms: i64::try_from(self.next).ok(),
        };
        let body = format!("{facts:?}").into_bytes();
        Received {
            received_at: now,
            source,
            signature_form: (source == EventSource::Ipn).then_some("raw"),
            headers: "{}".to_owned(),
            digest: Sha256::digest(&body).into(),
            body,
            facts,
        }
    }
}
