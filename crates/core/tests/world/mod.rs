//! A world in memory for the rules: one snapshot that holds everything, seeded ids, a clock that the test moves.
#![allow(dead_code, reason = "each test file uses its own part of the world")]
#![expect(clippy::unwrap_used, reason = "a world that cannot be built is a failed test")]

pub mod life;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use tollhouse_core::attention::Reason;
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, NewChannel, NewPlan, OrderFrom, Outcome, Refusal};
use tollhouse_core::decide::decide;
use tollhouse_core::event::{EventSource, Parent, PaymentFacts, Received, ReportedMoney, Verdict};
use tollhouse_core::id::{
    ChannelId, IdSource, OrderId, PrivateChatId, ProviderPaymentId, PublicChatId, TelegramUserId,
};
use tollhouse_core::job::{Job, JobKind, JobState, Outcome as JobOutcome, OwnerNotice};
use tollhouse_core::membership::Membership;
use tollhouse_core::money::{Currency, Reported, exact_amount};
use tollhouse_core::order::{Order, OrderSource};
use tollhouse_core::policy::Policies;
use tollhouse_core::snapshot::Snapshot;
use tollhouse_core::status::PaymentStatus;
use uuid::Uuid;

pub const PUBLIC_CHAT: i64 = -1_003_016_667_267;
pub const PRIVATE_CHAT: i64 = -1_002_000_000_001;
pub const BUYER: i64 = 6_271_402_111;
pub const OWNER: i64 = 1_001;

pub struct Counter(pub u128);

