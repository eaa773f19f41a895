//! What an owner decides about the people in a channel: policies, freeze, white list, census, sweep, runs.

use jiff::Timestamp;
use serde_json::{Value, json};
use tollhouse_core::command::{Command, Outcome};
use tollhouse_core::id::{PrivateChatId, TelegramUserId};
use tollhouse_core::job::{Job, Outcome as JobOutcome, action};
use tollhouse_core::presence::Standing;

use super::support::{PRIVATE_CHAT, Place, has_members, is_instant, text};

async fn seen(place: &Place, user: i64, standing: Standing) {
    let app = place.app().await;
    let chat = PrivateChatId::new(PRIVATE_CHAT.parse().unwrap()).unwrap();
    let user = TelegramUserId::new(user).unwrap();
    let at: Timestamp = app.clock.now();
    app.submit(Command::MemberSeen { chat, user, standing, at }).await.unwrap();
    app.store.close().await;
}

/// Works the ends that are due, with a Telegram that does everything.
async fn remove_who_is_due(place: &Place) {
    let app = place.app().await;
    loop {
        let claim = Command::ClaimJobs { limit: 100, now: app.clock.now() };
        let Outcome::Jobs(jobs) = app.submit(claim).await.unwrap() else { panic!() };
        let ends: Vec<Job> = jobs.into_iter().filter(|job| job.kind.name() == "end_membership").collect();
        if ends.is_empty() {
            break;
        }
        for job in ends {
            let snapshot = app.store.snapshot(job.kind.needs()).await.unwrap();
            let outcome = match action(app.clock.now(), &snapshot, &job) {
                tollhouse_core::job::Action::CountMembers { channel_id } => {
                    let members = app.store.count_members(channel_id).await.unwrap();
                    JobOutcome::Counted { members: u32::try_from(members).unwrap() }
                }
                tollhouse_core::job::Action::Remove { .. } => JobOutcome::Done,
                _ => JobOutcome::Nothing,
            };
            let token = job.lease.unwrap().token;
            app.submit(Command::FinishJob { job: Box::new(job), token, outcome }).await.unwrap();
        }
    }
    app.store.close().await;
}

fn give(place: &Place, user: &str) -> Value {
    let grant = ["membership", "grant", "--channel", PRIVATE_CHAT, "--user", user, "--days", "30"];
    place.json(&[&grant[..], &["--reason", "test"]].concat())
}

fn revoke(place: &Place, user: &str) -> Value {
    let revoke = ["membership", "revoke", "--channel", PRIVATE_CHAT, "--user", user, "--reason", "test"];
    place.json(&revoke)
}

#[test]
fn the_policies_about_members_are_set_and_shown() {
    let place = Place::new();
    place.channel();
    let before = place.json(&["channel", "show", PRIVATE_CHAT]);
    assert_eq!(before["policies"]["membership"]["reminder_hours"], json!([72, 24, 0]));
    let set = ["channel", "set", PRIVATE_CHAT, "--reminders", "0d,7d,12h", "--strangers", "remove"];
    let after = place.json(&[&set[..], &["--removals-max", "3", "--grace-hours", "48"]].concat());
    let wanted = json!({"reminder_hours": [168, 12, 0], "strangers": "remove", "removals_max": 3, "removals_share": "0.20"});
    assert_eq!(after["policies"]["membership"], wanted);
    assert_eq!(after["policies"]["grace_hours"], 48);
    let never = place.json(&["channel", "set", PRIVATE_CHAT, "--reminders", "never"]);
    assert_eq!(never["policies"]["membership"]["reminder_hours"], json!([]));
    assert_eq!(never["policies"]["membership"]["removals_max"], 3, "what is not named stays");
    place.run(&["channel", "set", PRIVATE_CHAT, "--reminders", "soon"]).complains(2, &["soon", "3d"]);
    place.run(&["channel", "set", PRIVATE_CHAT, "--removals-share", "2"]).complains(2, &["between 0 and 1"]);
}

#[test]
fn removals_freeze_here_or_everywhere_with_a_reason() {
    let place = Place::new();
    let (channel, _) = place.channel();
    place.run(&["channel", "freeze", PRIVATE_CHAT]).complains(2, &["--reason"]);
    place.run(&["channel", "freeze", "--reason", "x"]).complains(2, &["CHANNEL"]);
    let frozen = place.json(&["channel", "freeze", PRIVATE_CHAT, "--reason", "wrong clock"]);
    has_members(&frozen, &["channel_id", "frozen", "frozen_at", "by", "reason"]);
    assert_eq!((&frozen["channel_id"], &frozen["frozen"]), (&json!(channel), &json!(true)));
    assert_eq!((&frozen["by"], &frozen["reason"]), (&json!("cli:alice"), &json!("wrong clock")));
    is_instant(&frozen["frozen_at"]);
    is_instant(&place.json(&["channel", "show", PRIVATE_CHAT])["frozen_at"]);
    let thawed = place.json(&["channel", "unfreeze", "--channel", PRIVATE_CHAT, "--reason", "mended"]);
    assert_eq!((&thawed["frozen"], &thawed["frozen_at"]), (&json!(false), &Value::Null));
    let all = place.json(&["channel", "freeze", "--all", "--reason", "stop"]);
    assert_eq!((&all["channel_id"], &all["frozen"]), (&Value::Null, &json!(true)));
    assert_eq!(place.json(&["channel", "show", PRIVATE_CHAT])["frozen_at"], Value::Null);
    let audit = place.json(&["audit", "list"]);
    let actions: Vec<&str> =
        audit.as_array().unwrap().iter().filter_map(|entry| entry["action"].as_str()).collect();
    assert_eq!(actions[2..], ["removals.frozen", "removals.thawed", "removals.frozen"]);
}

