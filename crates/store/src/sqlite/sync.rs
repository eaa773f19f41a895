//! Makes commits safe beside the writer rather than in each of them: while the disk syncs the write-ahead log, the writer works on the next
//! batch. Who waits for a commit is told when a sync that began after it has ended, in the order of the commits.
//!
//! The connection that writes runs with `synchronous=normal`: SQLite then syncs the log before a checkpoint and when it begins the log
//! anew, but not at a commit. That part is done here, with the same call on the same file. Until then SQLite shows the commit to every
//! connection; so who reads past the writer waits, with what was read, until it is [`Safe`] to be acted on.
//!
//! A disk answers most syncs in a fraction of a millisecond and some in many. One that takes long is overtaken by another: that began later,
//! so once it has ended it makes safe what the one before it was for, too. More at once than that would only make the batches smaller, since
//! everybody who is told comes back sooner.

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::open::LOG;
use crate::StoreError;
use crate::queue::{Audience, News};

/// How many batches may be committed and not yet told of. They bound what waits in memory.
const AHEAD_MAX: usize = 8;
/// How many syncs may be under way at once.
const SYNCS_MAX: usize = 3;
/// How long a sync may take until another one may begin: several times what most take.
const OVERTAKEN_AFTER: Duration = Duration::from_millis(1);

/// Has a log on the disk, whose name and whose open file it is given.
pub(crate) trait SyncLog: Fn(&Path, &File) -> io::Result<()> + Send + Sync + 'static {}

impl<F: Fn(&Path, &File) -> io::Result<()> + Send + Sync + 'static> SyncLog for F {}

/// The writer's side.
pub(crate) struct Syncs {
    shared: Arc<Shared>,
    /// How many of the commits are handed over.
    handed: u64,
    threads: Vec<JoinHandle<()>>,
}

/// What the writer and the threads share.
struct Shared {
    log: PathBuf,
    /// How many commits were begun. Each is counted before anybody can read it.
    begun: Arc<AtomicU64>,
    line: Mutex<Line>,
    /// There is something for a thread to do.
    handed: Condvar,
    /// There is room in the line.
    told: Condvar,
    /// Held by who tells, so that everybody is told in the order of the commits.
    telling: Mutex<()>,
    audience: Audience,
    /// Up to which commit all is safe; `None` when nothing can be made safe any more.
    safe: watch::Sender<Option<u64>>,
}

/// Who waits for which commit.
#[derive(Default)]
struct Line {
    /// In the order of the commits.
    waiting: VecDeque<Handed>,
    /// The newest commit that was handed over.
    newest: u64,
    /// Up to which commit a sync has begun.
    syncing: u64,
    /// How many syncs are under way.
    under_way: usize,
    /// When the last of them began.
    last_begun: Option<Instant>,
    /// Up to which commit all is safe.
    safe: u64,
    is_closed: bool,
    has_failed: bool,
}

struct Handed {
    news: News,
    /// How many commits had begun, and had ended one way or the other.
    commits: u64,
}

/// What a thread does next.
enum Step {
    /// Begin a sync, which is for all commits up to this.
    Sync(u64),
    /// Tell what is safe already.
    Tell,
    /// Until there is something to do, or at most so long.
    Wait(Option<Duration>),
    End,
}

impl Line {
    fn next_step(&mut self, now: Instant) -> Step {
        if self.has_failed {
            return Step::End;
        }
        if self.waiting.front().is_some_and(|first| first.commits <= self.safe) {
            return Step::Tell;
        }
        if self.newest > self.syncing {
            let taken = self.last_begun.map_or(Duration::MAX, |begun| now.saturating_duration_since(begun));
            if self.under_way > 0 && taken < OVERTAKEN_AFTER {
                return Step::Wait(Some(OVERTAKEN_AFTER.saturating_sub(taken)));
            }
            self.syncing = self.newest;
            self.under_way += 1;
            self.last_begun = Some(now);
            return Step::Sync(self.newest);
        }
        if self.is_closed && self.waiting.is_empty() { Step::End } else { Step::Wait(None) }
    }

