//! The words of each question, and the buttons below it.

use tollhouse_core::id::TelegramChatId;
use tollhouse_core::snapshot::Needs;
use tollhouse_store::StoreError;
use tollhouse_telegram::{Button, Keyboard};

use super::{Asks, Setup};
use crate::bot::dialogue::{Turn, button};
use crate::bot::owner::{payout, plan};
use crate::purchase::Reply;
use crate::texts;

/// How many chats are offered to choose from; who has more forwards a post.
const CHATS_SHOWN_MAX: usize = 8;
/// Longest text on a button, in characters: more does not fit on a phone.
const BUTTON_CHARS_MAX: usize = 40;

/// The open question as it is asked.
///
/// # Errors
/// The store's.
pub async fn ask(turn: &Turn<'_>, setup: &Setup, place: i64) -> Result<Reply, StoreError> {
    let language = turn.language;
    let key = |text: String, answer: &str| button(text, place, answer);
    Ok(match setup.asks {
        Asks::Title => {
            let keep = key(language.button_keep_title(short(&setup.chat_title)), "keep");
            (language.ask_title(&setup.chat_title), Some(Keyboard::column([keep])))
        }
        Asks::Label if setup.plans.is_empty() => (language.ask_first_label(), None),
        Asks::Label => (language.ask_label(), None),
        Asks::Price => (language.ask_price(setup.label.clone().unwrap_or_default()), None),
        Asks::Duration => (language.ask_duration(), Some(plan::durations(language, place))),
        Asks::MorePlans => {
            let lines = setup
                .plans
                .iter()
                .map(|plan| texts::plan_line(language, &plan.label, &plan.price, &plan.duration));
            let keyboard = Keyboard::column([
                key(language.button_more_plans(), "more"),
                key(language.button_go_on(), "go"),
            ]);
            (texts::lines(&language.ask_more_plans(), lines), Some(keyboard))
        }
        Asks::PublicChat => {
            let chats = offered(turn, setup.chat).await?;
            let chats = chats.into_iter().map(|(chat, title)| key(short(&title), &format!("in:{chat}")));
            let buttons: Vec<Button> = chats.chain([key(language.button_skip(), "skip")]).collect();
            (language.ask_public_chat(), Some(Keyboard::column(buttons)))
        }
        Asks::Coin => {
            let mut keyboard = payout::coins(place);
            keyboard.rows.push(vec![key(language.button_later(), "skip")]);
            (language.ask_coin(), Some(keyboard))
        }
        Asks::Address => {
            let coin = setup.coin.as_ref();
            (payout::ask_address(language, coin), None)
        }
        Asks::Memo => (language.ask_memo(), Some(Keyboard::column([key(language.button_no_memo(), "none")]))),
        Asks::Confirm => {
            let title = setup.title.as_deref().unwrap_or(&setup.chat_title);
            let mut lines: Vec<_> = setup
                .plans
                .iter()
                .map(|plan| texts::plan_line(language, &plan.label, &plan.price, &plan.duration))
                .collect();
            if let Some(public) = &setup.public_title {
                lines.push(language.confirm_public_chat(public));
            }
            match &setup.payout {
                Some(payout) => {
                    let coin = payout.currency.as_str().to_uppercase();
                    lines.push(language.confirm_payout(texts::wallet(payout), coin));
                }
                None => lines.push(language.confirm_no_payout()),
            }
            let keyboard = Keyboard::column([
                key(language.button_create(), "create"),
                key(language.button_cancel(), "cancel"),
            ]);
            (texts::lines(&language.confirm_setup(title), lines), Some(keyboard))
        }
    })
}

/// The channels in which this person has made the bot an administrator, and that nobody's offer stands in.
async fn offered(turn: &Turn<'_>, but: TelegramChatId) -> Result<Vec<(TelegramChatId, String)>, StoreError> {
    let mut needs = Needs::default();
    needs.bot_chats_by.insert(turn.user);
    let mine = turn.app.store.snapshot(needs).await?;
    let mut needs = Needs::default();
    for chat in mine.bot_chats.keys() {
        needs.private_chats.insert(chat.as_private());
        needs.public_chats.insert(chat.as_public());
    }
    let used = turn.app.store.snapshot(needs).await?;
    let is_free = |chat: TelegramChatId| {
        used.channel_by_private_chat(chat.as_private()).is_none()
            && used.channel_by_public_chat(chat.as_public()).is_none()
    };
    let can_post = tollhouse_core::bot_chat::BotRight::PostMessages;
    let mut chats: Vec<_> = mine
        .bot_chats
        .values()
        .filter(|known| known.chat != but && known.is_channel && known.rights.contains(&can_post))
        .filter(|known| is_free(known.chat))
        .collect();
    // The newest first; one that everybody can read before one that only its members can.
    chats.sort_by_key(|known| (known.is_public, known.since));
    Ok(chats.into_iter().rev().take(CHATS_SHOWN_MAX).map(|known| (known.chat, known.title.clone())).collect())
}

/// What fits on a button.
pub(in crate::bot::owner) fn short(title: &str) -> String {
    if title.chars().count() <= BUTTON_CHARS_MAX {
        return title.to_owned();
    }
    let mut text: String = title.chars().take(BUTTON_CHARS_MAX - 1).collect();
    text.push('…');
    text
}