#[tokio::test]
async fn a_census_says_who_is_inside_who_has_paid_and_of_whom_nothing_is_known() {
    let place = Place::new();
    place.channel();
    for user in ["7", "8", "9"] {
        give(&place, user);
    }
    seen(&place, 7, Standing::Inside).await;
    seen(&place, 8, Standing::Inside).await;
    seen(&place, 8, Standing::Outside).await;
    seen(&place, 666, Standing::Inside).await;
    seen(&place, 5, Standing::Admin).await;
    seen(&place, 667, Standing::Inside).await;
    let guest = ["channel", "whitelist", "add", PRIVATE_CHAT, "--user", "667", "--reason", "a friend"];
    let listed = place.json(&guest);
    has_members(&listed[0], &["channel_id", "telegram_user", "standing", "listed_at", "by", "reason"]);
    assert_eq!(listed[0]["reason"], "a friend");

    let census = place.json(&["channel", "census", PRIVATE_CHAT]);
    let users = |list: &str| -> Vec<String> {
        census[list].as_array().unwrap().iter().map(|one| text(&one["telegram_user"])).collect()
    };
    assert_eq!(users("paid_outside"), ["8"]);
    assert_eq!(users("inside_unpaid"), ["666"]);
    assert_eq!(users("unknown"), ["9"]);
    assert_eq!(users("whitelisted"), ["667"]);
    assert_eq!(census["paid_inside"], 1);
    assert_eq!(census["members_in_chat"], Value::Null, "there is no bot to ask");
    is_instant(&census["inside_unpaid"][0]["since"]);
    assert_eq!(census["unknown"][0]["since"], Value::Null);
    is_instant(&census["as_of"]);
    place.run(&["channel", "census", PRIVATE_CHAT, "--ask"]).complains(1, &["TOLLHOUSE_TELEGRAM_BOT_TOKEN"]);

    let item = &place.json(&["attention", "list"])[0];
    assert_eq!(
        (&item["reason"], &item["actions"]),
        (&json!("stranger_inside"), &json!(["grant", "dismiss"]))
    );
    let gone = ["channel", "whitelist", "remove", PRIVATE_CHAT, "--user", "667", "--reason", "no longer"];
    assert_eq!(place.json(&gone), json!([]));
}

#[tokio::test]
async fn a_sweep_lists_who_would_go_and_a_run_is_undone() {
    let place = Place::new();
    let (channel, _) = place.channel();
    place.json(&["channel", "set", PRIVATE_CHAT, "--removals-max", "2"]);
    for user in ["7", "8", "9"] {
        give(&place, user);
    }
    assert_eq!(place.json(&["membership", "sweep", "--dry-run"]), json!([]));
    let soon = place.json(&["membership", "sweep", "--dry-run", "--within", "32d"]);
    assert_eq!(soon.as_array().unwrap().len(), 3);
    let members = [
        "membership_id",
        "channel_id",
        "telegram_user",
        "status",
        "ends_at",
        "leaves_at",
        "why",
        "stays",
        "held",
    ];
    has_members(&soon[0], &members);
    assert!(text(&soon[0]["why"]).starts_with("ends "), "{soon}");
    for user in ["7", "8", "9"] {
        revoke(&place, user);
    }
    let due = place.json(&["membership", "sweep", "--dry-run", "--channel", PRIVATE_CHAT]);
    assert_eq!(due.as_array().unwrap().len(), 3);
    assert_eq!((&due[0]["why"], &due[0]["held"]), (&json!("taken back"), &Value::Null));

    remove_who_is_due(&place).await;
    let runs = place.json(&["membership", "runs"]);
    let of_run = ["id", "channel_id", "started_at", "members", "limit", "decided", "state", "undone_at"];
    has_members(&runs[0], &of_run);
    assert_eq!(
        (&runs[0]["decided"], &runs[0]["limit"], &runs[0]["state"]),
        (&json!(2), &json!(2), &json!("stopped"))
    );
    let held = place.json(&["membership", "sweep", "--dry-run"]);
    assert_eq!((held.as_array().unwrap().len(), &held[0]["held"]), (1, &json!("run_stopped")));
    assert_eq!(place.json(&["attention", "list"])[0]["reason"], "removals_stopped");

    // A run that showed people out whose time was not taken back is undone: they come back.
    let id = text(&runs[0]["id"]);
    place.run(&["membership", "undo", &id]).complains(2, &["--reason"]);
    let undone = place.json(&["membership", "undo", &id, "--reason", "it was a mistake"]);
    has_members(&undone, &["run", "invited_back", "left_out"]);
    assert_eq!(undone["run"]["state"], "closed");
    is_instant(&undone["run"]["undone_at"]);
    assert_eq!(undone["invited_back"], json!([]));
    assert_eq!(
        undone["left_out"].as_array().unwrap().len(),
        2,
        "what was taken back stays taken back: {undone}"
    );
    assert_ne!(place.json(&["channel", "show", &channel])["frozen_at"], Value::Null);
    assert_eq!(place.json(&["attention", "list"]), json!([]));
    place
        .run(&["membership", "undo", "run_00000000000000000000000000000007", "--reason", "x"])
        .complains(1, &["no run"]);
}
