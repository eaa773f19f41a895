//! The simulator, seen from outside: its API's types and errors, its page, and its notifications.

#![expect(clippy::unwrap_used, reason = "where a helper of a test unwraps, the test fails, which is right")]

mod support;

use jiff::SignedDuration;
use nowpayments::sandbox::{
    ApiCall, ApiFault, BodyStyle, BuyerAction, Change, Child, DeliveryFaults, DeliveryState, FaultKind, Fees,
    NewPayment, ReleaseOrder, SandboxPayment, Spelling,
};
use nowpayments::{Parent, ProviderPaymentId, SignatureForm, Status};
use rust_decimal::Decimal;
use serde_json::json;
use support::{API_KEY, World};

const WALK: [&str; 5] = ["waiting", "confirming", "confirmed", "sending", "finished"];

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A payment of 2.50 USD in Tether that nobody paid yet.
fn new_payment(world: &World) -> SandboxPayment {
    let new = NewPayment { order_id: Some("o-1".into()), ..NewPayment::usd(dec("2.5")) };
    world.sandbox.create_payment(new).unwrap()
}

#[tokio::test]
async fn the_seeds_incident_can_be_played() {
    let world = World::start().await;
    let id = ProviderPaymentId::new(4_479_119_533);
    let order_id = Some("PGP-6271402111|-1003016667267".to_owned());
    let payment = NewPayment { id, order_id: order_id.clone(), ..NewPayment::usd(dec("2.5")) };
    let id = world.sandbox.create_payment(payment).unwrap().id;
    world.sandbox.pay_exactly(id).unwrap();
    world.sandbox.wait_delivered(id, Status::Finished).await;

    assert_eq!(world.receiver.statuses(), WALK);
    let last = world.receiver.received().pop().unwrap();
    let (form, read) = last.read();
    assert_eq!(form, SignatureForm::Raw);
    assert_eq!(read.payment_id.to_string(), "4479119533");
    assert_eq!(read.order_id, order_id);
    assert_eq!(read.parent, Parent::None);
    let expected = format!(
        concat!(
            r#"{{"actually_paid":2.5,"actually_paid_at_fiat":0,"fee":{{"currency":"usdttrc20","depositFee":0,"#,
            r#""serviceFee":0.0125,"withdrawalFee":0}},"invoice_id":null,"order_description":null,"#,
            r#""order_id":"PGP-6271402111|-1003016667267","outcome_amount":2.4875,"outcome_currency":"usdttrc20","#,
            r#""parent_payment_id":null,"pay_address":"{}","pay_amount":2.5,"pay_currency":"usdttrc20","#,
            r#""payin_extra_id":null,"payment_extra_ids":null,"payment_id":4479119533,"payment_status":"finished","#,
            r#""price_amount":2.5,"price_currency":"usd","purchase_id":"{}","updated_at":1793491200000}}"#
        ),
        read.pay_address.unwrap(),
        read.purchase_id.unwrap()
    );
    assert_eq!(last.body, expected);
}

#[tokio::test]
async fn invoices_and_payments_have_the_documented_types() {
    let world = World::start().await;
    let asked = json!({
        "price_amount": 20.5, "price_currency": "usd", "order_id": "o-7", "order_description": "Месяц ☕",
        "ipn_callback_url": world.receiver.url, "success_url": "https://pay.example.org/o/o-7",
    });
    let invoice = world.post("/invoice", &asked.to_string()).await;
    assert_eq!(invoice.status, 201);
    let invoice = invoice.json();
    let iid = invoice["id"].as_str().unwrap();
    assert_eq!(invoice["price_amount"], json!("20.5"));
    assert_eq!(invoice["pay_currency"], json!(null));
    assert_eq!(invoice["invoice_url"], json!(format!("{}/payment/?iid={iid}", world.sandbox.url())));
    assert_eq!(invoice["created_at"], json!("2026-11-01T00:00:00.000Z"));
    assert!(invoice.get("payment_status").is_none());

    let made =
        world.post("/invoice-payment", &json!({ "iid": iid, "pay_currency": "eth" }).to_string()).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    let payment_id = made["payment_id"].as_str().unwrap();
    assert!(made["purchase_id"].is_string());
    assert_eq!(made["pay_amount"].to_string(), "0.0082");
    assert_eq!(made["payment_status"], json!("waiting"));

    let row = world.get(&format!("/payment/{payment_id}")).await.json();
    assert_eq!(row["payment_id"].to_string(), payment_id);
    assert_eq!(row["purchase_id"].to_string(), made["purchase_id"].as_str().unwrap());
    assert_eq!(row["invoice_id"].to_string(), iid);
    assert_eq!(row["burning_percent"], json!("null"));
    assert_eq!(row["order_description"], json!("Месяц ☕"));
    assert!(row.get("parent_payment_id").is_none());

    assert_eq!(world.get(&format!("/payment/{iid}")).await.error().0, 404, "an invoice id is no payment id");
    let xrp = json!({ "price_amount": "5", "price_currency": "usd", "pay_currency": "xrp" });
    assert!(world.post("/payment", &xrp.to_string()).await.json()["payin_extra_id"].is_string());
}

