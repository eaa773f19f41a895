use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use tollhouse_core::event::{EventSource, Parent, PaymentFacts, Received, ReportedMoney};
use tollhouse_core::id::{JobId, ProviderPaymentId};
use tollhouse_core::money::Reported;
use tollhouse_core::status::PaymentStatus;
use uuid::Uuid;

use super::*;

fn retry(number: u128) -> Command {
    Command::RetryJob { job_id: JobId(Uuid::from_u128(number)) }
}

fn notification(payment: i64) -> Command {
    let nothing = || ReportedMoney { amount: Reported::Nothing, currency: None };
    Command::Notification(Box::new(Received {
        received_at: Timestamp::UNIX_EPOCH,
        source: EventSource::Ipn,
        signature_form: None,
        headers: "{}".to_owned(),
        body: Vec::new(),
        digest: [0; 32],
        facts: PaymentFacts {
            payment_id: ProviderPaymentId::new(payment).unwrap(),
            status: PaymentStatus::Finished,
            order_ref: None,
            invoice_id: None,
            parent: Parent::None,
            price: nothing(),
            pay: nothing(),
            pay_address: None,
            pay_extra_id: None,
            actually_paid: Reported::Nothing,
            outcome: nothing(),
            updated_at_ms: None,
        },
    }))
}

fn run(machine: &mut Machine<usize>) -> Arc<Vec<Command>> {
    match machine.next_step() {
        Step::Run(batch) => batch,
        other => panic!("expected a run, not {other:?}"),
    }
}

fn answer(machine: &mut Machine<usize>) -> (usize, Answer) {
    match machine.next_step() {
        Step::Answer(ticket, answer) => (ticket, answer),
        other => panic!("expected an answer, not {other:?}"),
    }
}

fn submit(machine: &mut Machine<usize>, commands: Vec<Command>) {
    for (ticket, command) in commands.into_iter().enumerate() {
        machine.take(Input::Submitted(ticket, command));
    }
}

fn broken() -> Input<usize> {
    Input::Failed(Failure::Broken("no".to_owned()))
}

fn done(count: usize) -> Input<usize> {
    Input::Committed(vec![Ok(Outcome::Done); count])
}

#[test]
fn what_waits_goes_in_one_batch_and_each_is_answered() {
    let mut machine = Machine::default();
    assert!(matches!(machine.next_step(), Step::Wait));
    submit(&mut machine, vec![retry(0), retry(1), retry(2)]);
    assert_eq!(run(&mut machine).len(), 3);
    machine.take(Input::Submitted(3, retry(3)));
    assert!(matches!(machine.next_step(), Step::Wait), "one batch at a time");
    let refused = Refusal::NotFound("no job".to_owned());
    machine.take(Input::Committed(vec![Ok(Outcome::Done), Err(refused.clone()), Ok(Outcome::Done)]));
    assert_eq!(answer(&mut machine), (0, Ok(Ok(Outcome::Done))));
    assert_eq!(answer(&mut machine), (1, Ok(Err(refused))));
    assert_eq!(answer(&mut machine), (2, Ok(Ok(Outcome::Done))));
    assert_eq!(run(&mut machine).len(), 1);
}

#[test]
fn a_poison_fails_alone() {
    let mut machine = Machine::default();
    submit(&mut machine, vec![retry(0), retry(1), retry(2)]);
    run(&mut machine);
    machine.take(broken());
    assert_eq!(run(&mut machine).len(), 1);
    machine.take(done(1));
    assert_eq!(answer(&mut machine), (0, Ok(Ok(Outcome::Done))));
    run(&mut machine);
    machine.take(broken());
    assert!(matches!(answer(&mut machine), (1, Err(StoreError::Internal { .. }))));
    run(&mut machine);
    machine.take(done(1));
    assert_eq!(answer(&mut machine), (2, Ok(Ok(Outcome::Done))));
    assert!(matches!(machine.next_step(), Step::Wait));
}

#[test]
fn a_notification_that_fails_alone_is_parked() {
    let mut machine = Machine::default();
    submit(&mut machine, vec![notification(7)]);
    run(&mut machine);
    machine.take(broken());
    let batch = run(&mut machine);
    assert!(
        matches!(&batch[0], Command::ParkNotification(received) if received.facts.payment_id.get() == 7),
        "{batch:?}"
    );
    machine.take(broken());
    assert!(
        matches!(answer(&mut machine), (0, Err(StoreError::Internal { .. }))),
        "parked once, not for ever"
    );
}

#[test]
fn a_batch_that_others_were_in_the_way_of_is_run_again() {
    for (failure, parks) in
        [(Failure::Raced("key".to_owned()), true), (Failure::Locked("deadlock".to_owned()), false)]
    {
        let mut machine = Machine::default();
        submit(&mut machine, vec![notification(7)]);
        for _ in 0..=RERUNS_MAX {
            assert!(matches!(run(&mut machine)[0], Command::Notification(_)));
            machine.take(Input::Failed(failure.clone()));
        }
        if parks {
            assert!(matches!(run(&mut machine)[0], Command::ParkNotification(_)));
        } else {
            assert!(matches!(answer(&mut machine), (0, Err(StoreError::Unavailable { .. }))));
        }
    }
}

#[test]
fn f33_out_of_reach_everything_is_told_to_come_back() {
    let mut machine = Machine::default();
    submit(&mut machine, (0..200).map(|number| notification(number + 1)).collect());
    assert_eq!(run(&mut machine).len(), BATCH_LENGTH_MAX);
    machine.take(Input::Failed(Failure::Unavailable("gone".to_owned())));
    for ticket in 0..200 {
        let (answered, answer) = answer(&mut machine);
        assert_eq!(answered, ticket);
        assert!(matches!(answer, Err(StoreError::Unavailable { .. })));
    }
    assert!(matches!(machine.next_step(), Step::Wait));
}

