//! The client against the simulator, on good days and bad ones.

#![expect(clippy::unwrap_used, reason = "where a helper of a test unwraps, the test fails, which is right")]

mod support;

use std::sync::Mutex;
use std::time::Duration;

use nowpayments::client::{
    CALLS_AT_ONCE_MAX, Client, ClientConfig, ClientError, ListQuery, Login, NewInvoice, NewInvoicePayment,
    NewPayment, Timeouts,
};
use nowpayments::sandbox::{self, ApiCall, ApiFault, Child, FaultKind};
use nowpayments::{Amount, Body, Parent, ProviderPaymentId, Status, parse};
use rust_decimal::Decimal;
use support::{API_KEY, World, install_tls};

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn config(world: &World) -> ClientConfig {
    ClientConfig {
        api_url: world.sandbox.api_url(),
        login: Some(Login { email: "merchant@sandbox.test".into(), password: "sandbox".to_owned().into() }),
        ..ClientConfig::new(API_KEY.to_owned().into())
    }
}

fn client(world: &World) -> Client {
    Client::new(config(world)).unwrap()
}

fn fail(world: &World, call: ApiCall, kind: FaultKind) {
    world.sandbox.fail(ApiFault { call: Some(call), kind, times: 1 });
}

fn new_invoice() -> NewInvoice {
    NewInvoice { order_id: Some("o-1".into()), ..NewInvoice::new(dec("2.50"), "usd") }
}

#[tokio::test]
async fn an_invoice_is_paid_and_its_payment_read_like_a_notification() {
    let world = World::start().await;
    let client = client(&world);
    client.status().await.unwrap();
    let invoice = client.create_invoice(&new_invoice()).await.unwrap();
    assert_eq!(invoice.invoice_url, world.sandbox.invoice_url(invoice.id));
    assert_eq!(invoice.price_amount, Some(Amount::Exact(dec("2.5"))));
    assert_eq!(invoice.order_id.as_deref(), Some("o-1"));
    assert_eq!(invoice.created_at_ms, Some(1_793_491_200_000));

    let new = NewInvoicePayment {
        invoice_id: invoice.id,
        pay_currency: "xrp".into(),
        order_description: None,
        customer_email: None,
    };
    let made = client.create_invoice_payment(&new).await.unwrap();
    assert!(made.payment.payin_extra_id.is_some());
    assert_eq!(made.payment.status, Status::Waiting);
    assert!(made.valid_until_ms.unwrap() > made.created_at_ms.unwrap());

    let id = made.payment.payment_id;
    world.sandbox.pay_exactly(id).unwrap();
    world.sandbox.wait_delivered(id, Status::Finished).await;
    let answer = client.get_payment(id).await.unwrap();
    assert!(answer.payin_hash.is_some());
    let Ok(Body::Payment(same)) = parse(answer.raw.as_bytes()) else { panic!("{}", answer.raw) };
    let asked = answer.into_notification();
    assert_eq!(*same, asked);
    let told = world.receiver.received().pop().unwrap().read().1;
    assert_eq!((&asked.status, &told.status), (&Status::Finished, &Status::Finished));
    assert_eq!(
        (asked.invoice_id, asked.purchase_id, &asked.order_id),
        (told.invoice_id, told.purchase_id, &told.order_id)
    );
    assert_eq!(
        (&asked.actually_paid, &asked.price_amount, &asked.outcome_amount),
        (&told.actually_paid, &told.price_amount, &told.outcome_amount)
    );
    assert_eq!((asked.updated_at_ms, asked.parent), (told.updated_at_ms, Parent::None));
}

#[tokio::test]
async fn f06_a_pipe_in_an_address_is_encoded() {
    let world = World::start().await;
    let new = NewInvoice {
        success_url: Some("https://pay.example.org/o?order_id=PGP-6271402111|-1003016667267".into()),
        cancel_url: Some("https://pay.example.org/ein weg".into()),
        ..new_invoice()
    };
    let invoice = client(&world).create_invoice(&new).await.unwrap();
    let kept = world.sandbox.invoices().into_iter().find(|kept| kept.id == invoice.id).unwrap();
    let expected = "https://pay.example.org/o?order_id=PGP-6271402111%7C-1003016667267";
    assert_eq!(kept.success_url.as_deref(), Some(expected));
    assert_eq!(kept.cancel_url.as_deref(), Some("https://pay.example.org/ein%20weg"));
}

