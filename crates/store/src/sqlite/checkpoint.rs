//! Copies the write-ahead log back into the database beside the commits rather than in one of them, and keeps the log bounded.
//!
//! SQLite's own automatic checkpoint makes every so manieth commit wait for it. Here a thread copies while the writer goes on; what
//! was written meanwhile is little, the writer copies that itself, and with nothing left to copy its next commit begins the log anew.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, OpenFlags};

use super::wait_patiently;

/// From how many pages of 4 KiB on the log is copied: 16 MiB. A page that is written often is copied once in that time; reads look
/// the longer for a page the longer the log is. While a reader holds an old state the log cannot begin anew and grows by as much again
/// before it is tried again.
const LOG_PAGES: i32 = 4_096;

/// The writer's side.
pub(crate) struct Checkpoints {
    /// Pages in the log after the last commit.
    pages: Arc<AtomicI32>,
    /// Whether the thread has copied since the writer did.
    copied: Arc<AtomicBool>,
    begin: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// At how many pages the thread is asked next.
    next: i32,
}

impl Checkpoints {
    /// Takes the checkpoints of this connection over, and starts the thread. It ends with this.
    ///
    /// # Errors
    /// The file or the thread, in words.
    pub(crate) fn start(connection: &mut Connection, path: &Path) -> Result<Self, String> {
        let (beside, pages) = Self::connections(connection, path).map_err(|error| error.to_string())?;
        let copied = Arc::new(AtomicBool::new(false));
        // One place: asked twice, once is enough.
        let (begin, asked) = sync_channel(1);
        let thread = std::thread::Builder::new().name("store-checkpoint".to_owned()).spawn({
            let copied = Arc::clone(&copied);
            move || copy_when_asked(beside, &asked, &copied)
        });
        let thread = thread.map_err(|error| format!("no thread for the checkpoints: {error}"))?;
        Ok(Self { pages, copied, begin: Some(begin), thread: Some(thread), next: LOG_PAGES })
    }

    fn connections(
        connection: &mut Connection,
        path: &Path,
    ) -> rusqlite::Result<(Connection, Arc<AtomicI32>)> {
        // The file is there; if somebody has just taken it away none is made in its place.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut beside = Connection::open_with_flags(path, flags)?;
        wait_patiently(&mut beside)?;
        let pages = Arc::new(AtomicI32::new(0));
        // In the place of the automatic checkpoint, which is such a hook itself.
        connection.wal_hook(Some({
            let pages = Arc::clone(&pages);
            move |_: &mut rusqlite::hooks::Wal, count: std::ffi::c_int| {
                pages.store(count, Ordering::Relaxed);
                Ok(())
            }
        }))?;
        Ok((beside, pages))
    }

    /// To be called after each commit.
    pub(crate) fn after_commit(&mut self, connection: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < LOG_PAGES {
            self.next = LOG_PAGES;
            return;
        }
        if self.copied.swap(false, Ordering::Acquire) {
            copy(connection);
            self.next = pages + LOG_PAGES;
        } else if pages >= self.next && self.begin.as_ref().is_some_and(|begin| begin.try_send(()).is_ok()) {
            self.next = pages + LOG_PAGES;
        }
    }
}

impl Drop for Checkpoints {
    /// Waits until its connection is closed: the connection that is closed last copies the log back whole.
    fn drop(&mut self) {
        drop(self.begin.take());
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

fn copy_when_asked(connection: Connection, asked: &Receiver<()>, copied: &AtomicBool) {
    while asked.recv().is_ok() {
        copy(&connection);
        copied.store(true, Ordering::Release);
    }
}

/// Copies what can be copied without anybody waiting.
fn copy(connection: &Connection) {
    let copied = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(0));
    if let Err(error) = copied {
        tracing::warn!(error = %error, "store.checkpoint_failed: the log stays longer; nothing is lost");
    }
}
