//! The offer and donations, on the command line.

use serde_json::{Value, json};

use crate::support::{PRIVATE_CHAT, PUBLIC_CHAT, Place, has_members, is_instant, text};

fn add(place: &Place) -> String {
    let plan = ["--title", "Signals", "--plan", "Monthly=5.00 USD/30d"];
    let chats = ["channel", "add", "--private-chat", PRIVATE_CHAT, "--public-chat", PUBLIC_CHAT];
    text(&place.json(&[&chats[..], &plan[..]].concat())["id"])
}

#[test]
fn f58_an_offer_is_there_with_its_channel_shown_changed_and_posted() {
    let place = Place::new();
    let channel = add(&place);
    let begins = place.json(&["channel", "offer", &channel]);
    has_members(
        &begins,
        &[
            "channel_id",
            "public_chat_id",
            "description",
            "every_hours",
            "next_at",
            "donations",
            "link_ids",
            "post",
            "former",
        ],
    );
    assert_eq!((&begins["channel_id"], &begins["public_chat_id"]), (&json!(channel), &json!(PUBLIC_CHAT)));
    for nothing in ["description", "every_hours", "next_at", "post"] {
        assert_eq!(begins[nothing], Value::Null, "{nothing}");
    }
    let usd = |amount: &str| json!({"amount": amount, "currency": "usd"});
    let offered = json!({
        "open": true, "amounts": [usd("5"), usd("10"), usd("25"), usd("50")], "least": usd("1"), "most": usd("10000"),
    });
    assert_eq!(begins["donations"], offered);

    let changed = place.json(&[
        "channel",
        "offer",
        PUBLIC_CHAT,
        "--description",
        "Daily & <early>",
        "--every",
        "1d",
        "--donations",
        "3,7.50 EUR",
        "--donation-min",
        "2",
        "--donation-max",
        "500",
    ]);
    assert_eq!((&changed["description"], &changed["every_hours"]), (&json!("Daily & <early>"), &json!(24)));
    is_instant(&changed["next_at"]);
    let eur = |amount: &str| json!({"amount": amount, "currency": "eur"});
    assert_eq!(changed["donations"]["amounts"], json!([eur("3"), eur("7.50")]));
    assert_eq!(changed["donations"]["least"], eur("2"));
    let closed = place.json(&["channel", "offer", &channel, "--donations", "off", "--every", "never"]);
    assert_eq!(closed["donations"]["open"], false);
    assert_eq!(closed["donations"]["amounts"], json!([eur("3"), eur("7.50")]), "what was set is kept");
    assert_eq!(place.json(&["channel", "offer", &channel]), closed);

    is_instant(&place.json(&["channel", "post", &channel])["next_at"]);
    let jobs = place.json(&["job", "list", "--kind", "post_offer"]);
    assert_eq!(jobs.as_array().unwrap().len(), 1);
    let said = place.run(&["channel", "offer", &channel]);
    assert!(
        said.stdout.contains("Daily & <early>") && said.stdout.contains("only when you ask"),
        "{}",
        said.stdout
    );
}

#[test]
fn an_offer_that_cannot_be_is_refused_with_what_helps() {
    let place = Place::new();
    let channel = add(&place);
    for (arguments, code, about) in [
        (vec!["--every", "1w"], 2, "12h"),
        (vec!["--every", "0h"], 2, "every 1 to 8760"),
        (vec!["--every", "9000h"], 2, "every 1 to 8760"),
        (vec!["--donations", "5,10"], 2, "currency"),
        (vec!["--donations", "10,5 USD"], 2, "ascend"),
        (vec!["--donations", "5 USD", "--donation-min", "6"], 2, "between 6"),
        (vec!["--donation-min", "-1"], 2, "'-1'"),
        (vec!["--description", ""], 2, "1 to 1000"),
    ] {
        place.run(&[&["channel", "offer", &channel][..], &arguments].concat()).complains(code, &[about]);
    }
    let plan = ["--title", "Other", "--plan", "Monthly=5.00 USD/30d"];
    let other = place.json(&[&["channel", "add", "--private-chat", "-1009"][..], &plan[..]].concat());
    place.run(&["channel", "post", &text(&other["id"])]).complains(2, &["public chat"]);
    place.json(&["channel", "archive", &channel]);
    place.run(&["channel", "post", &channel]).complains(1, &["archived"]);
}
