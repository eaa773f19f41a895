//! What is shown of an order and of the process, to buyers, to programs and to those who watch, when things go another way than usual.
#![expect(clippy::disallowed_methods, reason = "a test speaks HTTP from outside")]
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod town;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tollhouse::serve::Roles;
use tollhouse::trouble::{TELEGRAM_OUTAGE_SECONDS, WRITE_FAILED_SECONDS};
use tollhouse::{view, worker};
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, OrderFrom, Outcome};
use tollhouse_core::id::{OrderId, PrivateChatId};
use tollhouse_core::order::OrderSource;
use tollhouse_core::snapshot::Needs;
use tollhouse_store::PaymentFilter;
use tollhouse_telegram::fake::{Fault, NewChat, NewUser};
use tollhouse_telegram::{AdminRights, ChatId, UserId};
use town::{BUYER, Engine, OWNER, PRIVATE_CHAT, Town, body, user};

const HTTP_ONLY: Roles = Roles { http: true, worker: false, bot: false, reconcile: false };
/// What a group's number may become.
const MOVED_TO: i64 = -1_002_000_000_999;

/// An order of the month, for an account.
async fn order(town: &Town) -> OrderId {
    let mut needs = Needs::default();
    needs.channels.insert(town.channel);
    let snapshot = town.store().snapshot(needs).await.unwrap();
    let plans = &snapshot.channels.get(&town.channel).unwrap().plans;
    let plan_id = plans.iter().find(|plan| plan.duration == PlanDuration::Days(30)).unwrap().id;
    let command = Command::CreateOrder {
        from: OrderFrom::Plan { channel_id: town.channel, plan_id },
        user: Some(user(BUYER)),
        source: OrderSource::Api,
        wants_invoice: false,
    };
    match town.app.submit(command).await.unwrap() {
        Outcome::Order(id) => id,
        other => panic!("{other:?}"),
    }
}

/// The channel at Telegram, with its people.
fn people(town: &Town) {
    let telegram = &town.telegram;
    telegram.add_user(NewUser::new(OWNER, "Olga")).unwrap();
    telegram.add_user(NewUser::new(BUYER, "Ben")).unwrap();
    telegram.add_chat(NewChat::channel(PRIVATE_CHAT, "Signals", UserId(OWNER))).unwrap();
    telegram.make_bot_admin(ChatId(PRIVATE_CHAT), UserId(OWNER), AdminRights::gatekeeper()).unwrap();
    telegram.start(UserId(BUYER), "").unwrap();
}

