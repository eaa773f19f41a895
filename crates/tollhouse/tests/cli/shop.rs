//! What is sold, ordered and given by hand.

use serde_json::{Value, json};

use crate::support::{PRIVATE_CHAT, PUBLIC_CHAT, Place, has_members, is_instant, text};

#[test]
fn a_channel_from_its_registration_to_the_archive() {
    let place = Place::new();
    assert_eq!(place.json(&["channel", "list"]), json!([]));
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
        "--plan",
        "Life=99 USD/lifetime",
        "--owner",
        "42",
        "--payout-address",
        "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
        "--payout-currency",
        "usdttrc20",
    ]);
    let members = [
        "id",
        "title",
        "private_chat_id",
        "public_chat_id",
        "owner",
        "payout",
        "payout_change",
        "policies",
        "archived_at",
        "frozen_at",
        "created_at",
        "plans",
    ];
    has_members(&added, &[&members[..], &["taken_up"]].concat());
    assert_eq!(added["private_chat_id"], PRIVATE_CHAT);
    assert_eq!(added["public_chat_id"], PUBLIC_CHAT);
    assert_eq!(added["owner"], "42");
    assert_eq!(
        added["payout"],
        json!({"address": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "currency": "usdttrc20"})
    );
    assert_eq!(added["archived_at"], Value::Null);
    is_instant(&added["created_at"]);
    let id = text(&added["id"]);
    assert!(id.starts_with("chn_"));
    let monthly = &added["plans"][0];
    has_members(monthly, &["id", "channel_id", "label", "price", "duration", "active", "created_at"]);
    assert_eq!(monthly["label"], "Monthly");
    assert_eq!(monthly["price"], json!({"amount": "5.00", "currency": "usd"}));
    assert_eq!(monthly["duration"], json!({"days": 30}));
    assert_eq!(monthly["active"], true);
    assert_eq!(added["plans"][1]["duration"], "lifetime");

    let listed = place.json(&["channel", "list"]);
    has_members(&listed[0], &members);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    for named in [id.as_str(), PRIVATE_CHAT, PUBLIC_CHAT] {
        assert_eq!(place.json(&["channel", "show", named]), listed[0], "{named}");
    }

    let plan = place.json(&["channel", "plan", "add", PRIVATE_CHAT, "--plan", "Week=2 USD/7d"]);
    assert_eq!(plan["duration"], json!({"days": 7}));
    let plan_id = text(&plan["id"]);
    let retired = place.json(&["channel", "plan", "retire", "--channel", &id, "--plan", &plan_id]);
    assert_eq!(retired["active"], false);
    assert_eq!(place.json(&["channel", "plan", "retire", &plan_id]), retired);

    is_instant(&place.json(&["channel", "archive", &id])["archived_at"]);
    assert_eq!(place.json(&["channel", "list"]), json!([]));
    assert_eq!(place.json(&["channel", "list", "--archived"])[0]["id"], added["id"]);
}

#[test]
fn f50_an_archived_channel_is_put_on_sale_again() {
    let place = Place::new();
    let (channel, plan) = place.channel();
    let link = place.json(&["link", "create", "--channel", &channel, "--plan", &plan]);
    let order = || place.run(&["order", "create", "--channel", &channel, "--plan", &plan, "--json"]);
    let link_now = || place.json(&["link", "list"])[0].clone();
    place.json(&["channel", "archive", &channel]);
    assert_eq!(link_now()["state"], "channel_archived");
    order().complains(1, &["archived"]);
    place
        .run(&["channel", "add", "--private-chat", PRIVATE_CHAT, "--title", "Again", "--plan", "A=1 USD/1d"])
        .complains(1, &[&format!("tollhouse channel unarchive {channel}")]);
    for _ in 0..2 {
        assert_eq!(place.json(&["channel", "unarchive", PRIVATE_CHAT])["archived_at"], Value::Null);
    }
    assert_eq!(link_now(), link, "the link that it had");
    assert_eq!(order().code, 0);
}

