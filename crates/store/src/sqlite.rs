//! SQLite, for one machine. One thread owns the connection that writes; readers have their own. Other processes (the command line
//! beside a running server) may write too: SQLite lets one at a time.

pub(crate) mod apply;
mod backup;
mod checkpoint;
pub(crate) mod load;
pub(crate) mod open;
pub(crate) mod place;
mod read;
mod readers;
mod role;
pub(crate) mod rows;
mod sync;
pub(crate) mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::broadcast;
use tollhouse_core::attention::Attention;
use tollhouse_core::audit::Sealed;
use tollhouse_core::channel::Channel;
use tollhouse_core::command::{Command, Outcome, Refusal};
use tollhouse_core::id::{ChannelId, OrderId, ProviderPaymentId};
use tollhouse_core::job::Job;
use tollhouse_core::link::PayLink;
use tollhouse_core::membership::Membership;
use tollhouse_core::order::Order;
use tollhouse_core::payment::Payment;
use tollhouse_core::presence::Presence;
use tollhouse_core::removal::RemovalRun;
use tollhouse_core::snapshot::{Needs, Snapshot};

pub(crate) use backup::{backup, restore};
pub(crate) use open::migrate;

use crate::counts::JobCounts;
use crate::layout;
use crate::listing::SQLITE;
use crate::queue::{Queue, queue};
use crate::{
    AttentionFilter, AuditFilter, ChannelFilter, Committed, JobFilter, LinkFilter, LoggedEvent,
    MembershipFilter, OpenError, OpenOptions, OrderFilter, PaymentFilter, Ports, PresenceFilter, RoleGuard,
    RunFilter, Stats, Store, StoreError, WalSync,
};
use readers::Readers;

/// How long a transaction waits for another process's: less than the 2.5 s in which a notification must be answered.
const BUSY_TIMEOUT: Duration = Duration::from_millis(2_000);
/// How often it looks meanwhile whether the other one is done.
const BUSY_LOOK: Duration = Duration::from_millis(1);
/// How many prepared statements a connection keeps: more than there are.
const STATEMENTS_CACHED_MAX: usize = 128;

/// Waits for another process's transaction. SQLite's own way looks ever more rarely, up to ten times a second: a writer under load leaves so
/// short a time between two transactions that the command line beside it would never meet it.
fn wait_patiently(connection: &mut rusqlite::Connection) -> rusqlite::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "SQLite tells nobody that its lock is free")]
    fn look_again(looks: i32) -> bool {
        std::thread::sleep(BUSY_LOOK);
        u128::try_from(looks).is_ok_and(|looks| looks < BUSY_TIMEOUT.as_millis() / BUSY_LOOK.as_millis())
    }
    connection.busy_handler(Some(look_again))
}

/// The engine.
pub(crate) struct SqliteStore {
    queue: Queue,
    readers: Readers,
    path: PathBuf,
    job_counts: Arc<JobCounts>,
}

/// Opens the database file, makes it if there is none, and starts the writer.
pub(crate) async fn open(
    path: PathBuf,
    ports: Ports,
    options: OpenOptions,
) -> Result<Arc<dyn Store>, OpenError> {
    open_synced_by(path, ports, options, sync::sync).await
}

/// [`open`], with another way to have the write-ahead log on the disk.
async fn open_synced_by(
    path: PathBuf,
    ports: Ports,
    options: OpenOptions,
    sync: impl sync::SyncLog,
) -> Result<Arc<dyn Store>, OpenError> {
    let opening = path.clone();
    let opened = tokio::task::spawn_blocking(move || open::open(&opening, options)).await;
    let (connection, checkpoints) =
        opened.map_err(|error| open::unavailable(&path, &error.to_string()))??;
    let broken = |error: std::io::Error| open::unavailable(&path, &error.to_string());
    let place = place::Place::of(&path).map_err(broken)?;
    let (queue, intake) = queue(ports, options.batch_length_max);
    let sync = move |log: &Path, file: &File| match options.wal_sync {
        WalSync::Beside => sync(log, file),
        WalSync::InCommit => Ok(()),
    };
    let syncs = sync::Syncs::start(&path, intake.audience(), sync).map_err(broken)?;
    let readers = Readers::new(path.clone(), syncs.safe());
    let desk = writer::Desk { connection, place, checkpoints, syncs };
    std::thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(move || writer::run(desk, intake))
        .map_err(|error| open::unavailable(&path, &format!("no thread for the writer: {error}")))?;
    Ok(Arc::new(SqliteStore { queue, readers, path, job_counts: Arc::default() }))
}

#[async_trait]
impl Store for SqliteStore {
    async fn submit(&self, command: Command) -> Result<Result<Outcome, Refusal>, StoreError> {
        self.queue.submit(command).await
    }

    async fn snapshot(&self, needs: Needs) -> Result<Snapshot, StoreError> {
        self.readers
            .read(move |connection| read::at_one_instant(connection, |c| load::snapshot(c, needs)))
            .await
    }

