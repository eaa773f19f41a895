//! The bot's queue of updates.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Telegram keeps an update that nobody fetches for a day: <https://core.telegram.org/bots/api#getting-updates>.
pub const UPDATE_RETENTION_HOURS: i64 = 24;

/// Where the numbers start; the real ones start anywhere, so nobody may take the first for 1.
const FIRST_UPDATE_ID: i64 = 100_001;

/// Kinds that come only to those who ask for them by name.
const ONLY_BY_NAME: [&str; 3] = ["chat_member", "message_reaction", "message_reaction_count"];

#[derive(Debug)]
pub(super) struct Queue {
    waiting: VecDeque<Waiting>,
    next_id: i64,
    /// What the bot asked for; empty is the default set.
    allowed: Vec<String>,
}

#[derive(Debug)]
struct Waiting {
    id: i64,
    at: Timestamp,
    json: Value,
}

impl Default for Queue {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), next_id: FIRST_UPDATE_ID, allowed: Vec::new() }
    }
}

impl Queue {
    /// Adds an update if the bot wants its kind. As at Telegram, what it wants is decided now and not when it fetches.
    pub(super) fn push(&mut self, now: Timestamp, kind: &str, body: &impl serde::Serialize) {
        if self.wants(kind) {
            self.push_unasked(now, kind, body);
        }
    }

    /// Adds an update whatever the bot wants.
    pub(super) fn push_unasked(&mut self, now: Timestamp, kind: &str, body: &impl serde::Serialize) {
        let id = self.next_id;
        self.next_id += 1;
        self.waiting.push_back(Waiting { id, at: now, json: json!({ "update_id": id, kind: body }) });
    }

    fn wants(&self, kind: &str) -> bool {
        if self.allowed.is_empty() {
            return !ONLY_BY_NAME.contains(&kind);
        }
        self.allowed.iter().any(|allowed| allowed == kind)
    }

    pub(super) fn allow(&mut self, kinds: Vec<String>) {
        self.allowed = kinds;
    }

    pub(super) fn allowed(&self) -> &[String] {
        &self.allowed
    }

    /// Forgets what is before `offset`; a negative offset keeps only that many of the newest.
    pub(super) fn confirm(&mut self, offset: i64) {
        if offset < 0 {
            let keep = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
            let drop = self.waiting.len().saturating_sub(keep);
            self.waiting.drain(..drop);
        } else {
            self.waiting.retain(|update| update.id >= offset);
        }
    }

    pub(super) fn drop_old(&mut self, now: Timestamp) {
        let kept = SignedDuration::from_hours(UPDATE_RETENTION_HOURS);
        self.waiting.retain(|update| now.duration_since(update.at) <= kept);
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    pub(super) fn peek(&self, limit: usize) -> Vec<Value> {
        self.waiting.iter().take(limit).map(|update| update.json.clone()).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}
