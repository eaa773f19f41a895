//! What happens in the chat without the bot: people come, go, are made administrators and are banned; and Telegram tells of it, in its order.

use tollhouse_core::presence::Standing;

use super::*;

/// Somebody whom an administrator adds by hand, and who never buys.
pub(super) const STRANGER: i64 = FIRST_USER - 1;

impl World {
    /// Somebody does what no job of ours wants.
    pub(super) fn somebody_acts(&mut self, rng: &mut Rng, process: usize) -> Result<(), Violation> {
        if !self.config.hostile {
            return self.go_on(process, None);
        }
        let place = rng.usize(0..self.people.len());
        let user = self.people[place].user;
        match rng.u32(0..10) {
            0 => return self.asks_for_a_link(rng, process, user),
            1 => return self.operator_gives_or_takes(rng, process, user),
            2 => {
                self.telegram.by_hand(STRANGER, self.now, |chat| {
                    if !chat.members.remove(&STRANGER) {
                        chat.members.insert(STRANGER);
                    }
                });
                self.trace.line("somebody who never paid is added by hand, or goes".to_owned());
            }
            _ => {
                let (before, roll) = (self.telegram.standing(user), rng.u32(0..4));
                self.telegram.by_hand(user, self.now, |chat| match (before, roll) {
                    (Standing::Inside, 0) => {
                        chat.admins.insert(user);
                    }
                    (Standing::Inside, 1) => {
                        chat.members.remove(&user);
                        chat.requests.remove(&user);
                        chat.banned.insert(user);
                    }
                    (Standing::Inside, _) => {
                        chat.members.remove(&user);
                    }
                    (Standing::Admin, _) => {
                        chat.admins.remove(&user);
                    }
                    (Standing::Banned, _) => {
                        chat.banned.remove(&user);
                    }
                    (Standing::Outside, _) => {}
                });
                let after = self.telegram.standing(user);
                if after == Standing::Admin {
                    self.were_admins.insert(user);
                }
                self.trace.line(format!("user {user}, {}, is {} by hand", before.as_str(), after.as_str()));
            }
        }
        Ok(())
    }

    fn asks_for_a_link(&mut self, rng: &mut Rng, process: usize, user: i64) -> Result<(), Violation> {
        self.trace.line(format!("user {user} asks for a link"));
        self.processes[process].submit(Ticket::Other, Command::ReissueInvites { user: user_id(user) });
        self.maybe_go_on(rng, process)
    }

    fn operator_gives_or_takes(&mut self, rng: &mut Rng, process: usize, user: i64) -> Result<(), Violation> {
        let Some(channel_id) = self.channel else { return Ok(()) };
        let member = Member::User { channel_id, user: user_id(user) };
        let (reason, actor) = (BY_HAND.to_owned(), "sim".to_owned());
        let command = if rng.u32(0..3) == 0 {
            Command::RevokeMembership { member, reason, actor }
        } else {
            Command::GrantMembership { member, duration: PlanDuration::Days(1), reason, actor }
        };
        self.trace.line(format!("the operator gives or takes: {command:?}"));
        self.processes[process].submit(Ticket::Other, command);
        self.maybe_go_on(rng, process)
    }

    /// Telegram tells what comes next; it tells it again until it is answered.
    pub(super) fn telegram_tells(&mut self, rng: &mut Rng, process: usize) -> Result<(), Violation> {
        if self.migration_untold {
            self.tell_migration(process);
            return self.maybe_go_on(rng, process);
        }
        let Some(seen) = self.telegram.untold.front().cloned() else { return self.go_on(process, None) };
        self.tell(process, &seen);
        self.maybe_go_on(rng, process)
    }

    pub(super) fn tell(&mut self, process: usize, seen: &Seen) {
        let command = Command::MemberSeen {
            chat: seen.chat,
            user: user_id(seen.user),
            standing: seen.standing,
            at: seen.at,
        };
        self.processes[process].submit(Ticket::Seen(seen.number), command);
    }

    /// The bot has heard what Telegram told.
    pub(super) fn heard(&mut self, process: usize, number: u64) {
        // Two processes may have been told the same.
        if self.telegram.untold.front().is_some_and(|seen| seen.number == number)
            && let Some(seen) = self.telegram.untold.pop_front()
        {
            self.trace.line(format!(
                "process {process} has heard that user {} is {}",
                seen.user,
                seen.standing.as_str()
            ));
            self.model.heard(seen.user, seen.standing);
        }
    }

    /// Somebody binds an order to their account, as whoever has its page can.
    pub(super) fn somebody_claims(&mut self, rng: &mut Rng, process: usize) -> Result<(), Violation> {
        if self.unclaimed.is_empty() {
            return self.go_on(process, None);
        }
        let place = rng.usize(0..self.unclaimed.len());
        self.claim_order(process, place);
        self.maybe_go_on(rng, process)
    }

    pub(super) fn claim_order(&mut self, process: usize, place: usize) {
        let Unclaimed { order, claim, user } = self.unclaimed[place];
        let command = Command::ClaimOrder { claim, user: user_id(user) };
        self.processes[process].submit(Ticket::Claimed(order), command);
    }

    pub(super) fn claimed(&mut self, process: usize, order: OrderId) -> Result<(), Violation> {
        let Some(place) = self.unclaimed.iter().position(|one| one.order == order) else { return Ok(()) };
        let Unclaimed { claim, user, .. } = self.unclaimed.swap_remove(place);
        self.trace.line(format!("{order} is user {user}'s"));
        self.model.claimed(order.0.as_bytes(), user);
        // Whoever comes after that with the same address gets nothing.
        let late = Command::ClaimOrder { claim, user: user_id(STRANGER) };
        self.processes[process].submit(Ticket::Other, late);
        Ok(())
    }

    /// Reads the secret of an order that was made without an account.
    pub(super) fn is_unclaimed(
        &mut self,
        process: usize,
        order: OrderId,
        user: i64,
    ) -> Result<(), Violation> {
        let mut needs = Needs::default();
        needs.orders.insert(order);
        let snapshot = self.look(process, needs)?;
        if let Some(claim) = snapshot.orders.get(&order).and_then(|order| order.claim) {
            self.unclaimed.push(Unclaimed { order, claim, user });
        }
        Ok(())
    }
}
