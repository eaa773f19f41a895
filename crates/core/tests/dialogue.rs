//! A dialogue in the bot: one update moves it on once, and what is asked has a bound.

mod world;

use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, Member, Outcome, Refusal};
use tollhouse_core::dialogue::{KIND_BYTES_MAX, PAYLOAD_BYTES_MAX, Question};
use world::{BUYER, World, user};

fn go_on(update_id: i64, next: Option<Question>, then: Option<Command>) -> Command {
    Command::GoOn { user: user(BUYER), update_id, next, then: then.map(Box::new) }
}

fn question(kind: usize, payload: usize) -> Option<Question> {
    Some(Question { kind: "k".repeat(kind), payload: "p".repeat(payload) })
}

#[test]
fn a_question_has_a_bound_and_what_is_too_long_leaves_the_dialogue_where_it_is() {
    let mut world = World::new();
    world.run(go_on(1, question(KIND_BYTES_MAX, PAYLOAD_BYTES_MAX), None));
    let held = world.rows.dialogues.get(&user(BUYER)).cloned();
    for (kind, payload) in [(KIND_BYTES_MAX + 1, 1), (1, PAYLOAD_BYTES_MAX + 1)] {
        let refused = world.try_run(go_on(2, question(kind, payload), None));
        assert!(matches!(refused, Err(Refusal::Invalid(_))), "{kind} and {payload} bytes: {refused:?}");
        assert_eq!(world.rows.dialogues.get(&user(BUYER)).cloned(), held);
    }
}

#[test]
fn f19_an_answer_counts_once_and_a_refused_one_can_be_given_anew() {
    let mut world = World::new();
    let gift = |world: &World, reason: &str| Command::GrantMembership {
        member: Member::User { channel_id: world.channel, user: user(BUYER) },
        duration: PlanDuration::Days(7),
        reason: reason.to_owned(),
        actor: "telegram:1001".into(),
    };
    let without_reason = gift(&world, " ");
    let refused = world.try_run(go_on(1, question(1, 1), Some(without_reason)));
    assert!(matches!(refused, Err(Refusal::Invalid(_))), "{refused:?}");
    assert!(world.rows.dialogues.get(&user(BUYER)).is_none());
    let (first, again) = (gift(&world, "sorry"), gift(&world, "sorry"));
    world.run(go_on(1, None, Some(first)));
    assert_eq!(world.run(go_on(1, None, Some(again))), Outcome::Repeated);
    assert_eq!(world.rows.grants.values().count(), 1);
}
