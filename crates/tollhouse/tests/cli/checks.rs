//! How the binary behaves when it is called, or configured, wrongly; the doctor; the sandbox.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use nowpayments::sandbox::{Sandbox, SandboxConfig};
use serde_json::{Value, json};
use tollhouse::clock::Clock;
use tollhouse_telegram::fake::{FakeConfig, FakeTelegram, NewChat, NewUser};
use tollhouse_telegram::{AdminRights, ChatId, UserId};

use crate::support::{PRIVATE_CHAT, Place, text};

const CHANNEL: &str = "chn_00000000000000000000000000000001";
const PLAN: &str = "pln_00000000000000000000000000000001";
const MEMBERSHIP: &str = "mem_00000000000000000000000000000001";

#[test]
fn bad_usage_ends_with_2_and_names_what_is_wrong() {
    let place = Place::new();
    let add = ["channel", "add", "--private-chat", PRIVATE_CHAT, "--title", "T", "--plan"];
    let plan = |plan| [&add[..], &[plan]].concat();
    let cases: &[(Vec<&str>, &str)] = &[
        (vec![], "Usage"),
        (vec!["sell"], "sell"),
        (vec!["channel", "add", "--title", "T", "--plan", "A=1 USD/1d"], "--private-chat"),
        (
            vec!["channel", "add", "--private-chat", "5", "--title", "T", "--plan", "A=1 USD/1d"],
            "negative number",
        ),
        (add[..6].to_vec(), "--plan"),
        (plan("Monthly=5.00/30d"), "AMOUNT CURRENCY"),
        (plan("Monthly=5.00 USD/30"), "\"30\""),
        (plan("Monthly=0 USD/30d"), "above zero"),
        ([&plan("A=1 USD/1d")[..], &["--payout-address", "x"]].concat(), "--payout-currency"),
        ([&plan("A=1 USD/1d")[..], &["--public-chat", PRIVATE_CHAT]].concat(), "two chats"),
        (vec!["channel", "show"], "CHANNEL"),
        (vec!["channel", "show", "Signals"], "chn_"),
        (vec!["link", "create", "--channel", CHANNEL, "--plan", PLAN, "--expires", "soon"], "30d"),
        (vec!["link", "create", "--channel", CHANNEL, "--plan", PLAN, "--max-uses", "0"], "--max-uses"),
        (vec!["link", "create", "--channel", CHANNEL, "--plan", CHANNEL], "pln_"),
        (vec!["order", "show", "7"], "ord_"),
        (
            vec!["order", "create", "--channel", CHANNEL, "--plan", PLAN, "--source", "notification"],
            "--source",
        ),
        (vec!["order", "list", "--limit", "0"], "--limit"),
        (vec!["payment", "show", "0"], "4479119533"),
        (vec!["payment", "recover", "6", "--order", "PGP-7|-1"], "ord_"),
        (vec!["membership", "grant", MEMBERSHIP, "--days", "3"], "--reason"),
        (vec!["membership", "grant", MEMBERSHIP, "--days", "0", "--reason", "r"], "--days"),
        (vec!["membership", "grant", MEMBERSHIP, "--reason", "r"], "--days"),
        (vec!["membership", "grant", "--channel", CHANNEL, "--days", "3", "--reason", "r"], "--user"),
        (vec!["membership", "revoke", MEMBERSHIP, "--reason", ""], "reason"),
        (
            vec![
                "attention",
                "resolve",
                "att_00000000000000000000000000000001",
                "--as",
                "settled",
                "--reason",
                "r",
            ],
            "dismiss",
        ),
        (vec!["serve", "--only", "cron"], "worker"),
        (vec!["demo", "--listen", "8080"], "--listen"),
    ];
    for (arguments, about) in cases {
        place.run(arguments).complains(2, &[about]);
    }
}

#[test]
fn what_is_not_there_ends_with_1() {
    let place = Place::new();
    for arguments in [
        &["channel", "show", CHANNEL][..],
        &["channel", "show", "-100777"],
        &["channel", "plan", "retire", PLAN],
        &["link", "revoke", "aZ09aZ09aZ0"],
        &["order", "create", "--channel", CHANNEL, "--plan", PLAN],
        &["membership", "show", MEMBERSHIP],
        &["membership", "revoke", MEMBERSHIP, "--reason", "r"],
    ] {
        place.run(arguments).complains(1, &["error: no"]);
    }
}

