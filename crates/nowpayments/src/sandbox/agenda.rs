//! What is sent, when, how often, and what becomes of it.

use jiff::Timestamp;

use super::model::{Attempt, Delivery, DeliveryState};
use super::state::{SandboxError, State, Task};
use super::{ReleaseOrder, notice};
use crate::{ProviderPaymentId, Status, sign};

/// Deliveries that are kept to be looked at. The oldest settled ones go first; a long-lived simulator must not grow for ever.
const DELIVERIES_KEPT_MAX: usize = 200_000;

/// One request to be made now.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) number: u64,
    pub(super) url: String,
    pub(super) body: String,
    pub(super) signature: Option<String>,
}

impl State {
    /// Tells of a payment as it stands, unless nobody listens: without a secret the account gets no notifications at all.
    pub(super) fn notify(&mut self, id: ProviderPaymentId, now: Timestamp) {
        let Some(payment) = self.payments.get(&id) else {
            return;
        };
        let Some(url) = payment.ipn_callback_url.clone() else {
            return;
        };
        let status = payment.status.clone();
        let notice = notice::write(payment, self.style);
        let Ok(signature) =
            sign(self.config.ipn_secret.as_deref().unwrap_or_default(), notice.signed.as_bytes())
        else {
            return;
        };
        self.send(url, notice.sent, Some(signature), Some((id, status)), now);
    }

    /// Puts a body on its way, with the faults that are on.
    pub(super) fn send(
        &mut self,
        url: String,
        body: String,
        signature: Option<String>,
        about: Option<(ProviderPaymentId, Status)>,
        now: Timestamp,
    ) -> u64 {
        let faults = self.delivery_faults;
        let (payment_id, status) = about.unzip();
        let mut delivery = Delivery {
            number: 0,
            payment_id,
            status,
            url,
            body,
            signature,
            attempts: Vec::new(),
            state: DeliveryState::Pending,
        };
        let is_dropped = self.drop_next > 0 || self.chance(faults.drop_percent);
        self.drop_next = self.drop_next.saturating_sub(1);
        if is_dropped {
            delivery.state = DeliveryState::Dropped;
        } else if self.is_holding {
            delivery.state = DeliveryState::Held;
        }
        let first = self.keep(delivery.clone());
        if delivery.state == DeliveryState::Pending {
            let delay = self.random_delay();
            self.schedule(now + delay, Task::Deliver(first));
            if self.chance(faults.duplicate_percent) {
                let copy = self.keep(delivery.clone());
                let delay = self.random_delay();
                self.schedule(now + delay, Task::Deliver(copy));
            }
            if let Some(later) = faults.repeat_after {
                let copy = self.keep(delivery);
                self.schedule(now + later, Task::Deliver(copy));
            }
        }
        first
    }

    /// Sends any body, signed with the account's secret unless another signature is given.
    pub(super) fn send_body(
        &mut self,
        url: String,
        body: String,
        signature: Option<String>,
        now: Timestamp,
    ) -> u64 {
        let secret = self.config.ipn_secret.as_deref().unwrap_or_default();
        let signature = signature.or_else(|| sign(secret, body.as_bytes()).ok());
        self.send(url, body, signature, None, now)
    }

    fn chance(&mut self, percent: u8) -> bool {
        percent > 0 && self.rng.u8(0..100) < percent
    }

    fn random_delay(&mut self) -> jiff::SignedDuration {
        let max_ms = i64::try_from(self.delivery_faults.delay_max.as_millis()).unwrap_or(i64::MAX);
        jiff::SignedDuration::from_millis(if max_ms > 0 { self.rng.i64(0..=max_ms) } else { 0 })
    }

    fn keep(&mut self, mut delivery: Delivery) -> u64 {
        let number = self.next_delivery;
        self.next_delivery += 1;
        delivery.number = number;
        self.deliveries.insert(number, delivery);
        if self.deliveries.len() > DELIVERIES_KEPT_MAX {
            let settled = self
                .deliveries
                .values()
                .find(|d| !matches!(d.state, DeliveryState::Pending | DeliveryState::Held))
                .map(|d| d.number);
            if let Some(settled) = settled {
                self.deliveries.remove(&settled);
            }
        }
        number
    }

