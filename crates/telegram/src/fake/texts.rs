//! The Bot API's refusals, word for word.
//!
//! Sources: `telegram-bot-api/Client.cpp` (checks of access, normal forms of errors), TDLib's invite link, participant and message
//! managers, and Telegram's servers, whose capitals the Bot API passes on.

use serde_json::{Value, json};

use crate::ids::ChatId;
use crate::model::ChatKind;

/// A refusal on its way to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) code: u16,
    pub(super) description: String,
    pub(super) parameters: Option<Value>,
}

impl ApiError {
    pub(super) fn new(code: u16, description: impl Into<String>) -> Self {
        Self { code, description: description.into(), parameters: None }
    }

    pub(super) fn bad_request(text: &str) -> Self {
        Self::new(400, format!("Bad Request: {text}"))
    }

    pub(super) fn forbidden(text: &str) -> Self {
        Self::new(403, format!("Forbidden: {text}"))
    }

    pub(super) fn too_many_requests(seconds: u32) -> Self {
        Self {
            code: 429,
            description: format!("Too Many Requests: retry after {seconds}"),
            parameters: Some(json!({ "retry_after": seconds })),
        }
    }

    pub(super) fn migrated(to: ChatId) -> Self {
        Self {
            parameters: Some(json!({ "migrate_to_chat_id": to })),
            ..Self::bad_request("group chat was upgraded to a supergroup chat")
        }
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized")
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "Not Found")
    }

    pub(super) fn method_not_found() -> Self {
        Self::new(404, "Not Found: method not found")
    }

    pub(super) fn not_a_member(kind: ChatKind) -> Self {
        Self::forbidden(&format!("bot is not a member of the {} chat", kind_name(kind)))
    }

    pub(super) fn kicked(kind: ChatKind) -> Self {
        Self::forbidden(&format!("bot was kicked from the {} chat", kind_name(kind)))
    }

    pub(super) fn to_json(&self) -> Value {
        let mut body = json!({ "ok": false, "error_code": self.code, "description": self.description });
        if let Some(parameters) = &self.parameters {
            body["parameters"] = parameters.clone();
        }
        body
    }
}

pub(super) fn kind_name(kind: ChatKind) -> &'static str {
    match kind {
        ChatKind::Private => "private",
        ChatKind::Group => "group",
        ChatKind::Supergroup => "supergroup",
        ChatKind::Channel => "channel",
    }
}

pub(super) const NOT_MODIFIED: &str = "message is not modified: specified new message content and reply markup are exactly the \
     same as a current content and reply markup of the message";
pub(super) const OTHER_POLLER: &str =
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
pub(super) const WEBHOOK_ACTIVE: &str = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
pub(super) const NO_LINK_RIGHTS: &str = "not enough rights to manage chat invite link";
pub(super) const NO_REQUEST_RIGHTS: &str = "not enough rights to manage chat join requests";
pub(super) const NO_BAN_RIGHTS: &str = "not enough rights to restrict/unrestrict chat member";
pub(super) const LIMIT_WITH_REQUEST: &str =
    "member limit can't be specified for links requiring administrator approval";
pub(super) const OLD_QUERY: &str = "query is too old and response timeout expired or query ID is invalid";
