//! Group commit as a machine that does nothing by itself: it is told what happened and says what to do next. The thread of the
//! SQLite engine, the task of the PostgreSQL engine and the simulator only wrap it.
//!
//! Every ticket is answered exactly once. A batch that fails is taken apart, so that what is wrong with one command hurts
//! nobody else; a notification that fails by itself is parked, since a signed notification is never lost (I1, I3).

use std::collections::VecDeque;
use std::sync::Arc;

use tollhouse_core::command::{Command, Outcome, Refusal};

use crate::StoreError;

/// How many commands one commit carries at most. Bounds how long a failed batch takes when it is run again one by one; more
/// gains little, since the commit is then a small part of the whole already.
pub const BATCH_LENGTH_MAX: usize = 128;
/// How often a batch that another process got in the way of is run again before it is taken apart.
pub const RERUNS_MAX: u32 = 8;

/// How many commands of a batch that was taken apart may find a lock that nobody lets go of before all that waits is told to come back.
/// Each costs the time that a lock is waited for, two seconds, and everybody waits with it.
pub const BLOCKED_MAX: u32 = 3;

#[cfg(test)]
mod tests;

/// What a command is answered.
pub type Answer = Result<Result<Outcome, Refusal>, StoreError>;

/// What happened.
#[derive(Debug)]
pub enum Input<T> {
    /// A command came in. The ticket says whom to answer.
    Submitted(T, Command),
    /// The batch was committed; one result for each of its commands, in their order.
    Committed(Vec<Result<Outcome, Refusal>>),
    /// The batch was rolled back, or is taken for it.
    Failed(Failure),
}

/// Why a batch was not committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Another process made a row with the same key meanwhile. A fault of ours if it goes on alone.
    Raced(String),
    /// Another process had a lock that could not be waited for: a deadlock, a serialization failure.
    Locked(String),
    /// Somebody kept a lock for longer than it is waited for. It may be about one command of the batch only.
    Blocked(String),
    /// A panic, a constraint, a row that cannot be read.
    Broken(String),
    /// The connection was cut, or leads to a server that only reads.
    Disconnected(String),
    /// The database is out of reach.
    Unavailable(String),
}

impl Failure {
    /// What is wrong, in words.
    #[must_use]
    pub fn what(&self) -> &str {
        match self {
            Self::Raced(what)
            | Self::Locked(what)
            | Self::Blocked(what)
            | Self::Broken(what)
            | Self::Disconnected(what)
            | Self::Unavailable(what) => what,
        }
    }
}

/// What to do next.
#[derive(Debug)]
pub enum Step<T> {
    /// Run these commands in one transaction, then say [`Input::Committed`] or [`Input::Failed`].
    Run(Arc<Vec<Command>>),
    /// Tell somebody.
    Answer(T, Answer),
    /// Nothing, until something comes in.
    Wait,
}

struct Running<T> {
    tickets: Vec<T>,
    batch: Arc<Vec<Command>>,
    reruns: u32,
    /// Whether it must be started (again).
    due: bool,
}

/// The writer's state.
pub struct Machine<T> {
    batch_length_max: usize,
    waiting: VecDeque<(T, Command)>,
    /// What is left of a batch that is run one by one.
    alone: VecDeque<(T, Command)>,
    running: Option<Running<T>>,
    /// How many of a batch found a lock that nobody lets go of, one by one.
    blocked: u32,
    answers: VecDeque<(T, Answer)>,
}

impl<T> Default for Machine<T> {
    fn default() -> Self {
        Self::new(BATCH_LENGTH_MAX)
    }
}

impl<T> Machine<T> {
    /// A machine whose batches carry so many commands at most; one, if that is none.
    #[must_use]
    pub fn new(batch_length_max: usize) -> Self {
        Self {
            batch_length_max: batch_length_max.max(1),
            waiting: VecDeque::new(),
            alone: VecDeque::new(),
            running: None,
            blocked: 0,
            answers: VecDeque::new(),
        }
    }

    /// Takes in what happened.
    pub fn take(&mut self, input: Input<T>) {
        match input {
            Input::Submitted(ticket, command) => self.waiting.push_back((ticket, command)),
            Input::Committed(results) => self.committed(results),
            Input::Failed(failure) => self.failed(failure),
        }
    }

