//! The bot's ear: join requests, who comes and goes, and what people write or press. Each update becomes a command, which is stored before the
//! next offset is; a repeat after a crash is harmless.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tollhouse_core::command::{Command, Outcome};
use tollhouse_core::id::{ClaimToken, PrivateChatId, TelegramUserId};
use tollhouse_core::presence::Standing;
use tollhouse_telegram::{
    Callback, ChatId, Error as TelegramError, Gateway, Html, IncomingMessage, Keyboard, MemberChange,
    MemberStatus, Topic, Update, UpdateId, UpdateKind, UserId,
};

use crate::app::{App, SubmitError};
use crate::purchase::{self, Reply};
use crate::texts::{self, Language};

/// What this part is called where it is asked whether it is at work.
const PART: &str = "bot";
/// The role that one process at a time may have.
const ROLE: &str = "telegram_polling";
/// Where the next update's number is kept.
const OFFSET_KEY: &str = "telegram_next_update";
/// How long one question to Telegram waits for an update, in seconds.
const POLL_SECONDS: u64 = 20;
/// How long we wait after an error or while another process polls, in seconds. A dead process' role is free within 30 s.
const PAUSE_SECONDS: u64 = 5;

/// Listens until told to stop.
pub async fn run(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let Some(gateway) = app.gateway.clone() else { return };
    while !*stop.borrow() {
        app.pulse.beat(PART);
        let turn = async {
            if app.bot_name.get().is_none() {
                let me = gateway.get_me().await?;
                tracing::info!(bot = me.username, "the bot is there");
                let _ = app.bot_name.set(me.username);
            }
            listen(&app, &gateway).await
        };
        let outcome = tokio::select! {
            outcome = turn => outcome,
            _ = stop.wait_for(|stop| *stop) => return,
        };
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
enum Trouble {
    #[error(transparent)]
    Telegram(#[from] TelegramError),
    #[error(transparent)]
    Store(#[from] tollhouse_store::StoreError),
}

/// Polls for as long as this process has the role and nothing goes wrong.
async fn listen(app: &App, gateway: &Gateway) -> Result<(), Trouble> {
    let Some(role) = app.store.role_lock(ROLE).await? else { return Ok(()) };
    let mut offset = app.store.get_state(OFFSET_KEY).await?.and_then(|text| text.parse().ok()).map(UpdateId);
    while role.is_held() {
        app.pulse.beat(PART);
        let batch = gateway.get_updates(offset, Duration::from_secs(POLL_SECONDS), &Topic::WANTED).await?;
        for update in batch.updates {
            handle(app, gateway, &update).await?;
        }
        if let Some(next) = batch.next_offset
            && batch.next_offset != offset
        {
            app.store.put_state(OFFSET_KEY, &next.0.to_string()).await?;
            offset = batch.next_offset;
        }
    }
    Ok(())
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
            submit(app, Command::JoinRequest { chat, user, update_id: update.id.0 }).await.map(|_| ())
        }
        UpdateKind::ChatMember(change) => {
            let (Ok(chat), Ok(user)) =
                (PrivateChatId::new(change.chat.id.0), TelegramUserId::new(change.after.user.id.0))
            else {
                return Ok(());
            };
            let standing = standing(app, change);
            submit(app, Command::MemberSeen { chat, user, standing, at: change.at }).await.map(|_| ())
        }
        // The old group tells the new number; the new group tells the old one. Either is enough.
        UpdateKind::Message(IncomingMessage { chat, migrated_to: Some(to), .. }) => {
            migrated(app, chat.id.0, to.0).await
        }
        UpdateKind::Message(IncomingMessage { chat, migrated_from: Some(from), .. }) => {
            migrated(app, from.0, chat.id.0).await
        }
        UpdateKind::Message(message) if message.chat.id.is_private() => word(app, gateway, message).await,
        UpdateKind::Message(message) => word_in_group(app, gateway, message).await,
        UpdateKind::Callback(callback) => {
            pressed(gateway, callback).await;
            Ok(())
        }
        UpdateKind::MyChatMember(_)
        | UpdateKind::ChannelPost(_)
        | UpdateKind::Unknown { .. }
        | UpdateKind::Undecodable { .. } => Ok(()),
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
    submit(app, Command::ChatMigrated { from, to }).await.map(|_| ())
}

/// Carries a command out; a refusal is given back as its sentence.
async fn submit(app: &App, command: Command) -> Result<Option<String>, Trouble> {
    match app.submit(command).await {
        Ok(_) => Ok(None),
        Err(SubmitError::Refused(refusal)) => {
            tracing::info!(%refusal, "an update was refused by the rules");
            Ok(Some(refusal.to_string()))
        }
        Err(SubmitError::Store(error)) => Err(error.into()),
    }
}

/// A user's command in the private chat. What else is written there is nothing that a bot could answer.
async fn word(app: &App, gateway: &Gateway, message: &IncomingMessage) -> Result<(), Trouble> {
    let (Some(from), Some((command, payload))) = (message.from.as_ref(), message.command()) else {
        return Ok(());
    };
    let Ok(user) = TelegramUserId::new(from.id.0) else { return Ok(()) };
    let language = app.learn_language(user, from.language_code.as_deref()).await?;
    match command {
        "start" => {
            let (answer, keyboard) = start(app, user, payload, language).await?;
            submit(app, Command::UserStarted { user }).await?;
            say(gateway, from.id.private_chat(), &answer, keyboard.as_ref()).await;
        }
        "mylink" => my_link(app, gateway, user, language).await?,
        _ => say(gateway, from.id.private_chat(), &language.command_unknown(), None).await,
    }
    Ok(())
}

/// What `/start` is answered with, by what follows it: a renewal, a link, an order, a claim, or nothing. Whatever else it says comes to
/// nothing but an answer (F17).
async fn start(app: &App, user: TelegramUserId, payload: &str, language: Language) -> Result<Reply, Trouble> {
    if payload.is_empty() {
        return Ok((texts::hello(language), None));
    }
    if let Some(membership) = crate::renewal::of_payload(payload) {
        return Ok(crate::renewal::start(app, user, membership, language).await?);
    }
    if let Some(slug) = purchase::link_of(payload) {
        return Ok(purchase::offer(app, user, slug, language).await?);
    }
    if let Some(order) = purchase::order_of(payload) {
        return Ok(purchase::show(app, user, order, language).await?);
    }
    let claim = payload
        .strip_prefix("c_")
        .and_then(|hex| format!("{}{hex}", ClaimToken::PREFIX).parse::<ClaimToken>().ok());
    let answer = match claim {
        Some(claim) => match submit(app, Command::ClaimOrder { claim, user }).await? {
            None => texts::claimed(language),
            Some(sentence) => Html::text(&sentence),
        },
        None => language.start_unknown(),
    };
    Ok((answer, None))
}

/// A word in a group: `/start` with a link is answered with the way to the private chat, and everything else is not for us.
async fn word_in_group(app: &App, gateway: &Gateway, message: &IncomingMessage) -> Result<(), Trouble> {
    let Some(("start", payload)) = message.command() else { return Ok(()) };
    let Some(slug) = purchase::link_of(payload) else { return Ok(()) };
    let from = message.from.as_ref();
    let language = Language::of_account(from.and_then(|from| from.language_code.as_deref()));
    if let Some((answer, keyboard)) = purchase::in_group(app, slug, language).await? {
        say(gateway, message.chat.id, &answer, keyboard.as_ref()).await;
    }
    Ok(())
}

/// A press on a button that comes back to us. Tollhouse makes none, so it is one of another program or another time: whoever pressed is
/// told (F53), and what it carries is not looked at (F17).
async fn pressed(gateway: &Gateway, callback: &Callback) {
    let language = Language::of_account(callback.from.language_code.as_deref());
    let answer = language.press_old();
    if let Err(error) = gateway.answer_callback_query(&callback.id, Some(&answer), true).await {
        tracing::info!(%error, "a press was not answered");
    }
}

/// `/mylink`: the way in again, for as long as the membership lasts (F37).
async fn my_link(
    app: &App,
    gateway: &Gateway,
    user: TelegramUserId,
    language: Language,
) -> Result<(), Trouble> {
    let sent = match app.submit(Command::ReissueInvites { user }).await {
        Ok(Outcome::Reissued(count)) => count,
        Ok(_) | Err(SubmitError::Refused(_)) => 0,
        Err(SubmitError::Store(error)) => return Err(error.into()),
    };
    if sent == 0 {
        say(gateway, UserId(user.get()).private_chat(), &language.no_access(), None).await;
    }
    Ok(())
}

/// An answer to a word is a courtesy, not a promise: it is said once and not kept.
async fn say(gateway: &Gateway, to: ChatId, text: &Html, keyboard: Option<&Keyboard>) {
    if let Err(error) = gateway.send_message(to, text, keyboard).await {
        tracing::info!(%error, "an answer was not delivered");
    }
}
