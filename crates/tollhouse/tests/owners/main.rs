//! Owners in the bot, against the simulated Telegram: setting channels up, looking after them, and everybody who may not.
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod house;
mod lists;
mod own;
mod plans;
mod rights;
mod setup;
#[path = "../town/mod.rs"]
mod town;
