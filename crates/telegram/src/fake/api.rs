//! The Bot API's methods over the state. Pure: time comes in, an answer or a refusal goes out.

mod chats;
mod links;
mod messages;
mod setup;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::entities::Room;
use super::texts::ApiError;
use super::world::World;
use crate::ids::{ChatId, UserId};
use crate::member::MemberStatus;
use crate::model::ChatKind;

/// What came with a call, each value as text: the Bot API reads JSON, forms and query strings alike.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(pub(super) BTreeMap<String, String>);

/// The methods that the simulation knows, under their documented names. `getUpdates` waits, and is in [`super::poll`].
const METHODS: &[(&str, Handler)] = &[
    ("getMe", setup::get_me),
    ("setWebhook", setup::set_webhook),
    ("deleteWebhook", setup::delete_webhook),
    ("getWebhookInfo", setup::get_webhook_info),
    ("setMyCommands", setup::set_my_commands),
    ("getMyCommands", setup::get_my_commands),
    ("deleteMyCommands", setup::delete_my_commands),
    ("sendChatAction", messages::send_chat_action),
    ("sendMessage", messages::send_message),
    ("editMessageText", messages::edit_message_text),
    ("editMessageReplyMarkup", messages::edit_message_reply_markup),
    ("deleteMessage", messages::delete_message),
    ("answerCallbackQuery", messages::answer_callback_query),
    ("createChatInviteLink", links::create),
    ("revokeChatInviteLink", links::revoke),
    ("approveChatJoinRequest", links::approve),
    ("declineChatJoinRequest", links::decline),
    ("banChatMember", chats::ban),
    ("unbanChatMember", chats::unban),
    ("leaveChat", chats::leave),
    ("getChat", chats::get_chat),
    ("getChatMember", chats::get_chat_member),
    ("getChatMemberCount", chats::get_chat_member_count),
    ("getChatAdministrators", chats::get_chat_administrators),
];

/// Every method's documented name.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    METHODS.iter().map(|(name, _)| *name)
}

/// `getUpdates` under its documented name.
pub(super) const GET_UPDATES: &str = "getUpdates";

pub(super) type Handler = fn(&mut World, Timestamp, &Params) -> Result<Value, ApiError>;

/// A method by its name in any case, as the Bot API takes it.
pub(super) fn find(name: &str) -> Option<(&'static str, Handler)> {
    METHODS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).copied()
}

impl Params {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.text(name).and_then(|text| text.trim().parse().ok())
    }

    /// A positive number; zero means none, as the Bot API reads it.
    pub(super) fn positive(&self, name: &str) -> Option<i64> {
        self.integer(name).filter(|number| *number > 0)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.text(name)
            .is_some_and(|text| matches!(text.trim().to_lowercase().as_str(), "true" | "yes" | "1"))
    }

    pub(super) fn json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, ApiError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let refuse =
            |_| ApiError::bad_request(&format!("can't parse {}: invalid JSON", name.replace('_', " ")));
        serde_json::from_str(text).map(Some).map_err(refuse)
    }

    pub(super) fn user_id(&self) -> Result<UserId, ApiError> {
        self.positive("user_id").map(UserId).ok_or_else(|| ApiError::bad_request("invalid user_id specified"))
    }
}

/// A chat that a call addresses, after the checks that every method makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Person(UserId),
    Room(ChatId),
}

impl World {
    /// Resolves `chat_id` (a number or `@name`) and checks that the bot may act there.
    fn target(&self, params: &Params) -> Result<Target, ApiError> {
        let text = params.text("chat_id").ok_or_else(|| ApiError::bad_request("chat_id is empty"))?;
        let not_found = || ApiError::bad_request("chat not found");
        let id = match text.strip_prefix('@') {
            Some(name) => self.by_username(name).ok_or_else(not_found)?,
            None => ChatId(text.trim().parse().map_err(|_| not_found())?),
        };
        if let Some(room) = self.rooms.get(&id) {
            return self.check_inside(room).map(|()| Target::Room(id));
        }
        let user = UserId(id.0);
        if self.people.contains_key(&user) { Ok(Target::Person(user)) } else { Err(not_found()) }
    }

    pub(super) fn by_username(&self, name: &str) -> Option<ChatId> {
        let named =
            |room: &&Room| room.chat.username.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name));
        self.rooms.values().find(named).map(|room| room.chat.id)
    }

    fn check_inside(&self, room: &Room) -> Result<(), ApiError> {
        if let Some(to) = room.migrated_to {
            return Err(ApiError::migrated(to));
        }
        match room.status(self.bot.id) {
            MemberStatus::Kicked { .. } => Err(ApiError::kicked(room.chat.kind)),
            status if status.is_inside() => Ok(()),
            _ if room.standings.contains_key(&self.bot.id) => Err(ApiError::not_a_member(room.chat.kind)),
            // A private chat that the bot never was in does not exist for it; a public one it can only look at.
            _ if room.chat.username.is_some() => Err(ApiError::not_a_member(room.chat.kind)),
            _ => Err(ApiError::bad_request("chat not found")),
        }
    }

    /// The room of a call that makes sense only in rooms.
    fn target_room(&self, params: &Params, in_private: &str) -> Result<ChatId, ApiError> {
        match self.target(params)? {
            Target::Room(chat) => Ok(chat),
            Target::Person(_) => Err(ApiError::bad_request(in_private)),
        }
    }

    fn kind(&self, chat: ChatId) -> ChatKind {
        self.rooms.get(&chat).map_or(ChatKind::Private, |room| room.chat.kind)
    }
}

impl Target {
    fn chat(self) -> ChatId {
        match self {
            Self::Person(user) => user.private_chat(),
            Self::Room(chat) => chat,
        }
    }
}

/// A wire type as the answer's `result`.
fn to_result(value: &impl serde::Serialize) -> Result<Value, ApiError> {
    serde_json::to_value(value).map_err(|error| ApiError::new(500, format!("Internal Server Error: {error}")))
}
