//! What arrived: a notification or a provider's answer, as facts, with the raw bytes beside them (I1).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::ProviderPaymentId;
use crate::money::{Currency, Reported};
use crate::status::PaymentStatus;

/// How an event came to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventSource {
    /// A signed notification.
    Ipn,
    /// Our own question to the provider (reconciler).
    Poll,
    /// An operator's `payment recover`.
    Recovery,
    /// An operator's `payment replay` of what is in the log; not logged again.
    Replay,
}

impl EventSource {
    /// The word in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipn => "ipn",
            Self::Poll => "poll",
            Self::Recovery => "recovery",
            Self::Replay => "replay",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(text: &str) -> Option<Self> {
        [Self::Ipn, Self::Poll, Self::Recovery, Self::Replay]
            .into_iter()
            .find(|source| source.as_str() == text)
    }
}

/// Whether a payment is a re-deposit on another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parent {
    /// It stands alone.
    None,
    /// More money to the address of this payment.
    Payment(ProviderPaymentId),
    /// A parent was named that cannot be read. Never the same as none: a re-deposit must not buy a period by itself.
    Unreadable,
}

/// An amount with the currency it was reported in; either may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedMoney {
    /// The amount.
    pub amount: Reported,
    /// The currency; `None` if none was given or it is no ticker.
    pub currency: Option<Currency>,
}

/// What a notification says about a payment, in our types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentFacts {
    /// The payment.
    pub payment_id: ProviderPaymentId,
    /// Its status.
    pub status: PaymentStatus,
    /// The order reference, as text.
    pub order_ref: Option<String>,
    /// The invoice at the provider.
    pub invoice_id: Option<String>,
    /// Re-deposit on which payment.
    pub parent: Parent,
    /// The price that was asked, in the shop's currency.
    pub price: ReportedMoney,
    /// The amount to pay, in the coin.
    pub pay: ReportedMoney,
    /// Where one pays.
    pub pay_address: Option<String>,
    /// The memo or tag without which the money is not found, for coins that have one.
    pub pay_extra_id: Option<String>,
    /// What was paid, in the coin of `pay`.
    pub actually_paid: Reported,
    /// What the merchant gets. Unknown stays unknown: the coin is never guessed (F12).
    pub outcome: ReportedMoney,
    /// When the provider says it was, in epoch milliseconds. Missing in some; never the only ground for order.
    pub updated_at_ms: Option<i64>,
}

/// An event with everything that the log keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// When it was received.
    pub received_at: Timestamp,
    /// How it came.
    pub source: EventSource,
    /// Which canonical form the signature matched; `None` where there was none to check (our own question).
    pub signature_form: Option<&'static str>,
    /// The headers that are kept, as a JSON object.
    pub headers: String,
    /// The exact bytes.
    pub body: Vec<u8>,
    /// SHA-256 of the body.
    pub digest: [u8; 32],
    /// What the body says.
    pub facts: PaymentFacts,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It changed what we know.
    Applied,
    /// The same was known already.
    Duplicate,
    /// More is known already.
    Stale,
    /// Stored, and left to a person, with a reason.
    Parked,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 4] = [Self::Applied, Self::Duplicate, Self::Stale, Self::Parked];

    /// The word in JSON, metrics and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Duplicate => "duplicate",
            Self::Stale => "stale",
            Self::Parked => "parked",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == text)
    }
}
