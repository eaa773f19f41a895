//! Updates by webhook: only Telegram is heard, each update is handled once and in its turn, and polling can take over and give back.
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]
#![expect(clippy::disallowed_methods, reason = "a test speaks HTTP from outside, as Telegram does")]

mod town;

use futures::future::join_all;
use secrecy::ExposeSecret as _;
use tollhouse::bot::webhook;
use tollhouse::config::{Config, TelegramMode};
use tollhouse::serve::Roles;
use tollhouse_telegram::fake::World;
use town::shop::{ANN, BEN, MONTH, Shop};
use town::{Engine, Town, body, user};

const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";

fn by_webhook(config: &mut Config) {
    config.telegram.mode = TelegramMode::Webhook;
}

async fn shop(engine: Engine) -> Shop {
    let town = Town::adjusted(engine, Roles { worker: false, ..Roles::all() }, by_webhook).await;
    let is_set = |world: &World| (world.done("setWebhook") > 0).then_some(());
    town.telegram.wait_for("a webhook", is_set).await.unwrap();
    Shop::in_town(town)
}

/// Posts a body as somebody who may or may not be Telegram.
async fn post(shop: &Shop, secrets: &[&str], body: &str) -> u16 {
    let mut request =
        shop.town.http.post(format!("{}/webhooks/telegram", shop.town.url)).body(body.to_owned());
    for secret in secrets {
        request = request.header(SECRET_HEADER, *secret);
    }
    request.send().await.unwrap().status().as_u16()
}

fn secret(shop: &Shop) -> String {
    let token = shop.town.app.config.telegram.bot_token.clone().unwrap();
    webhook::secret(&token).expose_secret().to_owned()
}

