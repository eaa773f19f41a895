//! Where a payment stands, in the provider's words.

use std::fmt;

/// The statuses of nowpayments.md section 4. What each one means for an order is not decided here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Status {
    /// Created, nothing seen.
    Waiting,
    /// Seen on chain.
    Confirming,
    /// Enough confirmations. Not final.
    Confirmed,
    /// On its way to the merchant.
    Sending,
    /// Arrived.
    Finished,
    /// Arrived, less than the price.
    PartiallyPaid,
    /// An error at the provider; money may still come.
    Failed,
    /// Nothing came in time; money may still come.
    Expired,
    /// Returned to the payer.
    Refunded,
    /// Set by the merchant on a partially paid payment; `canceled` reads the same.
    Cancelled,
    /// Reported by integrators, not documented.
    WrongAssetConfirmed,
    /// Anything else, as it was written; empty when the member is missing or null.
    Other(String),
}

impl Status {
    /// Reads a status without regard to case.
    pub fn from_text(text: &str) -> Self {
        const KNOWN: [(&str, Status); 12] = [
            ("waiting", Status::Waiting),
            ("confirming", Status::Confirming),
            ("confirmed", Status::Confirmed),
            ("sending", Status::Sending),
            ("finished", Status::Finished),
            ("partially_paid", Status::PartiallyPaid),
            ("failed", Status::Failed),
            ("expired", Status::Expired),
            ("refunded", Status::Refunded),
            ("cancelled", Status::Cancelled),
            ("canceled", Status::Cancelled),
            ("wrong_asset_confirmed", Status::WrongAssetConfirmed),
        ];
        KNOWN
            .into_iter()
            .find_map(|(name, status)| name.eq_ignore_ascii_case(text).then_some(status))
            .unwrap_or_else(|| Self::Other(text.to_owned()))
    }

    /// The provider's spelling; for [`Status::Other`] the text that came.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Waiting => "waiting",
            Self::Confirming => "confirming",
            Self::Confirmed => "confirmed",
            Self::Sending => "sending",
            Self::Finished => "finished",
            Self::PartiallyPaid => "partially_paid",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Refunded => "refunded",
            Self::Cancelled => "cancelled",
            Self::WrongAssetConfirmed => "wrong_asset_confirmed",
            Self::Other(text) => text,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter_and_unknown_text_is_kept() {
        assert_eq!(Status::from_text("FINISHED"), Status::Finished);
        assert_eq!(Status::from_text("Canceled"), Status::Cancelled);
        assert_eq!(Status::from_text("Spending"), Status::Other("Spending".into()));
        assert_eq!(Status::from_text("finished "), Status::Other("finished ".into()));
    }
}
