//! What Telegram tells us, reduced to what Tollhouse reads.
//!
//! Answers are read by these types and not by frankenstein's: those demand every field of the newest Bot API, so one that a
//! self-hosted or older server leaves out would lose a whole `chat_member` update, and one unknown entity a whole message.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::{ChatId, MessageId, UserId};
use crate::member::Member;

/// A person or a bot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The id, which is also that of the private chat with this person.
    pub id: UserId,
    /// Whether this is a bot.
    #[serde(default)]
    pub is_bot: bool,
    /// As the person wrote it: escape it before it goes into HTML (F66).
    #[serde(default)]
    pub first_name: String,
    /// The second name, if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Without the `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// IETF tag of the person's client, such as `en` or `pt-br`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_code: Option<String>,
}

/// What sort of chat it is; rules for buttons, rights and bans differ (F54).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatKind {
    /// The bot and one person.
    Private,
    /// A basic group, which may migrate to a supergroup with another id (F51).
    Group,
    /// A group with history, rights and bans.
    Supergroup,
    /// Posts to readers.
    Channel,
}

/// A chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    /// The id, negative unless the chat is private.
    pub id: ChatId,
    /// What sort of chat it is.
    #[serde(rename = "type")]
    pub kind: ChatKind,
    /// Absent in private chats; escape it before it goes into HTML (F66).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Public name without the `@`; a chat without one is private to its members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// An invite link.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct InviteLink {
    /// The link itself; whole only for the links of our own bot.
    #[serde(rename = "invite_link")]
    pub url: String,
    /// What administrators see beside it.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether opening it asks to join instead of joining (I11).
    #[serde(default)]
    pub creates_join_request: bool,
    /// Whether it is dead for good.
    #[serde(default)]
    pub is_revoked: bool,
    /// When it stops working by itself; absent = never.
    #[serde(default, rename = "expire_date", deserialize_with = "optional_unix_seconds")]
    pub expires_at: Option<Timestamp>,
    /// How many people may be inside through it at once.
    #[serde(default)]
    pub member_limit: Option<u32>,
    /// How many people wait for a decision.
    #[serde(default, rename = "pending_join_request_count")]
    pub pending_join_requests: u32,
}

/// Somebody asks to join through a link of ours.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct JoinRequest {
    /// Which chat.
    pub chat: Chat,
    /// Who asks.
    pub from: User,
    /// Where the bot may write to them for five minutes, even if they never started it.
    #[serde(rename = "user_chat_id")]
    pub private_chat: ChatId,
    /// When they asked.
    #[serde(rename = "date", deserialize_with = "unix_seconds")]
    pub at: Timestamp,
    /// Through which link.
    #[serde(default)]
    pub invite_link: Option<InviteLink>,
}

/// Somebody's standing in a chat changed: of another person (`chat_member`) or of the bot itself (`my_chat_member`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct MemberChange {
    /// Which chat; for `my_chat_member` a private chat means that the person blocked or unblocked the bot.
    pub chat: Chat,
    /// Who did it.
    #[serde(rename = "from")]
    pub actor: User,
    /// When.
    #[serde(rename = "date", deserialize_with = "unix_seconds")]
    pub at: Timestamp,
    /// Before.
    #[serde(rename = "old_chat_member")]
    pub before: Member,
    /// After; the person is `after.user`.
    #[serde(rename = "new_chat_member")]
    pub after: Member,
    /// The link they came through, if any.
    #[serde(default)]
    pub invite_link: Option<InviteLink>,
}

/// A message that somebody wrote, or a service message about a migration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct IncomingMessage {
    /// Its number in the chat.
    #[serde(rename = "message_id")]
    pub id: MessageId,
    /// Where.
    pub chat: Chat,
    /// Who wrote it; absent in channels.
    #[serde(default)]
    pub from: Option<User>,
    /// When.
    #[serde(rename = "date", deserialize_with = "unix_seconds")]
    pub at: Timestamp,
    /// The text; absent for pictures and service messages.
    #[serde(default)]
    pub text: Option<String>,
    /// Where a forwarded message was first, as Telegram says it; read it with [`IncomingMessage::forwarded_from`].
    #[serde(default)]
    pub forward_origin: Option<ForwardOrigin>,
    /// The group became this supergroup: use that id from now on (F51).
    #[serde(default, rename = "migrate_to_chat_id")]
    pub migrated_to: Option<ChatId>,
    /// This supergroup was that group (F51).
    #[serde(default, rename = "migrate_from_chat_id")]
    pub migrated_from: Option<ChatId>,
}

