//! What an owner decides about odd payments, and what nobody can pay.

use nowpayments::sandbox::{Sandbox, SandboxConfig};
use serde_json::json;
use tollhouse::clock::Clock;

use crate::support::{PRIVATE_CHAT, PUBLIC_CHAT, Place, finished, text};

const ADD: [&str; 7] =
    ["channel", "add", "--private-chat", PRIVATE_CHAT, "--title", "Signals", "--plan=Monthly=5.00 USD/30d"];

#[test]
fn a_new_channel_has_the_configured_policies_unless_it_is_told_others() {
    let place = Place::new()
        .with("TOLLHOUSE_POLICY_LATE", "attention")
        .with("TOLLHOUSE_POLICY_UNDERPAYMENT_TOLERANCE", "0.05");
    let added = place.json(&[&ADD[..], &["--refund", "keep", "--grace-hours", "48"]].concat());
    assert_eq!(
        added["policies"],
        json!({
            "underpayment_tolerance": "0.05", "top_up": "complete", "finished_floor": "0.99", "late": "attention",
            "overpaid": "record", "child_payment": "add", "refund": "keep", "unmatched_price": "default_days", "grace_hours": 48,
            "membership": {"reminder_hours": [72, 24, 0], "strangers": "report", "removals_max": 50, "removals_share": "0.20"},
        })
    );
    place.run(&[&ADD[..], &["--refund", "maybe"]].concat()).complains(2, &["--refund", "revoke, keep"]);
    place.run(&[&ADD[..], &["--finished-floor", "99"]].concat()).complains(2, &["between 0 and 1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_are_set_for_one_channel_or_for_all_and_the_change_is_audited() {
    let place = Place::new();
    let first = place.json(&ADD);
    let id = text(&first["id"]);
    place.json(&[
        "channel",
        "add",
        "--private-chat",
        PUBLIC_CHAT,
        "--title",
        "Other",
        "--plan",
        "Monthly=5.00 USD/30d",
    ]);
    let set = place.json(&["channel", "set", &id, "--overpaid", "attention"]);
    assert_eq!((&set["id"], &set["policies"]["overpaid"]), (&json!(id), &json!("attention")));
    assert_eq!(set["policies"]["late"], "honour", "what is not named stays");
    let all =
        place.json(&["channel", "set", "--all", "--late-payment", "attention", "--top-up", "attention"]);
    assert_eq!(all.as_array().unwrap().len(), 2);
    for channel in all.as_array().unwrap() {
        assert_eq!(
            (&channel["policies"]["late"], &channel["policies"]["top_up"]),
            (&json!("attention"), &json!("attention"))
        );
    }
    let shown = place.run(&["channel", "show", &id]).stdout;
    assert!(shown.contains("Overpaid") && shown.contains("attention"), "{shown}");
    place.run(&["channel", "set", &id]).complains(2, &["what is to be different"]);
    place.run(&["channel", "set", "--overpaid", "attention"]).complains(2, &["CHANNEL"]);
    place
        .run(&["channel", "set", &id, "--all", "--overpaid", "record"])
        .complains(2, &["cannot be used with"]);

    let audit = place.json(&["audit", "list"]);
    let entries = audit.as_array().unwrap();
    let changes = entries.iter().filter(|entry| entry["action"] == "channel.policies_set");
    assert!(changes.clone().all(|entry| entry["actor"] == "cli:alice"));
    assert_eq!(changes.count(), 3);
    assert!(entries.iter().any(|entry| entry["action"] == "plan.added" && entry["actor"] == "cli:alice"));

    // It counts: more than the price is on the list now.
    let plan = text(&first["plans"][0]["id"]);
    let order = place.json(&["order", "create", "--channel", &id, "--plan", &plan, "--telegram-user", "7"]);
    let body = finished(5, Some(&text(&order["order_id"])), "5.00")
        .replace(r#""actually_paid":"5.00""#, r#""actually_paid":"9""#);
    place.notify(&body).await;
    let items = place.json(&["attention", "list"]);
    assert_eq!(
        (&items[0]["reason"], &items[0]["actions"]),
        (&json!("overpaid"), &json!(["refund", "dismiss"]))
    );
    assert!(text(&items[0]["message"]).contains("4.00 USDTTRC20 too much"), "{items}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_price_that_nobody_can_pay_is_told_when_it_is_set_and_when_it_is_ordered() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = SandboxConfig::new("the-key", "the-secret", Clock::default().as_fn());
    let sandbox = Sandbox::start(config).await.unwrap();
    let place = Place::new()
        .with("TOLLHOUSE_NOWPAYMENTS_API_KEY", "the-key")
        .with("TOLLHOUSE_NOWPAYMENTS_API_URL", &sandbox.api_url());
    let said = place.run(&[&ADD[..], &["--plan", "Day=0.30 USD/1d", "--json"]].concat());
    assert!(said.stderr.contains("\"Day\": 0.30 USD is below the smallest amount"), "{said:?}");
    assert!(!said.stderr.contains("Monthly"), "{said:?}");
    let channel = said.json();
    let id = text(&channel["id"]);
    let added = place.run(&["channel", "plan", "add", &id, "--plan", "Hour=0.10 USD/1d", "--json"]);
    assert!(added.stderr.contains("0.5 USD: nobody can pay it"), "{added:?}");
    assert_eq!(added.json()["label"], "Hour", "it is on sale all the same: minimums move");

    let day = text(&channel["plans"][1]["id"]);
    let ordered = place.run(&["order", "create", "--channel", &id, "--plan", &day, "--json"]);
    assert!(ordered.stderr.contains("below the smallest amount"), "{ordered:?}");
    let order = ordered.json();
    assert_eq!(order["invoice_url"], json!(null));
    assert_eq!(
        (&order["invoice_problem"]["problem"], &order["invoice_problem"]["minimum"]["amount"]),
        (&json!("below_minimum"), &json!("0.5"))
    );
    assert!(text(&order["invoice_problem"]["message"]).contains("nobody can pay it"), "{order}");

    let checks = place.run(&["doctor", "--json"]);
    let checks: serde_json::Value = serde_json::from_str(&checks.stdout).unwrap();
    let prices = checks.as_array().unwrap().iter().find(|check| check["check"] == "prices").unwrap();
    assert_eq!(prices["status"], "warn");
    let message = text(&prices["message"]);
    assert!(
        message.contains("0.30 USD") && message.contains("0.10 USD") && !message.contains("5.00"),
        "{message}"
    );
}