#[test]
fn a_channel_is_given_to_another_owner_with_a_reason() {
    let place = Place::new();
    let (channel, _) = place.channel();
    let owner =
        |arguments: &[&str]| place.run(&[&["channel", "owner", PRIVATE_CHAT][..], arguments].concat());
    owner(&["--set", "77"]).complains(2, &["--reason"]);
    owner(&["--set", "77", "--reason", " "]).complains(2, &["reason"]);
    owner(&["--reason", "r"]).complains(2, &["--set"]);
    owner(&["--set", "77", "--none", "--reason", "r"]).complains(2, &["--none"]);
    owner(&["--set", "0", "--reason", "r"]).complains(2, &["--set"]);
    let given = owner(&["--set", "77", "--reason", "sold to Adam", "--json"]);
    assert_eq!((given.code, &given.json()["owner"]), (0, &json!("77")));
    assert_eq!(place.json(&["channel", "show", &channel])["owner"], "77");
    let shown = owner(&["--set", "77", "--reason", "again"]).stdout;
    assert!(shown.lines().any(|line| line.starts_with("Owner ") && line.ends_with(" 77")), "{shown}");
    assert_eq!(owner(&["--none", "--reason", "left", "--json"]).json()["owner"], Value::Null);
    let audit = place.json(&["audit", "list"]);
    let entries = audit.as_array().unwrap().iter().filter(|entry| entry["action"] == "channel.owner_set");
    let reasons: Vec<String> = entries.map(|entry| text(&entry["reason"])).collect();
    assert_eq!(reasons, ["sold to Adam", "left"]);
}

#[test]
fn f108_s38_a_chat_is_registered_once() {
    let place = Place::new();
    let (channel, _) = place.channel();
    place
        .run(&[
            "channel",
            "add",
            "--private-chat",
            PRIVATE_CHAT,
            "--title",
            "Mine now",
            "--plan",
            "A=1 USD/1d",
        ])
        .complains(1, &["already registered", &channel]);
    assert_eq!(place.json(&["channel", "show", &channel])["title"], "Signals");
}

/// The chat that one channel sells may be where another is offered.
#[test]
fn f108_a_chat_that_two_channels_have_means_the_one_that_sells_it() {
    for inner_first in [true, false] {
        let place = Place::new();
        let inner = ["--private-chat", "-1005000000002", "--public-chat", "-1005000000001"];
        let outer = ["--private-chat", "-1005000000001"];
        let add = |title: &str, chats: &[&str]| {
            let rest = ["--title", title, "--plan", "Month=5 USD/30d"];
            place.json(&[&["channel", "add"], chats, &rest].concat());
        };
        if inner_first {
            add("Inner", &inner);
            add("Outer", &outer);
        } else {
            add("Outer", &outer);
            add("Inner", &inner);
        }
        for (chat, title) in [("-1005000000001", "Outer"), ("-1005000000002", "Inner")] {
            assert_eq!(place.json(&["channel", "show", chat])["title"], title);
        }
        // Where only the offer stands it means that one.
        place.json(&[
            "channel",
            "add",
            "--private-chat=-1005000000003",
            "--public-chat=-1005000000004",
            "--title",
            "Third",
            "--plan",
            "Month=5 USD/30d",
        ]);
        assert_eq!(place.json(&["channel", "show", "-1005000000004"])["title"], "Third");
    }
}

#[test]
fn s01_f109_a_wallet_is_checked_and_a_change_of_it_waits() {
    let place = Place::new();
    let (channel, _) = place.channel();
    let (tron, bitcoin) = ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa");
    let to =
        |address, currency| ["channel", "payout", &channel, "--address", address, "--currency", currency];
    for (address, currency, about) in [
        (bitcoin, "usdttrc20", "an address of Bitcoin"),
        ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6T", "usdttrc20", "typing mistake"),
        ("wallet", "btc", "no address of Bitcoin"),
        (tron, "nocoin", "cannot be checked"),
    ] {
        place.run(&to(address, currency)).complains(2, &[about]);
    }
    place.run(&["channel", "payout", &channel, "--cancel"]).complains(1, &["no such change"]);
    assert_eq!(place.json(&["channel", "show", &channel])["payout_change"], Value::Null);
    let asked = place.json(&to(tron, "usdttrc20"));
    assert_eq!(asked["payout"], Value::Null, "it does not count yet");
    let change = &asked["payout_change"];
    assert_eq!((&change["address"], &change["currency"]), (&json!(tron), &json!("usdttrc20")));
    is_instant(&change["counts_at"]);
    assert!(text(&change["asked_by"]).starts_with("cli:"));
    let kept = place.json(&["channel", "payout", &channel, "--cancel"]);
    assert_eq!((&kept["payout"], &kept["payout_change"]), (&Value::Null, &Value::Null));
    let actions: Vec<String> = place
        .json(&["audit", "list"])
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| text(&entry["action"]))
        .collect();
    for action in ["payout.change_asked", "payout.change_cancelled"] {
        assert!(actions.iter().any(|known| known == action), "{action}: {actions:?}");
    }
}

