//! The measure for the benchmark: HTTP, verification, parsing and the answer, but nothing kept. Never part of `serve`.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::broadcast;
use tollhouse_core::attention::Attention;
use tollhouse_core::audit::Sealed;
use tollhouse_core::channel::Channel;
use tollhouse_core::command::{Command, Outcome, Refusal};
use tollhouse_core::event::Verdict;
use tollhouse_core::id::{ChannelId, OrderId, ProviderPaymentId};
use tollhouse_core::job::Job;
use tollhouse_core::link::PayLink;
use tollhouse_core::membership::Membership;
use tollhouse_core::order::Order;
use tollhouse_core::payment::Payment;
use tollhouse_core::presence::Presence;
use tollhouse_core::removal::RemovalRun;
use tollhouse_core::snapshot::{Needs, Snapshot};
use tollhouse_store::{
    AttentionFilter, AuditFilter, COMMITS_LAG_MAX, ChannelFilter, Committed, JobFilter, LinkFilter,
    LoggedEvent, MembershipFilter, OrderFilter, PaymentFilter, PresenceFilter, RoleGuard, RunFilter, Stats,
    Store, StoreError,
};

/// Answers every notification as applied, and keeps nothing.
pub struct NoStore {
    commits: broadcast::Sender<Committed>,
}

impl NoStore {
    /// A store that keeps nothing.
    #[must_use]
    pub fn shared() -> Arc<dyn Store> {
        Arc::new(Self { commits: broadcast::Sender::new(COMMITS_LAG_MAX) })
    }
}

#[async_trait]
impl Store for NoStore {
    async fn submit(&self, command: Command) -> Result<Result<Outcome, Refusal>, StoreError> {
        Ok(Ok(match command {
            Command::Notification(_) => Outcome::Notification {
                verdict: Verdict::Applied,
                reason: None,
                order_id: None,
                inserted: true,
                state: None,
                granted: false,
            },
            _ => Outcome::Done,
        }))
    }
    async fn snapshot(&self, _: Needs) -> Result<Snapshot, StoreError> {
        Ok(Snapshot::default())
    }
    async fn events_of(&self, _: ProviderPaymentId, _: u32) -> Result<Vec<LoggedEvent>, StoreError> {
        Ok(Vec::new())
    }
    async fn channels(&self, _: ChannelFilter) -> Result<Vec<Channel>, StoreError> {
        Ok(Vec::new())
    }
    async fn links(&self, _: LinkFilter) -> Result<Vec<PayLink>, StoreError> {
        Ok(Vec::new())
    }
    async fn orders(&self, _: OrderFilter) -> Result<Vec<Order>, StoreError> {
        Ok(Vec::new())
    }
    async fn payments(&self, _: PaymentFilter) -> Result<Vec<Payment>, StoreError> {
        Ok(Vec::new())
    }
    async fn memberships(&self, _: MembershipFilter) -> Result<Vec<Membership>, StoreError> {
        Ok(Vec::new())
    }
    async fn presences(&self, _: PresenceFilter) -> Result<Vec<Presence>, StoreError> {
        Ok(Vec::new())
    }
    async fn runs(&self, _: RunFilter) -> Result<Vec<RemovalRun>, StoreError> {
        Ok(Vec::new())
    }
    async fn count_members(&self, _: ChannelId) -> Result<u64, StoreError> {
        Ok(0)
    }
    async fn attention(&self, _: AttentionFilter) -> Result<Vec<Attention>, StoreError> {
        Ok(Vec::new())
    }
    async fn jobs(&self, _: JobFilter) -> Result<Vec<Job>, StoreError> {
        Ok(Vec::new())
    }
    async fn audit(&self, _: AuditFilter) -> Result<Vec<Sealed>, StoreError> {
        Ok(Vec::new())
    }
    async fn order_by_legacy_ref(&self, _: &str) -> Result<Option<OrderId>, StoreError> {
        Ok(None)
    }
    async fn stats(&self, _: Timestamp) -> Result<Stats, StoreError> {
        Ok(Stats::default())
    }
    async fn get_state(&self, _: &str) -> Result<Option<String>, StoreError> {
        Ok(None)
    }
    async fn put_state(&self, _: &str, _: &str) -> Result<(), StoreError> {
        Ok(())
    }
    fn commits(&self) -> broadcast::Receiver<Committed> {
        self.commits.subscribe()
    }
    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
    async fn role_lock(&self, _: &str) -> Result<Option<RoleGuard>, StoreError> {
        Ok(None)
    }
    async fn close(&self) {}
    async fn ended(&self) {
        std::future::pending::<()>().await;
    }
}
