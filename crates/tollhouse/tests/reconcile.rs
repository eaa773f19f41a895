//! Notifications that never come, and a provider that answers badly or not at all: what is paid is granted all the same, nothing else is,
//! and a person can see it. Each on both engines, with the real parts and a simulated provider on one clock.

#![expect(clippy::disallowed_methods, reason = "a test speaks HTTP from outside, as the provider does")]
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod town;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;
use nowpayments::sandbox::{
    ApiCall, ApiFault, BuyerAction, Change, Child, FaultKind, NewPayment, Sandbox, SandboxConfig,
    SandboxHandle, SandboxPayment,
};
use nowpayments::{ProviderInvoiceId, Status};
use tollhouse::app::App;
use tollhouse::clock::Clock;
use tollhouse::config::Config;
use tollhouse::reconcile::pass::{Tally, Window, on_demand};
use tollhouse::reconcile::place::{Place, Standing};
use tollhouse::reconcile::schedule::{Reconciler, Turn};
use tollhouse::reconcile::statement::{Kind, Statement, statement};
use tollhouse::serve::{Roles, Running};
use tollhouse::worker;
use tollhouse_core::attention::{Reason, Resolution};
use tollhouse_core::command::{Command, OrderFrom, Outcome};
use tollhouse_core::event::EventSource;
use tollhouse_core::id::{ChannelId, OrderId, ProviderPaymentId};
use tollhouse_core::order::{OrderSource, OrderState};
use tollhouse_core::snapshot::{Needs, Snapshot};
use tollhouse_store::{AttentionFilter, PaymentFilter};
use town::{Database, Engine, PRIVATE_CHAT, PUBLIC_CHAT, SECRET, add_channel, user};

const KEY: &str = "a-test-key";
const HTTP_ONLY: Roles = Roles { http: true, worker: false, bot: false, reconcile: false };
const INTERVAL: SignedDuration = SignedDuration::from_mins(5);

/// A shop and its provider, which notifies of nothing unless it is told to.
struct Shop {
    app: Arc<App>,
    clock: Clock,
    provider: SandboxHandle,
    channel: ChannelId,
    url: String,
    _running: Option<Running>,
    database: Database,
}

/// Whether the shop has the account's login.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Login {
    Yes,
    No,
}

