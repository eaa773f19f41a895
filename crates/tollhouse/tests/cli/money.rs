//! Payments: shown, worked in again, asked for; and what of them needs a person.

use std::sync::Arc;

use nowpayments::Status;
use nowpayments::sandbox::{Change, NewPayment, Sandbox, SandboxConfig, SandboxHandle};
use serde_json::{Value, json};
use tollhouse::clock::Clock;
use tollhouse::serve::{Roles, Running};

use crate::support::{PRIVATE_CHAT, PUBLIC_CHAT, Place, finished, has_members, is_instant, text};

const LEGACY_REF: &str = "PGP-7|-1003016667268";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_waited_is_taken_up_when_its_channel_is_registered() {
    let place = Place::new();
    place.notify(&finished(4_479_119_533, Some(LEGACY_REF), "5.00")).await;
    let waiting = place.json(&["attention", "list"]);
    let item = &waiting[0];
    has_members(
        item,
        &[
            "id",
            "reason",
            "subject",
            "message",
            "detail",
            "actions",
            "channel_id",
            "opened_at",
            "resolved_at",
            "resolved_as",
            "resolved_by",
            "resolved_reason",
        ],
    );
    assert_eq!(
        (&item["reason"], &item["subject"]),
        (&json!("unknown_channel"), &json!("payment:4479119533"))
    );
    assert_eq!((&item["actions"], &item["resolved_at"]), (&json!(["refund", "dismiss"]), &Value::Null));
    is_instant(&item["opened_at"]);

    let added = place.json(&[
        "channel",
        "add",
        "--private-chat",
        PRIVATE_CHAT,
        "--public-chat",
        PUBLIC_CHAT,
        "--title",
        "Signals",
        "--plan",
        "Monthly=5.00 USD/30d",
    ]);
    let taken_up = added["taken_up"].as_array().unwrap();
    assert_eq!(taken_up.len(), 1, "{added}");
    assert_eq!(
        (&taken_up[0]["payment_id"], &taken_up[0]["state"]),
        (&json!("np_4479119533"), &json!("paid"))
    );
    assert_eq!(place.json(&["attention", "list"]), json!([]));
    assert_eq!(place.json(&["attention", "list", "--all"])[0]["resolved_as"], "settled");
    let memberships = place.json(&["membership", "list", "--user", "7"]);
    assert_eq!(memberships[0]["grants"][0]["order_id"], taken_up[0]["order_id"]);
    assert_eq!(place.json(&["order", "show", LEGACY_REF])["order_id"], taken_up[0]["order_id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_waited_is_taken_up_when_its_channel_has_a_plan_again() {
    let place = Place::new();
    let (channel, plan) = place.channel();
    place.json(&["channel", "plan", "retire", &plan]);
    place.notify(&finished(5, Some(LEGACY_REF), "5.00")).await;
    assert_eq!(
        place.json(&["attention", "list", "--channel", &channel]),
        json!([]),
        "no order, so no channel yet"
    );
    assert_eq!(place.json(&["attention", "list"])[0]["reason"], "no_plan");
    let plan = place.json(&["channel", "plan", "add", "--channel", &channel, "--plan", "Monthly=5 USD/30d"]);
    assert_eq!(plan["taken_up"][0]["granted"], true);
    assert_eq!(place.json(&["attention", "list"]), json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f28_the_number_that_the_buyer_has_leads_to_the_re_deposit_in_another_coin() {
    let place = Place::new();
    let (channel, plan) = place.channel();
    let order = place.json(&["order", "create", "--channel", &channel, "--plan", &plan]);
    let order_id = text(&order["order_id"]);
    let note = |id: i64, status: &str, coin: &str, parent: Option<i64>| {
        json!({
            "payment_id": id, "parent_payment_id": parent, "payment_status": status, "order_id": order_id,
            "price_amount": "5.00", "price_currency": "usd", "pay_amount": "5.00", "pay_currency": coin, "actually_paid": "5.00",
        })
        .to_string()
    };
    place.notify(&note(11, "waiting", "usdttrc20", None)).await;
    place.notify(&note(12, "wrong_asset_confirmed", "trx", Some(11))).await;
    let payment = place.json(&["payment", "show", "11"]);
    let child = json!([{"id": "np_12", "provider_payment_id": "12", "status": "wrong_asset_confirmed"}]);
    assert_eq!(payment["other_payments"], child);
    assert_eq!(payment["attention"][0]["reason"], "wrong_asset");
    let said = place.run(&["payment", "show", "11"]).stdout;
    assert!(said.contains("Same order      np_12 (wrong_asset_confirmed)\n"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_shown_with_what_was_said_of_it_and_replayed() {
    let place = Place::new();
    let (channel, plan) = place.channel();
    let order =
        place.json(&["order", "create", "--channel", &channel, "--plan", &plan, "--telegram-user", "7"]);
    let order_id = text(&order["order_id"]);
    let body = finished(4_479_119_533, Some(&order_id), "5.00");
    place.notify(&body).await;
    place.notify(&body).await;

    let payment = place.json(&["payment", "show", "np_4479119533"]);
    has_members(
        &payment,
        &[
            "id",
            "provider_payment_id",
            "order_id",
            "channel_id",
            "status",
            "unknown_status",
            "amounts",
            "pay_currency",
            "parent_payment_id",
            "paid_in_full",
            "unusable_amount",
            "contradiction",
            "refund_noted",
            "order_ref",
            "invoice_id",
            "first_seen_at",
            "on_chain_at",
            "credited_at",
            "updated_at",
            "telegram_user",
            "grant",
            "other_payments",
            "attention",
            "events",
        ],
    );
    assert_eq!((&payment["telegram_user"], &payment["attention"]), (&json!("7"), &json!([])));
    assert_eq!(payment["other_payments"], json!([]));
    let said = place.run(&["payment", "show", "4479119533"]).stdout;
    assert!(
        said.contains("Buyer           7\n") && said.contains("Gave            30 days to mem_"),
        "{said}"
    );
    assert_eq!(
        (&payment["id"], &payment["provider_payment_id"]),
        (&json!("np_4479119533"), &json!("4479119533"))
    );
    assert_eq!((&payment["order_id"], &payment["status"]), (&json!(order_id), &json!("finished")));
    let tether = json!({"amount": "5.00", "currency": "usdttrc20"});
    assert_eq!(
        payment["amounts"],
        json!({"price": {"amount": "5.00", "currency": "usd"}, "pay": tether, "actually_paid": tether, "outcome": tether})
    );
    assert_eq!(payment["parent_payment_id"], Value::Null);
    let verdicts: Vec<&Value> =
        payment["events"].as_array().unwrap().iter().map(|event| &event["verdict"]).collect();
    assert_eq!(verdicts, ["applied", "duplicate"]);
    has_members(
        &payment["events"][0],
        &["received_at", "verdict", "reason", "status", "source", "order_id", "signature_form", "digest"],
    );
    assert_eq!(place.json(&["payment", "show", "4479119533"]), payment);
    assert_eq!(place.json(&["payment", "show", "4479119533", "--raw"])["events"][0]["body"], json!(body));

    let mut listed = payment.clone();
    for only_shown in ["telegram_user", "grant", "other_payments", "attention", "events"] {
        listed.as_object_mut().unwrap().remove(only_shown);
    }
    assert_eq!(place.json(&["payment", "list", "--status", "finished"]), json!([listed]));
    assert_eq!(place.json(&["payment", "list", "--status", "waiting"]), json!([]));
    assert_eq!(place.json(&["payment", "list", "--stuck"]), json!([]));
    let shown = place.json(&["order", "show", &order_id]);
    assert_eq!((&shown["state"], &shown["payments"]), (&json!("paid"), &json!([listed])));
    let grant = shown["grant"].clone();
    assert_eq!(payment["grant"], grant);
    // A grant's id is in no other list: the step names its order and buyer.
    let job = place.json(&["job", "list", "--kind", "deliver_access"])[0].clone();
    assert_eq!(job["subject"], format!("grant:{}", text(&grant["id"])));
    assert_eq!((&job["order_id"], &job["telegram_user"]), (&json!(order_id), &json!("7")));
    let said = place.run(&["job", "list"]).stdout;
    assert!(said.contains(&format!("{order_id}  7 ")), "{said}");

    let replayed = place.json(&["payment", "replay", "np_4479119533"]);
    assert_eq!(replayed.as_array().unwrap().len(), 2);
    // Who reads that nothing was given gives the days a second time.
    assert_eq!((&replayed[0]["granted"], &replayed[0]["gave"]), (&json!(true), &json!(false)));
    let said = place.run(&["payment", "replay", "4479119533"]).stdout;
    assert!(said.lines().nth(1).unwrap().ends_with("paid      given"), "{said}");
    assert_eq!((&replayed[0]["verdict"], &replayed[0]["order_id"]), (&json!("duplicate"), &json!(order_id)));
    assert_eq!(place.json(&["payment", "show", "4479119533"]), payment, "a replay is not logged again");
    assert_eq!(place.json(&["order", "show", &order_id])["grant"], grant);
    place.run(&["payment", "replay", "6"]).complains(1, &["no payment 6", "payment recover 6"]);
    place.run(&["payment", "show", "6"]).complains(1, &["no payment 6"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_is_resolved_once_and_only_in_a_way_that_fits() {
    let place = Place::new();
    let (channel, plan) = place.channel();
    let order =
        place.json(&["order", "create", "--channel", &channel, "--plan", &plan, "--telegram-user", "7"]);
    place.notify(&finished(5, Some(&text(&order["order_id"])), "4.00")).await;
    place.notify(&finished(6, None, "5.00")).await;
    let items = place.json(&["attention", "list"]);
    let id_of = |reason: &str| {
        let item = items.as_array().unwrap().iter().find(|item| item["reason"] == reason);
        text(&item.unwrap_or_else(|| panic!("{reason} in {items}"))["id"])
    };
    let (mismatch, unnamed) = (id_of("price_mismatch"), id_of("no_order_id"));

    place
        .run(&["attention", "resolve", &unnamed, "--as", "grant", "--reason", "kind"])
        .complains(2, &["does not fit"]);
    place
        .run(&["attention", "resolve", &unnamed, "--as", "dismiss", "--reason", " "])
        .complains(2, &["reason"]);
    let resolved =
        place.json(&["attention", "resolve", &mismatch, "--as", "grant", "--reason", "agreed by mail"]);
    assert_eq!((&resolved["resolved_as"], &resolved["resolved_by"]), (&json!("grant"), &json!("cli:alice")));
    assert_eq!(resolved["resolved_reason"], "agreed by mail");
    assert_eq!(
        place.json(&["attention", "resolve", &mismatch, "--as", "grant", "--reason", "again"]),
        resolved
    );
    place
        .run(&["attention", "resolve", &mismatch, "--as", "refund", "--reason", "no"])
        .complains(1, &["already resolved"]);
    assert_eq!(place.json(&["order", "show", &text(&order["order_id"])])["state"], "paid");
    assert_eq!(place.json(&["membership", "list", "--user", "7"]).as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f26_what_two_notifications_contradict_each_other_in_is_said() {
    let place = Place::new();
    let (channel, plan) = place.channel();
    let order =
        place.json(&["order", "create", "--channel", &channel, "--plan", &plan, "--telegram-user", "7"]);
    let order = text(&order["order_id"]);
    place.notify(&finished(5, Some(&order), "5.00")).await;
    assert_eq!(place.json(&["payment", "show", "5"])["differences"], Value::Null, "nothing to say");
    place.notify(&finished(5, Some(&order), "5")).await;
    place.notify(&finished(5, Some("donation_default"), "99.00")).await;
    let shown = place.json(&["payment", "show", "5"]);
    assert_eq!(
        shown["differences"],
        json!({"order": ["donation_default", order], "price": ["5 USD", "99 USD"]})
    );
    let said = place.run(&["payment", "show", "5"]).stdout;
    assert!(said.contains(&format!("order donation_default or {order}; price 5 USD or 99 USD")), "{said}");
    let items = place.json(&["attention", "list"]);
    assert_eq!(items[0]["reason"], "contradiction");
    // Granting would be refused: the order has its access.
    assert_eq!(items[0]["actions"], json!(["refund", "dismiss"]));
    let item = text(&items[0]["id"]);
    place
        .run(&["attention", "resolve", &item, "--as", "grant", "--reason", "kind"])
        .complains(1, &["has its access already"]);
    assert_eq!(place.json(&["payment", "show", "5"])["attention"], items);
    let said = place.run(&["payment", "show", "5"]).stdout;
    assert!(said.contains(&format!("For a person    {item} (contradiction)")), "{said}");
    assert_eq!(place.json(&["order", "show", &order])["state"], "paid", "what was given stays");
}

/// A provider that has a paid payment of which no notification came.
async fn provider(id: u64, order_id: Option<&str>) -> SandboxHandle {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = SandboxConfig::new("the-key", "the-secret", Clock::default().as_fn());
    let sandbox = Sandbox::start(config).await.unwrap();
    let price: rust_decimal::Decimal = "5.00".parse().unwrap();
    let id = nowpayments::ProviderPaymentId::new(id).unwrap();
    let new = NewPayment { id: Some(id), order_id: order_id.map(str::to_owned), ..NewPayment::usd(price) };
    sandbox.create_payment(new).unwrap();
    let paid = Change { actually_paid: Some(price), without_notification: true, ..Change::default() };
    sandbox.set_status(id, Status::Finished, paid).unwrap();
    sandbox
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_without_its_notification_is_recovered_once() {
    let place = Place::new();
    let (channel, plan) = place.channel();
    let order =
        place.json(&["order", "create", "--channel", &channel, "--plan", &plan, "--telegram-user", "7"]);
    let sandbox = provider(4_479_119_533, Some(&text(&order["order_id"]))).await;
    place.run(&["payment", "recover", "4479119533"]).complains(2, &["TOLLHOUSE_NOWPAYMENTS_API_KEY"]);

    let place = place
        .with("TOLLHOUSE_NOWPAYMENTS_API_KEY", "the-key")
        .with("TOLLHOUSE_NOWPAYMENTS_API_URL", &sandbox.api_url());
    let first = place.json(&["payment", "recover", "np_4479119533"]);
    has_members(
        &first,
        &[
            "payment_id",
            "provider_payment_id",
            "status",
            "verdict",
            "reason",
            "order_id",
            "order_state",
            "granted",
            "gave",
            "changed",
            "attention",
        ],
    );
    assert_eq!((&first["verdict"], &first["changed"]), (&json!("applied"), &json!(true)));
    assert_eq!((&first["gave"], &first["attention"]), (&json!(true), &json!([])));
    assert_eq!(
        (&first["order_id"], &first["order_state"], &first["granted"]),
        (&order["order_id"], &json!("paid"), &json!(true))
    );
    let events = place.json(&["payment", "show", "4479119533"])["events"].clone();
    assert_eq!((&events[0]["source"], &events[0]["signature_form"]), (&json!("recovery"), &Value::Null));

    let mut second = place.json(&["payment", "recover", "4479119533"]);
    assert_eq!((&second["verdict"], &second["changed"]), (&json!("duplicate"), &json!(false)));
    assert_eq!((&second["granted"], &second["gave"]), (&json!(true), &json!(false)));
    for member in ["verdict", "reason", "changed", "gave"] {
        second[member] = first[member].clone();
    }
    assert_eq!(second, first);
    let said = place.run(&["payment", "recover", "4479119533"]);
    assert!(said.stdout.contains("known already"), "{said:?}");
    place.run(&["payment", "recover", "77"]).complains(1, &["77", "does not know this payment"]);
    let memberships = place.json(&["membership", "list"]);
    assert_eq!(memberships[0]["grants"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_names_no_order_is_bound_to_one_even_while_the_provider_is_away() {
    let place = Place::new();
    let (channel, plan) = place.channel();
    let new_order = || {
        let order =
            place.json(&["order", "create", "--channel", &channel, "--plan", &plan, "--telegram-user", "7"]);
        text(&order["order_id"])
    };
    let (order, other) = (new_order(), new_order());
    let sandbox = provider(6, None).await;
    let api_url = sandbox.api_url();
    let place = place
        .with("TOLLHOUSE_NOWPAYMENTS_API_KEY", "the-key")
        .with("TOLLHOUSE_NOWPAYMENTS_API_URL", &api_url);
    let parked = place.json(&["payment", "recover", "6"]);
    assert_eq!((&parked["verdict"], &parked["order_id"]), (&json!("parked"), &Value::Null));
    drop(sandbox);

    place.run(&["payment", "recover", "6"]).complains(1, &["payment 6"]);
    place.run(&["payment", "recover", "8", "--order", &order]).complains(1, &["payment 8"]);
    let bound = place.json(&["payment", "recover", "6", "--order", &order]);
    assert_eq!(
        (&bound["order_id"], &bound["order_state"], &bound["granted"]),
        (&json!(order), &json!("paid"), &json!(true))
    );
    assert_eq!((&bound["verdict"], &bound["changed"]), (&Value::Null, &json!(true)));
    assert_eq!(place.json(&["payment", "recover", "6", "--order", &order])["changed"], false);
    place.run(&["payment", "recover", "6", "--order", &other]).complains(1, &["bound once"]);
    assert_eq!(place.json(&["attention", "list"]), json!([]));

    let keyless = place.without("TOLLHOUSE_NOWPAYMENTS_API_KEY");
    let said = keyless.run(&["payment", "recover", "6", "--order", &order, "--json"]);
    assert_eq!(said.json()["granted"], true);
    assert!(said.stderr.contains("TOLLHOUSE_NOWPAYMENTS_API_KEY"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_payer_cannot_claim_it_is_bound_by_hand() {
    let place = Place::new();
    let (channel, plan) = place.channel();
    let order = text(&place.json(&["order", "create", "--channel", &channel, "--plan", &plan])["order_id"]);
    place.notify(&finished(4_479_119_533, Some(&order), "5.00")).await;
    assert_eq!(place.json(&["membership", "list"]), json!([]), "nobody knows whose it is");
    let waiting = &place.json(&["order", "show", &order])["grant"];
    for unknown in ["membership_id", "starts_at", "ends_at"] {
        assert_eq!(waiting[unknown], Value::Null, "{waiting}");
    }
    let bind = ["order", "bind", &order, "--telegram-user", "7", "--reason", "ticket 12"];
    for _ in 0..2 {
        assert_eq!(place.json(&bind)["telegram_user"], "7");
    }
    let memberships = place.json(&["membership", "list", "--user", "7"]);
    assert_eq!(memberships[0]["grants"].as_array().unwrap().len(), 1, "{memberships}");
    place
        .run(&["order", "bind", &order, "--telegram-user", "8", "--reason", "ticket 13"])
        .complains(1, &["another Telegram account"]);
    let entries = place.json(&["audit", "list"]);
    let bound = entries.as_array().unwrap().iter().find(|entry| entry["action"] == "order.bound").unwrap();
    assert_eq!((&bound["actor"], &bound["reason"]), (&json!("cli:alice"), &json!("ticket 12")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f32_a_second_payment_that_is_bound_says_that_it_gave_nothing_and_who_is_called() {
    let place = Place::new();
    let (channel, plan) = place.channel();
    let order =
        place.json(&["order", "create", "--channel", &channel, "--plan", &plan, "--telegram-user", "7"]);
    let order = text(&order["order_id"]);
    let sandbox = provider(6, None).await;
    let another = nowpayments::ProviderPaymentId::new(7).unwrap();
    let price: rust_decimal::Decimal = "5.00".parse().unwrap();
    sandbox.create_payment(NewPayment { id: Some(another), ..NewPayment::usd(price) }).unwrap();
    let paid = Change { actually_paid: Some(price), without_notification: true, ..Change::default() };
    sandbox.set_status(another, Status::Finished, paid).unwrap();
    let place = place
        .with("TOLLHOUSE_NOWPAYMENTS_API_KEY", "the-key")
        .with("TOLLHOUSE_NOWPAYMENTS_API_URL", &sandbox.api_url());

    let first = place.json(&["payment", "recover", "6", "--order", &order]);
    // By itself the provider's answer names no order; with the binding it is worked in.
    assert_eq!((&first["verdict"], &first["reason"]), (&json!("applied"), &Value::Null));
    assert_eq!((&first["granted"], &first["gave"]), (&json!(true), &json!(true)));
    let said = place.run(&["payment", "recover", "7", "--order", &order]);
    assert!(said.stdout.contains("it gave nothing, since the order had given access before"), "{said:?}");
    let items = place.json(&["attention", "list"]);
    assert_eq!((&items[0]["reason"], items.as_array().unwrap().len()), (&json!("paid_twice"), 1));
    assert!(said.stdout.contains(&format!("{} (paid_twice)", text(&items[0]["id"]))), "{said:?}");

    let repeated = place.json(&["payment", "recover", "7", "--order", &order]);
    assert_eq!((&repeated["changed"], &repeated["gave"]), (&json!(false), &json!(false)));
    assert_eq!((&repeated["granted"], &repeated["attention"]), (&json!(true), &items));
    let memberships = place.json(&["membership", "list"]);
    assert_eq!(memberships[0]["grants"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_comes_with_its_invoice_while_a_worker_runs() {
    let sandbox = provider(6, None).await;
    let place = Place::new()
        .with("TOLLHOUSE_NOWPAYMENTS_API_KEY", "the-key")
        .with("TOLLHOUSE_NOWPAYMENTS_API_URL", &sandbox.api_url());
    let (channel, plan) = place.channel();
    let roles = Roles { http: false, worker: true, bot: false, reconcile: false };
    let running = Running::start(Arc::clone(&place.app().await), roles).await.unwrap();
    let order = place.json(&["order", "create", "--channel", &channel, "--plan", &plan]);
    let invoice = &sandbox.invoices()[0];
    assert_eq!(order["invoice_url"], sandbox.invoice_url(invoice.id));
    assert_eq!(invoice.order_id.as_deref(), order["order_id"].as_str());
    running.stop().await;
}
