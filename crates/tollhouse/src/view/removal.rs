//! Removals: runs, who is to go, who was invited back.

use jiff::Timestamp;
use serde::Serialize;
use tollhouse_core::id::{ChannelId, MembershipId, RunId, TelegramUserId};
use tollhouse_core::membership::MembershipStatus;
use tollhouse_core::removal::{Freeze as CoreFreeze, RemovalRun, RunState};

/// What one day removes in a channel.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// In which channel.
    pub channel_id: ChannelId,
    /// When its first removal was decided.
    pub started_at: Timestamp,
    /// How many members the channel had then.
    pub members: u32,
    /// How many it may remove.
    pub limit: u32,
    /// How many it has decided to remove.
    pub decided: u32,
    /// Where it stands.
    pub state: RunState,
    /// When everybody was invited back.
    pub undone_at: Option<Timestamp>,
}

impl From<&RemovalRun> for Run {
    fn from(run: &RemovalRun) -> Self {
        Self {
            id: run.id,
            channel_id: run.channel_id,
            started_at: run.started_at,
            members: run.members,
            limit: run.limit,
            decided: run.decided,
            state: run.state,
            undone_at: run.undone_at,
        }
    }
}

/// What keeps somebody from being removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// The channel is frozen.
    Frozen,
    /// Every channel is.
    FrozenEverywhere,
    /// The channel's run has reached its limit.
    RunStopped,
}

/// Somebody who is to be shown out.
#[derive(Debug, Clone, Serialize)]
pub struct Leaver {
    /// Which membership.
    pub membership_id: MembershipId,
    /// In which channel.
    pub channel_id: ChannelId,
    /// Who.
    pub telegram_user: TelegramUserId,
    /// What the membership has come to.
    pub status: MembershipStatus,
    /// When it ended.
    pub ends_at: Option<Timestamp>,
    /// When the grace is over.
    pub leaves_at: Timestamp,
    /// Why, in words.
    pub why: String,
    /// Whether they stay all the same: the owner, the white list.
    pub stays: bool,
    /// What holds the removal; `null` if nothing does.
    pub held: Option<Held>,
}

/// Whether removals are frozen.
#[derive(Debug, Clone, Serialize)]
pub struct Freeze {
    /// In which channel; `null` for every one.
    pub channel_id: Option<ChannelId>,
    /// Whether they are.
    pub frozen: bool,
    /// Since when.
    pub frozen_at: Option<Timestamp>,
    /// By whom.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl Freeze {
    /// How a channel, or everything, stands.
    #[must_use]
    pub fn new(channel_id: Option<ChannelId>, freeze: Option<&CoreFreeze>) -> Self {
        Self {
            channel_id,
            frozen: freeze.is_some(),
            frozen_at: freeze.map(|freeze| freeze.at),
            by: freeze.map(|freeze| freeze.by.clone()),
            reason: freeze.map(|freeze| freeze.reason.clone()),
        }
    }
}

/// What became of an undone run.
#[derive(Debug, Clone, Serialize)]
pub struct Undone {
    /// The run.
    pub run: Run,
    /// Who was given days and sent an invite.
    pub invited_back: Vec<MembershipId>,
    /// Who was not, and why.
    pub left_out: Vec<LeftOut>,
}

/// Somebody of a run who was not invited back.
#[derive(Debug, Clone, Serialize)]
pub struct LeftOut {
    /// Which membership.
    pub membership_id: MembershipId,
    /// Why not.
    pub why: &'static str,
}
