//! Invite links and join requests.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Params, to_result};
use crate::fake::entities::{JoinLink, Passage, Turn};
use crate::fake::texts::{ApiError, LIMIT_WITH_REQUEST, NO_LINK_RIGHTS, NO_REQUEST_RIGHTS};
use crate::fake::world::World;
use crate::ids::ChatId;
use crate::member::Right;

/// Longest name of a link; the rest is cut: <https://core.telegram.org/bots/api#createchatinvitelink>.
const LINK_NAME_CHARS_MAX: usize = 32;
/// Highest `member_limit`, from the same page.
const MEMBER_LIMIT_MAX: i64 = 99_999;

pub(super) fn create(world: &mut World, now: Timestamp, params: &Params) -> Result<Value, ApiError> {
    let chat = world.target_room(params, "can't invite members to a private chat")?;
    let creates_join_request = params.flag("creates_join_request");
    let member_limit = params.positive("member_limit");
    if creates_join_request && member_limit.is_some() {
        return Err(ApiError::bad_request(LIMIT_WITH_REQUEST));
    }
    world.check_right(chat, Right::InviteUsers, NO_LINK_RIGHTS)?;
    let expires_at = match params.positive("expire_date").map(Timestamp::from_second) {
        None => None,
        Some(Ok(at)) if at > now => Some(at),
        Some(_) => return Err(ApiError::bad_request("EXPIRE_DATE_INVALID")),
    };
    if member_limit.is_some_and(|limit| limit > MEMBER_LIMIT_MAX) {
        return Err(ApiError::bad_request("USAGE_LIMIT_INVALID"));
    }
    let link = JoinLink {
        url: world.next_link_url(),
        creator: world.bot.id,
        name: params.text("name").map(|name| name.chars().take(LINK_NAME_CHARS_MAX).collect()),
        creates_join_request,
        expires_at,
        member_limit: member_limit.and_then(|limit| u32::try_from(limit).ok()),
        is_revoked: false,
    };
    let answer = to_result(&world.wire_link(&link, 0));
    if let Some(room) = world.rooms.get_mut(&chat) {
        room.links.push(link);
    }
    answer
}

pub(super) fn revoke(world: &mut World, _now: Timestamp, params: &Params) -> Result<Value, ApiError> {
    let chat = world.target_room(params, "can't invite members to a private chat")?;
    world.check_right(chat, Right::InviteUsers, NO_LINK_RIGHTS)?;
    let url =
        params.text("invite_link").ok_or_else(|| ApiError::bad_request("invite link must be non-empty"))?;
    let bot = world.bot.id;
    let revoked = world.rooms.get_mut(&chat).and_then(|room| {
        let link =
            room.links.iter_mut().find(|link| link.url == url && link.creator == bot && !link.is_revoked)?;
        link.is_revoked = true;
        let link = link.clone();
        Some((room.pending(url), link))
    });
    let (pending, link) = revoked.ok_or_else(|| ApiError::bad_request("INVITE_HASH_EXPIRED"))?;
    to_result(&world.wire_link(&link, pending))
}

pub(super) fn approve(world: &mut World, now: Timestamp, params: &Params) -> Result<Value, ApiError> {
    decide(world, now, params, true)
}

pub(super) fn decline(world: &mut World, now: Timestamp, params: &Params) -> Result<Value, ApiError> {
    decide(world, now, params, false)
}

fn decide(world: &mut World, now: Timestamp, params: &Params, approve: bool) -> Result<Value, ApiError> {
    let user = params.user_id()?;
    let chat = world.target_room(params, "the chat can't have join requests")?;
    world.check_right(chat, Right::InviteUsers, NO_REQUEST_RIGHTS)?;
    if world.is_inside(chat, user) {
        return Err(ApiError::bad_request("USER_ALREADY_PARTICIPANT"));
    }
    if !world.is_known(user) {
        return Err(ApiError::bad_request("user not found"));
    }
    let request = world.rooms.get_mut(&chat).and_then(|room| room.requests.remove(&user));
    let request = request.ok_or_else(|| ApiError::bad_request("HIDE_REQUESTER_MISSING"))?;
    if approve {
        world.join(now, chat, world.bot.id, user, Some(request.link));
    } else if let Some(room) = world.rooms.get_mut(&chat) {
        room.passages.insert(user, Passage { at: now, turn: Turn::Declined });
    }
    Ok(json!(true))
}

impl World {
    pub(super) fn check_right(&self, chat: ChatId, right: Right, otherwise: &str) -> Result<(), ApiError> {
        let held = self.rooms.get(&chat).is_some_and(|room| room.can(self.bot.id, right));
        if held { Ok(()) } else { Err(ApiError::bad_request(otherwise)) }
    }
}
