//! What owners and operators are told: each once, in their language, and not while they sleep.
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]
#![expect(clippy::disallowed_methods, reason = "a test speaks HTTP from outside, as a browser does")]

mod town;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use tollhouse::notices::{QuietHours, moved_to, set_quiet_hours};
use tollhouse::serve::Roles;
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::Command;
use tollhouse_core::id::PrivateChatId;
use tollhouse_core::import::{ImportMember, ImportedPayment, Origin};
use tollhouse_core::order::{OrderSource, OrderState};
use tollhouse_core::status::PaymentStatus;
use tollhouse_telegram::fake::{NewChat, NewUser, World};
use tollhouse_telegram::{AdminRights, ChatId, ChatKind, UserId};
use town::shop::{ANN, BEN, MONTH, Shop};
use town::{BUYER, Engine, OWNER, PRIVATE_CHAT, SEED_REF, Town, body, user};

const OLGA: UserId = UserId(OWNER);
/// An operator, and one who never started the bot.
const OPERATORS: [UserId; 2] = [UserId(7_003), UserId(7_004)];

async fn shop() -> Shop {
    let roles = Roles { worker: false, ..Roles::all() };
    let town = Town::adjusted(Engine::Sqlite, roles, |config| {
        // The owner is an operator, too: one message all the same. The last is a group that does not exist.
        let accounts = [OPERATORS[1], OPERATORS[0], OLGA].map(UserId::private_chat);
        config.telegram.operators = accounts.into_iter().chain([ChatId(-1_009_000_000_001)]).collect();
    })
    .await;
    town.telegram
        .wait_for("a first poll", |world: &World| (world.polls_begun() > 0).then_some(()))
        .await
        .unwrap();
    let shop = Shop::in_town(town);
    for operator in OPERATORS {
        shop.town.telegram.add_user(NewUser::new(operator.0, "Oleg")).unwrap();
    }
    for who in [OLGA, OPERATORS[0]] {
        shop.town.telegram.start(who, "").unwrap();
    }
    shop.settle().await;
    shop
}

/// What somebody was told since they started the bot.
fn told(shop: &Shop, who: UserId) -> Vec<String> {
    shop.all_said(who).into_iter().skip(1).map(|said| said.text).collect()
}

