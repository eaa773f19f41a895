//! The state in the Bot API's shapes, by frankenstein's types, so that no field that its documents demand is left out.

use frankenstein::types as wire;
use jiff::Timestamp;

use super::entities::{Author, Forwarded, JoinLink, Post};
use super::world::World;
use crate::ids::{ChatId, UserId};
use crate::member::{AdminRights, MemberStatus};
use crate::model::{ChatKind, User};

pub(super) fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_second()).unwrap_or_default()
}

/// Ids of people are positive by construction; an id that is not shows as 0.
pub(super) fn number(user: UserId) -> u64 {
    u64::try_from(user.0).unwrap_or_default()
}

pub(super) fn user(user: &User) -> wire::User {
    wire::User::builder()
        .id(number(user.id))
        .is_bot(user.is_bot)
        .first_name(user.first_name.as_str())
        .maybe_last_name(user.last_name.as_deref())
        .maybe_username(user.username.as_deref())
        .maybe_language_code(user.language_code.as_deref())
        .build()
}

pub(super) fn me(bot: &User) -> wire::User {
    wire::User {
        can_join_groups: Some(true),
        can_read_all_group_messages: Some(false),
        supports_inline_queries: Some(false),
        can_connect_to_business: Some(false),
        has_main_web_app: Some(false),
        ..user(bot)
    }
}

pub(super) fn kind(kind: ChatKind) -> wire::ChatType {
    match kind {
        ChatKind::Private => wire::ChatType::Private,
        ChatKind::Group => wire::ChatType::Group,
        ChatKind::Supergroup => wire::ChatType::Supergroup,
        ChatKind::Channel => wire::ChatType::Channel,
    }
}

impl World {
    /// A chat that exists: a room, or the private chat with somebody.
    pub(super) fn wire_chat(&self, id: ChatId) -> wire::Chat {
        if let Some(room) = self.rooms.get(&id) {
            return wire::Chat::builder()
                .id(id.0)
                .type_field(kind(room.chat.kind))
                .maybe_title(room.chat.title.as_deref())
                .maybe_username(room.chat.username.as_deref())
                .build();
        }
        let user = self.user(UserId(id.0));
        wire::Chat::builder()
            .id(id.0)
            .type_field(wire::ChatType::Private)
            .maybe_first_name(user.map(|user| user.first_name.as_str()))
            .maybe_username(user.and_then(|user| user.username.as_deref()))
            .build()
    }

    pub(super) fn wire_user(&self, id: UserId) -> wire::User {
        self.user(id).map_or_else(
            || wire::User::builder().id(number(id)).is_bot(false).first_name("Deleted Account").build(),
            user,
        )
    }

    pub(super) fn wire_post(&self, chat: ChatId, post: &Post) -> wire::Message {
        let wire_chat = self.wire_chat(chat);
        let in_channel = wire_chat.type_field == wire::ChatType::Channel;
        let author = match post.author {
            Author::Bot => self.bot.id,
            Author::User(user) => user,
        };
        wire::Message::builder()
            .message_id(i32::try_from(post.id.0).unwrap_or(i32::MAX))
            .date(seconds(post.at))
            .chat(wire_chat.clone())
            .maybe_from((!in_channel).then(|| self.wire_user(author)))
            .maybe_sender_chat(in_channel.then_some(wire_chat))
            .maybe_edit_date(post.edited_at.map(seconds))
            .maybe_forward_origin(post.forwarded.as_ref().map(|forwarded| Box::new(self.origin(forwarded))))
            .maybe_entities(command_entity(&post.text))
            .maybe_reply_markup(buttons(post))
            .text(post.text.as_str())
            .build()
    }

    fn origin(&self, forwarded: &Forwarded) -> wire::MessageOrigin {
        let origin = wire::MessageOriginChannel::builder()
            .date(seconds(forwarded.at))
            .chat(self.wire_chat(forwarded.chat))
            .message_id(i32::try_from(forwarded.message.0).unwrap_or(i32::MAX))
            .build();
        wire::MessageOrigin::Channel(origin)
    }

    /// A link as the bot sees it: only the creator of a link sees all of it.
    pub(super) fn wire_link(&self, link: &JoinLink, pending: usize) -> wire::ChatInviteLink {
        let own = link.creator == self.bot.id;
        let url = if own { link.url.clone() } else { half_hidden(&link.url) };
        wire::ChatInviteLink::builder()
            .invite_link(url)
            .creator(self.wire_user(link.creator))
            .creates_join_request(link.creates_join_request)
            .is_primary(false)
            .is_revoked(link.is_revoked)
            .maybe_name(link.name.as_deref())
            .maybe_expire_date(link.expires_at.map(seconds))
            .maybe_member_limit(link.member_limit)
            .maybe_pending_join_request_count(
                (pending > 0).then(|| u32::try_from(pending).unwrap_or(u32::MAX)),
            )
            .build()
    }

