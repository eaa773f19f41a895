//! Dialogues in the private chat: the bot asks, and what is written or pressed next is the answer.
//!
//! Which question is open stands in the database ([`tollhouse_core::dialogue`]), so that a restart forgets nothing. Every dialogue is a
//! module with a name for its questions; `heard` finds it by the name. A module moves on by [`Turn::go_on`], which commits the next
//! question together with what the answer brings about, once for each update. An update that comes again, since the process died before
//! it could answer, is answered by asking the open question again.

use serde::Serialize;
use tollhouse_core::command::{Command, Outcome, Refusal};
use tollhouse_core::dialogue::{Dialogue, Question};
use tollhouse_core::id::TelegramUserId;
use tollhouse_core::snapshot::Needs;
use tollhouse_store::StoreError;
use tollhouse_telegram::{Button, Chat, Gateway, Html, UserId};

use super::donating;
use super::owner::{Pressed, payout, plan, setup};
use crate::app::{App, SubmitError};
use crate::purchase::Reply;
use crate::texts::Language;

/// What the data of a button below a question begins with; then the place of the question, and the answer.
const PREFIX: &str = "d:";

/// Somebody's update at work.
pub struct Turn<'a> {
    /// What all parts share.
    pub app: &'a App,
    /// The way to Telegram, for questions that only it can answer.
    pub gateway: &'a Gateway,
    /// Who wrote or pressed.
    pub user: TelegramUserId,
    /// Telegram's number of the update.
    pub update_id: i64,
    /// Their language.
    pub language: Language,
}

