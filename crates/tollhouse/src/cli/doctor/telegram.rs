//! The bot: its token, and in each channel that is sold its rights, and whether one comes in without it.

use tollhouse_core::channel::Channel;
use tollhouse_core::snapshot::Needs;
use tollhouse_store::{ChannelFilter, PAGE_LENGTH_MAX, Store};
use tollhouse_telegram::{
    Chat, ChatId, ChatKind, Error, Gateway, GatewayConfig, Member, Missing, Right, UserId,
};

use super::Check;
use crate::cli::session::all_pages;
use crate::config::{Config, TelegramMode};
use crate::notices;

const NAME: &str = "telegram";
const AGAIN: &str = "run `tollhouse doctor` again in a minute";
const MAKE_ADMIN: &str =
    "make the bot an administrator of the chat, with the rights to invite and to ban people";
const MAKE_POSTER: &str = "make the bot an administrator of the chat, with the right to post messages";

/// Checks the token and then, channel by channel, the rights.
pub(super) async fn check(config: &Config, store: Option<&dyn Store>) -> Vec<Check> {
    let telegram = &config.telegram;
    let Some(token) = &telegram.bot_token else {
        return vec![Check::warn(
            NAME,
            "no bot token: paid orders are granted, but nobody is invited",
            "set TOLLHOUSE_TELEGRAM_BOT_TOKEN to the token that @BotFather gave you",
        )];
    };
    let gateway = match Gateway::new(GatewayConfig::new(token.clone(), telegram.api_url.clone())) {
        Ok(gateway) => gateway,
        Err(error) => return vec![bad_token(&error.to_string())],
    };
    let me = match gateway.get_me().await {
        Ok(me) => me,
        Err(error @ Error::InvalidToken) => return vec![bad_token(&error.to_string())],
        Err(error) => {
            let mend = "see that this machine reaches the address in TOLLHOUSE_TELEGRAM_API_URL";
            return vec![Check::fail(NAME, error.to_string(), mend)];
        }
    };
    let mut checks = vec![if telegram.mode == TelegramMode::Off {
        let mend = "set TOLLHOUSE_TELEGRAM_MODE to polling when it is to be on";
        Check::warn(NAME, format!("@{} is known, but switched off", me.username), mend)
    } else {
        Check::ok(NAME, format!("@{} is known", me.username))
    }];
    let Some(store) = store else { return checks };
    let page =
        |before| store.channels(ChannelFilter { before, limit: PAGE_LENGTH_MAX, ..ChannelFilter::default() });
    match all_pages(|channel: &Channel| channel.id, page).await {
        Ok(channels) => {
            for channel in channels {
                checks.push(gate(&gateway, me.id, &channel).await);
                checks.extend(offer(&gateway, me.id, store, &channel).await);
            }
        }
        Err(error) => {
            checks.push(Check::fail("channels", error.to_string(), "see the line about the database"));
        }
    }
    for named in telegram.operators.iter().filter(|chat| !chat.is_private()) {
        checks.extend(operators(&gateway, me.id, store, *named).await);
    }
    checks
}

fn bad_token(what: &str) -> Check {
    Check::fail(NAME, what, "ask @BotFather for the token (/token) and set TOLLHOUSE_TELEGRAM_BOT_TOKEN")
}

/// Selling needs two rights, to let people in and to show them out, and a chat into which nobody comes without being let in.
async fn gate(gateway: &Gateway, bot: UserId, channel: &Channel) -> Check {
    let name = format!("channel {}", channel.title);
    let chat = channel.private_chat.get();
    let (chat_now, member) = match look(gateway, bot, ChatId(chat)).await {
        Ok(seen) => seen,
        Err(Error::NotFound(Missing::Chat | Missing::User | Missing::Member) | Error::NoRights { .. }) => {
            return Check::fail(&name, format!("the bot is not in the chat {chat}"), MAKE_ADMIN);
        }
        Err(Error::Migrated { to }) => return moved(&name, chat, to),
        Err(error) => {
            return Check::fail(&name, format!("the bot's rights could not be seen: {error}"), AGAIN);
        }
    };
    if let Some(username) = chat_now.username {
        let mend = "make the chat private in Telegram (Edit > Channel type, or Group type)";
        return Check::fail(
            &name,
            format!("anybody may join: the chat has the public address @{username}"),
            mend,
        );
    }
    let lacking: Vec<&str> = [(Right::InviteUsers, "invite people"), (Right::RestrictMembers, "ban people")]
        .into_iter()
        .filter(|(right, _)| !member.status.can(*right))
        .map(|(_, words)| words)
        .collect();
    if lacking.is_empty() {
        Check::ok(&name, "the bot may invite people and show them out")
    } else {
        Check::fail(&name, format!("the bot may not {}", lacking.join(", nor ")), MAKE_ADMIN)
    }
}

