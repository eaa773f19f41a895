//! What the bot may do in a chat, as Telegram told it: by this a chat is offered to be set up, and its owner hears of a right that is gone.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::channel::Channel;
use crate::id::{TelegramChatId, TelegramUserId};

/// How long a job waits for a right of the bot before it tries again by itself, in minutes: what Telegram tells of rights may be lost
/// with an outage of ours longer than a day. It counts as no attempt.
pub const RIGHTS_WAIT_MINUTES: i64 = 30;
/// How long an owner is not told again of a right that still stops jobs, in hours.
pub const RIGHTS_TOLD_AGAIN_HOURS: i64 = 24;
/// How many waiting jobs are woken at once when a right is back; the next ones follow in the next step.
pub const HELD_JOBS_MAX: u32 = 256;
/// The last error of a job that waits for a right; an index finds it by these very words.
pub const HELD_ERROR: &str = "waits for a right of the bot in the chat";

/// A right of the bot in a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BotRight {
    /// To be an administrator at all.
    Administrator,
    /// To make invite links and decide on join requests.
    InviteUsers,
    /// To ban and to lift bans.
    RestrictMembers,
    /// To post in a channel.
    PostMessages,
    /// To delete messages of others.
    DeleteMessages,
}

impl BotRight {
    /// Every right that is watched.
    pub const ALL: [Self; 5] = [
        Self::Administrator,
        Self::InviteUsers,
        Self::RestrictMembers,
        Self::PostMessages,
        Self::DeleteMessages,
    ];
    /// What a chat that is sold needs.
    pub const GATE: [Self; 3] = [Self::Administrator, Self::InviteUsers, Self::RestrictMembers];

    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::InviteUsers => "invite_users",
            Self::RestrictMembers => "restrict_members",
            Self::PostMessages => "post_messages",
            Self::DeleteMessages => "delete_messages",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.as_str() == text)
    }
}

/// A chat in which the bot is, or was, an administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotChat {
    /// Which.
    pub chat: TelegramChatId,
    /// Its title, as Telegram says it.
    pub title: String,
    /// Whether it is a channel, and no group.
    pub is_channel: bool,
    /// Whether it has a public name: then anybody may read it.
    pub is_public: bool,
    /// What the bot may do there; nothing if it is no administrator.
    pub rights: BTreeSet<BotRight>,
    /// Who gave the rights last.
    pub set_by: Option<TelegramUserId>,
    /// When that was, by Telegram's time.
    pub since: Timestamp,
    /// When the owner was told last that rights are missing, if they are.
    pub told_at: Option<Timestamp>,
}

impl BotChat {
    /// Which of these rights the bot does not have. Without being an administrator it has none, and one word says that.
    #[must_use]
    pub fn missing(&self, wanted: &[BotRight]) -> Vec<BotRight> {
        if wanted.contains(&BotRight::Administrator) && !self.rights.contains(&BotRight::Administrator) {
            return vec![BotRight::Administrator];
        }
        wanted.iter().copied().filter(|right| !self.rights.contains(right)).collect()
    }
}

/// What a channel needs of the bot in this chat of its: to keep the gate of the one that is sold, and to post in the other.
#[must_use]
pub fn needed(channel: &Channel, chat: &BotChat) -> &'static [BotRight] {
    if TelegramChatId::from(channel.private_chat) == chat.chat {
        &BotRight::GATE
    } else if chat.is_channel {
        &[BotRight::Administrator, BotRight::PostMessages]
    } else {
        // Everybody may write in a group, as a rule.
        &[]
    }
}