/// Where a forwarded message was first. Of the kinds of origin only that of a channel names a chat that one can ask about.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ForwardOrigin {
    /// The channel; absent for people and groups.
    #[serde(default)]
    pub chat: Option<Chat>,
}

impl IncomingMessage {
    /// The channel from which the message was forwarded.
    #[must_use]
    pub fn forwarded_from(&self) -> Option<&Chat> {
        self.forward_origin.as_ref()?.chat.as_ref().filter(|chat| chat.kind == ChatKind::Channel)
    }

    /// The command and what follows it, if the text is one: `/start p_ab` is `("start", "p_ab")`. A `@bot` suffix is dropped.
    #[must_use]
    pub fn command(&self) -> Option<(&str, &str)> {
        let text = self.text.as_deref()?.strip_prefix('/')?;
        let (head, tail) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let name = head.split_once('@').map_or(head, |(name, _bot)| name);
        (!name.is_empty()).then(|| (name, tail.trim()))
    }
}

/// A button was pressed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Callback {
    /// Answer it by this id, once, within seconds.
    pub id: String,
    /// Who pressed.
    pub from: User,
    /// The message with the button; absent when it is too old or inline.
    #[serde(default)]
    pub message: Option<MessageRef>,
    /// What the button carried.
    #[serde(default)]
    pub data: Option<String>,
}

/// Where a message is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct MessageRef {
    /// Its number in the chat.
    #[serde(rename = "message_id")]
    pub id: MessageId,
    /// The chat.
    pub chat: Chat,
}

fn unix_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let seconds = i64::deserialize(deserializer)?;
    Timestamp::from_second(seconds).map_err(serde::de::Error::custom)
}

/// Zero means "no date" in the Bot API, as absence does.
pub(crate) fn optional_unix_seconds<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    match Option::<i64>::deserialize(deserializer)? {
        None | Some(0) => Ok(None),
        Some(seconds) => Timestamp::from_second(seconds).map(Some).map_err(serde::de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> IncomingMessage {
        let json = serde_json::json!({"message_id": 1, "date": 0, "chat": {"id": 5, "type": "private"}, "text": text});
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn only_a_channel_is_an_origin() {
        let forwarded = |origin: serde_json::Value| -> Option<i64> {
            let json = serde_json::json!({
                "message_id": 1, "date": 0, "chat": {"id": 5, "type": "private"}, "forward_origin": origin,
            });
            let message: IncomingMessage = serde_json::from_value(json).unwrap();
            message.forwarded_from().map(|chat| chat.id.0)
        };
        let channel = serde_json::json!({"id": -1001, "type": "channel", "title": "News"});
        let origin = serde_json::json!({"type": "channel", "date": 0, "chat": channel, "message_id": 7});
        assert_eq!(forwarded(origin), Some(-1001));
        let person = serde_json::json!({"id": 7, "is_bot": false, "first_name": "A"});
        assert_eq!(forwarded(serde_json::json!({"type": "user", "date": 0, "sender_user": person})), None);
        assert_eq!(
            forwarded(serde_json::json!({"type": "hidden_user", "date": 0, "sender_user_name": "A"})),
            None
        );
    }

    #[test]
    fn a_command_is_split_from_what_follows_it() {
        assert_eq!(message("/start p_ab12").command(), Some(("start", "p_ab12")));
        assert_eq!(message("/mylink@toll_bot").command(), Some(("mylink", "")));
        assert_eq!(message("/start").command(), Some(("start", "")));
        assert_eq!(message("25 USD").command(), None);
        assert_eq!(message("/").command(), None);
    }
}