#[test]
fn a_link_is_made_listed_and_taken_back() {
    let place = Place::new();
    let (channel, plan) = place.channel();
    let link = place.json(&[
        "link",
        "create",
        "--channel",
        PRIVATE_CHAT,
        "--plan",
        &plan,
        "--expires",
        "30d",
        "--max-uses",
        "2",
    ]);
    has_members(
        &link,
        &[
            "id",
            "slug",
            "url",
            "channel_id",
            "plan_id",
            "state",
            "expires_at",
            "max_uses",
            "uses",
            "revoked_at",
            "created_at",
        ],
    );
    let url = text(&link["url"]);
    assert_eq!(url, format!("https://pay.example.org/c/{}", text(&link["slug"])));
    assert_eq!(
        (&link["channel_id"], &link["plan_id"], &link["state"], &link["max_uses"], &link["uses"]),
        (&json!(channel), &json!(plan), &json!("usable"), &json!(2), &json!(0))
    );
    let lasts = text(&link["expires_at"]).parse::<jiff::Timestamp>().unwrap()
        - text(&link["created_at"]).parse::<jiff::Timestamp>().unwrap();
    assert!((719 * 60 + 59..=720 * 60).contains(&lasts.as_mins()), "{lasts}");

    let forever = place.json(&["link", "create", "--channel", &channel, "--plan", &plan]);
    assert_eq!((&forever["expires_at"], &forever["max_uses"]), (&Value::Null, &Value::Null));

    let revoked = place.json(&["link", "revoke", &url]);
    assert_eq!(revoked["state"], "revoked");
    is_instant(&revoked["revoked_at"]);
    assert_eq!(place.json(&["link", "list", "--channel", &channel]), json!([forever, revoked]));

    let page = place.run(&["link", "list", "--limit", "1", "--json"]);
    assert_eq!(page.json(), json!([forever]));
    assert!(page.stderr.contains(&format!("--before {}", text(&forever["id"]))), "{page:?}");
    assert_eq!(place.json(&["link", "list", "--before", &text(&forever["id"])]), json!([revoked]));

    place.run(&["channel", "plan", "retire", &plan]);
    place.run(&["link", "create", "--channel", &channel, "--plan", &plan]).complains(1, &["retired"]);
    let states = || {
        let links = place.json(&["link", "list"]);
        [links[0]["state"].clone(), links[1]["state"].clone()]
    };
    assert_eq!(states(), [json!("plan_retired"), json!("revoked")]);
    let another = text(&place.json(&["channel", "plan", "add", &channel, "--plan", "Week=2 USD/7d"])["id"]);
    assert!(place.run(&["channel", "show", &channel]).stdout.contains("7 days    on sale"));
    place.json(&["channel", "archive", &channel]);
    assert_eq!(states(), [json!("channel_archived"), json!("revoked")]);
    let shown = place.run(&["channel", "show", &channel]).stdout;
    assert!(shown.contains(&another) && !shown.contains("on sale"), "{shown}");
    let listed = place.run(&["channel", "list", "--archived"]).stdout;
    assert!(!listed.contains("Week"), "{listed}");
}

