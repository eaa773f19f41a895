//! Payment statuses as a lattice: what has been seen only grows, so the order of arrival cannot matter (I4).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest status text that is kept, in characters; the provider's longest documented one has 21.
pub const STATUS_LENGTH_MAX: usize = 64;

/// A payment status as the provider names it (nowpayments.md section 4).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum PaymentStatus {
    /// Created, nothing seen.
    Waiting,
    /// Seen on chain.
    Confirming,
    /// Enough confirmations; not final.
    Confirmed,
    /// On its way to the merchant.
    Sending,
    /// Nothing came in time; not absorbing.
    Expired,
    /// The merchant gave a partial payment up.
    Cancelled,
    /// An error; not absorbing.
    Failed,
    /// The wrong coin or network arrived.
    WrongAsset,
    /// Less than the price arrived, and the merchant keeps it.
    PartiallyPaid,
    /// The price arrived.
    Finished,
    /// Returned to the payer; absorbing.
    Refunded,
    /// A status that we do not know, lower case.
    Other(String),
}

impl PaymentStatus {
    /// Reads a status without regard to case; what is unknown is kept.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let text = text.trim();
        if let Some(known) = Self::known(text) {
            return known;
        }
        let lower: String = text.to_lowercase().chars().take(STATUS_LENGTH_MAX).collect();
        Self::known(&lower).unwrap_or(Self::Other(lower))
    }

    fn known(lower: &str) -> Option<Self> {
        Some(match lower {
            "waiting" => Self::Waiting,
            "confirming" => Self::Confirming,
            "confirmed" => Self::Confirmed,
            "sending" => Self::Sending,
            "expired" => Self::Expired,
            "cancelled" | "canceled" => Self::Cancelled,
            "failed" => Self::Failed,
            "wrong_asset_confirmed" => Self::WrongAsset,
            "partially_paid" => Self::PartiallyPaid,
            "finished" => Self::Finished,
            "refunded" => Self::Refunded,
            _ => return None,
        })
    }

    /// The text as the provider writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Waiting => "waiting",
            Self::Confirming => "confirming",
            Self::Confirmed => "confirmed",
            Self::Sending => "sending",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::WrongAsset => "wrong_asset_confirmed",
            Self::PartiallyPaid => "partially_paid",
            Self::Finished => "finished",
            Self::Refunded => "refunded",
            Self::Other(text) => text,
        }
    }

    /// The place in the lattice. A payment's status is the highest that was seen of it: `finished` wins over `expired` and
    /// `failed` whichever came first, and nothing leaves `refunded`. Gaps leave room for statuses to come.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self {
            Self::Other(_) => 0,
            Self::Waiting => 10,
            Self::Confirming => 20,
            Self::Confirmed => 30,
            Self::Sending => 40,
            Self::Expired => 50,
            Self::Cancelled => 52,
            Self::Failed => 55,
            Self::WrongAsset => 60,
            Self::PartiallyPaid => 70,
            Self::Finished => 80,
            Self::Refunded => 90,
        }
    }

    /// Whether this is progress only: shown live, decides nothing.
    #[must_use]
    pub fn is_progress(&self) -> bool {
        matches!(self, Self::Waiting | Self::Confirming | Self::Confirmed | Self::Sending)
    }

    /// Whether money has been seen on chain.
    #[must_use]
    pub fn is_on_chain(&self) -> bool {
        matches!(
            self,
            Self::Confirming
                | Self::Confirmed
                | Self::Sending
                | Self::WrongAsset
                | Self::PartiallyPaid
                | Self::Finished
        )
    }

    /// Whether the provider has more to say of a payment with this status, as a rule: it is on its way, or a rest, a recovery or a
    /// person's decision may follow. What is over is not asked for one by one; if it changes all the same, the list shows it.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        !matches!(self, Self::Expired | Self::Cancelled | Self::Failed | Self::Finished | Self::Refunded)
    }

    /// Whether money has arrived at the merchant.
    #[must_use]
    pub fn is_credited(&self) -> bool {
        matches!(self, Self::PartiallyPaid | Self::Finished)
    }
}

impl fmt::Display for PaymentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<String> for PaymentStatus {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<PaymentStatus> for String {
    fn from(status: PaymentStatus) -> Self {
        status.as_str().to_owned()
    }
}

/// The set of statuses that were ever seen of one payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct StatusSet(pub u16);

impl StatusSet {
    /// No status of the provider's, but kept beside them, since it is known in the same way: once and for ever.
    const REFUND_NOTED: u16 = 1 << 12;
    /// The same: a person has ruled that this money buys the access.
    const RULED: u16 = 1 << 13;