#[tokio::test]
async fn prices_go_out_with_every_digit() {
    let world = World::start().await;
    let new = NewPayment::new(dec("12345678901234.123456"), "usd", "usdttrc20");
    let made = client(&world).create_payment(&new).await.unwrap();
    let kept = world.sandbox.payment(made.payment.payment_id).unwrap();
    assert_eq!(kept.price_amount, dec("12345678901234.123456"));
}

#[tokio::test]
async fn refusals_say_what_can_be_done() {
    let world = World::start().await;
    let client = client(&world);
    let unknown = client.get_payment(ProviderPaymentId::new(4_000_000_001).unwrap()).await.unwrap_err();
    assert!(matches!(unknown, ClientError::NotFound { .. }));

    let small = NewPayment::new(dec("1"), "usd", "usdterc20");
    let small = client.create_payment(&small).await.unwrap_err();
    assert_eq!(small, ClientError::BelowMinimum { message: "amountTo is too small".into() });

    let unknown_coin = client.create_payment(&NewPayment::new(dec("1"), "usd", "nocoin")).await.unwrap_err();
    assert!(
        matches!(unknown_coin, ClientError::BadRequest { ref code, .. } if code == "CURRENCY_UNAVAILABLE")
    );
    let bad_url = NewInvoice { success_url: Some("pay.example.org".into()), ..new_invoice() };
    let bad_url = client.create_invoice(&bad_url).await.unwrap_err();
    assert!(
        matches!(bad_url, ClientError::BadRequest { ref message, .. } if message == "success_url must be a valid uri")
    );

    let stranger = ClientConfig { api_key: "another".to_owned().into(), ..config(&world) };
    let stranger = Client::new(stranger).unwrap().currencies().await.unwrap_err();
    assert_eq!(stranger, ClientError::InvalidKey { message: "Invalid api key".into() });
    for error in [unknown, small, unknown_coin, bad_url, stranger] {
        assert!(!error.is_worth_repeating() && !error.may_have_been_done(), "{error}");
    }
}

#[tokio::test]
async fn bad_days_are_told_apart_and_can_be_repeated() {
    let world = World::start().await;
    let client = client(&world);
    let id = world.sandbox.create_payment(sandbox::NewPayment::usd(dec("2.5"))).unwrap().id;
    let faults = [
        (FaultKind::RateLimited { retry_after_seconds: Some(7) }, "rate_limited"),
        (FaultKind::RateLimited { retry_after_seconds: None }, "rate_limited"),
        (FaultKind::ServerError, "unavailable"),
        (FaultKind::Html { status: 403 }, "not_json"),
        (FaultKind::Html { status: 502 }, "not_json"),
        (FaultKind::Html { status: 200 }, "not_json"),
        (FaultKind::HalfABody, "not_json"),
        (FaultKind::BrokenOff, "unavailable"),
        (FaultKind::AnswerLost, "unavailable"),
        (FaultKind::Refused, "unavailable"),
        (FaultKind::AnotherPayment, "another_subject"),
    ];
    for (kind, expected) in faults {
        fail(&world, ApiCall::GetPayment, kind.clone());
        let error = client.get_payment(id).await.unwrap_err();
        assert_eq!(error.as_str(), expected, "{kind:?}: {error}");
        assert!(error.is_worth_repeating(), "{error}");
        if let FaultKind::RateLimited { retry_after_seconds } = kind {
            assert_eq!(error.retry_after(), retry_after_seconds.map(Duration::from_secs));
        }
        assert_eq!(client.get_payment(id).await.unwrap().payment.payment_id, id, "the next call goes well");
    }
}

#[tokio::test]
async fn s28_a_slow_answer_is_not_waited_for() {
    let world = World::start().await;
    let timeouts = Timeouts { read: Duration::from_millis(50), ..Timeouts::default() };
    let client = Client::new(ClientConfig { timeouts, ..config(&world) }).unwrap();
    fail(&world, ApiCall::Currencies, FaultKind::Slow(Duration::from_secs(3600)));
    let error = client.currencies().await.unwrap_err();
    assert!(matches!(error, ClientError::Unavailable { was_sent: true, .. }), "{error:?}");
}