#[test]
fn an_order_is_made_with_its_page() {
    let place = Place::new();
    let (channel, plan) = place.channel();
    let made = place.run(&[
        "order",
        "create",
        "--channel",
        &channel,
        "--plan",
        &plan,
        "--telegram-user",
        "7",
        "--source",
        "api",
        "--json",
    ]);
    let order = made.json();
    has_members(
        &order,
        &[
            "id",
            "order_id",
            "kind",
            "channel_id",
            "plan_id",
            "telegram_user",
            "source",
            "state",
            "price",
            "duration",
            "donor_message",
            "page_url",
            "invoice_url",
            "invoice_id",
            "invoice_problem",
            "created_at",
            "expires_at",
            "paid_at",
            "updated_at",
            "remaining",
            "overpaid",
            "ruling",
            "link_id",
            "legacy_ref",
        ],
    );
    let id = text(&order["order_id"]);
    assert_eq!(order["id"], order["order_id"]);
    assert_eq!(order["page_url"], format!("https://pay.example.org/o/{id}"));
    assert_eq!(order["invoice_url"], Value::Null);
    assert_eq!(order["invoice_problem"]["problem"], "not_configured");
    assert!(text(&order["invoice_problem"]["message"]).contains("TOLLHOUSE_NOWPAYMENTS_API_KEY"), "{order}");
    assert!(made.stderr.contains("TOLLHOUSE_NOWPAYMENTS_API_KEY"), "{made:?}");
    assert_eq!(
        (&order["telegram_user"], &order["source"], &order["state"], &order["kind"]),
        (&json!("7"), &json!("api"), &json!("open"), &json!("membership"))
    );
    assert_eq!(order["price"], json!({"amount": "5.00", "currency": "usd"}));
    is_instant(&order["expires_at"]);

    let shown = place.json(&["order", "show", &id]);
    assert_eq!(
        (&shown["order_id"], &shown["payments"], &shown["grant"]),
        (&json!(id), &json!([]), &Value::Null)
    );
    assert_eq!(place.json(&["order", "list"]), json!([order]));
    assert_eq!(place.json(&["order", "list", "--user", "8"]), json!([]));
    assert_eq!(place.json(&["order", "list", "--state", "paid"]), json!([]));

    let nobodys = place.json(&["order", "create", "--channel", &channel, "--plan", &plan]);
    assert_eq!(nobodys["telegram_user"], Value::Null);
    place.run(&["order", "show", "ord_00000000000000000000000000000001"]).complains(1, &["no order ord_0"]);
}

