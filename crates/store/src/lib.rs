//! Where everything is kept, and the only crate with SQL.
//!
//! Every change goes through [`Store::submit`]: one writer per process takes the commands that wait, loads what they need under
//! lock, lets [`tollhouse_core::decide::decide`] work on it, and commits the lot with one fsync. What is read goes around
//! the writer. Two engines do the same thing, SQLite for one machine and PostgreSQL for many; the suite in `conformance`
//! (feature `conformance`) is what "the same" means.

#![warn(missing_docs)]

pub mod backup;
mod batch;
mod closure;
#[cfg(feature = "conformance")]
pub mod conformance;
mod counts;
mod filter;
mod layout;
mod listing;
mod migrate;
pub mod paygateprime;
mod postgres;
mod queue;
mod role;
#[cfg(feature = "sim")]
pub mod sim;
mod sqlite;
mod url;
pub mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::broadcast;
use tollhouse_core::attention::{Attention, Reason};
use tollhouse_core::audit::Sealed;
use tollhouse_core::channel::Channel;
use tollhouse_core::command::{Command, Outcome, Refusal};
use tollhouse_core::event::{EventSource, Verdict};
use tollhouse_core::id::{ChannelId, IdSource, OrderId, ProviderPaymentId};
use tollhouse_core::job::{Job, JobState};
use tollhouse_core::link::PayLink;
use tollhouse_core::membership::Membership;
use tollhouse_core::order::Order;
use tollhouse_core::payment::Payment;
use tollhouse_core::presence::Presence;
use tollhouse_core::removal::RemovalRun;
use tollhouse_core::snapshot::{Needs, Snapshot};
use tollhouse_core::status::PaymentStatus;

pub use filter::{
    AttentionFilter, AuditFilter, ChannelFilter, JobFilter, LinkFilter, MembershipFilter, OrderFilter,
    PAGE_LENGTH_DEFAULT, PAGE_LENGTH_MAX, PaymentFilter, PresenceFilter, RunFilter,
};
pub use migrate::Migrated;
pub use role::RoleGuard;

/// How many commands may wait for the writer. At the rate of a slow disk (a thousand a second) that is four seconds: whoever
/// would wait longer is told to come back, since the provider gives up after three.
pub const QUEUE_LENGTH_MAX: usize = 4_096;

/// How many commits a slow listener of [`Store::commits`] may lag behind before it misses some. One that lags looks at the present
/// state instead, so that nothing is lost but time.
pub const COMMITS_LAG_MAX: usize = 1_024;

/// From when on a paid payment without a grant counts as stuck in [`Store::stats`], in seconds. The grant is made in the
/// transaction that credits the payment, so that any wait at all is a fault; two minutes keep clock skew out of it.
pub const STUCK_AFTER_SECONDS: i64 = 120;

/// What the store takes from outside, so that a test or the simulator can hold it.
pub struct Ports {
    /// The clock.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Fresh ids and jitter.
    pub ids: Box<dyn IdSource + Send>,
    /// Called when a commit is safe, before those are told who wait for it: it must not block.
    pub on_batch: Arc<dyn Fn(BatchReport) + Send + Sync>,
}

/// What a commit was like, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchReport {
    /// How many commands it held.
    pub commands: usize,
    /// How long it took, from the begin of the transaction until its commit was safe.
    pub duration: Duration,
    /// How often others were in the way before, so that it had to be run again.
    pub reruns: u32,
}

/// A commit that others may want to know of. What it says is a hint: the truth is in the database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// The orders that were written, and those of which a payment, the grant or the membership was.
    pub orders: Vec<OrderId>,
    /// Whether there may be jobs to do.
    pub armed: bool,
    /// Whether more may have changed than is named: look at everything.
    pub everything: bool,
    /// Whether another process committed it.
    pub from_elsewhere: bool,
}