/// A word of somebody's in the private chat, as Telegram posts it.
fn word(update_id: i64, who: tollhouse_telegram::UserId, text: &str) -> String {
    let from = serde_json::json!({"id": who.0, "is_bot": false, "first_name": "B", "language_code": "en"});
    let entities = serde_json::json!([{"type": "bot_command", "offset": 0, "length": text.split(' ').next().unwrap().len()}]);
    let chat = serde_json::json!({"id": who.0, "type": "private", "first_name": "B"});
    serde_json::json!({
        "update_id": update_id,
        "message": {"message_id": 1, "date": 1_700_000_000, "chat": chat, "from": from, "text": text, "entities": entities},
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn s41_only_telegram_is_heard_and_bad_input_has_its_answer() {
    let mut shop = shop(Engine::Sqlite).await;
    shop.start(BEN, "").await;
    let ours = secret(&shop);
    let update = word(900_001, BEN, "/mylink");
    let heard = shop.all_said(BEN).len();
    let longer = format!("{ours}0");
    for wrong in [&[][..], &[""], &["wrong"], &[&longer], &[&ours[1..]], &[&ours, &ours]] {
        assert_eq!(post(&shop, wrong, &update).await, 403, "{wrong:?}");
    }
    assert_eq!(post(&shop, &[&ours], "{").await, 400);
    assert_eq!(post(&shop, &[&ours], r#"{"message":{}}"#).await, 400, "no update id");
    assert_eq!(post(&shop, &[&ours], &"x".repeat(1024 * 1024 + 1)).await, 413);
    // What we do not know, or cannot read, is taken like polled ones: else Telegram would post it for ever.
    assert_eq!(post(&shop, &[&ours], r#"{"update_id":900002,"poll":{}}"#).await, 200);
    assert_eq!(post(&shop, &[&ours], r#"{"update_id":900003,"message":{"text":7}}"#).await, 200);
    assert_eq!(shop.all_said(BEN).len(), heard);
    assert_eq!(post(&shop, &[&ours], &update).await, 200);
    assert_eq!(shop.all_said(BEN).len(), heard + 1);
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_bot_polls_there_is_no_webhook() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let ours = secret(&shop);
    assert_eq!(post(&shop, &[&ours], &word(1, BEN, "/mylink")).await, 404);
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_is_told_ten_times_at_once_is_handled_once() {
    let mut shop = shop(Engine::Sqlite).await;
    shop.start(BEN, "").await;
    let (ours, heard) = (secret(&shop), shop.all_said(BEN).len());
    for id in [900_001, 900_002] {
        let update = word(id, BEN, "/mylink");
        let secrets = [ours.as_str()];
        let codes = join_all((0..10).map(|_| post(&shop, &secrets, &update))).await;
        assert_eq!(codes, [200; 10]);
    }
    assert_eq!(shop.all_said(BEN).len(), heard + 2);
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_database_that_is_away_keeps_from_being_taken_is_posted_again() {
    let mut shop = shop(Engine::Sqlite).await;
    let link = shop.link(MONTH, None, None).await;
    let payload = format!("p_{}", link.slug);
    shop.settle().await;
    // Somebody else holds the database's write lock for longer than we wait for it.
    let path = shop.town.database.url.strip_prefix("sqlite://").unwrap().to_owned();
    let other = rusqlite::Connection::open(path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    shop.town.telegram.start(BEN, &payload).unwrap();
    let failed = shop.town.telegram.wait_for("a refusal, and a word about it", |world| {
        let is_told = !world.bot_posts(BEN).is_empty();
        world.webhook_error().filter(|error| is_told && error.contains("503")).map(str::to_owned)
    });
    failed.await.unwrap();
    other.execute_batch("COMMIT").unwrap();
    shop.settle().await;
    assert_eq!(shop.order(BEN).await.user, Some(user(BEN.0)));
    let said = shop.all_said(BEN);
    assert_eq!(said.len(), 2, "told once that it does not work, and then what was asked for: {said:?}");
    assert!(said[0].text.contains("try again") && !said[1].text.contains("try again"), "{said:?}");
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f41_an_update_that_nothing_can_work_in_is_not_posted_for_ever() {
    let mut shop = shop(Engine::Sqlite).await;
    let payload = format!("/start p_{}", shop.link(MONTH, None, None).await.slug);
    let path = shop.town.database.url.strip_prefix("sqlite://").unwrap().to_owned();
    let other = rusqlite::Connection::open(path).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER poison BEFORE INSERT ON orders BEGIN SELECT RAISE(ABORT, 'poison'); END",
        )
        .unwrap();
    shop.town.telegram.start(BEN, "").unwrap();
    shop.settle().await;
    let (ours, heard) = (secret(&shop), shop.all_said(BEN).len());
    assert_eq!(post(&shop, &[&ours], &word(900_001, BEN, &payload)).await, 200);
    let said = shop.all_said(BEN).split_off(heard);
    assert!(said.len() == 1 && said[0].text.contains("try again in a few minutes"), "{said:?}");
    let (_, metrics) = shop.town.get("/metrics").await;
    let counted = metrics.lines().find(|line| line.starts_with("tollhouse_telegram_updates_given_up_total"));
    assert!(counted.is_some_and(|line| !line.ends_with(" 0")), "{counted:?}");

    other.execute_batch("DROP TRIGGER poison").unwrap();
    assert_eq!(post(&shop, &[&ours], &word(900_002, BEN, &payload)).await, 200);
    shop.settle().await;
    assert_eq!(shop.order(BEN).await.user, Some(user(BEN.0)));
    shop.town.stop().await;
}

/// A purchase over two processes' doors, and the way to polling and back.
async fn a_purchase(engine: Engine) {
    let mut shop = shop(engine).await;
    let roles = Roles { worker: false, ..Roles::all() };
    let link = shop.link(MONTH, None, None).await;
    let said = shop.buy(BEN, &link).await;
    assert!(said.text.starts_with("Signals & <Co>: Month, 30 days"), "{}", said.text);

    // A second process sets its own door; Telegram posts there from now on, and the order is the same.
    let before = shop.town.telegram.read(|world| world.done("setWebhook"));
    let (_, second) = shop.town.another(roles, |_| {}).await;
    let moved = |world: &World| (world.done("setWebhook") > before).then_some(());
    shop.town.telegram.wait_for("another door", moved).await.unwrap();
    shop.buy(BEN, &link).await;
    let order = shop.order(BEN).await;
    shop.notify(&body(1, "finished", Some(&order.id.to_string()), "2.50")).await;
    assert!(shop.all_said(BEN).last().unwrap().text.starts_with("Thank you!"));
    second.stop().await;
    shop.town.stop().await;

    // Back to polling: the webhook goes, and what waited meanwhile is heard.
    shop.town.telegram.start(ANN, &format!("p_{}", link.slug)).unwrap();
    let (app, third) = shop.town.another(roles, |config| config.telegram.mode = TelegramMode::Polling).await;
    shop.town.app = app;
    shop.settle().await;
    assert!(shop.town.telegram.read(|world| world.done("deleteWebhook")) > 0);
    assert_eq!(shop.orders(Some(user(ANN.0))).await.len(), 1);
    assert_eq!(shop.all_said(ANN).len(), 1);
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_by_webhook_over_two_processes_and_back_to_polling_on_sqlite() {
    a_purchase(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_by_webhook_over_two_processes_and_back_to_polling_on_postgres() {
    a_purchase(Engine::Postgres).await;
}