    pub(super) fn wire_member(&self, id: UserId, status: MemberStatus) -> wire::ChatMember {
        let user = self.wire_user(id);
        match status {
            MemberStatus::Creator => wire::ChatMember::Creator(
                wire::ChatMemberOwner::builder().user(user).is_anonymous(false).build(),
            ),
            MemberStatus::Administrator(rights) => {
                wire::ChatMember::Administrator(administrator(user, rights))
            }
            MemberStatus::Member => {
                wire::ChatMember::Member(wire::ChatMemberMember::builder().user(user).build())
            }
            MemberStatus::Restricted { is_member } => {
                wire::ChatMember::Restricted(restricted(user, is_member))
            }
            MemberStatus::Left => wire::ChatMember::Left(wire::ChatMemberLeft::builder().user(user).build()),
            MemberStatus::Kicked { until } => {
                let until = until.map_or(0, seconds);
                wire::ChatMember::Kicked(
                    wire::ChatMemberBanned::builder().user(user).until_date(until).build(),
                )
            }
        }
    }
}

fn administrator(user: wire::User, rights: AdminRights) -> wire::ChatMemberAdministrator {
    wire::ChatMemberAdministrator::builder()
        .user(user)
        .can_be_edited(false)
        .is_anonymous(false)
        .can_manage_chat(rights.can_manage_chat)
        .can_delete_messages(rights.can_delete_messages)
        .can_manage_video_chats(false)
        .can_restrict_members(rights.can_restrict_members)
        .can_promote_members(rights.can_promote_members)
        .can_change_info(rights.can_change_info)
        .can_invite_users(rights.can_invite_users)
        .can_post_messages(rights.can_post_messages)
        .can_edit_messages(rights.can_edit_messages)
        .can_send_welcome_messages(false)
        .build()
}

fn restricted(user: wire::User, is_member: bool) -> wire::ChatMemberRestricted {
    wire::ChatMemberRestricted::builder()
        .user(user)
        .is_member(is_member)
        .can_send_messages(false)
        .can_send_audios(false)
        .can_send_documents(false)
        .can_send_photos(false)
        .can_send_videos(false)
        .can_send_video_notes(false)
        .can_send_voice_notes(false)
        .can_send_polls(false)
        .can_send_other_messages(false)
        .can_add_web_page_previews(false)
        .can_react_to_messages(false)
        .can_edit_tag(false)
        .can_change_info(false)
        .can_invite_users(false)
        .can_pin_messages(false)
        .can_manage_topics(false)
        .until_date(0)
        .build()
}

/// Libraries find commands by this entity and not by the slash.
fn command_entity(text: &str) -> Option<Vec<wire::MessageEntity>> {
    let command = text.split_whitespace().next().filter(|word| word.starts_with('/') && word.len() > 1)?;
    let entity = wire::MessageEntity::builder()
        .type_field(wire::MessageEntityType::BotCommand)
        .offset(0)
        .length(u16::try_from(command.encode_utf16().count()).ok()?)
        .build();
    Some(vec![entity])
}

fn buttons(post: &Post) -> Option<Box<wire::InlineKeyboardMarkup>> {
    if post.buttons.is_empty() {
        return None;
    }
    let row = |row: &Vec<super::PostButton>| row.iter().map(button).collect();
    let rows = post.buttons.iter().map(row).collect();
    Some(Box::new(wire::InlineKeyboardMarkup::builder().inline_keyboard(rows).build()))
}

fn button(button: &super::PostButton) -> wire::InlineKeyboardButton {
    let web_app = button.web_app.as_ref().and_then(|app| serde_json::from_value(app.clone()).ok());
    wire::InlineKeyboardButton::builder()
        .text(button.text.as_str())
        .maybe_url(button.url.as_deref())
        .maybe_callback_data(button.callback_data.as_deref())
        .maybe_web_app(web_app)
        .build()
}

/// As Telegram shows the link of another administrator: the second half of its code replaced by dots.
fn half_hidden(url: &str) -> String {
    let start = url.rfind('+').map_or(0, |plus| plus + 1);
    let keep = start + (url.len() - start) / 2;
    format!("{}...", url.get(..keep).unwrap_or_default())
}
