//! What the bot is told.

use frankenstein::types as wire;
use jiff::Timestamp;
use serde_json::Value;

use super::entities::{Author, Passage, PendingRequest, Post, PostButton, Turn};
use super::render::seconds;
use super::world::World;
use crate::ids::{ChatId, MessageId, UserId};
use crate::member::{MemberStatus, Right};
use crate::model::ChatKind;

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// As a reader sees it.
    pub(super) text: String,
    /// As it was sent.
    pub(super) source: String,
    /// Whether that is HTML.
    pub(super) is_html: bool,
}

impl Words {
    pub(super) fn plain(text: String) -> Self {
        Self { source: text.clone(), text, is_html: false }
    }
}

impl World {
    /// Changes how somebody stands to a room, and tells the bot if it may know. Being inside ends a pending request.
    pub(super) fn change(
        &mut self,
        now: Timestamp,
        chat: ChatId,
        actor: UserId,
        user: UserId,
        after: MemberStatus,
        through: Option<String>,
    ) {
        let Some(room) = self.rooms.get_mut(&chat) else {
            return;
        };
        let before = room.status(user);
        if after.is_inside() || matches!(after, MemberStatus::Kicked { .. }) {
            room.requests.remove(&user);
        }
        if before == after {
            return;
        }
        room.set_status(user, after, through.clone());
        let turn = match (before.is_inside(), after.is_inside()) {
            (false, true) => Some(Turn::CameIn),
            (true, false) if actor == user => Some(Turn::Left),
            (true, false) => Some(Turn::Removed),
            _ => None,
        };
        if let Some(turn) = turn {
            room.passages.insert(user, Passage { at: now, turn });
        }
        let bot_may_know = room.status(self.bot.id).is_admin();
        let kind = match user == self.bot.id {
            true => "my_chat_member",
            false if bot_may_know => "chat_member",
            false => return,
        };
        self.meet(user);
        let link = through.and_then(|url| self.wire_link_of(chat, &url));
        let update = wire::ChatMemberUpdated::builder()
            .chat(self.wire_chat(chat))
            .from(self.wire_user(actor))
            .date(seconds(now))
            .old_chat_member(self.wire_member(user, before))
            .new_chat_member(self.wire_member(user, after))
            .maybe_invite_link(link)
            .build();
        self.queue.push(now, kind, &update);
    }

    /// Tells the bot that somebody blocked or unblocked it.
    pub(super) fn tell_blocked(&mut self, now: Timestamp, user: UserId, blocked: bool) {
        let (member, kicked) = (MemberStatus::Member, MemberStatus::Kicked { until: None });
        let (before, after) = if blocked { (member, kicked) } else { (kicked, member) };
        let update = wire::ChatMemberUpdated::builder()
            .chat(self.wire_chat(user.private_chat()))
            .from(self.wire_user(user))
            .date(seconds(now))
            .old_chat_member(self.wire_member(self.bot.id, before))
            .new_chat_member(self.wire_member(self.bot.id, after))
            .build();
        self.queue.push(now, "my_chat_member", &update);
    }

    /// Tells the bot that somebody asks to join, if it may decide on it.
    pub(super) fn tell_join_request(
        &mut self,
        now: Timestamp,
        chat: ChatId,
        user: UserId,
        request: &PendingRequest,
    ) {
        if !self.status(chat, self.bot.id).can(Right::InviteUsers) {
            return;
        }
        self.meet(user);
        let update = wire::ChatJoinRequest::builder()
            .chat(self.wire_chat(chat))
            .from(self.wire_user(user))
            .user_chat_id(super::render::number(user))
            .date(seconds(request.at))
            .maybe_invite_link(self.wire_link_of(chat, &request.link))
            .build();
        self.queue.push(now, "chat_join_request", &update);
    }

    fn wire_link_of(&self, chat: ChatId, url: &str) -> Option<wire::ChatInviteLink> {
        let room = self.rooms.get(&chat)?;
        room.link(url).map(|link| self.wire_link(link, room.pending(url)))
    }

    /// Tells the bot what somebody wrote, if it may read it: in a group only commands, unless it is an administrator.
    pub(super) fn tell_post(&mut self, now: Timestamp, chat: ChatId, post: &Post) {
        let kind = match self.rooms.get(&chat).map(|room| room.chat.kind) {
            None | Some(ChatKind::Private) => "message",
            Some(ChatKind::Channel) if self.is_inside(chat, self.bot.id) => "channel_post",
            Some(ChatKind::Group | ChatKind::Supergroup)
                if self.status(chat, self.bot.id).is_admin()
                    || (self.is_inside(chat, self.bot.id) && post.text.starts_with('/')) =>
            {
                "message"
            }
            Some(_) => return,
        };
        if let ("message", Author::User(author)) = (kind, post.author) {
            self.meet(author);
        }
        let message = self.wire_post(chat, post);
        self.queue.push(now, kind, &message);
    }

    /// Tells the bot about a service message, such as a migration, that is not kept.
    pub(super) fn tell_service(
        &mut self,
        now: Timestamp,
        chat: ChatId,
        by: UserId,
        field: &str,
        value: Value,
    ) {
        if !self.is_inside(chat, self.bot.id) {
            return;
        }
        let id = self.next_message_id(chat);
        let message = serde_json::json!({
            "message_id": id, "date": seconds(now), "chat": self.wire_chat(chat), "from": self.wire_user(by), field: value,
        });
        self.queue.push(now, "message", &message);
    }

    /// Adds a message to a chat that exists.
    pub(super) fn add_post(
        &mut self,
        now: Timestamp,
        chat: ChatId,
        author: Author,
        words: Words,
        buttons: Vec<Vec<PostButton>>,
    ) -> Post {
        let id = self.next_message_id(chat);
        let Words { text, source, is_html } = words;
        let post =
            Post { id, author, at: now, edited_at: None, text, source, is_html, forwarded: None, buttons };
        if let Some(posts) = self.posts_mut(chat) {
            posts.push(post.clone());
        }
        post
    }

    pub(super) fn posts_mut(&mut self, chat: ChatId) -> Option<&mut Vec<Post>> {
        match self.rooms.get_mut(&chat) {
            Some(room) => Some(&mut room.posts),
            None => self.people.get_mut(&UserId(chat.0)).map(|person| &mut person.posts),
        }
    }

    fn next_message_id(&mut self, chat: ChatId) -> MessageId {
        let counter = match self.rooms.get_mut(&chat) {
            Some(room) => Some(&mut room.next_message),
            None => self.people.get_mut(&UserId(chat.0)).map(|person| &mut person.next_message),
        };
        MessageId(counter.map_or(0, |counter| {
            *counter += 1;
            *counter
        }))
    }
}
