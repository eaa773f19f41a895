//! Dialogues: what an update brings about happens once, together with the next question.

use std::sync::Arc;

use jiff::SignedDuration;
use tollhouse_core::command::{Command, Outcome, Refusal};
use tollhouse_core::dialogue::{Dialogue, PAYLOAD_BYTES_MAX, Question};
use tollhouse_core::id::TelegramUserId;
use tollhouse_core::snapshot::Needs;

use super::Fresh;
use super::world::{PRIVATE_CHAT, World, add_channel};
use crate::ChannelFilter;

fn user() -> TelegramUserId {
    TelegramUserId::new(i64::MAX).unwrap()
}

fn question(text: &str) -> Question {
    Question::new("test", &serde_json::json!({"v": 1, "text": text})).unwrap()
}

fn go_on(update_id: i64, next: Option<Question>, then: Option<Command>) -> Command {
    Command::GoOn { user: user(), update_id, next, then: then.map(Box::new) }
}

async fn dialogue(world: &World) -> Dialogue {
    let mut needs = Needs::default();
    needs.dialogues.insert(user());
    world.store.snapshot(needs).await.unwrap().dialogues.get(&user()).unwrap().clone()
}

pub async fn a_dialogue_reads_back_and_an_update_moves_it_once(database: &dyn Fresh) {
    let world = World::open(database, 1).await;
    let text = "Сигналы 📈 <b>\u{200f}'\"; DROP TABLE dialogues; --";
    assert_eq!(world.run(go_on(i64::MAX - 1, Some(question(text)), None)).await, Outcome::Done);
    let asked = Dialogue {
        user: user(),
        question: Some(question(text)),
        asked_at: world.clock.now(),
        update_id: i64::MAX - 1,
    };
    assert_eq!(dialogue(&world).await, asked);
    world.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(world.run(go_on(i64::MAX - 1, None, None)).await, Outcome::Repeated);
    assert_eq!(dialogue(&world).await, asked, "a repeat changes nothing");
    assert_eq!(world.run(go_on(i64::MAX, None, None)).await, Outcome::Done);
    let over = Dialogue { question: None, asked_at: world.clock.now(), update_id: i64::MAX, ..asked };
    assert_eq!(dialogue(&world).await, over);
    // A process that comes later sees the same.
    world.store.close().await;
    let again = World::open_at(database, 2, world.clock.clone()).await;
    assert_eq!(dialogue(&again).await, over);
}

pub async fn f58_an_answer_and_what_it_brings_about_are_one_commit(database: &dyn Fresh) {
    let world = World::open(database, 1).await;
    world.run(add_channel(PRIVATE_CHAT, None)).await;
    world.run(go_on(1, Some(question("first")), None)).await;
    let before = dialogue(&world).await;
    // The chat is taken: neither is done.
    let refused = world.store.submit(go_on(2, None, Some(add_channel(PRIVATE_CHAT, None)))).await.unwrap();
    assert!(matches!(refused, Err(Refusal::Conflict(_))), "{refused:?}");
    let huge = question(&"x".repeat(PAYLOAD_BYTES_MAX));
    let refused = world.store.submit(go_on(2, Some(huge), Some(add_channel(-77, None)))).await.unwrap();
    assert!(matches!(refused, Err(Refusal::Invalid(_))), "{refused:?}");
    assert_eq!(dialogue(&world).await, before);
    let outcome = world.run(go_on(2, None, Some(add_channel(-77, None)))).await;
    assert!(matches!(outcome, Outcome::Channel(_)), "{outcome:?}");
    assert_eq!(dialogue(&world).await.question, None);
    assert_eq!(world.store.channels(ChannelFilter::default()).await.unwrap().len(), 2);
}

pub async fn two_processes_with_one_update_move_a_dialogue_once(database: &dyn Fresh) {
    let one = World::open(database, 1).await;
    let two = World::open_at(database, 2, one.clock.clone()).await;
    for update_id in 1..=10 {
        let answer = || go_on(update_id, Some(question("next")), Some(add_channel(-update_id, None)));
        let (first, second) = (Arc::clone(&one.store), Arc::clone(&two.store));
        let (first, second) = tokio::join!(first.submit(answer()), second.submit(answer()));
        let outcomes = [first.unwrap().unwrap(), second.unwrap().unwrap()];
        let repeats = outcomes.iter().filter(|outcome| **outcome == Outcome::Repeated).count();
        assert_eq!(repeats, 1, "{outcomes:?}");
    }
    assert_eq!(one.store.channels(ChannelFilter::default()).await.unwrap().len(), 10);
}
