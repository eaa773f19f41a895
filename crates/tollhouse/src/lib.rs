//! Tollhouse: signed payment notifications become access to private Telegram channels, and nothing is lost on the way.
//!
//! The rules are in `tollhouse-core`, the SQL in `tollhouse-store`, the outside in `tollhouse-nowpayments` and `tollhouse-telegram`; here
//! they are put together: configuration, HTTP, worker, bot, command line, demo.

pub mod app;
pub mod bot;
pub mod cli;
pub mod clock;
pub mod coins;
pub mod config;
pub mod demo;
pub mod donation;
pub mod http;
pub mod import;
pub mod intake;
pub mod listen;
pub mod metrics;
pub mod no_store;
pub mod notices;
pub mod offer;
pub mod progress;
pub mod provider;
pub mod pulse;
pub mod purchase;
pub mod reconcile;
pub mod renewal;
pub mod replay;
pub mod serve;
pub mod texts;
pub mod trouble;
pub mod urls;
pub mod view;
pub mod worker;