#[tokio::test]
async fn s28_a_call_that_does_not_get_its_turn_is_not_made() {
    let world = World::start().await;
    let timeouts = Timeouts { turn: Duration::from_millis(50), ..Timeouts::default() };
    let client = Client::new(ClientConfig { timeouts, ..config(&world) }).unwrap();
    let slow = FaultKind::Slow(Duration::from_secs(3600));
    let times = u64::try_from(CALLS_AT_ONCE_MAX).unwrap();
    world.sandbox.fail(ApiFault { call: Some(ApiCall::Currencies), kind: slow, times });
    let under_way = futures::future::join_all((0..CALLS_AT_ONCE_MAX).map(|_| client.currencies()));
    let new = new_invoice();
    let error = tokio::select! {
        biased;
        _ = under_way => panic!("none of them comes back"),
        made = client.create_invoice(&new) => made.unwrap_err(),
    };
    assert_eq!(error, ClientError::Busy);
    assert!(error.is_worth_repeating() && !error.may_have_been_done());
    assert_eq!(world.sandbox.calls(ApiCall::CreateInvoice), 0);
    // The others were given up: there is room again.
    client.create_invoice(&new).await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_to_create_says_that_it_may_be_done() {
    let world = World::start().await;
    let client = client(&world);
    for kind in [FaultKind::AnswerLost, FaultKind::HalfABody, FaultKind::BrokenOff, FaultKind::AnotherPrice] {
        fail(&world, ApiCall::CreateInvoice, kind);
        let error = client.create_invoice(&new_invoice()).await.unwrap_err();
        assert!(error.may_have_been_done(), "{error}");
    }
    assert_eq!(world.sandbox.invoices().len(), 4, "all were made");
    fail(&world, ApiCall::CreateInvoice, FaultKind::Refused);
    let error = client.create_invoice(&new_invoice()).await.unwrap_err();
    assert!(error.may_have_been_done(), "from outside it looks the same");
    assert_eq!(world.sandbox.invoices().len(), 4, "nothing was done");
    fail(&world, ApiCall::CreateInvoice, FaultKind::RateLimited { retry_after_seconds: None });
    assert!(!client.create_invoice(&new_invoice()).await.unwrap_err().may_have_been_done());

    install_tls();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nowhere = ClientConfig { api_url: format!("http://{nobody}/v1"), ..config(&world) };
    let error = Client::new(nowhere).unwrap().create_invoice(&new_invoice()).await.unwrap_err();
    assert!(matches!(error, ClientError::Unavailable { was_sent: false, .. }), "{error:?}");
}

#[tokio::test]
async fn payments_are_listed_by_pages_with_a_login_that_is_renewed() {
    let world = World::start().await;
    let client = client(&world);
    let mut ids = Vec::new();
    for _ in 0..5 {
        let payment = world.sandbox.create_payment(sandbox::NewPayment::usd(dec("2.5"))).unwrap();
        ids.push(payment.id);
        world.clock.advance(1);
    }
    world.sandbox.pay_exactly(ids[0]).unwrap();
    let child = Child { amount: dec("1"), pay_currency: None, status: Status::Finished };
    let child = world.sandbox.add_child(ids[0], child).unwrap();
    ids.push(child.id);

    let mut listed = Vec::new();
    let mut query = ListQuery { limit: 4, ..ListQuery::default() };
    loop {
        let page = client.list_payments(&query).await.unwrap();
        assert_eq!((page.total, page.pages_count, page.unreadable_rows), (Some(6), Some(2), 0));
        listed.extend(page.payments);
        query.page += 1;
        if u64::from(query.page) >= page.pages_count.unwrap() {
            break;
        }
    }
    assert_eq!(listed.iter().map(|row| row.payment.payment_id).collect::<Vec<_>>(), ids);
    assert_eq!(listed[5].payment.parent, Parent::Id(ids[0]));
    assert_eq!(listed[0].payment.payment_extra_ids, [child.id]);
    let Ok(Body::Payment(same)) = parse(listed[0].raw.as_bytes()) else { panic!("{}", listed[0].raw) };
    assert_eq!(*same, listed[0].payment);
    assert_eq!(world.sandbox.calls(ApiCall::Auth), 1);

    world.clock.advance(301);
    assert_eq!(client.list_payments(&query).await.unwrap().payments.len(), 0, "past the last page");
    assert_eq!(world.sandbox.calls(ApiCall::Auth), 2, "the login ran out and was renewed once");
    let from = jiff::Timestamp::from_millisecond(1_793_491_200_000 + 4_000).unwrap();
    let recent = ListQuery { date_from: Some(from), newest_first: true, ..ListQuery::default() };
    let recent = client.list_payments(&recent).await.unwrap();
    assert_eq!(
        recent.payments.iter().map(|row| row.payment.payment_id).collect::<Vec<_>>(),
        [ids[5], ids[4]]
    );
}

#[tokio::test]
async fn a_wrong_or_missing_login_is_said_so() {
    let world = World::start().await;
    let query = ListQuery::default();
    let none = Client::new(ClientConfig { login: None, ..config(&world) }).unwrap();
    assert!(matches!(none.list_payments(&query).await, Err(ClientError::NotAuthorized { .. })));
    let login = Login { email: "merchant@sandbox.test".into(), password: "wrong".to_owned().into() };
    // Nobody who lists sees the call that logs in.
    static LOGINS: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    let on_login = |outcome| LOGINS.lock().unwrap().push(outcome);
    let wrong =
        Client::new(ClientConfig { login: Some(login), on_login: Some(on_login), ..config(&world) }).unwrap();
    assert!(matches!(wrong.list_payments(&query).await, Err(ClientError::NotAuthorized { .. })));
    assert_eq!(world.sandbox.calls(ApiCall::Auth), 1, "a wrong password is not tried again");
    assert_eq!(*LOGINS.lock().unwrap(), ["not_authorized"]);
}

#[tokio::test]
async fn coins_minimums_and_estimates() {
    let world = World::start().await;
    let client = client(&world);
    let codes =
        |list: Vec<nowpayments::client::Currency>| list.into_iter().map(|coin| coin.code).collect::<Vec<_>>();
    let all = codes(client.currencies().await.unwrap());
    assert!(all.contains(&"usdttrc20".to_owned()));
    assert_eq!(codes(client.merchant_coins().await.unwrap()), all, "upper case there, lower case here");
    let full = client.full_currencies().await.unwrap();
    let xrp = full.iter().find(|coin| coin.code == "xrp").unwrap();
    assert!(xrp.has_extra_id && xrp.is_enabled && xrp.network.as_deref() == Some("xrp"));
    let minimum = client.min_amount("usdterc20", Some("usdttrc20"), Some("usd")).await.unwrap();
    assert_eq!((minimum.min_amount, minimum.fiat_equivalent), (dec("10"), Some(dec("10"))));
    assert_eq!(client.estimate(dec("2.5"), "usd", "eth").await.unwrap(), dec("0.001"));
}

#[test]
fn secrets_do_not_show() {
    install_tls();
    let login = Login { email: "a@b.c".into(), password: "hunter2".to_owned().into() };
    let config = ClientConfig { login: Some(login), ..ClientConfig::new("key-4711".to_owned().into()) };
    let shown = format!("{config:?} {:?}", Client::new(config.clone()).unwrap());
    assert!(!shown.contains("hunter2") && !shown.contains("key-4711"), "{shown}");
}

/// A proxy in front that answers with a page about the request that it had.
#[tokio::test]
async fn s10_an_answer_that_repeats_the_key_puts_it_into_no_error() {
    install_tls();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let echo = |headers: axum::http::HeaderMap, uri: axum::http::Uri, body: String| async move {
        let key = headers.get("x-api-key").map(|key| key.to_str().unwrap().to_owned()).unwrap_or_default();
        let status = if uri.path().ends_with("/auth") { 500 } else { 200 };
        (axum::http::StatusCode::from_u16(status).unwrap(), format!("<html>{key} {body}"))
    };
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(echo)).await });
    let login = Login { email: "a@b.c".into(), password: "hunter2hunter2".to_owned().into() };
    let config = ClientConfig {
        api_url: format!("http://{address}/v1"),
        login: Some(login),
        ..ClientConfig::new("key-4711".to_owned().into())
    };
    let client = Client::new(config).unwrap();
    let errors = [
        client.currencies().await.unwrap_err(),
        client.get_payment(ProviderPaymentId::new(1).unwrap()).await.unwrap_err(),
        client.list_payments(&ListQuery::default()).await.unwrap_err(),
    ];
    for error in errors {
        let shown = format!("{error:?} {error}");
        assert!(
            shown.contains("html") && shown.contains('…'),
            "the test looks at what was repeated: {shown}"
        );
        assert!(!shown.contains("hunter2") && !shown.contains("key-4711"), "{shown}");
    }
}