    async fn events_of(
        &self,
        payment: ProviderPaymentId,
        limit: u32,
    ) -> Result<Vec<LoggedEvent>, StoreError> {
        let listing = SQLITE.events(payment, limit);
        self.readers.read(move |c| read::list(c, &listing, |row| layout::event(row))).await
    }

    async fn channels(&self, filter: ChannelFilter) -> Result<Vec<Channel>, StoreError> {
        let listing = SQLITE.channels(&filter);
        let read = move |c: &rusqlite::Connection| {
            let channels = read::list(c, &listing, |row| layout::channel(row))?;
            load::with_plans(c, channels)
        };
        self.readers.read(move |connection| read::at_one_instant(connection, read)).await
    }

    async fn links(&self, filter: LinkFilter) -> Result<Vec<PayLink>, StoreError> {
        let listing = SQLITE.links(&filter);
        self.readers.read(move |c| read::list(c, &listing, |row| layout::link(row))).await
    }

    async fn orders(&self, filter: OrderFilter) -> Result<Vec<Order>, StoreError> {
        let listing = SQLITE.orders(&filter);
        self.readers.read(move |c| read::list(c, &listing, |row| layout::order(row))).await
    }

    async fn payments(&self, filter: PaymentFilter) -> Result<Vec<Payment>, StoreError> {
        let listing = SQLITE.payments(&filter);
        self.readers.read(move |c| read::list(c, &listing, |row| layout::payment(row))).await
    }

    async fn memberships(&self, filter: MembershipFilter) -> Result<Vec<Membership>, StoreError> {
        let listing = SQLITE.memberships(&filter);
        self.readers.read(move |c| read::list(c, &listing, |row| layout::membership(row))).await
    }

    async fn presences(&self, filter: PresenceFilter) -> Result<Vec<Presence>, StoreError> {
        let listing = SQLITE.presences(&filter);
        self.readers.read(move |c| read::list(c, &listing, |row| layout::presence(row))).await
    }

    async fn runs(&self, filter: RunFilter) -> Result<Vec<RemovalRun>, StoreError> {
        let listing = SQLITE.runs(&filter);
        self.readers.read(move |c| read::list(c, &listing, |row| layout::run(row))).await
    }

    async fn count_members(&self, channel: ChannelId) -> Result<u64, StoreError> {
        self.readers.read(move |c| read::count_members(c, channel)).await
    }

