//! A channel with an owner, a bot that guards it, and a buyer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tollhouse_telegram::fake::{
    self, Call, CallOutcome, FakeConfig, FakeHandle, FakeTelegram, NewChat, NewUser,
};
use tollhouse_telegram::{
    AdminRights, Batch, ChatId, ChatKind, Gateway, GatewayConfig, Limits, Method, Observe, Topic, UpdateKind,
    UserId,
};

pub(crate) const OWNER: UserId = UserId(11);
pub(crate) const BUYER: UserId = UserId(6_271_402_111);
pub(crate) const STRANGER: UserId = UserId(99);
pub(crate) const CHANNEL: ChatId = ChatId(-1_003_016_667_267);
pub(crate) const GROUP: ChatId = ChatId(-4_012_345);

/// A machine under load must not make a time-out of a call that is answered at once.
const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) struct World {
    pub(crate) fake: FakeHandle,
    pub(crate) gateway: Gateway,
    pub(crate) seen: Arc<Seen>,
    clock: Arc<Mutex<Timestamp>>,
}

/// What the observer was told.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) calls: Mutex<Vec<(Method, &'static str)>>,
    pub(crate) unread: Mutex<Vec<String>>,
}

impl Observe for Seen {
    fn call(&self, method: Method, outcome: &'static str) {
        self.calls.lock().unwrap().push((method, outcome));
    }

    fn unread_update(&self, kind: &str) {
        self.unread.lock().unwrap().push(kind.to_owned());
    }
}

impl World {
    /// The bot guards the channel; the buyer has started it, the stranger has not. No update of the setting-up is left.
    pub(crate) async fn new() -> Self {
        let world = Self::empty().await;
        for (id, name) in [(OWNER, "Olga <owner>"), (BUYER, "Ben"), (STRANGER, "Sam")] {
            world.fake.add_user(NewUser::new(id.0, name)).unwrap();
        }
        world.fake.add_chat(NewChat::channel(CHANNEL.0, "Signals <vip>", OWNER)).unwrap();
        world.fake.make_bot_admin(CHANNEL, OWNER, AdminRights::gatekeeper()).unwrap();
        world.fake.start(BUYER, "").unwrap();
        world.listen().await;
        world
    }

    pub(crate) async fn empty() -> Self {
        let clock = Arc::new(Mutex::new(Timestamp::from_second(1_762_500_000).unwrap()));
        let hand = Arc::clone(&clock);
        let now = Arc::new(move || *hand.lock().unwrap());
        let fake = FakeTelegram::start(FakeConfig::new(now)).await.unwrap();
        let seen = Arc::new(Seen::default());
        let gateway = gateway_to(&fake, PATIENCE, Arc::clone(&seen));
        Self { fake, gateway, seen, clock }
    }

    /// Makes a call that a fault leaves without an answer, and lets the time-out pass at once: by the runtime's clock, after the
    /// simulation has seen the call.
    pub(crate) async fn time_out<T: Send + 'static>(
        &self,
        call: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let is_hidden = |call: &Call| matches!(call.outcome, CallOutcome::Hidden { .. });
        let hidden = |state: &fake::World| state.calls().filter(|call| is_hidden(call)).count();
        let before = self.fake.read(hidden);
        let call = tokio::spawn(call);
        let seen = self.fake.wait_for("the call", |state| (hidden(state) > before).then_some(())).await;
        seen.unwrap();
        tokio::time::pause();
        tokio::time::advance(PATIENCE).await;
        let outcome = call.await.unwrap();
        tokio::time::resume();
        outcome
    }

    pub(crate) fn add_group(&self, bot_rights: AdminRights) {
        let group = NewChat { kind: ChatKind::Group, ..NewChat::channel(GROUP.0, "Readers", OWNER) };
        self.fake.add_chat(group).unwrap();
        self.fake.make_bot_admin(GROUP, OWNER, bot_rights).unwrap();
    }

    pub(crate) fn now(&self) -> Timestamp {
        *self.clock.lock().unwrap()
    }

    pub(crate) fn wait_minutes(&self, minutes: i64) {
        *self.clock.lock().unwrap() += SignedDuration::from_mins(minutes);
    }

    /// Asks for everything that Tollhouse handles, and forgets what waits.
    pub(crate) async fn listen(&self) {
        let batch = self.poll_from(None).await;
        self.poll_from(batch.next_offset).await;
    }

    /// What happened since; confirmed at once.
    pub(crate) async fn updates(&self) -> Vec<UpdateKind> {
        let batch = self.poll_from(None).await;
        self.poll_from(batch.next_offset).await;
        batch.updates.into_iter().map(|update| update.kind).collect()
    }

    async fn poll_from(&self, offset: Option<tollhouse_telegram::UpdateId>) -> Batch {
        self.gateway.get_updates(offset, Duration::ZERO, &Topic::WANTED).await.unwrap()
    }

    pub(crate) async fn link(&self) -> String {
        self.gateway.create_chat_invite_link(CHANNEL, "membership 1", None).await.unwrap().url
    }

    /// Lets the buyer in through a request.
    pub(crate) async fn let_in(&self, user: UserId) {
        let link = self.link().await;
        self.fake.open_link(user, &link).unwrap();
        self.gateway.approve_chat_join_request(CHANNEL, user).await.unwrap();
    }
}

fn gateway_to(fake: &FakeHandle, call_timeout: Duration, seen: Arc<Seen>) -> Gateway {
    let config = GatewayConfig::new(fake.bot_token().into(), fake.api_url());
    Gateway::new(GatewayConfig { call_timeout, limits: Limits::NONE, observe: seen, ..config }).unwrap()
}
