//! A seeded simulator of the whole of Tollhouse.
//!
//! Several processes share one database. Each drives the production rules ([`tollhouse_core::decide`]), the production state machine of the
//! writer ([`tollhouse_store::writer::Machine`]), the production next step of a job ([`tollhouse_core::job::action`]) and the
//! production SQL on a real SQLite file. Around them everything is hostile: the provider repeats, reorders, loses and contradicts; Telegram
//! is slow, full, forbidden, or did it and says that it did not; processes die between any two steps and right after a commit; workers stall
//! past their lease; clocks jump and disagree; the disk is full, the database busy. After every step a model that knows nothing of the
//! rules ([`model`]) looks at the database and at who is in the chat.
//!
//! Everything comes from the seed: the same seed gives the same run, to the byte. A run is a list of numbers, one for each step, so that a
//! failing one is made shorter by leaving steps out ([`shrink`]).
//!
//! Not driven: HTTP with its signatures and timeouts, the conversation of the bot, the pages, PostgreSQL with its locks, and threads. Those
//! have tests over real sockets and real processes (`cargo xtask crash`, `cargo xtask failover`). Nor the reconciler: what was lost is
//! handed to the writer as the provider would answer it, and that it is asked for is shown with the real client. Nor orders from invoices
//! and links, donations, several coins, imports, the white list, frozen removals, removal of strangers, offers, and changes to a channel;
//! and what the old number of a chat told before its move is heard before the move.

pub mod ids;
pub mod model;
pub mod people;
pub mod process;
pub mod shrink;
pub mod telegram;
pub mod trace;
pub mod world;

pub use model::Violation;
pub use world::{Config, Summary, run};
