//! The calls, each in our own terms.

use std::borrow::Cow;
use std::time::Duration;

use frankenstein::ParseMode;
use frankenstein::methods::{
    AnswerCallbackQueryParams, ApproveChatJoinRequestParams, BanChatMemberParams, CreateChatInviteLinkParams,
    DeclineChatJoinRequestParams, DeleteMessageParams, DeleteWebhookParams, EditMessageTextParams,
    GetChatAdministratorsParams, GetChatMemberCountParams, GetChatMemberParams, GetChatParams,
    GetUpdatesParams, RevokeChatInviteLinkParams, SendMessageParams, SetWebhookParams, UnbanChatMemberParams,
};
use frankenstein::types::{AllowedUpdate, InlineKeyboardMarkup, LinkPreviewOptions, ReplyMarkup};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use super::{Gateway, Method, POLL_MARGIN, POLL_WAIT_SECONDS_MAX};
use crate::error::{Done, Error, Missing};
use crate::html::Html;
use crate::ids::{ChatId, MessageId, UpdateId, UserId};
use crate::keyboard::Keyboard;
use crate::member::Member;
use crate::model::{Chat, InviteLink, MessageRef};
use crate::update::{Batch, Topic, Update, UpdateKind};

/// The bot itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Me {
    /// Its id.
    pub id: UserId,
    /// Its name in `https://t.me/{username}`.
    pub username: String,
    /// Its display name.
    pub first_name: String,
}

/// How updates are posted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WebhookInfo {
    /// To where; empty without a webhook.
    pub url: String,
    /// How many updates wait.
    #[serde(rename = "pending_update_count", default)]
    pub waiting: u64,
    /// What went wrong the last time that something did.
    #[serde(rename = "last_error_message", default)]
    pub last_error: Option<String>,
}

/// `true` is all that most calls answer.
type Yes = bool;

impl Gateway {
    /// Who the bot is; also the cheapest proof that token and address work.
    ///
    /// # Errors
    /// [`Error::InvalidToken`], and the transient ones.
    pub async fn get_me(&self) -> Result<Me, Error> {
        self.call(Method::GetMe, None, &serde_json::Map::new()).await
    }

    /// Waits at most `wait` for updates, and confirms everything before `offset`.
    ///
    /// # Errors
    /// [`Error::Conflict`] when somebody else polls or a webhook is set; the transient ones. One that cannot be read is no error.
    pub async fn get_updates(
        &self,
        offset: Option<UpdateId>,
        wait: Duration,
        topics: &[Topic],
    ) -> Result<Batch, Error> {
        let seconds = wait.as_secs().min(POLL_WAIT_SECONDS_MAX);
        let parameters = GetUpdatesParams::builder()
            .maybe_offset(offset.map(|offset| offset.0))
            .timeout(u32::try_from(seconds).unwrap_or_default())
            .allowed_updates(to_wire(topics))
            .build();
        let timeout = Duration::from_secs(seconds) + POLL_MARGIN.min(self.inner.call_timeout);
        let elements: Vec<Box<RawValue>> =
            self.call_within(timeout, Method::GetUpdates, None, &parameters).await?;
        let batch = Batch::of(&elements);
        batch.updates.iter().for_each(|update| self.note_unread(update));
        Ok(batch)
    }

    /// Has updates posted to `url`, with `secret` in the header `X-Telegram-Bot-Api-Secret-Token`.
    ///
    /// # Errors
    /// [`Error::Permanent`] for an address that Telegram does not like; the transient ones.
    pub async fn set_webhook(&self, url: &Url, secret: &SecretString, topics: &[Topic]) -> Result<(), Error> {
        let parameters = SetWebhookParams::builder()
            .url(url.as_str())
            .secret_token(secret.expose_secret())
            .allowed_updates(to_wire(topics))
            .build();
        self.call::<Yes>(Method::SetWebhook, None, &parameters).await.map(drop)
    }

    /// Where updates are posted, and how that goes.
    ///
    /// # Errors
    /// The transient ones.
    pub async fn get_webhook_info(&self) -> Result<WebhookInfo, Error> {
        self.call(Method::GetWebhookInfo, None, &serde_json::Map::new()).await
    }

    /// Counts an update that was posted if it is one that we do not read; polled ones are counted as they come.
    pub fn note_unread(&self, update: &Update) {
        if let UpdateKind::Unknown { kind } | UpdateKind::Undecodable { kind, .. } = &update.kind {
            self.inner.observe.unread_update(kind);
        }
    }

    /// Has updates kept for polling again. Those that wait are kept.
    ///
    /// # Errors
    /// The transient ones.
    pub async fn delete_webhook(&self) -> Result<(), Error> {
        let parameters = DeleteWebhookParams::builder().drop_pending_updates(false).build();
        self.call::<Yes>(Method::DeleteWebhook, None, &parameters).await.map(drop)
    }