    async fn attention(&self, filter: AttentionFilter) -> Result<Vec<Attention>, StoreError> {
        let listing = SQLITE.attention(&filter);
        let found = self.readers.read(move |c| read::list(c, &listing, |row| layout::attention(row))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn jobs(&self, filter: JobFilter) -> Result<Vec<Job>, StoreError> {
        let listing = SQLITE.jobs(&filter);
        self.readers.read(move |c| read::list(c, &listing, |row| layout::job(row))).await
    }

    async fn audit(&self, filter: AuditFilter) -> Result<Vec<Sealed>, StoreError> {
        let listing = SQLITE.audit(filter);
        self.readers.read(move |c| read::list(c, &listing, |row| layout::sealed(row))).await
    }

    async fn order_by_legacy_ref(&self, reference: &str) -> Result<Option<OrderId>, StoreError> {
        let reference = reference.to_owned();
        self.readers.read(move |c| read::order_by_legacy_ref(c, &reference)).await
    }

    async fn stats(&self, now: Timestamp) -> Result<Stats, StoreError> {
        let readers = self.readers.clone();
        let totals = self.job_counts.get(async move { readers.count(read::totals).await }).await?;
        let stats = self.readers.read_at_once(move |connection| read::stats(connection, now)).await?;
        Ok(Stats { totals, ..stats })
    }

    async fn get_state(&self, key: &str) -> Result<Option<String>, StoreError> {
        let key = key.to_owned();
        self.readers.read(move |connection| read::state(connection, &key)).await
    }

    async fn put_state(&self, key: &str, text: &str) -> Result<(), StoreError> {
        self.queue.put_state(key, text).await
    }

    fn commits(&self) -> broadcast::Receiver<Committed> {
        self.queue.commits()
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.readers.read_at_once(read::check).await?;
        self.queue.check().await
    }

    async fn role_lock(&self, name: &str) -> Result<Option<RoleGuard>, StoreError> {
        role::lock(&self.path, name)
    }

    async fn close(&self) {
        // The connection that is closed last copies the log back, which one that only reads cannot do: the file is then whole by itself.
        self.readers.close().await;
        self.queue.close().await;
    }

    async fn ended(&self) {
        self.queue.ended().await;
    }
}

#[cfg(all(test, feature = "conformance"))]
mod tests {
    use std::collections::BTreeMap;
    use std::pin::pin;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::conformance::{Clock, Notice, PRIVATE_CHAT, PUBLIC_CHAT, SeededIds, add_channel, legacy_ref};

    /// How many notifications are sent, and how many of them at once.
    const NOTICES: i64 = 192;
    const AT_ONCE: i64 = 16;
    /// How many reads that wait for nothing one that does not wait, but should, has time for.
    const LOOKS: usize = 32;

    fn ports() -> Ports {
        let clock = Clock::default();
        Ports {
            now: Arc::new(move || clock.now()),
            ids: Box::new(SeededIds::new(1)),
            on_batch: Arc::new(|_| {}),
        }
    }

    /// A machine that loses its power keeps what it had synced. Here each sync first copies what there is at its begin: the least that is on
    /// the disk when it has ended.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_loss_of_power_loses_nothing_that_was_answered() {
        let folder = tempfile::tempdir().unwrap();
        let begun = AtomicUsize::new(0);
        // In the order in which they ended.
        let ended = Arc::new(Mutex::new(Vec::new()));
        let store = open_synced_by(folder.path().join("t.db"), ports(), OpenOptions::default(), {
            let (ended, folder) = (Arc::clone(&ended), folder.path().to_owned());
            move |log: &Path, _: &File| {
                let count = begun.fetch_add(1, Ordering::SeqCst);
                std::fs::copy(log, folder.join(format!("disk-{count}.db-wal")))?;
                std::fs::copy(folder.join("t.db"), folder.join(format!("disk-{count}.db")))?;
                ended.lock().unwrap().push(count);
                Ok(())
            }
        })
        .await
        .unwrap();
        store.submit(add_channel(PRIVATE_CHAT, Some(PUBLIC_CHAT))).await.unwrap().unwrap();
        let callers = (0..AT_ONCE).map(|caller| {
            let (store, ended) = (Arc::clone(&store), Arc::clone(&ended));
            tokio::spawn(async move {
                let mut answered = Vec::new();
                for number in (1 + caller..=NOTICES).step_by(usize::try_from(AT_ONCE).unwrap()) {
                    store
                        .submit(Notice::finished(number, legacy_ref(number)).command())
                        .await
                        .unwrap()
                        .unwrap();
                    answered.push((number, ended.lock().unwrap().len()));
                }
                answered
            })
        });
        let answered: Vec<(i64, usize)> =
            futures::future::join_all(callers).await.into_iter().flat_map(Result::unwrap).collect();
        assert_eq!(answered.len(), usize::try_from(NOTICES).unwrap());
        let ended = ended.lock().unwrap().clone();
        assert!(ended.len() < answered.len(), "{} syncs: nobody shared one", ended.len());
        // After how many ended syncs a payment was on the disk.
        let mut there = BTreeMap::new();
        for (by, count) in (1_usize..).zip(&ended) {
            let kept = rusqlite::Connection::open(folder.path().join(format!("disk-{count}.db"))).unwrap();
            let granted: i64 = kept.query_row("SELECT count(*) FROM grants", [], |row| row.get(0)).unwrap();
            let logged: i64 = kept
                .query_row("SELECT count(DISTINCT payment_id) FROM ipn_events", [], |row| row.get(0))
                .unwrap();
            assert_eq!(granted, logged, "a transaction is kept whole");
            let mut payments = kept.prepare("SELECT id FROM payments").unwrap();
            for id in payments.query_map([], |row| row.get::<_, i64>(0)).unwrap() {
                there.entry(id.unwrap()).or_insert(by);
            }
        }
        for (number, by) in answered {
            assert!(
                there.get(&number).is_some_and(|since| *since <= by),
                "payment {number} was answered after {by} syncs and is on the disk after {:?}",
                there.get(&number)
            );
        }
        store.close().await;
    }

    /// A worker that acts on what it has read must not be ahead of the disk: what it did cannot be taken back.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn what_a_loss_of_power_can_undo_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let (began, mut begun) = tokio::sync::mpsc::unbounded_channel();
        let (allow, allowed) = std::sync::mpsc::channel::<()>();
        let allowed = Mutex::new(allowed);
        let sync = move |_: &Path, _: &File| {
            began.send(()).unwrap();
            allowed.lock().unwrap().recv().unwrap();
            Ok(())
        };
        let store = open_synced_by(folder.path().join("t.db"), ports(), OpenOptions::default(), sync);
        let store = store.await.unwrap();
        allow.send(()).unwrap();
        store.submit(add_channel(PRIVATE_CHAT, Some(PUBLIC_CHAT))).await.unwrap().unwrap();
        begun.recv().await.unwrap();

        let notice = Notice::finished(1, legacy_ref(1)).command();
        let needs = notice.needs();
        let answer = tokio::spawn({
            let store = Arc::clone(&store);
            async move { store.submit(notice).await }
        });
        begun.recv().await.unwrap();
        // It is in the log, and not on the disk.
        let mut shown = pin!(store.snapshot(needs));
        for _ in 0..LOOKS {
            tokio::select! {
                _ = &mut shown => panic!("shown before it was safe"),
                stats = store.stats(Clock::default().now()) => {
                    stats.unwrap();
                }
            }
        }
        allow.send(()).unwrap();
        assert_eq!(shown.await.unwrap().payments.values().count(), 1);
        answer.await.unwrap().unwrap().unwrap();
        store.close().await;
    }
}