#[test]
fn help_is_an_answer_and_names_every_command() {
    let said = Place::new().run(&["--help"]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    for command in [
        "demo",
        "serve",
        "migrate",
        "doctor",
        "channel",
        "link",
        "order",
        "payment",
        "reconcile",
        "membership",
        "attention",
        "audit",
        "job",
        "sandbox",
    ] {
        assert!(said.stdout.contains(&format!("\n  {command} ")), "{command}");
    }
    assert!(!said.stdout.contains("bench"));
}

#[test]
fn f07_a_wrong_configuration_ends_with_2_and_names_the_key() {
    let place = Place::new().with("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET_KEY", "x");
    place.run(&["channel", "list"]).complains(
        2,
        &["TOLLHOUSE_NOWPAYMENTS_IPN_SECRET_KEY", "did you mean TOLLHOUSE_NOWPAYMENTS_IPN_SECRET?"],
    );
    let place = place.without("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET_KEY");
    place.run(&["serve"]).complains(2, &["TOLLHOUSE_NOWPAYMENTS_IPN_SECRET"]);
    place.run(&["channel", "list", "--config", "nowhere.toml"]).complains(2, &["nowhere.toml"]);
    let file = place.file("wrong.toml", "databse_url = \"sqlite://t.db\"\n");
    place
        .run(&["--config", &file, "channel", "list"])
        .complains(2, &["databse_url", "did you mean database_url?"]);
    let folderless = place.with("TOLLHOUSE_DATABASE_URL", "sqlite://");
    folderless.run(&["channel", "list"]).complains(2, &["database URL"]);
}

#[test]
fn the_environment_wins_over_the_file_that_is_named() {
    let place = Place::new().without("TOLLHOUSE_PUBLIC_URL");
    let (channel, plan) = place.channel();
    let file = place.file("settings.toml", "public_url = \"https://file.example.org\"\n");
    let url = |place: &Place| {
        let link = place.json(&["--config", &file, "link", "create", "--channel", &channel, "--plan", &plan]);
        text(&link["url"])
    };
    assert!(url(&place).starts_with("https://file.example.org/c/"));
    let place = place.with("TOLLHOUSE_PUBLIC_URL", "https://env.example.org");
    assert!(url(&place).starts_with("https://env.example.org/c/"));
}

#[test]
fn who_forgot_to_say_which_database_is_not_told_that_all_is_well_in_a_new_one() {
    let place = Place::new().without("TOLLHOUSE_DATABASE_URL");
    for looks in [&["attention", "list"][..], &["payment", "list"], &["payment", "recover", "1"]] {
        let said = place.run(looks);
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{looks:?}: {}", said.stderr);
        assert!(said.stderr.contains("--config"), "{}", said.stderr);
    }
    assert!(!place.has_file("tollhouse.db"), "a look made a database");
    place.channel();
    assert!(place.has_file("tollhouse.db"), "whoever registers a channel begins one");
    assert_eq!(place.run(&["attention", "list"]).code, 0);
}

#[test]
fn people_get_tables_and_no_log_lines_in_the_answer() {
    let place = Place::new();
    let empty = place.run(&["order", "list"]);
    assert_eq!((empty.code, empty.stdout.as_str(), empty.stderr.as_str()), (0, "No orders.\n", ""));
    let (channel, _) = place.channel();
    let listed = place.run(&["channel", "list"]);
    assert!(listed.stdout.starts_with("ID "), "{listed:?}");
    assert!(listed.stdout.contains(&channel) && listed.stdout.contains("Monthly 5.00 USD for 30 days"));
    let logged = place.with("TOLLHOUSE_LOG", "trace").run(&["channel", "list", "--json"]);
    assert_eq!(logged.json()[0]["id"], channel);
}

#[test]
fn the_schema_is_brought_up_to_date_once() {
    let place = Place::new();
    let first = place.json(&["migrate"]);
    assert_eq!((&first["from"], &first["changed"]), (&json!(0), &json!(true)));
    let again = place.json(&["migrate"]);
    assert_eq!(
        (&again["from"], &again["to"], &again["changed"]),
        (&first["to"], &first["to"], &json!(false))
    );
}

fn status_of<'a>(checks: &'a Value, name: &str) -> &'a Value {
    let checks = checks.as_array().unwrap();
    let check = checks.iter().find(|check| check["check"] == name);
    check.unwrap_or_else(|| panic!("{name} in {checks:?}"))
}

