//! Jobs: what is to be done outside, written down in the transaction that decided it (I5). Each kind is a small state machine:
//! [`action`] says what to do next, the worker does it outside of any transaction, and [`crate::decide`] turns the outcome
//! into the next state under lock.

mod action;
mod kind;
mod notice;
mod outcome;

pub use action::{Action, Unentitled, action};
pub use kind::JobKind;
pub use notice::OwnerNotice;
pub use outcome::{Failure, Outcome};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bot_chat::HELD_ERROR;
use crate::id::{ChannelId, JobId, LeaseToken};
use crate::safeguard::Safeguard;

/// How often one step of a job is tried before the job becomes a dead letter. With the backoff below that is two to four hours.
pub const ATTEMPTS_MAX: u32 = 16;
/// The first wait after a failure, in milliseconds.
pub const BACKOFF_FIRST_MS: i64 = 1_000;
/// The longest wait after a failure, in milliseconds: an hour, so that a mended cause shows soon.
pub const BACKOFF_LONGEST_MS: i64 = 3_600_000;
/// How long a worker may hold a job, in seconds. Longer than every time-out of a call that a job makes.
pub const LEASE_SECONDS: i64 = 60;
/// How many jobs a worker claims at once. It starts all of them at once, since a lease runs from the claim: a job that waited behind others
/// could begin when somebody else holds it already.
pub const CLAIM_BATCH_MAX: u32 = 16;
/// Longest error text that is kept, in characters.
pub const ERROR_LENGTH_MAX: usize = 500;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for its time.
    Ready,
    /// A worker holds it until the lease ends.
    Leased,
    /// Done.
    Done,
    /// Given up; in the attention list.
    Dead,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Ready, Self::Leased, Self::Done, Self::Dead];

    /// The word in the database, JSON and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Leased => "leased",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A job row. Unique by kind name and subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Identifies it.
    pub id: JobId,
    /// What to do.
    pub kind: JobKind,
    /// About what, so that one thing is done once: `grant:grt_…`.
    pub subject: String,
    /// Of which channel.
    pub channel_id: Option<ChannelId>,
    /// Where it stands.
    pub state: JobState,
    /// When it is due.
    pub run_at: Timestamp,
    /// Failures since its last step that worked.
    pub attempt: u32,
    /// Who holds it, until when.
    pub lease: Option<Lease>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was done or given up.
    pub finished_at: Option<Timestamp>,
}

impl Job {
    /// Whether it waited for a right of the bot when it was taken, or does so now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.last_error.as_deref() == Some(HELD_ERROR)
    }

    /// Whether a failure ends it, and nothing tries again by itself.
    #[must_use]
    pub fn ends_with(&self, failure: &Failure) -> bool {
        match failure {
            Failure::Later { .. } | Failure::NoRights { .. } => false,
            Failure::Transient { .. } | Failure::TooManyChats { .. } => {
                self.attempt + 1 >= ATTEMPTS_MAX && Safeguard::AttemptsBound.stands()
            }
            // A removal writes to nobody: it was not done, and is for a person (F44).
            Failure::Unreachable { .. } => self.kind.shows_out(),
            Failure::BelowMinimum { .. } | Failure::Permanent { .. } => true,
        }
    }
}

/// The right to finish a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Only who knows it may finish.
    pub token: LeaseToken,
    /// When it lapses.
    pub until: Timestamp,
}

/// A job to be armed: made if there is none of its kind and subject, brought forward if it waits, revived if it is over. While a worker
/// holds it only its time moves on: its next step looks at the present state anyway, and one that ends without effect, or whose effect does
/// not answer what was asked for meanwhile, runs again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArmJob {
    /// Its id, if it is made.
    pub id: JobId,
    /// What to do.
    pub kind: JobKind,
    /// About what.
    pub subject: String,
    /// Of which channel.
    pub channel_id: Option<ChannelId>,
    /// When it is due.
    pub run_at: Timestamp,
    /// Now.
    pub created_at: Timestamp,
    /// Whether a job that is over is run again. A notice never is: one event, one message.
    pub revive: bool,
}

/// The wait before the next attempt: doubles from [`BACKOFF_FIRST_MS`] to [`BACKOFF_LONGEST_MS`]; half of it is fixed, the other
/// half drawn, so that a thousand jobs that failed together do not come back together.
#[must_use]
pub fn backoff(attempt: u32, random: u64) -> SignedDuration {
    let doublings = attempt.saturating_sub(1).min(32);
    let whole = BACKOFF_FIRST_MS.saturating_mul(1_i64 << doublings).min(BACKOFF_LONGEST_MS);
    let half = whole / 2;
    let drawn = i64::try_from(random % u64::try_from(half + 1).unwrap_or(1)).unwrap_or(0);
    SignedDuration::from_millis(half + drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words stand in the rows of every database, and in the conditions of its indexes.
    #[test]
    fn each_state_has_its_word() {
        let words = ["ready", "leased", "done", "dead"];
        assert_eq!(JobState::ALL.map(JobState::as_str), words);
        assert_eq!(words.map(JobState::from_word), JobState::ALL.map(Some));
        assert_eq!((JobState::from_word(""), JobState::from_word("Ready")), (None, None));
    }

    #[test]
    fn f41_half_of_a_wait_is_fixed_and_the_other_half_drawn() {
        for (attempt, least, most) in [
            (0, 500, 1_000),
            (1, 500, 1_000),
            (2, 1_000, 2_000),
            (5, 8_000, 16_000),
            (12, 1_024_000, 2_048_000),
            (13, 1_800_000, 3_600_000),
            (u32::MAX, 1_800_000, 3_600_000),
        ] {
            let half = u64::try_from(most - least).unwrap();
            for (random, wait) in
                [(0, least), (1, least + 1), (half - 1, most - 1), (half, most), (half + 1, least)]
            {
                assert_eq!(backoff(attempt, random), SignedDuration::from_millis(wait), "{attempt} {random}");
            }
        }
    }

    #[test]
    fn f41_the_wait_grows_and_is_bounded() {
        assert_eq!(backoff(1, 0), SignedDuration::from_millis(500));
        assert!(backoff(5, 0) > backoff(4, 0));
        for attempt in 0..100 {
            for random in [0, 1, u64::MAX] {
                let wait = backoff(attempt, random);
                assert!(
                    wait >= SignedDuration::from_millis(500)
                        && wait <= SignedDuration::from_millis(BACKOFF_LONGEST_MS)
                );
            }
        }
    }
}
