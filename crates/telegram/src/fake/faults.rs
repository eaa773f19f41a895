//! Failures on demand.

use std::collections::{BTreeMap, VecDeque};

use serde::Deserialize;

use super::texts::ApiError;

/// The name under which a fault waits for whatever method comes next.
pub(super) const ANY_METHOD: &str = "*";

/// One failure.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Fault {
    /// Before or after the thing is done.
    pub when: When,
    /// What the client sees.
    pub what: What,
}

/// Whether the thing is done all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Nothing happens.
    Before,
    /// It is done, and the client does not learn it.
    After,
}

/// What the client sees.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// This refusal.
    Answer {
        /// HTTP status and `error_code`.
        code: u16,
        /// The whole description, such as `Forbidden: bot was blocked by the user`.
        description: String,
        /// For 429, in seconds.
        #[serde(default)]
        retry_after: Option<u32>,
    },
    /// A page of a proxy, which is no Bot API answer.
    Garbage {
        /// HTTP status.
        code: u16,
    },
    /// Nothing, until the client gives up.
    Hang,
    /// A connection that breaks in the middle of the answer.
    Close,
}

impl Fault {
    /// A refusal; nothing is done.
    #[must_use]
    pub fn answer(code: u16, description: &str) -> Self {
        let what = What::Answer { code, description: description.to_owned(), retry_after: None };
        Self { when: When::Before, what }
    }

    /// 429.
    #[must_use]
    pub fn too_many_requests(retry_after_seconds: u32) -> Self {
        let ApiError { code, description, .. } = ApiError::too_many_requests(retry_after_seconds);
        let what = What::Answer { code, description, retry_after: Some(retry_after_seconds) };
        Self { when: When::Before, what }
    }

    /// 500; nothing is done.
    #[must_use]
    pub fn server_error() -> Self {
        Self::answer(500, "Internal Server Error")
    }

    /// A proxy's 502 in HTML.
    #[must_use]
    pub fn bad_gateway() -> Self {
        Self { when: When::Before, what: What::Garbage { code: 502 } }
    }

    /// No answer, and nothing is done.
    #[must_use]
    pub fn hang_before() -> Self {
        Self { when: When::Before, what: What::Hang }
    }

    /// No answer, but it is done.
    #[must_use]
    pub fn hang_after() -> Self {
        Self { when: When::After, what: What::Hang }
    }

    /// The connection breaks, and nothing is done.
    #[must_use]
    pub fn close_before() -> Self {
        Self { when: When::Before, what: What::Close }
    }

    /// The connection breaks, but it is done.
    #[must_use]
    pub fn close_after() -> Self {
        Self { when: When::After, what: What::Close }
    }

    /// The same failure after the thing is done.
    #[must_use]
    pub fn but_done(self) -> Self {
        Self { when: When::After, ..self }
    }
}

/// What is to fail, by method in lower case.
#[derive(Debug, Default)]
pub(super) struct Script {
    waiting: BTreeMap<String, VecDeque<Fault>>,
}

impl Script {
    pub(super) fn add(&mut self, method: &str, fault: &Fault, times: usize) {
        let queue = self.waiting.entry(method.to_lowercase()).or_default();
        queue.extend(std::iter::repeat_n(fault.clone(), times));
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// What waits, in the order in which it will happen to a method.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (&str, &Fault)> {
        let by_method = self.waiting.iter();
        by_method.flat_map(|(method, faults)| faults.iter().map(move |fault| (method.as_str(), fault)))
    }

    pub(super) fn take(&mut self, method: &str) -> Option<Fault> {
        let own = self.waiting.get_mut(&method.to_lowercase()).and_then(VecDeque::pop_front);
        own.or_else(|| self.waiting.get_mut(ANY_METHOD).and_then(VecDeque::pop_front))
    }
}
