//! Paying on the spot: a coin is chosen on the order's page, a job has its payment made, and the answer is taken like a notification.

#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod world;

use tollhouse_core::command::{Command, Outcome, Refusal};
use tollhouse_core::id::OrderId;
use tollhouse_core::job::{Action, Failure, JobKind, Outcome as JobOutcome, action};
use tollhouse_core::money::Currency;
use tollhouse_core::order::{COINS_TRIED_MAX, Checkout, CoinWords, OrderState};
use world::{BUYER, Note, World, days};

fn coin(text: &str) -> Currency {
    Currency::new(text).unwrap()
}

fn choose(world: &mut World, order_id: OrderId, text: &str) {
    world.run(Command::ChooseCoin { order_id, coin: Some(coin(text)), words: None });
}

/// Works the one payment that is to be made, as the provider would answer.
fn make(world: &mut World, order: OrderId, number: i64, address: &str) {
    let [job] = &world.claim()[..] else { panic!("one job") };
    let Action::CreatePayment { order_id, price, coin, .. } = action(world.now, &world.rows, job) else {
        panic!("it makes a payment")
    };
    assert_eq!((order_id, price.to_string()), (order, "2.50 USD".to_owned()));
    let note = Note::for_order(number, "waiting", order).paid("");
    let mut answer = note.received(world.now);
    answer.facts.pay.currency = Some(coin);
    answer.facts.pay_address = Some(address.to_owned());
    world.finish(job, JobOutcome::PaymentCreated { answer: Box::new(answer) });
}

#[test]
fn a_chosen_coin_gets_one_payment_with_its_address() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    choose(&mut world, order, "btc");
    choose(&mut world, order, "btc");
    make(&mut world, order, 31, "bc1qfirst");
    let payment = world.rows.payments.get(&world::payment_id(31)).unwrap();
    assert_eq!((payment.order_id, payment.pay_address.as_deref()), (Some(order), Some("bc1qfirst")));
    assert!(payment.can_be_paid(&world.get(order).price, &coin("btc")));
    assert_eq!(world.get(order).state, OrderState::Open, "an address is no money");

    // Another coin and back: nothing new is made for the first.
    choose(&mut world, order, "ltc");
    make(&mut world, order, 32, "ltc1qsecond");
    choose(&mut world, order, "btc");
    assert!(world.claim().is_empty());
    assert_eq!(world.get(order).checkout.coin, Some(coin("btc")));
    world.notify(&Note::for_order(31, "finished", order));
    assert_eq!(world.get(order).state, OrderState::Paid);
}

#[test]
fn a_refused_coin_sends_the_buyer_back_to_the_choice_and_calls_nobody() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    choose(&mut world, order, "btc");
    let job = world.claim().remove(0);
    world.finish(&job, JobOutcome::CoinRefused);
    assert_eq!(world.get(order).checkout.coin, None);
    assert_eq!(world.get(order).checkout.refused, [coin("btc")]);
    assert_eq!(world.get(order).checkout.refused_last, Some(coin("btc")));
    assert!(world.open_reasons().is_empty());
    let again = world.try_run(Command::ChooseCoin { order_id: order, coin: Some(coin("btc")), words: None });
    assert!(matches!(again, Err(Refusal::Conflict(_))), "{again:?}");

    // A fault of ours does call somebody, and lets the buyer go on all the same.
    choose(&mut world, order, "ltc");
    assert_eq!(world.get(order).checkout.refused_last, None);
    let job = world.claim().remove(0);
    world.finish(&job, JobOutcome::Failed(Failure::Permanent { error: "no".into() }));
    assert_eq!(world.get(order).checkout.coin, None);
    assert_eq!(world.open_reasons().len(), 1);
}

#[test]
fn what_a_coin_was_called_is_kept_with_the_choice_that_was_taken() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    let words = |network: &str| {
        Some(CoinWords { name: "Tether".into(), ticker: "USDT".into(), network: network.into() })
    };
    let choose = |network| Command::ChooseCoin {
        order_id: order,
        coin: Some(coin("usdttrc20")),
        words: words(network),
    };
    world.run(choose("Tron"));
    world.run(Command::ChooseCoin { order_id: order, coin: Some(coin("usdttrc20")), words: None });
    assert_eq!(world.get(order).checkout.words.get(&coin("usdttrc20")).cloned(), words("Tron"));
    world.run(choose("Tron (TRC20)"));
    assert_eq!(world.get(order).checkout.words.get(&coin("usdttrc20")).cloned(), words("Tron (TRC20)"));
    // An order from before there were words is read all the same.
    let old: Checkout = serde_json::from_str(r#"{"coin":"btc","tried":["btc"]}"#).unwrap();
    assert_eq!((old.coin, old.words.len()), (Some(coin("btc")), 0));
}

#[test]
fn an_order_that_waits_for_nothing_takes_no_choice_and_makes_no_payment() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    choose(&mut world, order, "btc");
    world.notify(&Note::for_order(33, "confirming", order));
    let job =
        world.claim().into_iter().find(|job| matches!(job.kind, JobKind::CreatePayment { .. })).unwrap();
    assert_eq!(action(world.now, &world.rows, &job), Action::Nothing, "paid on the hosted page meanwhile");
    let refused =
        world.try_run(Command::ChooseCoin { order_id: order, coin: Some(coin("ltc")), words: None });
    assert!(matches!(refused, Err(Refusal::Conflict(_))), "{refused:?}");

    let old = world.order("Month", Some(BUYER));
    world.now += days(2);
    let refused = world.try_run(Command::ChooseCoin { order_id: old, coin: Some(coin("ltc")), words: None });
    assert!(matches!(refused, Err(Refusal::Conflict(_))), "{refused:?}");
}

#[test]
fn the_number_of_payments_that_a_page_can_ask_for_is_bounded() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    for number in 0..COINS_TRIED_MAX {
        choose(&mut world, order, &format!("coin{number}"));
    }
    let refused =
        world.try_run(Command::ChooseCoin { order_id: order, coin: Some(coin("onemore")), words: None });
    assert!(matches!(refused, Err(Refusal::Conflict(_))), "{refused:?}");
    assert_eq!(
        world.run(Command::ChooseCoin { order_id: order, coin: None, words: None }),
        Outcome::Order(order)
    );
    choose(&mut world, order, "coin0");
}
