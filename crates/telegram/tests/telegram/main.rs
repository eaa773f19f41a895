//! The gateway and the simulated Telegram, each proved by the other; and by a client that neither of them knows.

#![expect(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

mod access;
mod control;
mod messages;
mod pages;
mod polling;
mod refusals;
mod support;
mod third_party;
mod webhooks;
