//! What an `order_id` in a notification may say: one of ours, the predecessor's two formats, or something else.

use crate::id::{OrderId, PublicChatId, TelegramUserId};

/// Longest order reference that is kept, in characters. The provider documents no bound; ours have 36.
pub const ORDER_REF_LENGTH_MAX: usize = 255;

/// A reference that was understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderRef {
    /// An order of ours.
    Ours(OrderId),
    /// The predecessor's reference: who buys, and in which public channel the offer stood.
    Legacy {
        /// Who buys.
        user: TelegramUserId,
        /// The "open" channel; its sign is restored where the old format lost it (F05).
        public_chat: PublicChatId,
    },
}

impl OrderRef {
    /// Reads `ord_…`, `PGP-{user}|{channel}` and `PGP-{user}-{channel}`; `None` for everything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.starts_with(OrderId::PREFIX) {
            return text.parse().ok().map(Self::Ours);
        }
        let rest = text.strip_prefix("PGP-")?;
        let (user, channel) = match rest.split_once('|') {
            Some((user, channel)) => (user, channel.parse::<i64>().ok()?),
            None => {
                // The old format joined with '-', which ate the sign: `PGP-7-1001` meant channel -1001.
                let (user, channel) = rest.split_once('-')?;
                let digits = channel.strip_prefix('-').unwrap_or(channel);
                if !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return None;
                }
                (user, format!("-{digits}").parse::<i64>().ok()?)
            }
        };
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !plain(user) {
            return None;
        }
        Some(Self::Legacy { user: user.parse().ok()?, public_chat: PublicChatId::new(channel).ok()? })
    }

    /// Every way in which it may be written; the first is the one that we write. An order is kept under one of them, and found by all.
    #[must_use]
    pub fn spellings(self) -> Vec<String> {
        match self {
            Self::Ours(id) => vec![id.to_string()],
            Self::Legacy { user, public_chat } => {
                let chat = public_chat.get();
                vec![
                    format!("PGP-{user}|{chat}"),
                    format!("PGP-{user}-{}", chat.unsigned_abs()),
                    format!("PGP-{user}-{chat}"),
                ]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f05_both_legacy_formats_name_the_same_channel() {
        let want = OrderRef::Legacy {
            user: TelegramUserId::new(6_271_402_111).unwrap(),
            public_chat: PublicChatId::new(-1_003_016_667_267).unwrap(),
        };
        for text in
            ["PGP-6271402111|-1003016667267", "PGP-6271402111-1003016667267", "PGP-6271402111--1003016667267"]
        {
            assert_eq!(OrderRef::parse(text), Some(want), "{text}");
            assert!(want.spellings().iter().any(|spelling| spelling == text), "{text}");
        }
        assert!(want.spellings().iter().all(|spelling| OrderRef::parse(spelling) == Some(want)));
    }

    #[test]
    fn f24_s09_sentinels_and_garbage_are_no_reference() {
        for text in [
            "donation_default",
            "PGP-",
            "PGP-|",
            "PGP-7|",
            "PGP-x|-1",
            "PGP-7|1001",
            "PGP-0|-1",
            "PGP-+7|-1",
            "7|-1",
            "",
            "PGP-7|-1|2",
            "PGP-None|-1",
            "PGP-7|None",
            "PGP-7|0",
            "PGP-7|-99999999999999999999",
            "PGP-99999999999999999999|-1",
            "PGP-7|-1 OR 1=1",
        ] {
            assert_eq!(OrderRef::parse(text), None, "{text}");
        }
    }
}
