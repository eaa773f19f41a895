//! What the owner is told of donations.

use super::Work;
use crate::channel::Channel;
use crate::job::{JobKind, OwnerNotice};
use crate::order::{Order, OrderState, received};
use crate::payment::Payment;

/// Tells the owner of a donation that has arrived, once for each amount that it came to, and of one that went back.
pub(super) fn announce(work: &mut Work<'_>, order: &Order, channel: &Channel, before: OrderState) {
    let Some(owner) = channel.owner else { return };
    let (subject, notice) = match order.state {
        OrderState::Paid => {
            let payments = work.snapshot.payments_of(order.id);
            let received = received(&payments);
            let sum: Vec<String> = received.iter().map(ToString::to_string).collect();
            let notice = OwnerNotice::Donation {
                order_id: order.id,
                price: order.price.clone(),
                whole: payments.iter().any(|payment: &&Payment| payment.is_full() && !payment.is_refunded()),
                more: before == OrderState::Paid,
                user: order.user,
                message: order.donor_message.clone(),
                received,
            };
            (format!("donation:{}:{}", order.id, sum.join("+")), notice)
        }
        OrderState::Refunded if before == OrderState::Paid => {
            let notice = OwnerNotice::DonationRefund { order_id: order.id, price: order.price.clone() };
            (format!("refund:{}", order.id), notice)
        }
        _ => return,
    };
    let kind =
        JobKind::NotifyOwner { owner: Some(owner), channel_id: Some(channel.id), notice, told: Vec::new() };
    work.arm(kind, subject, channel.id, work.now, false);
}