/// Whether the bot may post where the channel's offer is to stand. Nothing for a channel without such a chat.
async fn offer(gateway: &Gateway, bot: UserId, store: &dyn Store, channel: &Channel) -> Option<Check> {
    let chat = channel.public_chat?.get();
    let name = format!("offer of {}", channel.title);
    let mut needs = Needs::default();
    needs.offers.insert(channel.id);
    let is_posted = match store.snapshot(needs).await {
        Ok(rows) => {
            rows.offers.get(&channel.id).is_some_and(|offer| offer.post.is_some() || offer.next_at.is_some())
        }
        Err(error) => return Some(Check::fail(&name, error.to_string(), "see the line about the database")),
    };
    // Before the first offer is posted nothing is missed.
    let wrong = |message: String, mend: &str| {
        if is_posted { Check::fail(&name, message, mend) } else { Check::warn(&name, message, mend) }
    };
    Some(match look(gateway, bot, ChatId(chat)).await {
        Ok((chat_now, member)) if chat_now.kind == ChatKind::Channel => {
            if member.status.can(Right::PostMessages) {
                Check::ok(&name, format!("the bot may post in the chat {chat}"))
            } else {
                wrong(format!("the bot may not post in the chat {chat}"), MAKE_POSTER)
            }
        }
        // Everybody may write in a group, as a rule.
        Ok((_, member)) if member.status.is_inside() => {
            Check::ok(&name, format!("the bot is in the chat {chat}"))
        }
        Ok(_)
        | Err(Error::NotFound(Missing::Chat | Missing::User | Missing::Member) | Error::NoRights { .. }) => {
            wrong(format!("the bot is not in the chat {chat}"), MAKE_POSTER)
        }
        Err(Error::Migrated { to }) => moved(&name, chat, to),
        Err(error) => wrong(format!("the bot's rights could not be seen: {error}"), AGAIN),
    })
}

/// Whether an operators' group has become another, as notices have found, or Telegram says now. Nothing for one that is where it was.
async fn operators(gateway: &Gateway, bot: UserId, store: &dyn Store, named: ChatId) -> Option<Check> {
    const NAME: &str = "operators";
    let to = match notices::moved_to(store, named).await {
        Ok(Some(to)) => to,
        Ok(None) => match look(gateway, bot, named).await {
            Err(Error::Migrated { to }) => to,
            _ => return None,
        },
        Err(error) => return Some(Check::fail(NAME, error.to_string(), "see the line about the database")),
    };
    let mend = format!(
        "name {to} instead of {named} in TOLLHOUSE_OPERATOR_CHATS; until then notices follow by themselves"
    );
    Some(Check::warn(NAME, format!("the group {named} has become the supergroup {to}"), mend))
}

/// A group that has become another (F51): `serve` follows it.
fn moved(name: &str, chat: i64, to: ChatId) -> Check {
    Check::warn(
        name,
        format!("the group {chat} has become the supergroup {}", to.0),
        "nothing, if `tollhouse serve` runs: it follows with its next call to the group",
    )
}

/// A chat as it is now, and how the bot stands to it.
async fn look(gateway: &Gateway, bot: UserId, chat: ChatId) -> Result<(Chat, Member), Error> {
    let member = gateway.get_chat_member(chat, bot).await?;
    Ok((gateway.get_chat(chat).await?, member))
}
