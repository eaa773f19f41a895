//! The bot's ear: join requests, who comes and goes, and what people write or press. Each update becomes a command, which is stored before the
//! next offset is; a repeat after a crash is harmless.

pub mod dialogue;
mod donating;
pub mod owner;
mod pace;
mod press;
mod taps;
mod turns;
pub mod webhook;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::watch;
use tollhouse_core::command::{Command, Outcome, Refusal};
use tollhouse_core::id::{ClaimToken, PrivateChatId, TelegramUserId};
use tollhouse_core::presence::Standing;
use tollhouse_store::StoreError;
use tollhouse_telegram::{
    Callback, ChatId, Error as TelegramError, Gateway, Html, IncomingMessage, Keyboard, MemberChange,
    MemberStatus, MessageId, Topic, Update, UpdateId, UpdateKind, UserId,
};

use self::dialogue::{Answer, Turn};
use self::owner::Pressed;
pub use self::pace::Pace;
use self::pace::Pass;
pub use self::press::Press;
pub(crate) use self::press::plan_button;
pub use self::taps::{DOUBLE_TAP, Taps};
pub use self::turns::Turns;
use crate::app::{App, SubmitError};
use crate::config::TelegramMode;
use crate::donation;
use crate::metrics;
use crate::purchase::{self, Reply};
use crate::texts::{self, Language};

/// What this part is called where it is asked whether it is at work.
pub const PART: &str = "bot";
/// The role that one process at a time may have.
const ROLE: &str = "telegram_polling";
/// Where the next update's number is kept.
const OFFSET_KEY: &str = "telegram_next_update";
/// How long one question to Telegram waits for an update, in seconds.
const POLL_SECONDS: u64 = 20;
/// How many chats of one batch are answered at once.
const CHATS_AT_ONCE_MAX: usize = 16;
/// How long the answers to a batch wait for Telegram's limits on their chats, all of them together, in milliseconds. What would come later
/// is not said: the next batch is asked for when this one is handled, and an answer is a courtesy.
const ANSWERS_MS_MAX: u64 = 3_000;
/// How long we wait after an error or while another process polls, in seconds. A dead process' role is free within 30 s.
const PAUSE_SECONDS: u64 = 5;

