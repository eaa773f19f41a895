//! A run: people, the provider, Telegram, the processes and time, one step after the other.

mod chat;
mod rest;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use tempfile::TempDir;
use tollhouse_core::attention::Resolution;
use tollhouse_core::bot_chat::BotRight;
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{BotSeen, Command, Member, NewChannel, NewPlan, OrderFrom, Outcome};
use tollhouse_core::event::Received;
use tollhouse_core::id::{
    AttentionId, ChannelId, ClaimToken, OrderId, PlanId, PrivateChatId, PublicChatId, TelegramChatId,
    TelegramUserId,
};
use tollhouse_core::job::{Action, CLAIM_BATCH_MAX, JobKind, action};
use tollhouse_core::order::OrderSource;
use tollhouse_core::policy::Policies;
use tollhouse_core::safeguard::{Safeguard, without};
use tollhouse_core::snapshot::Needs;
use tollhouse_store::sim::Death;
use uuid::Uuid;

use crate::ids::SeededIds;
use crate::model::{BY_HAND, Model, Violation};
use crate::people::{PRICE, Payment, Person};
use crate::process::{Event, Held, Process, Ticket};
use crate::telegram::{Seen, Telegram};
use crate::trace::Trace;

/// The chat that is sold, and the public one beside it.
const PRIVATE_CHAT: i64 = -1_001_000_000_001;
const PUBLIC_CHAT: i64 = -1_001_000_000_002;
/// Where it moves when it migrates.
const PRIVATE_CHAT_AFTER: i64 = -1_001_000_000_003;
/// The first account and the first payment.
const FIRST_USER: i64 = 1_000;
const FIRST_PAYMENT: i64 = 5_000_000_000;
/// When simulated time begins.
const BEGIN_SECONDS: i64 = 1_767_225_600;
/// How many rounds everything may take to come to rest before that counts as never.
const ROUNDS_MAX: u32 = 2_000;
/// How long after the mending the last second attempt is due: the longest wait between attempts, and a clock that was ahead.
const MENDED_HOURS: i64 = 2;

/// Of how many words of the provider one is said once more with another price.
const CONTRADICTED_ONE_IN: u32 = 60;
/// In one seed of so many nothing reaches the owner: that many tries of one job, one after the other, are rare otherwise.
const OWNER_IS_DEAF_ONE_IN: u64 = 8;

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Config {
    /// Ids and everything that is not a step come from it.
    pub seed: u64,
    /// How many people buy.
    pub people: u32,
    /// How many processes there are.
    pub processes: usize,
    /// How long a period is, in days.
    pub plan_days: u32,
    /// Whether anything goes wrong.
    pub hostile: bool,
    /// Whether nothing ever reaches the owner, not even when everything else is mended.
    pub owner_is_deaf: bool,
    /// The safeguard that is off.
    pub without: Option<Safeguard>,
    /// Whether the lines of the trace are kept.
    pub traces: bool,
}

impl Config {
    /// A small and hostile world.
    #[must_use]
    pub fn hostile(seed: u64) -> Self {
        Self {
            seed,
            people: 6,
            processes: 2,
            plan_days: 2,
            hostile: true,
            owner_is_deaf: seed.is_multiple_of(OWNER_IS_DEAF_ONE_IN),
            without: None,
            traces: false,
        }
    }
}

/// What a run was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Steps taken.
    pub steps: usize,
    /// Notifications answered with 200.
    pub answered: u64,
    /// Times that a process died.
    pub deaths: u32,
    /// Whole days that passed in it.
    pub days: i64,
    /// How often the notice to the owner that failed most often was tried.
    pub notice_failures_max: u32,
    /// The digest of all that happened.
    pub digest: String,
}

/// A run that did not hold, or one that did.
pub type Run = (Result<Summary, Violation>, Vec<String>);

/// The steps of a seed.
#[must_use]
pub fn rolls(seed: u64, steps: usize) -> Vec<u64> {
    let mut rng = Rng::with_seed(seed);
    (0..steps).map(|_| rng.u64(..)).collect()
}

