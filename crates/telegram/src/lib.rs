//! The Telegram calls that Tollhouse makes, in its own terms.
//!
//! [`Gateway`] is the only way out: it sends, sorts refusals by what a caller can do ([`Error`]), and never shows the token.
//! [`Update`] is what comes in, from polling or a webhook. With the feature `fake` there is [`fake::FakeTelegram`], a whole
//! simulated Telegram behind the Bot API's own JSON.
//!
//! **Invariant:** frankenstein's and reqwest's types stay inside; nothing else in the workspace needs to know them.

#[cfg(feature = "fake")]
pub mod fake;

mod error;
mod gateway;
mod html;
mod ids;
mod keyboard;
mod member;
mod model;
mod update;

pub use error::{Blocked, Cause, Done, Error, Lack, Missing, RETRY_AFTER_SECONDS_DEFAULT};
pub use gateway::{
    ANSWER_BYTES_MAX, API_URL_DEFAULT, CALL_TIMEOUT, CONNECT_TIMEOUT, Gateway, GatewayConfig, Limits, Me,
    Method, Observe, POLL_MARGIN, POLL_WAIT_SECONDS_MAX, Rate, SetupError, Unobserved, WebhookInfo,
};
pub use html::{Html, MESSAGE_CHARS_MAX, escape};
pub use ids::{ChatId, MessageId, UpdateId, UserId};
pub use keyboard::{Action, Button, CALLBACK_DATA_BYTES_MAX, Keyboard, can_be_opened};
pub use member::{AdminRights, Member, MemberStatus, Right};
pub use model::{
    Callback, Chat, ChatKind, ForwardOrigin, IncomingMessage, InviteLink, JoinRequest, MemberChange,
    MessageRef, User,
};
pub use update::{Batch, NotAnUpdate, Topic, Update, UpdateKind};
