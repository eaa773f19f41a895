//! The worker: takes due jobs under a lease, does what they say outside of any transaction, and reports what came of it (I5).

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::SignedDuration;
use tokio::sync::{broadcast, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tollhouse_core::command::{Command, Outcome as CommandOutcome};
use tollhouse_core::id::{MembershipId, PrivateChatId, TelegramChatId, TelegramUserId};
use tollhouse_core::job::{
    Action, CLAIM_BATCH_MAX, Failure, Job, JobKind, LEASE_SECONDS, Lease, Outcome, Unentitled, action,
};
use tollhouse_core::snapshot::Snapshot;
use tollhouse_store::StoreError;
use tollhouse_telegram::{
    Blocked, Button, ChatId, Done, Error as TelegramError, Gateway, Html, Keyboard, MemberStatus, Missing,
    UserId,
};

use crate::app::App;
use crate::bot::{self, owner::standing};
use crate::metrics;
use crate::notices;
use crate::offer;
use crate::texts::{self, Language};

/// How often the worker looks for due jobs when nothing wakes it, in milliseconds: jobs for a later time, lapsed leases, other
/// processes' commits.
const LOOK_AGAIN_MS: u64 = 1_000;
/// How long the worker waits after the store failed it, in milliseconds.
const STORE_DOWN_MS: u64 = 1_000;
/// How long a job waits at first before it asks a store again that failed it, in milliseconds; doubles up to [`STORE_DOWN_MS`]. A full queue
/// has room again in a moment, a failover takes seconds.
const STORE_AGAIN_FIRST_MS: u64 = 100;
/// How long of its lease a job leaves to what it does, in seconds, when the store does not let it begin: the calls that it makes end within
/// half of a lease.
const ACTION_SECONDS: i64 = LEASE_SECONDS / 2;
/// How long before the end of its lease a job's outcome is last reported, in seconds: after the end another worker may have it.
const REPORT_SECONDS: i64 = 2;
/// How long a job waits for a bot that is not configured, in seconds.
const NO_GATEWAY_SECONDS: u32 = 60;

/// How many jobs are under way at once. A message that waits for its turn at Telegram (thirty a second) must not hold up the links of those
/// who have just paid; of those that wait there are a hundred at most, since a longer wait than three seconds is refused.
const UNDER_WAY_MAX: usize = 256;

/// Works until told to stop; what it holds by then it finishes.
pub async fn run(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let mut commits = app.store.commits();
    let mut under_way = JoinSet::new();
    while !*stop.borrow() {
        while let Some(ended) = under_way.try_join_next() {
            look_at(ended);
        }
        let room = UNDER_WAY_MAX.saturating_sub(under_way.len());
        let limit = CLAIM_BATCH_MAX.min(u32::try_from(room).unwrap_or(CLAIM_BATCH_MAX));
        let claimed = if limit == 0 {
            // No beat: a worker whose hands stay full is not at work.
            Ok(Vec::new())
        } else {
            app.pulse.beat("worker");
            claim(&app, limit).await
        };
        match claimed {
            Ok(jobs) => {
                // A full hand: there may be more.
                let is_full = limit > 0 && u32::try_from(jobs.len()).is_ok_and(|length| length >= limit);
                for job in jobs {
                    let app = Arc::clone(&app);
                    under_way.spawn(async move { work(&app, job).await });
                }
                if !is_full {
                    wait(&mut commits, &mut under_way, &mut stop).await;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the worker cannot reach the store");
                pause(Duration::from_millis(STORE_DOWN_MS), &mut stop).await;
            }
        }
    }
    while let Some(ended) = under_way.join_next().await {
        look_at(ended);
    }
}

/// A job that panicked hurts no other; its lease lapses, and it is given up when it has done so too often.
fn look_at(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "worker.panicked: a job's work ended badly; its lease will lapse");
    }
}

async fn pause(time: Duration, stop: &mut watch::Receiver<bool>) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