    /// Sends the last notification of a payment again, exactly as it was.
    pub(super) fn resend(
        &mut self,
        id: ProviderPaymentId,
        times: u32,
        now: Timestamp,
    ) -> Result<(), SandboxError> {
        self.payment(id)?;
        let last = self.deliveries.values().rev().find(|d| d.payment_id == Some(id)).cloned();
        let last = last.ok_or(SandboxError::NothingSent(id))?;
        for _ in 0..times {
            let copy = Delivery { attempts: Vec::new(), state: DeliveryState::Pending, ..last.clone() };
            let number = self.keep(copy);
            self.schedule(now, Task::Deliver(number));
        }
        Ok(())
    }

    /// Lets go of what was held, in the given order.
    pub(super) fn release(&mut self, order: ReleaseOrder, now: Timestamp) -> usize {
        self.is_holding = false;
        let mut held: Vec<u64> =
            self.deliveries.values().filter(|d| d.state == DeliveryState::Held).map(|d| d.number).collect();
        match order {
            ReleaseOrder::AsSent => {}
            ReleaseOrder::Reversed => held.reverse(),
            ReleaseOrder::Shuffled => self.rng.shuffle(&mut held),
        }
        for number in &held {
            if let Some(delivery) = self.deliveries.get_mut(number) {
                delivery.state = DeliveryState::Pending;
            }
            self.schedule(now, Task::Deliver(*number));
        }
        held.len()
    }

    /// Does what is due and gives the requests to make.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<Job> {
        let mut jobs = Vec::new();
        while let Some(entry) = self.agenda.first_entry() {
            let (at, _) = *entry.key();
            if at > now {
                break;
            }
            match entry.remove() {
                Task::Deliver(number) => jobs.extend(self.start(number)),
                // The agenda's own time, not `now`: a clock that leaps must not change what is said. A payment is never removed.
                Task::Advance(id, status, change) => {
                    let _ = self.set_status(id, status, *change, at);
                }
                Task::Expire(id) => self.expire(id, at),
            }
        }
        jobs
    }

    fn expire(&mut self, id: ProviderPaymentId, at: Timestamp) {
        let is_untouched =
            self.payments.get(&id).is_some_and(|p| p.status == Status::Waiting && p.parent.is_none());
        if is_untouched {
            let _ = self.set_status(id, Status::Expired, super::model::Change::default(), at);
        }
    }

    /// The job for a delivery, or nothing if an earlier one of the same payment is still under way.
    fn start(&mut self, number: u64) -> Option<Job> {
        let delivery = self.deliveries.get(&number)?;
        if !self.under_way.insert(delivery.payment_id) {
            self.waiting.entry(delivery.payment_id).or_default().push_back(number);
            return None;
        }
        Some(job(delivery))
    }

    /// Writes down how an attempt went, plans the next one if it failed, and gives the next delivery of the same payment.
    pub(super) fn finish(&mut self, number: u64, attempt: Attempt, now: Timestamp) -> Option<Job> {
        let retry = self.config.retry;
        let delivery = self.deliveries.get_mut(&number)?;
        let payment_id = delivery.payment_id;
        let is_delivered = matches!(attempt.outcome, Ok(200..=299));
        delivery.attempts.push(attempt);
        let tries = u32::try_from(delivery.attempts.len()).unwrap_or(u32::MAX);
        if is_delivered {
            delivery.state = DeliveryState::Delivered;
        } else if tries > retry.count {
            delivery.state = DeliveryState::GivenUp;
        } else {
            self.schedule(now + retry.interval, Task::Deliver(number));
        }
        self.under_way.remove(&payment_id);
        let next = self.waiting.get_mut(&payment_id).and_then(std::collections::VecDeque::pop_front);
        match next {
            Some(next) => self.start(next),
            None => {
                self.waiting.remove(&payment_id);
                None
            }
        }
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.agenda.first_key_value().is_some_and(|((at, _), _)| *at <= now)
    }

    /// Nothing is due, nothing is under way.
    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        self.under_way.is_empty() && !self.is_due(now)
    }
}

fn job(delivery: &Delivery) -> Job {
    Job {
        number: delivery.number,
        url: delivery.url.clone(),
        body: delivery.body.clone(),
        signature: delivery.signature.clone(),
    }
}