fn config(database: &Database, provider: &SandboxHandle, login: Login, more: &[(&str, &str)]) -> Config {
    let mut values = vec![
        ("TOLLHOUSE_DATABASE_URL".to_owned(), database.url.clone()),
        ("TOLLHOUSE_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
        ("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET".to_owned(), SECRET.to_owned()),
        ("TOLLHOUSE_NOWPAYMENTS_API_KEY".to_owned(), KEY.to_owned()),
        ("TOLLHOUSE_NOWPAYMENTS_API_URL".to_owned(), provider.api_url()),
        ("TOLLHOUSE_TELEGRAM_MODE".to_owned(), "off".to_owned()),
    ];
    if login == Login::Yes {
        values.push(("TOLLHOUSE_NOWPAYMENTS_EMAIL".to_owned(), "merchant@sandbox.test".to_owned()));
        values.push(("TOLLHOUSE_NOWPAYMENTS_PASSWORD".to_owned(), "sandbox".to_owned()));
    }
    values.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    Config::load(Some(Path::new("/dev/null")), &values).unwrap()
}

impl Shop {
    async fn new(engine: Engine, login: Login) -> Self {
        Self::with(engine, login, None, &[]).await
    }

    async fn with(engine: Engine, login: Login, roles: Option<Roles>, more: &[(&str, &str)]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Clock::default();
        let provider = Sandbox::start(SandboxConfig::new(KEY, SECRET, clock.as_fn())).await.unwrap();
        provider.drop_next(u64::MAX);
        let database = Database::fresh(engine).await;
        let app = App::open(config(&database, &provider, login, more), clock.clone()).await.unwrap();
        let channel = add_channel(&app, PRIVATE_CHAT, Some(PUBLIC_CHAT)).await;
        let running = match roles {
            Some(roles) => Some(Running::start(Arc::clone(&app), roles).await.unwrap()),
            None => None,
        };
        let addr = running.as_ref().and_then(|running| running.addr);
        let url = addr.map_or_else(String::new, |addr| format!("http://{addr}"));
        Self { app, clock, provider, channel, url, _running: running, database }
    }

    /// An order for a month by a buyer of its own.
    async fn order(&self, buyer: i64) -> OrderId {
        let mut needs = Needs::default();
        needs.channels.insert(self.channel);
        let snapshot = self.app.store.snapshot(needs).await.unwrap();
        let plans = &snapshot.channels.get(&self.channel).unwrap().plans;
        let plan_id = plans.iter().find(|plan| plan.label == "Month").unwrap().id;
        let command = Command::CreateOrder {
            from: OrderFrom::Plan { channel_id: self.channel, plan_id },
            user: Some(user(buyer)),
            source: OrderSource::Api,
            wants_invoice: true,
        };
        match self.app.submit(command).await.unwrap() {
            Outcome::Order(id) => id,
            other => panic!("{other:?}"),
        }
    }

    /// Does every job that is due.
    async fn work(&self) {
        while worker::run_due(&self.app).await.unwrap() > 0 {}
    }

    /// Orders with their invoices.
    async fn orders(&self, count: i64) -> Vec<OrderId> {
        let mut orders = Vec::new();
        for buyer in 1..=count {
            orders.push(self.order(1_000 + buyer).await);
        }
        self.work().await;
        orders
    }

    async fn look(&self, order: OrderId) -> Snapshot {
        let mut needs = Needs::default();
        needs.orders.insert(order);
        self.app.store.snapshot(needs).await.unwrap()
    }

    async fn state(&self, order: OrderId) -> (OrderState, bool) {
        let snapshot = self.look(order).await;
        let granted = snapshot.grant_of(order).is_some_and(|grant| grant.revoked.is_none());
        (snapshot.orders.get(&order).unwrap().state, granted)
    }

    /// The buyer picks a coin on the invoice's page.
    async fn choose(&self, order: OrderId) -> SandboxPayment {
        let snapshot = self.look(order).await;
        let invoice = snapshot.orders.get(&order).unwrap().invoice.clone().unwrap();
        self.provider.choose_coin(ProviderInvoiceId::parse(&invoice.id).unwrap(), "usdttrc20").unwrap()
    }

    /// The buyer picks a coin and does something.
    async fn pay(&self, order: OrderId, action: BuyerAction) -> SandboxPayment {
        let payment = self.choose(order).await;
        self.provider.buyer(payment.id, action).unwrap();
        payment
    }

    fn fail(&self, call: Option<ApiCall>, kind: FaultKind, times: u64) {
        self.provider.fail(ApiFault { call, kind, times });
    }

    /// How many questions of the reconciler's the provider was asked.
    fn questions(&self) -> u64 {
        [ApiCall::Auth, ApiCall::ListPayments, ApiCall::GetPayment]
            .map(|call| self.provider.calls(call))
            .iter()
            .sum()
    }

    async fn events(&self, payment: &SandboxPayment) -> Vec<EventSource> {
        let id = ours(payment);
        self.app.store.events_of(id, 100).await.unwrap().iter().map(|event| event.source).collect()
    }

    async fn reasons(&self) -> Vec<Reason> {
        let items = self.app.store.attention(AttentionFilter::default()).await.unwrap();
        items.into_iter().map(|item| item.reason).collect()
    }

    async fn statement(&self) -> Statement {
        let now = self.app.clock.now();
        statement(&self.app, now - SignedDuration::from_hours(48), now + SignedDuration::from_secs(1))
            .await
            .unwrap()
    }

    /// Waits until an order is as it should be; hears of it by the commits.
    async fn until(&self, order: OrderId, wanted: (OrderState, bool)) {
        let mut commits = self.app.store.commits();
        while self.state(order).await != wanted {
            commits.recv().await.unwrap();
        }
    }
}

fn ours(payment: &SandboxPayment) -> ProviderPaymentId {
    payment.id.to_string().parse().unwrap()
}

fn done(turn: Turn) -> Tally {
    match turn {
        Turn::Done(tally) => tally,
        other => panic!("{other:?}"),
    }
}

fn kinds(statement: &Statement) -> BTreeMap<Kind, Vec<bool>> {
    let mut kinds: BTreeMap<Kind, Vec<bool>> = BTreeMap::new();
    for difference in statement.rows.iter().flat_map(|row| &row.differences) {
        kinds.entry(difference.kind).or_default().push(difference.explained);
    }
    kinds
}

/// Every notification is lost; after one interval every paid order is granted, and the statement has no difference.
async fn f29_what_is_paid_is_granted_though_no_notification_ever_comes(engine: Engine) {
    let shop = Shop::new(engine, Login::Yes).await;
    let mut reconciler = Reconciler::new(Arc::clone(&shop.app));
    assert!(done(reconciler.turn().await).lists);
    let orders = shop.orders(60).await;
    let mut payments = Vec::new();
    for order in &orders {
        payments.push(shop.pay(*order, BuyerAction::Exactly).await);
    }
    shop.clock.advance(INTERVAL);
    let before = shop.questions();
    let tally = done(reconciler.turn().await);
    assert_eq!((tally.found.len(), tally.asked), (60, 0), "the list has them all");
    assert!(shop.questions() - before <= 3, "a list costs a question for each page, and a login: {tally:?}");
    for (order, payment) in orders.iter().zip(&payments) {
        assert_eq!(shop.state(*order).await, (OrderState::Paid, true));
        assert_eq!(
            shop.events(payment).await,
            [EventSource::Poll],
            "taken in once, and marked with where it came from"
        );
    }
    let statement = shop.statement().await;
    assert_eq!(
        (statement.totals.payments, statement.totals.credited, statement.totals.paid_orders),
        (60, 60, 60)
    );
    assert_eq!(statement.totals.sold, ["150.00 USD".parse().unwrap()]);
    assert_eq!((statement.totals.differences, statement.rows.len()), (0, 60), "{:?}", kinds(&statement));

    // Asking again changes nothing and fills no log.
    shop.clock.advance(INTERVAL);
    assert_eq!(done(reconciler.turn().await).found, []);
    assert_eq!(shop.events(&payments[0]).await.len(), 1);
}

/// What is not paid exactly comes to just the end that its notifications would have brought.
async fn f28_f29_odd_payments_end_the_same_way_without_a_notification(engine: Engine) {
    let shop = Shop::new(engine, Login::Yes).await;
    let mut reconciler = Reconciler::new(Arc::clone(&shop.app));
    let actions = [
        BuyerAction::Less,
        BuyerAction::More,
        BuyerAction::Twice,
        BuyerAction::WrongCoin,
        BuyerAction::Late,
        BuyerAction::NotAtAll,
    ];
    let orders = shop.orders(7).await;
    let mut payments = Vec::new();
    for (order, action) in orders.iter().zip(actions) {
        payments.push(shop.pay(*order, action).await);
    }
    done(reconciler.turn().await);
    let states = async || {
        let mut states = Vec::new();
        for order in &orders {
            states.push(shop.state(*order).await);
        }
        states
    };
    let (unpaid, paid) = ((OrderState::PartiallyPaid, false), (OrderState::Paid, true));
    let expired = (OrderState::Expired, false);
    assert_eq!(states().await, [unpaid, paid, paid, unpaid, paid, expired, (OrderState::Open, false)]);
    // The rest comes as a payment of its own, hours later; the payment that it completes is in no list by then.
    shop.provider.buyer(payments[0].id, BuyerAction::Rest).unwrap();
    shop.provider.refund(payments[1].id).unwrap();
    shop.clock.advance(SignedDuration::from_hours(6));
    done(reconciler.turn().await);
    let refunded = (OrderState::Refunded, false);
    assert_eq!(states().await, [paid, refunded, paid, unpaid, paid, expired, (OrderState::Open, false)]);
    let statement = shop.statement().await;
    assert!(statement.totals.is_clean(), "{:?}", kinds(&statement));
    assert!(statement.totals.differences > 0, "what was paid twice and in the wrong coin is named");
}

/// Without the account's login a payment is followed to its end once something was heard of it, its re-deposits too.
async fn f29_without_the_list_what_was_heard_of_is_followed(engine: Engine) {
    let shop = Shop::with(engine, Login::No, Some(HTTP_ONLY), &[]).await;
    let orders = shop.orders(3).await;
    // The first word of a payment arrives, and nothing after it.
    let url = format!("{}/webhooks/nowpayments", shop.url);
    let heard_of = async |order: OrderId| {
        shop.provider.drop_next(0);
        let new = NewPayment {
            order_id: Some(order.to_string()),
            ipn_callback_url: Some(url.clone()),
            ..NewPayment::usd("2.5".parse().unwrap())
        };
        let payment = shop.provider.create_payment(new).unwrap();
        shop.provider.wait_delivered(payment.id, Status::Waiting).await;
        shop.provider.drop_next(u64::MAX);
        payment
    };
    let exact = heard_of(orders[0]).await;
    let short = heard_of(orders[1]).await;
    shop.provider.buyer(exact.id, BuyerAction::Exactly).unwrap();
    shop.provider.buyer(short.id, BuyerAction::Less).unwrap();
    shop.pay(orders[2], BuyerAction::Exactly).await;
    let mut reconciler = Reconciler::new(Arc::clone(&shop.app));
    let tally = done(reconciler.turn().await);
    assert_eq!((tally.lists, tally.asked, tally.found.len()), (false, 2, 2));
    assert_eq!(shop.state(orders[0]).await, (OrderState::Paid, true));
    assert_eq!(shop.state(orders[1]).await, (OrderState::PartiallyPaid, false));
    assert_eq!(
        shop.state(orders[2]).await,
        (OrderState::Open, false),
        "nobody has told of it, and the list is not ours to read"
    );

    shop.provider.buyer(short.id, BuyerAction::Rest).unwrap();
    shop.clock.advance(INTERVAL);
    let tally = done(reconciler.turn().await);
    assert_eq!(tally.asked, 2, "the payment that waits for its rest, and the re-deposit that it names");
    assert_eq!(shop.state(orders[1]).await, (OrderState::Paid, true));
    assert_eq!(shop.provider.calls(ApiCall::ListPayments), 0);
}

/// An answer may leave out that a payment is a re-deposit. It repeats the order and the price of its parent, and asks for just what it
/// brought: taken for a payment of its own a cent would pay the order.
async fn f28_a_re_deposit_whose_parent_is_left_out_pays_no_order(engine: Engine) {
    for login in [Login::Yes, Login::No] {
        let shop = Shop::new(engine, login).await;
        shop.provider.hide_parents();
        let order = shop.orders(1).await[0];
        let short = shop.choose(order).await;
        let answer = shop.app.provider.as_ref().unwrap().payment(ours(&short)).await.unwrap();
        tollhouse::reconcile::take::take(&shop.app, vec![answer], false).await.unwrap();
        shop.provider.buyer(short.id, BuyerAction::Less).unwrap();
        let cent =
            Child { amount: "0.0001".parse().unwrap(), pay_currency: None, status: Status::PartiallyPaid };
        let cent = shop.provider.add_child(short.id, cent).unwrap();
        let mut reconciler = Reconciler::new(Arc::clone(&shop.app));
        done(reconciler.turn().await);
        assert_eq!(shop.state(order).await, (OrderState::PartiallyPaid, false));
        // It ends by itself, and is asked for by its own number.
        shop.provider.set_status(cent.id, Status::Finished, Change::default()).unwrap();
        shop.clock.advance(INTERVAL);
        done(reconciler.turn().await);
        assert_eq!(shop.state(order).await, (OrderState::PartiallyPaid, false));
        let heard = shop.app.store.events_of(ours(&cent), 10).await.unwrap();
        assert_eq!(heard[0].status.as_str(), "finished", "{heard:?}");
        // Nor does it do so when the log is worked in again.
        tollhouse::replay::replay(&shop.app, ours(&cent)).await.unwrap();
        assert_eq!(shop.state(order).await, (OrderState::PartiallyPaid, false));
        assert!(!shop.reasons().await.contains(&Reason::Contradiction), "{:?}", shop.reasons().await);
        // The money counts all the same, beside what its parent brought.
        shop.provider.buyer(short.id, BuyerAction::Rest).unwrap();
        shop.clock.advance(INTERVAL);
        done(reconciler.turn().await);
        assert_eq!(shop.state(order).await, (OrderState::Paid, true));
    }
}

/// An hour without the provider: it is asked more and more rarely, and afterwards everything is there with a handful of questions.
async fn f33_an_hour_without_the_provider_loses_nothing_and_brings_no_storm(engine: Engine) {
    let shop = Shop::new(engine, Login::Yes).await;
    let mut reconciler = Reconciler::new(Arc::clone(&shop.app));
    done(reconciler.turn().await);
    let paid = shop.orders(20).await;
    shop.fail(None, FaultKind::ServerError, u64::MAX);
    let (questions, invoices) = (shop.questions(), shop.provider.calls(ApiCall::CreateInvoice));
    let mut waiting = Vec::new();
    for minute in 0..60 {
        shop.clock.advance(SignedDuration::from_mins(1));
        if let Some(order) = paid.get(minute) {
            shop.pay(*order, BuyerAction::Exactly).await;
        }
        if minute < 5 {
            waiting.push(shop.order(5_000 + i64::try_from(minute).unwrap()).await);
        }
        shop.work().await;
        assert!(!matches!(reconciler.turn().await, Turn::Done(_)), "minute {minute}");
    }
    let asked = shop.questions() - questions;
    assert!((5..=40).contains(&asked), "{asked} questions in an hour");
    let tried = shop.provider.calls(ApiCall::CreateInvoice) - invoices;
    assert!(tried <= 5 * 16, "{tried} tries for 5 invoices");
    for order in &paid {
        assert_eq!(shop.state(*order).await, (OrderState::Open, false), "nothing is granted on a guess");
    }
    let place = Place::load(&*shop.app.store).await.unwrap();
    assert!(place.failing_since.is_some() && place.error.unwrap().contains("500"));

    shop.provider.mend();
    let (questions, invoices) = (shop.questions(), shop.provider.calls(ApiCall::CreateInvoice));
    // At most the longest wait of each of the two.
    shop.clock.advance(INTERVAL);
    let tally = done(reconciler.turn().await);
    assert_eq!(tally.found.len(), 20);
    for order in &paid {
        assert_eq!(shop.state(*order).await, (OrderState::Paid, true));
    }
    assert!(shop.questions() - questions <= 4, "{} questions on its return", shop.questions() - questions);
    shop.clock.advance(SignedDuration::from_hours(1));
    shop.work().await;
    assert_eq!(
        shop.provider.calls(ApiCall::CreateInvoice) - invoices,
        5,
        "one call for each order that waited"
    );
    for order in waiting {
        assert!(shop.look(order).await.orders.get(&order).unwrap().invoice.is_some());
    }
    assert_eq!(Place::load(&*shop.app.store).await.unwrap().failing_since, None);
}

/// Whatever the provider answers instead of the payment: nothing is granted, what is known stays, and it is asked again.
async fn f33_a_bad_answer_grants_nothing_and_is_asked_again(engine: Engine) {
    let shop = Shop::new(engine, Login::Yes).await;
    let mut reconciler = Reconciler::new(Arc::clone(&shop.app));
    done(reconciler.turn().await);
    let faults = [
        FaultKind::RateLimited { retry_after_seconds: Some(40) },
        FaultKind::RateLimited { retry_after_seconds: None },
        FaultKind::ServerError,
        FaultKind::Html { status: 502 },
        FaultKind::Html { status: 200 },
        FaultKind::HalfABody,
        FaultKind::AnswerLost,
    ];
    let orders = shop.orders(i64::try_from(faults.len()).unwrap()).await;
    for (order, fault) in orders.iter().zip(faults) {
        shop.pay(*order, BuyerAction::Exactly).await;
        shop.fail(Some(ApiCall::ListPayments), fault.clone(), 1);
        shop.clock.advance(INTERVAL);
        let Turn::Failed(tally, trouble) = reconciler.turn().await else { panic!("{fault:?}") };
        assert_eq!(tally.found, [], "{fault:?}");
        assert_eq!(shop.state(*order).await, (OrderState::Open, false), "{fault:?}: {trouble}");
        // It is left alone for as long as it asks for, or for a little.
        let asked = shop.questions();
        let limited = matches!(fault, FaultKind::RateLimited { retry_after_seconds: Some(_) });
        shop.clock.advance(SignedDuration::from_secs(if limited { 35 } else { 2 }));
        assert!(matches!(reconciler.turn().await, Turn::NotYet), "{fault:?}");
        assert_eq!(shop.questions(), asked, "{fault:?}");
        shop.clock.advance(SignedDuration::from_secs(6));
        done(reconciler.turn().await);
        assert_eq!(shop.state(*order).await, (OrderState::Paid, true), "{fault:?}");
    }
}

/// Payments of which the first word came, and no other.
async fn heard_of(shop: &Shop, count: i64) -> Vec<OrderId> {
    let orders = shop.orders(count).await;
    for order in &orders {
        let payment = shop.choose(*order).await;
        let answer = shop.app.provider.as_ref().unwrap().payment(ours(&payment)).await.unwrap();
        tollhouse::reconcile::take::take(&shop.app, vec![answer], false).await.unwrap();
        shop.provider.pay_exactly(payment.id).unwrap();
    }
    orders
}

async fn paid(shop: &Shop, orders: &[OrderId]) -> usize {
    let mut paid = 0;
    for order in orders {
        paid += usize::from(shop.state(*order).await == (OrderState::Paid, true));
    }
    paid
}

/// There may be a payment for which the provider has no answer, whatever is wrong with it there: it keeps us from no other.
async fn f29_a_payment_without_an_answer_keeps_no_other_waiting(engine: Engine) {
    let faults = [FaultKind::ServerError, FaultKind::Html { status: 200 }, FaultKind::AnswerLost];
    for fault in faults {
        let shop = Shop::new(engine, Login::No).await;
        let orders = heard_of(&shop, 5).await;
        shop.fail(Some(ApiCall::GetPayment), fault.clone(), 2);
        let mut reconciler = Reconciler::new(Arc::clone(&shop.app));
        let tally = done(reconciler.turn().await);
        assert_eq!((paid(&shop, &orders).await, tally.unanswered.len()), (3, 2), "{fault:?}");
        assert_eq!(shop.app.reconcile.asking.away_until(shop.clock.now()), None);
        shop.clock.advance(INTERVAL);
        done(reconciler.turn().await);
        assert_eq!(paid(&shop, &orders).await, 5, "{fault:?}");
    }
    // Several one after the other: that is the provider itself. Those that were tried go behind the others.
    let shop = Shop::new(engine, Login::No).await;
    let orders = heard_of(&shop, 5).await;
    shop.fail(Some(ApiCall::GetPayment), FaultKind::ServerError, 3);
    let mut reconciler = Reconciler::new(Arc::clone(&shop.app));
    assert!(matches!(reconciler.turn().await, Turn::Failed(..)));
    assert_eq!((paid(&shop, &orders).await, shop.provider.calls(ApiCall::GetPayment)), (0, 5 + 3));
    assert!(shop.app.reconcile.asking.away_until(shop.clock.now()).is_some());
    shop.clock.advance(SignedDuration::from_secs(10));
    done(reconciler.turn().await);
    assert_eq!(paid(&shop, &orders).await, 2);
    shop.clock.advance(INTERVAL);
    done(reconciler.turn().await);
    assert_eq!(paid(&shop, &orders).await, 5);
}

/// A list that fails for ever keeps nobody waiting of whom we have heard, be it asked for by itself or by hand.
async fn f29_a_list_without_an_answer_keeps_no_known_payment_waiting(engine: Engine) {
    for by_hand in [false, true] {
        let shop = Shop::new(engine, Login::Yes).await;
        let orders = heard_of(&shop, 2).await;
        shop.fail(Some(ApiCall::ListPayments), FaultKind::ServerError, u64::MAX);
        if by_hand {
            let from = shop.clock.now() - SignedDuration::from_hours(1);
            let window = Window { from, until: None, dry_run: false };
            assert!(on_demand(&shop.app, window, &mut Tally::default()).await.is_err());
        } else {
            let mut reconciler = Reconciler::new(Arc::clone(&shop.app));
            assert!(
                matches!(reconciler.turn().await, Turn::Failed(..)),
                "without its list a pass is not whole"
            );
        }
        assert_eq!(paid(&shop, &orders).await, 2, "by hand: {by_hand}");
    }
}

/// An answer about another payment than the one asked for is not used for either of the two.
async fn f33_an_answer_about_another_payment_is_not_used(engine: Engine) {
    let shop = Shop::new(engine, Login::Yes).await;
    let order = shop.order(7).await;
    shop.work().await;
    let payment = shop.choose(order).await;
    let since = shop.app.clock.now() - SignedDuration::from_hours(1);
    let window = |until| Window { from: since, until, dry_run: false };
    let mut tally = Tally::default();
    on_demand(&shop.app, window(None), &mut tally).await.unwrap();
    assert_eq!(tally.found.len(), 1, "now it is known as waiting");
    // Another one is paid in the meantime, and just that one comes as the answer.
    let other = NewPayment { order_id: Some("PGP-9|-1".into()), ..NewPayment::usd("2.5".parse().unwrap()) };
    let other = shop.provider.create_payment(other).unwrap();
    shop.provider.pay_exactly(other.id).unwrap();
    shop.fail(Some(ApiCall::GetPayment), FaultKind::AnotherPayment, 1);
    let mut tally = Tally::default();
    on_demand(&shop.app, window(Some(since)), &mut tally).await.unwrap();
    assert_eq!((tally.unanswered.len(), tally.found.len()), (1, 0));
    assert_eq!(tally.unanswered[0].0, ours(&payment));
    assert_eq!(shop.state(order).await, (OrderState::Open, false));
    assert!(shop.app.store.events_of(ours(&other), 10).await.unwrap().is_empty());
    shop.provider.pay_exactly(payment.id).unwrap();
    on_demand(&shop.app, window(Some(since)), &mut Tally::default()).await.unwrap();
    assert_eq!(shop.state(order).await, (OrderState::Paid, true));
}

/// A wrong password keeps the list from us, not the payments; and it is not tried over and over, which would lock the account.
async fn a_refused_login_is_left_alone_and_payments_are_asked_for_all_the_same(engine: Engine) {
    let wrong = ("TOLLHOUSE_NOWPAYMENTS_PASSWORD", "wrong");
    let shop = Shop::with(engine, Login::Yes, None, &[wrong]).await;
    let order = shop.order(7).await;
    shop.work().await;
    let payment = shop.choose(order).await;
    let answer = shop.app.provider.as_ref().unwrap().payment(ours(&payment)).await.unwrap();
    tollhouse::reconcile::take::take(&shop.app, vec![answer], false).await.unwrap();
    shop.provider.pay_exactly(payment.id).unwrap();
    let mut reconciler = Reconciler::new(Arc::clone(&shop.app));
    assert!(matches!(reconciler.turn().await, Turn::Failed(..)), "without its list a pass is not whole");
    assert_eq!(shop.state(order).await, (OrderState::Paid, true));
    let logins = shop.provider.calls(ApiCall::Auth);
    for _ in 0..11 {
        shop.clock.advance(INTERVAL);
        assert!(matches!(reconciler.turn().await, Turn::Failed(..)));
    }
    assert_eq!(shop.provider.calls(ApiCall::Auth), logins, "not within the hour");
    shop.clock.advance(INTERVAL);
    assert!(matches!(reconciler.turn().await, Turn::Failed(..)));
    assert!(shop.provider.calls(ApiCall::Auth) > logins);
}

/// A provider that does not come to an answer keeps no page, no notification and no stop waiting.
async fn f33_a_slow_provider_keeps_nobody_waiting(engine: Engine) {
    let roles = Roles { reconcile: true, ..HTTP_ONLY };
    let begun = std::time::Instant::now();
    let shop = Shop::new(engine, Login::Yes).await;
    let order = shop.order(7).await;
    shop.work().await;
    shop.pay(order, BuyerAction::Exactly).await;
    shop.fail(None, FaultKind::Slow(std::time::Duration::from_secs(60)), u64::MAX);
    shop.clock.advance(SignedDuration::from_secs(31));
    let config = config(&shop.database, &shop.provider, Login::Yes, &[]);
    let app = App::open(config, shop.clock.clone()).await.unwrap();
    let running = Running::start(Arc::clone(&app), roles).await.unwrap();
    while shop.provider.calls(ApiCall::Auth) == 0 {
        tokio::task::yield_now().await;
    }
    let url = format!("http://{}", running.addr.unwrap());
    let answer = reqwest::get(format!("{url}/o/{order}")).await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let body = town::body(5, "finished", Some(&order.to_string()), "2.50");
    let request = reqwest::Client::new()
        .post(format!("{url}/webhooks/nowpayments"))
        .header("content-type", "application/json")
        .header(nowpayments::SIGNATURE_HEADER, nowpayments::sign(SECRET, body.as_bytes()).unwrap());
    assert_eq!(request.body(body).send().await.unwrap().status().as_u16(), 200);
    running.stop().await;
    assert!(begun.elapsed() < std::time::Duration::from_secs(30), "less than one of its answers takes");
}

/// A price that is not the order's, in amount or currency, is for a person, also when the provider's own answer says it.
async fn f13_f16_another_price_in_the_answer_grants_nothing(engine: Engine) {
    let shop = Shop::new(engine, Login::Yes).await;
    let orders = shop.orders(2).await;
    for (order, price, currency) in [(orders[0], "2.5", "eur"), (orders[1], "0.5", "usd")] {
        let new = NewPayment {
            order_id: Some(order.to_string()),
            price_currency: currency.to_owned(),
            ..NewPayment::usd(price.parse().unwrap())
        };
        let payment = shop.provider.create_payment(new).unwrap();
        shop.provider.pay_exactly(payment.id).unwrap();
    }
    done(Reconciler::new(Arc::clone(&shop.app)).turn().await);
    for order in orders {
        assert!(!shop.state(order).await.1);
    }
    assert_eq!(shop.reasons().await, [Reason::PriceMismatch, Reason::PriceMismatch]);
    let statement = shop.statement().await;
    assert_eq!(kinds(&statement), BTreeMap::from([(Kind::PaidNotGranted, vec![true, true])]));
}

/// A wrongly signed notification changes nothing; the look that it gives rise to asks the provider once.
async fn a_wrong_signature_asks_the_provider_once_about_a_payment_that_we_know(engine: Engine) {
    let shop = Shop::with(engine, Login::Yes, Some(HTTP_ONLY), &[]).await;
    let orders = shop.orders(3).await;
    let mut known = Vec::new();
    for order in &orders {
        known.push(shop.choose(*order).await);
    }
    let from = shop.app.clock.now() - SignedDuration::from_hours(1);
    let window = Window { from, until: None, dry_run: false };
    on_demand(&shop.app, window, &mut Tally::default()).await.unwrap();
    let forge = async |payment: i64, order: OrderId| {
        let body = town::body(payment, "finished", Some(&order.to_string()), "2.50");
        let signature = nowpayments::sign("another secret", body.as_bytes()).unwrap();
        let request = reqwest::Client::new()
            .post(format!("{}/webhooks/nowpayments", shop.url))
            .header("content-type", "application/json")
            .header(nowpayments::SIGNATURE_HEADER, signature);
        assert_eq!(request.body(body).send().await.unwrap().status().as_u16(), 403);
    };
    let asked = shop.provider.calls(ApiCall::GetPayment);
    // One that we do not know, one that is not paid whatever the forger says, and one that was paid while nobody told us.
    shop.provider.pay_exactly(known[1].id).unwrap();
    forge(77, orders[0]).await;
    for _ in 0..10 {
        forge(ours(&known[0]).get(), orders[0]).await;
    }
    for _ in 0..10 {
        forge(ours(&known[1]).get(), orders[1]).await;
    }
    shop.until(orders[1], (OrderState::Paid, true)).await;
    // Looks are done one after the other: when this last one is done, so are all before it.
    shop.provider.pay_exactly(known[2].id).unwrap();
    forge(ours(&known[2]).get(), orders[2]).await;
    shop.until(orders[2], (OrderState::Paid, true)).await;
    assert_eq!(shop.provider.calls(ApiCall::GetPayment) - asked, 3, "each known payment is asked for once");
    assert_eq!(
        shop.state(orders[0]).await,
        (OrderState::Open, false),
        "what the forger said is not believed"
    );
    assert_eq!(shop.events(&known[1]).await, [EventSource::Poll, EventSource::Poll]);

    // After its rest it may be asked for again.
    shop.clock.advance(SignedDuration::from_secs(61));
    shop.provider.pay_exactly(known[0].id).unwrap();
    forge(ours(&known[0]).get(), orders[0]).await;
    shop.until(orders[0], (OrderState::Paid, true)).await;
    assert_eq!(shop.provider.calls(ApiCall::GetPayment) - asked, 4);
}

/// Whoever has the page open does not wait for the reconciler.
async fn f29_an_open_page_asks_the_provider(engine: Engine) {
    let shop = Shop::with(engine, Login::Yes, Some(HTTP_ONLY), &[]).await;
    let order = shop.order(7).await;
    shop.work().await;
    shop.pay(order, BuyerAction::Exactly).await;
    let http = reqwest::Client::new();
    let open = async || {
        let answer = http.get(format!("{}/o/{order}", shop.url)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
    };
    shop.clock.advance(SignedDuration::from_secs(31));
    for _ in 0..20 {
        open().await;
    }
    shop.until(order, (OrderState::Paid, true)).await;
    assert_eq!(shop.provider.calls(ApiCall::ListPayments), 1, "the payments of its invoice, once");
    shop.clock.advance(SignedDuration::from_secs(31));
    open().await;
    // A look at another order comes after the one at this order: by then it would have been asked for.
    let other = shop.order(8).await;
    shop.work().await;
    shop.pay(other, BuyerAction::Exactly).await;
    shop.clock.advance(SignedDuration::from_secs(31));
    http.get(format!("{}/o/{other}", shop.url)).send().await.unwrap();
    shop.until(other, (OrderState::Paid, true)).await;
    assert_eq!(shop.provider.calls(ApiCall::ListPayments), 2, "a paid order has nothing to ask for");
}

/// A reconciler that comes to no end shows: nobody would miss it otherwise.
async fn f104_health_says_when_the_provider_was_last_asked(engine: Engine) {
    let shop = Shop::with(engine, Login::Yes, Some(HTTP_ONLY), &[]).await;
    let get =
        async |path: &str| reqwest::get(format!("{}{path}", shop.url)).await.unwrap().text().await.unwrap();
    let health = async || {
        let health: serde_json::Value = serde_json::from_str(&get("/health").await).unwrap();
        let reconciler = health["components"]["reconciler"].clone();
        (
            health["status"].as_str().unwrap().to_owned(),
            reconciler["status"].as_str().unwrap().to_owned(),
            reconciler,
        )
    };
    let (status, standing, shown) = health().await;
    assert_eq!((status.as_str(), standing.as_str()), ("healthy", "starting"));
    assert_eq!((&shown["last_done_at"], &shown["lists_payments"]), (&serde_json::Value::Null, &true.into()));
    done(Reconciler::new(Arc::clone(&shop.app)).turn().await);
    assert_eq!(health().await.1, "ok");
    shop.clock.advance(SignedDuration::from_mins(35));
    let (status, standing, _) = health().await;
    assert_eq!((status.as_str(), standing.as_str()), ("degraded", "late"));
    let metrics = get("/metrics").await;
    let logins = "tollhouse_provider_requests_total{call=\"auth\",outcome=\"ok\"} ";
    let logins = metrics.lines().find_map(|line| line.strip_prefix(logins)).unwrap();
    assert_ne!(logins, "0", "the list was asked for with a login");
    let age = metrics.lines().find_map(|line| line.strip_prefix("tollhouse_reconcile_age_seconds "));
    assert!(age.unwrap().parse::<f64>().unwrap() >= 2_100.0, "{age:?}");
}

/// A clock that was ahead for a moment must not keep the next pass waiting until that time has really come.
async fn f104_a_clock_that_is_set_back_stops_no_pass(engine: Engine) {
    let ahead = SignedDuration::from_hours(20);
    let shop = Shop::new(engine, Login::Yes).await;
    let mut reconciler = Reconciler::new(Arc::clone(&shop.app));
    let standing = async || {
        let place = Place::load(&*shop.app.store).await.unwrap();
        (place.standing(shop.clock.now(), INTERVAL), place.wide_done_at)
    };
    let order = shop.orders(1).await[0];
    shop.clock.advance(ahead);
    done(reconciler.turn().await);
    shop.clock.advance(-ahead);
    assert!(matches!(reconciler.turn().await, Turn::NotYet), "a pass was done a moment ago");
    assert_eq!(standing().await.0, Standing::Late, "when it was done is not known");
    shop.pay(order, BuyerAction::Exactly).await;
    shop.clock.advance(INTERVAL);
    done(reconciler.turn().await);
    assert_eq!(shop.state(order).await, (OrderState::Paid, true));
    let (standing, wide_done_at) = standing().await;
    assert_eq!(standing, Standing::Ok);
    assert!(wide_done_at.unwrap() <= shop.clock.now(), "the whole window was listed anew");
    // The provider was away while the clock was ahead.
    shop.clock.advance(ahead);
    shop.fail(None, FaultKind::ServerError, u64::MAX);
    assert!(matches!(reconciler.turn().await, Turn::Failed(..)));
    shop.provider.mend();
    shop.clock.advance(-ahead);
    assert!(matches!(reconciler.turn().await, Turn::NotYet));
    assert!(shop.app.reconcile.asking.away_until(shop.clock.now()).is_some());
    shop.clock.advance(INTERVAL);
    done(reconciler.turn().await);
}

/// Payments that are asked for one by one are asked for again, too.
async fn f104_a_clock_that_is_set_back_keeps_no_payment_from_being_asked_for(engine: Engine) {
    let ahead = SignedDuration::from_hours(20);
    let shop = Shop::new(engine, Login::No).await;
    let order = shop.orders(1).await[0];
    let payment = shop.choose(order).await;
    let answer = shop.app.provider.as_ref().unwrap().payment(ours(&payment)).await.unwrap();
    tollhouse::reconcile::take::take(&shop.app, vec![answer], false).await.unwrap();
    let mut reconciler = Reconciler::new(Arc::clone(&shop.app));
    shop.clock.advance(ahead);
    assert_eq!(done(reconciler.turn().await).asked, 1);
    shop.clock.advance(-ahead);
    assert!(matches!(reconciler.turn().await, Turn::NotYet));
    shop.provider.pay_exactly(payment.id).unwrap();
    shop.clock.advance(INTERVAL);
    assert_eq!(done(reconciler.turn().await).asked, 1);
    assert_eq!(shop.state(order).await, (OrderState::Paid, true));
}

/// A restart goes on where the list was, and lists the whole window from time to time.
async fn the_place_in_the_list_outlives_the_process(engine: Engine) {
    let shop = Shop::new(engine, Login::Yes).await;
    let orders = shop.orders(2).await;
    shop.pay(orders[0], BuyerAction::Exactly).await;
    shop.clock.advance(SignedDuration::from_hours(2));
    let cut_short_at = shop.app.clock.now();
    shop.pay(orders[1], BuyerAction::Exactly).await;
    // The process died in the middle of the whole window.
    let place = Place { listed_until: Some(cut_short_at), wide_from: Some(cut_short_at), ..Place::default() };
    place.save(&*shop.app.store).await.unwrap();
    shop.app.store.close().await;
    let config = config(&shop.database, &shop.provider, Login::Yes, &[]);
    let app = App::open(config, shop.clock.clone()).await.unwrap();
    let shop = Shop { app: Arc::clone(&app), ..shop };
    let mut reconciler = Reconciler::new(Arc::clone(&app));
    let tally = done(reconciler.turn().await);
    assert_eq!(tally.listed, 1, "it goes on where it was");
    assert_eq!(shop.state(orders[1]).await, (OrderState::Paid, true));
    assert_eq!(shop.state(orders[0]).await, (OrderState::Open, false));
    let place = Place::load(&*app.store).await.unwrap();
    assert_eq!((place.wide_from, place.wide_done_at.is_some()), (None, true));
    // Six hours later the whole window is due again, and what was missed is there.
    shop.clock.advance(SignedDuration::from_hours(6));
    assert_eq!(done(reconciler.turn().await).listed, 2);
    assert_eq!(shop.state(orders[0]).await, (OrderState::Paid, true));
}

/// What was paid before anything was sold here was the predecessor's to give, and is taken in only when somebody asks for it.
async fn what_the_predecessor_sold_is_not_given_again_by_itself(engine: Engine) {
    let shop = Shop::new(engine, Login::Yes).await;
    let before =
        NewPayment { order_id: Some(town::SEED_REF.into()), ..NewPayment::usd("2.5".parse().unwrap()) };
    let payment = shop.provider.create_payment(before).unwrap();
    shop.provider.pay_exactly(payment.id).unwrap();
    shop.clock.advance(SignedDuration::from_hours(1));
    // Another town, whose channel is registered an hour after the payment.
    let database = Database::fresh(engine).await;
    let app =
        App::open(config(&database, &shop.provider, Login::Yes, &[]), shop.clock.clone()).await.unwrap();
    assert_eq!(done(Reconciler::new(Arc::clone(&app)).turn().await).listed, 0, "nothing is sold here yet");
    add_channel(&app, PRIVATE_CHAT, Some(PUBLIC_CHAT)).await;
    assert_eq!(done(Reconciler::new(Arc::clone(&app)).turn().await).listed, 0);
    let from = app.clock.now() - SignedDuration::from_hours(48);
    let mut tally = Tally::default();
    on_demand(&app, Window { from, until: None, dry_run: false }, &mut tally).await.unwrap();
    assert!(tally.found.len() == 1 && tally.found[0].granted, "{tally:?}");
}

/// In an account that others use too, what names nothing of ours is left alone; else it is for a person.
async fn what_names_nothing_of_ours_is_for_a_person_unless_the_account_is_shared(engine: Engine) {
    for (shared, found) in [("false", 2), ("true", 1)] {
        let shop =
            Shop::with(engine, Login::Yes, None, &[("TOLLHOUSE_NOWPAYMENTS_SHARED_ACCOUNT", shared)]).await;
        for reference in ["shop-order-17", "ord_00000000000000000000000000000001"] {
            let new =
                NewPayment { order_id: Some(reference.into()), ..NewPayment::usd("5".parse().unwrap()) };
            let payment = shop.provider.create_payment(new).unwrap();
            shop.provider.pay_exactly(payment.id).unwrap();
        }
        let tally = done(Reconciler::new(Arc::clone(&shop.app)).turn().await);
        assert_eq!((tally.found.len(), tally.foreign), (found, u64::try_from(2 - found).unwrap()));
        assert_eq!(shop.reasons().await, vec![Reason::UnknownOrder; found]);
        assert!(shop.statement().await.totals.is_clean());
    }
}

/// Each difference has its name, and only what nothing here explains makes the statement unclean.
async fn the_statement_names_every_difference(engine: Engine) {
    let shop = Shop::new(engine, Login::Yes).await;
    let orders = shop.orders(5).await;
    let payment_ids: Vec<SandboxPayment> = [
        shop.pay(orders[0], BuyerAction::Exactly).await,
        shop.pay(orders[1], BuyerAction::Less).await,
        shop.pay(orders[2], BuyerAction::More).await,
        shop.pay(orders[3], BuyerAction::Exactly).await,
    ]
    .into();
    done(Reconciler::new(Arc::clone(&shop.app)).turn().await);
    // One order is granted by hand, without any money.
    let by_hand = shop.pay(orders[4], BuyerAction::Less).await;
    done(Reconciler::new(Arc::clone(&shop.app)).turn().await);
    for item in shop.app.store.attention(AttentionFilter::default()).await.unwrap() {
        let is_by_hand = item.subject.to_string() == format!("payment:{}", by_hand.id);
        if is_by_hand {
            let resolve = Command::ResolveAttention {
                attention_id: item.id,
                resolution: Resolution::Grant,
                reason: "a friend".to_owned(),
                actor: "cli:olga".to_owned(),
            };
            shop.app.submit(resolve).await.unwrap();
        }
    }
    shop.provider.refund(payment_ids[3].id).unwrap();
    // After the notification could be under way.
    shop.clock.advance(SignedDuration::from_mins(20));
    let found = kinds(&shop.statement().await);
    let wanted = BTreeMap::from([
        (Kind::Overpaid, vec![true]),
        (Kind::PaidNotGranted, vec![true]),
        (Kind::StatusBehind, vec![false]),
    ]);
    assert_eq!(found, wanted);

    // A payment of which we never heard, and one that the provider does not have.
    let lost = shop.order(9).await;
    shop.work().await;
    shop.pay(lost, BuyerAction::Exactly).await;
    let body = town::body(99, "finished", Some("PGP-77|-1003016667267"), "2.50");
    let nowpayments::Body::Payment(notification) = nowpayments::parse(body.as_bytes()).unwrap() else {
        panic!()
    };
    let envelope = tollhouse::intake::Envelope {
        received_at: shop.app.clock.now(),
        source: EventSource::Ipn,
        signature_form: Some("raw"),
        headers: "{}".to_owned(),
    };
    let received = tollhouse::intake::received(envelope, body.into_bytes(), &notification).unwrap();
    shop.app.submit(Command::Notification(Box::new(received))).await.unwrap();
    shop.clock.advance(SignedDuration::from_mins(20));
    let made = shop.statement().await;
    let found = kinds(&made);
    assert_eq!(found[&Kind::NotRecorded], [false]);
    assert_eq!(found[&Kind::UnknownToProvider], [false]);
    assert_eq!((made.totals.unexplained, made.totals.is_clean()), (3, false));

    // What can be taken in is; what only the provider can explain stays.
    done(Reconciler::new(Arc::clone(&shop.app)).turn().await);
    let made = shop.statement().await;
    assert_eq!((made.totals.unexplained, kinds(&made).get(&Kind::StatusBehind)), (1, None));
    let all = shop.app.store.payments(PaymentFilter::default()).await.unwrap();
    assert_eq!(made.rows.len(), all.len(), "each payment has one line");
}

macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(super::Engine::Sqlite).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(super::Engine::Postgres).await;
            })*
        }
    };
}

