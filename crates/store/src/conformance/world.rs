//! A store with a clock, ids and a gate that the test holds, and notifications to feed it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, NewChannel, NewPlan, OrderFrom, Outcome};
use tollhouse_core::event::{EventSource, Parent, PaymentFacts, Received, ReportedMoney};
use tollhouse_core::id::{
    ChannelId, IdSource, OrderId, PlanId, PrivateChatId, ProviderPaymentId, PublicChatId, TelegramUserId,
};
use tollhouse_core::money::{Money, Reported, exact_amount};
use tollhouse_core::order::OrderSource;
use tollhouse_core::policy::Policies;
use tollhouse_core::snapshot::{Needs, Snapshot};
use tollhouse_core::status::PaymentStatus;
use uuid::Uuid;

use super::Fresh;
use crate::{OpenOptions, Ports, Store, open_with};

/// A clock that stands until it is moved.
#[derive(Debug, Clone)]
pub struct Clock(Arc<AtomicI64>);

impl Default for Clock {
    fn default() -> Self {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        Self(Arc::new(AtomicI64::new(start.as_microsecond())))
    }
}

impl Clock {
    pub fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).unwrap()
    }

    pub fn advance(&self, by: SignedDuration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

/// Ids that ascend, from a seed; two seeds never give the same. It can be told to panic at given calls.
#[derive(Debug, Clone)]
pub struct SeededIds {
    seed: u64,
    count: u64,
    script: Arc<Mutex<VecDeque<bool>>>,
}

impl SeededIds {
    pub fn new(seed: u64) -> Self {
        Self { seed, count: 0, script: Arc::default() }
    }

    /// For each of the next calls of `uuid`: whether it panics.
    pub fn script(&self) -> Arc<Mutex<VecDeque<bool>>> {
        Arc::clone(&self.script)
    }
}

/// The finalizer of splitmix64: spreads consecutive numbers over all 64 bits.
pub(crate) fn spread(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl IdSource for SeededIds {
    fn uuid(&mut self) -> Uuid {
        let panics = self.script.lock().unwrap().pop_front().unwrap_or(false);
        assert!(!panics, "the script of the ids says so");
        self.count += 1;
        Uuid::from_u64_pair(self.count, (self.seed << 32) | (spread(self.count) >> 32))
    }

    fn random(&mut self) -> u64 {
        self.count += 1;
        spread(self.count ^ self.seed.rotate_left(32))
    }
}

/// Holds a store's writer behind a commit, so that a test knows what waits.
#[derive(Debug, Default)]
pub struct Gate {
    state: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl Gate {
    /// The writer stops behind its next commit.
    pub fn shut(&self) {
        self.state.lock().unwrap().0 = true;
    }

    /// Waits until the writer stands at the gate.
    pub async fn reached(self: &Arc<Self>) {
        let gate = Arc::clone(self);
        let wait = move || {
            let state = gate.state.lock().unwrap();
            drop(gate.changed.wait_while(state, |(_, stands)| !*stands).unwrap());
        };
        tokio::task::spawn_blocking(wait).await.unwrap();
    }

    /// Lets the writer go on.
    pub fn open(&self) {
        self.state.lock().unwrap().0 = false;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        if state.0 {
            state.1 = true;
            self.changed.notify_all();
            state = self.changed.wait_while(state, |(shut, _)| *shut).unwrap();
            state.1 = false;
        }
    }
}

/// A store under test.
pub struct World {
    pub store: Arc<dyn Store>,
    pub clock: Clock,
    pub gate: Arc<Gate>,
    pub script: Arc<Mutex<VecDeque<bool>>>,
    /// The sizes of the batches so far.
    pub batches: Arc<Mutex<Vec<usize>>>,
    /// How often a batch was run again.
    pub reruns: Arc<AtomicU32>,
}

/// The public chat of the channel of [`World::channel`].
pub const PUBLIC_CHAT: i64 = -1_003_016_667_267;
/// Its private chat.
pub const PRIVATE_CHAT: i64 = -1_003_202_734_748;

impl World {
    /// Opens a database; worlds on the same one need different seeds.
    pub async fn open(database: &dyn Fresh, seed: u64) -> Self {
        Self::open_at(database, seed, Clock::default()).await
    }

    pub async fn open_at(database: &dyn Fresh, seed: u64, clock: Clock) -> Self {
        let gate = Arc::new(Gate::default());
        let ids = SeededIds::new(seed);
        let script = ids.script();
        let batches: Arc<Mutex<Vec<usize>>> = Arc::default();
        let reruns: Arc<AtomicU32> = Arc::default();
        let ports = Ports {
            now: Arc::new({
                let (gate, clock) = (Arc::clone(&gate), clock.clone());
                move || {
                    gate.pass();
                    clock.now()
                }
            }),
            ids: Box::new(ids),
            on_batch: Arc::new({
                let (batches, reruns) = (Arc::clone(&batches), Arc::clone(&reruns));
                move |report| {
                    batches.lock().unwrap().push(report.commands);
                    reruns.fetch_add(report.reruns, Ordering::SeqCst);
                }
            }),
        };
        let options = OpenOptions::default();
        let store = open_with(&database.url(), ports, options).await.unwrap();
        Self { store, clock, gate, script, batches, reruns }
    }

    /// Carries out what must not be refused.
    pub async fn run(&self, command: Command) -> Outcome {
        self.store.submit(command).await.unwrap().unwrap()
    }

    /// A channel with a monthly plan of 5 USD and a lifetime plan of 99 USD.
    pub async fn channel(&self) -> ChannelId {
        match self.run(add_channel(PRIVATE_CHAT, Some(PUBLIC_CHAT))).await {
            Outcome::Channel(id) => id,
            other => panic!("{other:?}"),
        }
    }

    pub async fn plan(&self, channel: ChannelId, label: &str) -> PlanId {
        let mut needs = Needs::default();
        needs.channels.insert(channel);
        let snapshot = self.store.snapshot(needs).await.unwrap();
        let channel = snapshot.channels.get(&channel).unwrap();
        channel.plans.iter().find(|plan| plan.label == label).unwrap().id
    }

    pub async fn order(&self, channel: ChannelId, user: Option<i64>) -> OrderId {
        let plan_id = self.plan(channel, "Monthly").await;
        let command = Command::CreateOrder {
            from: OrderFrom::Plan { channel_id: channel, plan_id },
            user: user.map(|user| TelegramUserId::new(user).unwrap()),
            source: OrderSource::Api,
            wants_invoice: false,
        };
        match self.run(command).await {
            Outcome::Order(id) => id,
            other => panic!("{other:?}"),
        }
    }

    /// Stops the only writer in a transaction that changes nothing. What is submitted then waits together for `gate.open()`.
    pub async fn hold(&self) {
        self.gate.shut();
        let store = Arc::clone(&self.store);
        let command = Command::UserStarted { user: TelegramUserId::new(1).unwrap() };
        tokio::spawn(async move { store.submit(command).await.unwrap() });
        self.gate.reached().await;
    }

    pub async fn look(&self, order: OrderId) -> Snapshot {
        let mut needs = Needs::default();
        needs.orders.insert(order);
        self.store.snapshot(needs).await.unwrap()
    }
}

/// A channel to register.
pub fn add_channel(private_chat: i64, public_chat: Option<i64>) -> Command {
    let plan = |label: &str, price: &str, duration| NewPlan {
        label: label.to_owned(),
        price: price.parse().unwrap(),
        duration,
    };
    Command::AddChannel(Box::new(NewChannel {
        private_chat: PrivateChatId::new(private_chat).unwrap(),
        public_chat: public_chat.map(|chat| PublicChatId::new(chat).unwrap()),
        title: "Signals".to_owned(),
        owner: Some(TelegramUserId::new(42).unwrap()),
        payout: None,
        plans: vec![
            plan("Monthly", "5.00 USD", PlanDuration::Days(30)),
            plan("Life", "99 USD", PlanDuration::Lifetime),
        ],
        policies: Policies::default(),
        actor: "cli:test".to_owned(),
    }))
}

/// A notification to be made.
#[derive(Debug, Clone)]
pub struct Notice {
    pub payment: i64,
    pub status: PaymentStatus,
    pub order: Option<String>,
    pub parent: Parent,
    pub price: Money,
    pub paid: Option<Money>,
    pub asked: Option<Money>,
    pub at: Timestamp,
}

impl Notice {
    /// A payment of 5 USD in 0.001 BTC, finished.
    pub fn finished(payment: i64, order: impl ToString) -> Self {
        Self {
            payment,
            status: PaymentStatus::Finished,
            order: Some(order.to_string()),
            parent: Parent::None,
            price: "5.00 USD".parse().unwrap(),
            paid: Some("0.001 BTC".parse().unwrap()),
            asked: Some("0.001 BTC".parse().unwrap()),
            at: Clock::default().now(),
        }
    }

    pub fn status(mut self, status: &str) -> Self {
        self.status = PaymentStatus::new(status);
        self
    }

    pub fn price(mut self, price: &str) -> Self {
        self.price = price.parse().unwrap();
        self
    }

    pub fn paid(mut self, paid: &str) -> Self {
        self.paid = Some(paid.parse().unwrap());
        self
    }

    pub fn child_of(mut self, parent: i64) -> Self {
        self.parent = Parent::Payment(ProviderPaymentId::new(parent).unwrap());
        self
    }

    pub fn received(&self) -> Received {
        let reported = |money: Option<&Money>| ReportedMoney {
            amount: money.map_or(Reported::Nothing, |money| Reported::Exact(money.amount)),
            currency: money.map(|money| money.currency.clone()),
        };
        let facts = PaymentFacts {
            payment_id: ProviderPaymentId::new(self.payment).unwrap(),
            status: self.status.clone(),
            order_ref: self.order.clone(),
            invoice_id: None,
            parent: self.parent,
            price: reported(Some(&self.price)),
            pay: reported(self.asked.as_ref()),
            pay_address: None,
            pay_extra_id: None,
            actually_paid: reported(self.paid.as_ref()).amount,
            outcome: ReportedMoney { amount: Reported::Exact(exact_amount("4.75").unwrap()), currency: None },
            updated_at_ms: Some(1_767_225_600_000 + self.payment),
        };
        let body = format!("{facts:?}").into_bytes();
        Received {
            received_at: self.at,
            source: EventSource::Ipn,
            signature_form: Some("raw"),
            headers: r#"{"user-agent":"test"}"#.to_owned(),
            digest: Sha256::digest(&body).into(),
            body,
            facts,
        }
    }

    pub fn command(&self) -> Command {
        Command::Notification(Box::new(self.received()))
    }
}

/// The predecessor's reference of a user, for the channel of [`World::channel`].
pub fn legacy_ref(user: i64) -> String {
    format!("PGP-{user}|{PUBLIC_CHAT}")
}
