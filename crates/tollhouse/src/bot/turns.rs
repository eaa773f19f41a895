//! Each update once, and those of one chat one after the other, however they come: polled in a batch, posted over several connections, or
//! told again because the answer to an earlier telling was lost.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use tollhouse_store::{Store, StoreError};
use tollhouse_telegram::{ChatId, Update, UpdateId, UpdateKind};

/// How many updates are remembered as handled, in rows of the table `state`. Telegram repeats what it has just told; a hundred are in a
/// batch of polling.
const REMEMBERED_MAX: i64 = 1_024;

/// Of how many updates at once we remember that they were in trouble: one of each chat, while the database is away. Whoever is beyond
/// waits without a word.
const TROUBLED_MAX: usize = 1_024;

/// Whose turn it is in which chat, in this process.
#[derive(Debug, Default)]
pub struct Turns {
    chats: Mutex<HashMap<ChatId, Arc<tokio::sync::Mutex<()>>>>,
    troubled: Mutex<HashSet<UpdateId>>,
}

/// The right to handle an update of a chat.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    chat: ChatId,
    held: Option<tokio::sync::OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits for the turn of a chat; they come in the order in which they were asked for.
    pub(super) async fn of(&self, chat: ChatId) -> Turn<'_> {
        let turn = {
            let mut chats = self.chats.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(chats.entry(chat).or_default())
        };
        Turn { turns: self, chat, held: Some(turn.lock_owned().await) }
    }

    /// Whether an update could not be taken for the first time, so that whoever sent it is told once, however often it comes again.
    pub(super) fn is_first_trouble(&self, id: UpdateId) -> bool {
        let mut troubled = self.troubled.lock().unwrap_or_else(PoisonError::into_inner);
        troubled.len() < TROUBLED_MAX && troubled.insert(id)
    }

    /// Forgets the trouble with an update that was taken.
    pub(super) fn forget(&self, id: UpdateId) {
        self.troubled.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut chats = self.turns.chats.lock().unwrap_or_else(PoisonError::into_inner);
        self.held = None;
        // Held by the map alone: nobody waits.
        if chats.get(&self.chat).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            chats.remove(&self.chat);
        }
    }
}

/// In which chat it happened. A press counts for the private chat of whoever pressed: that is where it is answered.
pub(super) fn chat_of(update: &Update) -> ChatId {
    match &update.kind {
        UpdateKind::Message(message) | UpdateKind::ChannelPost(message) => message.chat.id,
        UpdateKind::Callback(callback) => callback.from.id.private_chat(),
        UpdateKind::MyChatMember(change) | UpdateKind::ChatMember(change) => change.chat.id,
        UpdateKind::JoinRequest(request) => request.chat.id,
        UpdateKind::Unknown { .. } | UpdateKind::Undecodable { .. } => ChatId(0),
    }
}

/// Whether an update was handled before, by whichever process.
pub(super) async fn is_handled(store: &dyn Store, id: UpdateId) -> Result<bool, StoreError> {
    Ok(store.get_state(&place(id)).await?.is_some_and(|text| text == id.0.to_string()))
}

/// Notes that it was.
pub(super) async fn note_handled(store: &dyn Store, id: UpdateId) -> Result<(), StoreError> {
    store.put_state(&place(id), &id.0.to_string()).await
}

/// Where it is noted: a ring, in which the newest takes the place of the oldest.
fn place(id: UpdateId) -> String {
    format!("telegram_update:{}", id.0.rem_euclid(REMEMBERED_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f55_an_update_in_trouble_is_told_of_once() {
        let turns = Turns::default();
        let is_first = |id| turns.is_first_trouble(UpdateId(id));
        assert_eq!([is_first(1), is_first(1), is_first(2)], [true, false, true]);
        turns.forget(UpdateId(1));
        assert!(is_first(1), "what was taken in the end may be in trouble anew");
        for id in 10..10 + 2 * TROUBLED_MAX {
            is_first(i64::try_from(id).unwrap());
        }
        assert!(!is_first(7), "beyond the limit nobody is told");
    }

    #[tokio::test]
    async fn one_chat_waits_for_its_turn_and_others_do_not() {
        let turns = Turns::default();
        let first = turns.of(ChatId(1)).await;
        let other = turns.of(ChatId(2)).await;
        let second = turns.of(ChatId(1));
        tokio::pin!(second);
        assert!(futures::poll!(&mut second).is_pending());
        drop(first);
        assert!(futures::poll!(&mut second).is_ready());
        drop(other);
    }
}
