//! Whether what should be running runs: each part says so at every round, and one that falls silent shows (F104).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::clock::Clock;

/// From when on a silent part counts as standing still, in seconds. The longest round is one step of a job: its calls are bounded by half of
/// a lease; the bot's longest question to Telegram is shorter.
pub const SILENT_SECONDS_MAX: i64 = 120;

/// When each part of this process was last heard of.
#[derive(Debug)]
pub struct Pulse {
    clock: Clock,
    beats: Mutex<BTreeMap<&'static str, Timestamp>>,
}

impl Pulse {
    /// Nothing was heard of yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, beats: Mutex::default() }
    }

    /// A part is at work.
    pub fn beat(&self, part: &'static str) {
        let now = self.clock.now();
        self.beats.lock().unwrap_or_else(PoisonError::into_inner).insert(part, now);
    }

    /// For how many seconds each part of this process has been silent.
    #[must_use]
    pub fn silent_seconds(&self) -> BTreeMap<&'static str, i64> {
        let now = self.clock.now();
        let beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        beats.iter().map(|(part, at)| (*part, now.duration_since(*at).as_secs().max(0))).collect()
    }
}

/// The word for a part that was silent for so long.
#[must_use]
pub fn word(silent_seconds: i64) -> &'static str {
    if silent_seconds <= SILENT_SECONDS_MAX { "ok" } else { "stopped" }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn f104_a_part_that_falls_silent_is_told_from_one_that_works() {
        let clock = Clock::default();
        let pulse = Pulse::new(clock.clone());
        assert!(pulse.silent_seconds().is_empty(), "a part that does not run here is not missed");
        pulse.beat("worker");
        pulse.beat("bot");
        clock.advance(SignedDuration::from_secs(SILENT_SECONDS_MAX + 5));
        pulse.beat("bot");
        let words: Vec<_> =
            pulse.silent_seconds().into_iter().map(|(part, silent)| (part, word(silent))).collect();
        assert_eq!(words, [("bot", "ok"), ("worker", "stopped")]);
    }
}
