//! How far the story has come, as it is seen from outside.

use tollhouse_core::status::PaymentStatus;
use tollhouse_store::{OrderFilter, PaymentFilter};
use tollhouse_telegram::fake::{Turn, World};

use super::Guide;
use crate::demo::interactive::{BEN, SAM};
use crate::demo::shop::{OLGA, PRIVATE_CHAT, ROOMS};

/// Notifications about one payment from which on they are many.
const MANY_NOTIFICATIONS: usize = 50;

/// What has happened so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one tick for each step")]
pub(super) struct Progress {
    /// The buyer has started the bot.
    pub(super) started: bool,
    /// The buyer has paid.
    pub(super) paid: bool,
    /// The buyer is in the channel.
    pub(super) inside: bool,
    /// Somebody else was turned away.
    pub(super) declined: bool,
    /// The owner has been told of a sale.
    pub(super) told: bool,
    /// Somebody paid too little.
    pub(super) partial: bool,
    /// Notifications were lost.
    pub(super) lost: bool,
    /// The provider was asked, and knew more.
    pub(super) asked: bool,
    /// One notification came very often.
    pub(super) repeated: bool,
    /// Money went back.
    pub(super) refunded: bool,
    /// Somebody's time was over.
    pub(super) removed: bool,
    /// The bot guards a channel that was not there at first.
    pub(super) own_channel: bool,
}

impl Progress {
    /// What has happened once stays ticked.
    pub(super) fn add(&mut self, new: Self) {
        self.started |= new.started;
        self.paid |= new.paid;
        self.inside |= new.inside;
        self.declined |= new.declined;
        self.told |= new.told;
        self.partial |= new.partial;
        self.lost |= new.lost;
        self.asked |= new.asked;
        self.repeated |= new.repeated;
        self.refunded |= new.refunded;
        self.removed |= new.removed;
        self.own_channel |= new.own_channel;
    }
}

/// What can be seen now.
pub(super) async fn look(guide: &Guide) -> anyhow::Result<Progress> {
    let store = &guide.app.store;
    let orders = store.orders(OrderFilter::default()).await?;
    let payments = store.payments(PaymentFilter::default()).await?;
    let has_seen = |status| payments.iter().any(|payment| payment.seen.contains(&status));
    let mut notified = std::collections::BTreeMap::<_, usize>::new();
    for delivery in guide.nowpayments.deliveries() {
        *notified.entry(delivery.payment_id).or_default() += 1;
    }
    let in_telegram = guide.telegram.read(|world: &World| {
        let passage = |user| world.room(PRIVATE_CHAT).and_then(|room| room.passages.get(&user).copied());
        let guarded = |room: &&tollhouse_telegram::fake::Room| {
            !ROOMS.contains(&room.chat.id) && room.status(world.bot().id).is_admin()
        };
        Progress {
            started: world.person(BEN.id).is_some_and(|person| person.started),
            inside: world.is_inside(PRIVATE_CHAT, BEN.id),
            declined: passage(SAM.id).is_some_and(|passage| passage.turn == Turn::Declined),
            removed: passage(BEN.id).is_some_and(|passage| passage.turn == Turn::Removed),
            told: !world.bot_posts(OLGA.id).is_empty() && orders.iter().any(|order| order.paid_at.is_some()),
            own_channel: world.rooms().any(|room| guarded(&room)),
            ..Progress::default()
        }
    });
    Ok(Progress {
        paid: orders.iter().any(|order| order.paid_at.is_some()),
        partial: has_seen(PaymentStatus::PartiallyPaid),
        refunded: has_seen(PaymentStatus::Refunded),
        lost: guide.nowpayments.drops_next() > 0,
        repeated: notified.values().any(|count| *count >= MANY_NOTIFICATIONS),
        ..in_telegram
    })
}
