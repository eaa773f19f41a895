//! Setting a channel up: title, plans, the chat in which the offer stands, the wallet. It begins with a button under the message that
//! says where the bot has become an administrator, so that nobody types an id.
//!
//! Whether somebody may sell a chat is asked of Telegram when it begins and again when the channel is made (F108). Everything that was
//! answered lies in the dialogue's payload; the channel is made of it in one transaction with the end of the dialogue (F58).

mod ask;

use serde::{Deserialize, Serialize};
use tollhouse_core::attention::Reason;
use tollhouse_core::bot_chat::BotRight;
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, NewChannel, NewPlan, Outcome, Refusal};
use tollhouse_core::dialogue::Question;
use tollhouse_core::id::{ChannelId, ProviderPaymentId, PublicChatId, TelegramChatId, TelegramUserId};
use tollhouse_core::money::{Currency, Money};
use tollhouse_core::payout::Payout;
use tollhouse_core::snapshot::{Needs, Snapshot};
use tollhouse_store::StoreError;
use tollhouse_telegram::{Chat, Html};

use super::{cards, parse, payout, standing};
use crate::bot::dialogue::{self, Answer, Step, Turn};
use crate::purchase::Reply;
use crate::replay::ReplayError;
use crate::texts;

pub use ask::ask;
pub(super) use ask::short as short_title;

/// The name of this dialogue's questions.
pub const KIND: &str = "setup";
/// What the data of the button begins with that starts it; then the chat.
pub const PREFIX: &str = "setup:";
/// Most plans that are asked for here; more can be added later.
const PLANS_MAX: usize = 10;

/// What was answered so far, and what is asked. Version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    v: u8,
    /// The chat that is to be sold.
    chat: TelegramChatId,
    /// Its title at Telegram.
    chat_title: String,
    title: Option<String>,
    plans: Vec<Planned>,
    /// The plan in the making.
    label: Option<String>,
    price: Option<Money>,
    public_chat: Option<TelegramChatId>,
    public_title: Option<String>,
    coin: Option<Currency>,
    payout: Option<Payout>,
    asks: Asks,
}

/// A plan that was answered for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Planned {
    label: String,
    price: Money,
    duration: PlanDuration,
}

/// The question that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Asks {
    Title,
    Label,
    Price,
    Duration,
    MorePlans,
    PublicChat,
    Coin,
    Address,
    Memo,
    Confirm,
}

/// The chat that a button's data names.
#[must_use]
pub fn of_press(data: &str) -> Option<TelegramChatId> {
    data.strip_prefix(PREFIX)?.parse().ok()
}

/// Begins, if this person may sell this chat, the bot may keep it, and nobody sells it already.
///
/// # Errors
/// The store's.
pub async fn begin(turn: &Turn<'_>, chat: TelegramChatId) -> Result<Reply, StoreError> {
    let snapshot = look(turn, chat).await?;
    if let Some(reply) = taken(turn, &snapshot, chat) {
        return Ok(reply);
    }
    // The button stands only where the bot was made an administrator; without a row it is a forged one.
    let Some(known) = snapshot.bot_chats.get(&chat) else {
        return Ok((turn.language.setup_not_yours(), None));
    };
    if known.is_public {
        return Ok((turn.language.setup_is_public(&known.title), None));
    }
    if let Some(why) = why_not(turn, chat, &known.title).await {
        return Ok((why, None));
    }
    let setup = Setup {
        v: 1,
        chat,
        chat_title: known.title.clone(),
        title: None,
        plans: Vec::new(),
        label: None,
        price: None,
        public_chat: None,
        public_title: None,
        coin: None,
        payout: None,
        asks: Asks::Title,
    };
    go_on(turn, setup).await
}

async fn look(turn: &Turn<'_>, chat: TelegramChatId) -> Result<Snapshot, StoreError> {
    let mut needs = Needs::default();
    needs.private_chats.insert(chat.as_private());
    needs.public_chats.insert(chat.as_public());
    needs.bot_chats.insert(chat);
    turn.app.store.snapshot(needs).await
}

/// What is said of a chat that is a channel's already. Whose it is is nobody else's business.
fn taken(turn: &Turn<'_>, snapshot: &Snapshot, chat: TelegramChatId) -> Option<Reply> {
    let sold = snapshot.channel_by_private_chat(chat.as_private());
    let offered = snapshot.channel_by_public_chat(chat.as_public());
    match sold.or(offered) {
        Some(channel) if channel.owner == Some(turn.user) => Some(cards::channel(turn.language, channel)),
        Some(channel) if channel.archived_at.is_some() => Some((turn.language.setup_archived(), None)),
        Some(_) => Some((turn.language.setup_taken(), None)),
        None => None,
    }
}