async fn wait(
    commits: &mut broadcast::Receiver<tollhouse_store::Committed>,
    under_way: &mut JoinSet<()>,
    stop: &mut watch::Receiver<bool>,
) {
    let woken = async {
        loop {
            match commits.recv().await {
                Ok(committed) if committed.armed => return,
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => return,
                Err(broadcast::error::RecvError::Closed) => return pause_for_ever().await,
            }
        }
    };
    tokio::select! {
        () = woken => {}
        // What was done may have made room, or come with a next step.
        Some(ended) = under_way.join_next() => look_at(ended),
        () = tokio::time::sleep(Duration::from_millis(LOOK_AGAIN_MS)) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

async fn pause_for_ever() {
    std::future::pending::<()>().await;
}

async fn claim(app: &Arc<App>, limit: u32) -> Result<Vec<Job>, crate::app::SubmitError> {
    match app.submit(Command::ClaimJobs { limit, now: app.clock.now() }).await? {
        CommandOutcome::Jobs(jobs) => Ok(jobs),
        _ => Ok(Vec::new()),
    }
}

/// Works the jobs that are due now, once; how many that were.
///
/// # Errors
/// The store's.
pub async fn run_due(app: &Arc<App>) -> Result<usize, crate::app::SubmitError> {
    let jobs = claim(app, CLAIM_BATCH_MAX).await?;
    let count = jobs.len();
    // All at once: the lease of each runs from the claim.
    join_all(jobs.into_iter().map(|job| work(app, job))).await;
    Ok(count)
}

/// How long a job asks a store again that fails it. A process that is told to stop lets it go on for as long as a stop may take.
struct Patience {
    until: Instant,
    wait: Duration,
}

impl Patience {
    /// Until so many seconds before the lease ends; measured without the wall clock from here on, which may be set meanwhile.
    fn new(app: &App, lease: Lease, seconds_before: i64) -> Self {
        let left = lease.until.duration_since(app.clock.now()) - SignedDuration::from_secs(seconds_before);
        let left = Duration::try_from(left)
            .unwrap_or_default()
            .min(Duration::from_secs(LEASE_SECONDS.unsigned_abs()));
        Self { until: Instant::now() + left, wait: Duration::from_millis(STORE_AGAIN_FIRST_MS) }
    }

    /// Waits before the store is asked again; `false` if nothing may come of it any more.
    async fn wait(&mut self, app: &App, error: &StoreError) -> bool {
        let may_pass = matches!(error, StoreError::Full | StoreError::Unavailable { .. });
        if !may_pass || Instant::now() + self.wait > self.until {
            return false;
        }
        let is_gone = tokio::select! {
            () = app.store.ended() => true,
            () = tokio::time::sleep(self.wait) => false,
        };
        self.wait = (self.wait * 2).min(Duration::from_millis(STORE_DOWN_MS));
        !is_gone
    }
}

/// What a job's next step hangs on.
async fn look(app: &App, job: &Job, lease: Lease) -> Result<Snapshot, StoreError> {
    let mut patience = Patience::new(app, lease, ACTION_SECONDS);
    loop {
        match app.store.snapshot(job.kind.needs()).await {
            Err(error) if patience.wait(app, &error).await => {}
            looked => return looked,
        }
    }
}

/// Has what came of a job stored. It was done outside already: thrown away, it would be done once more when the lease has lapsed. The token
/// lets only one report through, so that another one does no harm (F30).
async fn report(app: &App, job: Job, lease: Lease, outcome: Outcome) {
    let id = job.id;
    let finish = Command::FinishJob { job: Box::new(job), token: lease.token, outcome };
    let mut patience = Patience::new(app, lease, REPORT_SECONDS);
    let mut failed = false;
    loop {
        match app.submit_as_is(finish.clone()).await {
            // A commit whose answer was lost.
            Ok(Ok(CommandOutcome::LeaseLost)) if failed => {
                tracing::info!(job = %id, "a job's outcome is stored already, or another worker has the job");
                return;
            }
            Ok(Ok(CommandOutcome::LeaseLost)) => {
                tracing::warn!(job = %id, "a job was finished after its lease; another worker has it");
                return;
            }
            Ok(Ok(_)) => return,
            Ok(Err(refusal)) => {
                tracing::warn!(error = %refusal, job = %id, "a job's outcome was refused; its lease will lapse");
                return;
            }
            Err(error) => {
                if !patience.wait(app, &error).await {
                    tracing::warn!(%error, job = %id, "a job's outcome could not be stored; its lease will lapse");
                    return;
                }
                failed = true;
            }
        }
    }
}

async fn work(app: &Arc<App>, job: Job) {
    let Some(lease) = job.lease else { return };
    let snapshot = match look(app, &job, lease).await {
        Ok(snapshot) => snapshot,
        Err(error) => {
            tracing::warn!(%error, job = %job.id, "a job could not be looked at; its lease will lapse");
            return;
        }
    };
    let granted_at = match &job.kind {
        JobKind::DeliverAccess { grant_id, .. } => {
            snapshot.grants.get(grant_id).map(|grant| grant.granted_at)
        }
        _ => None,
    };
    let action = action(app.clock.now(), &snapshot, &job);
    let is_access = matches!(action, Action::SendAccess { .. });
    let outcome = perform(app, action).await;
    match &outcome {
        // The normal way of things: most buyers have not started the bot. Their link waits on the page and for their first /start.
        Outcome::Failed(failure @ Failure::Unreachable { error }) if !job.ends_with(failure) => {
            tracing::info!(job = %job.id, kind = job.kind.name(), error, "nobody to write to yet");
        }
        // Telegram's limits are the normal way of things too.
        Outcome::Failed(failure @ Failure::Later { .. }) => {
            tracing::debug!(job = %job.id, kind = job.kind.name(), %failure, "a job waits");
        }
        Outcome::Failed(failure) if job.ends_with(failure) => {
            tracing::error!(
                job = %job.id, kind = job.kind.name(), subject = job.subject, attempt = job.attempt, %failure,
                "job.given_up: a job did not work, and is not tried again by itself"
            );
        }
        Outcome::Failed(failure) => {
            tracing::warn!(job = %job.id, kind = job.kind.name(), attempt = job.attempt, %failure, "a job did not work");
        }
        Outcome::Declined { why } => {
            tracing::info!(job = %job.id, subject = job.subject, %why, "join.declined: somebody who asked to join was not let in");
        }
        Outcome::RequestGone => {
            tracing::info!(job = %job.id, subject = job.subject, "join.gone: no request to join is open: it was withdrawn, an administrator declined it, or there was none");
        }
        _ => {}
    }
    if let (true, Outcome::Done, Some(at)) = (is_access, &outcome, granted_at) {
        metrics::delivered(at, app.clock.now());
    }
    report(app, job, lease, outcome).await;
}

/// Does one action. Every one is safe to repeat.
async fn perform(app: &App, action: Action) -> Outcome {
    match action {
        Action::Nothing => return Outcome::Nothing,
        Action::GiveUp { error } => return Outcome::Failed(Failure::Permanent { error }),
        Action::CreateInvoice { order_id, price, description } => {
            return match &app.provider {
                Some(provider) => {
                    provider.create_invoice(app.clock.now(), order_id, &price, &description).await
                }
                None => Outcome::Failed(Failure::Later { seconds: NO_GATEWAY_SECONDS }),
            };
        }
        Action::CreatePayment { order_id, price, coin, description } => {
            return match &app.provider {
                Some(provider) => {
                    provider.create_payment(app.clock.now(), order_id, &price, &coin, &description).await
                }
                None => Outcome::Failed(Failure::Later { seconds: NO_GATEWAY_SECONDS }),
            };
        }
        Action::CountMembers { channel_id } => {
            return match app.store.count_members(channel_id).await {
                Ok(count) => Outcome::Counted { members: u32::try_from(count).unwrap_or(u32::MAX) },
                Err(error) => Outcome::Failed(Failure::Transient { error: error.to_string() }),
            };
        }
        _ => {}
    }
    let Some(gateway) = &app.gateway else {
        return Outcome::Failed(Failure::Later { seconds: NO_GATEWAY_SECONDS });
    };
    let gateway = &if is_awaited(&action) { gateway.clone() } else { gateway.in_bulk() };
    let chat = chat_of(&action);
    let done = match action {
        Action::CreateInvite { chat, name } => gateway
            .create_chat_invite_link(chat_id(chat), &name, None)
            .await
            .map(|made| Outcome::InviteCreated { chat, link: made.url }),
        Action::RevokeInvite { chat, link } => revoke(gateway, chat, &link).await,
        Action::SendAccess { user, title, link, ends_at, leaves_at, inside, lift_ban, let_in } => {
            if let Some(chat) = lift_ban
                && let Err(failure) = lift(gateway, chat, user).await
            {
                return Outcome::Failed(failure);
            }
            if let Some(chat) = let_in
                && let Err(failure) = open_to(gateway, chat, user).await
            {
                return Outcome::Failed(failure);
            }
            let language = app.language_of(user).await;
            let keyboard = Keyboard::column([Button::url(texts::access_button(language, inside), link)]);
            let text = texts::access(language, &title, ends_at, leaves_at, inside);
            send(gateway, user, &text, Some(&keyboard)).await
        }
        Action::Approve { chat, user, title, is_told } => {
            let text =
                if is_told { None } else { Some(app.language_of(user).await.join_too_many_chats(&title)) };
            approve(gateway, chat, user, text.as_ref()).await
        }
        Action::Explain { user, title } => {
            let text = texts::declined(app.language_of(user).await, &title);
            // A courtesy: if it does not arrive the request is declined all the same.
            if let Err(error) = send(gateway, user, &text, None).await {
                tracing::debug!(%error, "the reason for a declined join request was not delivered");
            }
            Ok(Outcome::Explained)
        }
        Action::Decline { chat, user, why } => decline(gateway, chat, user, why).await,
        Action::Remove { chat, user, keeps_ban } => remove(gateway, chat, user, keeps_ban).await,
        Action::Remind { user, title, ends_at, is_over, leaves_at, renews } => {
            let language = app.language_of(user).await;
            let text = texts::reminder(language, &title, ends_at, is_over.then_some(leaves_at));
            let keyboard = match renewal_button(app, gateway, renews, language).await {
                Ok(keyboard) => keyboard,
                Err(error) => return Outcome::Failed(failure(&error, chat)),
            };
            send(gateway, user, &text, keyboard.as_ref()).await
        }
        Action::Farewell { user, title, renews } => {
            let language = app.language_of(user).await;
            let keyboard = match renewal_button(app, gateway, renews, language).await {
                Ok(keyboard) => keyboard,
                Err(error) => return Outcome::Failed(failure(&error, chat)),
            };
            send(gateway, user, &texts::farewell(language, &title, renews.is_some()), keyboard.as_ref()).await
        }
        Action::PostOffer { chat, contents } => offer::post(app, gateway, chat, &contents).await,
        Action::EditOffer { post, contents } => offer::edit(app, gateway, &post, &contents).await,
        Action::TakeDownOffer { post, owner, is_over } => {
            offer::take_down(app, gateway, &post, owner, is_over).await
        }
        Action::OfferSetup { chat, user } => {
            let may = match standing::may_sell(gateway, chat.chat, user).await {
                Ok(may) => may,
                // The bot was taken out again meanwhile: there is nothing to offer.
                Err(TelegramError::NoRights { .. } | TelegramError::NotFound(_)) => return Outcome::Nothing,
                Err(error) => return Outcome::Failed(failure(&error, Some(chat.chat))),
            };
            let (text, keyboard) = bot::owner::offer_setup(app.language_of(user).await, &chat, may);
            send(gateway, user, &text, keyboard.as_ref()).await
        }
        Action::ShowOrder { order_id, channel_id, user, title, face, message_id } => {
            let order =
                crate::progress::Order { id: order_id, channel: channel_id, title: &title, face: &face };
            crate::progress::show(app, gateway, user, &order, message_id).await
        }
        Action::FoldMessage { user, title, message_id, .. } => {
            crate::progress::fold(app, gateway, user, &title, message_id).await
        }
        Action::Notify { owner, channel_id, title, notice, told } => {
            let about = notices::About { channel_id, title: title.as_deref(), notice: &notice };
            notices::tell(app, gateway, owner, &about, &told).await
        }
        Action::Nothing
        | Action::GiveUp { .. }
        | Action::CreateInvoice { .. }
        | Action::CreatePayment { .. }
        | Action::CountMembers { .. } => Ok(Outcome::Nothing),
    };
    done.unwrap_or_else(|error| match moved(&error) {
        Some(to) => Outcome::Migrated { to },
        None => Outcome::Failed(failure(&error, chat)),
    })
}

/// Whether somebody waits for what an action says. The others may be thousands at once, and leave room.
fn is_awaited(action: &Action) -> bool {
    match action {
        Action::Notify { notice, .. } => notice.is_urgent(),
        Action::Remind { .. }
        | Action::Farewell { .. }
        | Action::RevokeInvite { .. }
        | Action::PostOffer { .. }
        | Action::EditOffer { .. }
        | Action::TakeDownOffer { .. } => false,
        _ => true,
    }
}

/// In which chat of a channel an action is done, where the bot needs a right for it.
fn chat_of(action: &Action) -> Option<TelegramChatId> {
    match action {
        Action::CreateInvite { chat, .. }
        | Action::RevokeInvite { chat, .. }
        | Action::Approve { chat, .. }
        | Action::Decline { chat, .. }
        | Action::Remove { chat, .. } => Some((*chat).into()),
        Action::PostOffer { chat, .. } => Some((*chat).into()),
        Action::EditOffer { post, .. } | Action::TakeDownOffer { post, .. } => Some(post.chat.into()),
        _ => None,
    }
}

/// The number that a group has now, if that is why it did not work.
fn moved(error: &TelegramError) -> Option<PrivateChatId> {
    match error {
        TelegramError::Migrated { to } => PrivateChatId::new(to.0).ok(),
        _ => None,
    }
}

/// A button by which a member buys again.
async fn renewal_button(
    app: &App,
    gateway: &Gateway,
    renews: Option<MembershipId>,
    language: Language,
) -> Result<Option<Keyboard>, TelegramError> {
    let Some(id) = renews else { return Ok(None) };
    app.know_bot(gateway).await?;
    let link = app.bot_link(&crate::renewal::payload(id));
    Ok(link.map(|link| Keyboard::column([Button::url(language.button_renew(), link)])))
}

/// Revokes a link. One that is dead already, or that this bot has not made, is no way in of ours.
async fn revoke(gateway: &Gateway, chat: PrivateChatId, link: &str) -> Result<Outcome, TelegramError> {
    match gateway.revoke_chat_invite_link(chat_id(chat), link).await {
        Ok(()) | Err(TelegramError::AlreadyDone(_) | TelegramError::NotFound(Missing::Link)) => {
            Ok(Outcome::Done)
        }
        Err(error) => Err(error),
    }
}

/// Lifts the ban that a removal may have left. Without the right to, the link goes out all the same: there may be no ban at all, and the
/// chat's owner hears of the missing right by the next removal.
async fn lift(gateway: &Gateway, chat: PrivateChatId, user: TelegramUserId) -> Result<(), Failure> {
    match gateway.unban_chat_member(chat_id(chat), UserId(user.get())).await {
        // Whom the bot never met it has not banned either.
        Ok(()) | Err(TelegramError::NotFound(Missing::User | Missing::Member)) => Ok(()),
        Err(error @ (TelegramError::RetryAfter { .. } | TelegramError::Transient { .. })) => {
            Err(failure(&error, Some(chat.into())))
        }
        Err(error) => {
            tracing::warn!(%error, "a ban could not be lifted before access was sent");
            Ok(())
        }
    }
}

/// Lets in whoever has asked to join without anybody hearing it: while the bot lacked the right to, or was away for longer than Telegram
/// keeps what it tells. Whatever else keeps them out, the link goes out all the same.
async fn open_to(gateway: &Gateway, chat: PrivateChatId, user: TelegramUserId) -> Result<(), Failure> {
    match gateway.approve_chat_join_request(chat_id(chat), UserId(user.get())).await {
        Ok(()) | Err(TelegramError::AlreadyDone(_)) => Ok(()),
        Err(error @ (TelegramError::RetryAfter { .. } | TelegramError::Transient { .. })) => {
            Err(failure(&error, Some(chat.into())))
        }
        Err(error) => {
            tracing::debug!(%error, "nobody was let in before access was sent");
            Ok(())
        }
    }
}

fn chat_id(chat: PrivateChatId) -> ChatId {
    ChatId(chat.get())
}

async fn send(
    gateway: &Gateway,
    to: TelegramUserId,
    text: &Html,
    keyboard: Option<&Keyboard>,
) -> Result<Outcome, TelegramError> {
    gateway.send_message(UserId(to.get()).private_chat(), text, keyboard).await.map(|_| Outcome::Done)
}

/// Lets somebody in. `text`: what they read if only they can make it work, and did not read it before.
async fn approve(
    gateway: &Gateway,
    chat: PrivateChatId,
    member: TelegramUserId,
    text: Option<&Html>,
) -> Result<Outcome, TelegramError> {
    let (chat, user) = (chat_id(chat), UserId(member.get()));
    match gateway.approve_chat_join_request(chat, user).await {
        Err(error @ TelegramError::TooManyChats) => {
            if let Some(text) = text
                && let Err(error) = send(gateway, member, text, None).await
            {
                tracing::debug!(%error, "what keeps somebody out was not delivered");
            }
            // The request stays open, and they need not ask again.
            Ok(Outcome::Failed(Failure::TooManyChats { error: error.to_string() }))
        }
        Ok(()) | Err(TelegramError::AlreadyDone(Done::Member)) => Ok(Outcome::Approved),
        // Answered before, by us or by an admin, or withdrawn: only where they are now says which (F36).
        Err(TelegramError::AlreadyDone(_)) => match gateway.get_chat_member(chat, user).await {
            Ok(member) if member.status.is_inside() => Ok(Outcome::Approved),
            Ok(_) | Err(TelegramError::NotFound(Missing::User | Missing::Member)) => Ok(Outcome::RequestGone),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    }
}

async fn decline(
    gateway: &Gateway,
    chat: PrivateChatId,
    user: TelegramUserId,
    why: Unentitled,
) -> Result<Outcome, TelegramError> {
    match gateway.decline_chat_join_request(chat_id(chat), UserId(user.get())).await {
        Ok(()) => Ok(Outcome::Declined { why }),
        // An admin let them in before; that they are inside Telegram tells by itself.
        Err(TelegramError::AlreadyDone(Done::Member)) => Ok(Outcome::Nothing),
        Err(TelegramError::AlreadyDone(_)) => Ok(Outcome::RequestGone),
        Err(error) => Err(error),
    }
}

/// What helps where Telegram does not show somebody out: Telegram lets a person do by hand what it does not let a bot do.
const BY_HAND: &str =
    "look in the chat whether they are inside, and remove them there by hand; then run this again";

/// Bans, then lifts the ban, so that the member is out and may come back. Both are safe to repeat; only after both is it done (I9).
async fn remove(
    gateway: &Gateway,
    chat: PrivateChatId,
    user: TelegramUserId,
    keeps_ban: bool,
) -> Result<Outcome, TelegramError> {
    let (chat, user) = (chat_id(chat), UserId(user.get()));
    let inside = match gateway.get_chat_member(chat, user).await {
        Ok(member) if member.status.is_admin() => return Ok(Outcome::NotRemovable),
        Ok(member) if keeps_ban && matches!(member.status, MemberStatus::Kicked { .. }) => {
            return Ok(Outcome::Done);
        }
        Ok(member) => member.status.is_inside(),
        Err(TelegramError::NotFound(Missing::Member)) => false,
        Err(error) => return not_removed(user, error),
    };
    match gateway.ban_chat_member(chat, user).await {
        Ok(()) | Err(TelegramError::NotFound(Missing::Member)) => {}
        // An account that is gone, and not inside: that is all there is to reach.
        Err(TelegramError::Blocked(Blocked::Deactivated)) if !inside => return Ok(Outcome::Done),
        Err(TelegramError::ProtectedMember) => return Ok(Outcome::NotRemovable),
        Err(error) => return not_removed(user, error),
    }
    match gateway.unban_chat_member(chat, user).await {
        Ok(()) | Err(TelegramError::NotFound(Missing::Member)) => Ok(Outcome::Done),
        Err(error) => not_removed(user, error),
    }
}

/// Why somebody is not out yet. Whom the bot never met it cannot remove, and they may be inside: that passes when they write to it, or
/// when the chat tells of them, and ends in the list if it does not (F44).
fn not_removed(user: UserId, error: TelegramError) -> Result<Outcome, TelegramError> {
    match error {
        TelegramError::NotFound(Missing::User) => Ok(Outcome::Failed(Failure::Transient {
            error: format!(
                "the bot never met the Telegram user {user}, so Telegram does not let it remove them: {BY_HAND}"
            ),
        })),
        TelegramError::Blocked(why) => {
            Ok(Outcome::Failed(Failure::Permanent { error: format!("{why}: {BY_HAND}") }))
        }
        error => Err(error),
    }
}

/// What helps against an error of Telegram's.
fn failure(error: &TelegramError, chat: Option<TelegramChatId>) -> Failure {
    if let (TelegramError::NoRights { lack, .. }, Some(chat)) = (error, chat) {
        return Failure::NoRights { chat, right: standing::lacking(*lack) };
    }
    match error {
        TelegramError::RetryAfter { seconds } => Failure::Later { seconds: (*seconds).max(1) },
        TelegramError::Blocked(_) => Failure::Unreachable { error: error.to_string() },
        // Rights come back, and tokens are mended: these wait like an outage, and end in the list if they last.
        TelegramError::Transient { .. }
        | TelegramError::Conflict { .. }
        | TelegramError::NoRights { .. }
        | TelegramError::NotFound(Missing::Chat)
        | TelegramError::InvalidToken => Failure::Transient { error: error.to_string() },
        TelegramError::NotFound(_)
        | TelegramError::Migrated { .. }
        | TelegramError::AlreadyDone(_)
        | TelegramError::ProtectedMember
        | TelegramError::TooManyChats
        | TelegramError::Permanent { .. } => Failure::Permanent { error: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use tollhouse_core::id::LeaseToken;

    use super::*;
    use crate::clock::Clock;
    use crate::config::Config;
    use crate::no_store::NoStore;

    #[tokio::test(start_paused = true)]
    async fn a_store_that_stays_away_is_asked_again_for_as_long_as_the_lease_lasts() {
        let config = Config::from_values(&[]).unwrap();
        let app = App::with_store(config, Clock::default(), NoStore::shared()).unwrap();
        let ends_in = |seconds| Lease {
            token: LeaseToken(uuid::Uuid::nil()),
            until: app.clock.now() + SignedDuration::from_secs(seconds),
        };
        let away = StoreError::Unavailable { what: "a failover".to_owned() };
        // The last is the lease of a process whose clock is ahead of ours.
        for (lease, margin, least, most) in [
            (LEASE_SECONDS, REPORT_SECONDS, 56, 58),
            (LEASE_SECONDS, ACTION_SECONDS, 28, 30),
            (REPORT_SECONDS, REPORT_SECONDS, 0, 0),
            (-5, REPORT_SECONDS, 0, 0),
            (86_400, REPORT_SECONDS, 59, 60),
        ] {
            let begun = Instant::now();
            let mut patience = Patience::new(&app, ends_in(lease), margin);
            let mut asked = 0;
            while patience.wait(&app, &away).await {
                asked += 1;
            }
            let took = begun.elapsed().as_secs();
            assert!((least..=most).contains(&took), "{lease} {margin}: {took}");
            assert!(asked <= took + 4, "once a second, and some at first: {asked} in {took} s");
        }
        let mut patience = Patience::new(&app, ends_in(LEASE_SECONDS), REPORT_SECONDS);
        assert!(patience.wait(&app, &StoreError::Full).await);
        assert!(!patience.wait(&app, &StoreError::Internal { what: "a fault".to_owned() }).await);
    }
}
