//! The real binary on a fresh database, with nothing of this machine's in its environment.

#![expect(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

mod care;
mod checks;
mod money;
mod offer;
mod policies;
mod reconcile;
mod shop;
mod support;
