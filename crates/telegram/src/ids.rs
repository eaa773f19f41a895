//! Identifiers of Telegram, 64 bits wide and with their sign (F05, F51).

use std::fmt;

use serde::{Deserialize, Serialize};

/// The greatest id of a supergroup or channel: Telegram marks them with the prefix `-100`.
const SUPERGROUP_ID_MAX: i64 = -1_000_000_000_000;

/// A chat as the Bot API numbers it: positive for a private chat, negative for groups and channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChatId(pub i64);

impl ChatId {
    /// Whether this is the chat between the bot and one person, whose id it then shares.
    #[must_use]
    pub fn is_private(self) -> bool {
        self.0 > 0
    }

    /// Whether this is a supergroup or a channel, and not a basic group that may still migrate (F51).
    #[must_use]
    pub fn is_supergroup_or_channel(self) -> bool {
        self.0 < SUPERGROUP_ID_MAX
    }
}

/// A person or a bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(pub i64);

impl UserId {
    /// The private chat with this person: Telegram gives both the same number.
    #[must_use]
    pub fn private_chat(self) -> ChatId {
        ChatId(self.0)
    }
}

/// A message within its chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub i64);

/// An update in the bot's queue. The next poll's offset is the last id plus one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UpdateId(pub i64);

macro_rules! display_as_number {
    ($($name:ident),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}
display_as_number!(ChatId, UserId, MessageId, UpdateId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_id_tells_its_kind() {
        assert!(ChatId(6_271_402_111).is_private());
        assert!(ChatId(-1_003_016_667_267).is_supergroup_or_channel());
        assert!(!ChatId(-4_012_345).is_supergroup_or_channel());
        assert!(!ChatId(-4_012_345).is_private());
        assert_eq!(UserId(7).private_chat(), ChatId(7));
    }

    #[test]
    fn f51_ids_are_sixty_four_bits_wide() {
        let wide = ChatId(-1_009_999_999_999_999);
        assert_eq!(wide.to_string(), "-1009999999999999");
        assert_eq!(serde_json::from_str::<ChatId>("-1009999999999999").unwrap(), wide);
    }
}
