//! Moves the dialogue with somebody on, and carries out what their answer means: both or neither.

use super::{Work, decide};
use crate::command::{Command, Outcome, Refusal};
use crate::dialogue::{Dialogue, KIND_BYTES_MAX, PAYLOAD_BYTES_MAX, Question};
use crate::id::TelegramUserId;

pub(super) fn go_on(
    work: &mut Work<'_>,
    user: TelegramUserId,
    update_id: i64,
    next: Option<&Question>,
    then: Option<&Command>,
) -> Result<Outcome, Refusal> {
    let known = work.snapshot.dialogues.get(&user);
    if known.is_some_and(|dialogue| dialogue.has_seen(update_id)) {
        return Ok(Outcome::Repeated);
    }
    if let Some(question) = next
        && (question.kind.len() > KIND_BYTES_MAX || question.payload.len() > PAYLOAD_BYTES_MAX)
    {
        return Err(Refusal::Invalid(format!(
            "a question has at most {PAYLOAD_BYTES_MAX} bytes; begin again with less text"
        )));
    }
    // What is refused leaves the question open: it can be answered anew.
    let outcome = match then {
        Some(command) => decide(work.now, work.ids, work.snapshot, command)?,
        None => Outcome::Done,
    };
    let dialogue = Dialogue { user, question: next.cloned(), asked_at: work.now, update_id };
    work.snapshot.dialogues.put(user, dialogue);
    Ok(outcome)
}
