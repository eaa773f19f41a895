//! People, rooms, links, messages: what the simulated Telegram is made of.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{ChatId, MessageId, UserId};
use crate::member::{MemberStatus, Right};
use crate::model::{Chat, ChatKind, User};

/// Somebody, and their private chat with the bot.
#[derive(Clone, Debug, Serialize)]
pub struct Person {
    /// Who.
    pub user: User,
    /// Whether the bot has met them: they wrote or pressed, or it was told of them. Of others it is told nothing by any call.
    pub met: bool,
    /// Whether they ever pressed Start; only then may the bot write first.
    pub started: bool,
    /// Whether they blocked the bot.
    pub blocked: bool,
    /// Whether their account is gone.
    pub deactivated: bool,
    /// The private chat, oldest first, deleted messages left out.
    pub posts: Vec<Post>,
    pub(super) next_message: i64,
}

/// A group, supergroup or channel.
#[derive(Clone, Debug, Serialize)]
pub struct Room {
    /// What it is.
    pub chat: Chat,
    /// Everybody whom it ever knew, those outside too.
    pub standings: BTreeMap<UserId, Standing>,
    /// Links, oldest first.
    pub links: Vec<JoinLink>,
    /// Who waits for a decision.
    pub requests: BTreeMap<UserId, PendingRequest>,
    /// What was written, oldest first, deleted messages left out.
    pub posts: Vec<Post>,
    /// How people last came in, went, or were turned away.
    pub passages: BTreeMap<UserId, Passage>,
    /// The supergroup that this group became.
    pub migrated_to: Option<ChatId>,
    pub(super) next_message: i64,
}

/// How somebody stands to a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// In which role.
    pub status: MemberStatus,
    /// The link they came through.
    pub through: Option<String>,
}

/// An invite link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JoinLink {
    /// The link.
    pub url: String,
    /// Who made it; the bot sees only its own links whole.
    pub creator: UserId,
    /// Its name for administrators.
    pub name: Option<String>,
    /// Whether it asks instead of joining.
    pub creates_join_request: bool,
    /// When it stops.
    pub expires_at: Option<Timestamp>,
    /// How many may be inside through it.
    pub member_limit: Option<u32>,
    /// Whether it was revoked.
    pub is_revoked: bool,
}

/// Somebody waits to be let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PendingRequest {
    /// Through which link.
    pub link: String,
    /// Since when.
    pub at: Timestamp,
}

/// What last happened between somebody and a room's door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Passage {
    /// When.
    pub at: Timestamp,
    /// What.
    pub turn: Turn,
}

/// Which way somebody went, or did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// They came in, by a link, a decision, or somebody's hand.
    CameIn,
    /// An administrator turned their request away.
    Declined,
    /// They went by themselves.
    Left,
    /// Somebody showed them out.
    Removed,
}

/// Who wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The bot.
    Bot,
    /// A person.
    User(UserId),
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Post {
    /// Its number in its chat.
    pub id: MessageId,
    /// Who wrote it.
    pub author: Author,
    /// When.
    pub at: Timestamp,
    /// When it was last changed.
    pub edited_at: Option<Timestamp>,
    /// As a reader sees it, without markup.
    pub text: String,
    /// As it was sent.
    pub source: String,
    /// Whether `source` is HTML, and not text.
    pub is_html: bool,
    /// The channel's post that was forwarded, with which number it has there and since when.
    pub forwarded: Option<Forwarded>,
    /// Its buttons, row by row.
    pub buttons: Vec<Vec<PostButton>>,
}

/// Where a forwarded message was first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Forwarded {
    /// The channel.
    pub chat: ChatId,
    /// Its number there.
    pub message: MessageId,
    /// When it was posted there.
    pub at: Timestamp,
}

/// A button.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostButton {
    /// What it says.
    pub text: String,
    /// The page that it opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What it sends to the bot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_data: Option<String>,
    /// The web app that it opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_app: Option<serde_json::Value>,
}

/// A button that was pressed.
#[derive(Clone, Debug)]
pub(super) struct Press {
    pub(super) user: UserId,
    pub(super) chat: ChatId,
    pub(super) message: MessageId,
    pub(super) data: String,
    pub(super) at: Timestamp,
    pub(super) answer: Option<PressAnswer>,
    /// Whether they closed what the answer showed.
    pub(super) dismissed: bool,
}

/// What the bot said to a press.
#[derive(Clone, Debug)]
pub(super) struct PressAnswer {
    pub(super) text: Option<String>,
    /// Whether it is shown until it is closed, and not only for a moment.
    pub(super) is_alert: bool,
    /// What opens.
    pub(super) url: Option<String>,
}