    fn made_safe(&mut self, commits: u64) {
        self.under_way -= 1;
        self.safe = self.safe.max(commits);
    }

    /// The next to be told, if it is safe.
    fn take_safe(&mut self) -> Option<Handed> {
        if self.has_failed {
            return None;
        }
        self.waiting.pop_front_if(|first| first.commits <= self.safe)
    }
}

/// The readers' side.
#[derive(Clone)]
pub(crate) struct Safe {
    begun: Arc<AtomicU64>,
    safe: watch::Receiver<Option<u64>>,
}

impl Safe {
    /// Returns when everything is safe that could be read before the call.
    ///
    /// # Errors
    /// The disk failed, and it is not known whether it has what was read.
    pub(crate) async fn wait(&self) -> Result<(), StoreError> {
        let begun = self.begun.load(Ordering::SeqCst);
        let mut safe = self.safe.clone();
        let reached = safe.wait_for(|safe| safe.is_none_or(|safe| safe >= begun)).await;
        match reached.as_deref() {
            Ok(Some(_)) => Ok(()),
            Ok(None) | Err(_) => Err(gone()),
        }
    }
}

impl Syncs {
    /// Starts the threads. They end with this. In production `sync` is [`sync`].
    ///
    /// # Errors
    /// The log, which SQLite makes when a database is first read, or a thread.
    pub(crate) fn start(database: &Path, audience: Audience, sync: impl SyncLog) -> io::Result<Self> {
        let (safe, _) = watch::channel(Some(0));
        let shared = Arc::new(Shared {
            log: log_of(database)?,
            begun: Arc::default(),
            line: Mutex::default(),
            handed: Condvar::new(),
            told: Condvar::new(),
            telling: Mutex::default(),
            audience,
            safe,
        });
        let sync = Arc::new(sync);
        // Of a page that could not be written the system tells every file that is open by then, once. So each thread has its own, from the
        // beginning: a sync that ends well has not overlooked what another was told.
        let files = (0..SYNCS_MAX).map(|_| File::open(&shared.log)).collect::<io::Result<Vec<File>>>()?;
        let mut syncs = Self { shared, handed: 0, threads: Vec::new() };
        for file in files {
            let (shared, sync) = (Arc::clone(&syncs.shared), Arc::clone(&sync));
            let thread = std::thread::Builder::new().name("store-sync".to_owned());
            syncs.threads.push(thread.spawn(move || shared.work(&file, &*sync))?);
        }
        Ok(syncs)
    }

    /// For those who read past the writer.
    pub(crate) fn safe(&self) -> Safe {
        Safe { begun: Arc::clone(&self.shared.begun), safe: self.shared.safe.subscribe() }
    }

    /// To be called before each commit.
    pub(crate) fn begin(&self) {
        self.shared.begun.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether a commit was begun, be it in vain, that is not handed over.
    pub(crate) fn is_due(&self) -> bool {
        self.shared.begun.load(Ordering::SeqCst) > self.handed
    }

    /// Has everybody told when all that was committed so far is safe. Waits if too much is not; `false` if nothing can be made safe any more.
    pub(crate) fn hand_over(&mut self, news: News) -> bool {
        self.handed = self.shared.begun.load(Ordering::SeqCst);
        let line = self.shared.line();
        let has_no_room = |line: &mut Line| line.waiting.len() >= AHEAD_MAX && !line.has_failed;
        let mut line = self.shared.told.wait_while(line, has_no_room).unwrap_or_else(PoisonError::into_inner);
        if line.has_failed {
            drop(line);
            news.refuse(&gone());
            return false;
        }
        line.newest = self.handed;
        line.waiting.push_back(Handed { news, commits: self.handed });
        drop(line);
        self.shared.handed.notify_one();
        true
    }

    /// Waits until everybody has been told.
    pub(crate) fn end(mut self) {
        self.close();
        for thread in self.threads.drain(..) {
            // One that panicked has said so, and what it held is refused.
            let _ = thread.join();
        }
    }

    fn close(&self) {
        self.shared.line().is_closed = true;
        self.shared.handed.notify_all();
    }
}

impl Drop for Syncs {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread does.
    fn work(&self, file: &File, sync: &impl SyncLog) {
        let panics = Panics(self);
        loop {
            match self.next_step() {
                Step::Sync(commits) => match sync(&self.log, file) {
                    Ok(()) => {
                        self.line().made_safe(commits);
                        self.tell();
                    }
                    Err(error) => self.fail(&error),
                },
                Step::Tell => self.tell(),
                Step::Wait(_) => {}
                Step::End => break,
            }
        }
        drop(panics);
    }

