//! The end of a run: everything is mended and comes to rest, then everything that was sold runs out.

use tollhouse_core::presence::Standing;

use super::chat::STRANGER;
use super::*;

impl World {
    /// Everything that was broken is mended.
    pub(super) fn calm(&mut self) -> Result<(), Violation> {
        self.trace.line("everything is mended".to_owned());
        self.busy = None;
        self.telegram.bad_day = false;
        self.telegram.blocked.clear();
        self.config.hostile = false;
        for process in 0..self.processes.len() {
            self.processes[process].die();
            self.processes[process].restart(&self.path).map_err(|error| fault(&error))?;
            self.processes[process].skew = SignedDuration::ZERO;
        }
        if std::mem::take(&mut self.telegram.rights_lost) {
            self.see_bot(0)?;
        }
        if self.migration_untold {
            self.tell_migration(0);
            self.go_on(0, None)?;
        }
        for place in 0..self.unclaimed.len() {
            self.claim_order(0, place);
        }
        self.go_on(0, None)?;
        if let Some(Unclaimed { order, user, .. }) = self.unclaimed.first() {
            let what = format!("{order} is refused to user {user}");
            return Err(Violation { promise: "who has an order's secret can claim it", what });
        }
        // What was never told is found by asking (I12).
        for place in 0..self.payments.len() {
            if let Some(received) = self.payments[place].polled(self.now) {
                self.send(received);
            }
        }
        Ok(())
    }

    /// Lets everything be done that is to be done until then.
    pub(super) fn rest(&mut self, until: Timestamp) -> Result<(), Violation> {
        let mut rng = Rng::with_seed(0);
        for _ in 0..ROUNDS_MAX {
            let pending: Vec<Received> = std::mem::take(&mut self.pending).into_values().collect();
            for received in pending {
                self.deliver(0, received);
            }
            for seen in self.telegram.untold.clone() {
                self.tell(0, &seen);
            }
            let claim = Command::ClaimJobs { limit: CLAIM_BATCH_MAX, now: self.now };
            self.processes[0].submit(Ticket::Claim, claim);
            self.go_on(0, None)?;
            let count = self.processes[0].held.len();
            for place in 0..count {
                self.act(&mut rng, 0, place)?;
            }
            for held in std::mem::take(&mut self.processes[0].held) {
                let (Some(lease), Some(outcome)) = (held.job.lease, held.outcome) else { continue };
                let id = held.job.id;
                let finish = Command::FinishJob { job: Box::new(held.job), token: lease.token, outcome };
                self.processes[0].submit(Ticket::Finish(id), finish);
            }
            self.go_on(0, None)?;
            if count > 0 {
                continue;
            }
            if !self.telegram.untold.is_empty() {
                continue;
            }
            match self.model.next_due()? {
                Some(at) if at <= until.as_microsecond() => {
                    self.now =
                        Timestamp::from_microsecond(at + 1).map_err(|error| fault(&error))?.max(self.now);
                }
                _ => return Ok(()),
            }
        }
        Err(Violation { promise: "everything comes to rest", what: "it does not".to_owned() })
    }

    /// Who is to be inside and was sent a link gets in; who is not is out.
    pub(super) fn everybody_is_where_they_belong(&mut self, when: &str) -> Result<(), Violation> {
        // Who could not be written to for long is written to when they start the bot.
        for place in 0..self.people.len() {
            let user = self.people[place].user;
            self.processes[0].submit(Ticket::Other, Command::UserStarted { user: user_id(user) });
        }
        self.go_on(0, None)?;
        self.rest(self.now)?;
        for place in 0..self.people.len() {
            let user = self.people[place].user;
            let is_out = self.telegram.standing(user) == Standing::Outside;
            if is_out && self.telegram.links.contains_key(&user) {
                self.ask_in(0, user);
            }
        }
        self.go_on(0, None)?;
        self.rest(self.now)?;
        for user in self.people.iter().map(|person| person.user).chain([STRANGER]) {
            let belongs = self.model.is_member(user, self.now.as_microsecond())?;
            let standing = self.telegram.standing(user);
            self.model.knows(user, standing)?;
            let is_right = match standing {
                Standing::Inside if !belongs => {
                    self.model.is_on_list(user, "stranger_inside")? && !self.came_by_us(user)
                }
                Standing::Inside => true,
                // No bot removes an administrator, and what a person has banned stays out.
                Standing::Admin => belongs || self.model.is_on_list(user, "admin_stays")?,
                Standing::Banned => true,
                Standing::Outside => !belongs,
            };
            if !is_right && !self.model.is_given_up(user)? {
                let what = format!("{when}, user {user} belongs inside: {belongs}, is {}", standing.as_str());
                return Err(Violation { promise: "who has paid is inside, who has not is out", what });
            }
        }
        Ok(())
    }

    /// Whether nobody but the bot let them in or made something of them since: then it is the bot that shows them out.
    fn came_by_us(&self, user: i64) -> bool {
        user != STRANGER && !self.were_admins.contains(&user)
    }

    /// Removals that were stopped for being too many wait for a person, who lets them go on.
    pub(super) fn operator_answers(&mut self) -> Result<(), Violation> {
        let Some(item) = self.model.stopped_run()? else { return Ok(()) };
        let id = Uuid::from_slice(&item).map_err(|error| fault(&error))?;
        let answer = Command::ResolveAttention {
            attention_id: AttentionId(id),
            resolution: Resolution::Grant,
            reason: "they have all run out".to_owned(),
            actor: "sim".to_owned(),
        };
        self.trace.line("the operator lets the removals go on".to_owned());
        self.processes[0].submit(Ticket::Other, answer);
        self.go_on(0, None)
    }

    /// Nobody buys any more: everything that was sold runs out, and everybody is out.
    pub(super) fn run_out(&mut self) -> Result<(), Violation> {
        for _ in 0..ROUNDS_MAX {
            self.rest(self.now)?;
            self.model.always()?;
            self.operator_answers()?;
            let Some(at) = self.model.next_due()? else {
                return self.everybody_is_where_they_belong("when everything has run out");
            };
            self.now = Timestamp::from_microsecond(at + 1).map_err(|error| fault(&error))?.max(self.now);
        }
        Err(Violation { promise: "everything runs out", what: "it does not".to_owned() })
    }
}