/// A line of the event log, as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEvent {
    /// Its number in the log.
    pub id: i64,
    /// Of which payment.
    pub payment_id: ProviderPaymentId,
    /// For which order, if that was known then.
    pub order_id: Option<OrderId>,
    /// Of which channel.
    pub channel_id: Option<ChannelId>,
    /// When it was received.
    pub received_at: Timestamp,
    /// How it came.
    pub source: EventSource,
    /// Which canonical form the signature matched.
    pub signature_form: Option<String>,
    /// The status that it reported.
    pub status: PaymentStatus,
    /// What became of it.
    pub verdict: Verdict,
    /// Why.
    pub reason: Option<String>,
    /// The headers that were kept, as a JSON object.
    pub headers: String,
    /// The exact bytes.
    pub body: Vec<u8>,
    /// SHA-256 of the body.
    pub digest: [u8; 32],
}

/// Numbers for the metrics and the health page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// Jobs that are due and that nobody holds.
    pub outbox_due: u64,
    /// Since when the longest due of them waits.
    pub outbox_oldest: Option<Timestamp>,
    /// Jobs that are held, and that were given up, by kind.
    pub jobs: Vec<JobCount>,
    /// Those that wait or are done. There may be millions, so they are counted from time to time only; `None` until that was done once.
    pub totals: Option<JobTotals>,
    /// Open items of the attention list by reason.
    pub attention_open: BTreeMap<Reason, u64>,
    /// Payments that were credited more than [`STUCK_AFTER_SECONDS`] ago and have ended in neither a grant nor the attention list.
    pub stuck_payments: u64,
}

impl Stats {
    /// All jobs that were counted, by kind and state.
    pub fn all_jobs(&self) -> impl Iterator<Item = &JobCount> {
        self.jobs.iter().chain(self.totals.iter().flat_map(|totals| &totals.jobs))
    }
}

/// Jobs that wait or are done, as they were counted last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobTotals {
    /// By kind and state.
    pub jobs: Vec<JobCount>,
    /// Of those that wait, by kind, how many have failed at least once at what they are to do next.
    pub retrying: BTreeMap<String, u64>,
}

/// How many jobs of a kind are in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobCount {
    /// The kind's name.
    pub kind: String,
    /// The state.
    pub state: JobState,
    /// How many; a kind without any is not listed.
    pub count: u64,
}

/// How to open a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOptions {
    /// Whether to bring an older schema up to date; else it is refused.
    pub migrate: bool,
    /// How many commands one commit carries at most. Only the benchmark asks for another number than [`writer::BATCH_LENGTH_MAX`], to show
    /// what group commit is worth.
    pub batch_length_max: usize,
    /// When SQLite's commits reach the disk.
    pub wal_sync: WalSync,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { migrate: true, batch_length_max: writer::BATCH_LENGTH_MAX, wal_sync: WalSync::Beside }
    }
}

/// When SQLite's write-ahead log is synced. Either way nobody is told of a commit before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WalSync {
    /// In each commit, before any process can read it. For a command beside a process that serves: that process cannot know when
    /// another's commits are safe.
    InCommit,
    /// Beside the writer, which goes on meanwhile. For whoever has much to write.
    Beside,
}

/// Opens a database, brings its schema up to date, and starts its writer. `sqlite://relative.db`, `sqlite:///absolute/file.db` or
/// `postgres://…`.
///
/// # Errors
/// What to mend.
pub async fn open(url: &str, ports: Ports) -> Result<Arc<dyn Store>, OpenError> {
    open_with(url, ports, OpenOptions::default()).await
}

/// [`open`], with a say in how.
///
/// # Errors
/// What to mend.
pub async fn open_with(url: &str, ports: Ports, options: OpenOptions) -> Result<Arc<dyn Store>, OpenError> {
    match url::parse(url)? {
        url::Address::Sqlite(path) => sqlite::open(path, ports, options).await,
        url::Address::Postgres(server) => postgres::open(*server, ports, options).await,
    }
}

