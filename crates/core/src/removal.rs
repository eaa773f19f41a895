//! Safe removal. Each member who leaves is a job of their own; what one day removes in a channel is a run, and a run that would remove
//! too many stops and asks.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::{ChannelId, RunId};
use crate::membership::later;
use crate::membership_policy::RUN_HOURS;
use crate::snapshot::Snapshot;

/// After how many minutes a removal that is held looks again: a thaw shows within that time, and ten thousand that are held cost eleven
/// looks a second.
pub const HOLD_MINUTES: i64 = 15;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Below its limit.
    Running,
    /// At its limit: nobody is removed until somebody decides.
    Stopped,
    /// Somebody let it go on without a limit.
    Released,
    /// Somebody ended it.
    Closed,
}

impl RunState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Running, Self::Stopped, Self::Released, Self::Closed];

    /// The word in JSON and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Released => "released",
            Self::Closed => "closed",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What is removed in one channel within [`RUN_HOURS`] of the first removal. Unique by channel and number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovalRun {
    /// Identifies it.
    pub id: RunId,
    /// In which channel.
    pub channel_id: ChannelId,
    /// Counts the channel's runs, so that two processes do not begin one each.
    pub number: u32,
    /// When its first removal was decided.
    pub started_at: Timestamp,
    /// Until when removals belong to it: [`RUN_HOURS`] from its first removal, or from when it was let go on.
    pub until: Timestamp,
    /// How many members the channel had then.
    pub members: u32,
    /// How many it may remove, by the policies of then.
    pub limit: u32,
    /// How many removals it has decided.
    pub decided: u32,
    /// Where it stands.
    pub state: RunState,
    /// When everybody was invited back.
    pub undone_at: Option<Timestamp>,
}

impl RemovalRun {
    /// Whether a removal at this moment belongs to it. One that was stopped waits for its answer, however long.
    #[must_use]
    pub fn covers(&self, now: Timestamp) -> bool {
        match self.state {
            RunState::Stopped => true,
            RunState::Closed => false,
            RunState::Running | RunState::Released => now < self.until,
        }
    }
}

/// The end of a run that begins, or goes on, now.
#[must_use]
pub fn run_ends(now: Timestamp) -> Timestamp {
    later(now, SignedDuration::from_hours(RUN_HOURS))
}

/// Why nobody is removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// Since when.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// A switch for everything at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SwitchName {
    /// Nobody is removed from any channel.
    Removals,
}

impl SwitchName {
    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Removals => "removals",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(text: &str) -> Option<Self> {
        (text == "removals").then_some(Self::Removals)
    }
}

/// A switch, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// Which.
    pub name: SwitchName,
    /// Who froze what it is about, if it is frozen.
    pub freeze: Option<Freeze>,
}

/// Whether removals are frozen, in the channel or everywhere.
#[must_use]
pub fn is_frozen(snapshot: &Snapshot, channel: ChannelId) -> bool {
    let everywhere = snapshot.switches.get(&SwitchName::Removals);
    everywhere.is_some_and(|switch| switch.freeze.is_some())
        || snapshot.channels.get(&channel).is_some_and(|channel| channel.frozen.is_some())
}
