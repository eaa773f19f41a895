//! Buying in the bot: one order for each wish, and one message that follows an order.
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod world;

use jiff::SignedDuration;
use tollhouse_core::attention::{Reason, Resolution, Subject};
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, OrderFrom, Outcome, Refusal};
use tollhouse_core::decide::SAME_WISH_MINUTES;
use tollhouse_core::id::{MessageId, OrderId, PlanId, PrivateChatId};
use tollhouse_core::job::{Action, Failure, Job, Outcome as JobOutcome, action};
use tollhouse_core::order::{OrderSource, OrderState};
use tollhouse_core::progress::{Face, WayIn};
use world::{BUYER, Note, World, life, user};

fn plan(world: &World, label: &str) -> PlanId {
    let channel = world.rows.channels.get(&world.channel).unwrap();
    channel.plans.iter().find(|plan| plan.label == label).unwrap().id
}

fn wish(world: &World, label: &str, buyer: i64) -> Command {
    let plan_id = plan(world, label);
    let from = OrderFrom::Plan { channel_id: world.channel, plan_id };
    Command::Buy { from, plan_id, user: user(buyer), wants_invoice: false }
}

fn buy(world: &mut World, label: &str) -> OrderId {
    match world.run(wish(world, label, BUYER)) {
        Outcome::Order(id) => id,
        other => panic!("{other:?}"),
    }
}

fn message(number: i64) -> MessageId {
    MessageId::new(number).unwrap()
}

/// What the message jobs that are due do.
fn due(world: &mut World) -> Vec<(Job, Action)> {
    let jobs =
        world.claim().into_iter().filter(|job| matches!(job.kind.name(), "show_order" | "fold_message"));
    jobs.map(|job| (job.clone(), action(world.now, &world.rows, &job))).collect()
}

/// Does them; `number`: the message that is made where one is made.
fn show(world: &mut World, number: i64) -> Vec<Action> {
    let mut done = Vec::new();
    for (job, action) in due(world) {
        let outcome = match &action {
            Action::ShowOrder { face, message_id, .. } => JobOutcome::OrderShown {
                face: face.clone(),
                message_id: message_id.unwrap_or_else(|| message(number)),
                is_new: message_id.is_none(),
            },
            _ => JobOutcome::Done,
        };
        world.finish(&job, outcome);
        done.push(action);
    }
    done
}

fn faces(actions: &[Action]) -> Vec<(Face, Option<MessageId>)> {
    let face = |action: &Action| match action {
        Action::ShowOrder { face, message_id, .. } => Some(((**face).clone(), *message_id)),
        _ => None,
    };
    actions.iter().filter_map(face).collect()
}

#[test]
fn f27_one_wish_makes_one_order_and_a_later_one_another() {
    let mut world = World::new();
    let first = buy(&mut world, "Month");
    assert_eq!(buy(&mut world, "Month"), first, "a double tap");
    assert_ne!(buy(&mut world, "Week"), first, "another plan is another wish");
    let other = world.run(wish(&world, "Month", BUYER + 1));
    assert_ne!(other, Outcome::Order(first), "and so is another buyer's");

    // Who has sent money is led to the order that it was sent for.
    world.notify(&Note::for_order(1, "confirming", first));
    world.now += SignedDuration::from_mins(SAME_WISH_MINUTES - 1);
    assert_eq!(buy(&mut world, "Month"), first);
    world.now += SignedDuration::from_mins(1);
    let second = buy(&mut world, "Month");
    assert_ne!(second, first);
    assert_eq!((world.get(first).wish, world.get(second).wish), (Some(1), Some(2)));

    // What is paid is no wish any more.
    world.notify(&Note::for_order(2, "finished", second));
    assert_ne!(buy(&mut world, "Month"), second);
}

