//! Makes commits safe beside the writer rather than in each of them: while the disk syncs the write-ahead log, the writer works on the next
//! batch. Who waits for a commit is told when a sync that began after it has ended, in the order of the commits.
//!
//! The connection that writes runs with `synchronous=normal`: SQLite then syncs the log before a checkpoint and when it begins the log
//! anew, but not at a commit. That part is done here, with the same call on the same file. Until then SQLite shows the commit to every
//! connection; so who reads past the writer waits, with what was read, until it is [`Safe`] to be acted on.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use tokio::sync::watch;

use crate::StoreError;
use crate::queue::{Audience, News};

/// How many batches may be committed and not yet safe. With one the writer works while the disk does; more let it catch up after a sync that
/// took long, and bound what waits in memory.
const AHEAD_MAX: usize = 4;

/// The writer's side.
pub(crate) struct Syncs {
    news: SyncSender<Handed>,
    /// How many commits were begun. Each is counted before anybody can read it.
    begun: Arc<AtomicU64>,
    /// How many of them are handed over.
    handed: u64,
    safe: watch::Receiver<u64>,
    thread: JoinHandle<()>,
}

struct Handed {
    news: News,
    /// How many commits had begun, and had ended one way or the other.
    commits: u64,
}

/// The readers' side.
#[derive(Clone)]
pub(crate) struct Safe {
    begun: Arc<AtomicU64>,
    safe: watch::Receiver<u64>,
}

impl Safe {
    /// Returns when everything is safe that could be read before the call.
    ///
    /// # Errors
    /// The disk failed, and it is not known whether it has what was read.
    pub(crate) async fn wait(&self) -> Result<(), StoreError> {
        let begun = self.begun.load(Ordering::SeqCst);
        let mut safe = self.safe.clone();
        safe.wait_for(|safe| *safe >= begun).await.map(|_| ()).map_err(|_| gone())
    }
}

impl Syncs {
    /// Starts the thread. It ends with this. `sync` has the log on the disk; in production that is [`sync`].
    ///
    /// # Errors
    /// The file or the thread.
    pub(crate) fn start(
        database: &Path,
        audience: Audience,
        sync: impl Fn(&Path) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let (news, handed) = sync_channel(AHEAD_MAX);
        let log = log_of(database)?;
        let (safe_to, safe) = watch::channel(0);
        let thread = std::thread::Builder::new()
            .name("store-sync".to_owned())
            .spawn(move || sync_and_tell(&log, &handed, &audience, &safe_to, sync))?;
        Ok(Self { news, begun: Arc::default(), handed: 0, safe, thread })
    }

    /// For those who read past the writer.
    pub(crate) fn safe(&self) -> Safe {
        Safe { begun: Arc::clone(&self.begun), safe: self.safe.clone() }
    }

    /// To be called before each commit.
    pub(crate) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether a commit was begun, be it in vain, that is not handed over.
    pub(crate) fn is_due(&self) -> bool {
        self.begun.load(Ordering::SeqCst) > self.handed
    }

    /// Has everybody told when all that was committed so far is safe. Waits if too much is not; `false` if nothing can be made safe any more.
    pub(crate) fn hand_over(&mut self, news: News) -> bool {
        self.handed = self.begun.load(Ordering::SeqCst);
        match self.news.send(Handed { news, commits: self.handed }) {
            Ok(()) => true,
            Err(lost) => {
                lost.0.news.refuse(&gone());
                false
            }
        }
    }

    /// Waits until everybody has been told.
    pub(crate) fn end(self) {
        drop(self.news);
        // One that panicked has said so, and the answers it held are closed.
        let _ = self.thread.join();
    }
}

/// The write-ahead log of a database, which SQLite keeps beside it: beside the file itself, not a link to it.
fn log_of(database: &Path) -> io::Result<PathBuf> {
    let mut log = database.canonicalize()?.into_os_string();
    log.push("-wal");
    Ok(log.into())
}

fn gone() -> StoreError {
    StoreError::Unavailable { what: "the disk failed before; restart when it is mended".to_owned() }
}

fn sync_and_tell(
    log: &Path,
    handed: &Receiver<Handed>,
    audience: &Audience,
    safe: &watch::Sender<u64>,
    sync: impl Fn(&Path) -> io::Result<()>,
) {
    while let Ok(first) = handed.recv() {
        // What was committed before the sync begins is made safe by it.
        let mut all = vec![first];
        all.extend(handed.try_iter());
        let commits = all.iter().map(|one| one.commits).max().unwrap_or_default();
        let synced = if commits > *safe.borrow() { sync(log) } else { Ok(()) };
        if let Err(error) = synced {
            let what = format!(
                "{} could not be synced ({error}); the change may be there all the same",
                log.display()
            );
            tracing::error!(%error, log = %log.display(), "store.sync_failed: nothing is stored from here on; restart when the disk is mended");
            audience.end_writer(&what);
            let refused = StoreError::Unavailable { what };
            for one in all {
                one.news.refuse(&refused);
            }
            // A system that failed to write a page may call it written at the next sync: what comes later is not known to be safe.
            return;
        }
        safe.send_replace(commits);
        for one in all {
            audience.tell(one.news);
        }
    }
}

