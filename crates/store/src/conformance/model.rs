//! The store as it should be: everything in memory, one command after another, nothing clever.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use tollhouse_core::attention::Subject;
use tollhouse_core::audit::{GENESIS, Sealed};
use tollhouse_core::command::{Command, Outcome, Refusal};
use tollhouse_core::decide::decide;
use tollhouse_core::id::JobId;
use tollhouse_core::job::{ArmJob, Job, JobState};
use tollhouse_core::snapshot::{EventRecord, Needs, Snapshot};

use super::world::{Clock, SeededIds};
use crate::{AuditFilter, JobFilter, PAGE_LENGTH_MAX, Store};

/// Everything that a store holds.
pub struct Model {
    pub snapshot: Snapshot,
    pub events: Vec<EventRecord>,
    pub audit: Vec<Sealed>,
    ids: SeededIds,
    clock: Clock,
}

impl Model {
    /// The seed and the clock of the store that is compared.
    pub fn new(seed: u64, clock: Clock) -> Self {
        Self {
            snapshot: Snapshot::default(),
            events: Vec::new(),
            audit: Vec::new(),
            ids: SeededIds::new(seed),
            clock,
        }
    }

    pub fn run(&mut self, command: &Command) -> Result<Outcome, Refusal> {
        let outcome = decide(self.clock.now(), &mut self.ids, &mut self.snapshot, command);
        self.events.append(&mut self.snapshot.events);
        for entry in std::mem::take(&mut self.snapshot.audit) {
            let (sequence, previous) =
                self.audit.last().map_or((0, GENESIS), |last| (last.sequence, last.hash));
            let hash = entry.seal(&previous, sequence + 1);
            self.audit.push(Sealed { sequence: sequence + 1, entry, hash });
        }
        let arms = std::mem::take(&mut self.snapshot.arm);
        for (place, arm) in arms.iter().enumerate() {
            let same = |other: &&ArmJob| other.kind.name() == arm.kind.name() && other.subject == arm.subject;
            if arms[..place].iter().any(|other| same(&other)) {
                continue;
            }
            // What one commit asks for several times, as the end of a membership of which two grants are taken back, is asked for once: at
            // the earliest time, in the words of the first that may revive.
            let all: Vec<&ArmJob> = arms.iter().filter(same).collect();
            let mut arm = (*all.iter().find(|arm| arm.revive).unwrap_or(&all[0])).clone();
            arm.run_at = all.iter().map(|arm| arm.run_at).min().unwrap_or(arm.run_at);
            self.arm(arm);
        }
        outcome
    }

    fn arm(&mut self, arm: ArmJob) {
        let known = self
            .snapshot
            .jobs
            .values()
            .find(|job| job.kind.name() == arm.kind.name() && job.subject == arm.subject)
            .cloned();
        let job = match known {
            None => Job {
                id: arm.id,
                kind: arm.kind,
                subject: arm.subject,
                channel_id: arm.channel_id,
                state: JobState::Ready,
                run_at: arm.run_at,
                attempt: 0,
                lease: None,
                last_error: None,
                created_at: arm.created_at,
                finished_at: None,
            },
            Some(job) => match job.state {
                JobState::Ready => Job { run_at: job.run_at.min(arm.run_at), ..job },
                JobState::Done | JobState::Dead if arm.revive => Job {
                    kind: arm.kind,
                    state: JobState::Ready,
                    run_at: arm.run_at,
                    attempt: 0,
                    last_error: None,
                    finished_at: None,
                    ..job
                },
                JobState::Leased if arm.revive => {
                    let later = job.run_at.checked_add(SignedDuration::from_micros(1)).unwrap_or(job.run_at);
                    Job { run_at: arm.run_at.max(later), ..job }
                }
                JobState::Done | JobState::Dead | JobState::Leased => job,
            },
        };
        self.snapshot.jobs.put(job.id, job);
    }