/// Runs these steps, brings everything to rest, and lets all that was sold run out.
pub fn run(config: &Config, rolls: &[u64]) -> Run {
    without(config.without, || match World::new(config) {
        Ok(mut world) => {
            let held = world.live(rolls);
            (held, world.trace.into_lines())
        }
        Err(violation) => (Err(violation), Vec::new()),
    })
}

/// An order that was made without an account.
#[derive(Debug, Clone, Copy)]
struct Unclaimed {
    order: OrderId,
    claim: ClaimToken,
    /// Whose it will be.
    user: i64,
}

struct World {
    config: Config,
    path: PathBuf,
    now: Timestamp,
    ids: SeededIds,
    processes: Vec<Process>,
    telegram: Telegram,
    people: Vec<Person>,
    payments: Vec<Payment>,
    /// Notifications that were not answered yet; the provider sends them again and again.
    pending: BTreeMap<u64, Received>,
    sent: u64,
    channel: Option<ChannelId>,
    plan: Option<PlanId>,
    unclaimed: Vec<Unclaimed>,
    /// Who was an administrator once.
    were_admins: BTreeSet<i64>,
    updates: i64,
    /// Whether Telegram has yet to be heard on the chat's new number; it tells until it is answered.
    migration_untold: bool,
    /// Somebody else's transaction, which keeps the database busy.
    busy: Option<Connection>,
    deaths: u32,
    model: Model,
    trace: Trace,
    _folder: TempDir,
}

fn fault(what: &impl std::fmt::Display) -> Violation {
    Violation { promise: "the simulated world can be made", what: what.to_string() }
}

fn user_id(user: i64) -> TelegramUserId {
    TelegramUserId::new(user).unwrap_or_else(|error| unreachable!("{error}"))
}

impl World {
    fn new(config: &Config) -> Result<Self, Violation> {
        let folder = tempfile::tempdir().map_err(|error| fault(&error))?;
        let path = folder.path().join("sim.db");
        let processes: Result<Vec<Process>, _> =
            (0..config.processes).map(|_| Process::start(&path)).collect();
        let processes = processes.map_err(|error| fault(&error))?;
        if config.without == Some(Safeguard::UniqueGrant)
            && let Some(writer) = processes[0].writer()
        {
            writer.drop_unique_grants().map_err(|failure| fault(&failure.what()))?;
        }
        let now = Timestamp::from_second(BEGIN_SECONDS).map_err(|error| fault(&error))?;
        let people =
            (0..config.people).map(|number| Person { user: FIRST_USER + i64::from(number), next_buy: now });
        let mut telegram = Telegram::new(chat(PRIVATE_CHAT));
        telegram.owner_is_deaf = config.owner_is_deaf;
        let mut world = Self {
            path: path.clone(),
            now,
            ids: SeededIds::new(config.seed),
            processes,
            telegram,
            people: people.collect(),
            payments: Vec::new(),
            pending: BTreeMap::new(),
            sent: 0,
            channel: None,
            plan: None,
            unclaimed: Vec::new(),
            were_admins: BTreeSet::new(),
            updates: 0,
            migration_untold: false,
            busy: None,
            deaths: 0,
            model: Model::open(&path)?,
            trace: Trace::new(config.traces),
            _folder: folder,
            config: config.clone(),
        };
        world.open_shop()?;
        Ok(world)
    }

    fn open_shop(&mut self) -> Result<(), Violation> {
        let price = PRICE.parse().map_err(|error| fault(&error))?;
        let plan = NewPlan {
            label: "Access".to_owned(),
            price,
            duration: PlanDuration::Days(self.config.plan_days),
        };
        let channel = NewChannel {
            private_chat: chat(PRIVATE_CHAT),
            public_chat: PublicChatId::new(PUBLIC_CHAT).ok(),
            title: "Signals".to_owned(),
            owner: Some(user_id(42)),
            payout: None,
            plans: vec![plan],
            policies: Policies::default(),
            actor: "sim".to_owned(),
        };
        self.processes[0].submit(Ticket::Other, Command::AddChannel(Box::new(channel)));
        self.go_on(0, None)?;
        let id = self.channel.ok_or_else(|| fault(&"the channel was not made"))?;
        let mut needs = Needs::default();
        needs.channels.insert(id);
        let snapshot = self.look(0, needs)?;
        self.plan = snapshot.channels.get(&id).and_then(|channel| channel.plans.first()).map(|plan| plan.id);
        self.see_bot(0)
    }

