//! The bounded queue in front of the writer, and what the writers of both engines share around the machine.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tollhouse_core::command::{Command, Outcome, Refusal};
use tollhouse_core::id::IdSource;

use crate::batch::{normalize, truncate};
use crate::writer::{Answer, BATCH_LENGTH_MAX, Failure, Input, Machine};
use crate::{BatchReport, COMMITS_LAG_MAX, Committed, Ports, QUEUE_LENGTH_MAX, StoreError};

/// Who waits for a command.
pub(crate) type Ticket = oneshot::Sender<Answer>;

/// What the writer is asked for.
pub(crate) enum Message {
    Command(Command, Ticket),
    Aside(Aside),
    Close,
}

/// What is written besides commands, in a transaction of its own.
pub(crate) struct Aside {
    pub(crate) key: String,
    pub(crate) text: String,
    pub(crate) reply: oneshot::Sender<Result<(), StoreError>>,
}

/// From how many commands in the batch before on the writer lets more come in before it begins the next. Below that nobody waits: the
/// callers are few, and a batch costs them less than a pause would.
const GATHER_FROM: usize = 8;
/// How long it pauses at a time: about what it takes those who were just answered to speak again, and a small part of a commit.
const GATHER_PAUSE: Duration = Duration::from_micros(100);
/// How often at most, so that it is bounded whoever trickles in.
const GATHER_PAUSES_MAX: u32 = 8;

/// Whether the writer should let more commands come in. What a commit costs, and a page that a whole batch writes once, are shared by all
/// of a batch; those who were answered just now are about to come back.
fn is_worth_a_pause(recent: usize, waiting: usize, pauses: u32) -> bool {
    recent >= GATHER_FROM && waiting < recent && waiting < BATCH_LENGTH_MAX && pauses < GATHER_PAUSES_MAX
}

/// The key under which [`Queue::check`] tries whether the database can be written.
const PROBE_KEY: &str = "store.probe";

/// The side of those who ask.
pub(crate) struct Queue {
    sender: mpsc::Sender<Message>,
    commits: broadcast::Sender<Committed>,
    trouble: Trouble,
    finished: watch::Receiver<bool>,
}

/// The side of the writer.
pub(crate) struct Intake {
    receiver: mpsc::Receiver<Message>,
    pub(crate) machine: Machine<Ticket>,
    pub(crate) asides: Vec<Aside>,
    ids: Mutex<Box<dyn IdSource + Send>>,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    audience: Audience,
    /// Since the last commit.
    reruns: u32,
    /// How many commands the batch before had.
    recent: usize,
    /// Turns true when the writer is gone.
    _finish: Finish,
}

/// What the last write failed of, if it did.
#[derive(Clone, Default)]
struct Trouble(Arc<Mutex<Option<String>>>);

impl Trouble {
    fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, what: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }
}

/// Everybody who is told what became of the writes, besides those who asked for one.
#[derive(Clone)]
pub(crate) struct Audience {
    on_batch: Arc<dyn Fn(BatchReport) + Send + Sync>,
    commits: broadcast::Sender<Committed>,
    trouble: Trouble,
    /// To the writer. Weak: it must not keep the queue open.
    writer: mpsc::WeakSender<Message>,
}

/// A batch that was committed, until others are told of it.
pub(crate) struct Batch {
    commands: usize,
    started: Instant,
    reruns: u32,
    committed: Committed,
}

/// An answer to what is written besides.
type AsideAnswer = (oneshot::Sender<Result<(), StoreError>>, Result<(), StoreError>);

/// What there is to tell, held back until what it says is safe.
#[derive(Default)]
pub(crate) struct News {
    pub(crate) answers: Vec<(Ticket, Answer)>,
    pub(crate) asides: Vec<AsideAnswer>,
    pub(crate) batch: Option<Batch>,
}

impl News {
    /// Whether there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.answers.is_empty() && self.asides.is_empty() && self.batch.is_none()
    }

    /// Tells those who asked that it is not known to be safe.
    pub(crate) fn refuse(self, error: &StoreError) {
        for (ticket, answer) in self.answers {
            // Who asked may be gone.
            let _ = ticket.send(answer.and(Err(error.clone())));
        }
        for (reply, result) in self.asides {
            let _ = reply.send(result.and(Err(error.clone())));
        }
    }
}

impl Audience {
    /// One in which nobody listens.
    #[cfg(test)]
    pub(crate) fn empty() -> Self {
        let (commits, _) = broadcast::channel(1);
        let (writer, _) = mpsc::channel(1);
        Self { on_batch: Arc::new(|_| {}), commits, trouble: Trouble::default(), writer: writer.downgrade() }
    }

