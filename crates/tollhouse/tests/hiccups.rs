//! A worker over a store that does not answer at once: what was done outside is not done again for that.
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod town;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::broadcast;
use tollhouse::app::App;
use tollhouse::serve::Roles;
use tollhouse::worker;
use tollhouse_core::attention::Attention;
use tollhouse_core::audit::Sealed;
use tollhouse_core::channel::Channel;
use tollhouse_core::command::{Command, Outcome, Refusal};
use tollhouse_core::id::{ChannelId, OrderId, ProviderPaymentId};
use tollhouse_core::job::{Job, JobState, LEASE_SECONDS};
use tollhouse_core::link::PayLink;
use tollhouse_core::membership::Membership;
use tollhouse_core::order::Order;
use tollhouse_core::payment::Payment;
use tollhouse_core::presence::Presence;
use tollhouse_core::removal::RemovalRun;
use tollhouse_core::snapshot::{Needs, Snapshot};
use tollhouse_store::{
    AttentionFilter, AuditFilter, ChannelFilter, Committed, JobFilter, LinkFilter, LoggedEvent,
    MembershipFilter, OrderFilter, PaymentFilter, PresenceFilter, RoleGuard, RunFilter, Stats, Store,
    StoreError,
};
use tollhouse_telegram::fake::{NewChat, NewUser};
use tollhouse_telegram::{AdminRights, ChatId, UserId};
use town::{BUYER, Engine, OWNER, PRIVATE_CHAT, SEED_REF, Town, body};

/// How often the store fails before it works again.
const REFUSALS: u32 = 3;

/// A store that does not do everything when it is first asked to.
struct Hiccups {
    inner: Arc<dyn Store>,
    finishes_refused: AtomicU32,
    looks_refused: AtomicU32,
    /// Whether the commit is done all the same, and only its answer is lost.
    commits: bool,
    /// Whether the writer is gone for good.
    is_gone: bool,
    finishes: AtomicU32,
}

impl Hiccups {
    fn new(inner: &Arc<dyn Store>) -> Self {
        Self {
            inner: Arc::clone(inner),
            finishes_refused: AtomicU32::new(0),
            looks_refused: AtomicU32::new(0),
            commits: false,
            is_gone: false,
            finishes: AtomicU32::new(0),
        }
    }
}

/// Counts down; whether there was something left.
fn takes_one(left: &AtomicU32) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

#[async_trait]
impl Store for Hiccups {
    async fn submit(&self, command: Command) -> Result<Result<Outcome, Refusal>, StoreError> {
        if !matches!(command, Command::FinishJob { .. }) {
            return self.inner.submit(command).await;
        }
        let count = self.finishes.fetch_add(1, Ordering::SeqCst);
        if !takes_one(&self.finishes_refused) {
            return self.inner.submit(command).await;
        }
        if self.commits {
            self.inner.submit(command).await?.unwrap();
        }
        // A failover, in which the queue fills up as well.
        if count % 2 == 1 {
            return Err(StoreError::Full);
        }
        Err(StoreError::Unavailable { what: "the primary is gone".to_owned() })
    }
    async fn snapshot(&self, needs: Needs) -> Result<Snapshot, StoreError> {
        if takes_one(&self.looks_refused) {
            return Err(StoreError::Unavailable { what: "the primary is gone".to_owned() });
        }
        self.inner.snapshot(needs).await
    }
    async fn ended(&self) {
        if !self.is_gone {
            self.inner.ended().await;
        }
    }
    async fn events_of(
        &self,
        payment: ProviderPaymentId,
        limit: u32,
    ) -> Result<Vec<LoggedEvent>, StoreError> {
        self.inner.events_of(payment, limit).await
    }
    async fn channels(&self, filter: ChannelFilter) -> Result<Vec<Channel>, StoreError> {
        self.inner.channels(filter).await
    }
    async fn links(&self, filter: LinkFilter) -> Result<Vec<PayLink>, StoreError> {
        self.inner.links(filter).await
    }
    async fn orders(&self, filter: OrderFilter) -> Result<Vec<Order>, StoreError> {
        self.inner.orders(filter).await
    }
    async fn payments(&self, filter: PaymentFilter) -> Result<Vec<Payment>, StoreError> {
        self.inner.payments(filter).await
    }
    async fn memberships(&self, filter: MembershipFilter) -> Result<Vec<Membership>, StoreError> {
        self.inner.memberships(filter).await
    }
    async fn presences(&self, filter: PresenceFilter) -> Result<Vec<Presence>, StoreError> {
        self.inner.presences(filter).await
    }
    async fn runs(&self, filter: RunFilter) -> Result<Vec<RemovalRun>, StoreError> {
        self.inner.runs(filter).await
    }
    async fn count_members(&self, channel: ChannelId) -> Result<u64, StoreError> {
        self.inner.count_members(channel).await
    }
    async fn attention(&self, filter: AttentionFilter) -> Result<Vec<Attention>, StoreError> {
        self.inner.attention(filter).await
    }
    async fn jobs(&self, filter: JobFilter) -> Result<Vec<Job>, StoreError> {
        self.inner.jobs(filter).await
    }
    async fn audit(&self, filter: AuditFilter) -> Result<Vec<Sealed>, StoreError> {
        self.inner.audit(filter).await
    }
    async fn order_by_legacy_ref(&self, reference: &str) -> Result<Option<OrderId>, StoreError> {
        self.inner.order_by_legacy_ref(reference).await
    }
    async fn stats(&self, now: Timestamp) -> Result<Stats, StoreError> {
        self.inner.stats(now).await
    }
    async fn get_state(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.inner.get_state(key).await
    }
    async fn put_state(&self, key: &str, text: &str) -> Result<(), StoreError> {
        self.inner.put_state(key, text).await
    }
    fn commits(&self) -> broadcast::Receiver<Committed> {
        self.inner.commits()
    }
    async fn check(&self) -> Result<(), StoreError> {
        self.inner.check().await
    }
    async fn role_lock(&self, name: &str) -> Result<Option<RoleGuard>, StoreError> {
        self.inner.role_lock(name).await
    }
    async fn close(&self) {
        self.inner.close().await;
    }
}

