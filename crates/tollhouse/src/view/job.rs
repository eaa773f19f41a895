//! Jobs: what is to be done outside.

use jiff::Timestamp;
use serde::Serialize;
use tollhouse_core::id::{ChannelId, GrantId, JobId, MembershipId, OrderId, TelegramUserId};
use tollhouse_core::job::{Job as CoreJob, JobState};
use tollhouse_core::snapshot::{Needs, Snapshot};

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
    /// The order that it is about; `null` where it is about none.
    pub order_id: Option<OrderId>,
    /// Whom it is about; `null` where that is nobody, or not known.
    pub telegram_user: Option<TelegramUserId>,
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

/// What a job's subject names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    Grant(GrantId),
    Order(OrderId),
    Membership(MembershipId),
}

impl About {
    /// Reads `grant:grt_…`, `order:ord_…:btc`, `membership:mem_…:…`; `None` for what is about something else.
    fn read(subject: &str) -> Option<Self> {
        let mut parts = subject.split(':');
        match (parts.next()?, parts.next()?) {
            ("grant", id) => id.parse().ok().map(Self::Grant),
            ("order", id) => id.parse().ok().map(Self::Order),
            ("membership", id) => id.parse().ok().map(Self::Membership),
            _ => None,
        }
    }
}

impl Job {
    /// The rows that tell which order and whom these jobs are about.
    #[must_use]
    pub fn needs<'a>(jobs: impl IntoIterator<Item = &'a CoreJob>) -> Needs {
        let mut needs = Needs::default();
        for about in jobs.into_iter().filter_map(|job| About::read(&job.subject)) {
            match about {
                About::Grant(id) => _ = needs.grants.insert(id),
                About::Order(id) => _ = needs.orders.insert(id),
                About::Membership(id) => _ = needs.memberships.insert(id),
            }
        }
        needs
    }

    /// A job with its order and buyer, as far as the rows have them.
    #[must_use]
    pub fn among(job: &CoreJob, rows: &Snapshot) -> Self {
        let member = |id: Option<MembershipId>| Some(rows.memberships.get(&id?)?.user);
        let buyer = |id: Option<OrderId>| rows.orders.get(&id?)?.user;
        let (order_id, telegram_user) = match About::read(&job.subject) {
            Some(About::Order(id)) => (Some(id), buyer(Some(id))),
            Some(About::Membership(id)) => (None, member(Some(id))),
            Some(About::Grant(id)) => match rows.grants.get(&id) {
                Some(grant) => {
                    (grant.order_id, member(grant.membership_id).or_else(|| buyer(grant.order_id)))
                }
                None => (None, None),
            },
            None => (None, None),
        };
        Self {
            order_id,
            telegram_user,
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