/// Why this person cannot set this chat up now, as Telegram says it.
async fn why_not(turn: &Turn<'_>, chat: TelegramChatId, title: &str) -> Option<Html> {
    let language = turn.language;
    match standing::may_sell(turn.gateway, chat, turn.user).await {
        Ok(true) => {}
        Ok(false) => return Some(language.setup_not_yours()),
        Err(error) => return Some(refused_by_telegram(turn, &error, title)),
    }
    match standing::bot_rights(turn.gateway, turn.bot(), chat, true).await {
        Ok(rights) => {
            let missing: Vec<BotRight> =
                BotRight::GATE.into_iter().filter(|right| !rights.contains(right)).collect();
            (!missing.is_empty())
                .then(|| language.setup_needs_rights(title, texts::rights(language, &missing)))
        }
        Err(error) => Some(refused_by_telegram(turn, &error, title)),
    }
}

fn refused_by_telegram(turn: &Turn<'_>, error: &tollhouse_telegram::Error, title: &str) -> Html {
    use tollhouse_telegram::{Error, Missing};
    tracing::info!(%error, "Telegram did not say how somebody stands to a chat");
    match error {
        Error::NoRights { .. } | Error::NotFound(Missing::Chat) => {
            let missing = texts::rights(turn.language, &[BotRight::Administrator]);
            turn.language.setup_needs_rights(title, missing)
        }
        Error::Migrated { .. } => turn.language.setup_migrated(title),
        _ => turn.language.telegram_away(),
    }
}

/// Asks the next question.
async fn go_on(turn: &Turn<'_>, setup: Setup) -> Result<Reply, StoreError> {
    match turn.go_on(Some(dialogue::question(KIND, &setup)?), None).await? {
        Step::Done(_) | Step::Repeated => ask(turn, &setup, turn.update_id).await,
        Step::Refused(refusal) => Ok((dialogue::refused(turn.language, &refusal), None)),
    }
}

/// The words of the question that is open.
///
/// # Errors
/// The store's.
pub async fn asked(turn: &Turn<'_>, question: &Question, place: i64) -> Result<Option<Reply>, StoreError> {
    match question.read::<Setup>() {
        Some(setup) => ask(turn, &setup, place).await.map(Some),
        None => Ok(None),
    }
}

/// Takes an answer. What is wrong with it is said, and the question stays open; `None` if the question cannot be read.
///
/// # Errors
/// The store's.
pub async fn heard(
    turn: &Turn<'_>,
    question: &Question,
    place: i64,
    answer: Answer<'_>,
) -> Result<Option<Reply>, StoreError> {
    let Some(setup) = question.read::<Setup>() else { return Ok(None) };
    take(turn, setup, place, answer).await.map(Some)
}

