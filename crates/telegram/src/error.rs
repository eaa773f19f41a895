//! Telegram's refusals, sorted by what a caller can do about them.
//!
//! The Bot API has no error codes worth the name: the description tells errors apart. The texts below are those of the Bot API
//! server's own source (`Client.cpp`, and TDLib behind it) and of Telegram's servers, which answer in capitals.

use serde::Deserialize;

use crate::ids::ChatId;
use crate::member::Right;

/// How long to wait when Telegram says "too many requests" and not for how long.
pub const RETRY_AFTER_SECONDS_DEFAULT: u32 = 5;

/// Why a call did not do what it was asked. No variant ever holds the token or a URL with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Too many requests (429): ask again after this long; it does not count as an attempt.
    #[error("Telegram asks to wait {seconds} s")]
    RetryAfter {
        /// Seconds, as Telegram says.
        seconds: u32,
    },
    /// It may work the next time: a time-out, a broken connection, a 5xx.
    #[error("Telegram is out of reach for now: {cause}")]
    Transient {
        /// What went wrong.
        cause: Cause,
        /// Whether Telegram may have done it all the same. Only a refused connection excludes it.
        maybe_done: bool,
    },
    /// The person cannot be written to (F42): keep the message for the page or the next `/start`.
    #[error("the person cannot be written to: {0}")]
    Blocked(Blocked),
    /// The bot lacks something in the chat: tell the owner, and wait for the right to come back.
    #[error("the bot may not do this: {lack} ({description})")]
    NoRights {
        /// What is missing.
        lack: Lack,
        /// Telegram's own words.
        description: String,
    },
    /// It is not there.
    #[error("{0} not found")]
    NotFound(Missing),
    /// The group became a supergroup: use this id from now on (F51).
    #[error("the group is now the supergroup {to}")]
    Migrated {
        /// The new id.
        to: ChatId,
    },
    /// Nothing to do: what was asked for is so already.
    #[error("already so: {0}")]
    AlreadyDone(Done),
    /// The person owns or administers the chat, and is never removed.
    #[error("the person owns or administers the chat")]
    ProtectedMember,
    /// The person is in as many chats as Telegram allows, and can be let in when they have left one.
    #[error("the person is in as many groups and channels as Telegram allows")]
    TooManyChats,
    /// Somebody else reads the updates: another poller, or a webhook that is still set.
    #[error("the updates go elsewhere: {description}")]
    Conflict {
        /// Whether a webhook has to be deleted first; otherwise another process polls.
        webhook: bool,
        /// Telegram's own words.
        description: String,
    },
    /// The token, or the address of the Bot API, is wrong. Nothing will work until a person mends it.
    #[error("Telegram does not know this bot token, or the API address is wrong")]
    InvalidToken,
    /// It will never work in this form.
    #[error("Telegram refuses: {description}")]
    Permanent {
        /// Telegram's own words.
        description: String,
    },
}

/// Why Telegram was out of reach.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// No connection; nothing was sent.
    #[error("no connection: {0}")]
    Connect(String),
    /// The connection broke before the answer was whole.
    #[error("the connection broke: {0}")]
    Interrupted(String),
    /// A 5xx.
    #[error("status {0}")]
    Server(u16),
    /// The answer was no Bot API answer, or larger than we read.
    #[error("an answer that cannot be read: {0}")]
    Unreadable(String),
}

/// Why a person cannot be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Blocked {
    /// They blocked the bot.
    #[error("the bot is blocked")]
    ByUser,
    /// They never started the bot.
    #[error("the bot was never started")]
    NeverStarted,
    /// Their account is gone.
    #[error("the account is deactivated")]
    Deactivated,
}

/// What the bot lacks in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Lack {
    /// It is not a member.
    #[error("it is not a member of the chat")]
    NotMember,
    /// It was kicked out.
    #[error("it was removed from the chat")]
    Kicked,
    /// It lacks this right.
    #[error("it lacks the right {0:?}")]
    Right(Right),
}

