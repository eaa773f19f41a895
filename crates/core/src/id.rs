//! Typed ids. A private chat id is not a public chat id, and an order id is not a channel id (F05, F64).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Where fresh ids and jitter come from. Production draws UUIDv7 and random numbers; tests and the simulator draw from a seed.
pub trait IdSource {
    /// A fresh id that nobody can guess.
    fn uuid(&mut self) -> Uuid;
    /// A random number for jitter.
    fn random(&mut self) -> u64;
}

/// A text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {wanted}")]
pub struct IdError {
    wanted: &'static str,
    text: String,
}

macro_rules! opaque_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(pub Uuid);

        impl $name {
            /// What the text form starts with.
            pub const PREFIX: &'static str = $prefix;
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.simple())
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let refuse = || IdError {
                    wanted: concat!("an id of the form ", $prefix, "<32 hex digits>"),
                    text: text.chars().take(80).collect(),
                };
                let hex = text.trim().strip_prefix($prefix).ok_or_else(refuse)?;
                if hex.len() != 32 || hex.bytes().any(|b| b.is_ascii_uppercase()) {
                    return Err(refuse());
                }
                Uuid::try_parse(hex).map(Self).map_err(|_| refuse())
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

opaque_id!(
    /// A channel that sells access.
    ChannelId, "chn_"
);
opaque_id!(
    /// One version of a plan.
    PlanId, "pln_"
);
opaque_id!(
    /// A shareable payment link.
    LinkId, "lnk_"
);
opaque_id!(
    /// An order: opaque, in every URL that a buyer sees, impossible to guess (F04).
    OrderId, "ord_"
);
opaque_id!(
    /// The secret by which whoever paid without a Telegram account binds the order to one.
    ClaimToken, "clm_"
);
opaque_id!(
    /// A membership.
    MembershipId, "mem_"
);
opaque_id!(
    /// A grant.
    GrantId, "grt_"
);
opaque_id!(
    /// A job.
    JobId, "job_"
);
opaque_id!(
    /// An item of the attention list.
    AttentionId, "att_"
);
opaque_id!(
    /// What is known of one person in one channel.
    PresenceId, "prs_"
);
opaque_id!(
    /// A run: what one day removes in a channel.
    RunId, "run_"
);
opaque_id!(
    /// A lease on a job: who holds the current one may finish it, nobody else.
    LeaseToken, "lse_"
);

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $wanted:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(i64);

        impl $name {
            /// Checks and wraps the number.
            ///
            /// # Errors
            /// A number that Telegram never gives to such a thing (S09).
            pub fn new(number: i64) -> Result<Self, IdError> {
                let check: fn(i64) -> bool = $check;
                if check(number) { Ok(Self(number)) } else { Err(IdError { wanted: $wanted, text: number.to_string() }) }
            }

            /// The number as Telegram writes it, sign included.
            #[must_use]
            pub fn get(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let number = text.trim().parse().map_err(|_| IdError { wanted: $wanted, text: text.chars().take(80).collect() })?;
                Self::new(number)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.to_string()
            }
        }
    };
}

number_id!(
    /// The chat that is sold: the predecessor's "closed" channel. Negative.
    PrivateChatId, "a chat id of a channel or group (a negative number such as -1001234567890)", |n| n < 0
);
number_id!(
    /// The chat in which the offer is posted: the predecessor's "open" channel. Negative.
    PublicChatId, "a chat id of a channel or group (a negative number such as -1001234567890)", |n| n < 0
);
number_id!(
    /// A channel or group, whatever it is to us. Negative.
    TelegramChatId, "a chat id of a channel or group (a negative number such as -1001234567890)", |n| n < 0
);
number_id!(
    /// A message of the bot's, by Telegram's number in its chat. Positive.
    MessageId, "a message's number (positive)", |n| n > 0
);
number_id!(
    /// A Telegram account. Positive.
    TelegramUserId, "a Telegram user id (a positive number)", |n| n > 0
);

impl From<PrivateChatId> for TelegramChatId {
    fn from(chat: PrivateChatId) -> Self {
        Self(chat.0)
    }
}

impl From<PublicChatId> for TelegramChatId {
    fn from(chat: PublicChatId) -> Self {
        Self(chat.0)
    }
}

impl TelegramChatId {
    /// The same chat as one that is sold.
    #[must_use]
    pub fn as_private(self) -> PrivateChatId {
        PrivateChatId(self.0)
    }

    /// The same chat as one in which an offer is posted.
    #[must_use]
    pub fn as_public(self) -> PublicChatId {
        PublicChatId(self.0)
    }
}

/// A payment's id at the provider: 1 to 18 digits without a leading zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProviderPaymentId(i64);

impl ProviderPaymentId {
    /// Checks and wraps the number.
    ///
    /// # Errors
    /// Zero, negative, or more than 18 digits (nowpayments.md section 2.8).
    pub fn new(number: i64) -> Result<Self, IdError> {
        if (1..=999_999_999_999_999_999).contains(&number) {
            Ok(Self(number))
        } else {
            Err(IdError { wanted: "a payment id of 1 to 18 digits", text: number.to_string() })
        }
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for ProviderPaymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ProviderPaymentId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits = text.trim();
        let refuse =
            || IdError { wanted: "a payment id of 1 to 18 digits", text: text.chars().take(80).collect() };
        if digits.starts_with('0') || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refuse());
        }
        digits.parse().map_err(|_| refuse()).and_then(Self::new)
    }
}

impl TryFrom<String> for ProviderPaymentId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<ProviderPaymentId> for String {
    fn from(id: ProviderPaymentId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_refuses_another_kind() {
        let id = OrderId(Uuid::from_u128(7));
        assert_eq!(id.to_string().parse::<OrderId>(), Ok(id));
        assert!(id.to_string().parse::<ChannelId>().is_err());
        for bad in ["", "ord_", "ord_zz", "PGP-1|-1", "ord_00000000-0000-0000-0000-000000000007"] {
            assert!(bad.parse::<OrderId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn f51_chat_ids_are_64_bits_wide_and_keep_their_sign() {
        assert_eq!("-1003016667267".parse::<PublicChatId>().unwrap().get(), -1_003_016_667_267);
        assert!("1003016667267".parse::<PrivateChatId>().is_err());
        assert!("0".parse::<TelegramUserId>().is_err());
    }

    #[test]
    fn payment_ids_are_digits_only() {
        assert_eq!("4479119533".parse::<ProviderPaymentId>().unwrap().get(), 4_479_119_533);
        for bad in ["", "0", "01", "-1", "+1", "5745459419.0", "5.7e9", "1234567890123456789"] {
            assert!(bad.parse::<ProviderPaymentId>().is_err(), "{bad}");
        }
    }
}