async fn take(
    turn: &Turn<'_>,
    mut setup: Setup,
    place: i64,
    answer: Answer<'_>,
) -> Result<Reply, StoreError> {
    let language = turn.language;
    let wrong = |wrong: parse::Wrong| Ok((wrong.say(language), None));
    setup.asks = match (setup.asks, answer) {
        (Asks::Title, Answer::Press("keep")) => {
            // Telegram's own titles fit, but for a control character that another program put in.
            match parse::words(&setup.chat_title) {
                Ok(title) => setup.title = Some(title),
                Err(fault) => return wrong(fault),
            }
            Asks::Label
        }
        (Asks::Title, Answer::Text(text)) => match parse::words(text) {
            Ok(title) => {
                setup.title = Some(title);
                Asks::Label
            }
            Err(fault) => return wrong(fault),
        },
        (Asks::Label, Answer::Text(text)) => match parse::words(text) {
            Ok(label) if setup.plans.iter().any(|plan| plan.label == label) => {
                return Ok((language.plan_label_twice(label), None));
            }
            Ok(label) => {
                setup.label = Some(label);
                Asks::Price
            }
            Err(fault) => return wrong(fault),
        },
        (Asks::Price, Answer::Text(text)) => match parse::price(text, &turn.app.coins.known()) {
            Ok(price) => {
                setup.price = Some(price);
                Asks::Duration
            }
            Err(fault) => return wrong(fault),
        },
        (Asks::Duration, Answer::Text(text) | Answer::Press(text)) => match parse::duration(text) {
            Ok(duration) => {
                let (Some(label), Some(price)) = (setup.label.take(), setup.price.take()) else {
                    return Ok((language.dialogue_closed(), None));
                };
                setup.plans.push(Planned { label, price, duration });
                if setup.plans.len() < PLANS_MAX { Asks::MorePlans } else { Asks::PublicChat }
            }
            Err(fault) => return wrong(fault),
        },
        (Asks::MorePlans, Answer::Press("more")) => Asks::Label,
        (Asks::MorePlans, Answer::Press("go")) => Asks::PublicChat,
        (Asks::PublicChat, Answer::Press("skip")) => {
            (setup.public_chat, setup.public_title) = (None, None);
            Asks::Coin
        }
        (Asks::PublicChat, Answer::Press(data)) => {
            let Some(chat) = data.strip_prefix("in:").and_then(|chat| chat.parse().ok()) else {
                return ask(turn, &setup, place).await;
            };
            let title = match look(turn, chat).await?.bot_chats.get(&chat) {
                Some(known) => known.title.clone(),
                None => return Ok((language.offer_not_there(), None)),
            };
            match offer_in(turn, &setup, chat, &title).await? {
                Some(why) => return Ok((why, None)),
                None => (setup.public_chat, setup.public_title) = (Some(chat), Some(title)),
            }
            Asks::Coin
        }
        (Asks::PublicChat, Answer::Forward(chat)) => match public_chat(turn, &mut setup, chat).await? {
            Some(why) => return Ok((why, None)),
            None => Asks::Coin,
        },
        (Asks::Coin, Answer::Press("skip")) => {
            (setup.coin, setup.payout) = (None, None);
            Asks::Confirm
        }
        (Asks::Coin, Answer::Text(text) | Answer::Press(text)) => match payout::coin(text) {
            Some(coin) => {
                setup.coin = Some(coin);
                Asks::Address
            }
            None => return Ok((language.payout_coin_unknown(), None)),
        },
        (Asks::Address, Answer::Text(text)) => {
            let Some(coin) = setup.coin.clone() else { return Ok((language.dialogue_closed(), None)) };
            match Payout::new(coin, text, None) {
                Ok(payout) => {
                    let has_memo = payout.network().is_some_and(|network| network.has_memo());
                    setup.payout = Some(payout);
                    if has_memo { Asks::Memo } else { Asks::Confirm }
                }
                Err(error) => return Ok((payout::wrong(language, &error), None)),
            }
        }
        (Asks::Memo, Answer::Press("none")) => Asks::Confirm,
        (Asks::Memo, Answer::Text(text)) => match setup.payout.clone() {
            Some(known) => match Payout::new(known.currency, &known.address, Some(text)) {
                Ok(payout) => {
                    setup.payout = Some(payout);
                    Asks::Confirm
                }
                Err(error) => return Ok((payout::wrong(language, &error), None)),
            },
            None => Asks::Coin,
        },
        (Asks::Confirm, Answer::Press("create")) => return create(turn, setup).await,
        (Asks::Confirm, Answer::Press("cancel")) => return dialogue::cancel(turn).await,
        // A text where a button is meant, a picture, a forward: the question is asked again.
        (_, _) => return ask(turn, &setup, place).await,
    };
    go_on(turn, setup).await
}

/// Takes a channel as the one in which the offer stands; why not, else.
async fn public_chat(turn: &Turn<'_>, setup: &mut Setup, chat: &Chat) -> Result<Option<Html>, StoreError> {
    let Ok(id) = TelegramChatId::new(chat.id.0) else { return Ok(Some(turn.language.offer_not_there())) };
    let title = chat.title.clone().unwrap_or_else(|| id.to_string());
    let why = offer_in(turn, setup, id, &title).await?;
    if why.is_none() {
        (setup.public_chat, setup.public_title) = (Some(id), Some(title));
    }
    Ok(why)
}

/// Why the offer cannot stand in this chat.
async fn offer_in(
    turn: &Turn<'_>,
    setup: &Setup,
    chat: TelegramChatId,
    title: &str,
) -> Result<Option<Html>, StoreError> {
    let language = turn.language;
    if chat == setup.chat {
        return Ok(Some(language.offer_same_chat()));
    }
    let snapshot = look(turn, chat).await?;
    let is_used = snapshot.channel_by_private_chat(chat.as_private()).is_some()
        || snapshot.channel_by_public_chat(chat.as_public()).is_some();
    if is_used {
        return Ok(Some(language.setup_taken()));
    }
    match standing::may_offer(turn.gateway, chat, turn.user).await {
        Ok(true) => {}
        Ok(false) => return Ok(Some(language.offer_not_yours(title))),
        Err(error) => return Ok(Some(refused_by_telegram(turn, &error, title))),
    }
    let is_channel = snapshot.bot_chats.get(&chat).is_none_or(|known| known.is_channel);
    Ok(match standing::bot_rights(turn.gateway, turn.bot(), chat, is_channel).await {
        Ok(rights) if rights.contains(&BotRight::PostMessages) => None,
        Ok(rights) => {
            let missing = match rights.contains(&BotRight::Administrator) {
                true => BotRight::PostMessages,
                false => BotRight::Administrator,
            };
            Some(language.setup_needs_rights(title, texts::rights(language, &[missing])))
        }
        Err(error) => Some(refused_by_telegram(turn, &error, title)),
    })
}

