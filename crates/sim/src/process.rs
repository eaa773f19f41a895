//! A process: its writer, what waits in front of it, and the jobs that its worker holds.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use tollhouse_core::command::{Command, Outcome, Refusal};
use tollhouse_core::event::Received;
use tollhouse_core::id::{IdSource, JobId, OrderId};
use tollhouse_core::job::{Job, Outcome as JobOutcome};
use tollhouse_store::OpenError;
use tollhouse_store::sim::{Death, Ran, Writer, normalized};
use tollhouse_store::writer::{Answer, Input, Machine, Step};

/// Who waits for a command.
#[derive(Debug, Clone)]
pub enum Ticket {
    /// The provider.
    Notification(Box<Received>),
    /// Somebody who buys.
    Order {
        /// Their account.
        user: i64,
        /// Whether the order does not know it yet.
        is_unclaimed: bool,
    },
    /// The worker, for jobs.
    Claim,
    /// The worker, which has said what came of one.
    Finish(JobId),
    /// Telegram, which told that somebody wants to come in.
    Join(i64),
    /// Telegram, which told that the chat has another number now.
    Migrated,
    /// Telegram, which told how somebody stands to the chat.
    Seen(u64),
    /// Somebody who ordered without an account, and has one now.
    Claimed(OrderId),
    /// Nobody in particular.
    Other,
}

/// A job that the worker holds.
#[derive(Debug)]
pub struct Held {
    /// The job.
    pub job: Job,
    /// What came of it, once it was done.
    pub outcome: Option<JobOutcome>,
}

/// What happened when the writer was let go on.
#[derive(Debug)]
pub enum Event {
    /// Somebody got an answer.
    Answered(Ticket, Result<Result<Outcome, Refusal>, String>),
    /// The process is dead.
    Died,
}

/// A process.
pub struct Process {
    writer: Option<Writer>,
    machine: Machine<Ticket>,
    /// What the worker holds.
    pub held: Vec<Held>,
    /// By how much its clock is wrong.
    pub skew: SignedDuration,
}

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub fn start(path: &Path) -> Result<Self, OpenError> {
        let mut process =
            Self { writer: None, machine: Machine::default(), held: Vec::new(), skew: SignedDuration::ZERO };
        process.restart(path)?;
        Ok(process)
    }

    /// Starts it again, with nothing of what it knew.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub fn restart(&mut self, path: &Path) -> Result<(), OpenError> {
        self.die();
        self.writer = Some(Writer::open(path)?);
        Ok(())
    }

    /// Ends it between two steps.
    pub fn die(&mut self) {
        self.writer = None;
        self.machine = Machine::default();
        self.held.clear();
    }

    /// Its writer, if it lives.
    #[must_use]
    pub fn writer(&self) -> Option<&Writer> {
        self.writer.as_ref()
    }

    /// Puts a command into the queue.
    pub fn submit(&mut self, ticket: Ticket, command: Command) {
        self.machine.take(Input::Submitted(ticket, normalized(command)));
    }

    /// Lets the writer go on until it waits, or dies in its first batch.
    pub fn go_on(
        &mut self,
        now: Timestamp,
        ids: &mut dyn IdSource,
        death: Option<Death>,
        events: &mut Vec<Event>,
    ) {
        let Some(writer) = &mut self.writer else { return };
        loop {
            match self.machine.next_step() {
                Step::Wait => return,
                Step::Answer(ticket, answer) => events.push(Event::Answered(ticket, plain(answer))),
                Step::Run(batch) => match writer.run(now, ids, &batch, death) {
                    Ran::Said(Ok(results)) => self.machine.take(Input::Committed(results)),
                    Ran::Said(Err(failure)) => self.machine.take(Input::Failed(failure)),
                    Ran::Died => {
                        events.push(Event::Died);
                        self.die();
                        return;
                    }
                },
            }
        }
    }
}

fn plain(answer: Answer) -> Result<Result<Outcome, Refusal>, String> {
    answer.map_err(|error| error.to_string())
}