    fn see_bot(&mut self, process: usize) -> Result<(), Violation> {
        self.updates += 1;
        let lost = self.telegram.rights_lost;
        let seen = BotSeen {
            chat: TelegramChatId::from(self.telegram.chat),
            title: "Signals".to_owned(),
            is_channel: true,
            is_public: false,
            rights: BotRight::ALL
                .into_iter()
                .filter(|right| !lost || *right == BotRight::Administrator)
                .collect(),
            by: Some(user_id(42)),
            at: self.now,
            update_id: self.updates,
            greets: false,
        };
        self.processes[process].submit(Ticket::Other, Command::BotSeen(Box::new(seen)));
        self.go_on(process, None)
    }

    fn look(&self, process: usize, needs: Needs) -> Result<tollhouse_core::snapshot::Snapshot, Violation> {
        let writer = self.processes[process].writer().ok_or_else(|| fault(&"a dead process reads"))?;
        writer.snapshot(needs).map_err(|failure| fault(&failure.what()))
    }

    fn live(&mut self, rolls: &[u64]) -> Result<Summary, Violation> {
        for (step, roll) in rolls.iter().enumerate() {
            let mut rng = Rng::with_seed(*roll);
            self.trace.line(format!("step {step} at {}", self.now));
            self.step(&mut rng)?;
            self.model.always()?;
        }
        self.calm()?;
        let mended = self.now.saturating_add(SignedDuration::from_hours(MENDED_HOURS));
        self.rest(mended.map_err(|error| fault(&error))?)?;
        self.model.at_rest()?;
        self.everybody_is_where_they_belong("after the last step")?;
        self.run_out()?;
        let dump = self.model.dump()?;
        self.trace.bytes(dump.as_bytes());
        let passed = self.now.duration_since(Timestamp::from_second(BEGIN_SECONDS).unwrap_or(self.now));
        Ok(Summary {
            steps: rolls.len(),
            answered: self.model.answered(),
            deaths: self.deaths,
            days: passed.as_hours() / 24,
            notice_failures_max: self.model.notice_failures_max(),
            digest: self.trace.digest(),
        })
    }

    fn step(&mut self, rng: &mut Rng) -> Result<(), Violation> {
        let process = rng.usize(0..self.processes.len());
        match rng.u32(0..100) {
            0..10 => self.time_passes(rng),
            10..21 => self.somebody_buys(rng, process),
            21..37 => {
                self.provider_goes_on(rng);
                Ok(())
            }
            37..54 => self.provider_tells(rng, process),
            54..63 => self.claim(rng, process),
            63..85 => self.work(rng, process),
            85..86 => self.somebody_claims(rng, process),
            86..88 => self.somebody_acts(rng, process),
            88..90 => self.telegram_tells(rng, process),
            90..94 => self.somebody_joins(rng, process),
            94..97 if self.config.hostile => self.dies(process),
            97..100 if self.config.hostile => self.something_breaks(rng, process),
            _ => self.go_on(process, None),
        }
    }

    fn time_passes(&mut self, rng: &mut Rng) -> Result<(), Violation> {
        let seconds = match rng.u32(0..10) {
            0..5 => rng.i64(1..120),
            5..9 => rng.i64(120..6 * 3_600),
            _ => rng.i64(6 * 3_600..3 * 86_400),
        };
        self.now =
            self.now.saturating_add(SignedDuration::from_secs(seconds)).map_err(|error| fault(&error))?;
        if self.config.hostile && rng.u32(0..4) == 0 {
            let process = rng.usize(0..self.processes.len());
            self.processes[process].skew = SignedDuration::from_secs(rng.i64(-90..180));
        }
        Ok(())
    }