    /// Compares all that there is.
    pub async fn compare(&self, store: &dyn Store) {
        let all = &self.snapshot;
        let needs = Needs {
            payments: all.payments.keys().copied().collect(),
            orders: all.orders.keys().copied().collect(),
            channels: all.channels.keys().copied().collect(),
            links: all.links.keys().copied().collect(),
            grants: all.grants.keys().copied().collect(),
            memberships: all.memberships.keys().copied().collect(),
            presences: all.presences.keys().copied().collect(),
            runs: all.runs.keys().copied().collect(),
            switches: all.switches.keys().copied().collect(),
            bot_chats: all.bot_chats.keys().copied().collect(),
            dialogues: all.dialogues.keys().copied().collect(),
            offers: all.offers.keys().copied().collect(),
            attention: all.attention.keys().copied().collect(),
            ..Needs::default()
        };
        let stored = store.snapshot(needs).await.unwrap();
        same("channels", all.channels.values(), stored.channels.values());
        same("links", all.links.values(), stored.links.values());
        same("orders", all.orders.values(), stored.orders.values());
        same("payments", all.payments.values(), stored.payments.values());
        same("memberships", all.memberships.values(), stored.memberships.values());
        same("grants", all.grants.values(), stored.grants.values());
        same("presences", all.presences.values(), stored.presences.values());
        same("runs", all.runs.values(), stored.runs.values());
        same("switches", all.switches.values(), stored.switches.values());
        same("bot chats", all.bot_chats.values(), stored.bot_chats.values());
        same("dialogues", all.dialogues.values(), stored.dialogues.values());
        same("offers", all.offers.values(), stored.offers.values());
        same("attention", all.attention.values(), stored.attention.values());
        let jobs = store.jobs(JobFilter { limit: PAGE_LENGTH_MAX, ..JobFilter::default() }).await.unwrap();
        let jobs: BTreeMap<JobId, Job> = jobs.into_iter().map(|job| (job.id, job)).collect();
        same("jobs", all.jobs.values(), jobs.values());
        let audit = store.audit(AuditFilter { after: 0, limit: PAGE_LENGTH_MAX }).await.unwrap();
        same("audit", self.audit.iter().take(PAGE_LENGTH_MAX as usize), audit.iter());
        self.compare_events(store).await;
        self.compare_closures(store).await;
    }

    async fn compare_events(&self, store: &dyn Store) {
        for payment in self.snapshot.payments.keys() {
            let mine: Vec<&EventRecord> = self
                .events
                .iter()
                .filter(|event| event.received.facts.payment_id == *payment)
                .rev()
                .collect();
            let stored = store.events_of(*payment, PAGE_LENGTH_MAX).await.unwrap();
            assert_eq!(mine.len(), stored.len(), "events of {payment}");
            for (mine, stored) in mine.into_iter().zip(stored) {
                let received = &mine.received;
                assert_eq!(
                    (received.received_at, received.source, received.signature_form, &received.headers),
                    (stored.received_at, stored.source, stored.signature_form.as_deref(), &stored.headers)
                );
                assert_eq!(
                    (&received.body, received.digest, &received.facts.status, mine.verdict, &mine.reason),
                    (&stored.body, stored.digest, &stored.status, stored.verdict, &stored.reason)
                );
                assert_eq!((mine.order_id, mine.channel_id), (stored.order_id, stored.channel_id));
            }
        }
    }

    /// What hangs together must be found from each of its ends.
    async fn compare_closures(&self, store: &dyn Store) {
        for order in self.snapshot.orders.values() {
            let mut needs = Needs::default();
            needs.orders.insert(order.id);
            let stored = store.snapshot(needs).await.unwrap();
            let mine = self.snapshot.payments_of(order.id);
            same("payments of an order", mine, stored.payments_of(order.id));
            assert_eq!(self.snapshot.grant_of(order.id), stored.grant_of(order.id));
            assert!(stored.channels.contains(&order.channel_id));
            if let Some(user) = order.user {
                assert_eq!(
                    self.snapshot.membership_of(order.channel_id, user),
                    stored.membership_of(order.channel_id, user)
                );
            }
            let about = |snapshot: &Snapshot| -> Vec<String> {
                let items = snapshot.attention.values().filter(|item| match item.subject {
                    Subject::Order(id) => id == order.id,
                    Subject::Payment(id) => {
                        snapshot.payments.get(&id).is_some_and(|p| p.order_id == Some(order.id))
                    }
                    Subject::Job(_) | Subject::Run(_) | Subject::Channel(_) | Subject::Member { .. } => false,
                });
                items.map(|item| format!("{item:?}")).collect()
            };
            assert_eq!(about(&self.snapshot), about(&stored));
        }
    }
}

/// Compares by what is printed too: 5 and 5.00 are equal, but they are not the same text.
fn same<'a, V: std::fmt::Debug + PartialEq + 'a>(
    what: &str,
    mine: impl IntoIterator<Item = &'a V>,
    stored: impl IntoIterator<Item = &'a V>,
) {
    let mine: Vec<&V> = mine.into_iter().collect();
    let stored: Vec<&V> = stored.into_iter().collect();
    assert_eq!(mine, stored, "{what}");
    assert_eq!(format!("{mine:?}"), format!("{stored:?}"), "{what}");
}
