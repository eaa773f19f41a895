//! From a signed notification over real HTTP to a person inside a channel, on both engines: the same tests, a module each.

#![expect(clippy::disallowed_methods, reason = "a test speaks HTTP from outside, as the provider does")]
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod town;

use std::time::Duration;

use nowpayments::verify::sign;
use serde_json::Value;
use tollhouse::serve::Roles;
use tollhouse::worker;
use tollhouse_core::attention::Reason;
use tollhouse_core::command::{Command, OrderFrom, Outcome};
use tollhouse_core::id::{OrderId, ProviderPaymentId};
use tollhouse_core::order::OrderSource;
use tollhouse_core::snapshot::Needs;
use tollhouse_store::{AttentionFilter, MembershipFilter};
use tollhouse_telegram::fake::{FakeHandle, Fault, NewChat, NewUser, Opened, World};
use tollhouse_telegram::{AdminRights, ChatId, UserId};
use town::{BUYER, Engine, OWNER, PRIVATE_CHAT, PUBLIC_CHAT, SECRET, SEED_REF, Town, body};

const STRANGER: i64 = 666;
const HTTP_ONLY: Roles = Roles { http: true, worker: false, bot: false, reconcile: false };

/// People, the private channel with the bot as its admin; the bot listens before anything happens.
async fn people(telegram: &FakeHandle) {
    telegram.add_user(NewUser::new(OWNER, "Olga")).unwrap();
    telegram.add_user(NewUser::new(BUYER, "Ben")).unwrap();
    telegram.add_user(NewUser::new(STRANGER, "Sam")).unwrap();
    telegram.add_chat(NewChat::channel(PRIVATE_CHAT, "Signals", UserId(OWNER))).unwrap();
    telegram.make_bot_admin(ChatId(PRIVATE_CHAT), UserId(OWNER), AdminRights::gatekeeper()).unwrap();
    telegram.wait_for("the bot listens", |world| (world.polls_begun() > 0).then_some(())).await.unwrap();
    for who in [OWNER, BUYER] {
        telegram.start(UserId(who), "").unwrap();
        telegram
            .wait_for("a hello", |world| (!world.bot_posts(UserId(who)).is_empty()).then_some(()))
            .await
            .unwrap();
    }
}

/// The link in the message that brought access.
async fn invite(telegram: &FakeHandle, who: i64) -> String {
    let button = |world: &tollhouse_telegram::fake::World| {
        let posts = world.bot_posts(UserId(who));
        posts.iter().flat_map(|post| post.buttons.iter().flatten()).find_map(|button| button.url.clone())
    };
    telegram.wait_for("an invite", button).await.unwrap()
}

async fn order(town: &Town, who: Option<i64>) -> OrderId {
    let mut needs = Needs::default();
    needs.channels.insert(town.channel);
    let snapshot = town.store().snapshot(needs).await.unwrap();
    let plan_id = snapshot
        .channels
        .get(&town.channel)
        .unwrap()
        .plans
        .iter()
        .find(|plan| plan.label == "Month")
        .unwrap()
        .id;
    let command = Command::CreateOrder {
        from: OrderFrom::Plan { channel_id: town.channel, plan_id },
        user: who.map(town::user),
        source: OrderSource::Api,
        wants_invoice: false,
    };
    match town.app.submit(command).await.unwrap() {
        Outcome::Order(id) => id,
        other => panic!("{other:?}"),
    }
}

fn payment(id: i64) -> ProviderPaymentId {
    ProviderPaymentId::new(id).unwrap()
}

async fn members(town: &Town) -> usize {
    town.store().memberships(MembershipFilter::default()).await.unwrap().len()
}

async fn reasons(town: &Town) -> Vec<Reason> {
    town.store()
        .attention(AttentionFilter::default())
        .await
        .unwrap()
        .into_iter()
        .map(|item| item.reason)
        .collect()
}

