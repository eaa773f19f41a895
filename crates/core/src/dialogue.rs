//! What the bot has asked somebody in the private chat and waits to be told: one open question for each account, kept in the database, so
//! that a restart forgets nothing (F19).
//!
//! Which dialogues there are, and what they ask, is the bot's affair. Here is only what must be exact: one update moves a dialogue on
//! once, and what an answer brings about happens in the same transaction.

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, de::DeserializeOwned};

use crate::id::TelegramUserId;
use crate::membership::later;

/// For how long a question stays open, in hours: long enough to look for the address of a wallet over a weekend; who writes a week later
/// means something else.
pub const QUESTION_HOURS: i64 = 72;
/// Longest name of a dialogue, in bytes.
pub const KIND_BYTES_MAX: usize = 32;
/// Largest payload of a question, in bytes: a channel with as many plans as it may have, and long titles.
pub const PAYLOAD_BYTES_MAX: usize = 32 * 1024;
/// How far back the number of an update that was handled already can lie, in updates: Telegram repeats what was not confirmed, at most
/// a hundred at a time. A number further back is of a new series, which Telegram begins after a week without updates.
pub const REPEATED_UPDATES_MAX: i64 = 1_000;

/// A question that waits for its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Which dialogue asks.
    pub kind: String,
    /// Where it stands, as a JSON object. The dialogue versions it: a new shape must read the old one, or end politely.
    pub payload: String,
}

impl Question {
    /// A question with its payload.
    ///
    /// # Errors
    /// A payload that has no JSON form.
    pub fn new(kind: &str, payload: &impl Serialize) -> Result<Self, serde_json::Error> {
        Ok(Self { kind: kind.to_owned(), payload: serde_json::to_string(payload)? })
    }

    /// The payload, if it has this shape.
    #[must_use]
    pub fn read<P: DeserializeOwned>(&self) -> Option<P> {
        serde_json::from_str(&self.payload).ok()
    }
}

/// The dialogue with one account: a row for everybody who was ever asked something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialogue {
    /// With whom.
    pub user: TelegramUserId,
    /// What was asked last; nothing if that is over.
    pub question: Option<Question>,
    /// When it was asked, or ended.
    pub asked_at: Timestamp,
    /// Telegram's number of the update that brought the dialogue here.
    pub update_id: i64,
}

impl Dialogue {
    /// The question that waits for its answer at this moment.
    #[must_use]
    pub fn open(&self, now: Timestamp) -> Option<&Question> {
        let closes = later(self.asked_at, SignedDuration::from_hours(QUESTION_HOURS));
        self.question.as_ref().filter(|_| now < closes)
    }

    /// Whether this update was handled already.
    #[must_use]
    pub fn has_seen(&self, update_id: i64) -> bool {
        let back = self.update_id.saturating_sub(update_id);
        (0..=REPEATED_UPDATES_MAX).contains(&back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(at: Timestamp) -> Dialogue {
        let question = Question::new("test", &serde_json::json!({"v": 1})).unwrap();
        Dialogue {
            user: TelegramUserId::new(7).unwrap(),
            question: Some(question),
            asked_at: at,
            update_id: 5_000,
        }
    }

    #[test]
    fn a_question_closes_by_itself() {
        let at = Timestamp::UNIX_EPOCH;
        let dialogue = asked(at);
        assert!(dialogue.open(at).is_some());
        let last = at + SignedDuration::from_hours(QUESTION_HOURS) - SignedDuration::from_nanos(1);
        assert!(dialogue.open(last).is_some());
        assert!(dialogue.open(at + SignedDuration::from_hours(QUESTION_HOURS)).is_none());
    }

    #[test]
    fn an_update_is_known_again_and_a_new_series_is_not_taken_for_it() {
        let dialogue = asked(Timestamp::UNIX_EPOCH);
        assert!(dialogue.has_seen(5_000));
        assert!(dialogue.has_seen(4_901));
        assert!(!dialogue.has_seen(5_001));
        assert!(!dialogue.has_seen(17));
        assert!(!dialogue.has_seen(i64::MIN));
    }

    #[test]
    fn a_payload_of_another_shape_is_none() {
        let question = Question::new("test", &serde_json::json!({"v": 1})).unwrap();
        assert!(question.read::<Vec<u8>>().is_none());
        assert_eq!(question.read::<serde_json::Value>().unwrap()["v"], 1);
    }
}
