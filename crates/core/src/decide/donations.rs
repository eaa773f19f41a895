//! What the owner is told of donations.

use super::Work;
use crate::channel::Channel;
use crate::job::{JobKind, OwnerNotice};
use crate::money::Money;
use crate::order::{Order, OrderState, received, sums};
use crate::payment::Payment;

/// Tells the owner of a donation that has arrived, once for each amount that it came to, and of what of it went back.
pub(super) fn announce(work: &mut Work<'_>, order: &Order, channel: &Channel, before: OrderState) {
    let Some(owner) = channel.owner else { return };
    let payments = work.snapshot.payments_of(order.id);
    let mut notices = Vec::new();
    if matches!(order.state, OrderState::Paid | OrderState::Refunded) && before == OrderState::Paid {
        let back = sums(&payments, |payment| payment.seen.has_credit() && payment.is_refunded());
        // Of a whole donation what the donor had chosen, of a part what is known of it.
        let price = match &back[..] {
            [part] if order.state == OrderState::Paid => part.clone(),
            _ => order.price.clone(),
        };
        if order.state == OrderState::Refunded || !back.is_empty() {
            let notice = OwnerNotice::DonationRefund { order_id: order.id, price };
            notices.push((format!("refund:{}:{}", order.id, words(&back)), notice));
        }
    }
    if order.state == OrderState::Paid {
        // By all that ever arrived: what goes back is told by itself, and makes no new donation of the rest.
        let ever = sums(&payments, |payment| payment.seen.has_credit());
        let notice = OwnerNotice::Donation {
            order_id: order.id,
            price: order.price.clone(),
            whole: payments.iter().any(|payment: &&Payment| payment.is_full() && !payment.is_refunded()),
            more: before == OrderState::Paid,
            user: order.user,
            message: order.donor_message.clone(),
            received: received(&payments),
        };
        notices.push((format!("donation:{}:{}", order.id, words(&ever)), notice));
    }
    for (subject, notice) in notices {
        let kind = JobKind::NotifyOwner {
            owner: Some(owner),
            channel_id: Some(channel.id),
            notice,
            told: Vec::new(),
        };
        work.arm(kind, subject, channel.id, work.now, false);
    }
}

fn words(sums: &[Money]) -> String {
    sums.iter().map(ToString::to_string).collect::<Vec<_>>().join("+")
}