/// The seed's incident, with its own numbers, sent 50 times at once.
async fn f01_f31_f32_the_seeds_incident_fifty_times_at_once(engine: Engine) {
    let mut town = Town::new(engine).await;
    people(&town.telegram).await;
    let body = body(4_479_119_533, "finished", Some(SEED_REF), "2.50");
    let answers = futures::future::join_all((0..50).map(|_| town.notify(&body))).await;
    let verdicts: Vec<&str> = answers.iter().map(|(_, answer)| answer["verdict"].as_str().unwrap()).collect();
    assert!(
        answers.iter().all(|(status, answer)| *status == 200 && answer["payment_id"] == "4479119533"),
        "{answers:?}"
    );
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == "applied").count(), 1, "{verdicts:?}");
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == "duplicate").count(), 49, "{verdicts:?}");

    let link = invite(&town.telegram, BUYER).await;
    let chat = ChatId(PRIVATE_CHAT);
    // A leaked link lets nobody in but the payer (I11).
    assert!(matches!(town.telegram.open_link(UserId(STRANGER), &link).unwrap(), (_, Opened::Asked)));
    assert!(matches!(town.telegram.open_link(UserId(BUYER), &link).unwrap(), (_, Opened::Asked)));
    town.telegram
        .wait_for("the payer is inside", |world| world.is_inside(chat, UserId(BUYER)).then_some(()))
        .await
        .unwrap();
    town.telegram
        .wait_for("the stranger is declined", |world| {
            (world.done("declineChatJoinRequest") == 1).then_some(())
        })
        .await
        .unwrap();
    assert!(!town.telegram.read(|world| world.is_inside(chat, UserId(STRANGER))));
    town.telegram
        .wait_for("the owner hears of the sale", |world| {
            (world.bot_posts(UserId(OWNER)).len() == 2).then_some(())
        })
        .await
        .unwrap();

    town.stop().await;
    let (links, messages) =
        town.telegram.read(|world| (world.links(chat).len(), world.bot_posts(UserId(BUYER)).len()));
    assert_eq!((links, messages), (1, 2), "one invite, and one message after the hello");
    let store = town.reopen().await;
    let memberships = store.memberships(MembershipFilter::default()).await.unwrap();
    let [membership] = &memberships[..] else { panic!("{memberships:?}") };
    let lasts = membership.ends_at.unwrap().duration_since(membership.starts_at);
    assert_eq!(lasts.as_hours(), 30 * 24);
    assert_eq!(
        store.events_of(payment(4_479_119_533), 100).await.unwrap().len(),
        50,
        "duplicates are kept and marked"
    );
}