/// Commands that the bot named, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CommandSet {
    pub(super) scope: CommandScope,
    /// Empty is everybody's.
    pub(super) language_code: String,
    pub(super) commands: Vec<BotCommand>,
}

/// One command, as `setMyCommands` names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotCommand {
    /// Without the slash.
    pub command: String,
    /// What it does.
    pub description: String,
}

/// For whom commands are: <https://core.telegram.org/bots/api#botcommandscope>.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum CommandScope {
    #[default]
    Default,
    AllPrivateChats,
    AllGroupChats,
    AllChatAdministrators,
    Chat {
        chat_id: ChatId,
    },
    ChatAdministrators {
        chat_id: ChatId,
    },
    ChatMember {
        chat_id: ChatId,
        user_id: UserId,
    },
}

impl CommandScope {
    /// The narrower one wins: <https://core.telegram.org/bots/api#determining-list-of-commands>.
    pub(super) fn narrowness(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::AllPrivateChats | Self::AllGroupChats => 1,
            Self::AllChatAdministrators => 2,
            Self::Chat { .. } => 3,
            Self::ChatAdministrators { .. } => 4,
            Self::ChatMember { .. } => 5,
        }
    }
}

/// A call of the bot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// Counts from 1.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Telegram's name of the method.
    pub method: String,
    /// What came with it; never the token.
    pub params: BTreeMap<String, String>,
    /// How it ended.
    pub outcome: CallOutcome,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// Done, and answered.
    Done,
    /// Refused.
    Refused {
        /// The status.
        code: u16,
        /// The reason.
        description: String,
    },
    /// Broken by a [`super::Fault`] that hid the answer.
    Hidden {
        /// Whether it was done all the same.
        done: bool,
    },
}

/// A person to be made.
#[derive(Clone, Debug, Deserialize)]
pub struct NewUser {
    /// Their id.
    pub id: UserId,
    /// Their name.
    pub first_name: String,
    /// `en`, `ru`, `es`, …
    #[serde(default)]
    pub language_code: Option<String>,
    /// Without the `@`.
    #[serde(default)]
    pub username: Option<String>,
    /// Whether it is another bot, to whom no bot can write.
    #[serde(default)]
    pub is_bot: bool,
}

impl NewUser {
    /// With a name and nothing else.
    #[must_use]
    pub fn new(id: i64, first_name: &str) -> Self {
        Self {
            id: UserId(id),
            first_name: first_name.to_owned(),
            language_code: None,
            username: None,
            is_bot: false,
        }
    }

    /// Another bot, as an owner has helpers in their chat.
    #[must_use]
    pub fn bot(id: i64, first_name: &str) -> Self {
        Self { is_bot: true, ..Self::new(id, first_name) }
    }
}

/// A room to be made.
#[derive(Clone, Debug, Deserialize)]
pub struct NewChat {
    /// Its id, with its sign.
    pub id: ChatId,
    /// What sort of room.
    pub kind: ChatKind,
    /// Its title.
    pub title: String,
    /// Its public name, if it has one.
    #[serde(default)]
    pub username: Option<String>,
    /// Who owns it; must exist.
    pub owner: UserId,
}

impl NewChat {
    /// A private channel.
    #[must_use]
    pub fn channel(id: i64, title: &str, owner: UserId) -> Self {
        Self { id: ChatId(id), kind: ChatKind::Channel, title: title.to_owned(), username: None, owner }
    }
}

impl Room {
    /// How somebody stands to it; `Left` if it never knew them.
    #[must_use]
    pub fn status(&self, user: UserId) -> MemberStatus {
        self.standings.get(&user).map_or(MemberStatus::Left, |standing| standing.status)
    }

    /// Whether somebody holds a right in it.
    #[must_use]
    pub fn can(&self, user: UserId, right: Right) -> bool {
        self.status(user).can(right)
    }

    /// A link, dead or alive.
    #[must_use]
    pub fn link(&self, url: &str) -> Option<&JoinLink> {
        self.links.iter().find(|link| link.url == url)
    }

    pub(super) fn set_status(&mut self, user: UserId, status: MemberStatus, through: Option<String>) {
        self.standings.insert(user, Standing { status, through });
    }

    pub(super) fn pending(&self, url: &str) -> usize {
        self.requests.values().filter(|request| request.link == url).count()
    }

    pub(super) fn inside_through(&self, url: &str) -> usize {
        let through =
            |standing: &&Standing| standing.through.as_deref() == Some(url) && standing.status.is_inside();
        self.standings.values().filter(through).count()
    }
}