/// A town in which somebody has paid, and whose jobs up to the one that sends the link are done.
async fn about_to_send() -> Town {
    let roles = Roles { http: true, worker: false, bot: false, reconcile: false };
    let town = Town::with(Engine::Sqlite, roles).await;
    let telegram = &town.telegram;
    telegram.add_user(NewUser::new(OWNER, "Olga")).unwrap();
    telegram.add_user(NewUser::new(BUYER, "Ben")).unwrap();
    telegram.add_chat(NewChat::channel(PRIVATE_CHAT, "Signals", UserId(OWNER))).unwrap();
    telegram.make_bot_admin(ChatId(PRIVATE_CHAT), UserId(OWNER), AdminRights::gatekeeper()).unwrap();
    telegram.start(UserId(BUYER), "").unwrap();
    let (code, answer) = town.notify(&body(1, "finished", Some(SEED_REF), "2.50")).await;
    assert_eq!(code, 200, "{answer}");
    worker::run_due(&town.app).await.unwrap();
    assert_eq!(town.telegram.read(|world| world.done("createChatInviteLink")), 1);
    assert_eq!(sent(&town), 0, "nothing was sent yet");
    town
}

async fn delivery(town: &Town) -> Job {
    let jobs = town.store().jobs(JobFilter { limit: 100, ..JobFilter::default() }).await.unwrap();
    jobs.into_iter().find(|job| job.kind.name() == "deliver_access").unwrap()
}

fn sent(town: &Town) -> u64 {
    town.telegram.read(|world| world.done("sendMessage"))
}

/// The same process over a store with hiccups.
fn over(town: &Town, store: &Arc<Hiccups>) -> Arc<App> {
    let store = Arc::clone(store) as Arc<dyn Store>;
    App::with_store(town.app.config.clone(), town.clock.clone(), store).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn f30_what_was_sent_while_the_store_was_away_for_a_moment_is_not_sent_again() {
    let mut town = about_to_send().await;
    let store =
        Arc::new(Hiccups { finishes_refused: AtomicU32::new(REFUSALS), ..Hiccups::new(town.store()) });
    assert_eq!(worker::run_due(&over(&town, &store)).await.unwrap(), 1);
    let job = delivery(&town).await;
    assert_eq!(
        (job.state, job.attempt, job.lease),
        (JobState::Done, 0, None),
        "without a wait for the lease"
    );
    town.clock.advance(SignedDuration::from_secs(2 * LEASE_SECONDS));
    while worker::run_due(&town.app).await.unwrap() > 0 {}
    assert_eq!(sent(&town), 1, "one link, one message");
    assert_eq!(store.finishes.load(Ordering::SeqCst), REFUSALS + 1);
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f30_a_report_whose_answer_was_lost_is_stored_once() {
    let mut town = about_to_send().await;
    let hiccups =
        Hiccups { finishes_refused: AtomicU32::new(1), commits: true, ..Hiccups::new(town.store()) };
    let store = Arc::new(hiccups);
    assert_eq!(worker::run_due(&over(&town, &store)).await.unwrap(), 1);
    assert_eq!(store.finishes.load(Ordering::SeqCst), 2, "it is told that the lease is over, and rests");
    let job = delivery(&town).await;
    assert_eq!((job.state, job.attempt), (JobState::Done, 0));
    assert_eq!(sent(&town), 1);
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_cannot_be_looked_at_for_a_moment_does_not_wait_for_its_lease() {
    let mut town = about_to_send().await;
    let store = Arc::new(Hiccups { looks_refused: AtomicU32::new(REFUSALS), ..Hiccups::new(town.store()) });
    assert_eq!(worker::run_due(&over(&town, &store)).await.unwrap(), 1);
    let job = delivery(&town).await;
    assert_eq!((job.state, job.attempt, sent(&town)), (JobState::Done, 0, 1));
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_has_ended_is_not_asked_again() {
    let mut town = about_to_send().await;
    let hiccups =
        Hiccups { finishes_refused: AtomicU32::new(u32::MAX), is_gone: true, ..Hiccups::new(town.store()) };
    let store = Arc::new(hiccups);
    assert_eq!(worker::run_due(&over(&town, &store)).await.unwrap(), 1);
    assert_eq!(store.finishes.load(Ordering::SeqCst), 1);
    assert_eq!(delivery(&town).await.state, JobState::Leased, "the lease is what is left");
    town.stop().await;
}
