//! How people and the bot stand to a chat, as Telegram says it at this moment.

use std::collections::BTreeSet;

use tollhouse_core::bot_chat::BotRight;
use tollhouse_core::id::{TelegramChatId, TelegramUserId};
use tollhouse_telegram::{AdminRights, Error, Gateway, Lack, Member, MemberStatus, Missing, Right, UserId};

/// Whether somebody runs a chat so far that they may sell it: they own it, or administer it with the right to invite (F108).
///
/// # Errors
/// Telegram's, but for who is not there at all.
pub async fn may_sell(gateway: &Gateway, chat: TelegramChatId, user: TelegramUserId) -> Result<bool, Error> {
    Ok(member(gateway, chat, UserId(user.get()))
        .await?
        .is_some_and(|member| member.status.can(Right::InviteUsers)))
}

/// Whether somebody runs a chat so far that they may have an offer posted there.
///
/// # Errors
/// As [`may_sell`].
pub async fn may_offer(gateway: &Gateway, chat: TelegramChatId, user: TelegramUserId) -> Result<bool, Error> {
    Ok(member(gateway, chat, UserId(user.get())).await?.is_some_and(|member| member.status.is_admin()))
}

/// What the bot may do in a chat; nothing where it is not, or not any more.
///
/// # Errors
/// Telegram's.
pub async fn bot_rights(
    gateway: &Gateway,
    bot: UserId,
    chat: TelegramChatId,
    is_channel: bool,
) -> Result<BTreeSet<BotRight>, Error> {
    match member(gateway, chat, bot).await {
        Ok(member) => Ok(member.map(|member| rights(member.status, is_channel)).unwrap_or_default()),
        Err(Error::NoRights { .. } | Error::NotFound(Missing::Chat)) => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

async fn member(gateway: &Gateway, chat: TelegramChatId, user: UserId) -> Result<Option<Member>, Error> {
    match gateway.get_chat_member(tollhouse_telegram::ChatId(chat.get()), user).await {
        Ok(member) => Ok(Some(member)),
        Err(Error::NotFound(Missing::User | Missing::Member)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The rights of an administrator. In a group nobody needs a right to write.
#[must_use]
pub fn rights(status: MemberStatus, is_channel: bool) -> BTreeSet<BotRight> {
    let held = match status {
        MemberStatus::Creator => AdminRights::all(),
        MemberStatus::Administrator(rights) => rights,
        _ => return BTreeSet::new(),
    };
    let of_right = |right: &BotRight| match right {
        BotRight::Administrator => true,
        BotRight::InviteUsers => held.can_invite_users,
        BotRight::RestrictMembers => held.can_restrict_members,
        BotRight::PostMessages => held.can_post_messages || !is_channel,
        BotRight::DeleteMessages => held.can_delete_messages,
    };
    BotRight::ALL.into_iter().filter(of_right).collect()
}

/// The right that a refusal names.
#[must_use]
pub fn lacking(lack: Lack) -> BotRight {
    match lack {
        Lack::NotMember | Lack::Kicked | Lack::Right(Right::Administrator) => BotRight::Administrator,
        Lack::Right(Right::InviteUsers) => BotRight::InviteUsers,
        Lack::Right(Right::RestrictMembers) => BotRight::RestrictMembers,
        Lack::Right(Right::PostMessages) => BotRight::PostMessages,
        Lack::Right(Right::DeleteMessages) => BotRight::DeleteMessages,
    }
}