/// Only brings a database's schema up to date.
///
/// # Errors
/// What to mend.
pub async fn migrate(url: &str) -> Result<Migrated, OpenError> {
    match url::parse(url)? {
        url::Address::Sqlite(path) => {
            let shown = path.display().to_string();
            let task = tokio::task::spawn_blocking(move || sqlite::migrate(&path));
            task.await.map_err(|error| OpenError::Unavailable { database: shown, what: error.to_string() })?
        }
        url::Address::Postgres(server) => postgres::migrate(&server).await,
    }
}

/// Why the store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Too many wait already. Nothing was done; come back in a second.
    #[error("{QUEUE_LENGTH_MAX} commands wait already; nothing was done, try again in a second")]
    Full,
    /// The database is out of reach. Unless it says otherwise nothing was done; come back later.
    #[error("the database is out of reach: {what}")]
    Unavailable {
        /// What is wrong.
        what: String,
    },
    /// A fault of ours, or a database that somebody changed by hand. Coming back does not help.
    #[error("the store failed: {what}")]
    Internal {
        /// What is wrong.
        what: String,
    },
}

/// Why the store did not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The address cannot be used; says what to mend. Never holds the password.
    #[error("{0}")]
    Url(String),
    /// The database is out of reach.
    #[error("cannot open the database {database}: {what}")]
    Unavailable {
        /// Which, without its password.
        database: String,
        /// What is wrong.
        what: String,
    },
    /// A newer program has written the schema.
    #[error(
        "the database has schema {found}, this program knows {known}: use the newer program, or restore a backup"
    )]
    Newer {
        /// The schema's number.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// The schema is older and was not to be changed.
    #[error("the database has schema {found}, this program needs {known}: run `tollhouse migrate`")]
    Older {
        /// The schema's number.
        found: i64,
        /// What is needed.
        known: i64,
    },
    /// A migration did not work, or is not the one that was run.
    #[error("migration {number} cannot be run: {what}")]
    Migration {
        /// Which.
        number: i64,
        /// What is wrong.
        what: String,
    },
}

/// Everything that the rest of Tollhouse does with the database.
///
/// A future of [`Store::submit`] may be dropped at any time: the command is carried out all the same.
#[async_trait]
pub trait Store: Send + Sync {
    /// Carries a command out and waits for its commit. A [`Refusal`] changed nothing.
    ///
    /// # Errors
    /// [`StoreError::Full`] at once if too many wait; else whether coming back helps.
    async fn submit(&self, command: Command) -> Result<Result<Outcome, Refusal>, StoreError>;

    /// Reads what a command would have loaded, at one instant and without a lock: an order with its payments, grant, membership
    /// and channel, for instance. Nothing that was done to the snapshot is written.
    ///
    /// # Errors
    /// Out of reach, or rows that cannot be read.
    async fn snapshot(&self, needs: Needs) -> Result<Snapshot, StoreError>;

    /// The events of a payment, the newest first; at most [`PAGE_LENGTH_MAX`].
    ///
    /// # Errors
    /// Out of reach, or rows that cannot be read.
    async fn events_of(&self, payment: ProviderPaymentId, limit: u32)
    -> Result<Vec<LoggedEvent>, StoreError>;

    /// Channels with their plans, the newest first.
    ///
    /// # Errors
    /// Out of reach, or rows that cannot be read.
    async fn channels(&self, filter: ChannelFilter) -> Result<Vec<Channel>, StoreError>;

    /// Links, the newest first.
    ///
    /// # Errors
    /// Out of reach, or rows that cannot be read.
    async fn links(&self, filter: LinkFilter) -> Result<Vec<PayLink>, StoreError>;

    /// Orders, the newest first.
    ///
    /// # Errors
    /// Out of reach, or rows that cannot be read.
    async fn orders(&self, filter: OrderFilter) -> Result<Vec<Order>, StoreError>;

