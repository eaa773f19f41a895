//! What a person must look at. Nothing ends in silence (I3).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{AttentionId, ChannelId, JobId, OrderId, ProviderPaymentId, RunId, TelegramUserId};

/// Longest reason that a person gives, in characters.
pub const PERSON_REASON_LENGTH_MAX: usize = 1_000;

/// What an item is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// A payment.
    Payment(ProviderPaymentId),
    /// An order.
    Order(OrderId),
    /// A job that gave up.
    Job(JobId),
    /// A run of removals.
    Run(RunId),
    /// A channel.
    Channel(ChannelId),
    /// Somebody in a channel.
    Member {
        /// The channel.
        channel_id: ChannelId,
        /// Who.
        user: TelegramUserId,
    },
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Payment(id) => write!(f, "payment:{id}"),
            Self::Order(id) => write!(f, "order:{id}"),
            Self::Job(id) => write!(f, "job:{id}"),
            Self::Run(id) => write!(f, "run:{id}"),
            Self::Channel(id) => write!(f, "channel:{id}"),
            Self::Member { channel_id, user } => write!(f, "member:{channel_id}:{user}"),
        }
    }
}

impl std::str::FromStr for Subject {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("{text:?} is no subject");
        match text.split_once(':').ok_or_else(refuse)? {
            ("payment", id) => id.parse().map(Self::Payment).map_err(|_| refuse()),
            ("order", id) => id.parse().map(Self::Order).map_err(|_| refuse()),
            ("job", id) => id.parse().map(Self::Job).map_err(|_| refuse()),
            ("run", id) => id.parse().map(Self::Run).map_err(|_| refuse()),
            ("channel", id) => id.parse().map(Self::Channel).map_err(|_| refuse()),
            ("member", both) => {
                let (channel, user) = both.split_once(':').ok_or_else(refuse)?;
                let channel_id = channel.parse().map_err(|_| refuse())?;
                let user = user.parse().map_err(|_| refuse())?;
                Ok(Self::Member { channel_id, user })
            }
            _ => Err(refuse()),
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $says:literal;)*) => {
        /// Why something is in the list.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code in JSON, metrics and the database.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What it means and what helps, for a person.
            #[must_use]
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => $says,)* }
            }
        }
    };
}