#[test]
fn a_membership_given_lengthened_and_taken_back_by_hand() {
    let place = Place::new();
    let (channel, _) = place.channel();
    let given = place.json(&[
        "membership",
        "grant",
        "--channel",
        &channel,
        "--user",
        "7",
        "--days",
        "3",
        "--reason",
        "gift",
    ]);
    has_members(
        &given,
        &[
            "id",
            "channel_id",
            "telegram_user",
            "status",
            "starts_at",
            "ends_at",
            "grants",
            "invite_link",
            "joined_at",
            "removed_at",
            "updated_at",
        ],
    );
    assert_eq!((&given["telegram_user"], &given["status"]), (&json!("7"), &json!("active")));
    has_members(
        &given["grants"][0],
        &[
            "id",
            "order_id",
            "membership_id",
            "duration",
            "granted_at",
            "starts_at",
            "ends_at",
            "delivered_at",
            "revoked_at",
            "revoked_reason",
        ],
    );
    let id = text(&given["id"]);

    let longer = place.json(&["membership", "grant", &id, "--days", "4", "--reason", "sorry for the outage"]);
    let end = |membership: &Value| text(&membership["ends_at"]).parse::<jiff::Timestamp>().unwrap();
    assert_eq!((end(&longer) - end(&given)).as_hours(), 96);
    assert_eq!(longer["grants"].as_array().unwrap().len(), 2);
    let forever = place.json(&[
        "membership",
        "grant",
        "--channel",
        PRIVATE_CHAT,
        "--user",
        "9",
        "--lifetime",
        "--reason",
        "founder",
    ]);
    assert_eq!(forever["ends_at"], Value::Null);

    assert_eq!(place.json(&["membership", "list"]), json!([forever, longer]));
    assert_eq!(place.json(&["membership", "list", "--user", "7", "--channel", &channel]), json!([longer]));
    assert_eq!(place.json(&["membership", "show", "--channel", &channel, "--user", "7"]), longer);

    let revoked = place.json(&["membership", "revoke", &id, "--reason", "chargeback"]);
    assert_eq!(revoked["status"], "revoked");
    assert_eq!(revoked["grants"][1]["revoked_reason"], "chargeback");
    assert_eq!(place.json(&["membership", "list", "--status", "revoked"]), json!([revoked]));

    let audit = place.json(&["audit", "list"]);
    let entries = audit.as_array().unwrap();
    assert!(entries.iter().all(|entry| entry["actor"] == "cli:alice"), "{audit}");
    assert_eq!(entries.iter().filter(|entry| entry["action"] == "grant.created").count(), 3);
    assert!(
        entries.iter().any(|entry| entry["action"] == "grant.revoked" && entry["reason"] == "chargeback")
    );
    has_members(&entries[0], &["sequence", "at", "actor", "action", "subject", "reason", "detail", "hash"]);
    assert_eq!(place.json(&["audit", "list", "--limit", "1"]), json!([entries.last()]));
    assert_eq!(place.json(&["audit", "list", "--after", "1", "--limit", "1"]), json!([entries[1]]));
    for (looks, hint) in
        [(&["--limit", "1"][..], "earlier ones"), (&["--after", "0", "--limit", "1"], "--after 1"), (&[], "")]
    {
        let said = place.run(&[&["audit", "list"], looks].concat());
        assert!(said.stderr.contains(hint) && said.stderr.is_empty() == hint.is_empty(), "{said:?}");
    }
    let behind = place.run(&["audit", "list", "--after", "9999"]);
    assert_eq!(behind.stdout, "Nothing stands behind that number.\n");
    let verified = place.json(&["audit", "verify"]);
    // `sudo -u tollhouse tollhouse …` says who the person is.
    let sudo = place.with("USER", "tollhouse").with("SUDO_USER", "bob");
    let (again, reason) = (["membership", "grant", &id, "--days", "1"], ["--reason", "again"]);
    sudo.json(&[&again[..], &reason].concat());
    let audit = sudo.json(&["audit", "list"]);
    assert_eq!(audit.as_array().unwrap().last().unwrap()["actor"], "cli:bob as tollhouse");
    assert_eq!((&verified["entries"], &verified["holds"]), (&json!(entries.len()), &json!(true)));
    assert_eq!(verified["head"], entries.last().unwrap()["hash"]);
}

#[test]
fn steps_towards_the_outside_are_listed_and_tried_again() {
    let place = Place::new();
    let (channel, _) = place.channel();
    place.json(&[
        "membership",
        "grant",
        "--channel",
        &channel,
        "--user",
        "7",
        "--days",
        "3",
        "--reason",
        "gift",
    ]);
    let jobs = place.json(&["job", "list", "--kind", "deliver_access"]);
    let job = &jobs[0];
    has_members(
        job,
        &[
            "id",
            "kind",
            "subject",
            "channel_id",
            "order_id",
            "telegram_user",
            "state",
            "run_at",
            "attempt",
            "leased_until",
            "last_error",
            "created_at",
            "finished_at",
        ],
    );
    assert_eq!(
        (&job["state"], &job["attempt"], &job["channel_id"]),
        (&json!("ready"), &json!(0), &json!(channel))
    );
    assert_eq!((&job["order_id"], &job["telegram_user"]), (&Value::Null, &json!("7")));
    assert_eq!(&place.json(&["job", "show", &text(&job["id"])]), job);
    place.run(&["job", "show", "job_00000000000000000000000000000001"]).complains(1, &["no job job_0"]);
    assert_eq!(place.json(&["job", "retry", &text(&job["id"])])["state"], "ready");
    assert_eq!(place.json(&["job", "list", "--state", "dead"]), json!([]));
    place.run(&["job", "retry", "job_00000000000000000000000000000001"]).complains(1, &["no job job_0"]);
}