async fn ordered(shop: &Shop, who: UserId) -> String {
    let link = shop.link(MONTH, None, None).await;
    shop.buy(who, &link).await;
    shop.order(who).await.id.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn f65_owner_and_operators_hear_of_each_thing_once() {
    let mut shop = shop().await;
    let order = ordered(&shop, BEN).await;
    let part = body(1, "partially_paid", Some(&order), "2.50")
        .replace(r#""actually_paid":0.000025"#, r#""actually_paid":0.00001"#);
    for text in
        [&part, &part, &body(1, "finished", Some(&order), "2.50"), &body(1, "finished", Some(&order), "2.50")]
    {
        shop.notify(text).await;
    }
    shop.notify(&body(1, "refunded", Some(&order), "2.50")).await;
    let wanted = ["a part of the price has arrived", "sold for $2.50", "was refunded"];
    for who in [OLGA, OPERATORS[0]] {
        let heard = told(&shop, who);
        assert_eq!(heard.len(), wanted.len(), "{heard:#?}");
        for words in wanted {
            assert_eq!(heard.iter().filter(|text| text.contains(words)).count(), 1, "{words}: {heard:#?}");
        }
    }
    // What belongs to no channel belongs to no owner: the operators hear of it.
    shop.notify(&body(7, "finished", Some("donation_default"), "5")).await;
    let last = told(&shop, OPERATORS[0]).pop().unwrap();
    assert!(
        last.starts_with("No channel: needs you. Money arrived for an order that is not known here."),
        "{last}"
    );
    // Neither an operator who never started the bot nor a chat that is not there is anybody's trouble.
    assert_eq!(shop.open_items().await, ["unknown_order"]);
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_hours_hold_messages_back_until_their_end_and_let_pass_what_is_urgent() {
    let mut shop = shop().await;
    let now = shop.town.clock.now();
    let clock_at = |minutes: i64| TimeZone::UTC.to_datetime(now + SignedDuration::from_mins(minutes)).time();
    let mut hours =
        QuietHours { zone: "UTC".to_owned(), from: clock_at(-30), to: clock_at(120), hold_urgent: false };
    let store = shop.town.store().clone();
    set_quiet_hours(&*store, OLGA.private_chat(), Some(&hours)).await.unwrap();
    let order = ordered(&shop, BEN).await;
    shop.notify(&body(1, "finished", Some(&order), "2.50")).await;
    assert_eq!(told(&shop, OLGA).len(), 0, "she sleeps");
    assert_eq!(told(&shop, OPERATORS[0]).len(), 1, "and that keeps nobody else from hearing");

    // Money for a channel that nobody registered cannot wait.
    let urgent = body(8, "finished", Some("PGP-7|-1009"), "2.50");
    shop.notify(&urgent).await;
    let heard = told(&shop, OLGA);
    assert!(matches!(&heard[..], [one] if one.contains("a channel that is not registered")), "{heard:?}");

    shop.town.clock.advance(SignedDuration::from_hours(2));
    shop.settle().await;
    let heard = told(&shop, OLGA);
    assert!(matches!(&heard[..], [_, sale] if sale.contains("sold for $2.50")), "{heard:?}");
    assert_eq!(told(&shop, OPERATORS[0]).len(), 2, "nobody hears it twice");

    // Who wants no exception has none.
    hours.hold_urgent = true;
    hours.from = clock_at(60);
    hours.to = clock_at(240);
    set_quiet_hours(&*store, OLGA.private_chat(), Some(&hours)).await.unwrap();
    shop.notify(&body(9, "finished", Some("PGP-7|-1010"), "2.50")).await;
    assert_eq!(told(&shop, OLGA).len(), 2);
    set_quiet_hours(&*store, OLGA.private_chat(), None).await.unwrap();
    shop.town.clock.advance(SignedDuration::from_hours(2));
    shop.settle().await;
    assert_eq!(told(&shop, OLGA).len(), 3);
    shop.town.stop().await;
}

/// What the predecessor sold, its owner heard of there. What its buyer buys again from that order's page is a sale of ours.
#[tokio::test(flavor = "multi_thread")]
async fn f65_an_order_made_again_from_one_that_was_carried_over_is_a_sale_like_any_other() {
    let mut shop = shop().await;
    let now = shop.town.clock.now();
    let carried = ImportMember {
        private_chat: PrivateChatId::new(PRIVATE_CHAT).unwrap(),
        user: user(BUYER),
        ends_at: now + SignedDuration::from_hours(240),
        granted_at: now - SignedDuration::from_hours(480),
        duration: PlanDuration::Days(30),
        price: None,
        is_out: false,
        is_undelivered: false,
        payment: Some(ImportedPayment {
            id: "5".parse().unwrap(),
            order_ref: Some(SEED_REF.to_owned()),
            invoice_id: None,
            status: PaymentStatus::Finished,
            price: "2.50 USD".parse().ok(),
            pay_currency: None,
            pay_amount: None,
            outcome: None,
        }),
        invoice_id: None,
        origin: Origin {
            actor: "cli:test".to_owned(),
            row: "private_channel_users_database id=17".to_owned(),
        },
    };
    shop.town.app.submit(Command::ImportMember(Box::new(carried))).await.unwrap();
    let old = shop.order(BEN).await;
    assert_eq!((old.source, old.state), (OrderSource::Import, OrderState::Paid));
    shop.notify(&body(5, "refunded", Some(SEED_REF), "2.50")).await;
    let before = told(&shop, OLGA);
    assert!(before.iter().all(|text| !text.contains("sold for")), "{before:?}");

    let again = format!("{}/o/{}/again", shop.town.url, old.id);
    assert_eq!(shop.town.http.post(again).send().await.unwrap().status().as_u16(), 200);
    let orders = shop.orders(Some(user(BUYER))).await;
    let new = orders.iter().find(|order| order.id != old.id).unwrap();
    assert_eq!(new.source, OrderSource::DirectLink, "it was made on a page of ours");
    shop.notify(&body(6, "finished", Some(&new.id.to_string()), "2.50")).await;
    let heard = told(&shop, OLGA).split_off(before.len());
    assert!(matches!(&heard[..], [sale] if sale.contains("for $2.50")), "{heard:?}");
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_reads_what_needs_them_in_their_own_language() {
    let mut shop = shop().await;
    let store = shop.town.store().clone();
    store.put_state(&format!("language:{OWNER}"), "ru").await.unwrap();
    let order = ordered(&shop, ANN).await;
    shop.notify(&body(1, "finished", Some(&order), "1.00")).await;
    // Beside it comes that something was paid; which of the two comes first nobody promises.
    let heard = told(&shop, OLGA);
    let wanted = "нужно ваше внимание. Цена или валюта в сообщении о платеже не совпадает";
    assert!(heard.iter().any(|text| text.contains(wanted)), "{heard:?}");
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f51_operators_whose_group_becomes_a_supergroup_go_on_hearing_each_thing_once() {
    const GROUP: ChatId = ChatId(-7_100);
    let roles = Roles { worker: false, ..Roles::all() };
    let town = Town::adjusted(Engine::Sqlite, roles, |config| config.telegram.operators = vec![GROUP]).await;
    let mut shop = Shop::in_town(town);
    let telegram = shop.town.telegram.clone();
    telegram
        .add_chat(NewChat { kind: ChatKind::Group, ..NewChat::channel(GROUP.0, "Operators", OLGA) })
        .unwrap();
    telegram.add_member(GROUP, OLGA, telegram.read(|world| world.bot().id)).unwrap();
    let posted = |chat: ChatId| telegram.read(|world| world.posts(chat).len());
    shop.notify(&body(7, "finished", Some("donation_default"), "5")).await;
    assert_eq!(posted(GROUP), 1);

    let to = telegram.migrate(GROUP).unwrap();
    let refused = || telegram.read(|world| world.failed("sendMessage"));
    let before = refused();
    for (payment, total) in [(8, 1), (9, 2)] {
        shop.notify(&body(payment, "finished", Some("donation_default"), "5")).await;
        assert_eq!(posted(to), total);
    }
    assert_eq!(posted(GROUP), 1);
    assert_eq!(refused(), before + 1, "the first refusal tells the new number, and it is kept");
    assert_eq!(moved_to(&**shop.town.store(), GROUP).await.unwrap(), Some(to));

    // When they sleep was said of the group, and is true of what it became.
    let now = shop.town.clock.now();
    let clock_at = |minutes: i64| TimeZone::UTC.to_datetime(now + SignedDuration::from_mins(minutes)).time();
    let hours =
        QuietHours { zone: "UTC".to_owned(), from: clock_at(-30), to: clock_at(120), hold_urgent: true };
    for (payment, named) in [(10, GROUP), (11, to)] {
        set_quiet_hours(&**shop.town.store(), named, Some(&hours)).await.unwrap();
        shop.notify(&body(payment, "finished", Some("donation_default"), "5")).await;
        assert_eq!(posted(to), 2, "{named}");
        set_quiet_hours(&**shop.town.store(), named, None).await.unwrap();
    }
    shop.town.stop().await;
}

/// To a bot no bot can write, and no other try changes that.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_cannot_be_told_keeps_nobody_else_from_being_told() {
    let operator = OPERATORS[0];
    let roles = Roles { worker: false, ..Roles::all() };
    let town = Town::adjusted(Engine::Sqlite, roles, |config| {
        config.telegram.operators = vec![operator.private_chat()];
    })
    .await;
    let mut shop = Shop { town };
    let telegram = shop.town.telegram.clone();
    telegram.add_user(NewUser::bot(OWNER, "Helper")).unwrap();
    for (id, name) in [(BEN, "Ben"), (operator, "Oleg")] {
        telegram.add_user(NewUser::new(id.0, name)).unwrap();
    }
    telegram.add_chat(NewChat::channel(PRIVATE_CHAT, "Signals", OLGA)).unwrap();
    telegram.make_bot_admin(ChatId(PRIVATE_CHAT), OLGA, AdminRights::gatekeeper()).unwrap();
    telegram.start(operator, "").unwrap();
    let order = ordered(&shop, BEN).await;
    shop.notify(&body(1, "finished", Some(&order), "2.50")).await;
    let heard = told(&shop, operator);
    assert!(matches!(&heard[..], [sale] if sale.contains("sold for $2.50")), "{heard:?}");
    assert_eq!(shop.open_items().await, Vec::<String>::new(), "and it is no job that died");
    shop.town.stop().await;
}
