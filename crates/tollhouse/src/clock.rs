//! The room in which time is read and ids are made. Everything else takes them as arguments.
#![expect(clippy::disallowed_methods, reason = "this is the room")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use tollhouse_core::id::IdSource;
use uuid::Uuid;

/// A clock as the store, the worker and the simulators take it.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The system's clock, moved ahead by an offset that only the demo and tests change. Truncated to microseconds, which is what both
/// databases keep.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    ahead_microseconds: Arc<AtomicI64>,
}

impl Clock {
    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let micros = Timestamp::now().as_microsecond() + self.ahead_microseconds.load(Ordering::Relaxed);
        Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
    }

    /// Moves the clock ahead.
    pub fn advance(&self, by: SignedDuration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.ahead_microseconds.fetch_add(micros, Ordering::Relaxed);
    }

    /// The clock as a function.
    #[must_use]
    pub fn as_fn(&self) -> Now {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}

/// Ids from the system's randomness: version 7, so that rows that are made together lie together.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ids;

impl IdSource for Ids {
    fn uuid(&mut self) -> Uuid {
        // Ours rather than the crate's counter, which leaves only 32 random bits between two ids of one millisecond: an order's
        // id and its claim are made together, and whoever knows one must not guess the other. Here all 74 bits are random,
        // from a generator of the thread that is seeded by the system and fit for secrets (ChaCha): one that asked the system for
        // each id took a tenth of the writer's time.
        let milliseconds = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        let mut random = [0; 10];
        let (first, second) = (Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes());
        // The bytes of a version 4 id that hold no fixed bits.
        random[..5].copy_from_slice(&first[10..15]);
        random[5..].copy_from_slice(&second[10..15]);
        uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
    }

    fn random(&mut self) -> u64 {
        // The low half of a version 4 id: 62 random bits, fixed ones on top.
        Uuid::new_v4().as_u64_pair().1
    }
}