    fn now_of(&self, process: usize) -> Timestamp {
        self.now.saturating_add(self.processes[process].skew).unwrap_or(self.now)
    }

    fn new_payment_id(&self) -> i64 {
        FIRST_PAYMENT + i64::try_from(self.payments.len()).unwrap_or(0)
    }

    fn somebody_buys(&mut self, rng: &mut Rng, process: usize) -> Result<(), Violation> {
        let whom = rng.usize(0..self.people.len());
        if self.people[whom].next_buy > self.now {
            return Ok(());
        }
        let user = self.people[whom].user;
        let days = i64::from(self.config.plan_days);
        let around = rng.i64((days * 18).max(1)..days * 24 + 40);
        self.people[whom].next_buy =
            self.now.saturating_add(SignedDuration::from_hours(around)).map_err(|error| fault(&error))?;
        if rng.u32(0..3) == 0 {
            let roll = rng.usize(..);
            let payment = Payment::new(self.new_payment_id(), legacy(user), roll, !self.config.hostile);
            self.trace.line(format!("user {user} begins payment {} of the predecessor's kind", payment.id));
            self.payments.push(payment);
            return Ok(());
        }
        let (Some(channel_id), Some(plan_id)) = (self.channel, self.plan) else { return Ok(()) };
        // By a page, which knows no account, or by the bot.
        let is_unclaimed = rng.u32(0..4) == 0;
        let order = Command::CreateOrder {
            from: OrderFrom::Plan { channel_id, plan_id },
            user: (!is_unclaimed).then(|| user_id(user)),
            source: if is_unclaimed { OrderSource::Api } else { OrderSource::Bot },
            wants_invoice: false,
        };
        self.processes[process].submit(Ticket::Order { user, is_unclaimed }, order);
        self.maybe_go_on(rng, process)
    }

    fn provider_goes_on(&mut self, rng: &mut Rng) {
        if self.payments.is_empty() {
            return;
        }
        // The newest, mostly.
        let back = rng.usize(0..self.payments.len().min(8));
        let place = self.payments.len() - 1 - back;
        let now = self.now;
        let Some(received) = self.payments[place].advance(now) else { return };
        let is_lost = self.config.hostile && rng.u32(0..10) == 0;
        self.trace.line(format!(
            "{} {}{}",
            received.facts.payment_id,
            received.facts.status,
            if is_lost { " (lost)" } else { "" }
        ));
        if !is_lost {
            self.send(received);
        }
        if self.config.hostile
            && rng.u32(0..CONTRADICTED_ONE_IN) == 0
            && let Some(other) = self.payments[place].contradicted(now)
        {
            self.trace.line(format!("{} is said to cost something else, too", other.facts.payment_id));
            self.send(other);
        }
    }

    fn send(&mut self, received: Received) {
        self.sent += 1;
        self.pending.insert(self.sent, received);
    }

    fn provider_tells(&mut self, rng: &mut Rng, process: usize) -> Result<(), Violation> {
        let count = self.pending.len();
        if count == 0 {
            return self.go_on(process, None);
        }
        let place = if self.config.hostile { rng.usize(0..count) } else { 0 };
        let Some(received) = self.pending.values().nth(place).cloned() else { return Ok(()) };
        self.deliver(process, received);
        self.maybe_go_on(rng, process)
    }

    fn deliver(&mut self, process: usize, mut received: Received) {
        received.received_at = self.now_of(process);
        let command = Command::Notification(Box::new(received.clone()));
        self.processes[process].submit(Ticket::Notification(Box::new(received)), command);
    }

    /// Lets the writer go on now, or lets more come in first; now and then the process does not survive it.
    fn maybe_go_on(&mut self, rng: &mut Rng, process: usize) -> Result<(), Violation> {
        if rng.u32(0..3) == 0 {
            return Ok(());
        }
        let death = match rng.u32(0..25) {
            0 if self.config.hostile => Some(Death::BeforeCommit),
            1 if self.config.hostile => Some(Death::AfterCommit),
            _ => None,
        };
        self.go_on(process, death)
    }

