//! PostgreSQL, for any number of processes. Each has one task that writes; rows are locked in one order, and unique keys decide what
//! locks cannot.

mod apply;
mod bulletin;
mod connect;
mod hosts;
mod load;
mod open;
mod pipeline;
mod read;
mod role;
mod rows;
mod tls;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use deadpool_postgres::Pool;
use jiff::Timestamp;
use tokio::sync::broadcast;
use tollhouse_core::attention::Attention;
use tollhouse_core::audit::Sealed;
use tollhouse_core::channel::Channel;
use tollhouse_core::command::{Command, Outcome, Refusal};
use tollhouse_core::id::{ChannelId, OrderId, ProviderPaymentId};
use tollhouse_core::job::Job;
use tollhouse_core::link::PayLink;
use tollhouse_core::membership::Membership;
use tollhouse_core::order::Order;
use tollhouse_core::payment::Payment;
use tollhouse_core::presence::Presence;
use tollhouse_core::removal::RemovalRun;
use tollhouse_core::snapshot::{Needs, Snapshot};
use uuid::Uuid;

#[cfg(test)]
pub(crate) use connect::encoded;
pub(crate) use connect::{Server, Tls};
pub(crate) use open::migrate;
pub(crate) use rows::failure;
pub(crate) use tls::{Check, connector};

use crate::counts::JobCounts;
use crate::layout;
use crate::listing::POSTGRES;
use crate::queue::{Intake, Queue, queue};
use crate::writer::Failure;
use crate::{
    AttentionFilter, AuditFilter, ChannelFilter, Committed, JobFilter, LinkFilter, LoggedEvent,
    MembershipFilter, OpenError, OpenOptions, OrderFilter, PaymentFilter, Ports, PresenceFilter, RoleGuard,
    RunFilter, Stats, Store, StoreError,
};
use load::Purpose;
use pipeline::Call;
use read::Reading;

/// The engine.
pub(crate) struct PostgresStore {
    queue: Queue,
    pool: Pool,
    server: Server,
    job_counts: Arc<JobCounts>,
}

/// Opens the database, sees to its schema, and starts the writer.
pub(crate) async fn open(
    server: Server,
    ports: Ports,
    options: OpenOptions,
) -> Result<Arc<dyn Store>, OpenError> {
    open::prepare(&server, options).await?;
    let pool = read::pool(&server)?;
    let (queue, intake) = queue(ports, options.batch_length_max);
    start_writer(&server, intake)?;
    let (commits, finished) = queue.bulletin();
    tokio::spawn(bulletin::run(server.clone(), commits, finished));
    Ok(Arc::new(PostgresStore { queue, pool, server, job_counts: Arc::default() }))
}

