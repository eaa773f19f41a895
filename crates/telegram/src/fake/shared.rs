//! The state behind its lock, and the signal that it changed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use super::page::{PageLink, Seen};
use super::world::World;
use super::{FakeConfig, Now};
use crate::ids::{ChatId, MessageId, UserId};

pub(super) struct Shared {
    world: Mutex<World>,
    /// Raised after every change.
    version: watch::Sender<u64>,
    /// What people have seen on their pages. No part of the world: the bot never learns it, and looking wakes nobody.
    seen: Mutex<Seen>,
    page_links: Mutex<Vec<PageLink>>,
    now: Now,
    pub(super) token: String,
    pub(super) stopped: watch::Receiver<bool>,
}

impl Shared {
    pub(super) fn new(world: World, config: FakeConfig, stopped: watch::Receiver<bool>) -> Self {
        let FakeConfig { bot_token, now, .. } = config;
        Self {
            world: Mutex::new(world),
            version: watch::Sender::new(0),
            seen: Mutex::default(),
            page_links: Mutex::default(),
            now,
            token: bot_token,
            stopped,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Changes the state, and wakes everybody who waits for a change.
    pub(super) fn act<T>(&self, change: impl FnOnce(&mut World, Timestamp) -> T) -> T {
        let now = self.now();
        let result = {
            let mut world = self.lock();
            world.tick(now);
            change(&mut world, now)
        };
        self.version.send_modify(|version| *version += 1);
        result
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.lock())
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Somebody has looked at a chat, whose newest message this was.
    pub(super) fn saw(&self, user: UserId, chat: ChatId, newest: Option<MessageId>) {
        if let Some(newest) = newest {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert((user, chat), newest);
        }
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn page_links(&self) -> Vec<PageLink> {
        self.page_links.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Pages of other programs, shown on every page of ours.
    pub(super) fn set_page_links(&self, links: Vec<PageLink>) {
        *self.page_links.lock().unwrap_or_else(PoisonError::into_inner) = links;
        self.version.send_modify(|version| *version += 1);
    }

    /// Ends when the simulation does.
    pub(super) async fn until_stopped(&self) {
        let mut stopped = self.stopped.clone();
        let _either_way_it_ends = stopped.wait_for(|stop| *stop).await;
    }

    /// A panic in a predicate leaves the state whole: every change is made by functions that do not panic.
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
