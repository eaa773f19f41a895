//! The real binary on a fresh database, with nothing of this machine's in its environment.

mod checks;
mod money;
mod shop;
mod support;