    /// Tells all of it.
    pub(crate) fn tell(&self, news: News) {
        if let Some(batch) = news.batch {
            self.tell_of(batch);
        }
        for (ticket, answer) in news.answers {
            // Who asked may have hung up; the commit stands all the same.
            let _ = ticket.send(answer);
        }
        for (reply, result) in news.asides {
            self.answer_aside(reply, result);
        }
    }

    /// Remembers that nothing can be written, for the health page.
    fn set_trouble(&self, what: &str) {
        self.trouble.set(Some(what.to_owned()));
    }

    /// Ends the writer, since nothing that it writes can be called safe any more.
    pub(crate) fn end_writer(&self, why: &str) {
        self.set_trouble(why);
        if let Some(writer) = self.writer.upgrade() {
            // With a full queue it is at work, and finds out by itself.
            let _ = writer.try_send(Message::Close);
        }
    }

    fn tell_of(&self, batch: Batch) {
        self.trouble.set(None);
        (self.on_batch)(BatchReport {
            commands: batch.commands,
            duration: batch.started.elapsed(),
            reruns: batch.reruns,
        });
        if batch.committed.armed || !batch.committed.orders.is_empty() {
            // Nobody listening is no error.
            let _ = self.commits.send(batch.committed);
        }
    }

    fn answer_aside(&self, reply: oneshot::Sender<Result<(), StoreError>>, result: Result<(), StoreError>) {
        if result.is_ok() {
            self.trouble.set(None);
        }
        // Who asked may be gone.
        let _ = reply.send(result);
    }
}

struct Finish(watch::Sender<bool>);

impl Drop for Finish {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

/// Makes both sides.
pub(crate) fn queue(ports: Ports, batch_length_max: usize) -> (Queue, Intake) {
    let (sender, receiver) = mpsc::channel(QUEUE_LENGTH_MAX);
    let (commits, _) = broadcast::channel(COMMITS_LAG_MAX);
    let (finish, finished) = watch::channel(false);
    let trouble = Trouble::default();
    let intake = Intake {
        receiver,
        machine: Machine::new(batch_length_max),
        asides: Vec::new(),
        ids: Mutex::new(ports.ids),
        now: ports.now,
        audience: Audience {
            on_batch: ports.on_batch,
            commits: commits.clone(),
            trouble: trouble.clone(),
            writer: sender.downgrade(),
        },
        reruns: 0,
        recent: 0,
        _finish: Finish(finish),
    };
    (Queue { sender, commits, trouble, finished }, intake)
}

impl Queue {
    pub(crate) async fn submit(&self, mut command: Command) -> Answer {
        normalize(&mut command);
        let (ticket, answer) = oneshot::channel();
        self.send(Message::Command(command, ticket))?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    pub(crate) async fn put_state(&self, key: &str, text: &str) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Aside(Aside { key: key.to_owned(), text: text.to_owned(), reply }))?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// If the last write failed, tries another one: a full disk that was cleared shows without waiting for a payment.
    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        match self.trouble.get() {
            None => Ok(()),
            Some(_) => self.put_state(PROBE_KEY, "written to see whether the database can be written").await,
        }
    }

    pub(crate) fn commits(&self) -> broadcast::Receiver<Committed> {
        self.commits.subscribe()
    }

    /// For who speaks with other processes: a way to tell of their commits that keeps nothing open, and when to end.
    pub(crate) fn bulletin(&self) -> (broadcast::WeakSender<Committed>, watch::Receiver<bool>) {
        (self.commits.downgrade(), self.finished.clone())
    }

    pub(crate) async fn close(&self) {
        // A writer that is gone already has closed the channel.
        let _ = self.sender.send(Message::Close).await;
        self.ended().await;
    }

    /// Returns when the writer is gone.
    pub(crate) async fn ended(&self) {
        let mut finished = self.finished.clone();
        // A writer that panicked has dropped its side, which is the same.
        let _ = finished.wait_for(|finished| *finished).await;
    }

    fn send(&self, message: Message) -> Result<(), StoreError> {
        self.sender.try_send(message).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Full,
            mpsc::error::TrySendError::Closed(_) => gone(),
        })
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable { what: "the store is closed".to_owned() }
}

impl Intake {
    /// Waits for something to do, and takes what waits with it, a batch at most; `false` when there will be nothing more. It lets nobody
    /// else come in: whoever is to be told of the batch before is told later, by [`Audience`], and speaks again only then.
    pub(crate) fn wait_blocking(&mut self) -> bool {
        let first = self.receiver.blocking_recv();
        self.took(first)
    }

    /// The same for a task that has its thread for itself, and that has told everybody of the batch before: it lets them speak again.
    pub(crate) async fn wait(&mut self) -> bool {
        let first = self.receiver.recv().await;
        if !self.took(first) {
            return false;
        }
        self.gather();
        true
    }

