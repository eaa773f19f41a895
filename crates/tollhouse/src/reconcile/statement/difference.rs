//! What may be wrong with a line of the statement: each kind has a name, and each case a sentence. A difference is explained if something
//! here says how it came about: an open item of the attention list, a person's decision, a policy, a refund, or that it is just happening.

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};
use tollhouse_core::attention::{Attention, Resolution, Subject};
use tollhouse_core::event::PaymentFacts;
use tollhouse_core::membership::{Fold, Grant, Membership, MembershipStatus, fold};
use tollhouse_core::order::{Order, OrderKind, OrderSource, OrderState, Ruling};
use tollhouse_core::payment::Payment;
use tollhouse_core::policy::RefundPolicy;
use tollhouse_core::snapshot::Snapshot;
use tollhouse_core::status::PaymentStatus;

use super::row::money;

/// How long the notification of a change may take, in minutes, before its absence is a difference that nothing explains. The provider sends
/// it at once and repeats it about every minute.
const ON_ITS_WAY_MINUTES: i64 = 15;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// What kind of difference.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word in JSON and CSV.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

kinds! {
    /// The provider has a payment that we do not.
    NotRecorded = "not_recorded";
    /// The same, and it is none of ours.
    Foreign = "foreign";
    /// We have a payment that the provider does not.
    UnknownToProvider = "unknown_to_provider";
    /// The provider is further than we are.
    StatusBehind = "status_behind";
    /// We were told more than the provider now says.
    StatusAhead = "status_ahead";
    /// The prices differ.
    PriceDiffers = "price_differs";
    /// What was paid differs.
    PaidDiffers = "paid_differs";
    /// Money that pays no order.
    NoOrder = "no_order";
    /// Money without access.
    PaidNotGranted = "paid_not_granted";
    /// Access that was taken back although its money was kept.
    RevokedAfterPayment = "revoked_after_payment";
    /// Access without money.
    GrantedNotPaid = "granted_not_paid";
    /// The money went back and the access stayed.
    RefundedStillGranted = "refunded_still_granted";
    /// A person has noted a refund of money that the provider shows as kept.
    RefundNoted = "refund_noted";
    /// More money than the price.
    Overpaid = "overpaid";
    /// Access that waits for the buyer's account.
    NotClaimed = "not_claimed";
    /// A membership that ends before what was given.
    MembershipTooShort = "membership_too_short";
    /// Something else that waits for a person.
    NeedsPerson = "needs_person";
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its name.
    pub kind: Kind,
    /// Whether something here says how it came about.
    pub explained: bool,
    /// What it is, and what says so or what helps.
    pub sentence: String,
}

/// Everything that a line is about.
pub(super) struct Sides<'a> {
    pub(super) told: Option<&'a PaymentFacts>,
    pub(super) known: Option<&'a Payment>,
    pub(super) order: Option<&'a Order>,
    pub(super) grant: Option<&'a Grant>,
    pub(super) membership: Option<&'a Membership>,
    pub(super) snapshot: &'a Snapshot,
    pub(super) now: Timestamp,
    pub(super) is_foreign: bool,
}

/// Every difference of a line.
pub(super) fn differences(sides: &Sides<'_>) -> Vec<Difference> {
    let mut found = Found(Vec::new());
    match (sides.told, sides.known) {
        (Some(told), None) => found.unrecorded(sides, told),
        (None, Some(known)) => found.unknown_there(known),
        (Some(told), Some(known)) => found.status_and_amounts(sides, told, known),
        (None, None) => {}
    }
    if let Some(known) = sides.known {
        found.money(sides, known);
    }
    if let Some(order) = sides.order {
        found.access(sides, order);
    }
    found.people(sides);
    found.0
}

struct Found(Vec<Difference>);

impl Found {
    fn add(&mut self, kind: Kind, explained: bool, sentence: impl Into<String>) {
        self.0.push(Difference { kind, explained, sentence: sentence.into() });
    }

    fn unrecorded(&mut self, sides: &Sides<'_>, told: &PaymentFacts) {
        if sides.is_foreign {
            return self.add(
                Kind::Foreign,
                true,
                "It names no order of Tollhouse; another program on the same account made it.",
            );
        }
        match &told.status {
            status if status.is_credited() && is_fresh(told, sides.now) => self.add(
                Kind::NotRecorded,
                true,
                "The money has just arrived at the provider; the notification may still be on its way.",
            ),
            status if status.is_credited() => self.add(
                Kind::NotRecorded,
                false,
                "The money arrived at the provider, and no notification of it is recorded. `tollhouse reconcile` takes it in.",
            ),
            PaymentStatus::Refunded => self.add(
                Kind::NotRecorded,
                true,
                "Paid and returned at the provider before anything was recorded: no money was kept, no access given.",
            ),
            status => self.add(
                Kind::NotRecorded,
                true,
                format!("Not recorded; at the provider it is {status}, and no money has arrived."),
            ),
        }
    }

