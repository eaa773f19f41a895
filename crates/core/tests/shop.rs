//! Links, plans and invoices: what can be put on sale, and what a buyer is sent to.
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod world;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use tollhouse_core::bot_chat::{BotChat, BotRight};
use tollhouse_core::channel::{PlanDuration, TITLE_LENGTH_MAX};
use tollhouse_core::command::{BotSeen, Command, NewPlan, OrderFrom, Outcome, Refusal};
use tollhouse_core::id::{ClaimToken, OrderId, TelegramChatId, TelegramUserId};
use tollhouse_core::job::{Action, Job, Outcome as JobOutcome, action};
use tollhouse_core::link::PayLink;
use tollhouse_core::order::{Invoice, ORDER_OPEN_HOURS, OrderSource};
use uuid::Uuid;
use world::life::{grant, seen, work};
use world::{BUYER, Note, PRIVATE_CHAT, World, user};

use tollhouse_core::presence::Standing;

fn create_link(world: &World, expires_at: Option<Timestamp>, max_uses: Option<u32>) -> Command {
    let plan_id = world.rows.channels.get(&world.channel).unwrap().plans[0].id;
    Command::CreateLink { channel_id: world.channel, plan_id, expires_at, max_uses, actor: "cli:x".into() }
}

fn link(world: &mut World, max_uses: Option<u32>) -> PayLink {
    let create = create_link(world, None, max_uses);
    let Outcome::Link(id) = world.run(create) else { panic!("a link") };
    world.rows.links.get(&id).unwrap().clone()
}

fn order_by(world: &mut World, from: OrderFrom, wants_invoice: bool) -> Result<OrderId, Refusal> {
    let create = Command::CreateOrder { from, user: None, source: OrderSource::DirectLink, wants_invoice };
    world.try_run(create).map(|outcome| match outcome {
        Outcome::Order(id) => id,
        other => panic!("{other:?}"),
    })
}

#[test]
fn a_link_lasts_into_the_future_and_counts_its_uses() {
    let mut world = World::new();
    let now = world.now;
    for (expires_at, is_taken) in [
        (now - SignedDuration::from_secs(1), false),
        (now, false),
        (now + SignedDuration::from_secs(1), true),
    ] {
        let made = world.try_run(create_link(&world, Some(expires_at), None));
        assert_eq!(made.is_ok(), is_taken, "{made:?}");
    }
    let twice = link(&mut world, Some(2));
    let from = || OrderFrom::Link { slug: twice.slug.clone() };
    for uses in 1..=2 {
        order_by(&mut world, from(), false).unwrap();
        assert_eq!(world.rows.links.get(&twice.id).unwrap().uses, uses);
    }
    assert!(order_by(&mut world, from(), false).is_err());
}

fn press(
    world: &mut World,
    link: &PayLink,
    buyer: Option<TelegramUserId>,
    form: ClaimToken,
) -> Result<OrderId, Refusal> {
    let press = Command::OrderByForm {
        from: OrderFrom::Link { slug: link.slug.clone() },
        user: buyer,
        source: OrderSource::DirectLink,
        form,
        wants_invoice: false,
    };
    world.try_run(press).map(|outcome| match outcome {
        Outcome::Order(id) => id,
        other => panic!("{other:?}"),
    })
}

#[test]
fn a_form_that_is_sent_twice_takes_one_use_and_leads_to_one_order() {
    let mut world = World::new();
    let (once, twice) = (link(&mut world, Some(1)), link(&mut world, Some(2)));
    let [form, other] = [1, 2].map(|number| ClaimToken(Uuid::from_u128(number)));
    let order = press(&mut world, &once, None, form).unwrap();
    assert_eq!(world.get(order).claim, Some(form));
    for state in ["waiting", "confirming", "partially_paid"] {
        world.notify(&Note::for_order(1, state, order).paid("0.00001 BTC"));
        assert_eq!(press(&mut world, &once, None, form), Ok(order), "{state}");
    }
    assert_eq!(world.rows.links.get(&once.id).unwrap().uses, 1);
    assert!(press(&mut world, &once, None, other).is_err(), "another form is another purchase");

    // Another link's form with the same number gets an order of its own, which nobody claims by that number.
    let of_twice = press(&mut world, &twice, None, form).unwrap();
    assert_ne!(of_twice, order);
    assert!(world.get(of_twice).claim.is_some_and(|claim| claim != form));
}

