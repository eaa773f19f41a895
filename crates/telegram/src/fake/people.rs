//! What people do: write, press, open links, leave, block.

use jiff::Timestamp;
use serde::Serialize;

use frankenstein::types as wire;

use super::emit::Words;
use super::entities::{Author, Forwarded, NewUser, PendingRequest, Person, Press};
use super::world::World;
use crate::html::MESSAGE_CHARS_MAX;
use crate::ids::{ChatId, MessageId, UserId};
use crate::member::MemberStatus;
use crate::model::{ChatKind, User};

/// Why Telegram's app would not let a person do that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nobody has this id.
    #[error("there is no user {0}")]
    NoSuchUser(UserId),
    /// No chat has this id.
    #[error("there is no chat {0}")]
    NoSuchChat(ChatId),
    /// The id is taken.
    #[error("the id {0} is taken")]
    IdTaken(i64),
    /// There is no such message, or it has no such button.
    #[error("there is no such message or button")]
    NoSuchButton,
    /// The link is unknown, revoked, expired, or full.
    #[error("this invite link has expired")]
    DeadLink,
    /// They were banned from this chat.
    #[error("you are banned from this chat")]
    Banned,
    /// They are inside.
    #[error("you are a member of this chat already")]
    AlreadyMember,
    /// They are outside.
    #[error("you are not a member of this chat")]
    NotMember,
    /// They blocked the bot, or never started it.
    #[error("start the bot first")]
    NotStarted,
    /// They may not do that in this chat.
    #[error("only an administrator with the right to do this may do it")]
    NotAllowed,
    /// A public name has 5 to 32 letters, digits and underscores, and begins with a letter.
    #[error("a public name has 5 to 32 letters, digits or underscores, and begins with a letter")]
    BadName,
    /// Another room has this public name.
    #[error("this public name is taken")]
    NameTaken,
    /// An empty message, or one that is too long.
    #[error("a message has 1 to 4096 characters")]
    BadText,
    /// It does not go together with the chat's kind.
    #[error("this kind of chat has no such thing")]
    WrongKind,
}

/// What opening an invite link led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Opened {
    /// They are inside.
    Joined,
    /// An administrator has to decide.
    Asked,
    /// They asked before, and wait; nobody is told a second time.
    AlreadyAsked,
}

impl World {
    pub(super) fn add_user(&mut self, new: NewUser) -> Result<(), Refused> {
        let NewUser { id, first_name, language_code, username, is_bot } = new;
        if id.0 <= 0 || id == self.bot.id || self.people.contains_key(&id) {
            return Err(Refused::IdTaken(id.0));
        }
        let user = User { id, is_bot, first_name, last_name: None, username, language_code };
        let person = Person {
            user,
            met: true,
            started: false,
            blocked: false,
            deactivated: false,
            posts: Vec::new(),
            next_message: 0,
        };
        self.people.insert(id, person);
        Ok(())
    }

    pub(super) fn start(
        &mut self,
        now: Timestamp,
        user: UserId,
        payload: &str,
    ) -> Result<MessageId, Refused> {
        let person = self.person_mut(user)?;
        person.started = true;
        let was_blocked = std::mem::take(&mut person.blocked);
        if was_blocked {
            self.tell_blocked(now, user, false);
        }
        let text = if payload.is_empty() { "/start".to_owned() } else { format!("/start {payload}") };
        Ok(self.write(now, user.private_chat(), user, text))
    }

    pub(super) fn say(
        &mut self,
        now: Timestamp,
        user: UserId,
        chat: ChatId,
        text: &str,
    ) -> Result<MessageId, Refused> {
        let person = self.people.get(&user).ok_or(Refused::NoSuchUser(user))?;
        if chat == user.private_chat() {
            if person.blocked || !person.started {
                return Err(Refused::NotStarted);
            }
        } else {
            let room = self.rooms.get(&chat).ok_or(Refused::NoSuchChat(chat))?;
            let status = room.status(user);
            if !status.is_inside() {
                return Err(Refused::NotMember);
            }
            if room.chat.kind == ChatKind::Channel && !status.is_admin() {
                return Err(Refused::NotAllowed);
            }
        }
        if text.trim().is_empty() || text.chars().count() > MESSAGE_CHARS_MAX {
            return Err(Refused::BadText);
        }
        Ok(self.write(now, chat, user, text.to_owned()))
    }