    fn unknown_there(&mut self, known: &Payment) {
        if known.is_credited() {
            self.add(
                Kind::UnknownToProvider,
                false,
                "Recorded as paid, and the provider does not know it under this API key. Was it made with another account, or in its sandbox?",
            );
        } else {
            self.add(
                Kind::UnknownToProvider,
                true,
                "Recorded without money, and the provider does not know it under this API key.",
            );
        }
    }

    fn status_and_amounts(&mut self, sides: &Sides<'_>, told: &PaymentFacts, known: &Payment) {
        let (there, here) = (&told.status, &known.status);
        match there.rank().cmp(&here.rank()) {
            std::cmp::Ordering::Greater => {
                let matters = there.is_credited() || *there == PaymentStatus::Refunded;
                let fresh = is_fresh(told, sides.now);
                let helps = if !matters {
                    "No money is concerned."
                } else if fresh {
                    "It has just changed; the notification may still be on its way."
                } else {
                    "`tollhouse reconcile` takes it in."
                };
                let sentence = format!("The provider says {there}, recorded is {here}. {helps}");
                self.add(Kind::StatusBehind, !matters || fresh, sentence);
            }
            std::cmp::Ordering::Less => {
                let matters = known.is_credited();
                let helps = if matters {
                    "A signed notification said more than the provider says now: ask the provider."
                } else {
                    "No money is concerned."
                };
                let sentence = format!("Recorded is {here}, the provider says {there}. {helps}");
                self.add(Kind::StatusAhead, !matters, sentence);
            }
            std::cmp::Ordering::Equal => {}
        }
        if let (Some(there), Some(here)) = (money(&told.price), &known.price)
            && !there.same_as(here)
        {
            let sentence = format!("The provider says that {there} was asked, recorded is {here}.");
            self.add(Kind::PriceDiffers, false, sentence);
        }
        let paid_there = told.actually_paid.positive();
        if told.status == known.status
            && told.pay.currency == known.pay_currency
            && let Some(there) = paid_there
            && known.actually_paid != Some(there)
        {
            let here = known.actually_paid.map_or_else(|| "nothing".to_owned(), |amount| amount.to_string());
            let sentence = format!("The provider says that {there} was paid, recorded is {here}.");
            self.add(Kind::PaidDiffers, !told.status.is_credited(), sentence);
        }
    }

    /// Money that we know of: where it went.
    fn money(&mut self, sides: &Sides<'_>, known: &Payment) {
        if known.seen.is_refund_noted() && sides.told.is_some_and(|told| told.status.is_credited()) {
            let sentence = "A person has noted that the money was given back; the provider knows nothing of that. `tollhouse audit list` says who and why.";
            self.add(Kind::RefundNoted, true, sentence);
        }
        if !known.is_credited() {
            return;
        }
        let Some(order) = sides.order else {
            let (explained, why) = match decided(sides) {
                Some(why) => (true, why),
                None => (
                    false,
                    "Nothing on the attention list says so: `tollhouse payment replay` it.".to_owned(),
                ),
            };
            return self.add(Kind::NoOrder, explained, format!("The money pays no order. {why}"));
        };
        if let Some(overpaid) = &order.overpaid {
            let sentence =
                format!("The order was paid with {overpaid} more than its price; the access is the order's.");
            self.add(Kind::Overpaid, true, sentence);
        }
        match sides.grant {
            // A donation is there when its money is.
            None if order.kind() == OrderKind::Donation => {}
            Some(Grant { revoked: None, .. }) => {}
            Some(Grant { revoked: Some(revocation), .. }) => {
                let sentence = format!(
                    "The access was taken back: {}. `tollhouse audit list` says by whom.",
                    revocation.reason
                );
                self.add(Kind::RevokedAfterPayment, true, sentence);
            }
            None => {
                let (explained, why) = match (order.ruling, decided(sides)) {
                    (_, Some(why)) => (true, why),
                    (Some(Ruling::Refund), None) => {
                        (true, "A person noted that the money was given back.".to_owned())
                    }
                    (_, None) => {
                        (false, "Nothing says why: see `tollhouse payment list --stuck`.".to_owned())
                    }
                };
                let sentence = format!(
                    "The money arrived and gave no access; the order is {}. {why}",
                    order.state.as_str()
                );
                self.add(Kind::PaidNotGranted, explained, sentence);
            }
        }
    }