#[test]
fn a_form_whose_order_is_over_or_paid_buys_again() {
    let mut world = World::new();
    let link = link(&mut world, None);
    let [paid, expired] = [1, 2].map(|number| ClaimToken(Uuid::from_u128(number)));
    let first = press(&mut world, &link, None, paid).unwrap();
    world.notify(&Note::for_order(1, "finished", first));
    assert_ne!(press(&mut world, &link, None, paid), Ok(first));
    let old = press(&mut world, &link, Some(user(BUYER)), expired).unwrap();
    world.now += SignedDuration::from_hours(ORDER_OPEN_HOURS);
    let new = press(&mut world, &link, Some(user(BUYER)), expired).unwrap();
    assert_ne!(new, old);
    assert_eq!((world.get(new).user, world.get(new).claim), (Some(user(BUYER)), None));
}

/// Whoever has one link must not find another: each character is drawn.
#[test]
fn s37_the_names_of_links_are_drawn_from_all_of_their_characters() {
    let mut world = World::new();
    let slugs: Vec<String> = (0..200).map(|_| link(&mut world, None).slug).collect();
    assert_eq!(slugs.iter().collect::<BTreeSet<_>>().len(), slugs.len());
    let length = slugs[0].len();
    for place in 0..length {
        let drawn: BTreeSet<char> = slugs.iter().filter_map(|slug| slug.chars().nth(place)).collect();
        assert!(drawn.len() > 40, "of 62 characters {} stand at place {place}", drawn.len());
    }
}

#[test]
fn what_a_plan_may_be_called_and_cost_has_bounds() {
    let mut world = World::new();
    let mut add = |label: &str, price: &str| {
        let plan = NewPlan {
            label: label.to_owned(),
            price: price.parse().unwrap(),
            duration: PlanDuration::Days(3),
        };
        let (channel_id, actor) = (world.channel, "cli:x".to_owned());
        world.try_run(Command::AddPlan { channel_id, plan, actor }).is_ok()
    };
    assert!(!add("Nothing", "0 USD"));
    for (label, is_taken) in [
        (String::new(), false),
        (" \t ".to_owned(), false),
        ("bell \u{7} inside".to_owned(), false),
        ("x".repeat(TITLE_LENGTH_MAX + 1), false),
        ("x".repeat(TITLE_LENGTH_MAX), true),
        ("Three days".to_owned(), true),
        ("Three days".to_owned(), false),
    ] {
        assert_eq!(add(&label, "3 USD"), is_taken, "{label:?}");
    }
}

#[test]
fn f09_an_order_has_the_invoice_that_came_first_and_asks_for_no_second() {
    let mut world = World::new();
    let plan_id = world.rows.channels.get(&world.channel).unwrap().plans[0].id;
    let from = || OrderFrom::Plan { channel_id: world.channel, plan_id };
    let from = [from(), from()];
    let [first, second] = from.map(|from| order_by(&mut world, from, true).unwrap());
    let jobs: Vec<Job> =
        world.claim().into_iter().filter(|job| job.kind.name() == "create_invoice").collect();
    let [job, other] = &jobs[..] else { panic!("{jobs:?}") };
    let Action::CreateInvoice { order_id, price, description } = action(world.now, &world.rows, job) else {
        panic!("an invoice is to be made")
    };
    assert_eq!((order_id, price.to_string().as_str()), (first, "2.50 USD"));
    assert_eq!(description, "Signals: 30 days");
    let invoice =
        |id: &str| Invoice { id: id.to_owned(), url: format!("https://nowpayments.io/payment/?iid={id}") };
    world.finish(job, JobOutcome::InvoiceCreated { invoice: invoice("7") });
    assert_eq!(world.get(first).invoice, Some(invoice("7")));
    assert_eq!(action(world.now, &world.rows, job), Action::Nothing, "it has one");
    // Of one that is paid already none is made.
    world.notify(&Note::for_order(1, "finished", second));
    assert_eq!(action(world.now, &world.rows, other), Action::Nothing);
    // A second answer, of a worker that was thought dead, changes nothing that the buyer sees.
    world.finish(other, JobOutcome::InvoiceCreated { invoice: invoice("8") });
    let revived = Job { lease: None, ..world.rows.jobs.get(&job.id).unwrap().clone() };
    world.rows.jobs.put(job.id, Job { state: tollhouse_core::job::JobState::Ready, ..revived });
    let again = world.claim().into_iter().find(|again| again.id == job.id).unwrap();
    world.finish(&again, JobOutcome::InvoiceCreated { invoice: invoice("9") });
    assert_eq!(world.get(first).invoice, Some(invoice("7")));
}

