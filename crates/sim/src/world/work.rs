//! What a worker does: take jobs, do them, say what came of them, perhaps too late.

use tollhouse_core::job::{Failure, Outcome};

use super::*;

impl World {
    pub(super) fn claim(&mut self, rng: &mut Rng, process: usize) -> Result<(), Violation> {
        let now = self.now_of(process);
        let claim = Command::ClaimJobs { limit: CLAIM_BATCH_MAX, now };
        self.processes[process].submit(Ticket::Claim, claim);
        self.maybe_go_on(rng, process)
    }

    /// One step of one job: do it, or say what came of it.
    pub(super) fn work(&mut self, rng: &mut Rng, process: usize) -> Result<(), Violation> {
        let count = self.processes[process].held.len();
        if count == 0 {
            return self.claim(rng, process);
        }
        let place = rng.usize(0..count);
        if self.processes[process].held[place].outcome.is_some() {
            let held = self.processes[process].held.swap_remove(place);
            return self.finish(rng, process, held);
        }
        let kind = &self.processes[process].held[place].job.kind;
        if let JobKind::EndMembership { membership_id, removing: true } = *kind
            && self.config.hostile
            && rng.bool()
        {
            // The worst moment to pay is the one in which one is about to be shown out.
            let user = self.model.member(membership_id.0.as_bytes())?;
            let mut payment = Payment::at_once(self.new_payment_id(), legacy(user));
            if let Some(received) = payment.advance(self.now) {
                self.trace.line(format!("user {user} pays {} in the last moment", payment.id));
                self.deliver(process, received.clone());
                self.send(received);
            }
            self.payments.push(payment);
            self.go_on(process, None)?;
        }
        self.act(rng, process, place)
    }

    pub(super) fn act(&mut self, rng: &mut Rng, process: usize, place: usize) -> Result<(), Violation> {
        let now = self.now_of(process);
        let Some(held) = self.processes[process].held.get(place) else { return Ok(()) };
        let (job, id) = (held.job.clone(), held.job.id.0);
        let snapshot = self.look(process, job.kind.needs())?;
        let action = action(now, &snapshot, &job);
        if !matches!(action, Action::Nothing | Action::GiveUp { .. }) {
            self.model.effect(id.as_bytes())?;
        }
        match &action {
            Action::Remove { user, .. } => self.model.removal(user.get(), now.as_microsecond())?,
            Action::Approve { user, .. } | Action::SendAccess { user, let_in: Some(_), .. } => {
                self.model.approval(user.get(), now.as_microsecond())?;
            }
            _ => {}
        }
        if let Action::SendAccess { user, lift_ban: Some(_), .. }
        | Action::Remove { user, keeps_ban: false, .. } = &action
        {
            self.model.lifts_ban(user.get())?;
        }
        let outcome = self.telegram.perform(rng, self.now, &action);
        let failed = matches!(outcome, Outcome::Failed(Failure::Transient { .. }));
        if failed && matches!(job.kind, JobKind::NotifyOwner { .. }) {
            self.model.notice_failed(id.as_bytes())?;
        }
        self.trace.line(format!("process {process}: {} {} -> {outcome:?}", job.kind.name(), job.subject));
        self.processes[process].held[place].outcome = Some(outcome);
        Ok(())
    }

    pub(super) fn finish(&mut self, rng: &mut Rng, process: usize, held: Held) -> Result<(), Violation> {
        let (Some(lease), Some(outcome)) = (held.job.lease, held.outcome) else { return Ok(()) };
        let id = held.job.id;
        // What waits is worked off first, so that what changes then is this job's doing.
        self.go_on(process, None)?;
        let holder = self.model.holder(id.0.as_bytes())?;
        let is_holder = holder.as_deref() == Some(lease.token.0.as_bytes().as_slice());
        let finish = Command::FinishJob { job: Box::new(held.job), token: lease.token, outcome };
        let before = if is_holder { String::new() } else { self.model.dump()? };
        self.processes[process].submit(Ticket::Finish(id), finish);
        if is_holder {
            return self.maybe_go_on(rng, process);
        }
        self.trace.line(format!("process {process} says what came of {id} after its lease"));
        self.go_on(process, None)?;
        let after = self.model.dump()?;
        if before != after {
            let changed: Vec<&str> =
                after.lines().filter(|line| !before.lines().any(|old| old == *line)).collect();
            let what = format!("{id} changed {changed:?}");
            return Err(Violation { promise: "I5 who lost the lease changes nothing", what });
        }
        Ok(())
    }
}
