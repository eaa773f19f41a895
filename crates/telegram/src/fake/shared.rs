//! The state behind its lock, and the signal that it changed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use super::world::World;
use super::{FakeConfig, Now};

pub(super) struct Shared {
    world: Mutex<World>,
    /// Raised after every change.
    version: watch::Sender<u64>,
    now: Now,
    pub(super) token: String,
    pub(super) stopped: watch::Receiver<bool>,
}

impl Shared {
    pub(super) fn new(world: World, config: FakeConfig, stopped: watch::Receiver<bool>) -> Self {
        let FakeConfig { bot_token, now, .. } = config;
        Self { world: Mutex::new(world), version: watch::Sender::new(0), now, token: bot_token, stopped }
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
