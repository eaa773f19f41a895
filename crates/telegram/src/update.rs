//! Updates, each decoded by itself: one that we cannot read must not take the others with it.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::ids::UpdateId;
use crate::model::{Callback, IncomingMessage, JoinRequest, MemberChange};

/// Something that happened, as the bot's queue holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// Its place in the queue; unique, so it can be the key that makes handling happen once.
    pub id: UpdateId,
    /// What happened.
    pub kind: UpdateKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum UpdateKind {
    /// Somebody wrote, or a group migrated.
    Message(IncomingMessage),
    /// A post in a channel where the bot is.
    ChannelPost(IncomingMessage),
    /// A button was pressed.
    Callback(Callback),
    /// The bot's own standing changed, or a person blocked or unblocked it.
    MyChatMember(MemberChange),
    /// Somebody else's standing changed.
    ChatMember(MemberChange),
    /// Somebody asks to join.
    JoinRequest(JoinRequest),
    /// A kind that we do not handle; it is counted, and confirmed like the others.
    Unknown {
        /// Telegram's name for it, such as `edited_message`.
        kind: String,
    },
    /// A kind that we handle, in a shape that we cannot read; it is counted, and confirmed like the others.
    Undecodable {
        /// Telegram's name for it.
        kind: String,
        /// What was wrong, without the content.
        reason: String,
    },
}

impl UpdateKind {
    /// Telegram's name for it, for metrics and logs.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Message(_) => "message",
            Self::ChannelPost(_) => "channel_post",
            Self::Callback(_) => "callback_query",
            Self::MyChatMember(_) => "my_chat_member",
            Self::ChatMember(_) => "chat_member",
            Self::JoinRequest(_) => "chat_join_request",
            Self::Unknown { kind } | Self::Undecodable { kind, .. } => kind,
        }
    }
}

/// Something that is not an update at all: no object, or without a usable `update_id`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an update: {reason}")]
pub struct NotAnUpdate {
    /// What was wrong, without the content.
    pub reason: String,
}

impl Update {
    /// Reads one update: the body that Telegram posts to a webhook, or an element of the answer to `getUpdates`.
    ///
    /// # Errors
    /// Only when there is no update id; anything else becomes [`UpdateKind::Unknown`] or [`UpdateKind::Undecodable`].
    pub fn decode(json: &[u8]) -> Result<Self, NotAnUpdate> {
        let not_an_update = |reason: String| NotAnUpdate { reason };
        let mut fields: BTreeMap<String, Box<RawValue>> =
            serde_json::from_slice(json).map_err(|error| not_an_update(error.to_string()))?;
        let id = fields.remove("update_id").ok_or_else(|| not_an_update("no update_id".to_owned()))?;
        let id = serde_json::from_str::<i64>(id.get()).map_err(|error| not_an_update(error.to_string()))?;
        Ok(Self { id: UpdateId(id), kind: UpdateKind::decode(fields) })
    }
}

impl UpdateKind {
    /// An update has at most one field besides its id; should a second one come, the one we know wins.
    fn decode(fields: BTreeMap<String, Box<RawValue>>) -> Self {
        let mut unknown = None;
        for (kind, value) in fields {
            let decoded = match kind.as_str() {
                "message" => read(&value, Self::Message),
                "channel_post" => read(&value, Self::ChannelPost),
                "callback_query" => read(&value, Self::Callback),
                "my_chat_member" => read(&value, Self::MyChatMember),
                "chat_member" => read(&value, Self::ChatMember),
                "chat_join_request" => read(&value, Self::JoinRequest),
                _ => {
                    unknown = Some(kind);
                    continue;
                }
            };
            return decoded.unwrap_or_else(|reason| Self::Undecodable { kind, reason });
        }
        Self::Unknown { kind: unknown.unwrap_or_default() }
    }
}

fn read<T: DeserializeOwned>(value: &RawValue, into: fn(T) -> UpdateKind) -> Result<UpdateKind, String> {
    serde_json::from_str(value.get()).map(into).map_err(|error| error.to_string())
}

