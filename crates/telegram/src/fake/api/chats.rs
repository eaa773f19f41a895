//! What chats are, who is in them, and bans.

use frankenstein::gifts::AcceptedGiftTypes;
use frankenstein::types::ChatFullInfo;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Params, Target, to_result};
use crate::fake::texts::{ApiError, NO_BAN_RIGHTS};
use crate::fake::world::World;
use crate::ids::{ChatId, UserId};
use crate::member::{MemberStatus, Right};
use crate::model::ChatKind;

/// Shorter bans than this are for ever: <https://core.telegram.org/bots/api#banchatmember>.
const BAN_SECONDS_MIN: i64 = 30;
/// Longer bans than this (366 days) are for ever, from the same page.
const BAN_SECONDS_MAX: i64 = 366 * 24 * 60 * 60;

pub(super) fn ban(world: &mut World, now: Timestamp, params: &Params) -> Result<Value, ApiError> {
    let (chat, user) = world.to_restrict(params, "can't ban members in private chats")?;
    let until = params.positive("until_date").and_then(|at| Timestamp::from_second(at).ok());
    let until = until.filter(|at| {
        let seconds = at.as_second() - now.as_second();
        (BAN_SECONDS_MIN..=BAN_SECONDS_MAX).contains(&seconds)
    });
    world.change(now, chat, world.bot.id, user, MemberStatus::Kicked { until }, None);
    Ok(json!(true))
}

pub(super) fn unban(world: &mut World, now: Timestamp, params: &Params) -> Result<Value, ApiError> {
    let (chat, user) = world.to_restrict(params, "can't unban members in private chats")?;
    if world.room(chat).is_some_and(|room| room.chat.kind == ChatKind::Group) {
        return Err(ApiError::bad_request("method is available for supergroup and channel chats only"));
    }
    let banned = matches!(world.status(chat, user), MemberStatus::Kicked { .. });
    if banned || !params.flag("only_if_banned") {
        world.change(now, chat, world.bot.id, user, MemberStatus::Left, None);
    }
    Ok(json!(true))
}

pub(super) fn leave(world: &mut World, now: Timestamp, params: &Params) -> Result<Value, ApiError> {
    let chat = world.target_room(params, "chat member status can't be changed in private chats")?;
    world.change(now, chat, world.bot.id, world.bot.id, MemberStatus::Left, None);
    Ok(json!(true))
}

pub(super) fn get_chat(world: &mut World, _now: Timestamp, params: &Params) -> Result<Value, ApiError> {
    let chat = world.wire_chat(world.target(params)?.chat());
    let gifts = AcceptedGiftTypes::builder()
        .unlimited_gifts(false)
        .limited_gifts(false)
        .unique_gifts(false)
        .premium_subscription(false)
        .gifts_from_channels(false)
        .build();
    let full = ChatFullInfo::builder()
        .id(chat.id)
        .type_field(chat.type_field)
        .maybe_title(chat.title)
        .maybe_username(chat.username)
        .maybe_first_name(chat.first_name)
        .accent_color_id(0)
        .max_reaction_count(11)
        .accepted_gift_types(gifts)
        .build();
    to_result(&full)
}

pub(super) fn get_chat_member(
    world: &mut World,
    _now: Timestamp,
    params: &Params,
) -> Result<Value, ApiError> {
    let user = params.user_id()?;
    match world.target(params)? {
        // In a private chat both sides are members.
        Target::Person(person) if user == person || user == world.bot.id => {
            to_result(&world.wire_member(user, MemberStatus::Member))
        }
        Target::Person(_) => Err(ApiError::bad_request("member not found")),
        Target::Room(chat) => {
            world.check_sees_members(chat)?;
            if !world.is_known(user) {
                return Err(ApiError::bad_request("PARTICIPANT_ID_INVALID"));
            }
            to_result(&world.wire_member(user, world.status(chat, user)))
        }
    }
}

pub(super) fn get_chat_member_count(
    world: &mut World,
    _now: Timestamp,
    params: &Params,
) -> Result<Value, ApiError> {
    let count = match world.target(params)? {
        Target::Person(_) => 2,
        Target::Room(chat) => world.members(chat).len() + usize::from(world.is_inside(chat, world.bot.id)),
    };
    Ok(json!(count))
}

pub(super) fn get_chat_administrators(
    world: &mut World,
    _now: Timestamp,
    params: &Params,
) -> Result<Value, ApiError> {
    let chat = world.target_room(params, "there are no administrators in the private chat")?;
    world.check_sees_members(chat)?;
    let standings = world.rooms.get(&chat).into_iter().flat_map(|room| &room.standings);
    let admins = standings.filter(|(_, standing)| standing.status.is_admin());
    let members: Vec<_> = admins.map(|(user, standing)| world.wire_member(*user, standing.status)).collect();
    to_result(&members)
}

impl World {
    /// A channel shows its members only to its administrators.
    fn check_sees_members(&self, chat: ChatId) -> Result<(), ApiError> {
        if self.kind(chat) == ChatKind::Channel && !self.status(chat, self.bot.id).is_admin() {
            return Err(ApiError::bad_request("member list is inaccessible"));
        }
        Ok(())
    }

    fn to_restrict(&self, params: &Params, in_private: &str) -> Result<(ChatId, UserId), ApiError> {
        let user = params.user_id()?;
        let chat = self.target_room(params, in_private)?;
        if user == self.bot.id {
            return Err(ApiError::bad_request("can't restrict self"));
        }
        self.check_right(chat, Right::RestrictMembers, NO_BAN_RIGHTS)?;
        if !self.is_known(user) {
            return Err(ApiError::bad_request("PARTICIPANT_ID_INVALID"));
        }
        match self.status(chat, user) {
            MemberStatus::Creator => Err(ApiError::bad_request("can't remove chat owner")),
            MemberStatus::Administrator(_) => {
                Err(ApiError::bad_request("user is an administrator of the chat"))
            }
            _ => Ok((chat, user)),
        }
    }
}