    fn took(&mut self, first: Option<Message>) -> bool {
        let Some(first) = first else { return false };
        self.take(first);
        self.take_waiting(BATCH_LENGTH_MAX);
        true
    }

    #[expect(clippy::disallowed_methods, reason = "that nobody else is about to speak gives no signal")]
    fn gather(&mut self) {
        let mut pauses = 0;
        while is_worth_a_pause(self.recent, self.machine.waiting(), pauses) {
            let before = self.machine.waiting();
            std::thread::sleep(GATHER_PAUSE);
            self.take_waiting(BATCH_LENGTH_MAX);
            if self.machine.waiting() == before {
                break;
            }
            pauses += 1;
        }
        self.recent = self.machine.waiting();
    }

    fn take_waiting(&mut self, limit: usize) {
        while self.machine.waiting() < limit {
            let Ok(message) = self.receiver.try_recv() else { return };
            self.take(message);
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Command(command, ticket) => self.machine.take(Input::Submitted(ticket, command)),
            Message::Aside(aside) => self.asides.push(aside),
            // What was sent before is still received; then there is nothing more.
            Message::Close => self.receiver.close(),
        }
    }

    /// Fresh ids, for one batch at a time.
    pub(crate) fn ids(&self) -> MutexGuard<'_, Box<dyn IdSource + Send>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now, as the databases keep it.
    pub(crate) fn now(&self) -> Timestamp {
        truncate((self.now)())
    }

    /// Whom a writer tells that holds its news back.
    pub(crate) fn audience(&self) -> Audience {
        self.audience.clone()
    }

    /// Tells the machine that a batch was committed, and nobody else: that is left to whoever makes it safe.
    pub(crate) fn settled(
        &mut self,
        results: Vec<Result<Outcome, Refusal>>,
        committed: Committed,
        started: Instant,
    ) -> Batch {
        let batch =
            Batch { commands: results.len(), started, reruns: std::mem::take(&mut self.reruns), committed };
        self.machine.take(Input::Committed(results));
        batch
    }

    /// Tells the machine and everybody else that a batch was committed.
    pub(crate) fn committed(
        &mut self,
        results: Vec<Result<Outcome, Refusal>>,
        committed: Committed,
        started: Instant,
    ) {
        let batch = self.settled(results, committed, started);
        self.audience.tell_of(batch);
    }

    /// Tells the machine that a batch failed. Out of reach, those in the queue would only wait for the same answer.
    pub(crate) fn failed(&mut self, failure: Failure) {
        match &failure {
            failure if self.machine.is_out_of_reach(failure) => {
                let what = failure.what();
                tracing::error!(error = %what, "store.unavailable: the database is out of reach, what waits is told to come back");
                self.audience.set_trouble(what);
                self.take_waiting(usize::MAX);
            }
            Failure::Unavailable(_) | Failure::Disconnected(_) => {}
            Failure::Blocked(what) => {
                tracing::warn!(error = %what, "store.blocked: a lock was not let go of; those who need it are told to come back, the others go on");
            }
            Failure::Broken(what) => {
                tracing::error!(error = %what, "store.batch_failed: a batch was rolled back and is run again one by one");
            }
            Failure::Raced(what) | Failure::Locked(what) => {
                tracing::debug!(reason = %what, "store.batch_rerun: another process was in the way");
                self.reruns += 1;
            }
        }
        self.machine.take(Input::Failed(failure));
    }

    /// Answers what is written besides.
    pub(crate) fn aside_done(&mut self, aside: Aside, result: Result<(), Failure>) {
        self.audience.answer_aside(aside.reply, result.map_err(Into::into));
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unavailable(what)
            | Failure::Disconnected(what)
            | Failure::Blocked(what)
            | Failure::Locked(what) => Self::Unavailable { what },
            Failure::Broken(what) | Failure::Raced(what) => Self::Internal { what },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_under_load_the_writer_lets_more_come_in_and_never_for_long() {
        assert!(!is_worth_a_pause(0, 1, 0), "the first command waits for nobody");
        assert!(!is_worth_a_pause(GATHER_FROM - 1, 1, 0), "few callers wait for nobody");
        assert!(is_worth_a_pause(GATHER_FROM, 1, 0));
        assert!(!is_worth_a_pause(GATHER_FROM, GATHER_FROM, 0), "as many as before are there");
        assert!(!is_worth_a_pause(BATCH_LENGTH_MAX, BATCH_LENGTH_MAX, 0));
        assert!(!is_worth_a_pause(GATHER_FROM, 1, GATHER_PAUSES_MAX));
    }
}
