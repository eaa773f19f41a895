//! Who is inside a channel and who should be.

use jiff::Timestamp;
use serde::Serialize;
use tollhouse_core::id::{ChannelId, MembershipId, TelegramUserId};
use tollhouse_core::presence::{Presence, Standing};

/// What is known of who is inside, held against who has paid. Telegram lists the members of a chat to nobody: each line says since when
/// it is known, and what nobody told is counted as not known.
#[derive(Debug, Clone, Serialize)]
pub struct Census {
    /// Of which channel.
    pub channel_id: ChannelId,
    /// When it was taken.
    pub as_of: Timestamp,
    /// How many Telegram says are in the chat, the bot and administrators among them; `null` if it was not asked.
    pub members_in_chat: Option<u64>,
    /// How many of them we know by name, the bot among them.
    pub known_inside: u64,
    /// How many are inside of whom nobody has told us; `null` without Telegram's number.
    pub not_known_inside: Option<u64>,
    /// How many have paid and are inside.
    pub paid_inside: u64,
    /// Who has paid and is outside.
    pub paid_outside: Vec<Counted>,
    /// Who is inside without having paid, and is neither owner, administrator nor on the white list.
    pub inside_unpaid: Vec<Counted>,
    /// Who has paid and of whom Telegram has told nothing.
    pub unknown: Vec<Counted>,
    /// Who may be inside without paying.
    pub whitelisted: Vec<Counted>,
}

/// One person of a census.
#[derive(Debug, Clone, Serialize)]
pub struct Counted {
    /// Who.
    pub telegram_user: TelegramUserId,
    /// Their membership, if they have one.
    pub membership_id: Option<MembershipId>,
    /// How they stand to the chat; `null` if nobody told.
    pub standing: Option<Standing>,
    /// Since when that is known; `null` if nobody told.
    pub since: Option<Timestamp>,
}

/// A person on the white list.
#[derive(Debug, Clone, Serialize)]
pub struct Guest {
    /// In which channel.
    pub channel_id: ChannelId,
    /// Who.
    pub telegram_user: TelegramUserId,
    /// How they stand to the chat; `null` if nobody told.
    pub standing: Option<Standing>,
    /// Since when they are on the list.
    pub listed_at: Option<Timestamp>,
    /// By whom.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl From<&Presence> for Guest {
    fn from(presence: &Presence) -> Self {
        let listed = presence.listed.as_ref();
        Self {
            channel_id: presence.channel_id,
            telegram_user: presence.user,
            standing: presence.standing,
            listed_at: listed.map(|listed| listed.at),
            by: listed.map(|listed| listed.by.clone()),
            reason: listed.map(|listed| listed.reason.clone()),
        }
    }
}
