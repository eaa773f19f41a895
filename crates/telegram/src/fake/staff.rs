//! What owners and administrators do by hand in Telegram's app.

use jiff::Timestamp;

use super::entities::{JoinLink, NewChat, Passage, Room, Turn};
use super::people::Refused;
use super::world::World;
use crate::ids::{ChatId, UserId};
use crate::member::{AdminRights, MemberStatus, Right};
use crate::model::{Chat, ChatKind};

/// What Telegram puts before the number of a supergroup.
const SUPERGROUP_PREFIX: i64 = -1_000_000_000_000;

/// Shortest and longest public name: <https://core.telegram.org/method/channels.checkUsername>.
const PUBLIC_NAME_CHARS_MIN: usize = 5;
const PUBLIC_NAME_CHARS_MAX: usize = 32;

/// How a link of this simulation begins; the mark keeps anybody from taking it for a real one.
const LINK_PREFIX: &str = "https://t.me/+SIMULATED";

impl World {
    pub(super) fn add_chat(&mut self, new: NewChat) -> Result<(), Refused> {
        let NewChat { id, kind, title, username, owner } = new;
        if !self.people.contains_key(&owner) {
            return Err(Refused::NoSuchUser(owner));
        }
        if kind == ChatKind::Private {
            return Err(Refused::WrongKind);
        }
        if username.as_deref().is_some_and(|name| !is_public_name(name)) {
            return Err(Refused::BadName);
        }
        if username.as_deref().is_some_and(|name| self.by_username(name).is_some()) {
            return Err(Refused::NameTaken);
        }
        if id.0 >= 0 || self.rooms.contains_key(&id) {
            return Err(Refused::IdTaken(id.0));
        }
        let chat = Chat { id, kind, title: Some(title), username };
        let mut room = Room {
            chat,
            standings: std::collections::BTreeMap::new(),
            links: Vec::new(),
            requests: std::collections::BTreeMap::new(),
            posts: Vec::new(),
            passages: std::collections::BTreeMap::new(),
            migrated_to: None,
            next_message: 0,
        };
        room.set_status(owner, MemberStatus::Creator, None);
        self.rooms.insert(id, room);
        Ok(())
    }

    /// Gives somebody, mostly the bot, these rights; without rights an administrator becomes a member.
    pub(super) fn promote(
        &mut self,
        now: Timestamp,
        chat: ChatId,
        by: UserId,
        user: UserId,
        rights: Option<AdminRights>,
    ) -> Result<(), Refused> {
        self.staff(chat, by, Right::Administrator)?;
        if self.user(user).is_none() {
            return Err(Refused::NoSuchUser(user));
        }
        if self.status(chat, user) == MemberStatus::Creator {
            return Err(Refused::NotAllowed);
        }
        let after = rights.map_or(MemberStatus::Member, MemberStatus::Administrator);
        self.change(now, chat, by, user, after, None);
        Ok(())
    }

    pub(super) fn add_member(
        &mut self,
        now: Timestamp,
        chat: ChatId,
        by: UserId,
        user: UserId,
    ) -> Result<(), Refused> {
        self.staff(chat, by, Right::InviteUsers)?;
        if self.user(user).is_none() {
            return Err(Refused::NoSuchUser(user));
        }
        if self.is_inside(chat, user) {
            return Err(Refused::AlreadyMember);
        }
        self.join(now, chat, by, user, None);
        Ok(())
    }

    /// Bans somebody, the bot too.
    pub(super) fn ban(
        &mut self,
        now: Timestamp,
        chat: ChatId,
        by: UserId,
        user: UserId,
    ) -> Result<(), Refused> {
        self.staff(chat, by, Right::RestrictMembers)?;
        if self.status(chat, user) == MemberStatus::Creator {
            return Err(Refused::NotAllowed);
        }
        self.change(now, chat, by, user, MemberStatus::Kicked { until: None }, None);
        Ok(())
    }

    /// Decides on a request by hand.
    pub(super) fn decide_by_hand(
        &mut self,
        now: Timestamp,
        chat: ChatId,
        by: UserId,
        user: UserId,
        approve: bool,
    ) -> Result<(), Refused> {
        self.staff(chat, by, Right::InviteUsers)?;
        let room = self.rooms.get_mut(&chat).ok_or(Refused::NoSuchChat(chat))?;
        let request = room.requests.remove(&user).ok_or(Refused::NotMember)?;
        if approve {
            self.join(now, chat, by, user, Some(request.link));
        } else {
            room.passages.insert(user, Passage { at: now, turn: Turn::Declined });
        }
        Ok(())
    }

    /// Makes a link by hand, which the bot will only see by half.
    pub(super) fn make_link(
        &mut self,
        chat: ChatId,
        by: UserId,
        creates_join_request: bool,
    ) -> Result<String, Refused> {
        self.staff(chat, by, Right::InviteUsers)?;
        let link = JoinLink {
            url: self.next_link_url(),
            creator: by,
            name: None,
            creates_join_request,
            expires_at: None,
            member_limit: None,
            is_revoked: false,
        };
        let url = link.url.clone();
        self.rooms.get_mut(&chat).ok_or(Refused::NoSuchChat(chat))?.links.push(link);
        Ok(url)
    }

    pub(super) fn next_link_url(&mut self) -> String {
        self.links_made += 1;
        format!("{LINK_PREFIX}{:08}", self.links_made)
    }

    /// Makes a supergroup of a basic group: a new id for the same people (F51).
    pub(super) fn migrate(&mut self, now: Timestamp, group: ChatId) -> Result<ChatId, Refused> {
        let room = self.rooms.get(&group).ok_or(Refused::NoSuchChat(group))?;
        if room.chat.kind != ChatKind::Group || room.migrated_to.is_some() {
            return Err(Refused::WrongKind);
        }
        let to = ChatId(SUPERGROUP_PREFIX + group.0);
        let owner = room.standings.iter().find(|(_, standing)| standing.status == MemberStatus::Creator);
        let owner = owner.map_or(self.bot.id, |(user, _)| *user);
        let mut supergroup = room.clone();
        supergroup.chat.id = to;
        supergroup.chat.kind = ChatKind::Supergroup;
        supergroup.links.clear();
        supergroup.requests.clear();
        supergroup.posts.clear();
        self.rooms.insert(to, supergroup);
        self.tell_service(now, group, owner, "migrate_to_chat_id", serde_json::json!(to));
        self.tell_service(now, to, owner, "migrate_from_chat_id", serde_json::json!(group));
        if let Some(room) = self.rooms.get_mut(&group) {
            room.migrated_to = Some(to);
        }
        Ok(to)
    }

    /// Lifts a ban by hand; the person stays outside.
    pub(super) fn unban_by_hand(
        &mut self,
        now: Timestamp,
        chat: ChatId,
        by: UserId,
        user: UserId,
    ) -> Result<(), Refused> {
        self.staff(chat, by, Right::RestrictMembers)?;
        if !matches!(self.status(chat, user), MemberStatus::Kicked { .. }) {
            return Err(Refused::NotMember);
        }
        self.change(now, chat, by, user, MemberStatus::Left, None);
        Ok(())
    }

    fn staff(&self, chat: ChatId, by: UserId, right: Right) -> Result<(), Refused> {
        let room = self.rooms.get(&chat).ok_or(Refused::NoSuchChat(chat))?;
        if room.can(by, right) { Ok(()) } else { Err(Refused::NotAllowed) }
    }
}

/// Whether a public name has a form that Telegram takes.
fn is_public_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (PUBLIC_NAME_CHARS_MIN..=PUBLIC_NAME_CHARS_MAX).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(allowed)
}