#[tokio::test]
async fn refusals_are_worded_as_the_providers() {
    let world = World::start().await;
    let pipe =
        json!({ "price_amount": 5, "price_currency": "usd", "success_url": "https://a.example/PGP-1|-2" });
    let expected = (400, "INVALID_REQUEST_PARAMS".to_owned(), "success_url must be a valid uri".to_owned());
    assert_eq!(world.post("/invoice", &pipe.to_string()).await.error(), expected);

    let small = json!({ "price_amount": 1, "price_currency": "usd", "pay_currency": "usdterc20" });
    let expected = (400, "AMOUNT_MINIMAL_ERROR".to_owned(), "amountTo is too small".to_owned());
    assert_eq!(world.post("/payment", &small.to_string()).await.error(), expected);

    let wrong_key =
        world.http.get(format!("{}/currencies", world.sandbox.api_url())).header("x-api-key", "x");
    let expected = (403, "INVALID_API_KEY".to_owned(), "Invalid api key".to_owned());
    assert_eq!(world.send(wrong_key).await.error(), expected);

    let unknown_coin = json!({ "price_amount": 5, "price_currency": "usd", "pay_currency": "nocoin" });
    assert_eq!(world.post("/payment", &unknown_coin.to_string()).await.error().1, "CURRENCY_UNAVAILABLE");
    let negative = json!({ "price_amount": -5, "price_currency": "usd" });
    assert_eq!(world.post("/invoice", &negative.to_string()).await.error().1, "INVALID_REQUEST_PARAMS");
    assert_eq!(world.post("/invoice", "{").await.error().0, 400);
    assert_eq!(world.get("/payment/4000000001").await.error().1, "NOT_FOUND");
    assert_eq!(world.get("/nowhere").await.error().0, 404);
}

#[tokio::test]
async fn another_accounts_payment_is_not_there() {
    let world = World::with(|config| config.other_api_keys.push("other".into())).await;
    let payment = new_payment(&world);
    let url = format!("{}/payment/{}", world.sandbox.api_url(), payment.id);
    assert_eq!(world.send(world.http.get(&url).header("x-api-key", "other")).await.error().0, 404);
    assert_eq!(world.send(world.http.get(&url).header("x-api-key", API_KEY)).await.status, 200);
}

#[tokio::test]
async fn coins_minimums_and_estimates() {
    let world = World::start().await;
    assert_eq!(world.get("/status").await.json(), json!({ "message": "OK" }));
    assert_eq!(world.get("/currencies").await.json()["currencies"][0], json!("btc"));
    assert_eq!(world.get("/full-currencies").await.json()["currencies"][1]["code"], json!("ETH"));
    assert_eq!(world.get("/merchant/coins").await.json()["selectedCurrencies"][2], json!("LTC"));
    let minimum =
        world.get("/min-amount?currency_from=usdterc20&currency_to=usdttrc20&fiat_equivalent=usd").await;
    let expected =
        r#"{"currency_from":"usdterc20","currency_to":"usdttrc20","min_amount":10,"fiat_equivalent":10}"#;
    assert_eq!(minimum.text, expected);
    let estimate = world.get("/estimate?amount=3999.5000&currency_from=usd&currency_to=btc").await;
    let expected =
        r#"{"currency_from":"usd","amount_from":3999.5,"currency_to":"btc","estimated_amount":0.039995}"#;
    assert_eq!(estimate.text, expected);
}