fn blocked() -> Input<usize> {
    Input::Failed(Failure::Blocked("a lock".to_owned()))
}

#[test]
fn f33_what_somebody_keeps_locked_holds_up_nobody_else() {
    let mut machine = Machine::default();
    submit(&mut machine, vec![retry(0), notification(7), retry(2)]);
    assert_eq!(run(&mut machine).len(), 3);
    machine.take(blocked());
    assert_eq!(run(&mut machine).len(), 1, "taken apart at once: to run it again would cost the same wait");
    machine.take(Input::Submitted(3, retry(3)));
    machine.take(done(1));
    assert_eq!(answer(&mut machine), (0, Ok(Ok(Outcome::Done))));
    assert!(matches!(run(&mut machine)[0], Command::Notification(_)));
    machine.take(blocked());
    let told = answer(&mut machine);
    assert!(matches!(told, (1, Err(StoreError::Unavailable { .. }))), "nothing is wrong with it: {told:?}");
    for ticket in 2..4 {
        assert_eq!(run(&mut machine).len(), 1);
        machine.take(done(1));
        assert_eq!(answer(&mut machine), (ticket, Ok(Ok(Outcome::Done))));
    }
    assert!(matches!(machine.next_step(), Step::Wait));
}

#[test]
fn where_too_many_of_a_batch_are_locked_the_others_do_not_wait_for_each_of_them() {
    let mut machine = Machine::default();
    submit(&mut machine, (0..8).map(retry).collect());
    run(&mut machine);
    machine.take(blocked());
    for alone in 0..BLOCKED_MAX {
        assert_eq!(run(&mut machine).len(), 1);
        let is_last = alone + 1 == BLOCKED_MAX;
        assert_eq!(machine.is_out_of_reach(&Failure::Blocked(String::new())), is_last, "{alone}");
        machine.take(blocked());
        let told = answer(&mut machine);
        assert!(matches!(told, (_, Err(StoreError::Unavailable { .. }))), "{told:?}");
        // One that goes through in between changes nothing: each that does not costs a wait.
        if alone == 0 {
            assert_eq!(run(&mut machine).len(), 1);
            machine.take(done(1));
            assert_eq!(answer(&mut machine), (1, Ok(Ok(Outcome::Done))));
        }
    }
    for ticket in BLOCKED_MAX as usize + 1..8 {
        let told = answer(&mut machine);
        assert!(matches!(told, (t, Err(StoreError::Unavailable { .. })) if t == ticket), "{told:?}");
    }
    assert!(matches!(machine.next_step(), Step::Wait));
    // The next batch begins anew.
    submit(&mut machine, vec![retry(8), retry(9)]);
    run(&mut machine);
    assert!(!machine.is_out_of_reach(&Failure::Blocked(String::new())));
    machine.take(blocked());
    assert_eq!(run(&mut machine).len(), 1);
}

/// What the world does next to the machine.
#[derive(Debug, Clone)]
enum Event {
    Submit(bool),
    Commit,
    Fail(u8),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => any::<bool>().prop_map(Event::Submit),
        2 => Just(Event::Commit),
        2 => (0_u8..6).prop_map(Event::Fail),
    ]
}

/// Plays events against the machine as an engine would; returns how often each ticket was answered, and with what.
fn play(events: Vec<Event>) -> (usize, BTreeMap<usize, Vec<Answer>>) {
    let mut machine = Machine::default();
    let mut answers: BTreeMap<usize, Vec<Answer>> = BTreeMap::new();
    let mut submitted = 0;
    let mut running: Option<usize> = None;
    let mut reruns = 0;
    let mut advance = |machine: &mut Machine<usize>, running: &mut Option<usize>| {
        loop {
            match machine.next_step() {
                Step::Run(batch) => {
                    assert!(running.is_none(), "two batches at once");
                    assert!(!batch.is_empty() && batch.len() <= BATCH_LENGTH_MAX);
                    *running = Some(batch.len());
                }
                Step::Answer(ticket, answer) => answers.entry(ticket).or_default().push(answer),
                Step::Wait => return,
            }
        }
    };
    let drain = vec![Event::Commit; 1_000];
    for event in events.into_iter().chain(drain) {
        match event {
            Event::Submit(is_notification) => {
                let command = if is_notification { notification(1) } else { retry(1) };
                machine.take(Input::Submitted(submitted, command));
                submitted += 1;
            }
            Event::Commit => {
                if let Some(length) = running.take() {
                    machine.take(done(length));
                }
            }
            Event::Fail(kind) => {
                if running.take().is_some() {
                    reruns += 1;
                    let what = format!("failure {reruns}");
                    machine.take(Input::Failed(match kind {
                        0 => Failure::Raced(what),
                        1 => Failure::Locked(what),
                        2 => Failure::Broken(what),
                        3 => Failure::Disconnected(what),
                        4 => Failure::Blocked(what),
                        _ => Failure::Unavailable(what),
                    }));
                }
            }
        }
        advance(&mut machine, &mut running);
    }
    assert_eq!(running, None);
    assert_eq!(machine.waiting(), 0);
    (submitted, answers)
}

proptest! {
    #[test]
    fn every_ticket_is_answered_exactly_once(events in prop::collection::vec(event(), 0..400)) {
        let (submitted, answers) = play(events);
        prop_assert_eq!(answers.len(), submitted);
        for (ticket, given) in answers {
            prop_assert!(given.len() == 1 && ticket < submitted, "ticket {} got {:?}", ticket, given);
        }
    }
}