    fn go_on(&mut self, process: usize, death: Option<Death>) -> Result<(), Violation> {
        let now = self.now_of(process);
        let mut events = Vec::new();
        self.processes[process].go_on(now, &mut self.ids, death, &mut events);
        for event in events {
            match event {
                Event::Died => self.died(process)?,
                Event::Answered(ticket, Ok(Ok(outcome))) => self.answered(process, ticket, outcome)?,
                Event::Answered(ticket, Ok(Err(refusal))) => {
                    self.trace.line(format!("process {process}: {ticket:?} is refused: {refusal}"));
                }
                // The provider comes again, a lease lapses, somebody tries again.
                Event::Answered(ticket, Err(error)) => {
                    let who = name(&ticket);
                    self.trace.line(format!("process {process}: {who} fails: {error}"));
                }
            }
        }
        Ok(())
    }

    fn answered(&mut self, process: usize, ticket: Ticket, outcome: Outcome) -> Result<(), Violation> {
        match (ticket, outcome) {
            (Ticket::Notification(received), outcome) => {
                self.trace.line(format!(
                    "process {process}: {} {} is answered: {outcome:?}",
                    received.facts.payment_id, received.facts.status
                ));
                self.model.accepted(&received)?;
                let digest = received.digest;
                // Of those that are on their way twice one stays: a duplicate.
                let known: Vec<u64> = self
                    .pending
                    .iter()
                    .filter(|(_, pending)| pending.digest == digest)
                    .map(|(key, _)| *key)
                    .collect();
                if let Some(key) = known
                    .first()
                    .filter(|key| !self.config.hostile || !key.is_multiple_of(5) || known.len() > 1)
                {
                    self.pending.remove(key);
                }
            }
            (Ticket::Order { user, is_unclaimed }, Outcome::Order(id)) => {
                self.trace.line(format!("user {user} orders {id}"));
                if is_unclaimed {
                    self.is_unclaimed(process, id, user)?;
                }
                let roll = usize::try_from(id.0.as_u128() % 1_000).unwrap_or(0);
                let payment = Payment::new(self.new_payment_id(), id.to_string(), roll, !self.config.hostile);
                self.payments.push(payment.clone());
                // Some pay the rest of what was too little; some pay again, whatever became of the first.
                let second = match roll / 100 {
                    0..5 if payment.is_short() => Some(Payment::rest_of(self.new_payment_id(), &payment)),
                    0..1 if self.config.hostile => {
                        Some(Payment::at_once(self.new_payment_id(), id.to_string()))
                    }
                    _ => None,
                };
                self.payments.extend(second);
            }
            (Ticket::Seen(number), _) => self.heard(process, number),
            (Ticket::Claimed(order), _) => self.claimed(process, order)?,
            (Ticket::Claim, Outcome::Jobs(jobs)) => {
                let held = &mut self.processes[process].held;
                for job in jobs {
                    self.trace.line(format!("process {process} holds {} {}", job.kind.name(), job.subject));
                    held.push(Held { job, outcome: None });
                }
            }
            (Ticket::Join(user), _) => {
                self.trace.line(format!("the wish of user {user} to come in is known"));
            }
            (Ticket::Migrated, _) => self.migration_untold = false,
            (Ticket::Other, Outcome::Channel(id)) => self.channel = Some(id),
            _ => {}
        }
        Ok(())
    }

    fn somebody_joins(&mut self, rng: &mut Rng, process: usize) -> Result<(), Violation> {
        if self.migration_untold && rng.bool() {
            self.tell_migration(process);
            return self.maybe_go_on(rng, process);
        }
        let whom = rng.usize(0..self.people.len());
        let user = self.people[whom].user;
        if self.telegram.members.contains(&user) {
            if rng.u32(0..4) == 0 && self.config.hostile {
                self.trace.line(format!("user {user} blocks the bot, or lets it write again"));
                if !self.telegram.blocked.remove(&user) {
                    self.telegram.blocked.insert(user);
                }
            }
            return Ok(());
        }
        // By their own link, or by one that somebody leaked.
        if self.telegram.links.contains_key(&user) || (self.config.hostile && !self.telegram.links.is_empty())
        {
            self.ask_in(process, user);
            return self.maybe_go_on(rng, process);
        }
        Ok(())
    }