reasons! {
    /// The notification names no order.
    NoOrderId = "no_order_id", "Money arrived that names no order. Find out who paid, then `payment recover PAYMENT --order ORDER`, or dismiss.";
    /// The order reference is none of ours.
    UnknownOrder = "unknown_order", "Money arrived for an order that is not known here. If it is yours, `payment recover PAYMENT --order ORDER`; else dismiss.";
    /// A legacy order for a channel that nobody registered.
    UnknownChannel = "unknown_channel", "Money arrived for a channel that is not registered. Register it with `channel add --public-chat …`; the payment is then taken up by itself.";
    /// A legacy order for a channel without a plan on sale.
    NoPlan = "no_plan", "Money arrived for a channel that has no plan on sale. Add one with `channel plan add`; the payment is then taken up by itself.";
    /// A legacy order whose price is below every plan, or in another currency.
    UnmatchedPrice = "unmatched_price", "What was asked matches no plan of the channel. Grant the cheapest plan, or note the refund.";
    /// The price in the notification is not the order's.
    PriceMismatch = "price_mismatch", "The price or currency in the notification is not the order's. Grant if you accept it, or note the refund.";
    /// A `finished` that brought less than the floor.
    FinishedShort = "finished_short", "The provider calls it finished, but clearly less than asked arrived. Grant, wait for the rest, or note the refund.";
    /// A partial payment.
    Underpaid = "underpaid", "Less than the price arrived. A top-up in the same coin completes it by itself, unless the channel's policy leaves that to you; or grant, or note the refund.";
    /// A re-deposit that does not complete its order.
    ChildPayment = "child_payment", "More money came to the address of an earlier payment and does not complete its order by itself. Grant, dismiss or note the refund.";
    /// The wrong coin or network.
    WrongAsset = "wrong_asset", "The wrong coin or network was sent. Recover it at the provider, then grant or note the refund.";
    /// Money that was seen on chain and never credited.
    MoneyNotCredited = "money_not_credited", "Money was seen, but the provider calls the payment failed, expired or cancelled and credited nothing; most often it was less than it takes in that coin. Ask the provider to finish the payment or to send the money back; or grant, or note the refund.";
    /// An amount that cannot be held exactly, or is negative.
    AmountUnusable = "amount_unusable", "An amount in the notification cannot be used (negative, or more digits than can be held exactly). Look at the raw event, then grant or note the refund.";
    /// A status that we do not know.
    UnknownStatus = "unknown_status", "The provider sent a status that is not known here. Look at the payment at the provider, then grant, dismiss or note the refund.";
    /// Two signed events of one payment contradict each other.
    Contradiction = "contradiction", "Two signed notifications of one payment name different orders, prices, coins or parents. `payment show PAYMENT` says in what; grant, dismiss or note the refund.";
    /// Two full payments for one order.
    PaidTwice = "paid_twice", "The order was paid in full more than once. One period was granted; refund the other payment, or add the days by `membership grant`.";
    /// A period that was bought by somebody whose access lasts for ever.
    NothingAdded = "nothing_added", "Somebody has paid whose access lasts for ever already, so that it added nothing. Give the money back and note the refund, or dismiss.";
    /// Clearly more than the price, and the policy leaves that to the owner.
    Overpaid = "overpaid", "More than the price arrived. The access was given; send back what is too much, or dismiss.";
    /// Money for an order whose refund a person has noted.
    PaidAfterRefund = "paid_after_refund", "More money arrived for an order after its refund was noted. Grant, or note this refund too.";
    /// Paid after the order's expiry, and the policy leaves that to the owner.
    Late = "late", "The payment came after the order had expired. Grant, or note the refund.";
    /// Somebody is inside who has no membership.
    StrangerInside = "stranger_inside", "Somebody is inside who has no membership. Resolve as grant to let them stay (the white list), remove them in Telegram, or dismiss.";
    /// A member whose time is over is an administrator, and stays.
    AdminStays = "admin_stays", "Somebody's time is over, but they are an administrator of the chat, and Telegram lets a bot remove none. Take their rights away and remove them in Telegram, or resolve as grant to let them stay (the white list), or dismiss.";
    /// A member who has paid was banned by a person.
    MemberBanned = "member_banned", "Somebody has paid who was banned from the chat by an administrator, so that they cannot get in. Lift the ban in Telegram, or `membership revoke` and give the money back.";
    /// A run has reached its limit.
    RemovalsStopped = "removals_stopped", "More members would be removed from the channel today than its limit allows, so removals have stopped. `membership sweep --dry-run` lists who is waiting and why. Resolve as grant to let them go on, or dismiss to freeze the channel until `channel unfreeze`.";
    /// A job gave up.
    JobDead = "job_dead", "A step was tried as often as is sensible and failed. Mend the cause that it names, then resolve as grant to run it again, or dismiss.";
    /// The provider takes no amount as small as an order's price.
    BelowMinimum = "below_minimum", "The price is below what NOWPayments takes in any coin of yours, so the buyer cannot pay. Add a plan with a higher price, or accept a coin with a lower minimum at NOWPayments; then resolve as grant to try again, or dismiss.";
    /// No invoice could be made for an order.
    InvoiceNotMade = "invoice_not_made", "NOWPayments made no invoice for an order, so the buyer cannot pay. Mend the cause that it names, then resolve as grant to try again, or dismiss.";
    /// A donation that arrived oddly.
    DonationOdd = "donation_odd", "A donation did not arrive as donations do. No access hangs on it. Look at the payment; then note the refund, or dismiss.";
    /// Money for a donation whose refund a person has noted.
    DonationAfterRefund = "donation_after_refund", "More money arrived for a donation after its refund was noted. Note this refund too, or dismiss.";
    /// The offer could not be posted.
    OfferNotPosted = "offer_not_posted", "The offer could not be posted, or brought up to date, in the public chat. Make the bot an administrator there who may post messages; then resolve as grant to try again now, or dismiss. A scheduled offer is tried again at its next time.";
    /// Jobs wait for a right that the bot does not have.
    RightsMissing = "rights_missing", "The bot lacks a right in a chat of the channel, and what needs it waits. Make it an administrator there with that right (`doctor` names all that are missing); what waits then goes on by itself. Dismissed, it comes back within a day for as long as something waits.";
    /// A notification could not be processed because of a fault of ours.
    Internal = "internal", "The notification is stored, but processing it failed. `payment replay PAYMENT` tries again; please report the error in the log.";
}