on_both_engines!(
    f29_what_is_paid_is_granted_though_no_notification_ever_comes,
    f28_f29_odd_payments_end_the_same_way_without_a_notification,
    f29_without_the_list_what_was_heard_of_is_followed,
    f28_a_re_deposit_whose_parent_is_left_out_pays_no_order,
    f33_an_hour_without_the_provider_loses_nothing_and_brings_no_storm,
    f33_a_bad_answer_grants_nothing_and_is_asked_again,
    f29_a_payment_without_an_answer_keeps_no_other_waiting,
    f29_a_list_without_an_answer_keeps_no_known_payment_waiting,
    f33_an_answer_about_another_payment_is_not_used,
    a_refused_login_is_left_alone_and_payments_are_asked_for_all_the_same,
    f33_a_slow_provider_keeps_nobody_waiting,
    f13_f16_another_price_in_the_answer_grants_nothing,
    a_wrong_signature_asks_the_provider_once_about_a_payment_that_we_know,
    f29_an_open_page_asks_the_provider,
    f104_health_says_when_the_provider_was_last_asked,
    f104_a_clock_that_is_set_back_stops_no_pass,
    f104_a_clock_that_is_set_back_keeps_no_payment_from_being_asked_for,
    the_place_in_the_list_outlives_the_process,
    what_the_predecessor_sold_is_not_given_again_by_itself,
    what_names_nothing_of_ours_is_for_a_person_unless_the_account_is_shared,
    the_statement_names_every_difference,
);
