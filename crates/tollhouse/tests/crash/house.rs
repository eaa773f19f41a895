//! What a run sells, to whom, and what must be true of it afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use tokio::task::JoinHandle;
use tollhouse::app::App;
use tollhouse::clock::Clock;
use tollhouse::serve::{Roles, Running};
use tollhouse_core::audit;
use tollhouse_core::id::ProviderPaymentId;
use tollhouse_core::job::LEASE_SECONDS;
use tollhouse_store::{AttentionFilter, AuditFilter, MembershipFilter, PAGE_LENGTH_MAX, Store};
use tollhouse_telegram::fake::{FakeConfig, FakeHandle, FakeTelegram, NewChat, NewUser, World};
use tollhouse_telegram::{AdminRights, ChatId, UserId};

use crate::load::{Notification, PRICE, Random, client, send_all};
use crate::program::{Program, Setup};
use crate::town::{self, Database, Engine, OWNER, PRIVATE_CHAT, PUBLIC_CHAT, SECRET};

/// The first buyer's account.
const FIRST_USER: i64 = 10_000_000;
/// The first payment's number.
const FIRST_PAYMENT: i64 = 5_000_000_000;
/// Days of a month, as the plan has them.
const MONTH_DAYS: i64 = 30;

/// How long the last access may take, in seconds: what a killed worker held comes free after a minute, and 30 messages a second go out.
const ACCESS_SECONDS_MAX: u64 = 300;

/// What the end of a run waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The leases of workers that were killed run out, as in life.
    InTime,
    /// The clock is set ahead, so that they have.
    Ahead,
}

const CHAT: ChatId = ChatId(PRIVATE_CHAT);

/// A shop on a database, a simulated Telegram beside it, and buyers who join as soon as they are invited.
pub struct House {
    pub database: Database,
    pub telegram: FakeHandle,
    pub setup: Setup,
    pub http: reqwest::Client,
    pub random: Random,
    /// What got its 200, and how often.
    stored: BTreeMap<Notification, usize>,
    /// How many orders each buyer pays.
    orders: BTreeMap<i64, i64>,
    /// Who looks only, and never pays.
    lookers: BTreeSet<i64>,
    payments: i64,
    people: i64,
    /// The last seal of the audit log that was checked, and its place.
    seal: ([u8; 32], i64),
    uninvited: Arc<Mutex<BTreeSet<i64>>>,
    joining: JoinHandle<()>,
}

impl Drop for House {
    fn drop(&mut self) {
        self.joining.abort();
    }
}

impl House {
    pub async fn new(engine: Engine, seed: u64) -> Self {
        Self::on(Database::fresh(engine).await, seed).await
    }

    pub async fn on(database: Database, seed: u64) -> Self {
        let telegram = FakeTelegram::start(FakeConfig::new(Clock::default().as_fn())).await.unwrap();
        telegram.add_user(NewUser::new(OWNER, "Olga")).unwrap();
        telegram.add_chat(NewChat::channel(PRIVATE_CHAT, "Signals", UserId(OWNER))).unwrap();
        telegram.make_bot_admin(CHAT, UserId(OWNER), AdminRights::gatekeeper()).unwrap();
        let setup = Setup::new(&database.url);
        let (private, public) = (PRIVATE_CHAT.to_string(), PUBLIC_CHAT.to_string());
        // Without an owner: one who is written to of each sale would be written to once a second.
        let plan = format!("Month={PRICE} USD/30d");
        let chats = ["--private-chat", &private, "--public-chat", &public];
        setup.json(&[&["channel", "add", "--title", "Signals", "--plan", &plan][..], &chats].concat()).await;
        let uninvited: Arc<Mutex<BTreeSet<i64>>> = Arc::default();
        let joining = tokio::spawn(join(telegram.clone(), Arc::clone(&uninvited)));
        Self {
            setup: setup.telegram(&telegram),
            database,
            telegram,
            http: client(),
            random: Random::new(seed),
            stored: BTreeMap::new(),
            orders: BTreeMap::new(),
            lookers: BTreeSet::new(),
            payments: 0,
            people: 0,
            seal: (audit::GENESIS, 1),
            uninvited,
            joining,
        }
    }