/// What is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Missing {
    /// The chat.
    #[error("chat")]
    Chat,
    /// The person: this bot has never met them, which says nothing about whether they are in a chat.
    #[error("person known to this bot")]
    User,
    /// The person in this chat: Telegram knows them, and they are not inside.
    #[error("member")]
    Member,
    /// The message.
    #[error("message")]
    Message,
    /// The invite link.
    #[error("invite link")]
    Link,
    /// The button press: answered, or too old.
    #[error("callback")]
    Callback,
}

/// What is so already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Done {
    /// The person is inside.
    #[error("the person is a member")]
    Member,
    /// The join request was decided or withdrawn; ask `get_chat_member` if it matters which.
    #[error("there is no such join request any more")]
    NoJoinRequest,
    /// The message says exactly this.
    #[error("the message is the same")]
    SameMessage,
    /// There is no ban to lift: a basic group keeps none.
    #[error("the chat keeps no bans")]
    NoBan,
}

impl Error {
    /// A short name for metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::RetryAfter { .. } => "retry_after",
            Self::Transient { .. } => "transient",
            Self::Blocked(_) => "blocked",
            Self::NoRights { .. } => "no_rights",
            Self::NotFound(_) => "not_found",
            Self::Migrated { .. } => "migrated",
            Self::AlreadyDone(_) => "already_done",
            Self::ProtectedMember => "protected_member",
            Self::TooManyChats => "too_many_chats",
            Self::Conflict { .. } => "conflict",
            Self::InvalidToken => "invalid_token",
            Self::Permanent { .. } => "permanent",
        }
    }
}

/// A refusal as the Bot API writes it.
#[derive(Debug, Deserialize)]
pub(crate) struct Refusal {
    #[serde(default)]
    pub(crate) error_code: u16,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) parameters: Parameters,
}

/// frankenstein's own type holds `retry_after` in 16 bits; a flood wait can be longer than 18 hours.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Parameters {
    #[serde(default)]
    pub(crate) retry_after: Option<u32>,
    #[serde(default)]
    pub(crate) migrate_to_chat_id: Option<i64>,
}

/// What the call was about, as far as the refusal's meaning depends on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    /// The right that the method needs.
    pub(crate) right: Right,
    /// The chat that was addressed.
    pub(crate) chat: Option<ChatId>,
}

impl Refusal {
    pub(crate) fn sort(self, about: About) -> Error {
        let Self { error_code, description, parameters } = self;
        if let Some(to) = parameters.migrate_to_chat_id {
            return Error::Migrated { to: ChatId(to) };
        }
        match error_code {
            429 => Error::RetryAfter { seconds: retry_after(parameters.retry_after, &description) },
            500.. => Error::Transient { cause: Cause::Server(error_code), maybe_done: true },
            409 => Error::Conflict { webhook: description.contains("webhook"), description },
            401 => Error::InvalidToken,
            404 if !description.to_lowercase().contains("method") => Error::InvalidToken,
            _ => by_description(error_code, description, about),
        }
    }
}

fn retry_after(parameter: Option<u32>, description: &str) -> u32 {
    let from_text = || description.rsplit(' ').next().and_then(|last| last.parse().ok());
    parameter.or_else(from_text).unwrap_or(RETRY_AFTER_SECONDS_DEFAULT)
}