    /// Access that an order gave: whether it has its money, and is as long as it should be.
    fn access(&mut self, sides: &Sides<'_>, order: &Order) {
        let Some(grant) = sides.grant.filter(|grant| grant.revoked.is_none()) else { return };
        let payments = sides.snapshot.payments_of(order.id);
        if !payments.iter().any(|payment| payment.is_credited()) {
            self.without_money(sides, order, payments.iter().any(|payment| payment.is_refunded()));
        }
        let Some(membership) = sides.membership else {
            if grant.membership_id.is_none() {
                self.add(
                    Kind::NotClaimed,
                    true,
                    "Bought without a Telegram account; the days start when the buyer claims them on the order's page.",
                );
            } else {
                self.add(
                    Kind::MembershipTooShort,
                    false,
                    "The access was given to a membership that is not there.",
                );
            }
            return;
        };
        let given = fold(sides.snapshot.grants_of(membership.id));
        let is_short = match (membership.ends_at, given) {
            (Some(end), Fold::Until(Some(due))) => end < due,
            (Some(_), Fold::Until(None)) => true,
            (None, _) | (_, Fold::Nothing) => false,
        };
        if is_short && membership.status != MembershipStatus::Revoked {
            let sentence = "The membership ends before the time that was paid for; give the rest with `tollhouse membership grant`.";
            self.add(Kind::MembershipTooShort, false, sentence);
        }
    }

    fn without_money(&mut self, sides: &Sides<'_>, order: &Order, was_refunded: bool) {
        let policy = sides.snapshot.channels.get(&order.channel_id).map(|channel| channel.policies.refund);
        if was_refunded {
            let (explained, why) = match (order.ruling, policy) {
                (Some(Ruling::Grant), _) => (true, "A person granted it all the same."),
                (_, Some(RefundPolicy::Keep)) => (true, "The channel's policy leaves the access."),
                _ => (false, "It should have been taken back: `tollhouse membership revoke`."),
            };
            self.add(
                Kind::RefundedStillGranted,
                explained,
                format!("The money went back and the access stayed. {why}"),
            );
            return;
        }
        let (explained, why) = match (order.ruling, order.source) {
            (Some(Ruling::Grant), _) => {
                (true, "A person granted it; `tollhouse audit list` says who and why.")
            }
            (_, OrderSource::Import) => (true, "It was carried over from the predecessor."),
            _ if order.state == OrderState::Paid => {
                (false, "The order counts as paid, and nothing says by what.")
            }
            _ => (false, "Nothing says why."),
        };
        self.add(
            Kind::GrantedNotPaid,
            explained,
            format!("The order gave access, and no money for it is recorded. {why}"),
        );
    }

    /// What else waits for somebody, where no difference before says so already.
    fn people(&mut self, sides: &Sides<'_>) {
        let is_said = self.0.iter().any(|difference| {
            matches!(difference.kind, Kind::NoOrder | Kind::PaidNotGranted) && difference.explained
        });
        if is_said {
            return;
        }
        for item in items(sides).into_iter().filter(|item| item.is_open()) {
            self.add(
                Kind::NeedsPerson,
                true,
                format!("{} ({}): {}", item.reason.as_str(), item.id, item.message()),
            );
        }
    }
}

/// Whether a payment changed so lately that its notification may be under way.
fn is_fresh(told: &PaymentFacts, now: Timestamp) -> bool {
    let changed = told.updated_at_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    changed.is_some_and(|at| now.duration_since(at) < SignedDuration::from_mins(ON_ITS_WAY_MINUTES))
}

/// The attention items about the payment or its order.
fn items<'a>(sides: &Sides<'a>) -> Vec<&'a Attention> {
    let payment = sides.known.map(|known| Subject::Payment(known.id));
    let order = sides.order.map(|order| Subject::Order(order.id));
    sides
        .snapshot
        .attention
        .values()
        .filter(|item| Some(item.subject) == payment || Some(item.subject) == order)
        .collect()
}

/// What the attention list says about money that gave nothing: that a person has it before them, or what a person decided.
fn decided(sides: &Sides<'_>) -> Option<String> {
    let items = items(sides);
    let open = items.iter().find(|item| item.is_open());
    if let Some(item) = open {
        return Some(format!("It waits for a person: {} ({}).", item.reason.as_str(), item.id));
    }
    items.iter().find_map(|item| {
        let resolved = item.resolved.as_ref()?;
        let how = match resolved.resolution {
            Resolution::Dismiss => "dismissed it",
            Resolution::Refund => "noted that it was given back",
            Resolution::Grant | Resolution::Settled => return None,
        };
        Some(format!("{} {how}: {} ({}).", resolved.by, resolved.reason, item.id))
    })
}