    fn bit(status: &PaymentStatus) -> u16 {
        match status {
            PaymentStatus::Waiting => 1,
            PaymentStatus::Confirming => 1 << 1,
            PaymentStatus::Confirmed => 1 << 2,
            PaymentStatus::Sending => 1 << 3,
            PaymentStatus::Expired => 1 << 4,
            PaymentStatus::Cancelled => 1 << 5,
            PaymentStatus::Failed => 1 << 6,
            PaymentStatus::WrongAsset => 1 << 7,
            PaymentStatus::PartiallyPaid => 1 << 8,
            PaymentStatus::Finished => 1 << 9,
            PaymentStatus::Refunded => 1 << 10,
            PaymentStatus::Other(_) => 1 << 11,
        }
    }

    /// Adds a status.
    pub fn insert(&mut self, status: &PaymentStatus) {
        self.0 |= Self::bit(status);
    }

    /// Whether a status was seen; every unknown one counts as the same.
    #[must_use]
    pub fn contains(self, status: &PaymentStatus) -> bool {
        self.0 & Self::bit(status) != 0
    }

    /// Whether a status that we do not know was seen.
    #[must_use]
    pub fn has_unknown(self) -> bool {
        self.0 & (1 << 11) != 0
    }

    /// A person says that the money was given back outside of the provider: as good as `refunded`.
    pub fn note_refund(&mut self) {
        self.0 |= Self::REFUND_NOTED;
    }

    /// A person says otherwise.
    pub fn take_back_refund_note(&mut self) {
        self.0 &= !Self::REFUND_NOTED;
    }

    /// Whether a person has noted a refund.
    #[must_use]
    pub fn is_refund_noted(self) -> bool {
        self.0 & Self::REFUND_NOTED != 0
    }

    /// A person says that this money buys what its order is for.
    pub fn note_ruling(&mut self) {
        self.0 |= Self::RULED;
    }

    /// Whether a person has said that this money buys what its order is for.
    #[must_use]
    pub fn is_ruled(self) -> bool {
        self.0 & Self::RULED != 0
    }

    /// Whether money arrived at any time: `finished` or `partially_paid`.
    #[must_use]
    pub fn has_credit(self) -> bool {
        self.contains(&PaymentStatus::PartiallyPaid) || self.contains(&PaymentStatus::Finished)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_read_in_any_case_and_unknown_ones_are_kept() {
        assert_eq!(PaymentStatus::new("FINISHED"), PaymentStatus::Finished);
        assert_eq!(PaymentStatus::new("canceled"), PaymentStatus::Cancelled);
        assert_eq!(PaymentStatus::new("Spending").as_str(), "spending");
    }

    #[test]
    fn f08_no_progress_status_is_a_credit() {
        for text in ["waiting", "confirming", "confirmed", "sending", "spending", ""] {
            assert!(!PaymentStatus::new(text).is_credited(), "{text}");
        }
    }

    /// What each status means, in one place: progress, money on chain, still under way, money at the merchant.
    #[test]
    fn each_status_means_what_the_provider_says() {
        for (text, meaning) in [
            ("waiting", [true, false, true, false]),
            ("confirming", [true, true, true, false]),
            ("confirmed", [true, true, true, false]),
            ("sending", [true, true, true, false]),
            ("partially_paid", [false, true, true, true]),
            ("finished", [false, true, false, true]),
            ("refunded", [false, false, false, false]),
            ("failed", [false, false, false, false]),
            ("expired", [false, false, false, false]),
            ("cancelled", [false, false, false, false]),
            ("wrong_asset_confirmed", [false, true, true, false]),
            ("spending", [false, false, true, false]),
        ] {
            let status = PaymentStatus::new(text);
            let found =
                [status.is_progress(), status.is_on_chain(), status.is_pending(), status.is_credited()];
            assert_eq!(found, meaning, "{text}");
            assert_eq!((status.to_string(), String::from(status)), (text.to_owned(), text.to_owned()));
        }
    }

    /// The bits stand in the rows of every database.
    #[test]
    fn each_status_keeps_its_bit() {
        for (bit, text) in [
            "waiting",
            "confirming",
            "confirmed",
            "sending",
            "expired",
            "cancelled",
            "failed",
            "wrong_asset_confirmed",
            "partially_paid",
            "finished",
            "refunded",
            "spending",
        ]
        .into_iter()
        .enumerate()
        {
            let mut seen = StatusSet::default();
            seen.insert(&PaymentStatus::new(text));
            assert_eq!(seen, StatusSet(1 << bit), "{text}");
            assert_eq!(seen.has_unknown(), text == "spending");
        }
        let mut noted = StatusSet::default();
        noted.note_refund();
        assert_eq!(noted, StatusSet(1 << 12));
    }
}