    /// Makes a link that asks to join instead of joining (I11). Not safe to repeat: each call makes a new link (F35).
    ///
    /// `name` is shown to administrators, at most 32 characters; Telegram cuts the rest.
    ///
    /// # Errors
    /// [`Error::NoRights`], [`Error::NotFound`] (chat), [`Error::Migrated`], the transient ones.
    pub async fn create_chat_invite_link(
        &self,
        chat: ChatId,
        name: &str,
        expires_at: Option<Timestamp>,
    ) -> Result<InviteLink, Error> {
        let parameters = CreateChatInviteLinkParams::builder()
            .chat_id(chat.0)
            .name(name)
            .maybe_expire_date(expires_at.and_then(|at| u64::try_from(at.as_second()).ok()))
            .creates_join_request(true)
            .build();
        self.call(Method::CreateChatInviteLink, Some(chat), &parameters).await
    }

    /// Kills a link of ours. Its pending requests stay.
    ///
    /// # Errors
    /// [`Error::NotFound`] (link) when it is dead already; [`Error::NoRights`], [`Error::Migrated`], the transient ones.
    pub async fn revoke_chat_invite_link(&self, chat: ChatId, url: &str) -> Result<(), Error> {
        let parameters = RevokeChatInviteLinkParams::builder().chat_id(chat.0).invite_link(url).build();
        self.call::<InviteLink>(Method::RevokeChatInviteLink, Some(chat), &parameters).await.map(drop)
    }

    /// Lets somebody in who asked.
    ///
    /// # Errors
    /// [`Error::AlreadyDone`] when they are inside, or the request is gone; [`Error::NoRights`], [`Error::Migrated`], the transient ones.
    pub async fn approve_chat_join_request(&self, chat: ChatId, user: UserId) -> Result<(), Error> {
        let parameters =
            ApproveChatJoinRequestParams::builder().chat_id(chat.0).user_id(id_of(user)?).build();
        self.call::<Yes>(Method::ApproveChatJoinRequest, Some(chat), &parameters).await.map(drop)
    }

    /// Turns somebody away who asked. They may ask again.
    ///
    /// # Errors
    /// As [`Gateway::approve_chat_join_request`].
    pub async fn decline_chat_join_request(&self, chat: ChatId, user: UserId) -> Result<(), Error> {
        let parameters =
            DeclineChatJoinRequestParams::builder().chat_id(chat.0).user_id(id_of(user)?).build();
        self.call::<Yes>(Method::DeclineChatJoinRequest, Some(chat), &parameters).await.map(drop)
    }

    /// Writes to a chat, without a preview of the links in it. Not safe to repeat: each call is one more message.
    ///
    /// # Errors
    /// [`Error::Blocked`] for a person, [`Error::NoRights`] for a chat, [`Error::Migrated`], [`Error::Permanent`] for a text that is
    /// too long or markup that is broken, the transient ones.
    pub async fn send_message(
        &self,
        chat: ChatId,
        text: &Html,
        keyboard: Option<&Keyboard>,
    ) -> Result<MessageId, Error> {
        let (text, markup) = below(text, keyboard);
        let parameters = SendMessageParams::builder()
            .chat_id(chat.0)
            .text(text.as_str())
            .parse_mode(ParseMode::Html)
            .link_preview_options(no_preview())
            .maybe_reply_markup(markup.map(ReplyMarkup::InlineKeyboardMarkup))
            .build();
        let message: MessageRef = self.call(Method::SendMessage, Some(chat), &parameters).await?;
        Ok(message.id)
    }

    /// Rewrites a message of ours; without a keyboard its buttons go.
    ///
    /// # Errors
    /// [`Error::AlreadyDone`] when it says this already, [`Error::NotFound`] (message), and as [`Gateway::send_message`].
    pub async fn edit_message_text(
        &self,
        chat: ChatId,
        message: MessageId,
        text: &Html,
        keyboard: Option<&Keyboard>,
    ) -> Result<(), Error> {
        let (text, markup) = below(text, keyboard);
        let parameters = EditMessageTextParams::builder()
            .chat_id(chat.0)
            .message_id(number_of(message)?)
            .text(text.as_str())
            .parse_mode(ParseMode::Html)
            .link_preview_options(no_preview())
            .maybe_reply_markup(markup)
            .build();
        self.call::<MessageRef>(Method::EditMessageText, Some(chat), &parameters).await.map(drop)
    }

    /// Takes a message back.
    ///
    /// # Errors
    /// [`Error::NotFound`] (message), [`Error::NoRights`], the transient ones.
    pub async fn delete_message(&self, chat: ChatId, message: MessageId) -> Result<(), Error> {
        let parameters =
            DeleteMessageParams::builder().chat_id(chat.0).message_id(number_of(message)?).build();
        self.call::<Yes>(Method::DeleteMessage, Some(chat), &parameters).await.map(drop)
    }