    /// Payments, the highest number first.
    ///
    /// # Errors
    /// Out of reach, or rows that cannot be read.
    async fn payments(&self, filter: PaymentFilter) -> Result<Vec<Payment>, StoreError>;

    /// Memberships, the newest first.
    ///
    /// # Errors
    /// Out of reach, or rows that cannot be read.
    async fn memberships(&self, filter: MembershipFilter) -> Result<Vec<Membership>, StoreError>;

    /// What is known of people in channels, what was learnt of last first.
    ///
    /// # Errors
    /// Out of reach, or rows that cannot be read.
    async fn presences(&self, filter: PresenceFilter) -> Result<Vec<Presence>, StoreError>;

    /// Runs of removals, the newest first.
    ///
    /// # Errors
    /// Out of reach, or rows that cannot be read.
    async fn runs(&self, filter: RunFilter) -> Result<Vec<RemovalRun>, StoreError>;

    /// How many members a channel has whose time is not over, those in grace among them.
    ///
    /// # Errors
    /// Out of reach.
    async fn count_members(&self, channel: ChannelId) -> Result<u64, StoreError>;

    /// Attention items, the newest first.
    ///
    /// # Errors
    /// Out of reach, or rows that cannot be read.
    async fn attention(&self, filter: AttentionFilter) -> Result<Vec<Attention>, StoreError>;

    /// Jobs, the newest first.
    ///
    /// # Errors
    /// Out of reach, or rows that cannot be read.
    async fn jobs(&self, filter: JobFilter) -> Result<Vec<Job>, StoreError>;

    /// The audit log from a place on, in its order. What comes first follows the hash of the entry before it, or
    /// [`tollhouse_core::audit::GENESIS`].
    ///
    /// # Errors
    /// Out of reach, or rows that cannot be read.
    async fn audit(&self, filter: AuditFilter) -> Result<Vec<Sealed>, StoreError>;

    /// The newest order that was made for a reference of the predecessor.
    ///
    /// # Errors
    /// Out of reach, or rows that cannot be read.
    async fn order_by_legacy_ref(&self, reference: &str) -> Result<Option<OrderId>, StoreError>;

    /// Numbers for the metrics and the health page.
    ///
    /// # Errors
    /// Out of reach, or rows that cannot be read.
    async fn stats(&self, now: Timestamp) -> Result<Stats, StoreError>;

    /// Reads a small text that was put under a key: Telegram's update offset, for instance.
    ///
    /// # Errors
    /// Out of reach.
    async fn get_state(&self, key: &str) -> Result<Option<String>, StoreError>;

    /// Puts a small text under a key, durably.
    ///
    /// # Errors
    /// Out of reach.
    async fn put_state(&self, key: &str, text: &str) -> Result<(), StoreError>;

    /// Hears of every commit of this process that touched orders or may have made work for the worker. One who lags more than
    /// [`COMMITS_LAG_MAX`] behind misses some. On PostgreSQL the orders of other processes' commits are heard, too, as a rule; on SQLite
    /// they are not: look from time to time as well.
    fn commits(&self) -> broadcast::Receiver<Committed>;

    /// Whether the database can be read and, if the last commit failed, written again.
    ///
    /// # Errors
    /// What is wrong.
    async fn check(&self) -> Result<(), StoreError>;

    /// Takes a role that only one process may have at a time, `telegram_polling` for instance; `None` if another has it.
    ///
    /// # Errors
    /// Out of reach.
    async fn role_lock(&self, name: &str) -> Result<Option<RoleGuard>, StoreError>;

    /// Takes nothing more, commits what it holds, and returns when that is done. May be called again.
    async fn close(&self);

    /// Returns when nothing can be written any more: after [`Store::close`], or because the disk failed in a way after which only a new
    /// start is safe. Every command is then answered [`StoreError::Unavailable`].
    async fn ended(&self);
}
