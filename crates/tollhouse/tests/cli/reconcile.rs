//! `tollhouse reconcile`: what is missing is found, taken in once, and the statement names what does not agree.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use nowpayments::Status;
use nowpayments::sandbox::{Change, NewPayment, Sandbox, SandboxConfig, SandboxHandle};
use serde_json::{Value, json};
use tollhouse::clock::Clock;

use crate::support::{Place, has_members, is_instant, text};

/// A provider that tells nobody anything.
async fn provider() -> SandboxHandle {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = SandboxConfig::new("the-key", "the-secret", Clock::default().as_fn());
    let sandbox = Sandbox::start(config).await.unwrap();
    sandbox.drop_next(u64::MAX);
    sandbox
}

/// A payment of five dollars there that was paid.
fn paid(sandbox: &SandboxHandle, id: u64, order_id: &str) {
    let price: rust_decimal::Decimal = "5.00".parse().unwrap();
    let id = nowpayments::ProviderPaymentId::new(id).unwrap();
    let new = NewPayment { id: Some(id), order_id: Some(order_id.to_owned()), ..NewPayment::usd(price) };
    sandbox.create_payment(new).unwrap();
    sandbox
        .set_status(id, Status::Finished, Change { actually_paid: Some(price), ..Change::default() })
        .unwrap();
}

fn with_login(place: Place, sandbox: &SandboxHandle) -> Place {
    place
        .with("TOLLHOUSE_NOWPAYMENTS_API_KEY", "the-key")
        .with("TOLLHOUSE_NOWPAYMENTS_API_URL", &sandbox.api_url())
        .with("TOLLHOUSE_NOWPAYMENTS_EMAIL", "merchant@sandbox.test")
        .with("TOLLHOUSE_NOWPAYMENTS_PASSWORD", "sandbox")
}