/// First match wins; all in lower case, found anywhere in the description.
const MEANINGS: &[(&str, Meaning)] = &[
    ("bot was blocked by the user", Meaning::Blocked(Blocked::ByUser)),
    ("user_is_blocked", Meaning::Blocked(Blocked::ByUser)),
    ("user is deactivated", Meaning::Blocked(Blocked::Deactivated)),
    ("input_user_deactivated", Meaning::Blocked(Blocked::Deactivated)),
    ("can't initiate conversation", Meaning::Blocked(Blocked::NeverStarted)),
    ("bot was kicked from", Meaning::Lack(Lack::Kicked)),
    ("bot is not a member of", Meaning::Lack(Lack::NotMember)),
    ("channel_private", Meaning::Lack(Lack::NotMember)),
    ("group chat was deleted", Meaning::NotFound(Missing::Chat)),
    ("chat not found", Meaning::ChatNotFound),
    ("peer_id_invalid", Meaning::ChatNotFound),
    ("channel_invalid", Meaning::ChatNotFound),
    // The only one that says where somebody is: of a basic group's member. Of a channel's TDLib makes `left` of it.
    ("user_not_participant", Meaning::NotFound(Missing::Member)),
    // To a bot who never met somebody they have no number, inside or not: <https://github.com/tdlib/telegram-bot-api/issues/332>.
    ("participant_id_invalid", Meaning::NotFound(Missing::User)),
    ("user_id_invalid", Meaning::NotFound(Missing::User)),
    ("invalid user_id specified", Meaning::NotFound(Missing::User)),
    ("user not found", Meaning::NotFound(Missing::User)),
    ("member not found", Meaning::NotFound(Missing::User)),
    ("message to edit not found", Meaning::NotFound(Missing::Message)),
    ("message to delete not found", Meaning::NotFound(Missing::Message)),
    ("message can't be edited", Meaning::NotFound(Missing::Message)),
    ("message not found", Meaning::NotFound(Missing::Message)),
    ("message_id_invalid", Meaning::NotFound(Missing::Message)),
    ("invite_hash_expired", Meaning::NotFound(Missing::Link)),
    ("invite_hash_invalid", Meaning::NotFound(Missing::Link)),
    ("query is too old", Meaning::NotFound(Missing::Callback)),
    ("user_already_participant", Meaning::Done(Done::Member)),
    ("hide_requester_missing", Meaning::Done(Done::NoJoinRequest)),
    // <https://core.telegram.org/method/messages.hideChatJoinRequest>: of whom is to be let in, under two names.
    ("channels_too_much", Meaning::TooManyChats),
    // What `unbanChatMember` says of a basic group.
    ("available for supergroup and channel chats only", Meaning::Done(Done::NoBan)),
    ("message is not modified", Meaning::Done(Done::SameMessage)),
    ("message_not_modified", Meaning::Done(Done::SameMessage)),
    ("user is an administrator of the chat", Meaning::Protected),
    ("user_admin_invalid", Meaning::Protected),
    ("can't remove chat owner", Meaning::Protected),
    ("not enough rights", Meaning::LacksRight),
    ("need administrator rights", Meaning::LacksRight),
    ("have no rights", Meaning::LacksRight),
    ("have no write access", Meaning::LacksRight),
    ("chat_write_forbidden", Meaning::LacksRight),
    ("chat_send_plain_forbidden", Meaning::LacksRight),
    ("right_forbidden", Meaning::LacksRight),
    ("message can't be deleted", Meaning::LacksRight),
    ("chat_admin_required", Meaning::LacksRight),
    ("member list is inaccessible", Meaning::NotAdministrator),
];

#[derive(Clone, Copy)]
enum Meaning {
    Blocked(Blocked),
    Lack(Lack),
    LacksRight,
    NotAdministrator,
    NotFound(Missing),
    ChatNotFound,
    Done(Done),
    Protected,
    TooManyChats,
}