#[tokio::test]
async fn listing_needs_a_token_that_lives_five_minutes() {
    let world = World::start().await;
    for _ in 0..5 {
        new_payment(&world);
        world.clock.advance(60);
    }
    let first = new_payment(&world);
    world.sandbox.pay_exactly(first.id).unwrap();
    let child = Child { amount: dec("1"), pay_currency: None, status: Status::Finished };
    let child = world.sandbox.add_child(first.id, child).unwrap();

    let expected = "Authorization header is empty (Bearer JWTtoken is required)";
    assert_eq!(world.get("/payment/").await.error(), (401, "AUTH_REQUIRED".into(), expected.into()));
    assert_eq!(world.post("/auth", r#"{"email":"merchant@sandbox.test","password":"no"}"#).await.status, 403);
    let auth = world.post("/auth", r#"{"email":"merchant@sandbox.test","password":"sandbox"}"#).await;
    let token = auth.json()["token"].as_str().unwrap().to_owned();
    let list = async |query: &str| {
        let request = world.http.get(format!("{}/payment/?{query}", world.sandbox.api_url()));
        world.send(request.header("x-api-key", API_KEY).bearer_auth(&token)).await
    };

    let page = list("limit=3&page=1&sortBy=created_at&orderBy=asc").await.json();
    assert_eq!((&page["total"], &page["pagesCount"], &page["page"]), (&json!(7), &json!(3), &json!(1)));
    assert_eq!(page["data"].as_array().unwrap().len(), 3);
    let recent = list("limit=500&dateFrom=2026-11-01T00:05:00.000Z").await.json();
    let recent: Vec<_> = recent["data"].as_array().unwrap().iter().map(|row| &row["payment_id"]).collect();
    assert!(recent.contains(&&json!(first.id.get())) && recent.contains(&&json!(child.id.get())));
    assert_eq!(recent.len(), 2);
    let all = list("limit=500").await.json();
    let of = |id: ProviderPaymentId| {
        all["data"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["payment_id"] == json!(id.get()))
            .unwrap()
            .clone()
    };
    assert_eq!(of(first.id)["payment_extra_ids"], json!([child.id.get()]));
    assert_eq!(of(child.id)["origin_type"], json!("REPEATED"));
    assert_eq!(of(child.id)["parent_payment_id"], json!(first.id.get()));
    assert_eq!(list("limit=501").await.status, 400);

    world.clock.advance(301);
    assert_eq!(list("limit=3").await.error().0, 401);
}

#[tokio::test]
async fn a_person_pays_on_the_hosted_page() {
    let world = World::start().await;
    let asked = json!({ "price_amount": 2.5, "price_currency": "usd", "order_description": "<b>Month</b>", "success_url": "https://pay.example.org/done" });
    let invoice = world.post("/invoice", &asked.to_string()).await.json();
    let url = invoice["invoice_url"].as_str().unwrap().to_owned();
    let page = world.send(world.http.get(&url)).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Simulation, not real money."));
    assert!(page.text.contains("&lt;b&gt;Month"), "text is escaped");

    let iid = invoice["id"].as_str().unwrap();
    let form = |path: &str, members: [(&str, &str); 2]| {
        world.http.post(format!("{}/payment/{path}", world.sandbox.url())).form(&members)
    };
    let page = world.send(form("choose", [("iid", iid), ("coin", "btc")])).await;
    assert!(page.text.contains("Pay exactly") && page.text.contains("SANDBOX-NO-MONEY-"), "{}", page.text);
    let payment = world.sandbox.payments().pop().unwrap();
    let page =
        world.send(form("act", [("payment_id", &payment.id.to_string()), ("action", "exactly")])).await;
    assert!(
        page.text.contains("finished") && page.text.contains("https://pay.example.org/done"),
        "{}",
        page.text
    );
    world.sandbox.wait_delivered(payment.id, Status::Finished).await;
    assert_eq!(world.receiver.statuses(), WALK);

    let page = world.send(form("choose", [("iid", iid), ("coin", "usdterc20")])).await;
    assert_eq!(page.status, 400);
    assert!(page.text.contains("below the smallest amount"));
    assert_eq!(
        world.send(world.http.get(format!("{}/payment/?iid=1", world.sandbox.url()))).await.status,
        404
    );
}

#[tokio::test]
async fn every_way_to_pay_ends_as_the_provider_would_end_it() {
    use BuyerAction::{Exactly, Late, Less, More, NotAtAll, Rest, Twice, WrongCoin};
    let world = World::start().await;
    let ends = |actions: &[BuyerAction]| {
        let id = new_payment(&world).id;
        for action in actions {
            world.sandbox.buyer(id, *action).unwrap();
        }
        let payment = world.sandbox.payment(id).unwrap();
        let children = payment.children.iter().map(|id| world.sandbox.payment(*id).unwrap());
        let end = |payment: &SandboxPayment| format!("{} {}", payment.status, payment.actually_paid);
        let mut all = vec![end(&payment)];
        all.extend(children.map(|child| format!("{} {}", end(&child), child.pay_currency)));
        all.join(", ")
    };
    assert_eq!(ends(&[Exactly]), "finished 2.5");
    assert_eq!(ends(&[Less]), "partially_paid 1.5");
    assert_eq!(ends(&[Less, Rest]), "partially_paid 1.5, finished 1.0 usdttrc20");
    assert_eq!(ends(&[More]), "finished 3.125");
    assert_eq!(ends(&[Twice]), "finished 2.5, finished 2.5 usdttrc20");
    assert_eq!(ends(&[WrongCoin]), "waiting 0, partially_paid 2.5 usdtbsc");
    assert_eq!(ends(&[Late]), "finished 2.5");
    assert_eq!(ends(&[NotAtAll]), "expired 0");

    world.sandbox.tick().await;
    let mut wrong = world.receiver.received().into_iter().map(|r| r.read().1);
    let wrong = wrong.rfind(|n| n.pay_currency.as_deref() == Some("usdtbsc")).unwrap();
    assert!(wrong.parent.is_child());
    assert_eq!(wrong.actually_paid_at_fiat.unwrap().to_string(), "2.5");
    assert_eq!(wrong.order_id.as_deref(), Some("o-1"));
}

#[tokio::test]
async fn statuses_and_expiry_follow_the_clock() {
    let world = World::with(|config| config.step = SignedDuration::from_secs(10)).await;
    let paid = new_payment(&world).id;
    world.sandbox.pay_exactly(paid).unwrap();
    for (i, status) in WALK.iter().enumerate().skip(1) {
        world.sandbox.tick().await;
        assert_eq!(world.receiver.statuses(), WALK[..=i], "{status}");
        world.clock.advance(10);
    }

    let unpaid = new_payment(&world).id;
    let fixed = NewPayment { is_fixed_rate: true, ..NewPayment::usd(dec("9")) };
    let fixed = world.sandbox.create_payment(fixed).unwrap().id;
    world.clock.advance(20 * 60);
    world.sandbox.tick().await;
    assert_eq!(world.sandbox.payment(fixed).unwrap().status, Status::Expired);
    assert_eq!(world.sandbox.payment(unpaid).unwrap().status, Status::Waiting);
    world.clock.advance(7 * 24 * 3600);
    world.sandbox.tick().await;
    assert_eq!(world.sandbox.payment(unpaid).unwrap().status, Status::Expired);
    assert_eq!(world.sandbox.payment(paid).unwrap().status, Status::Finished);
    world.sandbox.wait_delivered(unpaid, Status::Expired).await;
}

#[tokio::test]
async fn refused_notifications_come_again_a_fixed_number_of_times() {
    let world = World::start().await;
    world.receiver.answer_next([500, 503, 200]);
    let payment = new_payment(&world);
    world.sandbox.tick().await;
    assert_eq!(world.receiver.received().len(), 1);
    world.clock.advance(60);
    world.sandbox.tick().await;
    world.clock.advance(60);
    let delivered = world.sandbox.wait_delivered(payment.id, Status::Waiting).await;
    let outcomes: Vec<_> = delivered.attempts.iter().map(|attempt| attempt.outcome.clone()).collect();
    assert_eq!(outcomes, [Ok(500), Ok(503), Ok(200)]);
    assert!(world.receiver.received().windows(2).all(|two| two[0].body == two[1].body));

    world.receiver.answer_next([500; 4]);
    let refused = new_payment(&world);
    for _ in 0..6 {
        world.sandbox.tick().await;
        world.clock.advance(60);
    }
    let given_up = world.sandbox.wait_for_delivery(|d| d.payment_id == Some(refused.id)).await;
    assert_eq!((given_up.state, given_up.attempts.len()), (DeliveryState::GivenUp, 4));
}

#[tokio::test]
async fn notifications_can_be_held_reordered_dropped_and_repeated() {
    let world = World::start().await;
    world.sandbox.hold();
    let payment = new_payment(&world);
    world.sandbox.pay_exactly(payment.id).unwrap();
    world.sandbox.tick().await;
    assert_eq!(world.receiver.received().len(), 0);
    assert_eq!(world.sandbox.release(ReleaseOrder::Reversed), 5);
    world.sandbox.tick().await;
    assert_eq!(world.receiver.statuses(), ["finished", "sending", "confirmed", "confirming", "waiting"]);

    world.sandbox.drop_next(u64::MAX);
    world.sandbox.refund(payment.id).unwrap();
    world.sandbox.tick().await;
    assert_eq!(world.receiver.received().len(), 5);
    world.sandbox.drop_next(0);

    world.sandbox.resend(payment.id, 50).unwrap();
    world.sandbox.tick().await;
    assert_eq!(world.receiver.statuses()[5..], vec!["refunded"; 50]);
}

#[tokio::test]
async fn chance_duplicates_delays_and_repeats_weeks_later() {
    let world = World::start().await;
    world.sandbox.set_delivery_faults(DeliveryFaults { duplicate_percent: 100, ..DeliveryFaults::default() });
    let doubled = new_payment(&world);
    world.sandbox.tick().await;
    assert_eq!(world.receiver.statuses(), ["waiting", "waiting"]);
    // It must not expire in the weeks to come.
    let silent = Change { without_notification: true, ..Change::default() };
    world.sandbox.set_status(doubled.id, Status::Cancelled, silent).unwrap();

    let weeks = 3 * 7 * 24 * 3600;
    let faults = DeliveryFaults {
        delay_max: SignedDuration::from_mins(10),
        repeat_after: Some(SignedDuration::from_secs(weeks)),
        ..DeliveryFaults::default()
    };
    world.sandbox.set_delivery_faults(faults);
    let payment = new_payment(&world);
    world.sandbox.pay_exactly(payment.id).unwrap();
    world.sandbox.tick().await;
    world.clock.advance(600);
    world.sandbox.tick().await;
    let mut delayed = world.receiver.statuses()[2..].to_vec();
    assert_ne!(delayed, WALK, "with this seed later ones overtake earlier ones");
    delayed.sort();
    let mut walk = WALK.map(str::to_owned);
    walk.sort();
    assert_eq!(delayed, walk);
    world.clock.advance(weeks);
    world.sandbox.tick().await;
    assert_eq!(world.receiver.statuses()[7..], WALK);
}

#[tokio::test]
async fn bodies_can_be_written_in_other_ways() {
    let world = World::start().await;
    let payment = new_payment(&world);
    let told = async |style: BodyStyle| {
        world.sandbox.set_style(style);
        let fees = Fees { deposit: dec("0.000002"), service: dec("0.0000001"), withdrawal: dec("25") };
        let change = Change { fees: Some(fees), ..Change::default() };
        world.sandbox.set_status(payment.id, Status::Confirming, change).unwrap();
        world.sandbox.tick().await;
        let last = world.receiver.received().pop().unwrap();
        (last.read().0, last.body)
    };
    let (form, body) = told(BodyStyle::default()).await;
    assert_eq!(form, SignatureForm::Raw);
    assert!(body.contains(r#""depositFee":0.000002,"serviceFee":1e-7,"withdrawalFee":25}"#), "{body}");
    let (form, body) =
        told(BodyStyle { fees_as_text: true, updated_at: false, ..BodyStyle::default() }).await;
    assert_eq!(form, SignatureForm::Raw);
    assert!(body.contains(r#""depositFee":"0.000002","serviceFee":"0.0000001""#), "{body}");
    assert!(!body.contains("updated_at"));
    for (in_transit, expected) in
        [(Spelling::Exponent, r#""pay_amount":2.5E+0"#), (Spelling::TrailingZeros, r#""pay_amount":2.50,"#)]
    {
        let (form, body) = told(BodyStyle { in_transit, ..BodyStyle::default() }).await;
        assert_eq!(form, SignatureForm::Sdk);
        assert!(body.contains(expected), "{body}");
    }
    let (form, body) = told(BodyStyle { amounts_as_text: true, ..BodyStyle::default() }).await;
    assert_eq!(form, SignatureForm::Raw);
    assert!(body.contains(r#""price_amount":"2.5""#), "{body}");
}

#[tokio::test]
async fn api_faults_happen_as_often_as_asked() {
    let world = World::start().await;
    let payment = new_payment(&world);
    new_payment(&world);
    let path = format!("/payment/{}", payment.id);
    let fail = |kind: FaultKind| {
        world.sandbox.fail(ApiFault { call: Some(ApiCall::GetPayment), kind, times: 1 });
    };

    fail(FaultKind::RateLimited { retry_after_seconds: Some(7) });
    let limited = world.get(&path).await;
    assert_eq!((limited.status, limited.headers["retry-after"].to_str().unwrap()), (429, "7"));
    fail(FaultKind::ServerError);
    assert_eq!(world.get(&path).await.error().0, 500);
    fail(FaultKind::Html { status: 403 });
    let page = world.get(&path).await;
    assert_eq!((page.status, page.text.starts_with("<!DOCTYPE html>")), (403, true));
    fail(FaultKind::HalfABody);
    let half = world.get(&path).await;
    assert!(half.status == 200 && serde_json::from_str::<serde_json::Value>(&half.text).is_err());
    fail(FaultKind::AnotherPayment);
    assert_ne!(world.get(&path).await.json()["payment_id"], json!(payment.id.get()));
    assert_eq!(world.get(&path).await.json()["payment_id"], json!(payment.id.get()), "no fault is left");
    assert_eq!(world.sandbox.calls(ApiCall::GetPayment), 6);
}

#[tokio::test]
async fn everything_can_be_done_over_http() {
    let world = World::start().await;
    let incident = json!({ "payment_id": "4479119533", "order_id": "PGP-6271402111|-1003016667267", "price_amount": "2.50" });
    assert_eq!(world.control("/payments", &incident.to_string()).await.status, 201);
    let at = "/payments/4479119533";
    let partial = json!({ "status": "partially_paid", "actually_paid": "1.2" });
    let row = world.control(&format!("{at}/status"), &partial.to_string()).await.json();
    assert_eq!(
        (&row["payment_status"], row["actually_paid"].to_string()),
        (&json!("partially_paid"), "1.2".into())
    );
    let child = world.control(&format!("{at}/pay"), r#"{"amount":1.3}"#).await.json();
    assert_eq!(child["parent_payment_id"], json!(4_479_119_533_u64));
    assert_eq!(world.control(&format!("{at}/refund"), "").await.json()["payment_status"], json!("refunded"));
    assert_eq!(world.control(&format!("{at}/resend"), r#"{"times":2}"#).await.status, 200);
    assert_eq!(world.control("/payments/1/refund", "").await.error().0, 404);
    assert_eq!(world.control(&format!("{at}/buyer"), r#"{"action":"steal"}"#).await.error().0, 400);
    assert_eq!(world.control("/payments", &incident.to_string()).await.error().0, 400, "the id is taken");
    world.sandbox.tick().await;

    let deliveries =
        world.send(world.http.get(format!("{}/sandbox/deliveries", world.sandbox.url()))).await.json();
    let refunds = deliveries.as_array().unwrap().iter().filter(|d| d["payment_status"] == json!("refunded"));
    assert_eq!(refunds.filter(|d| d["state"] == json!("delivered")).count(), 3);
    assert_eq!(world.control("/hold", "").await.status, 200);
    world.control(&format!("{at}/resend"), "").await;
    for (path, body) in [
        ("/drop", r#"{"count":0}"#),
        ("/delivery-faults", r#"{"duplicate_percent":10,"delay_seconds_max":3,"repeat_after_seconds":60}"#),
        ("/style", r#"{"fees_as_text":true,"in_transit":"exponent"}"#),
        ("/api-faults", r#"{"fault":"html","call":"status","times":2}"#),
        ("/release", r#"{"order":"shuffled"}"#),
    ] {
        let answer = world.control(path, body).await;
        assert_eq!(answer.status, 200, "{path} {}", answer.text);
    }
    assert_eq!(world.get("/status").await.status, 502);
    let page = world.send(world.http.get(format!("{}/sandbox", world.sandbox.url()))).await;
    assert!(page.text.contains("4479119533") && page.text.contains("refunded"));
}