async fn status(town: &Town, order: OrderId) -> Value {
    let (code, text) = town.get(&format!("/api/payment-status?order_id={order}")).await;
    assert_eq!(code, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

async fn page(town: &Town, order: OrderId) -> String {
    let (code, text) = town.get(&format!("/o/{order}")).await;
    assert_eq!(code, 200, "{text}");
    text
}

/// A paid order whose link was sent to somebody who has not come in yet, and the link.
async fn delivered(town: &Town) -> (OrderId, String) {
    people(town);
    town.app.know_bot(town.app.gateway.as_ref().unwrap()).await.unwrap();
    let order = order(town).await;
    town.notify(&body(1, "finished", Some(&order.to_string()), "2.50")).await;
    while worker::run_due(&town.app).await.unwrap() > 0 {}
    assert_eq!(status(town, order).await["data"]["invite"], "sent");
    let page = page(town, order).await;
    let start = page.find("https://t.me/+").unwrap_or_else(|| panic!("no link on {page}"));
    let link = page[start..].split('"').next().unwrap().to_owned();
    (order, link)
}

#[tokio::test(flavor = "multi_thread")]
async fn f51_f37_a_page_shows_no_link_to_a_group_that_has_moved_and_says_how_to_get_another() {
    let mut town = Town::with(Engine::Sqlite, HTTP_ONLY).await;
    let (order, link) = delivered(&town).await;
    let from = PrivateChatId::new(PRIVATE_CHAT).unwrap();
    let to = PrivateChatId::new(MOVED_TO).unwrap();
    town.clock.advance(SignedDuration::from_mins(1));
    town.app.submit(Command::ChatMigrated { from, to }).await.unwrap();
    let page = page(&town, order).await;
    assert!(!page.contains(&link), "a dead link: {page}");
    let bot = town.app.bot_name.get().unwrap();
    assert!(page.contains("/mylink") && page.contains(&format!("href=\"https://t.me/{bot}\"")), "{page}");
    let said = status(&town, order).await;
    assert_eq!((&said["status"], &said["data"]["invite"]), (&json!("confirmed"), &Value::Null));
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f37_after_the_end_a_page_shows_no_link_and_says_that_it_is_over() {
    let mut town = Town::with(Engine::Sqlite, HTTP_ONLY).await;
    let (order, link) = delivered(&town).await;
    town.clock.advance(SignedDuration::from_hours(30 * 24 - 1));
    assert!(page(&town, order).await.contains(&link), "until the end it leads in");
    town.clock.advance(SignedDuration::from_hours(2));
    assert!(
        page(&town, order).await.contains(&link),
        "and in grace: nobody is refused before they are removed"
    );
    town.clock.advance(SignedDuration::from_hours(24));
    let page = page(&town, order).await;
    assert!(!page.contains(&link) && page.contains("This access is over"), "{page}");
    assert!(!page.contains("Paid. Thank you!"), "{page}");
    let said = status(&town, order).await;
    assert_eq!((&said["data"]["state"], &said["data"]["invite"]), (&json!("paid"), &Value::Null));
    town.stop().await;
}

/// The first event of an order for whoever has heard this one: its id and its document; nothing if there is no news.
async fn first_event(town: &Town, order: OrderId, heard: Option<&str>) -> Option<(String, Value)> {
    let mut request = town.http.get(format!("{}/o/{order}/events", town.url));
    if let Some(id) = heard {
        request = request.header("last-event-id", id);
    }
    let mut response = request.send().await.unwrap();
    let mut text = String::new();
    while !text.ends_with("\n\n") {
        text += std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap();
    }
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    Some((field("id: ")?, serde_json::from_str(&field("data: ")?).unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_to_the_events_hears_every_document_that_is_new() {
    let mut town = Town::with(Engine::Sqlite, HTTP_ONLY).await;
    let order = order(&town).await;
    let mut heard: Option<String> = None;
    // The page looks the same for some of these; what programs read does not.
    for said in ["waiting", "confirming", "confirmed", "sending", "finished"] {
        town.notify(&body(1, said, Some(&order.to_string()), "2.50")).await;
        let event = first_event(&town, order, heard.as_deref()).await;
        let (id, document) = event.unwrap_or_else(|| panic!("{said} is no news after {heard:?}"));
        assert_eq!(document["data"]["payment_status"], said);
        assert_eq!(first_event(&town, order, Some(&id)).await, None, "{said} was told already");
        heard = Some(id);
    }
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_the_owner_is_not_called_confirming() {
    let mut town = Town::with(Engine::Sqlite, HTTP_ONLY).await;
    let order = order(&town).await;
    town.notify(&body(1, "confirming", Some(&order.to_string()), "2.50")).await;
    assert!(status(&town, order).await["message"].as_str().unwrap().contains("is being confirmed"));
    town.notify(&body(1, "wrong_asset_confirmed", Some(&order.to_string()), "2.50")).await;
    let said = status(&town, order).await;
    assert_eq!((&said["status"], &said["data"]["state"]), (&json!("pending"), &json!("seen")));
    assert_eq!(said["data"]["payment_status"], "wrong_asset_confirmed");
    assert!(said["message"].as_str().unwrap().contains("owner"), "{said}");
    let page = page(&town, order).await;
    assert!(page.contains("The owner of the channel has been told and decides"), "{page}");
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_is_not_known_is_shown_beside_those_that_are() {
    let mut town = Town::with(Engine::Sqlite, HTTP_ONLY).await;
    let order = order(&town).await;
    let shown = async |town: &Town| {
        let payments = town.store().payments(PaymentFilter::default()).await.unwrap();
        serde_json::to_value(view::Payment::from(&payments[0])).unwrap()
    };
    for (said, is_unknown, payment_status) in
        [("zzz", true, "zzz"), ("confirming", true, "confirming"), ("zzz", true, "confirming")]
    {
        town.notify(&body(1, said, Some(&order.to_string()), "2.50")).await;
        assert_eq!(status(&town, order).await["data"]["payment_status"], payment_status);
        let payment = shown(&town).await;
        assert_eq!(
            (&payment["status"], &payment["unknown_status"]),
            (&json!(payment_status), &json!(is_unknown))
        );
    }
    town.stop().await;
    let mut other = Town::with(Engine::Sqlite, HTTP_ONLY).await;
    other.notify(&body(2, "confirming", None, "2.50")).await;
    assert_eq!(shown(&other).await["unknown_status"], false);
    other.stop().await;
}

async fn health(town: &Town) -> (u16, Value) {
    let (code, text) = town.get("/health").await;
    (code, serde_json::from_str(&text).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn f104_an_outage_of_telegram_degrades_the_health_and_stops_nothing() {
    let mut town = Town::with(Engine::Sqlite, HTTP_ONLY).await;
    let gateway = town.app.gateway.clone().unwrap();
    let (_, fresh) = health(&town).await;
    assert_eq!((&fresh["status"], &fresh["components"]["telegram"]), (&json!("healthy"), &json!("unknown")));
    town.telegram.fault("getMe", &Fault::server_error(), 1);
    gateway.get_me().await.unwrap_err();
    let (_, at_once) = health(&town).await;
    assert_eq!(
        (&at_once["status"], &at_once["components"]["telegram"]),
        (&json!("healthy"), &json!("unreachable"))
    );
    town.clock.advance(SignedDuration::from_secs(TELEGRAM_OUTAGE_SECONDS));
    let (code, later) = health(&town).await;
    assert_eq!((code, &later["status"]), (200, &json!("degraded")), "nothing that a new start would mend");
    assert_eq!(town.get("/readyz").await.0, 200);
    let metrics = town.get("/metrics").await.1;
    let failing = metrics.lines().find_map(|line| line.strip_prefix("tollhouse_telegram_failing_seconds "));
    assert!(failing.unwrap().parse::<i64>().unwrap() >= TELEGRAM_OUTAGE_SECONDS, "{failing:?}");
    town.app.know_bot(&gateway).await.unwrap();
    let (_, after) = health(&town).await;
    assert_eq!((&after["status"], &after["components"]["telegram"]), (&json!("healthy"), &json!("ok")));
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f104_a_write_that_failed_shows_in_the_health_after_the_next_one_went_well() {
    let mut town = Town::with(Engine::Sqlite, HTTP_ONLY).await;
    let channel_id = town.channel;
    let write = async |town: &Town| {
        let from = PrivateChatId::new(PRIVATE_CHAT).unwrap();
        town.app.submit(Command::ChatMigrated { from, to: PrivateChatId::new(MOVED_TO).unwrap() }).await
    };
    let file = town.database.url.strip_prefix("sqlite://").unwrap().to_owned();
    let other = rusqlite::Connection::open(file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    write(&town).await.unwrap_err();
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(write(&town).await.unwrap(), Outcome::Channel(channel_id));
    assert_eq!(town.get("/readyz").await.0, 200, "a write would go well now");
    let (code, failing) = health(&town).await;
    assert_eq!(
        (code, &failing["status"], &failing["components"]["database"]),
        (200, &json!("degraded"), &json!("failing"))
    );
    town.clock.advance(SignedDuration::from_secs(WRITE_FAILED_SECONDS + 1));
    let (_, after) = health(&town).await;
    assert_eq!((&after["status"], &after["components"]["database"]), (&json!("healthy"), &json!("ok")));
    town.stop().await;
}