/// What somebody answers an open question with.
#[derive(Debug, Clone, Copy)]
pub enum Answer<'a> {
    /// A text that is no command.
    Text(&'a str),
    /// A message that was forwarded from this channel.
    Forward(&'a Chat),
    /// A button below the question, by its answer.
    Press(&'a str),
}

/// What came of an attempt to move on.
#[derive(Debug)]
pub enum Step {
    /// The dialogue is one question further, and what the answer brought about is done.
    Done(Outcome),
    /// The rules refuse what the answer would bring about; the question is still open.
    Refused(Refusal),
    /// The update was handled before.
    Repeated,
}

impl Turn<'_> {
    /// The bot's own account.
    #[must_use]
    pub fn bot(&self) -> UserId {
        UserId(self.app.bot_id().unwrap_or_default())
    }

    /// The dialogue with this person; `None` if they were never asked anything.
    ///
    /// # Errors
    /// The store's.
    pub async fn dialogue(&self) -> Result<Option<Dialogue>, StoreError> {
        let mut needs = Needs::default();
        needs.dialogues.insert(self.user);
        Ok(self.app.store.snapshot(needs).await?.dialogues.get(&self.user).cloned())
    }

    /// Asks `next`, or ends the dialogue, and does what the answer brings about, in one commit.
    ///
    /// # Errors
    /// The store's.
    pub async fn go_on(&self, next: Option<Question>, then: Option<Command>) -> Result<Step, StoreError> {
        let (user, update_id, then) = (self.user, self.update_id, then.map(Box::new));
        match self.app.submit(Command::GoOn { user, update_id, next, then }).await {
            Ok(Outcome::Repeated) => Ok(Step::Repeated),
            Ok(outcome) => Ok(Step::Done(outcome)),
            Err(SubmitError::Refused(refusal)) => {
                tracing::info!(%refusal, "an answer was refused by the rules");
                Ok(Step::Refused(refusal))
            }
            Err(SubmitError::Store(error)) => Err(error),
        }
    }
}

/// A question of a dialogue with its payload.
///
/// # Errors
/// A payload that has no JSON form; it is a fault of ours.
pub fn question(kind: &str, payload: &impl Serialize) -> Result<Question, StoreError> {
    Question::new(kind, payload).map_err(|error| StoreError::Internal { what: error.to_string() })
}

/// A button that answers the question at this place: the number of the update that brought the dialogue there. Below every other question
/// it means nothing, whatever was pressed, forged or repeated.
#[must_use]
pub fn button(text: impl Into<String>, place: i64, answer: &str) -> Button {
    Button::callback(text, format!("{PREFIX}{place}:{answer}"))
}

/// The place and the answer that a button's data names, if it is one below a question.
pub fn of_press(data: &str) -> Option<(i64, &str)> {
    let (place, answer) = data.strip_prefix(PREFIX)?.split_once(':')?;
    Some((place.parse().ok()?, answer))
}

/// What is said of a refusal that has no words of its own: the rules' sentence, behind words that whoever reads it understands.
#[must_use]
pub fn refused(language: Language, refusal: &Refusal) -> Html {
    language.dialogue_refused(refusal.to_string())
}

/// What is said to a text or a forwarded message; nothing if nothing was asked, since the bot does not chat.
///
/// # Errors
/// The store's.
pub async fn answered(turn: &Turn<'_>, answer: Answer<'_>) -> Result<Option<Reply>, StoreError> {
    let Some(dialogue) = turn.dialogue().await? else { return Ok(None) };
    if dialogue.has_seen(turn.update_id) {
        return ask_again(turn, &dialogue).await;
    }
    match dialogue.open(turn.app.clock.now()) {
        Some(question) => heard(turn, question, dialogue.update_id, answer).await.map(Some),
        // They answer what was asked long ago.
        None if dialogue.question.is_some() => {
            end(turn, (turn.language.dialogue_closed(), None)).await.map(Some)
        }
        None => Ok(None),
    }
}

/// What a press on a button below a question comes to; `None` if that question is not the open one.
///
/// # Errors
/// The store's.
pub async fn pressed(turn: &Turn<'_>, place: i64, answer: &str) -> Result<Option<Pressed>, StoreError> {
    let Some(dialogue) = turn.dialogue().await? else { return Ok(None) };
    if dialogue.has_seen(turn.update_id) {
        return Ok(ask_again(turn, &dialogue).await?.map(Pressed::Says));
    }
    let (taps, clock) = (&turn.app.taps, &turn.app.clock);
    match dialogue.open(clock.now()) {
        Some(question) if dialogue.update_id == place => {
            let reply = heard(turn, question, place, Answer::Press(answer)).await?;
            taps.note(turn.user, place, answer, clock.now());
            Ok(Some(Pressed::Says(reply)))
        }
        _ => Ok(taps.is_second(turn.user, place, answer, clock.now()).then_some(Pressed::Nothing)),
    }
}

/// `/cancel`: ends whatever dialogue there is.
///
/// # Errors
/// The store's.
pub async fn cancel(turn: &Turn<'_>) -> Result<Reply, StoreError> {
    let l = turn.language;
    let text = match turn.dialogue().await? {
        Some(Dialogue { question: Some(question), .. }) => {
            // What was done on the way is not undone with the question.
            donating::kept(turn, &question).await?.unwrap_or_else(|| l.dialogue_cancelled())
        }
        Some(dialogue) if dialogue.has_seen(turn.update_id) => l.dialogue_cancelled(),
        _ => return Ok((l.dialogue_none(), None)),
    };
    end(turn, (text, None)).await
}

/// The open question, asked again; nothing if none is open.
///
/// # Errors
/// The store's.
pub async fn open_question(turn: &Turn<'_>) -> Result<Option<Reply>, StoreError> {
    let Some(dialogue) = turn.dialogue().await? else { return Ok(None) };
    match dialogue.open(turn.app.clock.now()) {
        Some(question) => asked(turn, question, dialogue.update_id).await.map(Some),
        None => Ok(None),
    }
}

/// An update that was handled and perhaps not answered: if it is the one that brought the dialogue where it is, the question is asked
/// again; if others came after it, it was answered.
async fn ask_again(turn: &Turn<'_>, dialogue: &Dialogue) -> Result<Option<Reply>, StoreError> {
    match dialogue.open(turn.app.clock.now()) {
        Some(question) if dialogue.update_id == turn.update_id => {
            asked(turn, question, dialogue.update_id).await.map(Some)
        }
        _ => Ok(None),
    }
}

async fn end(turn: &Turn<'_>, reply: Reply) -> Result<Reply, StoreError> {
    turn.go_on(None, None).await?;
    Ok(reply)
}

/// Hands an answer to the dialogue that asked.
async fn heard(
    turn: &Turn<'_>,
    question: &Question,
    place: i64,
    answer: Answer<'_>,
) -> Result<Reply, StoreError> {
    let reply = match question.kind.as_str() {
        setup::KIND => setup::heard(turn, question, place, answer).await?,
        plan::KIND => plan::heard(turn, question, place, answer).await?,
        payout::KIND => payout::heard(turn, question, place, answer).await?,
        donating::KIND => donating::heard(turn, question, place, answer).await?,
        _ => None,
    };
    match reply {
        Some(reply) => Ok(reply),
        None => lost(turn, question).await,
    }
}

/// The words of a question.
async fn asked(turn: &Turn<'_>, question: &Question, place: i64) -> Result<Reply, StoreError> {
    let reply = match question.kind.as_str() {
        setup::KIND => setup::asked(turn, question, place).await?,
        plan::KIND => plan::asked(turn.language, question, place),
        payout::KIND => payout::asked(turn.language, question, place),
        donating::KIND => donating::asked(turn, question, place).await?,
        _ => None,
    };
    match reply {
        Some(reply) => Ok(reply),
        None => lost(turn, question).await,
    }
}

/// A question that no dialogue of this version knows: another version asked it.
async fn lost(turn: &Turn<'_>, question: &Question) -> Result<Reply, StoreError> {
    tracing::warn!(kind = question.kind, "a question that this version does not know was ended");
    end(turn, (turn.language.dialogue_closed(), None)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_carries_its_place_and_fits() {
        let button = button("Skip", i64::MAX, "skip");
        let tollhouse_telegram::Action::Callback(data) = button.action else { panic!("no callback") };
        assert!(data.len() <= tollhouse_telegram::CALLBACK_DATA_BYTES_MAX);
        assert_eq!(of_press(&data), Some((i64::MAX, "skip")));
    }

    #[test]
    fn what_is_no_press_of_ours_is_none() {
        for data in ["", "d:", "d:1", "d:x:skip", "D:1:skip", "plan:1", "d:99999999999999999999:skip"] {
            assert_eq!(of_press(data), None, "{data}");
        }
    }
}
