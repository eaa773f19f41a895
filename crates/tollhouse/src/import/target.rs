//! Where commands go: into the database, or, in a dry run, through the same rules on what the database holds, and nowhere.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tollhouse_core::channel::Channel;
use tollhouse_core::command::{Command, Outcome, Refusal};
use tollhouse_core::decide::decide;
use tollhouse_core::id::{ChannelId, PrivateChatId, ProviderPaymentId, TelegramUserId};
use tollhouse_core::import::{ImportChange, Imported, Remark};
use tollhouse_core::snapshot::{Needs, Snapshot};
use tollhouse_store::{ChannelFilter, PAGE_LENGTH_MAX, Store, StoreError};

use crate::clock::{Clock, Ids};

/// A database, for real or for a look.
pub struct Target {
    store: Arc<dyn Store>,
    plan: Option<Plan>,
}

/// What a dry run remembers of the commands before, since nothing of them is kept.
struct Plan {
    clock: Clock,
    so_far: Mutex<SoFar>,
}

/// A member, by channel and account.
type Who = (PrivateChatId, TelegramUserId);

#[derive(Default)]
struct SoFar {
    channels: BTreeMap<ChannelId, Channel>,
    /// Whose each payment is.
    payments: BTreeMap<ProviderPaymentId, Who>,
    /// Rows of one member come together: only the last member is remembered.
    member: Option<(Who, Snapshot)>,
}

impl Target {
    /// Carries commands out.
    #[must_use]
    pub fn real(store: Arc<dyn Store>) -> Self {
        Self { store, plan: None }
    }

    /// Only says what carrying them out would come to.
    #[must_use]
    pub fn dry(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { store, plan: Some(Plan { clock, so_far: Mutex::default() }) }
    }

    /// Whether nothing is written.
    #[must_use]
    pub fn is_dry(&self) -> bool {
        self.plan.is_some()
    }

    /// Carries a command out, or says what it would come to.
    ///
    /// # Errors
    /// The store's.
    pub async fn carry_out(&self, command: Command) -> Result<Result<Outcome, Refusal>, StoreError> {
        match &self.plan {
            None => self.store.submit(command).await,
            Some(plan) => {
                let snapshot = self.store.snapshot(command.needs()).await?;
                let mut so_far = plan.so_far.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(so_far.decide(plan.clock.now(), snapshot, &command))
            }
        }
    }

    /// All channels that are here, also those that are no longer sold.
    ///
    /// # Errors
    /// The store's.
    pub async fn channels(&self) -> Result<Vec<Channel>, StoreError> {
        let mut channels: Vec<Channel> = Vec::new();
        loop {
            let before = channels.last().map(|channel| channel.id);
            let filter =
                ChannelFilter { archived: true, before, limit: PAGE_LENGTH_MAX, ..ChannelFilter::default() };
            let page = self.store.channels(filter).await?;
            if page.is_empty() {
                return Ok(channels);
            }
            channels.extend(page);
        }
    }

    /// Whether a payment is known and pays for something.
    ///
    /// # Errors
    /// The store's.
    pub async fn knows_payment(&self, id: ProviderPaymentId) -> Result<bool, StoreError> {
        if let Some(plan) = &self.plan
            && plan.so_far.lock().unwrap_or_else(PoisonError::into_inner).payments.contains_key(&id)
        {
            return Ok(true);
        }
        let mut needs = Needs::default();
        needs.payments.insert(id);
        let snapshot = self.store.snapshot(needs).await?;
        Ok(snapshot.payments.get(&id).is_some_and(|payment| payment.order_id.is_some()))
    }
}

impl SoFar {
    fn decide(
        &mut self,
        now: jiff::Timestamp,
        mut snapshot: Snapshot,
        command: &Command,
    ) -> Result<Outcome, Refusal> {
        for channel in self.channels.values() {
            snapshot.channels.put(channel.id, channel.clone());
        }
        let mut command = command.clone();
        let (payment, member) = whose(&command);
        let owner = payment.and_then(|payment| self.payments.get(&payment)).copied();
        let mut remark = owner.filter(|owner| Some(*owner) != member).map(|_| Remark::PaymentOfAnother);
        match &mut command {
            Command::ImportGranted(_) if owner.is_some() => {
                let change = ImportChange::Known;
                return Ok(Outcome::Imported(Imported { change, payment: false, remark }));
            }
            Command::ImportMember(member) if remark.is_some() => member.payment = None,
            _ => {}
        }
        if let Some((before, rows)) = &self.member
            && Some(*before) == member
        {
            add(&mut snapshot, rows);
        }
        let mut outcome = decide(now, &mut Ids, &mut snapshot, &command)?;
        if let Outcome::Imported(imported) = &mut outcome {
            imported.remark = remark.take().or(imported.remark);
        }
        if let (Some(payment), Some(member)) = (payment, member) {
            self.payments.entry(payment).or_insert(member);
        }
        match command {
            Command::ImportChannel(_) => {
                let channels = snapshot.channels.values();
                self.channels = channels.map(|channel| (channel.id, channel.clone())).collect();
            }
            Command::ImportMember(_) => self.member = member.map(|member| (member, snapshot)),
            _ => {}
        }
        Ok(outcome)
    }
}

/// Which payment a command is about, and which member.
fn whose(command: &Command) -> (Option<ProviderPaymentId>, Option<Who>) {
    match command {
        Command::ImportMember(member) => {
            (member.payment.as_ref().map(|payment| payment.id), Some((member.private_chat, member.user)))
        }
        Command::ImportGranted(granted) => {
            (Some(granted.payment.id), Some((granted.private_chat, granted.user)))
        }
        _ => (None, None),
    }
}

/// Puts what was planned over what the database holds.
fn add(snapshot: &mut Snapshot, planned: &Snapshot) {
    for row in planned.memberships.values() {
        snapshot.memberships.put(row.id, row.clone());
    }
    for row in planned.grants.values() {
        snapshot.grants.put(row.id, row.clone());
    }
    for row in planned.orders.values() {
        snapshot.orders.put(row.id, row.clone());
    }
    for row in planned.payments.values() {
        snapshot.payments.put(row.id, row.clone());
    }
}
