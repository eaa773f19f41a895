//! The bot: its token, and its rights in each channel that is sold.

use tollhouse_core::channel::Channel;
use tollhouse_store::{ChannelFilter, PAGE_LENGTH_MAX, Store};
use tollhouse_telegram::{ChatId, Error, Gateway, GatewayConfig, Missing, Right, UserId};

use super::Check;
use crate::cli::session::all_pages;
use crate::config::{Config, TelegramMode};

const NAME: &str = "telegram";

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
                checks.push(rights(&gateway, me.id, &channel).await);
            }
        }
        Err(error) => {
            checks.push(Check::fail("channels", error.to_string(), "see the line about the database"));
        }
    }
    checks
}

fn bad_token(what: &str) -> Check {
    Check::fail(NAME, what, "ask @BotFather for the token (/token) and set TOLLHOUSE_TELEGRAM_BOT_TOKEN")
}

/// Selling needs two rights: to let people in, and to show them out.
async fn rights(gateway: &Gateway, bot: UserId, channel: &Channel) -> Check {
    let name = format!("channel {}", channel.title);
    let chat = channel.private_chat;
    let member = match gateway.get_chat_member(ChatId(chat.get()), bot).await {
        Ok(member) => member,
        Err(Error::NotFound(Missing::Chat | Missing::User | Missing::Member) | Error::NoRights { .. }) => {
            return Check::fail(&name, format!("the bot is not in the chat {chat}"), make_admin());
        }
        Err(Error::Migrated { to }) => {
            let mend = format!("archive the channel and register it anew with --private-chat {}", to.0);
            return Check::fail(&name, format!("the group {chat} has become the supergroup {}", to.0), mend);
        }
        Err(error) => {
            let mend = "run `tollhouse doctor` again in a minute";
            return Check::fail(&name, format!("the bot's rights could not be seen: {error}"), mend);
        }
    };
    let lacking: Vec<&str> = [(Right::InviteUsers, "invite people"), (Right::RestrictMembers, "ban people")]
        .into_iter()
        .filter(|(right, _)| !member.status.can(*right))
        .map(|(_, words)| words)
        .collect();
    if lacking.is_empty() {
        Check::ok(&name, "the bot may invite people and show them out")
    } else {
        Check::fail(&name, format!("the bot may not {}", lacking.join(", nor ")), make_admin())
    }
}

fn make_admin() -> &'static str {
    "make the bot an administrator of the chat, with the rights to invite and to ban people"
}
