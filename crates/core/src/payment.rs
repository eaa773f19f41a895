//! A payment is the join of everything that was said about it. Joining is commutative, associative and idempotent, so that
//! the order, the number and the timing of notifications cannot matter (I4).

use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::event::{Parent, PaymentFacts, Received, ReportedMoney};
use crate::id::{ChannelId, OrderId, ProviderPaymentId};
use crate::import::ImportedPayment;
use crate::money::{Currency, Money, Reported};
use crate::order_ref::ORDER_REF_LENGTH_MAX;
use crate::safeguard::Safeguard;
use crate::status::{PaymentStatus, StatusSet};

/// How many different notifications of one payment are told apart by their bytes. A payment has about six; past the bound a
/// repeat is still recognised by changing nothing.
pub const DIGESTS_SEEN_MAX: usize = 64;

/// How far back an event's own time is believed, in hours: a year. Repeats come weeks later (nowpayments.md section 5); what claims to be
/// older has a clock that cannot be used.
const EVENT_AGE_HOURS_MAX: i64 = 366 * 24;

/// What is known of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The provider's id; the key.
    pub id: ProviderPaymentId,
    /// The order that it pays, once known. Bound once.
    pub order_id: Option<OrderId>,
    /// The order's channel.
    pub channel_id: Option<ChannelId>,
    /// The order reference in the notifications.
    pub order_ref: Option<String>,
    /// The invoice at the provider.
    pub invoice_id: Option<String>,
    /// Re-deposit on which payment.
    pub parent: Parent,
    /// The highest status that was seen.
    pub status: PaymentStatus,
    /// Every status that was seen.
    pub seen: StatusSet,
    /// The provider's time of the event that gave `status`, epoch milliseconds; 0 where it had none.
    pub head_updated_at_ms: i64,
    /// The digest of the event that gave `status`.
    pub head_digest: [u8; 32],
    /// The price that was asked.
    pub price: Option<Money>,
    /// The coin to pay in.
    pub pay_currency: Option<Currency>,
    /// The least amount that was asked in that coin.
    pub pay_amount: Option<Decimal>,
    /// Where one pays, in that coin.
    pub pay_address: Option<String>,
    /// The memo or tag that must go with it, for coins that have one.
    pub pay_extra_id: Option<String>,
    /// The most that was reported as paid in that coin.
    pub actually_paid: Option<Decimal>,
    /// What the merchant gets, as the event of `status` says.
    pub outcome: Option<Money>,
    /// Whether a signed `finished` said, by itself, that the bound order was paid in full. Stays; see [`Payment::is_full`].
    pub full: bool,
    /// Whether an amount came that cannot be used.
    pub unusable_amount: bool,
    /// Whether two events name different orders, prices, coins or parents.
    pub contradiction: bool,
    /// The first eight bytes of each distinct body's digest.
    pub digests_seen: Vec<u64>,
    /// When we first heard of it.
    pub first_seen_at: Timestamp,
    /// The earliest that is known of money on chain: by the provider's own time where it tells one, else when we heard of it. A
    /// notification that was long under way does not make a payment late.
    pub on_chain_at: Option<Timestamp>,
    /// When we first heard that money arrived.
    pub credited_at: Option<Timestamp>,
    /// When we last learned something.
    pub updated_at: Timestamp,
}

/// What an event brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absorbed {
    /// The very same bytes were seen before.
    pub same_bytes: bool,
    /// Its status stands lower than what is known.
    pub lower: bool,
    /// Something became known.
    pub changed: bool,
}

impl Payment {
    fn new(id: ProviderPaymentId, status: PaymentStatus, at: Timestamp) -> Self {
        Self {
            id,
            order_id: None,
            channel_id: None,
            order_ref: None,
            invoice_id: None,
            parent: Parent::None,
            status,
            seen: StatusSet::default(),
            head_updated_at_ms: i64::MIN,
            head_digest: [0; 32],
            price: None,
            pay_currency: None,
            pay_amount: None,
            pay_address: None,
            pay_extra_id: None,
            actually_paid: None,
            outcome: None,
            full: false,
            unusable_amount: false,
            contradiction: false,
            digests_seen: Vec::new(),
            first_seen_at: at,
            on_chain_at: None,
            credited_at: None,
            updated_at: at,
        }
    }

