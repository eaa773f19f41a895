//! The rules of Tollhouse.
//!
//! Nothing here does IO, reads a clock or makes a random number: time and ids come in as arguments. The same inputs give the
//! same outputs, which is what lets the simulator, the property tests and two database engines share one set of rules.
//!
//! The way through: a [`command::Command`] says what it [`snapshot::Needs`]; the store loads a [`snapshot::Snapshot`];
//! [`decide::decide`] changes it and returns an [`command::Outcome`]; the store then commits what is to be written.

#![warn(missing_docs)]
#![deny(clippy::float_arithmetic, reason = "money is an exact decimal (I7)")]

pub mod attention;
pub mod audit;
pub mod bot_chat;
pub mod channel;
pub mod command;
pub mod decide;
pub mod dialogue;
pub mod event;
pub mod id;
pub mod import;
pub mod job;
pub mod link;
pub mod membership;
pub mod membership_policy;
pub mod money;
pub mod offer;
pub mod order;
pub mod order_ref;
pub mod payment;
pub mod payout;
pub mod policy;
pub mod presence;
pub mod progress;
pub mod removal;
pub mod safeguard;
pub mod snapshot;
pub mod status;
pub mod stay;