/// Listens until told to stop.
pub async fn run(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let Some(gateway) = app.gateway.clone() else { return };
    // From here on silence counts. A try is no sign of life: only what Telegram has answered is (F104).
    app.pulse.beat(PART);
    while !*stop.borrow() {
        let mut stopped = stop.clone();
        let turn = async {
            if app.bot_name.get().is_none() {
                let me = gateway.get_me().await?;
                tracing::info!(bot = me.username, "the bot is there");
                let _ = app.bot_name.set(me.username);
            }
            match app.config.telegram.mode {
                TelegramMode::Webhook => Ok(webhook::watch(&app, &gateway, &mut stopped).await?),
                TelegramMode::Polling | TelegramMode::Off => listen(&app, &gateway).await,
            }
        };
        let outcome = tokio::select! {
            outcome = turn => outcome,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        if !matches!(outcome, Err(Trouble::Telegram(_))) {
            // It waits for its role, or for the database, which has a line of its own in the health.
            app.pulse.beat(PART);
        }
        if let Err(error) = outcome {
            tracing::warn!(%error, "the bot cannot listen; it tries again");
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(PAUSE_SECONDS)) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(transparent)]
    Telegram(#[from] TelegramError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Polls for as long as this process has the role and nothing goes wrong.
async fn listen(app: &App, gateway: &Gateway) -> Result<(), Trouble> {
    let Some(role) = app.store.role_lock(ROLE).await? else { return Ok(()) };
    let mut offset = app.store.get_state(OFFSET_KEY).await?.and_then(|text| text.parse().ok()).map(UpdateId);
    while role.is_held() {
        let batch = match gateway.get_updates(offset, Duration::from_secs(POLL_SECONDS), &Topic::WANTED).await
        {
            Err(TelegramError::Conflict { webhook: true, .. }) => {
                // The configuration says polling, so whoever set it is not wanted any more. What waits there is kept.
                tracing::warn!(
                    "Telegram posts updates to a webhook; it is taken away, since this program polls"
                );
                gateway.delete_webhook().await?;
                continue;
            }
            batch => batch?,
        };
        app.pulse.beat(PART);
        take_all(app, gateway, &batch.updates).await?;
        app.pulse.beat(PART);
        if let Some(next) = batch.next_offset
            && batch.next_offset != offset
        {
            app.store.put_state(OFFSET_KEY, &next.0.to_string()).await?;
            offset = batch.next_offset;
        }
    }
    Ok(())
}

/// Handles a batch: several chats at once, so that a chat that takes long holds up no other, and each chat's updates in their order.
async fn take_all(app: &App, gateway: &Gateway, updates: &[Update]) -> Result<(), Trouble> {
    let mut chats: BTreeMap<ChatId, Vec<&Update>> = BTreeMap::new();
    for update in updates {
        chats.entry(turns::chat_of(update)).or_default().push(update);
    }
    let gateway = &gateway.patient_for(Duration::from_millis(ANSWERS_MS_MAX));
    let turns: Vec<_> = chats.into_values().map(|updates| take_of_chat(app, gateway, updates)).collect();
    let handled = futures::stream::iter(turns).buffer_unordered(CHATS_AT_ONCE_MAX);
    let outcomes: Vec<Result<(), Trouble>> = handled.collect().await;
    outcomes.into_iter().collect()
}

async fn take_of_chat(app: &App, gateway: &Gateway, updates: Vec<&Update>) -> Result<(), Trouble> {
    for update in updates {
        take(app, gateway, update).await?;
    }
    Ok(())
}

/// Handles an update, once and in its chat's turn. What it asks for is stored when this returns; else it comes again, and whoever waits
/// for an answer is told so, once.
pub(crate) async fn take(app: &App, gateway: &Gateway, update: &Update) -> Result<(), Trouble> {
    let _turn = app.turns.of(turns::chat_of(update)).await;
    let taken = take_in_turn(app, gateway, update).await;
    match &taken {
        Ok(()) => app.turns.forget(update.id),
        Err(Trouble::Store(_)) if app.turns.is_first_trouble(update.id) => apologise(gateway, update).await,
        Err(_) => {}
    }
    taken
}

async fn take_in_turn(app: &App, gateway: &Gateway, update: &Update) -> Result<(), Trouble> {
    if turns::is_handled(&*app.store, update.id).await? {
        return Ok(());
    }
    match unpanicked(handle(app, gateway, update)).await {
        // A fault of ours, which no repeat mends: those behind it must not wait for ever (F41).
        Err(Trouble::Store(StoreError::Internal { what })) => {
            tracing::error!(
                update_id = update.id.0,
                kind = update.kind.name(),
                what,
                "bot.update_given_up: an update cannot be worked in, and is left; please report this"
            );
            metrics::update_given_up();
            apologise(gateway, update).await;
        }
        handled => handled?,
    }
    Ok(turns::note_handled(&*app.store, update.id).await?)
}

/// A panic is a fault of ours like any other: it ends neither the part nor anybody's turn, and does not meet the same update for ever.
async fn unpanicked(handling: impl Future<Output = Result<(), Trouble>>) -> Result<(), Trouble> {
    AssertUnwindSafe(handling)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(StoreError::Internal { what: "the bot panicked".to_owned() }.into()))
}

/// Says to whoever waits for an answer that there is none now: to a press in their app, to a word in their chat (F55).
async fn apologise(gateway: &Gateway, update: &Update) {
    match &update.kind {
        UpdateKind::Callback(callback) => {
            let language = Language::of_account(callback.from.language_code.as_deref());
            press::answer(gateway, callback, Some(&language.try_later())).await;
        }
        UpdateKind::Message(message) if message.chat.id.is_private() => {
            let Some(from) = &message.from else { return };
            let language = Language::of_account(from.language_code.as_deref());
            say(gateway, message.chat.id, &Html::text(&language.try_later()), None).await;
        }
        _ => {}
    }
}

/// Handles one update. An update that the rules refuse is answered or logged, never tried for ever.
async fn handle(app: &App, gateway: &Gateway, update: &Update) -> Result<(), Trouble> {
    match &update.kind {
        UpdateKind::JoinRequest(request) => {
            let (Ok(chat), Ok(user)) =
                (PrivateChatId::new(request.chat.id.0), TelegramUserId::new(request.from.id.0))
            else {
                return Ok(());
            };
            app.learn_language(user, request.from.language_code.as_deref()).await?;
            submit(app, Command::JoinRequest { chat, user, update_id: update.id.0 }).await
        }
        UpdateKind::ChatMember(change) => {
            let (Ok(chat), Ok(user)) =
                (PrivateChatId::new(change.chat.id.0), TelegramUserId::new(change.after.user.id.0))
            else {
                return Ok(());
            };
            let standing = standing(app, change);
            if standing == Standing::Inside && change.after.user.is_bot {
                // A bot can never have bought: a helper of the owner's is no stranger.
                return Ok(());
            }
            submit(app, Command::MemberSeen { chat, user, standing, at: change.at }).await
        }
        // The old group tells the new number; the new group tells the old one. Either is enough.
        UpdateKind::Message(IncomingMessage { chat, migrated_to: Some(to), .. }) => {
            migrated(app, chat.id.0, to.0).await
        }
        UpdateKind::Message(IncomingMessage { chat, migrated_from: Some(from), .. }) => {
            migrated(app, from.0, chat.id.0).await
        }
        UpdateKind::Message(message) if message.chat.id.is_private() => {
            word(app, gateway, message, update.id).await
        }
        UpdateKind::Message(message) => word_in_group(app, gateway, message).await,
        UpdateKind::Callback(callback) => pressed(app, gateway, callback, update.id).await,
        UpdateKind::MyChatMember(change) if !change.chat.id.is_private() => {
            bot_seen(app, gateway, change, update.id).await
        }
        UpdateKind::MyChatMember(_)
        | UpdateKind::ChannelPost(_)
        | UpdateKind::Unknown { .. }
        | UpdateKind::Undecodable { .. } => Ok(()),
    }
}

/// What the bot may do in a chat has changed.
async fn bot_seen(
    app: &App,
    gateway: &Gateway,
    change: &MemberChange,
    update_id: UpdateId,
) -> Result<(), Trouble> {
    let Ok(user) = TelegramUserId::new(change.actor.id.0) else { return Ok(()) };
    let language = app.learn_language(user, change.actor.language_code.as_deref()).await?;
    let turn = Turn { app, gateway, user, update_id: update_id.0, language };
    match owner::bot_seen(&turn, change, update_id).await {
        Ok(Some((text, keyboard))) => {
            say(gateway, change.actor.id.private_chat(), &text, keyboard.as_ref()).await;
            Ok(())
        }
        Ok(None) => Ok(()),
        Err(SubmitError::Refused(refusal)) => {
            tracing::info!(%refusal, "what Telegram says of the bot's rights was refused by the rules");
            Ok(())
        }
        Err(SubmitError::Store(error)) => Err(error.into()),
    }
}

/// How somebody stands to a chat after a change. A ban by the bot itself is half of a removal, and no standing of its own.
fn standing(app: &App, change: &MemberChange) -> Standing {
    match change.after.status {
        MemberStatus::Creator | MemberStatus::Administrator(_) => Standing::Admin,
        MemberStatus::Kicked { .. } if app.bot_id() != Some(change.actor.id.0) => Standing::Banned,
        status if status.is_inside() => Standing::Inside,
        _ => Standing::Outside,
    }
}

async fn migrated(app: &App, from: i64, to: i64) -> Result<(), Trouble> {
    let (Ok(from), Ok(to)) = (PrivateChatId::new(from), PrivateChatId::new(to)) else { return Ok(()) };
    submit(app, Command::ChatMigrated { from, to }).await
}

/// Carries a command out. What the rules refuse is nothing that a repeat would mend.
async fn submit(app: &App, command: Command) -> Result<(), Trouble> {
    match app.submit(command).await {
        Ok(_) => Ok(()),
        Err(SubmitError::Refused(refusal)) => {
            tracing::info!(%refusal, "an update was refused by the rules");
            Ok(())
        }
        Err(SubmitError::Store(error)) => Err(error.into()),
    }
}

/// What a user writes in the private chat: a command, or the answer to what the bot has asked. Anything else is nothing that a bot could
/// answer.
async fn word(
    app: &App,
    gateway: &Gateway,
    message: &IncomingMessage,
    update_id: UpdateId,
) -> Result<(), Trouble> {
    let Some(from) = message.from.as_ref() else { return Ok(()) };
    let Ok(user) = TelegramUserId::new(from.id.0) else { return Ok(()) };
    let language = Language::of_account(from.language_code.as_deref());
    let chat = from.id.private_chat();
    match may_ask(app, user) {
        Pass::Go => {}
        Pass::Warn => {
            say(gateway, chat, &language.too_many(), None).await;
            return Ok(());
        }
        Pass::Ignore => return Ok(()),
    }
    app.learn_language(user, from.language_code.as_deref()).await?;
    let turn = Turn { app, gateway, user, update_id: update_id.0, language };
    let Some((command, payload)) = message.command() else {
        let answer = match (message.forwarded_from(), message.text.as_deref()) {
            (Some(channel), _) => Answer::Forward(channel),
            (None, Some(text)) => Answer::Text(text),
            (None, None) => return Ok(()),
        };
        if let Some((text, keyboard)) = dialogue::answered(&turn, answer).await? {
            say(gateway, chat, &text, keyboard.as_ref()).await;
        }
        return Ok(());
    };
    match command {
        "start" => {
            let answer = start(&turn, payload).await?;
            submit(app, Command::UserStarted { user }).await?;
            if let Some((answer, keyboard)) = answer {
                say(gateway, chat, &answer, keyboard.as_ref()).await;
            }
            if payload.is_empty() {
                let more = match dialogue::open_question(&turn).await? {
                    Some(question) => Some(question),
                    None => owner::waiting(app, user, language).await?,
                };
                if let Some((text, keyboard)) = more {
                    say(gateway, chat, &text, keyboard.as_ref()).await;
                }
            }
        }
        "mylink" => my_link(app, gateway, user, language).await?,
        "cancel" => {
            let (text, keyboard) = dialogue::cancel(&turn).await?;
            say(gateway, chat, &text, keyboard.as_ref()).await;
        }
        other => {
            let (text, keyboard) = match owner::command(&turn, other).await? {
                Some(reply) => reply,
                None => (language.command_unknown(), None),
            };
            say(gateway, chat, &text, keyboard.as_ref()).await;
        }
    }
    Ok(())
}

/// Whether an account may ask for something more now.
fn may_ask(app: &App, user: TelegramUserId) -> Pass {
    if app.config.telegram.limits_accounts { app.pace.asks(user) } else { Pass::Go }
}

/// What `/start` is answered with at once, by what follows it: a renewal, a link, a channel, an order, a donation, a claim, or nothing. An
/// order's own message comes by a job. Whatever else it says comes to nothing but an answer (F17).
async fn start(turn: &Turn<'_>, payload: &str) -> Result<Option<Reply>, Trouble> {
    let Turn { app, user, language, .. } = *turn;
    if payload.is_empty() {
        return Ok(Some(purchase::welcome(app, user, language).await?));
    }
    if let Some(membership) = crate::renewal::of_payload(payload) {
        return Ok(crate::renewal::start(app, user, membership, language).await?);
    }
    if let Some(slug) = purchase::link_of(payload) {
        return Ok(purchase::open(app, user, slug, language).await?);
    }
    if let Some(channel) = purchase::channel_of(payload) {
        return Ok(purchase::open_channel(app, user, channel, language).await?);
    }
    if let Some(order) = purchase::order_of(payload) {
        return Ok(purchase::show(app, user, order, language).await?);
    }
    if let Some(channel) = donation::of_payload(payload) {
        return Ok(Some(donating::begin(turn, channel).await?));
    }
    let claim = payload
        .strip_prefix("c_")
        .and_then(|hex| format!("{}{hex}", ClaimToken::PREFIX).parse::<ClaimToken>().ok());
    let answer = match claim {
        Some(claim) => match app.submit(Command::ClaimOrder { claim, user }).await {
            Ok(_) => texts::claimed(language),
            Err(SubmitError::Refused(Refusal::Conflict(_))) => language.claim_taken(),
            Err(SubmitError::Refused(_)) => language.claim_unknown(),
            Err(SubmitError::Store(error)) => return Err(error.into()),
        },
        None => language.start_unknown(),
    };
    Ok(Some((answer, None)))
}

/// A word in a group: `/start` with a link is answered with the way to the private chat, and everything else is not for us. Who asks too
/// much is told nothing here, where others read it.
async fn word_in_group(app: &App, gateway: &Gateway, message: &IncomingMessage) -> Result<(), Trouble> {
    let Some(("start", payload)) = message.command() else { return Ok(()) };
    let from = message.from.as_ref();
    let user = from.and_then(|from| TelegramUserId::new(from.id.0).ok());
    if user.is_some_and(|user| may_ask(app, user) != Pass::Go) {
        return Ok(());
    }
    let language = Language::of_account(from.and_then(|from| from.language_code.as_deref()));
    if let Some((answer, keyboard)) = purchase::in_group(app, payload, language).await? {
        say(gateway, message.chat.id, &answer, keyboard.as_ref()).await;
    }
    Ok(())
}

/// A press on a button that comes back to us. One that belongs to nothing now is of another program or another time: whoever pressed is
/// told (F53). What a button carries names something to look up, and never what it costs or to whom it belongs (F17).
async fn pressed(
    app: &App,
    gateway: &Gateway,
    callback: &Callback,
    update_id: UpdateId,
) -> Result<(), Trouble> {
    let Ok(user) = TelegramUserId::new(callback.from.id.0) else { return Ok(()) };
    let language = Language::of_account(callback.from.language_code.as_deref());
    if may_ask(app, user) != Pass::Go {
        press::answer(gateway, callback, Some(&language.press_too_many())).await;
        return Ok(());
    }
    app.learn_language(user, callback.from.language_code.as_deref()).await?;
    let turn = Turn { app, gateway, user, update_id: update_id.0, language };
    let data = callback.data.as_deref().unwrap_or_default();
    if let Some(press) = Press::of_data(data) {
        return press::pressed(&turn, callback, press).await;
    }
    let pressed = if let Some((place, answer)) = dialogue::of_press(data) {
        dialogue::pressed(&turn, place, answer).await?
    } else if let Some(chat) = owner::setup::of_press(data) {
        Some(Pressed::Says(owner::setup::begin(&turn, chat).await?))
    } else if let Some(press) = owner::press::Press::read(data) {
        Some(owner::pressed(&turn, press).await?)
    } else {
        None
    };
    let old = pressed.is_none().then(|| language.press_old());
    press::answer(gateway, callback, old.as_deref()).await;
    let to = callback.from.id.private_chat();
    match (pressed, &callback.message) {
        (Some(Pressed::Becomes((text, keyboard))), Some(message)) if message.chat.id == to => {
            become_of(gateway, to, message.id, &text, keyboard.as_ref()).await;
        }
        (Some(Pressed::Becomes((text, keyboard)) | Pressed::Says((text, keyboard))), _) => {
            say(gateway, to, &text, keyboard.as_ref()).await;
        }
        (Some(Pressed::Nothing) | None, _) => {}
    }
    Ok(())
}

/// `/mylink`: the way in again, for as long as the membership lasts (F37).
async fn my_link(
    app: &App,
    gateway: &Gateway,
    user: TelegramUserId,
    language: Language,
) -> Result<(), Trouble> {
    let answer = match app.submit(Command::ReissueInvites { user }).await {
        // How long that takes nobody knows where the bot lacks the right to make one.
        Ok(Outcome::Reissued { making: 1.., .. }) => language.link_making(),
        Ok(Outcome::Reissued { sent: 1.., .. }) => return Ok(()),
        Ok(Outcome::Reissued { rested: 1.., .. }) => language.link_just_sent(),
        Ok(_) | Err(SubmitError::Refused(_)) => language.no_access(),
        Err(SubmitError::Store(error)) => return Err(error.into()),
    };
    say(gateway, UserId(user.get()).private_chat(), &answer, None).await;
    Ok(())
}

/// Rewrites one of our messages; if it is too old for that, says it anew.
async fn become_of(
    gateway: &Gateway,
    chat: ChatId,
    message: MessageId,
    text: &Html,
    keyboard: Option<&Keyboard>,
) {
    match gateway.edit_message_text(chat, message, text, keyboard).await {
        Ok(()) | Err(TelegramError::AlreadyDone(_)) => {}
        Err(TelegramError::NotFound(_) | TelegramError::Permanent { .. }) => {
            say(gateway, chat, text, keyboard).await;
        }
        Err(error) => tracing::info!(%error, "an answer was not delivered"),
    }
}

/// An answer to a word is a courtesy, not a promise: it is said once and not kept.
async fn say(gateway: &Gateway, to: ChatId, text: &Html, keyboard: Option<&Keyboard>) {
    if let Err(error) = gateway.send_message(to, text, keyboard).await {
        tracing::info!(%error, "an answer was not delivered");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn f41_an_update_at_which_the_bot_panics_is_a_fault_of_ours_and_no_end() {
        let outcome = unpanicked(async { panic!("a fault of ours") }).await;
        assert!(matches!(outcome, Err(Trouble::Store(StoreError::Internal { .. }))), "{outcome:?}");
        unpanicked(async { Ok(()) }).await.unwrap();
    }
}