/// Syncs the log by its name: a log that somebody took away is not safe, however often the file without a name is synced.
pub(crate) fn sync(log: &Path) -> io::Result<()> {
    File::open(log)?.sync_data()
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::AtomicBool;
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

    #[test]
    fn nobody_is_told_before_a_sync_that_began_after_the_commit_and_one_is_enough_for_all_of_them() {
        let (began, begun) = mpsc::channel();
        let (allow, allowed) = mpsc::channel::<()>();
        let mut syncs = Syncs::start(Path::new("/"), Audience::empty(), move |_| {
            began.send(()).unwrap();
            allowed.recv().unwrap();
            Ok(())
        })
        .unwrap();
        let (first, mut first_answer) = news();
        assert!(syncs.commit(first));
        begun.recv().unwrap();
        // These are committed while the disk is at the first.
        let (second, mut second_answer) = news();
        let (third, mut third_answer) = news();
        let (only_read, mut read_answer) = news();
        assert!(syncs.commit(second));
        assert!(syncs.commit(third));
        assert!(syncs.hand_over(only_read));
        assert!(first_answer.try_recv().is_err(), "the disk has not said that it is safe");
        allow.send(()).unwrap();
        begun.recv().unwrap();
        assert!(first_answer.blocking_recv().unwrap().is_ok());
        for answer in [&mut second_answer, &mut third_answer, &mut read_answer] {
            assert!(answer.try_recv().is_err(), "the sync before began too early for it");
        }
        allow.send(()).unwrap();
        for answer in [second_answer, third_answer, read_answer] {
            assert!(answer.blocking_recv().unwrap().is_ok());
        }
        syncs.end();
        assert!(begun.recv().is_err(), "two syncs were enough");
    }

    #[test]
    fn what_only_read_after_a_safe_commit_needs_no_sync() {
        let mut syncs = Syncs::start(Path::new("/"), Audience::empty(), |_| {
            Err(io::Error::other("nothing is to be synced"))
        })
        .unwrap();
        let (only_read, answer) = news();
        assert!(syncs.hand_over(only_read));
        assert!(answer.blocking_recv().unwrap().is_ok());
        syncs.end();
    }

    #[test]
    fn after_a_sync_that_failed_nothing_is_called_safe_again() {
        let fails = AtomicBool::new(true);
        let mut syncs = Syncs::start(Path::new("/"), Audience::empty(), move |_| {
            if fails.swap(false, Ordering::Relaxed) {
                Err(io::Error::other("the disk is gone"))
            } else {
                Ok(())
            }
        })
        .unwrap();
        let (lost, answer) = news();
        assert!(syncs.commit(lost));
        let refused = answer.blocking_recv().unwrap().unwrap_err();
        assert!(refused.to_string().contains("the disk is gone"), "{refused}");
        // The next sync would say that all is well, as systems do that have dropped what they could not write.
        loop {
            let (later, answer) = news();
            let taken = syncs.commit(later);
            let refused = match answer.blocking_recv() {
                Ok(answer) => answer.is_err(),
                Err(_) => true,
            };
            assert!(refused, "called safe after the disk has failed");
            if !taken {
                break;
            }
        }
        syncs.end();
    }

    #[tokio::test]
    async fn who_has_read_a_commit_waits_until_it_is_safe() {
        let (allow, allowed) = mpsc::channel::<io::Result<()>>();
        let mut syncs =
            Syncs::start(Path::new("/"), Audience::empty(), move |_| allowed.recv().unwrap()).unwrap();
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
        allow.send(Ok(())).unwrap();
        of_first.await.unwrap();
        safe.wait().await.unwrap();

        let (second, _) = news();
        assert!(syncs.commit(second));
        let of_second = safe.wait();
        allow.send(Err(io::Error::other("the disk is gone"))).unwrap();
        assert!(of_second.await.is_err(), "nobody knows whether the disk has it");
        assert!(safe.wait().await.is_err());
        syncs.end();
    }

    #[tokio::test]
    async fn what_was_safe_at_the_end_stays_so() {
        let mut syncs = Syncs::start(Path::new("/"), Audience::empty(), |_| Ok(())).unwrap();
        let safe = syncs.safe();
        let (only, _) = news();
        assert!(syncs.commit(only));
        syncs.end();
        safe.wait().await.unwrap();
    }
}
