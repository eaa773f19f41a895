//! Who is inside, as far as Telegram has told. Telegram never lists the members of a chat to a bot: what we know is what came as an
//! update or as the answer to a question about one person, each with its time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{ChannelId, PresenceId, TelegramUserId};

/// How somebody stands to a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Owns or administers it.
    Admin,
    /// Reads it.
    Inside,
    /// Does not; free to come.
    Outside,
    /// Was banned by a person. A ban of ours is no standing: it is lifted at once.
    Banned,
}

impl Standing {
    /// Every standing.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Inside, Self::Outside, Self::Banned];

    /// The word in JSON and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Inside => "inside",
            Self::Outside => "outside",
            Self::Banned => "banned",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.as_str() == text)
    }

    /// Whether this person reads the chat.
    #[must_use]
    pub fn is_inside(self) -> bool {
        matches!(self, Self::Admin | Self::Inside)
    }
}

/// What we know of one person in one channel. Unique by channel and user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// Identifies it.
    pub id: PresenceId,
    /// In which channel.
    pub channel_id: ChannelId,
    /// Who.
    pub user: TelegramUserId,
    /// How they stand to it; `None` if nobody has told yet.
    pub standing: Option<Standing>,
    /// Since when we know that.
    pub since: Timestamp,
    /// Whether they may be inside without paying, by somebody's word.
    pub listed: Option<Listed>,
}

/// Somebody's word that a person may be inside without paying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub by: String,
    /// Why.
    pub reason: String,
}