    /// Joins an event into what is known.
    #[must_use]
    pub fn absorb(known: Option<&Self>, event: &Received) -> (Self, Absorbed) {
        let facts = &event.facts;
        let mut payment = known
            .cloned()
            .unwrap_or_else(|| Self::new(facts.payment_id, facts.status.clone(), event.received_at));
        let short = digest_prefix(&event.digest);
        let same_bytes = payment.digests_seen.contains(&short);
        let lower = known.is_some_and(|known| facts.status.rank() < known.status.rank());
        let before = payment.clone();

        payment.join_identity(facts);
        payment.join_amounts(facts);
        payment.join_status(event);
        let changed = known.is_none() || payment != before;
        if changed {
            payment.updated_at = event.received_at;
        }
        if !same_bytes && payment.digests_seen.len() < DIGESTS_SEEN_MAX {
            payment.digests_seen.push(short);
        }
        (payment, Absorbed { same_bytes, lower, changed })
    }

    /// Joins what another system knew into what is known. What it knew of the price or the coin does not contradict a signed notification:
    /// where something is known here already, that stays.
    #[must_use]
    pub fn carry(known: Option<&Self>, said: &ImportedPayment, at: Timestamp, now: Timestamp) -> Self {
        let mut payment = known.cloned().unwrap_or_else(|| Self {
            head_updated_at_ms: 0,
            ..Self::new(said.id, said.status.clone(), now)
        });
        payment.seen.insert(&said.status);
        if said.status == PaymentStatus::Refunded {
            // It was granted, so it had been paid.
            payment.seen.insert(&PaymentStatus::Finished);
        }
        if known.is_none_or(|known| known.status.rank() < said.status.rank()) {
            payment.status = said.status.clone();
            payment.outcome.clone_from(&said.outcome);
        }
        if payment.seen.contains(&PaymentStatus::Finished) {
            payment.full |= !payment.is_child();
            payment.on_chain_at.get_or_insert(at);
            payment.credited_at.get_or_insert(at);
        }
        payment.order_ref = payment.order_ref.or_else(|| said.order_ref.clone());
        payment.invoice_id = payment.invoice_id.or_else(|| said.invoice_id.clone());
        payment.price = payment.price.or_else(|| said.price.clone());
        if payment.pay_currency.is_none() {
            payment.pay_currency.clone_from(&said.pay_currency);
            payment.pay_amount = said.pay_amount.filter(|_| said.pay_currency.is_some());
        }
        if known.is_none_or(|known| *known != payment) {
            payment.updated_at = now;
        }
        payment
    }

    fn join_status(&mut self, event: &Received) {
        let facts = &event.facts;
        self.seen.insert(&facts.status);
        if facts.status.is_on_chain() {
            let at = happened_at(event);
            self.on_chain_at = Some(self.on_chain_at.map_or(at, |known| known.min(at)));
        }
        if facts.status.is_credited() && self.credited_at.is_none() {
            self.credited_at = Some(event.received_at);
        }
        let key = (facts.status.rank(), facts.updated_at_ms.unwrap_or(0), event.digest);
        if self.head_updated_at_ms == i64::MIN
            || key > (self.status.rank(), self.head_updated_at_ms, self.head_digest)
            || !Safeguard::RankRule.stands()
        {
            self.status = facts.status.clone();
            self.head_updated_at_ms = key.1;
            self.head_digest = event.digest;
            self.outcome = money(&facts.outcome);
        }
    }

