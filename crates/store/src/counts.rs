//! Counting what is done takes as long as there is much of it; a count is kept for a hundred times as long as it took.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many times the cost of a count it is kept for: counting then takes at most a hundredth of one core.
const KEPT_FOR_COSTS: u32 = 100;
/// Below this a count is never kept: a small database shows what it holds at once.
const FREE_COST_MAX: Duration = Duration::from_millis(2);

/// Jobs that are done, by kind.
#[derive(Default)]
pub(crate) struct DoneCounts(Mutex<Option<Kept>>);

struct Kept {
    counts: BTreeMap<String, u64>,
    until: Instant,
}

impl DoneCounts {
    /// The last count, while it is still good.
    pub(crate) fn get(&self) -> Option<BTreeMap<String, u64>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|kept| Instant::now() < kept.until).map(|kept| kept.counts.clone())
    }

    /// Keeps a count that was begun at an instant.
    pub(crate) fn keep(&self, counts: &BTreeMap<String, u64>, begun: Instant) {
        let cost = begun.elapsed();
        if cost > FREE_COST_MAX {
            let kept = Kept { counts: counts.clone(), until: Instant::now() + cost * KEPT_FOR_COSTS };
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        }
    }
}
