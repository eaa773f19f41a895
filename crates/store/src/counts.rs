//! Counting the jobs that wait, or are done, takes as long as there are many of them: each member has one that waits for the end. A count
//! goes on by itself, however long it takes, and is kept for a hundred times as long as it took.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{JobTotals, StoreError};

/// How many times the cost of a count it is kept for: counting then takes at most a hundredth of one core.
const KEPT_FOR_COSTS: u32 = 100;
/// Below this a count is never kept: who asks every few seconds costs little, and a database that is not large shows what it holds at once.
const FREE_COST_MAX: Duration = Duration::from_millis(100);
/// How long who wants to know waits for a count before the last one is shown.
const PATIENCE: Duration = Duration::from_millis(250);

/// The last count.
#[derive(Default)]
pub(crate) struct JobCounts {
    last: Mutex<Option<Last>>,
    one_at_a_time: tokio::sync::Mutex<()>,
}

struct Last {
    totals: JobTotals,
    until: Instant,
}

impl JobCounts {
    /// How many there are: as of now, if that takes no longer than a moment, else as last counted. `None` if none has come to its end yet.
    ///
    /// # Errors
    /// Those of a count that fails in that moment.
    pub(crate) async fn get<C>(self: &Arc<Self>, count: C) -> Result<Option<JobTotals>, StoreError>
    where
        C: Future<Output = Result<JobTotals, StoreError>> + Send + 'static,
    {
        if !self.is_good() {
            let counts = Arc::clone(self);
            // In a task of its own: a count that was given up whenever somebody loses patience would never come to its end.
            let counting = tokio::spawn(async move {
                let _turn = counts.one_at_a_time.lock().await;
                if counts.is_good() {
                    return Ok(());
                }
                let begun = Instant::now();
                let totals = count.await?;
                counts.keep(totals, begun.elapsed());
                Ok::<(), StoreError>(())
            });
            if let Ok(Ok(counted)) = tokio::time::timeout(PATIENCE, counting).await {
                counted?;
            }
        }
        Ok(self.last().as_ref().map(|last| last.totals.clone()))
    }

    fn is_good(&self) -> bool {
        self.last().as_ref().is_some_and(|last| Instant::now() < last.until)
    }

    fn keep(&self, totals: JobTotals, cost: Duration) {
        let kept_for = if cost > FREE_COST_MAX { cost * KEPT_FOR_COSTS } else { Duration::ZERO };
        *self.last() = Some(Last { totals, until: Instant::now() + kept_for });
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<Last>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::future::pending;
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    fn totals(waiting: u64) -> JobTotals {
        JobTotals { jobs: Vec::new(), retrying: BTreeMap::from([("k".to_owned(), waiting)]) }
    }

    #[tokio::test]
    async fn a_count_that_costs_nothing_is_never_kept() {
        let counts = Arc::new(JobCounts::default());
        let done = Arc::new(AtomicU64::new(0));
        for round in 1..=3 {
            let done = Arc::clone(&done);
            let count = async move { Ok(totals(done.fetch_add(1, Ordering::Relaxed) + 1)) };
            assert_eq!(counts.get(count).await.unwrap(), Some(totals(round)));
            counts.keep(totals(round), Duration::ZERO);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_count_holds_nobody_up_and_comes_to_its_end_without_them() {
        let counts = Arc::new(JobCounts::default());
        let (finish, finished) = oneshot::channel::<()>();
        let long = async move {
            finished.await.unwrap();
            Ok(totals(7))
        };
        assert_eq!(counts.get(long).await.unwrap(), None, "nothing was counted yet");
        finish.send(()).unwrap();
        // Its turn ends when it has been kept.
        drop(counts.one_at_a_time.lock().await);
        counts.keep(totals(7), Duration::from_secs(8));
        let again = async { pending::<Result<JobTotals, StoreError>>().await };
        assert_eq!(counts.get(again).await.unwrap(), Some(totals(7)), "kept for a hundred times its cost");
        // When it is too old it is shown all the same while the next one goes on.
        counts.last().as_mut().unwrap().until = Instant::now();
        let next = async { pending::<Result<JobTotals, StoreError>>().await };
        assert_eq!(counts.get(next).await.unwrap(), Some(totals(7)));
    }

    #[tokio::test]
    async fn a_count_that_fails_is_told() {
        let counts = Arc::new(JobCounts::default());
        let gone = || StoreError::Unavailable { what: "gone".to_owned() };
        assert!(counts.get(async move { Err(gone()) }).await.is_err());
    }
}