/// The bot was made an administrator of another public channel while it asks for that: it is the answer. `None` if it does not ask.
///
/// # Errors
/// The store's.
pub async fn bot_added(turn: &Turn<'_>, chat: &Chat) -> Result<Option<Reply>, StoreError> {
    let Some(dialogue) = turn.dialogue().await? else { return Ok(None) };
    let Some(setup) = dialogue.open(turn.app.clock.now()).and_then(reads) else { return Ok(None) };
    if dialogue.has_seen(turn.update_id) || setup.chat.get() == chat.id.0 {
        return Ok(None);
    }
    take(turn, setup, dialogue.update_id, Answer::Forward(chat)).await.map(Some)
}

/// A setup that waits to hear of the public chat.
fn reads(question: &Question) -> Option<Setup> {
    let setup = (question.kind == KIND).then(|| question.read::<Setup>())??;
    (setup.asks == Asks::PublicChat).then_some(setup)
}

/// Whether somebody is being asked in which channel the offer is to stand.
///
/// # Errors
/// The store's.
pub async fn asks_for_public_chat(turn: &Turn<'_>, chat: TelegramChatId) -> Result<bool, StoreError> {
    let dialogue = turn.dialogue().await?;
    let setup = dialogue.and_then(|dialogue| dialogue.open(turn.app.clock.now()).and_then(reads));
    Ok(setup.is_some_and(|setup| setup.chat != chat))
}

/// Makes the channel, if this person still may, and ends the dialogue with it.
async fn create(turn: &Turn<'_>, setup: Setup) -> Result<Reply, StoreError> {
    let language = turn.language;
    if let Some(why) = why_not(turn, setup.chat, &setup.chat_title).await {
        return Ok((why, None));
    }
    if let (Some(chat), Some(title)) = (setup.public_chat, &setup.public_title)
        && let Some(why) = offer_in(turn, &setup, chat, title).await?
    {
        return Ok((why, None));
    }
    let title = setup.title.unwrap_or_else(|| setup.chat_title.clone());
    let plan = |plan: Planned| NewPlan { label: plan.label, price: plan.price, duration: plan.duration };
    let new = NewChannel {
        private_chat: setup.chat.as_private(),
        public_chat: setup.public_chat.map(TelegramChatId::as_public),
        title: title.clone(),
        owner: Some(turn.user),
        payout: setup.payout,
        plans: setup.plans.into_iter().map(plan).collect(),
        policies: turn.app.config.policies.clone(),
        actor: actor(turn.user),
    };
    match turn.go_on(None, Some(Command::AddChannelAndPost(Box::new(new)))).await? {
        Step::Done(Outcome::Channel(id)) => {
            made(turn, id, &title, setup.public_chat.map(TelegramChatId::as_public)).await
        }
        Step::Done(_) | Step::Repeated => Ok((language.setup_done(title), None)),
        // Somebody was faster (F108). What was answered is of no use any more.
        Step::Refused(Refusal::Conflict(_)) => {
            turn.go_on(None, None).await?;
            Ok((language.setup_taken(), None))
        }
        Step::Refused(refusal) => Ok((dialogue::refused(language, &refusal), None)),
    }
}

async fn made(
    turn: &Turn<'_>,
    id: ChannelId,
    title: &str,
    public_chat: Option<PublicChatId>,
) -> Result<Reply, StoreError> {
    if public_chat.is_some() {
        // As `channel add` does: money that came for this chat before it was a channel's.
        take_up(turn, Reason::UnknownChannel).await?;
    }
    let keyboard = cards::find(turn, id).await?.map(|channel| cards::buttons(turn.language, &channel));
    Ok((turn.language.setup_done(title), keyboard))
}

/// Works in what came for this before it was here. What still waits stays in the attention list.
pub(super) async fn take_up(turn: &Turn<'_>, reason: Reason) -> Result<(), StoreError> {
    let still = |id: ProviderPaymentId, error: ReplayError| tracing::info!(payment = %id, %error, "a payment still waits");
    crate::replay::take_up(turn.app, reason, still).await.map(drop)
}

/// Who acts, in the audit log.
#[must_use]
pub fn actor(user: TelegramUserId) -> String {
    format!("telegram:{user}")
}
