//! A simulated Telegram: a real HTTP server that speaks the Bot API's JSON, with people, chats, links and bans behind it.
//!
//! Any Telegram library can talk to it at `http://…/bot{token}/{method}`; tests and the demo play its people through
//! [`FakeHandle`], other programs through `/fake/…`, and a person through the pages at `/`. The rules in [`World`] are plain
//! functions over time as an argument; HTTP, waiting and delivery are around them.
//!
//! Refusals carry the texts of the Bot API server's source. What is left out: media, inline mode, payments, topics, and
//! Telegram's own rate limits, which [`Fault::too_many_requests`] plays on demand.

mod api;
mod control;
mod emit;
mod entities;
mod faults;
mod handle;
mod http;
mod markup;
mod page;
mod people;
mod poll;
mod queue;
mod render;
mod shared;
mod staff;
mod texts;
mod webhook;
mod world;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;

pub use entities::{
    Author, BotCommand, Call, CallOutcome, Forwarded, JoinLink, NewChat, NewUser, Passage, PendingRequest,
    Person, Post, PostButton, Room, Standing, Turn,
};
pub use faults::{Fault, What, When};
pub use handle::{FakeHandle, WaitedTooLong};
pub use page::{PAGE_ICON, PAGE_SCRIPT, PAGE_SHEET, PageLink};
pub use people::{Opened, Refused};
pub use queue::UPDATE_RETENTION_HOURS;
pub use world::World;

/// Where the simulation takes the time from.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a [`FakeTelegram`] is made from.
#[derive(Clone)]
pub struct FakeConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The one bot's token, `{id}:{secret}`; the id is the bot's user id.
    pub bot_token: String,
    /// The bot's name in `https://t.me/{username}`.
    pub bot_username: String,
    /// The clock.
    pub now: Now,
}

impl FakeConfig {
    /// On a free port of this machine, with a bot `@tollhouse_demo_bot`.
    #[must_use]
    pub fn new(now: Now) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            bot_token: "700000001:SIMULATED-bot_token".to_owned(),
            bot_username: "tollhouse_demo_bot".to_owned(),
            now,
        }
    }
}

/// The simulation. See [`FakeTelegram::start`].
#[derive(Debug)]
pub struct FakeTelegram;

impl FakeTelegram {
    /// Starts listening. The simulation ends with the last clone of the handle, or with [`FakeHandle::stop`].
    ///
    /// # Errors
    /// When the address cannot be listened on, or the token has no bot id before a colon.
    pub async fn start(config: FakeConfig) -> io::Result<FakeHandle> {
        let bot = world::bot_of(&config).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "the bot token has no bot id before a colon")
        })?;
        let listener = tokio::net::TcpListener::bind(config.listen).await?;
        let address = listener.local_addr()?;
        let (stop, mut stopped) = tokio::sync::watch::channel(false);
        let shared = Arc::new(shared::Shared::new(World::new(bot), config, stopped.clone()));
        let app = http::router(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            let until = async move {
                let _either_way_it_ends = stopped.wait_for(|stop| *stop).await;
            };
            axum::serve(listener, app).with_graceful_shutdown(until).await
        });
        tokio::spawn(webhook::deliver(Arc::clone(&shared)));
        Ok(FakeHandle::new(shared, address, stop, server))
    }
}