/// What one poll brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// In the order in which it happened; unknown and undecodable ones are among them.
    pub updates: Vec<Update>,
    /// How many of `updates` are [`UpdateKind::Unknown`] or [`UpdateKind::Undecodable`].
    pub unread: usize,
    /// The offset that confirms all of them; absent when nothing came.
    pub next_offset: Option<UpdateId>,
}

impl Batch {
    pub(crate) fn of(elements: &[Box<RawValue>]) -> Self {
        // An element without an id cannot be confirmed by itself; the next id after it does.
        let updates: Vec<Update> =
            elements.iter().filter_map(|element| Update::decode(element.get().as_bytes()).ok()).collect();
        let unread = updates
            .iter()
            .filter(|update| {
                matches!(update.kind, UpdateKind::Unknown { .. } | UpdateKind::Undecodable { .. })
            })
            .count();
        let next_offset = updates.iter().map(|update| update.id.0 + 1).max().map(UpdateId);
        Self { unread: unread + (elements.len() - updates.len()), updates, next_offset }
    }
}

/// What the bot wants to be told. Telegram leaves `chat_member` out unless it is asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// `message`
    Message,
    /// `channel_post`
    ChannelPost,
    /// `callback_query`
    Callback,
    /// `my_chat_member`
    MyChatMember,
    /// `chat_member`
    ChatMember,
    /// `chat_join_request`
    JoinRequest,
}

impl Topic {
    /// Everything that Tollhouse handles.
    pub const WANTED: [Self; 5] =
        [Self::Message, Self::Callback, Self::MyChatMember, Self::ChatMember, Self::JoinRequest];

    pub(crate) fn to_wire(self) -> frankenstein::types::AllowedUpdate {
        use frankenstein::types::AllowedUpdate as Wire;
        match self {
            Self::Message => Wire::Message,
            Self::ChannelPost => Wire::ChannelPost,
            Self::Callback => Wire::CallbackQuery,
            Self::MyChatMember => Wire::MyChatMember,
            Self::ChatMember => Wire::ChatMember,
            Self::JoinRequest => Wire::ChatJoinRequest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(json: &str) -> Batch {
        Batch::of(&serde_json::from_str::<Vec<Box<RawValue>>>(json).unwrap())
    }

    #[test]
    fn an_unknown_kind_does_not_take_the_batch_with_it() {
        let batch = batch(
            r#"[{"update_id":10,"telepathy":{"thought":"hm"}},
                {"update_id":11,"message":{"message_id":1,"date":5,"chat":{"id":7,"type":"private"},"text":"hi"}},
                {"update_id":12,"message":{"no":"shape"}},
                {"what":"is this"}]"#,
        );
        assert_eq!(batch.updates.len(), 3);
        assert_eq!(batch.unread, 3);
        assert_eq!(batch.next_offset, Some(UpdateId(13)));
        assert_eq!(batch.updates[0].kind, UpdateKind::Unknown { kind: "telepathy".to_owned() });
        assert!(matches!(&batch.updates[1].kind, UpdateKind::Message(m) if m.text.as_deref() == Some("hi")));
        assert_eq!(batch.updates[2].kind.name(), "message");
        assert!(matches!(batch.updates[2].kind, UpdateKind::Undecodable { .. }));
    }

    #[test]
    fn an_empty_batch_confirms_nothing() {
        assert_eq!(batch("[]"), Batch::default());
    }

    #[test]
    fn a_webhook_body_that_is_no_update_is_refused() {
        for body in ["", "[]", "{}", r#"{"update_id":"x"}"#, r#"{"update_id":1"#] {
            assert!(Update::decode(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_button_on_a_message_that_is_too_old_is_still_read() {
        let json = r#"{"update_id":1,"callback_query":{"id":"9","from":{"id":7,"is_bot":false,"first_name":"A"},
            "chat_instance":"x","data":"plan:1","message":{"message_id":3,"date":0,"chat":{"id":7,"type":"private"}}}}"#;
        let UpdateKind::Callback(callback) = Update::decode(json.as_bytes()).unwrap().kind else {
            panic!("not a callback")
        };
        assert_eq!(callback.data.as_deref(), Some("plan:1"));
        assert_eq!(callback.message.unwrap().id.0, 3);
    }
}