    /// Waits until there is something to do.
    fn next_step(&self) -> Step {
        let mut line = self.line();
        loop {
            match line.next_step(Instant::now()) {
                Step::Wait(None) => line = self.handed.wait(line).unwrap_or_else(PoisonError::into_inner),
                Step::Wait(Some(time)) => {
                    let waited = self.handed.wait_timeout(line, time);
                    line = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                step => return step,
            }
        }
    }

    /// Tells everybody whose commit is safe.
    fn tell(&self) {
        let telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let mut line = self.line();
            let Some(next) = line.take_safe() else { break };
            let is_last = line.waiting.is_empty() && line.is_closed;
            drop(line);
            self.told.notify_one();
            if is_last {
                self.handed.notify_all();
            }
            // What has failed meanwhile stays failed.
            self.safe.send_if_modified(|safe| safe.as_mut().map(|safe| *safe = next.commits).is_some());
            self.audience.tell(next.news);
        }
        drop(telling);
    }

    /// Nothing is called safe from here on: a system that failed to write a page may call it written at the next sync.
    fn fail(&self, error: &dyn std::fmt::Display) {
        let mut line = self.line();
        let is_first = !std::mem::replace(&mut line.has_failed, true);
        let refused = std::mem::take(&mut line.waiting);
        drop(line);
        if !is_first {
            return;
        }
        let log = self.log.display();
        tracing::error!(%error, %log, "store.sync_failed: nothing is stored from here on; restart when the disk is mended");
        let what = format!("{log} could not be synced ({error}); the change may be there all the same");
        self.safe.send_replace(None);
        self.audience.end_writer(&what);
        let error = StoreError::Unavailable { what };
        for one in refused {
            one.news.refuse(&error);
        }
        self.handed.notify_all();
        self.told.notify_all();
    }
}

/// What a thread that panicked was at is not known to be safe.
struct Panics<'a>(&'a Shared);

impl Drop for Panics<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(&"the thread panicked");
        }
    }
}

/// The write-ahead log of a database, which SQLite keeps beside it: beside the file itself, not a link to it.
fn log_of(database: &Path) -> io::Result<PathBuf> {
    let mut log = database.canonicalize()?.into_os_string();
    log.push(LOG);
    Ok(log.into())
}

fn gone() -> StoreError {
    StoreError::Unavailable { what: "the disk failed before; restart when it is mended".to_owned() }
}