    /// How many commands wait that are in no batch yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len() + self.alone.len()
    }

    /// Whether with this failure of the batch that runs all that waits is told to come back.
    #[must_use]
    pub fn is_out_of_reach(&self, failure: &Failure) -> bool {
        match failure {
            Failure::Unavailable(_) | Failure::Disconnected(_) => true,
            Failure::Blocked(_) => {
                let is_alone = self.running.as_ref().is_some_and(|running| running.tickets.len() == 1);
                is_alone && self.blocked + 1 >= BLOCKED_MAX
            }
            Failure::Raced(_) | Failure::Locked(_) | Failure::Broken(_) => false,
        }
    }

    /// What to do next. Call it until it says [`Step::Wait`].
    pub fn next_step(&mut self) -> Step<T> {
        if let Some((ticket, answer)) = self.answers.pop_front() {
            return Step::Answer(ticket, answer);
        }
        if self.running.is_none() {
            self.form_batch();
        }
        match &mut self.running {
            Some(running) if running.due => {
                running.due = false;
                Step::Run(Arc::clone(&running.batch))
            }
            _ => Step::Wait,
        }
    }

    fn form_batch(&mut self) {
        let taken: Vec<(T, Command)> = match self.alone.pop_front() {
            Some(one) => vec![one],
            None => {
                self.blocked = 0;
                let length = self.waiting.len().min(self.batch_length_max);
                self.waiting.drain(..length).collect()
            }
        };
        if !taken.is_empty() {
            let (tickets, commands) = taken.into_iter().unzip();
            self.running = Some(Running { tickets, batch: Arc::new(commands), reruns: 0, due: true });
        }
    }

    fn committed(&mut self, results: Vec<Result<Outcome, Refusal>>) {
        let Some(running) = self.running.take() else { return };
        let mut results = results.into_iter();
        for ticket in running.tickets {
            let answer = results.next().ok_or_else(|| StoreError::Internal {
                what: "the engine committed a command without an outcome".to_owned(),
            });
            self.answers.push_back((ticket, answer));
        }
    }

    fn failed(&mut self, failure: Failure) {
        let is_out_of_reach = self.is_out_of_reach(&failure);
        let Some(mut running) = self.running.take() else { return };
        match failure {
            failure if is_out_of_reach => {
                let what = failure.what().to_owned();
                let left = self.alone.drain(..).chain(self.waiting.drain(..)).map(|(ticket, _)| ticket);
                for ticket in running.tickets.into_iter().chain(left) {
                    self.answers.push_back((ticket, Err(StoreError::Unavailable { what: what.clone() })));
                }
            }
            Failure::Raced(_) | Failure::Locked(_) if running.reruns < RERUNS_MAX => {
                running.reruns += 1;
                running.due = true;
                self.running = Some(running);
            }
            _ if running.tickets.len() > 1 => {
                let commands = Arc::unwrap_or_clone(running.batch);
                let parts: Vec<(T, Command)> = running.tickets.into_iter().zip(commands).collect();
                for part in parts.into_iter().rev() {
                    self.alone.push_front(part);
                }
            }
            failure => self.failed_alone(running, &failure),
        }
    }

    fn failed_alone(&mut self, running: Running<T>, failure: &Failure) {
        let commands = Arc::unwrap_or_clone(running.batch);
        for (ticket, command) in running.tickets.into_iter().zip(commands) {
            match command {
                // Nothing is wrong with it: it was unlucky nine times, and may come again.
                _ if matches!(failure, Failure::Locked(_)) => {
                    let what = format!("others were in the way too often: {}", failure.what());
                    self.answers.push_back((ticket, Err(StoreError::Unavailable { what })));
                }
                _ if matches!(failure, Failure::Blocked(_)) => {
                    self.blocked += 1;
                    let what = failure.what().to_owned();
                    self.answers.push_back((ticket, Err(StoreError::Unavailable { what })));
                }
                Command::Notification(received) => {
                    self.alone.push_front((ticket, Command::ParkNotification(received)));
                }
                _ => {
                    let what = failure.what().to_owned();
                    self.answers.push_back((ticket, Err(StoreError::Internal { what })));
                }
            }
        }
    }
}