#[test]
fn what_is_not_sold_any_more_makes_no_order_and_who_has_paid_is_shown_theirs() {
    let mut world = World::new();
    let (open, seen) = (buy(&mut world, "Month"), buy(&mut world, "Week"));
    world.notify(&Note::for_order(1, "confirming", seen).price("2.00", "usd"));
    for label in ["Month", "Week"] {
        let (channel_id, plan_id) = (world.channel, plan(&world, label));
        world.run(Command::RetirePlan { channel_id, plan_id, actor: "cli:x".into() });
    }
    assert!(matches!(world.try_run(wish(&world, "Month", BUYER)), Err(Refusal::Conflict(_))));
    assert_eq!(buy(&mut world, "Week"), seen);
    assert_eq!(world.get(open).state, OrderState::Open);
}

#[test]
fn an_orders_message_is_made_once_and_edited_for_each_change() {
    let mut world = World::new();
    let order = buy(&mut world, "Month");
    let [(Face::Waiting { pay_url: None, renews: false, others: false, .. }, None)] =
        faces(&show(&mut world, 5))[..]
    else {
        panic!("no message")
    };
    assert_eq!(world.get(order).message_id, Some(message(5)));
    assert_eq!(show(&mut world, 6), [], "nothing has changed");

    // Three notifications before the message is edited: one edit, which tells the last.
    let part = |status| Note::for_order(1, status, order).paid("0.000004");
    for status in ["waiting", "confirming", "partially_paid"] {
        world.notify(&part(status));
    }
    let told = faces(&show(&mut world, 6));
    assert!(matches!(told[..], [(Face::Partly { .. }, Some(id))] if id == message(5)), "{told:?}");
    world.notify(&part("partially_paid"));
    assert_eq!(show(&mut world, 6), [], "a repeat is nothing new");

    world.notify(&Note::for_order(1, "finished", order));
    let told = faces(&show(&mut world, 6));
    assert!(matches!(told[..], [(Face::Paid { way_in: WayIn::Making, .. }, Some(_))]), "{told:?}");
}

#[test]
fn what_changes_while_the_message_is_edited_is_told_next() {
    let mut world = World::new();
    let order = buy(&mut world, "Month");
    let (job, Action::ShowOrder { face, .. }) = due(&mut world).remove(0) else { panic!() };
    world.notify(&Note::for_order(1, "confirming", order));
    world.finish(&job, JobOutcome::OrderShown { face, message_id: message(5), is_new: true });
    let told = faces(&show(&mut world, 6));
    assert_eq!(told, [(Face::Seen, Some(message(5)))]);

    // The same with the buyer's own question: the answer stands below it.
    world.notify(&Note::for_order(1, "finished", order));
    let (job, Action::ShowOrder { face, .. }) = due(&mut world).remove(0) else { panic!() };
    world.run(Command::ShowOrder { order_id: order, user: user(BUYER) });
    world.finish(&job, JobOutcome::OrderShown { face, message_id: message(5), is_new: false });
    let done = show(&mut world, 7);
    assert!(matches!(faces(&done)[..], [(Face::Paid { .. }, None)]), "{done:?}");
    let folded = |action: &Action| matches!(action, Action::FoldMessage { message_id, .. } if *message_id == message(5));
    assert!(done.iter().any(folded), "{done:?}");
    assert_eq!(world.get(order).message_id, Some(message(7)));
}

#[test]
fn the_clock_alone_tells_that_an_order_has_expired() {
    let mut world = World::new();
    let order = buy(&mut world, "Month");
    show(&mut world, 5);
    world.now = world.get(order).expires_at;
    assert_eq!(faces(&show(&mut world, 6)), [(Face::Expired, Some(message(5)))]);
    // And money that comes all the same is told, too.
    world.notify(&Note::for_order(1, "finished", order));
    assert!(matches!(faces(&show(&mut world, 6))[..], [(Face::Paid { .. }, Some(_))]));
}

#[test]
fn another_coin_than_was_asked_for_is_said_to_be_with_the_owner() {
    let mut world = World::new();
    let order = buy(&mut world, "Month");
    show(&mut world, 5);
    world.notify(&Note::for_order(1, "wrong_asset_confirmed", order).pay("3", "ltc").paid("3"));
    assert_eq!(faces(&show(&mut world, 6)), [(Face::WithOwner, Some(message(5)))]);
}