    /// Everything that the provider will say of so many new buyers, who pay, and of so many who only look: repeated, and in no order.
    pub fn notifications(&mut self, buyers: usize, lookers: usize) -> Vec<Notification> {
        let mut list = Vec::new();
        for _ in 0..buyers {
            let user = self.person();
            self.telegram.add_user(NewUser::new(user, "Ben")).unwrap();
            self.telegram.start(UserId(user), "").unwrap();
            self.uninvited.lock().unwrap().insert(user);
            let orders = 1 + self.random.below(2);
            for _ in 0..orders {
                *self.orders.entry(user).or_default() += 1;
                let payment = self.payment();
                for status in ["waiting", "confirming", "confirmed", "sending", "finished"] {
                    let times = 1 + self.random.below(2);
                    for _ in 0..times {
                        list.push(Notification::new(payment, user, status));
                    }
                }
            }
        }
        for _ in 0..lookers {
            let user = self.person();
            self.lookers.insert(user);
            let payment = self.payment();
            for status in ["waiting", "expired"] {
                list.push(Notification::new(payment, user, status));
            }
        }
        self.random.shuffle(&mut list);
        list
    }

    fn person(&mut self) -> i64 {
        self.people += 1;
        FIRST_USER + self.people
    }

    fn payment(&mut self) -> i64 {
        self.payments += 1;
        FIRST_PAYMENT + self.payments
    }

    /// Notes what got its 200.
    pub fn stored(&mut self, notifications: &[Notification]) {
        for notification in notifications {
            *self.stored.entry(notification.clone()).or_default() += 1;
        }
    }

    /// How many got their 200.
    pub fn stored_count(&self) -> usize {
        self.stored.values().sum()
    }

    pub fn orders_count(&self) -> i64 {
        self.orders.values().sum()
    }

    /// What was answered 200 is in the event log, as often as it was answered; the audit log goes on from where it was.
    pub async fn check_stored(&mut self, notifications: &[Notification]) {
        let store = town::reopen(&self.database).await;
        let payments: BTreeSet<i64> = notifications.iter().map(|notification| notification.payment).collect();
        for payment in payments {
            self.check_payment(&*store, payment).await;
        }
        self.check_audit(&*store).await;
        store.close().await;
    }

    async fn check_payment(&self, store: &dyn Store, payment: i64) {
        let events =
            store.events_of(ProviderPaymentId::new(payment).unwrap(), PAGE_LENGTH_MAX).await.unwrap();
        let first = Notification { payment, body: String::new() };
        let next = Notification { payment: payment + 1, body: String::new() };
        for (notification, answered) in self.stored.range(first..next) {
            let kept = events.iter().filter(|event| event.body == notification.body.as_bytes()).count();
            assert!(kept >= *answered, "answered 200 {answered} times, {kept} are left: {notification:?}");
        }
    }

    async fn check_audit(&mut self, store: &dyn Store) {
        loop {
            let filter = AuditFilter { after: self.seal.1 - 1, limit: PAGE_LENGTH_MAX };
            let entries = store.audit(filter).await.unwrap();
            if entries.is_empty() {
                return;
            }
            let seal = audit::verify(self.seal.0, self.seal.1, &entries);
            let seal = seal.unwrap_or_else(|place| panic!("entry {place} of the audit log does not hold"));
            self.seal = (seal, self.seal.1 + i64::try_from(entries.len()).unwrap());
        }
    }

    /// Waits until everybody who pays is inside.
    pub async fn all_inside(&self, patience: Duration) {
        self.newest_inside(usize::MAX, patience).await;
    }

    /// Waits until so many of those who came last are inside.
    pub async fn newest_inside(&self, count: usize, patience: Duration) {
        let until = Instant::now() + patience;
        let missing = |world: &World| -> Vec<i64> {
            let buyers = self.orders.keys().rev().take(count).copied();
            buyers.filter(|user| !world.is_inside(CHAT, UserId(*user))).collect()
        };
        let nobody = |world: &World| missing(world).is_empty().then_some(());
        while self.telegram.wait_for("everybody who paid is inside", nobody).await.is_err() {
            let missing = self.telegram.read(missing);
            assert!(Instant::now() < until, "{} paid and are not inside: {missing:?}", missing.len());
        }
    }

