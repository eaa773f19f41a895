//! The simulator's API, page and control surface, seen from outside.

#![expect(clippy::unwrap_used, reason = "where a helper of a test unwraps, the test fails, which is right")]

mod support;

use nowpayments::sandbox::{ApiCall, ApiFault, Child, FaultKind, NewPayment, SandboxPayment};
use nowpayments::{ProviderPaymentId, Status};
use rust_decimal::Decimal;
use serde_json::json;
use support::{API_KEY, WALK, World};

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A payment of 2.50 USD in Tether that nobody paid yet.
fn new_payment(world: &World) -> SandboxPayment {
    let new = NewPayment { order_id: Some("o-1".into()), ..NewPayment::usd(dec("2.5")) };
    world.sandbox.create_payment(new).unwrap()
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