#[test]
fn a_chat_is_offered_to_be_set_up_while_it_is_nobodys_and_the_bot_may_work_there() {
    let admin = [BotRight::Administrator];
    for (chat, rights, is_offered) in
        [(-1_009_999, &admin[..], true), (-1_009_999, &[][..], false), (PRIVATE_CHAT, &admin[..], false)]
    {
        let mut world = World::new();
        let seen = |rights: &[BotRight], update_id| BotSeen {
            chat: TelegramChatId::new(-1_009_999).unwrap(),
            title: "Another".into(),
            is_channel: true,
            is_public: false,
            rights: rights.iter().copied().collect(),
            by: Some(user(BUYER)),
            at: world.now,
            update_id,
            greets: true,
        };
        let first = seen(&admin, 1);
        world.run(Command::BotSeen(Box::new(first)));
        let job = world.claim().into_iter().find(|job| job.kind.name() == "offer_setup").unwrap();
        // What has become of the chat since.
        let known: BotChat = world.rows.bot_chats.values().next().unwrap().clone();
        let chat = TelegramChatId::new(chat).unwrap();
        let now = BotChat { chat, rights: rights.iter().copied().collect(), ..known };
        world.rows.bot_chats.put(chat, now);
        let kind = tollhouse_core::job::JobKind::OfferSetup { chat, user: user(BUYER) };
        let act = action(world.now, &world.rows, &Job { kind, ..job });
        assert_eq!(matches!(act, Action::OfferSetup { .. }), is_offered, "{chat} {rights:?}: {act:?}");
    }
}

/// Telegram is asked to lift a ban, and to let somebody in, only where that may help.
#[test]
fn access_is_sent_with_what_opens_the_door_to_its_member() {
    let days = PlanDuration::Days(10);
    let sent = |world: &mut World| {
        work(world).into_iter().find_map(|act| match act {
            Action::SendAccess { inside, lift_ban, let_in, .. } => {
                Some((inside, lift_ban.is_some(), let_in.is_some()))
            }
            _ => None,
        })
    };
    let mut world = World::new();
    let give = grant(&world, BUYER, days);
    world.run(give.clone());
    let job = world.claim().into_iter().find(|job| job.kind.name() == "deliver_access").unwrap();
    let Action::CreateInvite { name, .. } = action(world.now, &world.rows, &job) else { panic!("a link") };
    let membership = world.membership(BUYER).unwrap().id;
    assert_eq!(name, membership.0.simple().to_string(), "by it an operator finds the membership");
    world.finish(
        &job,
        JobOutcome::InviteCreated { chat: world::life::chat(), link: "https://t.me/+abc".into() },
    );
    assert_eq!(sent(&mut world), Some((false, false, true)), "the first time there is no ban of ours");
    seen(&mut world, BUYER, Standing::Inside);
    world.run(give.clone());
    assert_eq!(sent(&mut world), Some((true, false, false)), "who is inside needs neither");
    seen(&mut world, BUYER, Standing::Outside);
    world.run(give.clone());
    assert_eq!(sent(&mut world), Some((false, true, true)), "who comes back may be banned by a removal");
    seen(&mut world, BUYER, Standing::Banned);
    world.run(give);
    assert_eq!(sent(&mut world), Some((false, false, false)), "whom a person has banned, a person lets in");
}