    fn join_identity(&mut self, facts: &PaymentFacts) {
        let reference =
            facts.order_ref.as_ref().map(|text| match text.char_indices().nth(ORDER_REF_LENGTH_MAX) {
                None => text.clone(),
                Some((end, _)) => text[..end].to_owned(),
            });
        join_least(&mut self.order_ref, reference, &mut self.contradiction);
        let mut ignored = false;
        join_least(&mut self.invoice_id, facts.invoice_id.clone(), &mut ignored);
        match (self.parent, facts.parent) {
            (_, Parent::None) => {}
            (Parent::None | Parent::Unreadable, parent) => self.parent = parent,
            (Parent::Payment(known), Parent::Payment(said)) if known != said => {
                self.parent = Parent::Payment(known.min(said));
                self.contradiction = true;
            }
            (Parent::Payment(_), _) => {}
        }
        if let Some(said) = money(&facts.price) {
            match &self.price {
                None => self.price = Some(said),
                Some(known) if known.same_as(&said) => {}
                Some(known) => {
                    self.contradiction = true;
                    if (&said.currency, said.amount) < (&known.currency, known.amount) {
                        self.price = Some(said);
                    }
                }
            }
        }
    }

    fn join_amounts(&mut self, facts: &PaymentFacts) {
        let amounts = [&facts.price.amount, &facts.pay.amount, &facts.actually_paid, &facts.outcome.amount];
        self.unusable_amount |= amounts.into_iter().any(|amount| *amount == Reported::Unusable);
        match (&self.pay_currency, &facts.pay.currency) {
            (_, None) => return, // an amount without its coin is no amount (F12)
            (None, Some(said)) => self.pay_currency = Some(said.clone()),
            (Some(known), Some(said)) if known == said => {}
            (Some(known), Some(said)) => {
                self.contradiction = true;
                if said > known {
                    return;
                }
                // The amounts so far are in the other coin; mixing the two would add apples to pears (F13).
                self.pay_currency = Some(said.clone());
                self.pay_amount = None;
                self.actually_paid = None;
                self.pay_address = None;
                self.pay_extra_id = None;
            }
        }
        self.join_address(facts);
        // The provider may estimate anew until money comes. The most that it asked for counts, in whatever order we hear of it: less is no
        // whole payment unless the provider says so itself, and whoever pays the higher estimate has paid nothing too much.
        if let Some(asked) = facts.pay.amount.positive() {
            self.pay_amount = Some(self.pay_amount.map_or(asked, |known| known.max(asked)));
        }
        if let Some(paid) = facts.actually_paid.positive() {
            self.actually_paid = Some(self.actually_paid.map_or(paid, |known| known.max(paid)));
        }
    }

    /// Where one pays, in the coin that is known. The case of letters is a checksum in some coins and left away in some answers: it makes
    /// no other address.
    fn join_address(&mut self, facts: &PaymentFacts) {
        if let (Some(known), Some(said)) = (&self.pay_address, &facts.pay_address) {
            self.contradiction |= !known.eq_ignore_ascii_case(said);
        }
        let mut only_case = false;
        join_least(&mut self.pay_address, facts.pay_address.clone(), &mut only_case);
        join_least(&mut self.pay_extra_id, facts.pay_extra_id.clone(), &mut self.contradiction);
    }

    /// Whether the money was returned, by the provider or as a person has noted; absorbing.
    #[must_use]
    pub fn is_refunded(&self) -> bool {
        self.seen.contains(&PaymentStatus::Refunded) || self.seen.is_refund_noted()
    }

    /// Whether money arrived and was not returned.
    #[must_use]
    pub fn is_credited(&self) -> bool {
        self.seen.has_credit() && !self.is_refunded()
    }

    /// Whether there is money that was not returned, be it in another coin or on another network than was asked for, of which the provider
    /// credits nothing by itself.
    #[must_use]
    pub fn has_money(&self) -> bool {
        (self.seen.has_credit() || self.seen.contains(&PaymentStatus::WrongAsset)) && !self.is_refunded()
    }

    /// Whether money was seen, and yet the provider calls the payment over without having credited any of it: most often it was less than
    /// the provider takes in that coin.
    #[must_use]
    pub fn came_to_nothing(&self) -> bool {
        let is_over =
            matches!(self.status, PaymentStatus::Expired | PaymentStatus::Cancelled | PaymentStatus::Failed);
        let on_chain = [PaymentStatus::Confirming, PaymentStatus::Confirmed, PaymentStatus::Sending];
        let was_seen =
            self.actually_paid.is_some() || on_chain.iter().any(|status| self.seen.contains(status));
        is_over && was_seen && !self.seen.has_credit() && !self.is_refunded()
    }