/// One writer in a process: while it waits for the server, the commands for its next batch come in. (Two at the queue were measured: their
/// batches are half as large, and a notification costs the server and us a third more.) It and its connection have a thread of their own, as SQLite's writer has: on the threads of the server each answer of the
/// database would wait, twice, behind the requests that came in meanwhile.
fn start_writer(server: &Server, intake: Intake) -> Result<(), OpenError> {
    let unavailable =
        |error: std::io::Error| server.unavailable(&format!("no thread for the writer: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unavailable)?;
    let writer = writer::run(server.clone(), intake);
    std::thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(move || runtime.block_on(writer))
        .map(|_| ())
        .map_err(unavailable)
}

impl PostgresStore {
    async fn look(&self, needs: Needs) -> Result<Snapshot, Failure> {
        let reading = Reading::begin(&self.pool).await?;
        load::snapshot(reading.client()?, needs, Purpose::Look).await
    }

    async fn list_channels(&self, filter: &ChannelFilter) -> Result<Vec<Channel>, Failure> {
        let client = read::reader(&self.pool).await?;
        let channels = read::rows(&client, &POSTGRES.channels(filter)).await?;
        let ids: Vec<Uuid> = channels
            .iter()
            .map(|row| row.try_get(0))
            .collect::<Result<_, _>>()
            .map_err(|error| rows::failure(&error))?;
        let call = Call::Rows { sql: load::plans_by_channel(), parameters: vec![Box::new(ids)] };
        let plans = pipeline::run(&client, &[call]).await?.into_iter().flatten().collect::<Vec<_>>();
        load::with_plans(&channels, &plans)
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn submit(&self, command: Command) -> Result<Result<Outcome, Refusal>, StoreError> {
        self.queue.submit(command).await
    }

    async fn snapshot(&self, needs: Needs) -> Result<Snapshot, StoreError> {
        Ok(self.look(needs).await?)
    }

    async fn events_of(
        &self,
        payment: ProviderPaymentId,
        limit: u32,
    ) -> Result<Vec<LoggedEvent>, StoreError> {
        Ok(read::list(&self.pool, POSTGRES.events(payment, limit), |row| layout::event(row)).await?)
    }

    async fn channels(&self, filter: ChannelFilter) -> Result<Vec<Channel>, StoreError> {
        Ok(self.list_channels(&filter).await?)
    }

    async fn links(&self, filter: LinkFilter) -> Result<Vec<PayLink>, StoreError> {
        Ok(read::list(&self.pool, POSTGRES.links(&filter), |row| layout::link(row)).await?)
    }

    async fn orders(&self, filter: OrderFilter) -> Result<Vec<Order>, StoreError> {
        Ok(read::list(&self.pool, POSTGRES.orders(&filter), |row| layout::order(row)).await?)
    }

    async fn payments(&self, filter: PaymentFilter) -> Result<Vec<Payment>, StoreError> {
        Ok(read::list(&self.pool, POSTGRES.payments(&filter), |row| layout::payment(row)).await?)
    }

    async fn memberships(&self, filter: MembershipFilter) -> Result<Vec<Membership>, StoreError> {
        Ok(read::list(&self.pool, POSTGRES.memberships(&filter), |row| layout::membership(row)).await?)
    }

    async fn presences(&self, filter: PresenceFilter) -> Result<Vec<Presence>, StoreError> {
        Ok(read::list(&self.pool, POSTGRES.presences(&filter), |row| layout::presence(row)).await?)
    }

    async fn runs(&self, filter: RunFilter) -> Result<Vec<RemovalRun>, StoreError> {
        Ok(read::list(&self.pool, POSTGRES.runs(&filter), |row| layout::run(row)).await?)
    }

    async fn count_members(&self, channel: ChannelId) -> Result<u64, StoreError> {
        Ok(read::count_members(&self.pool, channel).await?)
    }

    async fn attention(&self, filter: AttentionFilter) -> Result<Vec<Attention>, StoreError> {
        let found = read::list(&self.pool, POSTGRES.attention(&filter), |row| layout::attention(row)).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn jobs(&self, filter: JobFilter) -> Result<Vec<Job>, StoreError> {
        Ok(read::list(&self.pool, POSTGRES.jobs(&filter), |row| layout::job(row)).await?)
    }

    async fn audit(&self, filter: AuditFilter) -> Result<Vec<Sealed>, StoreError> {
        Ok(read::list(&self.pool, POSTGRES.audit(filter), |row| layout::sealed(row)).await?)
    }

    async fn order_by_legacy_ref(&self, reference: &str) -> Result<Option<OrderId>, StoreError> {
        Ok(read::order_by_legacy_ref(&self.pool, reference).await?)
    }

    async fn stats(&self, now: Timestamp) -> Result<Stats, StoreError> {
        let pool = self.pool.clone();
        let totals = self.job_counts.get(async move { Ok(read::totals(&pool).await?) }).await?;
        Ok(Stats { totals, ..read::stats(&self.pool, now).await? })
    }

    async fn get_state(&self, key: &str) -> Result<Option<String>, StoreError> {
        Ok(read::state(&self.pool, key).await?)
    }

    async fn put_state(&self, key: &str, text: &str) -> Result<(), StoreError> {
        self.queue.put_state(key, text).await
    }

    fn commits(&self) -> broadcast::Receiver<Committed> {
        self.queue.commits()
    }

    async fn check(&self) -> Result<(), StoreError> {
        read::check(&self.pool).await?;
        self.queue.check().await
    }

    async fn role_lock(&self, name: &str) -> Result<Option<RoleGuard>, StoreError> {
        role::lock(&self.server, name).await
    }

    async fn close(&self) {
        self.queue.close().await;
        self.pool.close();
    }

    async fn ended(&self) {
        self.queue.ended().await;
    }
}