    /// Forwards a channel's post to the bot. What a channel posts anonymously names the channel and nobody else.
    pub(super) fn forward(
        &mut self,
        now: Timestamp,
        user: UserId,
        chat: ChatId,
        message: MessageId,
    ) -> Result<MessageId, Refused> {
        let person = self.people.get(&user).ok_or(Refused::NoSuchUser(user))?;
        if person.blocked || !person.started {
            return Err(Refused::NotStarted);
        }
        let room = self.rooms.get(&chat).ok_or(Refused::NoSuchChat(chat))?;
        if room.chat.kind != ChatKind::Channel {
            return Err(Refused::WrongKind);
        }
        if !room.status(user).is_inside() && room.chat.username.is_none() {
            return Err(Refused::NotMember);
        }
        let post = room.posts.iter().find(|post| post.id == message).ok_or(Refused::NoSuchButton)?;
        let words = Words { text: post.text.clone(), source: post.source.clone(), is_html: post.is_html };
        let forwarded = Forwarded { chat, message, at: post.at };
        let to = user.private_chat();
        let mut copy = self.add_post(now, to, Author::User(user), words, Vec::new());
        copy.forwarded = Some(forwarded);
        if let Some(kept) = self.posts_mut(to).and_then(|posts| posts.last_mut()) {
            *kept = copy.clone();
        }
        self.tell_post(now, to, &copy);
        Ok(copy.id)
    }

    /// Has the bot forget somebody, as a bot with another token has never met them.
    pub(super) fn forget(&mut self, user: UserId) -> Result<(), Refused> {
        self.person_mut(user)?.met = false;
        Ok(())
    }

    /// The bot is told of somebody.
    pub(super) fn meet(&mut self, user: UserId) {
        if let Some(person) = self.people.get_mut(&user) {
            person.met = true;
        }
    }

    fn write(&mut self, now: Timestamp, chat: ChatId, user: UserId, text: String) -> MessageId {
        let post = self.add_post(now, chat, Author::User(user), Words::plain(text), Vec::new());
        self.tell_post(now, chat, &post);
        post.id
    }

    /// Presses the button that carries `data`. Returns the id of the press, which the bot answers by.
    pub(super) fn press(
        &mut self,
        now: Timestamp,
        user: UserId,
        chat: ChatId,
        message: MessageId,
        data: &str,
    ) -> Result<String, Refused> {
        if !self.people.contains_key(&user) {
            return Err(Refused::NoSuchUser(user));
        }
        // What a public room shows, everybody may press.
        let is_public = self.rooms.get(&chat).is_some_and(|room| room.chat.username.is_some());
        if chat != user.private_chat() && !self.is_inside(chat, user) && !is_public {
            return Err(Refused::NotMember);
        }
        let post = self.posts(chat).iter().find(|post| post.id == message).ok_or(Refused::NoSuchButton)?;
        let mut buttons = post.buttons.iter().flatten();
        if !buttons.any(|button| button.callback_data.as_deref() == Some(data)) {
            return Err(Refused::NoSuchButton);
        }
        let id = self.presses.len() + 1;
        let query = wire::CallbackQuery::builder()
            .id(id.to_string())
            .from(self.wire_user(user))
            .message(wire::MaybeInaccessibleMessage::Message(Box::new(self.wire_post(chat, post))))
            .chat_instance(chat.to_string())
            .data(data)
            .build();
        self.meet(user);
        self.queue.push(now, "callback_query", &query);
        let press =
            Press { user, chat, message, data: data.to_owned(), at: now, answer: None, dismissed: false };
        self.presses.insert(id, press);
        Ok(id.to_string())
    }

