//! Connections that only read, for the blocking threads. WAL lets them read while the writer writes.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, InterruptHandle, OpenFlags};
use tokio::sync::Semaphore;

use super::rows::failure;
use super::sync::Safe;
use super::{STATEMENTS_CACHED_MAX, wait_patiently};
use crate::StoreError;
use crate::writer::Failure;

/// How many may read at once. Each holds a connection of about 2 MB with its cache; more would not be faster on one disk.
const READERS_MAX: u32 = 4;
/// How long a read waits for its turn, as on PostgreSQL: less than anybody waits for a page. While a disk hangs they would pile up.
const READER_WAIT: Duration = Duration::from_secs(2);

/// The pool.
#[derive(Clone)]
pub(crate) struct Readers {
    path: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
    /// What ends a count that is under way.
    counting: Arc<Mutex<Option<InterruptHandle>>>,
    safe: Safe,
}

impl Readers {
    pub(crate) fn new(path: PathBuf, safe: Safe) -> Self {
        let permits = Arc::new(Semaphore::new(READERS_MAX as usize));
        Self { path: Arc::new(path), idle: Arc::default(), permits, counting: Arc::default(), safe }
    }

    /// Runs a read on a blocking thread, and keeps back what was read until a loss of power cannot undo it: somebody may act on it.
    pub(crate) async fn read<V: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<V, Failure> + Send + 'static,
    ) -> Result<V, StoreError> {
        let value = self.read_at_once(read).await?;
        self.safe.wait().await?;
        Ok(value)
    }

    /// The same without the wait, for a look at the store itself: it must not hang when the disk does.
    pub(crate) async fn read_at_once<V: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<V, Failure> + Send + 'static,
    ) -> Result<V, StoreError> {
        let turn = tokio::time::timeout(READER_WAIT, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = turn.map_err(|_| busy())?.map_err(|_| closed())?;
        let readers = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let connection = readers.take()?;
            let result = read(&connection);
            // One that failed may be broken; a new one costs little.
            if result.is_ok() {
                readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            }
            result
        });
        let result =
            task.await.map_err(|error| StoreError::Internal { what: format!("a read panicked: {error}") })?;
        result.map_err(Into::into)
    }

    /// The same for a count that may take long: closing the store does not wait for it.
    pub(crate) async fn count<V: Send + 'static>(
        &self,
        count: impl FnOnce(&Connection) -> Result<V, Failure> + Send + 'static,
    ) -> Result<V, StoreError> {
        let counting = Arc::clone(&self.counting);
        let set = move |handle| *counting.lock().unwrap_or_else(PoisonError::into_inner) = handle;
        self.read_at_once(move |connection| {
            set(Some(connection.get_interrupt_handle()));
            let counted = count(connection);
            set(None);
            counted
        })
        .await
    }

    fn take(&self) -> Result<Connection, Failure> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| self.open().map_err(failure), Ok)
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        let mut connection = Connection::open_with_flags(
            &*self.path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        wait_patiently(&mut connection)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED_MAX);
        Ok(connection)
    }

    /// Lets no new read begin, waits for those under way but for a count, which it ends, and closes their connections.
    pub(crate) async fn close(&self) {
        if let Some(counting) = &*self.counting.lock().unwrap_or_else(PoisonError::into_inner) {
            counting.interrupt();
        }
        if let Ok(all) = self.permits.acquire_many(READERS_MAX).await {
            self.permits.close();
            drop(all);
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable { what: "the store is closed".to_owned() }
}

fn busy() -> StoreError {
    let waited = READER_WAIT.as_secs();
    StoreError::Unavailable { what: format!("too many reads at once: this one had no turn in {waited} s") }
}

#[cfg(test)]
mod tests {
    use super::super::open;
    use super::super::sync::{Syncs, sync};
    use super::*;
    use crate::OpenOptions;
    use crate::queue::Audience;

    #[tokio::test(start_paused = true)]
    async fn a_read_that_finds_no_turn_is_told_so_and_the_next_one_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("read.db");
        let (_connection, _checkpoints) = open::open(&path, OpenOptions::default()).unwrap();
        let syncs = Syncs::start(&path, Audience::empty(), sync).unwrap();
        let readers = Readers::new(path, syncs.safe());
        let held = Arc::clone(&readers.permits).acquire_many_owned(READERS_MAX).await.unwrap();
        let begun = tokio::time::Instant::now();
        let told = readers.read_at_once(|_| Ok(())).await;
        assert!(
            matches!(&told, Err(StoreError::Unavailable { what }) if what.contains("too many reads")),
            "{told:?}"
        );
        assert_eq!(begun.elapsed().as_secs(), READER_WAIT.as_secs());
        drop(held);
        assert_eq!(readers.read_at_once(|_| Ok(7)).await, Ok(7));
    }
}
