//! How the binary behaves when it is called, or configured, wrongly; the doctor; the sandbox.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStderr, Stdio};

use nowpayments::sandbox::{Sandbox, SandboxConfig};
use serde_json::{Value, json};
use tollhouse::clock::Clock;
use tollhouse_telegram::fake::{FakeConfig, FakeTelegram, NewChat, NewUser};
use tollhouse_telegram::{AdminRights, ChatId, ChatKind, UserId};

use crate::support::{PRIVATE_CHAT, PUBLIC_CHAT, Place, finished, text};

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
        (vec!["sandbox", "--ipn-secret", ""], "--ipn-secret"),
        (vec!["sandbox", "--ipn-secret", "a,b"], "two secrets"),
        (vec!["sandbox", "--api-key", " k"], "--api-key"),
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

/// A typing error, or a disk that is not there yet.
#[test]
fn who_looks_at_a_named_database_that_is_not_there_reads_that_it_was_not() {
    for list in [
        vec!["payment", "list", "--stuck"],
        vec!["attention", "list"],
        vec!["membership", "list"],
        vec!["payment", "show", "1"],
    ] {
        let place = Place::new();
        let hint =
            |said: &str| said.contains("there was no database at") && said.contains("TOLLHOUSE_DATABASE_URL");
        assert!(hint(&place.run(&list).stderr), "{list:?}");
        assert!(!hint(&place.run(&list).stderr), "{list:?}");
    }
}

#[test]
fn a_list_brings_no_older_schema_up_to_date() {
    let place = Place::new();
    place.json(&["migrate"]);
    let url = place.path("t.db");
    let database = rusqlite::Connection::open(&url).unwrap();
    database
        .execute(
            "DELETE FROM schema_migrations WHERE number = (SELECT max(number) FROM schema_migrations)",
            [],
        )
        .unwrap();
    drop(database);
    place.run(&["channel", "list"]).complains(1, &["tollhouse migrate"]);
}

#[test]
fn a_backup_overwrites_nothing_that_belongs_to_the_database() {
    let place = Place::new();
    place.json(&["migrate"]);
    for end in ["", "-wal", "-shm", "-journal", ".open.lock", ".poll.lock"] {
        for force in [&["--force"][..], &[]] {
            let file = place.path(&format!("t.db{end}"));
            let said = place.run(&[&["backup", file.as_str()], force].concat());
            said.complains(1, &["belongs to it"]);
        }
    }
    assert_eq!(place.run(&["backup", place.path("t.db.copy").as_str()]).code, 0);
}