#[test]
fn the_doctor_fails_without_a_secret_and_leaves_nothing_behind() {
    let place = Place::new();
    let said = place.run(&["doctor", "--json"]);
    assert_eq!(said.code, 1, "{said:?}");
    let checks: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(status_of(&checks, "configuration")["status"], "ok");
    assert_eq!(status_of(&checks, "database")["status"], "warn");
    assert!(text(&status_of(&checks, "database")["mend"]).contains("tollhouse migrate"));
    assert_eq!(status_of(&checks, "ipn secret")["status"], "fail");
    assert!(text(&status_of(&checks, "ipn secret")["mend"]).contains("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET"));
    assert!(!place.has_file("t.db"), "a check makes no database");

    let place = place.with("TOLLHOUSE_LISTEN", "8080");
    let said = place.run(&["doctor"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stdout.contains("FAIL") && said.stdout.contains("TOLLHOUSE_LISTEN"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_looks_at_the_provider_and_at_the_bots_rights_in_every_channel() {
    const OWNER: UserId = UserId(42);
    const CHAT: ChatId = ChatId(-1_003_016_667_267);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let now = Clock::default().as_fn();
    let sandbox = Sandbox::start(SandboxConfig::new("the-key", "the-secret", now.clone())).await.unwrap();
    let telegram = FakeTelegram::start(FakeConfig::new(now)).await.unwrap();
    telegram.add_user(NewUser::new(OWNER.0, "Owner")).unwrap();
    telegram.add_chat(NewChat::channel(CHAT.0, "Signals", OWNER)).unwrap();
    let place = Place::new()
        .with("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", "the-secret")
        .with("TOLLHOUSE_NOWPAYMENTS_API_KEY", "the-key")
        .with("TOLLHOUSE_NOWPAYMENTS_API_URL", &sandbox.api_url())
        .with("TOLLHOUSE_TELEGRAM_BOT_TOKEN", telegram.bot_token())
        .with("TOLLHOUSE_TELEGRAM_API_URL", telegram.api_url().as_str());
    place.channel();

    let ask = |place: &Place, code: i32| -> Value {
        let said = place.run(&["doctor", "--json"]);
        assert_eq!(said.code, code, "{said:?}");
        serde_json::from_str(&said.stdout).unwrap()
    };
    let outside = ask(&place, 1);
    assert_eq!(status_of(&outside, "channel Signals")["status"], "fail");
    for name in ["database", "ipn secret", "public url", "provider", "telegram"] {
        assert_eq!(status_of(&outside, name)["status"], "ok", "{name}");
    }
    let cannot_ban = AdminRights { can_restrict_members: false, ..AdminRights::gatekeeper() };
    telegram.make_bot_admin(CHAT, OWNER, cannot_ban).unwrap();
    assert!(text(&status_of(&ask(&place, 1), "channel Signals")["message"]).contains("ban people"));
    telegram.make_bot_admin(CHAT, OWNER, AdminRights::gatekeeper()).unwrap();
    assert_eq!(status_of(&ask(&place, 0), "channel Signals")["status"], "ok");

    let place = place.with("TOLLHOUSE_NOWPAYMENTS_API_KEY", "another-key");
    assert_eq!(status_of(&ask(&place, 1), "provider")["status"], "fail");
    let place = place.with("TOLLHOUSE_TELEGRAM_BOT_TOKEN", "1:wrong");
    assert_eq!(status_of(&ask(&place, 1), "telegram")["status"], "fail");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sandbox_says_where_everything_is_and_serves_it() {
    let place = Place::new();
    let arguments = [
        "sandbox",
        "--listen",
        "127.0.0.1:0",
        "--api-key",
        "k",
        "--telegram-listen",
        "127.0.0.1:0",
        "--bot-token",
        "5:abc",
        "--json",
    ];
    let mut child = place.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let addresses: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&addresses["nowpayments"]["api_key"], &addresses["telegram"]["bot_token"]),
        (&json!("k"), &json!("5:abc"))
    );
    let api = text(&addresses["nowpayments"]["api_url"]);
    let status = reqwest::get(format!("{api}/status")).await.unwrap();
    assert!(status.status().is_success());
    let bot_api = text(&addresses["telegram"]["api_url"]);
    let me = reqwest::get(format!("{}/bot5:abc/getMe", bot_api.trim_end_matches('/'))).await.unwrap();
    assert!(me.status().is_success());
    child.kill().unwrap();
    child.wait().unwrap();

    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    place.run(&["sandbox", "--listen", &taken]).complains(1, &[&taken, "choose another address"]);
}