    /// Whether it paid the bound order in full, refunded or not: a re-deposit never does, whatever one of its notifications said.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.full && !self.is_child()
    }

    /// Whether two signed events contradict each other: also one that calls it the whole payment, and one that calls it a re-deposit.
    #[must_use]
    pub fn contradicts(&self) -> bool {
        self.contradiction || (self.full && self.is_child())
    }

    /// Whether it is a re-deposit on another payment.
    #[must_use]
    pub fn is_child(&self) -> bool {
        self.parent != Parent::None
    }

    /// Whether a buyer can be sent to its address: it asks this price in this coin, and nothing speaks against paying it.
    #[must_use]
    pub fn can_be_paid(&self, price: &Money, coin: &Currency) -> bool {
        self.status == PaymentStatus::Waiting
            && !self.is_child()
            && !self.contradiction
            && self.pay_currency.as_ref() == Some(coin)
            && self.price.as_ref().is_some_and(|asked| asked.same_as(price))
            && self.pay_address.is_some()
            && self.pay_amount.is_some()
    }

    /// Whether what is known of this payment pays a price in full (for payments that are bound after the fact).
    #[must_use]
    pub fn pays_in_full(&self, price: &Money, floor: Decimal) -> bool {
        self.seen.contains(&PaymentStatus::Finished)
            && !self.is_child()
            && !self.unusable_amount
            && self.price.as_ref().is_some_and(|asked| asked.same_as(price))
            && reaches(self.pay_amount, self.actually_paid, floor)
    }
}

/// Whether one event says, by itself, that a price was paid in full: `finished`, no re-deposit, the order's own price, and what
/// was paid is either not reported or not below the floor (design section 6).
#[must_use]
pub fn event_pays_in_full(facts: &PaymentFacts, price: &Money, floor: Decimal) -> bool {
    let usable = [&facts.price.amount, &facts.pay.amount, &facts.actually_paid]
        .into_iter()
        .all(|a| *a != Reported::Unusable);
    facts.status == PaymentStatus::Finished
        && facts.parent == Parent::None
        && usable
        && money(&facts.price).is_some_and(|asked| asked.same_as(price))
        && reaches(facts.pay.amount.positive(), facts.actually_paid.positive(), floor)
}

fn reaches(asked: Option<Decimal>, paid: Option<Decimal>, floor: Decimal) -> bool {
    match (asked, paid) {
        (Some(asked), Some(paid)) => at_least_share(paid, asked, floor),
        _ => true, // not reported: the signed `finished` is the merchant's own statement
    }
}

/// Whether `paid` is at least `share` of `asked`. The threshold may be rounded in its 28th digit; amounts never are. One that
/// overflows is taken as not reached.
#[must_use]
pub fn at_least_share(paid: Decimal, asked: Decimal, share: Decimal) -> bool {
    if paid >= asked {
        return true;
    }
    asked.checked_mul(share).is_some_and(|least| paid >= least)
}

/// When the provider says that it was, if that can be; else when we heard of it.
fn happened_at(event: &Received) -> Timestamp {
    let said = event.facts.updated_at_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let can_be = |said: &Timestamp| {
        let age = event.received_at.duration_since(*said);
        !age.is_negative() && age.as_hours() <= EVENT_AGE_HOURS_MAX
    };
    said.filter(can_be).unwrap_or(event.received_at)
}

fn money(reported: &ReportedMoney) -> Option<Money> {
    Some(Money::new(reported.amount.exact()?, reported.currency.clone()?))
}

fn join_least<T: Ord>(known: &mut Option<T>, said: Option<T>, differs: &mut bool) {
    match (known.as_ref(), said) {
        (_, None) => {}
        (None, said) => *known = said,
        (Some(old), Some(new)) => {
            if *old != new {
                *differs = true;
                if new < *old {
                    *known = Some(new);
                }
            }
        }
    }
}

fn digest_prefix(digest: &[u8; 32]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first)
}