impl IdSource for Counter {
    fn uuid(&mut self) -> Uuid {
        self.0 += 1;
        Uuid::from_u128(self.0)
    }
    fn random(&mut self) -> u64 {
        self.0 += 1;
        u64::try_from(self.0 % 1_000_003).unwrap().wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// More claims than any test makes: a rule that always leaves something due fails it rather than never ending it.
const CLAIMS_MAX: u32 = 100_000;

pub struct World {
    claims: u32,
    pub now: Timestamp,
    pub ids: Counter,
    pub rows: Snapshot,
    pub channel: ChannelId,
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn days(n: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * n)
}

pub fn user(id: i64) -> TelegramUserId {
    TelegramUserId::new(id).unwrap()
}

pub fn payment_id(id: i64) -> ProviderPaymentId {
    ProviderPaymentId::new(id).unwrap()
}

/// Every order of some things.
pub fn orders_of<T: Clone>(all: &[T]) -> Vec<Vec<T>> {
    if all.is_empty() {
        return vec![Vec::new()];
    }
    let mut orders = Vec::new();
    for index in 0..all.len() {
        let mut rest = all.to_vec();
        let first = rest.remove(index);
        for mut order in orders_of(&rest) {
            order.insert(0, first.clone());
            orders.push(order);
        }
    }
    orders
}

impl World {
    /// A channel with plans of 7, 13, 30 and 365 days and a lifetime.
    pub fn new() -> Self {
        Self::with(Policies::default())
    }

    pub fn with(policies: Policies) -> Self {
        let plan = |label: &str, price: &str, duration| NewPlan {
            label: label.into(),
            price: price.parse().unwrap(),
            duration,
        };
        let mut world = Self {
            claims: 0,
            now: at("2025-11-07T12:00:00Z"),
            ids: Counter(0),
            rows: Snapshot::default(),
            channel: ChannelId(Uuid::nil()),
        };
        let channel = NewChannel {
            private_chat: PrivateChatId::new(PRIVATE_CHAT).unwrap(),
            public_chat: Some(PublicChatId::new(PUBLIC_CHAT).unwrap()),
            title: "Signals".into(),
            owner: Some(user(OWNER)),
            payout: None,
            plans: vec![
                plan("Month", "2.50 USD", PlanDuration::Days(30)),
                plan("Week", "2.00 USD", PlanDuration::Days(7)),
                plan("Fortnight", "45 USD", PlanDuration::Days(13)),
                plan("Year", "99.99 USD", PlanDuration::Days(365)),
                plan("Life", "500 USD", PlanDuration::Lifetime),
            ],
            policies,
            actor: "cli:test".into(),
        };
        match world.run(Command::AddChannel(Box::new(channel))) {
            Outcome::Channel(id) => world.channel = id,
            other => panic!("{other:?}"),
        }
        world
    }

    pub fn try_run(&mut self, command: Command) -> Result<Outcome, Refusal> {
        let outcome = decide(self.now, &mut self.ids, &mut self.rows, &command);
        self.commit();
        outcome
    }

    pub fn run(&mut self, command: Command) -> Outcome {
        self.try_run(command).unwrap()
    }

    /// What the store does with armed jobs.
    fn commit(&mut self) {
        for arm in std::mem::take(&mut self.rows.arm) {
            let known = self
                .rows
                .jobs
                .values()
                .find(|job| job.subject == arm.subject && job.kind.name() == arm.kind.name())
                .cloned();
            let job = match known {
                None => Job {
                    id: arm.id,
                    kind: arm.kind,
                    subject: arm.subject,
                    channel_id: arm.channel_id,
                    state: JobState::Ready,
                    run_at: arm.run_at,
                    attempt: 0,
                    lease: None,
                    last_error: None,
                    created_at: arm.created_at,
                    finished_at: None,
                },
                Some(job) if job.state == JobState::Ready => {
                    Job { run_at: job.run_at.min(arm.run_at), ..job }
                }
                Some(job) if job.state != JobState::Leased && arm.revive => Job {
                    kind: arm.kind,
                    state: JobState::Ready,
                    run_at: arm.run_at,
                    attempt: 0,
                    finished_at: None,
                    ..job
                },
                Some(job) if job.state == JobState::Leased && arm.revive => {
                    Job { run_at: arm.run_at.max(job.run_at + SignedDuration::from_micros(1)), ..job }
                }
                Some(job) => job,
            };
            self.rows.jobs.put(job.id, job);
        }
    }

    pub fn order(&mut self, plan: &str, buyer: Option<i64>) -> OrderId {
        let channel = self.rows.channels.get(&self.channel).unwrap();
        let plan_id = channel.plans.iter().find(|p| p.label == plan).unwrap().id;
        let from = OrderFrom::Plan { channel_id: self.channel, plan_id };
        match self.run(Command::CreateOrder {
            from,
            user: buyer.map(user),
            source: OrderSource::Api,
            wants_invoice: false,
        }) {
            Outcome::Order(id) => id,
            other => panic!("{other:?}"),
        }
    }

    pub fn notify(&mut self, note: &Note) -> (Verdict, Option<String>) {
        let received = note.received(self.now);
        match self.run(Command::Notification(Box::new(received))) {
            Outcome::Notification { verdict, reason, .. } => (verdict, reason),
            other => panic!("{other:?}"),
        }
    }

    pub fn get(&self, order: OrderId) -> &Order {
        self.rows.orders.get(&order).unwrap()
    }

    pub fn membership(&self, buyer: i64) -> Option<&Membership> {
        self.rows.membership_of(self.channel, user(buyer))
    }

    pub fn open_reasons(&self) -> Vec<Reason> {
        let mut reasons: Vec<Reason> =
            self.rows.attention.values().filter(|item| item.is_open()).map(|item| item.reason).collect();
        reasons.sort_unstable();
        reasons
    }

    /// What the owner was told, in order.
    pub fn told(&self) -> Vec<OwnerNotice> {
        let mut jobs: Vec<_> = self.rows.jobs.values().collect();
        jobs.sort_by_key(|job| (job.created_at, job.id));
        jobs.into_iter()
            .filter_map(|job| match &job.kind {
                JobKind::NotifyOwner { notice, .. } => Some(notice.clone()),
                _ => None,
            })
            .collect()
    }

    pub fn claim(&mut self) -> Vec<Job> {
        self.claims += 1;
        assert!(self.claims < CLAIMS_MAX, "there is always something due");
        match self.run(Command::ClaimJobs { limit: 1_000, now: self.now }) {
            Outcome::Jobs(jobs) => jobs,
            other => panic!("{other:?}"),
        }
    }

    pub fn finish(&mut self, job: &Job, outcome: JobOutcome) -> Outcome {
        let token = job.lease.unwrap().token;
        self.run(Command::FinishJob { job: Box::new(job.clone()), token, outcome })
    }
}

/// A notification to be sent.
#[derive(Debug, Clone)]
pub struct Note {
    pub id: i64,
    pub status: &'static str,
    pub order_ref: Option<String>,
    pub price: (&'static str, &'static str),
    pub pay: (&'static str, &'static str),
    pub paid: &'static str,
    pub parent: Option<i64>,
    pub updated_at_ms: Option<i64>,
    /// Tells notes of one payment apart.
    pub number: usize,
}

impl Note {
    pub fn new(id: i64, status: &'static str, order_ref: impl Into<String>) -> Self {
        Self {
            id,
            status,
            order_ref: Some(order_ref.into()),
            price: ("2.50", "usd"),
            pay: ("0.00001", "btc"),
            paid: "0.00001",
            parent: None,
            updated_at_ms: None,
            number: 0,
        }
    }

    pub fn for_order(id: i64, status: &'static str, order: OrderId) -> Self {
        Self::new(id, status, order.to_string())
    }

    pub fn price(self, amount: &'static str, currency: &'static str) -> Self {
        Self { price: (amount, currency), ..self }
    }

    pub fn pay(self, amount: &'static str, coin: &'static str) -> Self {
        Self { pay: (amount, coin), ..self }
    }

    pub fn paid(self, amount: &'static str) -> Self {
        Self { paid: amount, ..self }
    }

    pub fn child_of(self, parent: i64) -> Self {
        Self { parent: Some(parent), ..self }
    }

    pub fn received(&self, now: Timestamp) -> Received {
        let amount = |text: &str| match text {
            "" => Reported::Nothing,
            text => exact_amount(text).map_or(Reported::Unusable, Reported::Exact),
        };
        let money = |(text, currency): (&str, &str)| ReportedMoney {
            amount: amount(text),
            currency: Currency::new(currency).ok(),
        };
        let body = format!("{:?}", Self { number: 0, ..self.clone() });
        Received {
            received_at: now,
            source: EventSource::Ipn,
            signature_form: Some("raw"),
            headers: "{}".into(),
            digest: Sha256::digest(&body).into(),
            body: body.into_bytes(),
            facts: PaymentFacts {
                payment_id: payment_id(self.id),
                status: PaymentStatus::new(self.status),
                order_ref: self.order_ref.clone(),
                invoice_id: None,
                parent: self.parent.map_or(Parent::None, |id| Parent::Payment(payment_id(id))),
                price: money(self.price),
                pay: money(self.pay),
                pay_address: None,
                pay_extra_id: None,
                actually_paid: amount(self.paid),
                outcome: ReportedMoney { amount: Reported::Nothing, currency: None },
                updated_at_ms: self.updated_at_ms,
            },
        }
    }
}