fn order(place: &Place) -> String {
    let (channel, plan) = place.channel();
    let order =
        place.json(&["order", "create", "--channel", &channel, "--plan", &plan, "--telegram-user", "7"]);
    text(&order["order_id"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f29_what_is_missing_is_shown_then_taken_in_once() {
    let sandbox = provider().await;
    let place = with_login(Place::new(), &sandbox);
    let order = order(&place);
    paid(&sandbox, 4_479_119_533, &order);

    let dry = place.json(&["reconcile", "--dry-run"]);
    has_members(
        &dry,
        &[
            "since",
            "until",
            "dry_run",
            "complete",
            "lists_payments",
            "listed",
            "asked",
            "found",
            "unanswered",
            "foreign",
            "unreadable",
        ],
    );
    is_instant(&dry["since"]);
    assert_eq!(
        (&dry["listed"], &dry["complete"], &dry["lists_payments"]),
        (&json!(1), &json!(true), &json!(true))
    );
    has_members(
        &dry["found"][0],
        &["payment_id", "status", "recorded_status", "order_ref", "verdict", "reason", "order_id", "granted"],
    );
    assert_eq!(
        (&dry["found"][0]["payment_id"], &dry["found"][0]["verdict"]),
        (&json!("np_4479119533"), &Value::Null)
    );
    assert_eq!(place.json(&["order", "show", &order])["state"], "open", "a dry run changes nothing");
    assert_eq!(place.json(&["payment", "list"]), json!([]));

    let first = place.json(&["reconcile", "--since", "1h"]);
    let found = &first["found"][0];
    assert_eq!(
        (&found["verdict"], &found["order_id"], &found["granted"]),
        (&json!("applied"), &json!(order), &json!(true))
    );
    assert_eq!(place.json(&["payment", "show", "4479119533"])["events"][0]["source"], "poll");
    assert_eq!(place.json(&["reconcile"])["found"], json!([]));
    let said = place.run(&["reconcile"]);
    assert!(said.code == 0 && said.stdout.contains("0 taken in"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_statement_is_written_and_ends_with_1_where_something_is_not_explained() {
    let sandbox = provider().await;
    let place = with_login(Place::new(), &sandbox);
    let order = order(&place);
    paid(&sandbox, 4_479_119_533, &order);
    let csv = place.file("report.csv", "of yesterday");

    // With the period and the account at hand everything that can be taken in is, and both sides agree.
    let said = place.json(&["reconcile", "--report", &csv]);
    let totals = &said["report"]["totals"];
    has_members(
        totals,
        &[
            "payments",
            "credited",
            "refunded",
            "paid_orders",
            "sold",
            "received",
            "differences",
            "unexplained",
            "unreadable",
        ],
    );
    assert_eq!((&totals["credited"], &totals["differences"]), (&json!(1), &json!(0)));
    assert_eq!(totals["sold"], json!([{"amount": "5.00", "currency": "usd"}]));
    let written = std::fs::read_to_string(&csv).unwrap();
    let lines: Vec<&str> = written.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("payment_id,created_at,provider_status,"), "{written}");
    assert!(lines[1].starts_with("np_4479119533,") && lines[1].contains(&order), "{written}");

    // What is only recorded here cannot be explained from here.
    place.notify(&crate::support::finished(77, Some(&order), "5.00")).await;
    let report = place.file("report.json", "");
    let said = place.run(&["reconcile", "--report", &report]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.stdout.contains("unknown_to_provider")
            && said.stderr.contains("differences that nothing explains: 1"),
        "{said:?}"
    );
    // The number above the table is that of its rows.
    let (summary, rows) = said.stdout.split_once("EXPLAINED  WHAT IT IS").unwrap();
    let rows: Vec<&str> = rows.lines().filter(|line| !line.is_empty()).collect();
    assert!(rows.len() > 2, "a payment with two differences: {said:?}");
    let counted = format!("Differences  {} (in 2 rows), 1 of them not explained\n", rows.len());
    assert!(summary.contains(&counted), "{counted} in {said:?}");
    let statement: Value = serde_json::from_str(&std::fs::read_to_string(&report).unwrap()).unwrap();
    has_members(&statement, &["from", "until", "made_at", "totals", "rows"]);
    let row = statement["rows"].as_array().unwrap().iter().find(|row| row["payment_id"] == "np_77").unwrap();
    let difference = &row["differences"][0];
    has_members(difference, &["kind", "explained", "sentence"]);
    assert_eq!(
        (&difference["kind"], &difference["explained"]),
        (&json!("unknown_to_provider"), &json!(false))
    );
    let folder = std::path::Path::new(&report).parent().unwrap();
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".part")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_asked_is_said() {
    let sandbox = provider().await;
    let place = Place::new();
    place.run(&["reconcile"]).complains(2, &["TOLLHOUSE_NOWPAYMENTS_API_KEY"]);
    let place = with_login(place, &sandbox);
    place.run(&["reconcile", "--since", "soon"]).complains(2, &["2d"]);
    place.run(&["reconcile", "--since", "1h", "--until", "2h"]).complains(2, &["not before"]);
    place.run(&["reconcile", "--report", "report.xlsx"]).complains(2, &["--report", ".csv"]);

    let doctor = |place: &Place| {
        let said = place.run(&["doctor", "--json"]);
        let checks: Value = serde_json::from_str(&said.stdout).unwrap();
        let check = checks.as_array().unwrap().iter().find(|check| check["check"] == "reconciler").cloned();
        check.unwrap_or_else(|| panic!("{checks}"))
    };
    assert_eq!(doctor(&place)["status"], "ok");

    let wrong = place.with("TOLLHOUSE_NOWPAYMENTS_PASSWORD", "wrong");
    let said = wrong.run(&["reconcile"]);
    assert!(said.code == 1 && said.stderr.contains("login"), "{said:?}");
    assert!(said.stdout.contains("In the list    not read"), "{said:?}");
    let said = wrong.run(&["reconcile", "--json"]);
    let done: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&done["lists_payments"], &done["complete"]), (&json!(false), &json!(false)));
    assert_eq!(doctor(&wrong)["status"], "fail");
    let place = wrong.without("TOLLHOUSE_NOWPAYMENTS_PASSWORD").without("TOLLHOUSE_NOWPAYMENTS_EMAIL");
    place.run(&["reconcile", "--report", "report.csv"]).complains(2, &["TOLLHOUSE_NOWPAYMENTS_EMAIL"]);
    assert!(!place.has_file("report.csv"));
    let half = place.run(&["reconcile", "--json"]);
    assert!(half.stderr.contains("TOLLHOUSE_NOWPAYMENTS_EMAIL"), "{half:?}");
    assert_eq!((&half.json()["lists_payments"], &half.json()["complete"]), (&json!(false), &json!(true)));
    assert_eq!(doctor(&place)["status"], "warn");

    let place = with_login(place, &sandbox);
    drop(sandbox);
    let said = place.run(&["reconcile"]);
    assert!(said.code == 1 && said.stderr.contains("cannot be reached"), "{said:?}");
}

/// The real program takes in at its start what came while it was down.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f29_serve_begins_with_what_came_while_it_was_down() {
    let sandbox = provider().await;
    let place = with_login(Place::new(), &sandbox)
        .with("TOLLHOUSE_TELEGRAM_MODE", "off")
        .with("TOLLHOUSE_LOG", "tollhouse=info")
        .with("TOLLHOUSE_LOG_FORMAT", "json");
    let order = order(&place);
    paid(&sandbox, 4_479_119_533, &order);
    let mut child = place.command(&["serve", "--only", "reconcile"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let taken_in = lines.find_map(|line| {
        let log: Value = serde_json::from_str(&line.unwrap()).ok()?;
        (log["message"] == "the provider knew more of a payment than we did").then_some(log)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(taken_in.unwrap()["granted"], true);
    assert_eq!(place.json(&["order", "show", &order])["state"], "paid");
}