/// Everything that is wrong, each with its answer; nothing gives a 500, and what is signed is in the log.
async fn bad_input_has_its_answer_and_loses_nothing(engine: Engine) {
    let town = Town::with(engine, HTTP_ONLY).await;
    let good = body(1, "finished", Some(SEED_REF), "2.50");
    let signature = |bytes: &[u8]| sign(SECRET, bytes).unwrap();
    let deep = format!("{}{}", r#"{"payment_id":1,"a":"#.to_owned() + &"[".repeat(40), "]".repeat(40) + "}");
    let wrong_utf8 =
        [br#"{"payment_id":1,"order_id":""#.as_slice(), &[0xff, 0xfe], br#""}"#.as_slice()].concat();
    let large = format!(r#"{{"payment_id":1,"pad":"{}"}}"#, "x".repeat(70_000));
    let refused: Vec<(&str, Vec<u8>, Option<String>, u16)> = vec![
        ("unsigned", good.clone().into_bytes(), None, 403),
        ("empty signature", good.clone().into_bytes(), Some(String::new()), 403),
        ("wrongly signed", good.clone().into_bytes(), Some(sign("another", good.as_bytes()).unwrap()), 403),
        ("altered", good.replace("2.50", "0.01").into_bytes(), Some(signature(good.as_bytes())), 403),
        (
            "truncated",
            good.as_bytes()[..good.len() / 2].to_vec(),
            Some(signature(&good.as_bytes()[..good.len() / 2])),
            400,
        ),
        ("too large", large.clone().into_bytes(), Some(signature(large.as_bytes())), 413),
        ("too deep", deep.clone().into_bytes(), Some(signature(deep.as_bytes())), 400),
        (
            "duplicate keys",
            br#"{"payment_id":1,"payment_id":2}"#.to_vec(),
            Some(signature(br#"{"payment_id":1,"payment_id":2}"#)),
            400,
        ),
        ("not UTF-8", wrong_utf8.clone(), Some(signature(&wrong_utf8)), 400),
        ("no payment id", br#"{"order_id":"x"}"#.to_vec(), Some(signature(br#"{"order_id":"x"}"#)), 400),
        ("not JSON", b"hello".to_vec(), Some(signature(b"hello")), 400),
        ("empty", Vec::new(), Some(signature(b"")), 400),
    ];
    for (name, bytes, signature, want) in refused {
        for path in ["/webhooks/nowpayments", "/"] {
            let (status, answer) = town.post(path, bytes.clone(), signature.as_deref()).await;
            assert_eq!(status, want, "{name}: {answer}");
            assert_eq!(answer["status"], u64::from(want), "{name}: a problem document");
            assert!(answer["detail"].is_string(), "{name}");
        }
    }
    assert!(
        town.store().events_of(payment(1), 10).await.unwrap().is_empty(),
        "what was refused left nothing"
    );

    let amount = |text: &str| {
        format!(
            r#"{{"order_id":"{SEED_REF}","payment_id":7,"payment_status":"finished","price_amount":{text},"price_currency":"usd"}}"#
        )
    };
    let signed = [
        ("no order id", body(11, "finished", None, "2.50"), 11, "parked"),
        (
            "an order that nobody knows",
            body(12, "finished", Some("ord_00000000000000000000000000000001"), "2.50"),
            12,
            "parked",
        ),
        ("a sentinel", body(13, "finished", Some("donation_default"), "2.50"), 13, "parked"),
        (
            "a channel that nobody registered",
            body(14, "finished", Some("PGP-7|-1009999999999"), "2.50"),
            14,
            "parked",
        ),
        ("an unknown status", body(15, "spending", Some(SEED_REF), "2.50"), 15, "parked"),
        ("an amount as a string", amount(r#""2.50""#).replace(":7,", ":16,"), 16, "applied"),
        ("1e-7", amount("1e-7").replace(":7,", ":17,"), 17, "parked"),
        ("30 digits", amount("1.23456789012345678901234567890").replace(":7,", ":18,"), 18, "parked"),
        ("negative", amount("-2.50").replace(":7,", ":19,"), 19, "parked"),
        ("null", amount("null").replace(":7,", ":20,"), 20, "parked"),
    ];
    for (name, body, id, verdict) in signed {
        let (status, answer) = town.notify(&body).await;
        assert_eq!((status, answer["verdict"].as_str()), (200, Some(verdict)), "{name}: {answer}");
        let events = town.store().events_of(payment(id), 10).await.unwrap();
        assert_eq!(events.len(), 1, "{name}");
        assert_eq!(events[0].body, body.as_bytes(), "{name}: the exact bytes");
    }
    assert_eq!(members(&town).await, 1);
    let (status, _) = town.get("/webhooks/nowpayments").await;
    assert_eq!(status, 405);
    let text = town
        .http
        .post(format!("{}/", town.url))
        .header("content-type", "text/plain")
        .body("x")
        .send()
        .await
        .unwrap();
    assert_eq!(text.status().as_u16(), 415);
}

/// A member that is null, missing, or of another kind than usual is no reason to lose a payment (F102).
async fn f102_null_missing_and_odd_members_are_stored_all_the_same(engine: Engine) {
    let town = Town::with(engine, HTTP_ONLY).await;
    let whole: serde_json::Map<String, Value> =
        serde_json::from_str(&body(1, "finished", Some(SEED_REF), "2.50")).unwrap();
    let mut id = 100;
    let odd = [None, Some(Value::Null), Some("".into()), Some(true.into()), Some(serde_json::json!([{}]))];
    for member in whole.keys().filter(|name| *name != "payment_id") {
        for value in &odd {
            let mut changed = whole.clone();
            id += 1;
            changed.insert("payment_id".to_owned(), id.into());
            match value {
                None => changed.remove(member),
                Some(value) => changed.insert(member.clone(), value.clone()),
            };
            let text = Value::Object(changed).to_string();
            let (status, answer) = town.notify(&text).await;
            assert_eq!(status, 200, "{text}: {answer}");
            let events = town.store().events_of(payment(id), 10).await.unwrap();
            assert_eq!(events[0].body, text.as_bytes());
        }
    }
}

/// Which version answers, and whether its parts are at work, can be seen from outside (F22, F100, F104).
async fn f22_f100_f104_version_and_pulse_are_told(engine: Engine) {
    let mut town = Town::new(engine).await;
    people(&town.telegram).await;
    let health = async |town: &Town| serde_json::from_str::<Value>(&town.get("/health").await.1).unwrap();
    let answer = health(&town).await;
    assert_eq!(answer["version"], tollhouse::app::VERSION);
    assert_eq!(answer["components"]["parts"], serde_json::json!({"bot": "ok", "worker": "ok"}));
    assert_eq!(answer["status"], "healthy", "{answer}");
    town.stop().await;

    let town = Town::with(engine, HTTP_ONLY).await;
    town.app.pulse.beat("worker");
    town.clock.advance(jiff::SignedDuration::from_mins(35));
    let answer = health(&town).await;
    assert_eq!(
        (&answer["status"], &answer["components"]["parts"]["worker"]),
        (&"degraded".into(), &"stopped".into())
    );
    let (_, metrics) = town.get("/metrics").await;
    // The recorder is the process's; other tests write to it as well.
    assert!(metrics.contains("tollhouse_part_silent_seconds{part=\"worker\"}"), "{metrics}");
}

/// A bot that Telegram does not answer hears nobody, however often it asks: that shows as soon as it lasts.
async fn a_bot_that_hears_nothing_shows(refusal: Fault) {
    let mut town = Town::new(Engine::Sqlite).await;
    people(&town.telegram).await;
    let health = async |town: &Town| serde_json::from_str::<Value>(&town.get("/health").await.1).unwrap();
    // What it is waiting for just now is answered; everything after that is refused.
    town.telegram.fault("getUpdates", &refusal, 1_000);
    town.telegram.start(UserId(BUYER), "").unwrap();
    let refused = |world: &World| (world.failed("getUpdates") > 0).then_some(());
    town.telegram.wait_for("a refusal", refused).await.unwrap();
    let answer = health(&town).await;
    assert_eq!(answer["status"], "healthy", "once is nothing: {answer}");

    let times = town.telegram.read(|world| world.failed("getUpdates"));
    town.clock.advance(jiff::SignedDuration::from_secs(tollhouse::pulse::SILENT_SECONDS_MAX + 1));
    let again = |world: &World| (world.failed("getUpdates") > times).then_some(());
    town.telegram.wait_for("another try", again).await.unwrap();
    let answer = health(&town).await;
    let components = &answer["components"];
    assert_eq!(
        (&answer["status"], &components["parts"]["bot"], &components["telegram"]),
        (&"degraded".into(), &"stopped".into(), &"unreachable".into())
    );

    town.telegram.clear_faults();
    town.telegram.start(UserId(BUYER), "").unwrap();
    let heard = |world: &World| (world.updates_waiting() == 0).then_some(());
    town.telegram.wait_for("a bot that hears", heard).await.unwrap();
    let answer = health(&town).await;
    let components = &answer["components"];
    assert_eq!((&components["parts"]["bot"], &components["telegram"]), (&"ok".into(), &"ok".into()));
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f59_f104_a_bot_whose_updates_go_to_another_shows() {
    let other =
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
    a_bot_that_hears_nothing_shows(Fault::answer(409, other)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f59_f104_a_bot_whose_token_was_taken_back_shows() {
    a_bot_that_hears_nothing_shows(Fault::answer(401, "Unauthorized")).await;
}

/// What the state change brings about is written with it: a worker that starts later finds it (F11); and nobody's price is asked (F10).
async fn f10_f11_paid_without_any_helper_at_hand_still_ends_in_access(engine: Engine) {
    let mut town = Town::with(engine, HTTP_ONLY).await;
    let (status, _) = town.notify(&body(1, "finished", Some(SEED_REF), "2.50")).await;
    assert_eq!(status, 200);
    let stats = town.store().stats(town.clock.now()).await.unwrap();
    assert!(stats.outbox_due >= 2, "{stats:?}");
    let running = tollhouse::serve::Running::start(
        std::sync::Arc::clone(&town.app),
        Roles { http: false, worker: true, bot: true, reconcile: false },
    );
    let running = running.await.unwrap();
    town.telegram.add_user(NewUser::new(BUYER, "Ben")).unwrap();
    town.telegram.add_user(NewUser::new(OWNER, "Olga")).unwrap();
    town.telegram.add_chat(NewChat::channel(PRIVATE_CHAT, "Signals", UserId(OWNER))).unwrap();
    town.telegram.make_bot_admin(ChatId(PRIVATE_CHAT), UserId(OWNER), AdminRights::gatekeeper()).unwrap();
    town.telegram.start(UserId(BUYER), "").unwrap();
    town.clock.advance(jiff::SignedDuration::from_hours(1)); // the first try found no chat, and waits
    invite(&town.telegram, BUYER).await;
    running.stop().await;
    town.stop().await;
}

/// The order is there before its address is shown, and every stage shows on it (F21, F23); an unpaid renewal shows as unpaid (F04).
async fn f04_f21_f23_an_orders_page_tells_its_whole_life(engine: Engine) {
    let mut town = Town::new(engine).await;
    people(&town.telegram).await;
    let id = order(&town, Some(BUYER)).await;
    let status = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let ask = format!("/api/payment-status?order_id={id}");
    let (code, text) = town.get(&ask).await;
    let answer = status(&text);
    assert_eq!(
        (code, answer["status"].as_str(), answer["data"]["state"].as_str()),
        (200, Some("pending"), Some("open"))
    );
    assert_eq!(answer["data"]["confirmed"], false);

    let reference = id.to_string();
    let (_, answer) = town.notify(&body(1, "waiting", Some(&reference), "2.50")).await;
    assert_eq!(
        (answer["status"].as_str(), answer["verdict"].as_str()),
        (Some("acknowledged"), Some("applied"))
    );
    town.notify(&body(1, "confirming", Some(&reference), "2.50")).await;
    assert_eq!(status(&town.get(&ask).await.1)["data"]["state"], "seen");
    assert!(town.get(&format!("/o/{id}")).await.1.contains("was seen"));

    town.notify(&body(1, "finished", Some(&reference), "2.50")).await;
    let link = invite(&town.telegram, BUYER).await;
    town.telegram.open_link(UserId(BUYER), &link).unwrap();
    let (code, page) = town.get(&format!("/payment-processing?order_id={id}")).await;
    assert!(code == 200 && page.contains("Paid. Thank you!"), "{page}");
    let answer = status(&town.get(&ask).await.1);
    assert_eq!(
        (answer["status"].as_str(), answer["data"]["payment_status"].as_str()),
        (Some("confirmed"), Some("finished"))
    );

    let renewal = order(&town, Some(BUYER)).await;
    assert_eq!(
        status(&town.get(&format!("/api/payment-status?order_id={renewal}")).await.1)["status"],
        "pending"
    );

    for (asked, want) in [
        ("", 400),
        ("x", 400),
        ("ord_zz", 400),
        ("ord_00000000000000000000000000000009", 404),
        ("PGP-6271402111%7C-1003016667267", 404),
    ] {
        let (code, text) = town.get(&format!("/api/payment-status?order_id={asked}")).await;
        assert_eq!((code, status(&text)["status"].as_str()), (want, Some("error")), "{asked}");
        assert_eq!(town.get(&format!("/payment-processing?order_id={asked}")).await.0, want);
    }
    town.stop().await;
}

/// A repeat on a real database is known as one, also after the rows were read back (F34).
async fn f34_repeats_are_recognised_from_the_database(engine: Engine) {
    let town = Town::with(engine, HTTP_ONLY).await;
    for (sent, verdict) in [
        ("finished", "applied"),
        ("finished", "duplicate"),
        ("confirming", "stale"),
        ("finished", "duplicate"),
    ] {
        let (_, answer) = town.notify(&body(1, sent, Some(SEED_REF), "2.50")).await;
        assert_eq!(answer["verdict"], verdict, "{sent}");
    }
    let verdicts: Vec<&str> = town
        .store()
        .events_of(payment(1), 10)
        .await
        .unwrap()
        .iter()
        .map(|event| event.verdict.as_str())
        .collect();
    assert_eq!(verdicts, ["duplicate", "stale", "duplicate", "applied"]);
}

/// A closed store answers 503 with a time to come back, and nothing goes out, not even what was due before (F33).
async fn f33_without_a_store_nothing_is_answered_as_taken(engine: Engine) {
    let town = Town::with(engine, HTTP_ONLY).await;
    town.notify(&body(1, "finished", Some(SEED_REF), "2.50")).await;
    let due = town.store().stats(town.clock.now()).await.unwrap().outbox_due;
    assert!(due >= 2, "the buyer's access and the owner's notice are due, and there are {due}");
    town.store().close().await;
    let body = body(2, "finished", Some(SEED_REF), "2.50");
    let response = town
        .http
        .post(format!("{}/webhooks/nowpayments", town.url))
        .header("content-type", "application/json")
        .header("x-nowpayments-sig", sign(SECRET, body.as_bytes()).unwrap())
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status().as_u16(), 503);
    assert!(response.headers().contains_key("retry-after"));
    worker::run_due(&town.app).await.unwrap_err();
    assert_eq!(town.telegram.read(|world| world.calls().count()), 0);

    let (again, _running) = town.another(HTTP_ONLY, |_| {}).await;
    assert!(again.store.events_of(payment(2), 10).await.unwrap().is_empty(), "answered 503, and not stored");
    assert!(worker::run_due(&again).await.unwrap() >= 2, "what was due is still due");
    assert!(town.telegram.read(|world| world.calls().count()) > 0, "the same worker with a store does call");
}

/// More hours than a job needs after its failures here. Each is one look of the worker at what is due.
const HOURS_AFTER_FAILURES: usize = 10;

/// What a bad day left: links to the channel, and what the bot wrote to the buyer and to the owner.
struct Left {
    links: Vec<String>,
    to_buyer: Vec<String>,
    to_owner: Vec<String>,
}

impl Left {
    fn of(town: &Town) -> Self {
        let said = |world: &World, who: i64| {
            let posts = world.bot_posts(UserId(who));
            posts.iter().skip(1).map(|hello_is_first| hello_is_first.text.clone()).collect()
        };
        town.telegram.read(|world| Self {
            links: world.links(ChatId(PRIVATE_CHAT)).iter().map(|link| link.url.clone()).collect(),
            to_buyer: said(world, BUYER),
            to_owner: said(world, OWNER),
        })
    }
}

/// An hour at a time; the provider repeats what it said.
async fn hour_passes(town: &Town) {
    town.clock.advance(jiff::SignedDuration::from_hours(1));
    town.notify(&body(1, "finished", Some(SEED_REF), "2.50")).await;
    worker::run_due(&town.app).await.unwrap();
}

/// Telegram in its worst mood at the buyer's access: told to wait, failing, hanging up after it did the thing. One message in the
/// end, and one to the owner. A link whose making was not answered is left over; it is told to nobody.
async fn f30_f35_f65_a_bad_day_at_telegram_still_ends_in_one_message(engine: Engine) {
    let mut town = Town::with(engine, Roles { worker: false, ..Roles::all() }).await;
    people(&town.telegram).await;
    town.telegram.fault("createChatInviteLink", &Fault::too_many_requests(1), 2);
    town.telegram.fault("createChatInviteLink", &Fault::close_after(), 1);
    town.notify(&body(1, "finished", Some(SEED_REF), "2.50")).await;
    worker::run_due(&town.app).await.unwrap();
    let left = Left::of(&town);
    assert_eq!((left.links.len(), left.to_buyer.len(), left.to_owner.len()), (0, 0, 1), "the owner was told");

    // From here on the buyer's message is the only one that can fail.
    for refusal in [Fault::server_error(), Fault::bad_gateway(), Fault::close_before()] {
        town.telegram.fault("sendMessage", &refusal, 1);
    }
    for _ in 0..HOURS_AFTER_FAILURES {
        hour_passes(&town).await;
    }
    let failed = |method: &str| town.telegram.read(|world| world.failed(method));
    assert_eq!((failed("createChatInviteLink"), failed("sendMessage")), (3, 3), "every fault was met");
    let told = invite(&town.telegram, BUYER).await;
    let left = Left::of(&town);
    assert_eq!((left.to_buyer.len(), left.to_owner.len()), (1, 1), "one message each");
    assert_eq!(left.links.len(), 2, "the one whose making was not answered, and the one that was sent");
    town.stop().await;
    let memberships = town.reopen().await.memberships(MembershipFilter::default()).await.unwrap();
    let [membership] = &memberships[..] else { panic!("{memberships:?}") };
    assert_eq!(membership.invite.as_ref().unwrap().link, told, "what was sent is what is kept");
}

/// The owner's notice fails while the buyer waits for a link: it comes in the end, once, and so does the buyer's message.
async fn f30_f65_an_owners_notice_that_fails_comes_in_the_end_and_once(engine: Engine) {
    let mut town = Town::with(engine, Roles { worker: false, ..Roles::all() }).await;
    people(&town.telegram).await;
    town.telegram.fault("createChatInviteLink", &Fault::server_error(), 3);
    town.telegram.fault("sendMessage", &Fault::too_many_requests(1), 1);
    town.telegram.fault("sendMessage", &Fault::server_error(), 1);
    town.notify(&body(1, "finished", Some(SEED_REF), "2.50")).await;
    worker::run_due(&town.app).await.unwrap();
    hour_passes(&town).await;
    let left = Left::of(&town);
    assert_eq!((left.to_buyer.len(), left.to_owner.len()), (0, 0), "both failed twice");
    hour_passes(&town).await;
    let left = Left::of(&town);
    assert_eq!((left.to_buyer.len(), left.to_owner.len()), (0, 1), "the owner's came, the link still fails");
    for _ in 0..HOURS_AFTER_FAILURES {
        hour_passes(&town).await;
    }
    let left = Left::of(&town);
    assert_eq!((left.links.len(), left.to_buyer.len(), left.to_owner.len()), (1, 1, 1));
    town.stop().await;
}

/// A chat registered later takes up the money that was parked for it.
async fn what_was_parked_is_found_in_the_list(engine: Engine) {
    let town = Town::with(engine, HTTP_ONLY).await;
    town.notify(&body(1, "finished", Some("PGP-7|-1009999999999"), "2.50")).await;
    assert_eq!(reasons(&town).await, [Reason::UnknownChannel]);
    town::add_channel(&town.app, -1_002_000_000_002, Some(-1_009_999_999_999)).await;
    let (_, answer) = town.notify(&body(1, "finished", Some("PGP-7|-1009999999999"), "2.50")).await;
    assert_eq!(answer["verdict"], "applied", "the provider's repeat is enough");
    assert!(reasons(&town).await.is_empty());
}

/// What the contract promises to those who watch.
async fn f22_health_and_metrics_say_what_is_and_which_version(engine: Engine) {
    let mut town = Town::new(engine).await;
    people(&town.telegram).await;
    town.notify(&body(1, "finished", Some(SEED_REF), "2.50")).await;
    let (code, text) = town.get("/health").await;
    let health: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (code, health["service"].as_str(), health["status"].as_str()),
        (200, Some("tollhouse"), Some("healthy")),
        "{health}"
    );
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(health["components"]["ipn_secret"], "configured");
    assert!(health["components"]["outbox"]["due"].is_u64());
    for path in ["/livez", "/readyz"] {
        assert_eq!(town.get(path).await.0, 200);
    }
    let (_, metrics) = town.get("/metrics").await;
    for name in [
        "tollhouse_ipn_total{verdict=\"applied\"}",
        "tollhouse_ipn_rejected_total{",
        "tollhouse_payment_write_total{operation=\"inserted\"}",
        "tollhouse_ipn_commit_seconds",
        "tollhouse_commit_batch_size",
        "tollhouse_ipn_to_access_seconds",
        "tollhouse_provider_requests_total{",
        "tollhouse_jobs{",
        "tollhouse_outbox_oldest_seconds",
        "tollhouse_stuck_payments 0",
        "tollhouse_attention_open{",
        "tollhouse_telegram_requests_total{",
    ] {
        assert!(metrics.contains(name), "{name} is missing in\n{metrics}");
    }
    assert!(!metrics.contains(SECRET) && !text.contains(SECRET));
    town.stop().await;
}

/// A stop answers what it holds, and ends in time.
async fn a_stop_answers_what_it_holds(engine: Engine) {
    let mut town = Town::new(engine).await;
    let bodies: Vec<String> =
        (1..=40).map(|id| body(id, "finished", Some(&format!("PGP-{id}|{PUBLIC_CHAT}")), "2.50")).collect();
    let mut sends = tokio::task::JoinSet::new();
    for (id, body) in (1_i64..).zip(bodies) {
        let request = town
            .http
            .post(format!("{}/webhooks/nowpayments", town.url))
            .header("content-type", "application/json");
        let request = request.header("x-nowpayments-sig", sign(SECRET, body.as_bytes()).unwrap()).body(body);
        sends.spawn(async move { (id, request.send().await.map(|response| response.status().as_u16())) });
    }
    // The stop comes when the first is answered and the others are under way.
    let mut answers = vec![sends.join_next().await.unwrap().unwrap()];
    let begun = std::time::Instant::now();
    town.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(tollhouse::serve::STOP_SECONDS_MAX));
    while let Some(answer) = sends.join_next().await {
        answers.push(answer.unwrap());
    }
    let mut taken = 0;
    let store = town.reopen().await;
    for (id, answer) in answers {
        if matches!(answer, Ok(200)) {
            taken += 1;
            assert_eq!(
                store.events_of(payment(id), 10).await.unwrap().len(),
                1,
                "answered 200, so it is stored (I1)"
            );
        }
    }
    assert!(taken > 0, "the stop came before everything else");
}

/// The bot learns the language of an account from its updates, and messages that come much later are in it.
async fn a_buyer_is_written_to_in_their_own_language(engine: Engine) {
    const RUSSIAN: i64 = 77_001;
    let town = Town::new(engine).await;
    people(&town.telegram).await;
    let speaks = NewUser { language_code: Some("ru-RU".into()), ..NewUser::new(RUSSIAN, "Anna") };
    town.telegram.add_user(speaks).unwrap();
    town.telegram.start(UserId(RUSSIAN), "").unwrap();
    let posts = async |who: i64, count: usize| {
        let enough = move |world: &tollhouse_telegram::fake::World| {
            let posts = world.bot_posts(UserId(who));
            (posts.len() >= count).then(|| posts[count - 1].text.clone())
        };
        town.telegram.wait_for("a message", enough).await.unwrap()
    };
    assert!(posts(RUSSIAN, 1).await.contains("на какой срок?"));
    for (payment_id, who) in [(81, RUSSIAN), (82, BUYER)] {
        let reference = order(&town, Some(who)).await.to_string();
        let (status, answer) = town.notify(&body(payment_id, "finished", Some(&reference), "2.50")).await;
        assert_eq!((status, &answer["verdict"]), (200, &Value::from("applied")));
    }
    assert!(posts(RUSSIAN, 2).await.starts_with("Спасибо! Доступ к Signals & <Co> действует до "));
    assert!(posts(BUYER, 2).await.starts_with("Thank you! Your access to Signals & <Co> lasts until "));
}

macro_rules! on_both_engines {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")] async fn $test() { super::$test(super::Engine::Sqlite).await; })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")] async fn $test() { super::$test(super::Engine::Postgres).await; })*
        }
    };
}

on_both_engines!(
    f01_f31_f32_the_seeds_incident_fifty_times_at_once,
    bad_input_has_its_answer_and_loses_nothing,
    f10_f11_paid_without_any_helper_at_hand_still_ends_in_access,
    f04_f21_f23_an_orders_page_tells_its_whole_life,
    f34_repeats_are_recognised_from_the_database,
    f33_without_a_store_nothing_is_answered_as_taken,
    f30_f35_f65_a_bad_day_at_telegram_still_ends_in_one_message,
    f30_f65_an_owners_notice_that_fails_comes_in_the_end_and_once,
    what_was_parked_is_found_in_the_list,
    a_buyer_is_written_to_in_their_own_language,
    f22_health_and_metrics_say_what_is_and_which_version,
    f102_null_missing_and_odd_members_are_stored_all_the_same,
    f22_f100_f104_version_and_pulse_are_told,
    a_stop_answers_what_it_holds,
);
