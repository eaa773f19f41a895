//! Jobs: what is to be done outside.

use jiff::Timestamp;
use serde::Serialize;
use tollhouse_core::id::{ChannelId, JobId};
use tollhouse_core::job::{Job as CoreJob, JobState};

/// A job.
#[derive(Debug, Clone, Serialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What it does.
    pub kind: &'static str,
    /// About what.
    pub subject: String,
    /// Of which channel.
    pub channel_id: Option<ChannelId>,
    /// Where it stands.
    pub state: JobState,
    /// When it is due.
    pub run_at: Timestamp,
    /// Failures so far.
    pub attempt: u32,
    /// Until when a worker holds it; `null` if none does.
    pub leased_until: Option<Timestamp>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was done or given up.
    pub finished_at: Option<Timestamp>,
}

impl From<&CoreJob> for Job {
    fn from(job: &CoreJob) -> Self {
        Self {
            id: job.id,
            kind: job.kind.name(),
            subject: job.subject.clone(),
            channel_id: job.channel_id,
            state: job.state,
            run_at: job.run_at,
            attempt: job.attempt,
            leased_until: job.lease.map(|lease| lease.until),
            last_error: job.last_error.clone(),
            created_at: job.created_at,
            finished_at: job.finished_at,
        }
    }
}