    /// Tells the person's client that the press arrived; `alert` shows `text` in a window that must be closed.
    ///
    /// # Errors
    /// [`Error::NotFound`] (callback) when it is too old; the transient ones.
    pub async fn answer_callback_query(
        &self,
        id: &str,
        text: Option<&str>,
        alert: bool,
    ) -> Result<(), Error> {
        let parameters = AnswerCallbackQueryParams::builder()
            .callback_query_id(id)
            .maybe_text(text)
            .show_alert(alert)
            .build();
        self.call::<Yes>(Method::AnswerCallbackQuery, None, &parameters).await.map(drop)
    }

    /// Removes somebody, and keeps them out until [`Gateway::unban_chat_member`].
    ///
    /// # Errors
    /// [`Error::ProtectedMember`], [`Error::NoRights`], [`Error::NotFound`] (person, member), [`Error::Migrated`], the transient ones.
    pub async fn ban_chat_member(&self, chat: ChatId, user: UserId) -> Result<(), Error> {
        let parameters = BanChatMemberParams::builder().chat_id(chat.0).user_id(id_of(user)?).build();
        self.call::<Yes>(Method::BanChatMember, Some(chat), &parameters).await.map(drop)
    }

    /// Lets somebody come back who was banned. Without a ban it does nothing: it never removes a member. In a basic group there are no bans.
    ///
    /// # Errors
    /// As [`Gateway::ban_chat_member`].
    pub async fn unban_chat_member(&self, chat: ChatId, user: UserId) -> Result<(), Error> {
        let parameters = UnbanChatMemberParams::builder()
            .chat_id(chat.0)
            .user_id(id_of(user)?)
            .only_if_banned(true)
            .build();
        match self.call::<Yes>(Method::UnbanChatMember, Some(chat), &parameters).await {
            Ok(_) | Err(Error::AlreadyDone(Done::NoBan)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What a chat is.
    ///
    /// # Errors
    /// [`Error::NotFound`] (chat), [`Error::NoRights`] when the bot is not inside, the transient ones.
    pub async fn get_chat(&self, chat: ChatId) -> Result<Chat, Error> {
        let parameters = GetChatParams::builder().chat_id(chat.0).build();
        self.call(Method::GetChat, Some(chat), &parameters).await
    }

    /// How somebody stands to a chat. Who was never there is `Left`, or [`Error::NotFound`] (member); [`Error::NotFound`] (person) is
    /// somebody whom the bot never met, and who may be inside.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NoRights`], [`Error::Migrated`], the transient ones.
    pub async fn get_chat_member(&self, chat: ChatId, user: UserId) -> Result<Member, Error> {
        let parameters = GetChatMemberParams::builder().chat_id(chat.0).user_id(id_of(user)?).build();
        self.call(Method::GetChatMember, Some(chat), &parameters).await
    }

    /// How many are in a chat, the bot itself among them.
    ///
    /// # Errors
    /// As [`Gateway::get_chat_member`].
    pub async fn get_chat_member_count(&self, chat: ChatId) -> Result<u64, Error> {
        let parameters = GetChatMemberCountParams::builder().chat_id(chat.0).build();
        self.call(Method::GetChatMemberCount, Some(chat), &parameters).await
    }

    /// Who runs a chat, with their rights. Other bots are left out.
    ///
    /// # Errors
    /// As [`Gateway::get_chat_member`].
    pub async fn get_chat_administrators(&self, chat: ChatId) -> Result<Vec<Member>, Error> {
        let parameters = GetChatAdministratorsParams::builder().chat_id(chat.0).build();
        self.call(Method::GetChatAdministrators, Some(chat), &parameters).await
    }
}

fn below<'a>(text: &'a Html, keyboard: Option<&Keyboard>) -> (Cow<'a, Html>, Option<InlineKeyboardMarkup>) {
    keyboard.map_or((Cow::Borrowed(text), None), |keyboard| keyboard.below(text))
}

fn to_wire(topics: &[Topic]) -> Vec<AllowedUpdate> {
    topics.iter().map(|topic| topic.to_wire()).collect()
}

fn no_preview() -> LinkPreviewOptions {
    LinkPreviewOptions::builder().is_disabled(true).build()
}

/// Nobody has a negative id, so Telegram need not be asked.
fn id_of(user: UserId) -> Result<u64, Error> {
    u64::try_from(user.0).map_err(|_| Error::NotFound(Missing::User))
}

/// Message numbers have 31 bits; no other number names a message.
fn number_of(message: MessageId) -> Result<i32, Error> {
    i32::try_from(message.0).map_err(|_| Error::NotFound(Missing::Message))
}