impl Reason {
    /// Reads the code.
    #[must_use]
    pub fn from_word(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == text)
    }

    /// Whether it is about a job: granting runs the job again, and it may come back as often as the job gives up.
    #[must_use]
    pub fn is_about_a_job(self) -> bool {
        matches!(self, Self::JobDead | Self::BelowMinimum | Self::InvoiceNotMade | Self::OfferNotPosted)
    }

    /// Whether it comes back after a person has resolved it, though nothing more is known: it goes on being wrong.
    #[must_use]
    pub fn comes_back(self) -> bool {
        self.is_about_a_job() || self == Self::RightsMissing
    }

    /// Whether it grows worse by the hour, or keeps somebody out who has paid: the owner's quiet hours do not hold it back, unless they are
    /// set to.
    #[must_use]
    pub fn is_urgent(self) -> bool {
        matches!(
            self,
            Self::Internal
                | Self::UnknownChannel
                | Self::NoPlan
                | Self::MemberBanned
                | Self::RemovalsStopped
                | Self::BelowMinimum
                | Self::InvoiceNotMade
                | Self::RightsMissing
        )
    }

    /// The ways of resolving that make sense, in the words of `attention resolve --as`.
    #[must_use]
    pub fn actions(self) -> &'static [Resolution] {
        match self {
            Self::UnmatchedPrice
            | Self::PriceMismatch
            | Self::FinishedShort
            | Self::Underpaid
            | Self::ChildPayment
            | Self::WrongAsset
            | Self::MoneyNotCredited
            | Self::AmountUnusable
            | Self::PaidAfterRefund
            | Self::UnknownStatus
            | Self::Contradiction
            | Self::Late => &[Resolution::Grant, Resolution::Refund, Resolution::Dismiss],
            Self::JobDead
            | Self::BelowMinimum
            | Self::InvoiceNotMade
            | Self::OfferNotPosted
            | Self::StrangerInside
            | Self::AdminStays
            | Self::RemovalsStopped => &[Resolution::Grant, Resolution::Dismiss],
            Self::NoOrderId
            | Self::UnknownOrder
            | Self::UnknownChannel
            | Self::NoPlan
            | Self::PaidTwice
            | Self::NothingAdded
            | Self::Overpaid
            | Self::DonationOdd
            | Self::DonationAfterRefund => &[Resolution::Refund, Resolution::Dismiss],
            Self::MemberBanned | Self::RightsMissing | Self::Internal => &[Resolution::Dismiss],
        }
    }
}

/// How a person resolved an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// Give what the order bought (for a job: run it again; for removals: let them go on; for a stranger: let them stay).
    Grant,
    /// Nothing is to be done.
    Dismiss,
    /// The money was given back outside of Tollhouse.
    Refund,
    /// The cause went away by itself: the rest was paid, the channel was registered.
    Settled,
}

impl Resolution {
    /// The word in the command line, JSON and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Dismiss => "dismiss",
            Self::Refund => "refund",
            Self::Settled => "settled",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(text: &str) -> Option<Self> {
        [Self::Grant, Self::Dismiss, Self::Refund, Self::Settled]
            .into_iter()
            .find(|word| word.as_str() == text)
    }
}

/// An item of the attention list. Unique by subject and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attention {
    /// Identifies the item.
    pub id: AttentionId,
    /// What it is about.
    pub subject: Subject,
    /// Why.
    pub reason: Reason,
    /// What exactly, beyond the reason's sentence: `2.47 of 2.50 USD`.
    pub detail: String,
    /// Whose channel it is, if known.
    pub channel_id: Option<ChannelId>,
    /// Since when.
    pub opened_at: Timestamp,
    /// How it was resolved; `None` while open.
    pub resolved: Option<Resolved>,
}

/// How an item was resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// When.
    pub at: Timestamp,
    /// How.
    pub resolution: Resolution,
    /// By whom: `system`, `cli:…`, `telegram:…`.
    pub by: String,
    /// Why, in that person's words.
    pub reason: String,
}

impl Attention {
    /// The whole message for a person.
    #[must_use]
    pub fn message(&self) -> String {
        if self.detail.is_empty() {
            self.reason.sentence().to_owned()
        } else {
            format!("{} ({})", self.reason.sentence(), self.detail)
        }
    }

    /// The ways of resolving that make sense for this item: there is nothing to grant while a payment pays no order.
    #[must_use]
    pub fn actions(&self) -> Vec<Resolution> {
        let unbound = matches!(self.subject, Subject::Payment(_)) && self.channel_id.is_none();
        let fits = |action: &Resolution| !(unbound && *action == Resolution::Grant);
        self.reason.actions().iter().copied().filter(fits).collect()
    }

    /// Whether it still waits for somebody.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.resolved.is_none()
    }
}