#[test]
fn f51_a_link_that_led_to_a_group_that_has_moved_is_not_said_to_come_by_itself() {
    let mut world = World::new();
    let order = buy(&mut world, "Month");
    world.notify(&Note::for_order(1, "finished", order));
    life::work(&mut world);
    let way_in = |world: &World| match Face::of(world.now, &world.rows, order) {
        Some(Face::Paid { way_in, .. }) => way_in,
        other => panic!("{other:?}"),
    };
    assert!(matches!(way_in(&world), WayIn::Link(_)));
    world.now += life::hours(1);
    let to = PrivateChatId::new(-1_009_999_999_999).unwrap();
    world.run(Command::ChatMigrated { from: life::chat(), to });
    assert_eq!(way_in(&world), WayIn::Ask);
    // Whoever asks for a link gets one: until it is made it is on its way.
    world.run(Command::ReissueInvites { user: user(BUYER) });
    assert_eq!(world.membership(BUYER).unwrap().invite, None);
    assert_eq!(way_in(&world), WayIn::Making);
    life::work(&mut world);
    assert!(matches!(way_in(&world), WayIn::Link(_)));
}

#[test]
fn a_price_that_cannot_be_paid_is_said_and_other_plans_are_offered_to_members_where_there_are_some() {
    let mut world = World::new();
    let from = OrderFrom::Plan { channel_id: world.channel, plan_id: plan(&world, "Month") };
    let create =
        Command::CreateOrder { from, user: Some(user(BUYER)), source: OrderSource::Bot, wants_invoice: true };
    let Outcome::Order(order) = world.run(create) else { panic!() };
    let job = world.claim().into_iter().find(|job| job.kind.name() == "create_invoice").unwrap();
    let failure = Failure::BelowMinimum { minimum: None, error: "too small".into() };
    world.finish(&job, JobOutcome::Failed(failure));
    assert_eq!(Face::of(world.now, &world.rows, order), Some(Face::Unpayable));

    life::member(&mut world, BUYER, PlanDuration::Days(3));
    let others = |world: &mut World| {
        let order = buy(world, "Month");
        match Face::of(world.now, &world.rows, order) {
            Some(Face::Waiting { others, .. }) => others,
            other => panic!("{other:?}"),
        }
    };
    assert!(others(&mut world));
    for label in ["Week", "Fortnight", "Year", "Life"] {
        let (channel_id, plan_id) = (world.channel, plan(&world, label));
        world.run(Command::RetirePlan { channel_id, plan_id, actor: "cli:x".into() });
    }
    assert!(!others(&mut world));
}

#[test]
fn an_order_whose_time_is_over_says_until_when_one_may_stay() {
    let mut world = World::new();
    let order = buy(&mut world, "Month");
    world.notify(&Note::for_order(1, "finished", order));
    life::work(&mut world);
    let end = world.membership(BUYER).unwrap().ends_at.unwrap();
    let leaves_at = |now| match Face::of(now, &world.rows, order) {
        Some(Face::Paid { leaves_at, .. }) => leaves_at,
        other => panic!("{other:?}"),
    };
    let grace = world.rows.channels.get(&world.channel).unwrap().policies.grace();
    assert_eq!(leaves_at(end - SignedDuration::from_micros(1)), None);
    assert_eq!(leaves_at(end), Some(end + grace));
}

#[test]
fn f18_an_order_is_shown_to_its_buyer_only() {
    let mut world = World::new();
    let order = buy(&mut world, "Month");
    for other in [BUYER + 1, 7] {
        let ask = Command::ShowOrder { order_id: order, user: user(other) };
        assert!(matches!(world.try_run(ask), Err(Refusal::NotFound(_))));
    }
    let nobodys = world.order("Month", None);
    let ask = Command::ShowOrder { order_id: nobodys, user: user(BUYER) };
    assert!(matches!(world.try_run(ask), Err(Refusal::NotFound(_))));
}