/// Syncs the log, if it is still there: one that somebody took away is not safe, however often the file without a name is synced.
pub(crate) fn sync(log: &Path, file: &File) -> io::Result<()> {
    file.sync_data()?;
    let number = |data: &Metadata| (data.dev(), data.ino());
    if number(&std::fs::metadata(log)?) == number(&file.metadata()?) {
        Ok(())
    } else {
        Err(io::Error::other("it is another file than the one that was opened"))
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::mpsc;

    use futures::poll;
    use tokio::sync::oneshot;
    use tollhouse_core::command::Outcome;

    use super::*;
    use crate::writer::Answer;

    /// News of one commit, and the answer that comes of it.
    fn news() -> (News, oneshot::Receiver<Answer>) {
        let (ticket, answer) = oneshot::channel();
        (News { answers: vec![(ticket, Ok(Ok(Outcome::Done)))], ..News::default() }, answer)
    }

    impl Syncs {
        /// What the writer does around a commit.
        fn commit(&mut self, news: News) -> bool {
            self.begin();
            self.hand_over(news)
        }
    }

    /// Starts over a log of its own.
    fn start(sync: impl SyncLog) -> (Syncs, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("t.db");
        for name in [&database, &folder.path().join("t.db-wal")] {
            File::create(name).unwrap();
        }
        (Syncs::start(&database, Audience::empty(), sync).unwrap(), folder)
    }

    /// A disk that ends each sync when and as it is told: the begin of each comes with the way to end it.
    fn disk() -> (impl SyncLog, mpsc::Receiver<mpsc::Sender<io::Result<()>>>) {
        let (began, begun) = mpsc::channel();
        let sync = move |_: &Path, _: &File| {
            let (end, ended) = mpsc::channel();
            began.send(end).unwrap();
            ended.recv().unwrap()
        };
        (sync, begun)
    }

    fn broken() -> io::Result<()> {
        Err(io::Error::other("the disk is gone"))
    }

    #[test]
    fn nobody_is_told_before_a_sync_that_began_after_the_commit_and_one_is_enough_for_all_before_it() {
        let (sync, begun) = disk();
        let (mut syncs, _folder) = start(sync);
        let mut waiting = Vec::new();
        let mut under_way = Vec::new();
        for _ in 0..SYNCS_MAX {
            let (news, answer) = news();
            assert!(syncs.commit(news));
            waiting.push(answer);
            under_way.push(begun.recv().unwrap());
        }
        // These are committed while the disk has its hands full.
        for _ in 0..2 {
            let (news, answer) = news();
            assert!(syncs.commit(news));
            waiting.push(answer);
        }
        let (only_read, answer) = news();
        assert!(syncs.hand_over(only_read));
        waiting.push(answer);
        assert!(begun.try_recv().is_err(), "more syncs at once than there may be");
        for answer in &mut waiting {
            assert!(answer.try_recv().is_err(), "the disk has not said that it is safe");
        }
        // The second ends before the first: it began after the commit for which that one is.
        under_way[1].send(Ok(())).unwrap();
        let last = begun.recv().unwrap();
        for answer in waiting.drain(..2) {
            assert!(answer.blocking_recv().unwrap().is_ok());
        }
        for answer in &mut waiting {
            assert!(answer.try_recv().is_err(), "the sync that ended began too early for it");
        }
        under_way[0].send(Ok(())).unwrap();
        last.send(Ok(())).unwrap();
        for answer in waiting {
            assert!(answer.blocking_recv().unwrap().is_ok());
        }
        under_way[2].send(Ok(())).unwrap();
        syncs.end();
        assert!(begun.recv().is_err(), "one was enough for what was committed before it");
    }

    #[test]
    fn a_sync_is_overtaken_only_when_it_takes_long() {
        let mut line = Line { newest: 1, ..Line::default() };
        let begun = Instant::now();
        assert!(matches!(line.next_step(begun), Step::Sync(1)));
        line.newest = 2;
        let half = OVERTAKEN_AFTER / 2;
        assert!(
            matches!(line.next_step(begun + half), Step::Wait(Some(time)) if time == OVERTAKEN_AFTER - half)
        );
        assert!(matches!(line.next_step(begun + OVERTAKEN_AFTER), Step::Sync(2)));
        line.newest = 3;
        assert!(matches!(line.next_step(begun + OVERTAKEN_AFTER), Step::Wait(Some(_))), "the second is new");
        line.made_safe(2);
        line.made_safe(1);
        assert_eq!(line.safe, 2, "the first was overtaken");
        assert!(matches!(line.next_step(begun + OVERTAKEN_AFTER), Step::Sync(3)), "none is under way");
    }

    #[test]
    fn what_only_read_after_a_safe_commit_needs_no_sync() {
        let (mut syncs, _folder) =
            start(|_: &Path, _: &File| Err(io::Error::other("nothing is to be synced")));
        let (only_read, answer) = news();
        assert!(syncs.hand_over(only_read));
        assert!(answer.blocking_recv().unwrap().is_ok());
        syncs.end();
    }

    #[test]
    fn the_writer_is_only_so_far_ahead_of_the_disk() {
        let (sync, begun) = disk();
        let (mut syncs, _folder) = start(sync);
        let (handed, is_handed) = mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..=AHEAD_MAX {
                    assert!(syncs.commit(News::default()));
                    handed.send(number).unwrap();
                }
            });
            let first = begun.recv().unwrap();
            for number in 0..AHEAD_MAX {
                assert_eq!(is_handed.recv().unwrap(), number);
            }
            assert!(is_handed.try_recv().is_err(), "further than it may");
            first.send(Ok(())).unwrap();
            assert_eq!(is_handed.recv().unwrap(), AHEAD_MAX);
            while let Ok(end) = begun.try_recv() {
                end.send(Ok(())).unwrap();
            }
        });
        let ends = std::thread::spawn(move || syncs.end());
        while let Ok(end) = begun.recv() {
            end.send(Ok(())).unwrap();
        }
        ends.join().unwrap();
    }

    #[test]
    fn after_a_sync_that_failed_nothing_is_called_safe_again() {
        let (sync, begun) = disk();
        let (mut syncs, _folder) = start(sync);
        let (first, first_answer) = news();
        assert!(syncs.commit(first));
        let of_first = begun.recv().unwrap();
        let (second, second_answer) = news();
        assert!(syncs.commit(second));
        let of_second = begun.recv().unwrap();
        of_first.send(broken()).unwrap();
        let refused = first_answer.blocking_recv().unwrap().unwrap_err();
        assert!(refused.to_string().contains("the disk is gone"), "{refused}");
        assert!(second_answer.blocking_recv().unwrap().is_err());
        // The other says that all is well, as systems do that have dropped what they could not write.
        of_second.send(Ok(())).unwrap();
        let (later, answer) = news();
        assert!(!syncs.commit(later));
        assert!(answer.blocking_recv().unwrap().is_err(), "called safe after the disk has failed");
        syncs.end();
        assert!(begun.recv().is_err(), "nothing more is tried");
    }

    #[test]
    fn a_thread_that_panics_is_a_disk_that_failed() {
        let (mut syncs, _folder) = start(|_: &Path, _: &File| panic!("a fault of ours"));
        let (lost, answer) = news();
        assert!(syncs.commit(lost));
        assert!(answer.blocking_recv().unwrap().is_err());
        let (later, _) = news();
        assert!(!syncs.commit(later));
        syncs.end();
    }

    #[tokio::test]
    async fn who_has_read_a_commit_waits_until_it_is_safe() {
        let (sync, begun) = disk();
        let (mut syncs, _folder) = start(sync);
        let safe = syncs.safe();
        safe.wait().await.unwrap();
        syncs.begin();
        let mut of_first = pin!(safe.wait());
        assert!(poll!(&mut of_first).is_pending(), "it can be read from here on");
        assert!(syncs.is_due());
        // The commit failed, and there is nothing to tell: who may have read of it is not forgotten.
        assert!(syncs.hand_over(News::default()));
        assert!(!syncs.is_due());
        assert!(poll!(&mut of_first).is_pending(), "the disk has not said that it is safe");
        begun.recv().unwrap().send(Ok(())).unwrap();
        of_first.await.unwrap();
        safe.wait().await.unwrap();

        let (second, _) = news();
        assert!(syncs.commit(second));
        let of_second = safe.wait();
        begun.recv().unwrap().send(broken()).unwrap();
        assert!(of_second.await.is_err(), "nobody knows whether the disk has it");
        assert!(safe.wait().await.is_err());
        syncs.end();
    }

    #[tokio::test]
    async fn what_was_safe_at_the_end_stays_so() {
        let (mut syncs, _folder) = start(|_: &Path, _: &File| Ok(()));
        let safe = syncs.safe();
        let (only, _) = news();
        assert!(syncs.commit(only));
        syncs.end();
        safe.wait().await.unwrap();
    }

    #[test]
    fn a_log_that_was_taken_away_or_changed_for_another_is_not_safe() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("t.db-wal");
        let file = File::create(&log).unwrap();
        sync(&log, &file).unwrap();
        std::fs::rename(&log, folder.path().join("elsewhere")).unwrap();
        assert_eq!(sync(&log, &file).unwrap_err().kind(), io::ErrorKind::NotFound);
        File::create(&log).unwrap();
        assert!(sync(&log, &file).unwrap_err().to_string().contains("another file"));
    }
}