#[test]
fn people_get_tables_and_no_log_lines_in_the_answer() {
    let place = Place::new();
    place.json(&["migrate"]);
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

#[test]
fn the_doctor_fails_where_no_database_can_be_made() {
    let place = Place::new();
    let doctor = |url: &str| {
        let place = Place::new().with("TOLLHOUSE_DATABASE_URL", url);
        let said = place.run(&["doctor", "--json"]);
        assert_eq!(said.code, 1, "{said:?}");
        status_of(&serde_json::from_str(&said.stdout).unwrap(), "database").clone()
    };
    // A file in the place of a folder: nobody can make one there, root neither.
    let file = place.file("file", "");
    for (url, about) in [
        (format!("sqlite://{file}.d/t.db"), "there is no folder"),
        (format!("sqlite://{file}/t.db"), "there is no folder"),
        (format!("sqlite://{file}.db?mode=ro"), "no options"),
        ("sqlite://:memory:".to_owned(), "memory"),
    ] {
        let database = doctor(&url);
        assert_eq!(database["status"], "fail", "{url}");
        assert!(text(&database["message"]).contains(about), "{database}");
        assert!(text(&database["mend"]).contains("TOLLHOUSE_DATABASE_URL"), "{database}");
        let place = Place::new().with("TOLLHOUSE_DATABASE_URL", &url);
        assert_ne!(place.run(&["migrate"]).code, 0, "{url}: the doctor and `migrate` agree");
    }
}

/// A `serve` of the binary, until the value goes.
struct Serving {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Serving {
    /// Starts it and waits until it listens.
    fn start(place: &Place) -> Self {
        let mut child = place.command(&["serve"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let listens = log.find(|line| line.as_ref().unwrap().contains("listening"));
        assert!(listens.is_some(), "it ended instead");
        Self { child, log }
    }

    /// The rest of its log.
    fn end(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.log.by_ref().map(Result::unwrap).collect()
    }
}

/// An invoice names the address to which its notifications go; one that leads nowhere takes the money and tells nobody.
#[test]
fn f06_serve_says_at_its_start_when_the_provider_cannot_reach_us() {
    let begun = |place: &Place| {
        let mut child = place.command(&["serve", "--only", "http"]).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut begun: Vec<String> = Vec::new();
        for line in log {
            begun.push(line);
            if begun.last().is_some_and(|line| line.contains("listening")) {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        begun
    };
    let (place, listen) = place_to_serve();
    let place = place
        .with("TOLLHOUSE_NOWPAYMENTS_API_KEY", "the-key")
        .with("TOLLHOUSE_TELEGRAM_MODE", "off")
        // The default.
        .with("TOLLHOUSE_PUBLIC_URL", &format!("http://{listen}"));
    let log = begun(&place);
    let told =
        log.iter().find(|line| line.contains("TOLLHOUSE_PUBLIC_URL")).unwrap_or_else(|| panic!("{log:#?}"));
    assert!(told.contains("WARN") && told.contains(&format!("http://{listen}/")), "{told}");
    let reached = place.with("TOLLHOUSE_PUBLIC_URL", "https://pay.example.org");
    assert!(begun(&reached).iter().all(|line| !line.contains("TOLLHOUSE_PUBLIC_URL")));
}

/// A place with an address on which nothing listens yet, and the address.
fn place_to_serve() -> (Place, String) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    let place =
        Place::new().with("TOLLHOUSE_LISTEN", &listen).with("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", "the-secret");
    (place, listen)
}

#[test]
fn the_doctor_warns_where_no_service_answers() {
    let (place, listen) = place_to_serve();
    let service = |place: &Place| {
        let said = place.run(&["doctor", "--json"]);
        // A warning is no failure: there is none before the first start.
        status_of(&said.json(), "service").clone()
    };
    let quiet = service(&place);
    assert_eq!(quiet["status"], "warn");
    assert!(text(&quiet["message"]).contains(&format!("nothing answers at {listen}")), "{quiet}");
    let serving = Serving::start(&place);
    assert_eq!(service(&place)["status"], "ok");
    serving.end();

    let stranger = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = place.with("TOLLHOUSE_LISTEN", &stranger.local_addr().unwrap().to_string());
    let answer = std::thread::spawn(move || {
        let (stream, _) = stranger.accept().unwrap();
        let mut lines = BufReader::new(&stream).lines();
        while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
        (&stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").unwrap();
    });
    let other = service(&place);
    answer.join().unwrap();
    assert!(text(&other["message"]).contains("not tollhouse"), "{other}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "a test speaks HTTP from outside, as the provider does")]
async fn f07_the_log_tells_of_refused_signatures_once_and_without_a_secret() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (place, listen) = place_to_serve();
    let serving = Serving::start(&place);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for _ in 0..3 {
        let body = finished(6, None, "5.00");
        let signature = nowpayments::sign("another-secret", body.as_bytes()).unwrap();
        let answer = http
            .post(format!("http://{listen}/webhooks/nowpayments"))
            .header("x-nowpayments-sig", signature)
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 403);
    }
    let log = serving.end();
    let told: Vec<&String> = log.iter().filter(|line| line.contains("ipn.refused")).collect();
    assert_eq!(told.len(), 1, "{log:?}");
    for part in ["WARN", "refused=1", "signature_mismatch", "TOLLHOUSE_NOWPAYMENTS_IPN_SECRET"] {
        assert!(told[0].contains(part), "{part} in {told:?}");
    }
    assert!(!log.iter().any(|line| line.contains("the-secret")), "{log:?}");
    assert!(!log.iter().any(|line| line.contains('\u{1b}')), "colours are for terminals: {log:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_currency_that_the_provider_does_not_know_hides_no_other_price() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let now = Clock::default().as_fn();
    let sandbox = Sandbox::start(SandboxConfig::new("the-key", "the-secret", now)).await.unwrap();
    let place = Place::new()
        .with("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", "the-secret")
        .with("TOLLHOUSE_NOWPAYMENTS_API_KEY", "the-key")
        .with("TOLLHOUSE_NOWPAYMENTS_API_URL", &sandbox.api_url());
    let (channel, _) = place.channel();
    let add = |plan: &str| place.run(&["channel", "plan", "add", &channel, "--plan", plan]);
    let prices = || status_of(&place.run(&["doctor", "--json"]).json(), "prices").clone();
    assert_eq!(prices()["status"], "ok");
    let odd = add("Odd=7 XXX/1d");
    assert!(odd.stderr.contains("does not know the currency of 7 XXX"), "{odd:?}");
    let found = prices();
    assert!(text(&found["message"]).contains("7 XXX"), "{found}");
    assert!(!text(&found["message"]).contains("USD"), "{found}");
    add("Day=0.30 USD/1d");
    let found = prices();
    for part in ["7 XXX", "0.30 USD is below"] {
        assert!(text(&found["message"]).contains(part), "{part} in {found}");
    }
    assert!(text(&found["mend"]).contains("another currency"), "{found}");
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
async fn the_doctor_sees_where_an_offer_cannot_be_posted_and_a_chat_that_anybody_may_join() {
    const OWNER: UserId = UserId(42);
    let chat = |id: &str| ChatId(id.parse().unwrap());
    let (sold, public) = (chat(PRIVATE_CHAT), chat(PUBLIC_CHAT));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let telegram = FakeTelegram::start(FakeConfig::new(Clock::default().as_fn())).await.unwrap();
    telegram.add_user(NewUser::new(OWNER.0, "Owner")).unwrap();
    // What is sold has a public name: nobody needs an invite.
    let open = NewChat { username: Some("signals".into()), ..NewChat::channel(sold.0, "Signals", OWNER) };
    telegram.add_chat(open).unwrap();
    telegram.make_bot_admin(sold, OWNER, AdminRights::gatekeeper()).unwrap();
    let place = Place::new()
        .with("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", "the-secret")
        .with("TOLLHOUSE_TELEGRAM_BOT_TOKEN", telegram.bot_token())
        .with("TOLLHOUSE_TELEGRAM_API_URL", telegram.api_url().as_str());
    place.channel();
    let ask = |code: i32, name: &str| -> (String, String) {
        let said = place.run(&["doctor", "--json"]);
        assert_eq!(said.code, code, "{said:?}");
        let checks: Value = serde_json::from_str(&said.stdout).unwrap();
        let found = status_of(&checks, name);
        (text(&found["status"]), text(&found["message"]))
    };
    let (status, message) = ask(1, "channel Signals");
    assert!(status == "fail" && message.contains("@signals"), "{message}");
    // Nothing is posted yet, so nothing is missed.
    assert_eq!(ask(1, "offer of Signals").0, "warn");
    place.json(&["channel", "post", PRIVATE_CHAT]);
    let (status, message) = ask(1, "offer of Signals");
    assert!(status == "fail" && message.contains("is not in the chat"), "{message}");

    telegram.add_chat(NewChat::channel(public.0, "News", OWNER)).unwrap();
    let cannot_post = AdminRights { can_post_messages: false, ..AdminRights::gatekeeper() };
    telegram.make_bot_admin(public, OWNER, cannot_post).unwrap();
    let (status, message) = ask(1, "offer of Signals");
    assert!(status == "fail" && message.contains("may not post"), "{message}");
    telegram.make_bot_admin(public, OWNER, AdminRights::gatekeeper()).unwrap();
    assert_eq!(ask(1, "offer of Signals").0, "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f51_the_doctor_names_what_an_operators_group_has_become() {
    const OLEG: UserId = UserId(43);
    const GROUP: ChatId = ChatId(-7_100);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let telegram = FakeTelegram::start(FakeConfig::new(Clock::default().as_fn())).await.unwrap();
    telegram.add_user(NewUser::new(OLEG.0, "Oleg")).unwrap();
    let group = NewChat { kind: ChatKind::Group, ..NewChat::channel(GROUP.0, "Operators", OLEG) };
    telegram.add_chat(group).unwrap();
    telegram.add_member(GROUP, OLEG, telegram.read(|world| world.bot().id)).unwrap();
    let place = Place::new()
        .with("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", "the-secret")
        .with("TOLLHOUSE_TELEGRAM_BOT_TOKEN", telegram.bot_token())
        .with("TOLLHOUSE_TELEGRAM_API_URL", telegram.api_url().as_str())
        .with("TOLLHOUSE_OPERATOR_CHATS", &format!("{OLEG},{GROUP}"));
    place.json(&["migrate"]);
    let checks = || place.run(&["doctor", "--json"]).json();
    let about_operators = |checks: &Value| {
        let all = checks.as_array().unwrap();
        all.iter().filter(|check| check["check"] == "operators").cloned().collect::<Vec<_>>()
    };
    assert_eq!(about_operators(&checks()), Vec::<Value>::new(), "all is where it was");
    let to = telegram.migrate(GROUP).unwrap().to_string();
    let found = about_operators(&checks());
    assert_eq!((found.len(), &found[0]["status"]), (1, &json!("warn")), "{found:?}");
    assert!(text(&found[0]["message"]).contains(&to) && text(&found[0]["mend"]).contains(&to), "{found:?}");
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