#[test]
fn f42_who_blocked_the_bot_is_told_when_there_is_something_new() {
    let mut world = World::new();
    let order = buy(&mut world, "Month");
    show(&mut world, 5);
    world.notify(&Note::for_order(1, "confirming", order));
    let (job, _) = due(&mut world).remove(0);
    world.finish(&job, JobOutcome::Failed(Failure::Unreachable { error: "403".into() }));
    assert_eq!(show(&mut world, 6), []);
    world.notify(&Note::for_order(1, "finished", order));
    assert!(matches!(faces(&show(&mut world, 6))[..], [(Face::Paid { .. }, Some(_))]));
}

/// Nobody is sold time that would be added to nothing. Who pays for it all the same, as by an order from before, gets nothing for their
/// money, and a person must know (I3).
#[test]
fn who_has_a_channel_for_ever_is_sold_nothing_and_what_they_pay_is_for_a_person() {
    let mut world = World::new();
    let (before, nobodys) = (buy(&mut world, "Month"), world.order("Week", None));
    world.notify(&Note::for_order(2, "finished", nobodys).price("2.00", "usd"));
    life::member(&mut world, BUYER, PlanDuration::Lifetime);
    assert_eq!(world.run(wish(&world, "Year", BUYER)), Outcome::LastsForEver(world.channel));
    assert!(matches!(world.run(wish(&world, "Year", BUYER + 1)), Outcome::Order(_)), "others may buy");
    assert!(matches!(Face::of(world.now, &world.rows, before), Some(Face::Waiting { renews: false, .. })));
    assert_eq!(world.open_reasons(), []);

    // One is paid now, the other was and turns out to be theirs.
    world.notify(&Note::for_order(1, "finished", before));
    let item = |world: &World, order| {
        let item = world.rows.attention_on(Subject::Order(order), Reason::NothingAdded);
        item.filter(|item| item.is_open()).map(|item| item.detail.clone())
    };
    assert_eq!(item(&world, before), Some(format!("Telegram user {BUYER}, 2.50 USD")));
    world.now += SignedDuration::from_mins(1);
    let (reason, actor) = ("their receipt".to_owned(), "cli:x".to_owned());
    world.run(Command::BindOrder { order_id: nobodys, user: user(BUYER), reason, actor });
    assert_eq!(item(&world, nobodys), Some(format!("Telegram user {BUYER}, 2.00 USD")));
    // More of the same changes nothing.
    world.notify(&Note::for_order(1, "confirmed", before));
    world.notify(&Note::for_order(2, "finished", nobodys).price("2.00", "usd"));
    assert_eq!(world.open_reasons(), [Reason::NothingAdded, Reason::NothingAdded]);

    // The money goes back, and the access stays.
    while !world.open_reasons().is_empty() {
        life::resolve(&mut world, Resolution::Refund).unwrap();
    }
    for order in [before, nobodys] {
        assert_eq!(world.get(order).state, OrderState::Refunded);
        assert_eq!(Face::of(world.now, &world.rows, order), Some(Face::Refunded { kept: true }));
    }
    assert_eq!(world.membership(BUYER).unwrap().ends_at, None);
}

/// The first lifetime was worth its money; whoever had days before has bought something, too.
#[test]
fn what_makes_an_access_last_for_ever_is_not_bought_in_vain() {
    let mut world = World::new();
    let (days, first) = (world.order("Month", Some(BUYER)), world.order("Life", Some(BUYER)));
    let second = world.order("Life", Some(BUYER));
    world.notify(&Note::for_order(1, "finished", days));
    world.notify(&Note::for_order(2, "finished", first).price("500", "usd"));
    assert_eq!(world.open_reasons(), []);
    world.now += SignedDuration::from_mins(1);
    world.notify(&Note::for_order(3, "finished", second).price("500", "usd"));
    assert_eq!(world.open_reasons(), [Reason::NothingAdded]);
    // The provider has sent it back.
    world.notify(&Note::for_order(3, "refunded", second).price("500", "usd"));
    assert_eq!(world.open_reasons(), []);
    assert_eq!(world.membership(BUYER).unwrap().ends_at, None);
}