    /// Every paid order gave its month, once; who only looked has nothing; nobody is left waiting for a person.
    pub async fn check_all(&mut self) {
        let store = town::reopen(&self.database).await;
        for payment in 1..=self.payments {
            self.check_payment(&*store, FIRST_PAYMENT + payment).await;
        }
        for (user, orders) in &self.orders {
            let filter = MembershipFilter { user: Some(town::user(*user)), ..MembershipFilter::default() };
            let memberships = store.memberships(filter).await.unwrap();
            let [membership] = &memberships[..] else { panic!("{user}: {memberships:?}") };
            let days = membership.ends_at.unwrap().duration_since(membership.starts_at).as_hours() / 24;
            assert_eq!(days, orders * MONTH_DAYS, "{user} paid {orders} orders: {membership:?}");
        }
        for user in &self.lookers {
            let filter = MembershipFilter { user: Some(town::user(*user)), ..MembershipFilter::default() };
            assert!(store.memberships(filter).await.unwrap().is_empty(), "{user} has not paid");
        }
        self.check_audit(&*store).await;
        let open =
            store.attention(AttentionFilter { limit: PAGE_LENGTH_MAX, ..Default::default() }).await.unwrap();
        assert!(open.is_empty(), "nothing of this needs a person: {open:?}");
        let stats = store.stats(Clock::default().now()).await.unwrap();
        assert_eq!(stats.stuck_payments, 0);
        store.close().await;
        let seal = self.setup.json(&["audit", "verify"]).await;
        assert_eq!(seal["entries"], self.seal.1 - 1, "{seal}");
    }

    pub fn audit_entries(&self) -> i64 {
        self.seal.1 - 1
    }

    /// Ends a run: sends what is left until all of it is stored, waits until everybody is inside, and checks everything.
    pub async fn finish(&mut self, left: Vec<Notification>, end: End) {
        match end {
            End::InTime => {
                let program = Program::start(&self.setup).await;
                self.drain(&program.url("/webhooks/nowpayments"), left).await;
                program.terminate().await;
            }
            End::Ahead => {
                let clock = Clock::default();
                clock.advance(SignedDuration::from_secs(LEASE_SECONDS + 1));
                let app = App::open(self.config(), clock).await.unwrap();
                let running = Running::start(Arc::clone(&app), Roles::all()).await.unwrap();
                self.drain(&format!("http://{}/webhooks/nowpayments", running.addr.unwrap()), left).await;
                running.stop().await;
            }
        }
        self.check_all().await;
    }

    async fn drain(&mut self, url: &str, left: Vec<Notification>) {
        let tally = send_all(&self.http, url, left).await;
        self.stored(&tally.stored);
        assert!(tally.left.is_empty(), "with nothing in the way everything is taken: {:?}", tally.left);
        self.all_inside(Duration::from_secs(ACCESS_SECONDS_MAX)).await;
    }

    /// The settings of [`Setup`] for a program inside of this process.
    fn config(&self) -> tollhouse::config::Config {
        let api = self.telegram.api_url();
        let values = [
            ("TOLLHOUSE_DATABASE_URL", self.database.url.as_str()),
            ("TOLLHOUSE_LISTEN", "127.0.0.1:0"),
            ("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", SECRET),
            ("TOLLHOUSE_TELEGRAM_BOT_TOKEN", self.telegram.bot_token()),
            ("TOLLHOUSE_TELEGRAM_API_URL", api.as_str()),
        ];
        let values = values.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let mut config = tollhouse::config::Config::from_values(&values).unwrap();
        config.telegram.limits = tollhouse_telegram::Limits::NONE;
        config
    }
}

/// Lets everybody who is invited open their link.
async fn join(telegram: FakeHandle, uninvited: Arc<Mutex<BTreeSet<i64>>>) {
    loop {
        let invited = |world: &World| {
            let waiting = uninvited.lock().unwrap();
            waiting.iter().find_map(|user| Some((*user, invite(world, *user)?)))
        };
        // That nobody was invited for a while is not for us to judge.
        let Ok((user, link)) = telegram.wait_for("an invite", invited).await else { continue };
        uninvited.lock().unwrap().remove(&user);
        telegram.open_link(UserId(user), &link).unwrap();
    }
}

/// The newest invite that a buyer was sent.
fn invite(world: &World, user: i64) -> Option<String> {
    let posts = world.bot_posts(UserId(user));
    posts.iter().rev().flat_map(|post| post.buttons.iter().flatten()).find_map(|button| button.url.clone())
}
