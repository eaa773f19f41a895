//! What a person must look at.

use jiff::Timestamp;
use serde::Serialize;
use tollhouse_core::attention::{Attention as CoreAttention, Reason, Resolution};
use tollhouse_core::id::{AttentionId, ChannelId};
use tollhouse_core::snapshot::Snapshot;

/// An item of the attention list.
#[derive(Debug, Clone, Serialize)]
pub struct Attention {
    /// Its id.
    pub id: AttentionId,
    /// Why it is in the list.
    pub reason: Reason,
    /// What it is about: `payment:4479119533`, `order:ord_…`, `job:job_…`.
    pub subject: String,
    /// What it means and what helps.
    pub message: String,
    /// What exactly, beyond the reason; empty if there is no more to say.
    pub detail: String,
    /// How it can be resolved.
    pub actions: Vec<Resolution>,
    /// Whose channel it is, if known.
    pub channel_id: Option<ChannelId>,
    /// Since when it is open.
    pub opened_at: Timestamp,
    /// When it was resolved; `null` while it is open.
    pub resolved_at: Option<Timestamp>,
    /// How.
    pub resolved_as: Option<Resolution>,
    /// By whom.
    pub resolved_by: Option<String>,
    /// Why, in that person's words.
    pub resolved_reason: Option<String>,
}

impl From<&CoreAttention> for Attention {
    fn from(item: &CoreAttention) -> Self {
        let resolved = item.resolved.as_ref();
        Self {
            id: item.id,
            reason: item.reason,
            subject: item.subject.to_string(),
            message: item.message(),
            detail: item.detail.clone(),
            actions: item.actions(),
            channel_id: item.channel_id,
            opened_at: item.opened_at,
            resolved_at: resolved.map(|resolved| resolved.at),
            resolved_as: resolved.map(|resolved| resolved.resolution),
            resolved_by: resolved.map(|resolved| resolved.by.clone()),
            resolved_reason: resolved.map(|resolved| resolved.reason.clone()),
        }
    }
}

impl Attention {
    /// An item with the ways of resolving that would not be refused, as the rows show that belong to it.
    #[must_use]
    pub fn among(item: &CoreAttention, rows: &Snapshot) -> Self {
        Self { actions: item.actions_in(rows), ..Self::from(item) }
    }
}
