//! For how long something is left alone, by a clock that people and time servers set.

use jiff::{SignedDuration, Timestamp};

/// A rest of a given length. It never lasts longer than that, whatever the clock says: one that was an hour ahead for a moment, and was set
/// back, would else have nothing done for an hour, without a word (F104).
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest {
    until: Timestamp,
    length: SignedDuration,
}

impl Rest {
    pub(super) fn new(now: Timestamp, length: SignedDuration) -> Self {
        Self { until: later(now, length), length }
    }

    /// Until when it lasts; `None` if it is over.
    pub(super) fn until(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.until = self.until.min(later(now, self.length));
        (now < self.until).then_some(self.until)
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f104_a_rest_lasts_no_longer_when_the_clock_is_set_back() {
        let start: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let at = |seconds| start + SignedDuration::from_secs(seconds);
        let mut rest = Rest::new(start, SignedDuration::from_secs(60));
        assert_eq!(rest.until(at(59)), Some(at(60)));
        assert_eq!(rest.until(at(-3_600)), Some(at(-3_540)), "the clock was an hour ahead");
        assert_eq!(rest.until(at(-3_541)), Some(at(-3_540)), "it does not begin anew with each look");
        assert_eq!(rest.until(at(-3_540)), None);
        assert_eq!(Rest::new(Timestamp::MAX, SignedDuration::from_secs(1)).until(Timestamp::MAX), None);
    }
}