fn by_description(error_code: u16, description: String, about: About) -> Error {
    let lower = description.to_lowercase();
    let meaning = MEANINGS.iter().find(|(text, _)| lower.contains(text)).map(|(_, meaning)| *meaning);
    match meaning {
        Some(Meaning::Blocked(why)) => Error::Blocked(why),
        Some(Meaning::Lack(lack)) => Error::NoRights { lack, description },
        Some(Meaning::LacksRight) => Error::NoRights { lack: Lack::Right(about.right), description },
        Some(Meaning::NotAdministrator) => {
            Error::NoRights { lack: Lack::Right(Right::Administrator), description }
        }
        Some(Meaning::NotFound(missing)) => Error::NotFound(missing),
        // A person whom the bot never met has no chat with it yet.
        Some(Meaning::ChatNotFound) if about.chat.is_some_and(ChatId::is_private) => {
            Error::Blocked(Blocked::NeverStarted)
        }
        Some(Meaning::ChatNotFound) => Error::NotFound(Missing::Chat),
        Some(Meaning::Done(done)) => Error::AlreadyDone(done),
        Some(Meaning::Protected) => Error::ProtectedMember,
        Some(Meaning::TooManyChats) => Error::TooManyChats,
        // Telegram has more reasons to forbid than the table knows; all of them are for the owner to mend.
        None if error_code == 403 && !about.chat.is_some_and(ChatId::is_private) => {
            Error::NoRights { lack: Lack::Right(about.right), description }
        }
        None => Error::Permanent { description },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANNEL: ChatId = ChatId(-1_001_234_567_890);

    fn sorted(chat: ChatId, json: &str) -> Error {
        let refusal: Refusal = serde_json::from_str(json).unwrap();
        refusal.sort(About { right: Right::InviteUsers, chat: Some(chat) })
    }

    fn described(chat: ChatId, error_code: u16, description: &str) -> Error {
        sorted(chat, &serde_json::json!({"error_code": error_code, "description": description}).to_string())
    }

    #[test]
    fn a_chat_that_is_not_found_means_never_started_for_a_person() {
        let text = "Bad Request: chat not found";
        assert_eq!(described(ChatId(5), 400, text), Error::Blocked(Blocked::NeverStarted));
        assert_eq!(described(CHANNEL, 400, text), Error::NotFound(Missing::Chat));
    }

    #[test]
    fn f44_who_is_unknown_to_the_bot_is_not_taken_for_outside() {
        let outside = described(CHANNEL, 400, "Bad Request: USER_NOT_PARTICIPANT");
        assert_eq!(outside, Error::NotFound(Missing::Member));
        for text in [
            "user not found",
            "member not found",
            "invalid user_id specified",
            "USER_ID_INVALID",
            "PARTICIPANT_ID_INVALID",
        ] {
            let unknown = described(CHANNEL, 400, &format!("Bad Request: {text}"));
            assert_eq!(unknown, Error::NotFound(Missing::User), "{text}");
        }
    }

    #[test]
    fn retry_after_survives_a_missing_parameter_and_a_long_wait() {
        let with = r#"{"error_code":429,"description":"Too Many Requests: retry after 9","parameters":{"retry_after":86400}}"#;
        assert_eq!(sorted(CHANNEL, with), Error::RetryAfter { seconds: 86_400 });
        let from_text = described(CHANNEL, 429, "Too Many Requests: retry after 9");
        assert_eq!(from_text, Error::RetryAfter { seconds: 9 });
        let nothing = described(CHANNEL, 429, "Too Many Requests");
        assert_eq!(nothing, Error::RetryAfter { seconds: RETRY_AFTER_SECONDS_DEFAULT });
    }

    #[test]
    fn f51_a_migration_tells_the_new_id() {
        let json = r#"{"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat",
            "parameters":{"migrate_to_chat_id":-1009999999999}}"#;
        assert_eq!(sorted(ChatId(-5), json), Error::Migrated { to: ChatId(-1_009_999_999_999) });
    }

    #[test]
    fn a_missing_right_is_named_by_the_call_that_needed_it() {
        let text = "Bad Request: not enough rights to manage chat invite link";
        let lack = Lack::Right(Right::InviteUsers);
        let expected = Error::NoRights { lack, description: text.to_owned() };
        assert_eq!(described(CHANNEL, 400, text), expected);
    }

    #[test]
    fn an_unknown_403_in_a_chat_is_for_its_owner_to_mend() {
        let error = described(CHANNEL, 403, "Forbidden: something new");
        assert!(matches!(error, Error::NoRights { lack: Lack::Right(Right::InviteUsers), .. }));
        assert!(matches!(described(ChatId(5), 403, "Forbidden: something new"), Error::Permanent { .. }));
    }

    #[test]
    fn an_unknown_method_is_not_a_wrong_token() {
        assert!(matches!(described(CHANNEL, 404, "Not Found: method not found"), Error::Permanent { .. }));
        assert_eq!(described(CHANNEL, 404, "Not Found"), Error::InvalidToken);
        assert_eq!(described(CHANNEL, 401, "Unauthorized"), Error::InvalidToken);
    }
}
