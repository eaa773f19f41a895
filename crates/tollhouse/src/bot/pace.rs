//! How much one account may ask of the bot. The bot answers one chat after the other, at Telegram's pace: whoever floods it would keep
//! everybody waiting.

use std::num::NonZeroU32;

use governor::clock::Clock as Ticking;
use governor::nanos::Nanos;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use tollhouse_core::id::TelegramUserId;

use crate::clock::Clock;

/// Commands and presses of one account in a minute, on average: nobody who reads the answers needs more.
pub const ASKS_PER_MINUTE: NonZeroU32 = count(20);
/// How many of them at once. Each may be answered by a message, of which Telegram takes one a second for each chat.
pub const ASKS_AT_ONCE_MAX: NonZeroU32 = count(10);
/// How often one account is told that it asks too much, in a minute.
const WARNINGS_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN;
/// From how many accounts on those are forgotten that have not asked for a while.
const ACCOUNTS_KEPT_MAX: usize = 10_000;

const fn count(count: u32) -> NonZeroU32 {
    match NonZeroU32::new(count) {
        Some(count) => count,
        None => panic!("a limit of nothing would let nobody ask"),
    }
}

/// Our clock as the limiter takes it.
#[derive(Debug, Clone)]
struct Ticks(Clock);

impl Ticking for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let micros = u64::try_from(self.0.now().as_microsecond()).unwrap_or(0);
        Nanos::new(micros.saturating_mul(1_000))
    }
}

type Limiter = RateLimiter<
    TelegramUserId,
    DefaultKeyedStateStore<TelegramUserId>,
    Ticks,
    governor::middleware::NoOpMiddleware<Nanos>,
>;

/// What each account has asked.
pub struct Pace {
    asks: Limiter,
    warnings: Limiter,
}

/// What to do with something that an account asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Do it.
    Go,
    /// Do nothing, and say so.
    Warn,
    /// Do nothing: it was said.
    Ignore,
}

impl Pace {
    /// Nothing was asked yet.
    #[must_use]
    pub fn new(clock: &Clock) -> Self {
        let limiter =
            |quota| RateLimiter::new(quota, DefaultKeyedStateStore::default(), Ticks(clock.clone()));
        Self {
            asks: limiter(Quota::per_minute(ASKS_PER_MINUTE).allow_burst(ASKS_AT_ONCE_MAX)),
            warnings: limiter(Quota::per_minute(WARNINGS_PER_MINUTE)),
        }
    }

    /// An account asks for something.
    #[must_use]
    pub fn asks(&self, user: TelegramUserId) -> Pass {
        for limiter in [&self.asks, &self.warnings] {
            if limiter.len() > ACCOUNTS_KEPT_MAX {
                limiter.retain_recent();
            }
        }
        if self.asks.check_key(&user).is_ok() {
            Pass::Go
        } else if self.warnings.check_key(&user).is_ok() {
            Pass::Warn
        } else {
            Pass::Ignore
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn who_floods_is_told_once_and_others_are_not_kept_waiting() {
        let clock = Clock::default();
        let pace = Pace::new(&clock);
        let user = |id| TelegramUserId::new(id).unwrap();
        let asked: Vec<Pass> = (0..100).map(|_| pace.asks(user(1))).collect();
        let most = ASKS_AT_ONCE_MAX.get() as usize;
        assert!(asked[..most].iter().all(|pass| *pass == Pass::Go));
        assert_eq!(asked[most], Pass::Warn);
        assert!(asked[most + 1..].iter().all(|pass| *pass == Pass::Ignore));
        assert_eq!(pace.asks(user(2)), Pass::Go);
        clock.advance(SignedDuration::from_mins(1));
        assert_eq!(pace.asks(user(1)), Pass::Go, "after a minute all is forgotten");
    }
}
