//! Ids and jitter from the seed.

use fastrand::Rng;
use tollhouse_core::id::IdSource;
use uuid::Uuid;

/// Gives the same ids for the same seed.
#[derive(Debug)]
pub struct SeededIds(Rng);

impl SeededIds {
    /// From a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }
}

impl IdSource for SeededIds {
    fn uuid(&mut self) -> Uuid {
        Uuid::from_u128(self.0.u128(1..))
    }

    fn random(&mut self) -> u64 {
        self.0.u64(..)
    }
}