    fn tell_migration(&mut self, process: usize) {
        let moved = Command::ChatMigrated { from: chat(PRIVATE_CHAT), to: chat(PRIVATE_CHAT_AFTER) };
        self.processes[process].submit(Ticket::Migrated, moved);
    }

    fn ask_in(&mut self, process: usize, user: i64) {
        if self.telegram.banned.contains(&user) {
            return;
        }
        self.telegram.requests.insert(user);
        self.updates += 1;
        let request =
            Command::JoinRequest { chat: self.telegram.chat, user: user_id(user), update_id: self.updates };
        self.processes[process].submit(Ticket::Join(user), request);
    }

    fn dies(&mut self, process: usize) -> Result<(), Violation> {
        self.processes[process].die();
        self.died(process)
    }

    fn died(&mut self, process: usize) -> Result<(), Violation> {
        self.deaths += 1;
        self.trace.line(format!("process {process} dies and is started again"));
        // A starting process waits for a busy database; here that is over by then.
        self.busy = None;
        self.processes[process].restart(&self.path).map_err(|error| fault(&error))
    }

    fn something_breaks(&mut self, rng: &mut Rng, process: usize) -> Result<(), Violation> {
        match rng.u32(0..6) {
            0 => {
                let full = rng.bool();
                self.trace.line(format!(
                    "the disk of process {process} is {}",
                    if full { "full" } else { "cleared" }
                ));
                if let Some(writer) = self.processes[process].writer() {
                    writer.fill_disk(full).map_err(|failure| fault(&failure.what()))?;
                }
            }
            1 => self.be_busy()?,
            2 => {
                self.telegram.bad_day = !self.telegram.bad_day;
                self.trace.line(format!("Telegram has a bad day: {}", self.telegram.bad_day));
            }
            3 => {
                self.telegram.rights_lost = !self.telegram.rights_lost;
                self.trace.line(format!("the bot lost its rights: {}", self.telegram.rights_lost));
                self.see_bot(process)?;
            }
            // What the old chat told and nobody has heard yet is not played: see `lib.rs`.
            4 if self.telegram.chat == chat(PRIVATE_CHAT) && self.telegram.untold.is_empty() => {
                self.trace.line("the chat migrates".to_owned());
                self.telegram.chat = chat(PRIVATE_CHAT_AFTER);
                self.migration_untold = true;
            }
            _ => return self.dies(process),
        }
        Ok(())
    }

    fn be_busy(&mut self) -> Result<(), Violation> {
        if self.busy.take().is_some() {
            self.trace.line("the database is free".to_owned());
            return Ok(());
        }
        self.trace.line("the database is busy".to_owned());
        let other = Connection::open(&self.path).map_err(|error| fault(&error))?;
        other.execute_batch("BEGIN IMMEDIATE").map_err(|error| fault(&error))?;
        self.busy = Some(other);
        Ok(())
    }
}

fn chat(id: i64) -> PrivateChatId {
    PrivateChatId::new(id).unwrap_or_else(|error| unreachable!("{error}"))
}

fn legacy(user: i64) -> String {
    format!("PGP-{user}|{PUBLIC_CHAT}")
}

fn name(ticket: &Ticket) -> String {
    match ticket {
        Ticket::Notification(received) => format!("{} {}", received.facts.payment_id, received.facts.status),
        Ticket::Order { user, .. } => format!("an order of user {user}"),
        Ticket::Claim => "a claim".to_owned(),
        Ticket::Finish(job) => format!("the end of {job}"),
        Ticket::Join(user) => format!("the wish of user {user}"),
        Ticket::Seen(number) => format!("what Telegram told as number {number}"),
        Ticket::Claimed(order) => format!("the claim to {order}"),
        Ticket::Migrated => "the chat's new number".to_owned(),
        Ticket::Other => "something".to_owned(),
    }
}