    pub(super) fn open_link(
        &mut self,
        now: Timestamp,
        user: UserId,
        url: &str,
    ) -> Result<(ChatId, Opened), Refused> {
        if !self.people.contains_key(&user) {
            return Err(Refused::NoSuchUser(user));
        }
        let room = self.rooms.values_mut().find(|room| room.link(url).is_some()).ok_or(Refused::DeadLink)?;
        let chat = room.chat.id;
        let link = room.link(url).cloned().ok_or(Refused::DeadLink)?;
        let status = room.status(user);
        if status.is_inside() {
            return Err(Refused::AlreadyMember);
        }
        if matches!(status, MemberStatus::Kicked { .. }) {
            return Err(Refused::Banned);
        }
        let expired = link.expires_at.is_some_and(|at| at <= now);
        let full = link.member_limit.is_some_and(|limit| room.inside_through(url) >= limit as usize);
        if link.is_revoked || expired || full {
            return Err(Refused::DeadLink);
        }
        if !link.creates_join_request {
            self.join(now, chat, user, user, Some(link.url));
            return Ok((chat, Opened::Joined));
        }
        if room.requests.contains_key(&user) {
            return Ok((chat, Opened::AlreadyAsked));
        }
        let request = PendingRequest { link: link.url, at: now };
        room.requests.insert(user, request.clone());
        self.tell_join_request(now, chat, user, &request);
        Ok((chat, Opened::Asked))
    }

    /// Joins a room that has a public name, past every link.
    pub(super) fn join_public(&mut self, now: Timestamp, user: UserId, chat: ChatId) -> Result<(), Refused> {
        if !self.people.contains_key(&user) {
            return Err(Refused::NoSuchUser(user));
        }
        let room = self.rooms.get(&chat).filter(|room| room.chat.username.is_some());
        match room.ok_or(Refused::NoSuchChat(chat))?.status(user) {
            status if status.is_inside() => Err(Refused::AlreadyMember),
            MemberStatus::Kicked { .. } => Err(Refused::Banned),
            _ => {
                self.join(now, chat, user, user, None);
                Ok(())
            }
        }
    }

    /// Closes what the answers to somebody's presses show.
    pub(super) fn dismiss(&mut self, user: UserId) {
        for press in self.presses.values_mut().filter(|press| press.user == user && press.answer.is_some()) {
            press.dismissed = true;
        }
    }

    /// Lets somebody in, under the restrictions that they had.
    pub(super) fn join(
        &mut self,
        now: Timestamp,
        chat: ChatId,
        actor: UserId,
        user: UserId,
        through: Option<String>,
    ) {
        let after = match self.status(chat, user) {
            MemberStatus::Restricted { .. } => MemberStatus::Restricted { is_member: true },
            _ => MemberStatus::Member,
        };
        self.change(now, chat, actor, user, after, through);
    }

    pub(super) fn withdraw_request(&mut self, user: UserId, chat: ChatId) -> Result<(), Refused> {
        let room = self.rooms.get_mut(&chat).ok_or(Refused::NoSuchChat(chat))?;
        room.requests.remove(&user).map(drop).ok_or(Refused::NotMember)
    }

    pub(super) fn leave(&mut self, now: Timestamp, user: UserId, chat: ChatId) -> Result<(), Refused> {
        let room = self.rooms.get(&chat).ok_or(Refused::NoSuchChat(chat))?;
        match room.status(user) {
            MemberStatus::Creator => return Err(Refused::NotAllowed),
            status if !status.is_inside() => return Err(Refused::NotMember),
            MemberStatus::Restricted { .. } => {
                self.change(now, chat, user, user, MemberStatus::Restricted { is_member: false }, None);
            }
            _ => self.change(now, chat, user, user, MemberStatus::Left, None),
        }
        Ok(())
    }

    pub(super) fn block(&mut self, now: Timestamp, user: UserId, blocked: bool) -> Result<(), Refused> {
        let person = self.person_mut(user)?;
        if !person.started {
            return Err(Refused::NotStarted);
        }
        let changed = std::mem::replace(&mut person.blocked, blocked) != blocked;
        if changed {
            self.tell_blocked(now, user, blocked);
        }
        Ok(())
    }

    pub(super) fn deactivate(&mut self, user: UserId) -> Result<(), Refused> {
        self.person_mut(user)?.deactivated = true;
        Ok(())
    }

    fn person_mut(&mut self, user: UserId) -> Result<&mut Person, Refused> {
        self.people.get_mut(&user).ok_or(Refused::NoSuchUser(user))
    }
}
