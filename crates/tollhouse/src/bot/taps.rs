//! The second half of a double tap on a button below a question. The first half has answered the question, so that the button belongs to none
//! any more; but whoever taps twice has not come too late, and is told nothing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tollhouse_core::id::TelegramUserId;

/// For how long a second press on the same button is taken for the second half of a double tap: an answer may take a while when Telegram
/// is slow, and who sees nothing happen presses again.
pub const DOUBLE_TAP: SignedDuration = SignedDuration::from_secs(60);
/// From how many accounts on those are forgotten whose press is older than that.
const ACCOUNTS_KEPT_MAX: usize = 1_024;

/// The button below a question that each account has pressed last, in this process: after a restart a second tap is answered like any old
/// button.
#[derive(Debug, Default)]
pub struct Taps(Mutex<HashMap<TelegramUserId, Tap>>);

#[derive(Debug)]
struct Tap {
    place: i64,
    answer: String,
    at: Timestamp,
}

impl Tap {
    fn is_fresh(&self, now: Timestamp) -> bool {
        now.duration_since(self.at) < DOUBLE_TAP
    }
}

impl Taps {
    /// Notes a press that was taken: the place of its question, and the answer on it. Where too many press at once it is not noted.
    pub(super) fn note(&self, user: TelegramUserId, place: i64, answer: &str, now: Timestamp) {
        let mut taps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taps.len() >= ACCOUNTS_KEPT_MAX {
            taps.retain(|_, tap| tap.is_fresh(now));
        }
        if taps.len() < ACCOUNTS_KEPT_MAX || taps.contains_key(&user) {
            taps.insert(user, Tap { place, answer: answer.to_owned(), at: now });
        }
    }

    /// Whether this very button was just taken.
    pub(super) fn is_second(&self, user: TelegramUserId, place: i64, answer: &str, now: Timestamp) -> bool {
        let taps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taps.get(&user).is_some_and(|tap| tap.place == place && tap.answer == answer && tap.is_fresh(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_button_that_was_just_pressed_counts_and_not_for_ever() {
        let (taps, at) = (Taps::default(), Timestamp::UNIX_EPOCH);
        let (anna, ben) = (TelegramUserId::new(1).unwrap(), TelegramUserId::new(2).unwrap());
        taps.note(anna, 7, "create", at);
        assert!(taps.is_second(anna, 7, "create", at));
        assert!(!taps.is_second(anna, 7, "cancel", at));
        assert!(!taps.is_second(anna, 6, "create", at));
        assert!(!taps.is_second(ben, 7, "create", at));
        assert!(!taps.is_second(anna, 7, "create", at + DOUBLE_TAP));
        taps.note(anna, 8, "keep", at);
        assert!(!taps.is_second(anna, 7, "create", at));
    }

    #[test]
    fn however_many_press_what_is_kept_is_bounded() {
        let (taps, at) = (Taps::default(), Timestamp::UNIX_EPOCH);
        let one_more = i64::try_from(ACCOUNTS_KEPT_MAX).unwrap() + 1;
        let last = TelegramUserId::new(one_more).unwrap();
        for user in 1..=one_more {
            taps.note(TelegramUserId::new(user).unwrap(), 7, "create", at);
        }
        assert_eq!(taps.0.lock().unwrap().len(), ACCOUNTS_KEPT_MAX);
        assert!(!taps.is_second(last, 7, "create", at));
        taps.note(last, 7, "create", at + DOUBLE_TAP);
        assert_eq!(taps.0.lock().unwrap().len(), 1);
        assert!(taps.is_second(last, 7, "create", at + DOUBLE_TAP));
    }
}
