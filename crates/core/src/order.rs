//! An order: what somebody wants to buy, with the price and duration frozen at that moment. Its state is a function of its
//! payments and of what a person ruled, never of the order in which things arrived (I4).

mod assess;
mod donation;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::channel::PlanDuration;
use crate::id::{ChannelId, ClaimToken, LinkId, MessageId, OrderId, PlanId, TelegramUserId};
use crate::money::{Currency, Money};

pub use assess::{Assessment, assess};
pub(crate) use assess::{can_be_ruled, nothing_text};
pub use donation::received;
pub(crate) use donation::sums;

/// How long an order waits for money before its page says that it has expired, in hours. Money that comes later is honoured
/// all the same (policy `late`); a floating payment at the provider lives seven days.
pub const ORDER_OPEN_HOURS: i64 = 24;

/// What an order is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderKind {
    /// Access, for a time or for ever.
    Membership,
    /// A donation. It gives no access, whatever is paid and however often (F49).
    Donation,
}

impl OrderKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Membership, Self::Donation];

    /// The word in JSON and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Membership => "membership",
            Self::Donation => "donation",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Where an order came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderSource {
    /// The bot.
    Bot,
    /// A direct payment link.
    DirectLink,
    /// The command line or another program.
    Api,
    /// A notification for which nobody had recorded an order: the seed's incident.
    Notification,
    /// An operator's `payment recover`.
    Recovery,
    /// Carried over from the predecessor.
    Import,
}

impl OrderSource {
    /// Every source.
    pub const ALL: [Self; 6] =
        [Self::Bot, Self::DirectLink, Self::Api, Self::Notification, Self::Recovery, Self::Import];

    /// The word in JSON and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::DirectLink => "direct_link",
            Self::Api => "api",
            Self::Notification => "notification",
            Self::Recovery => "recovery",
            Self::Import => "import",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == text)
    }
}

/// What an order has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Waits for money.
    Open,
    /// Money was seen on chain.
    Seen,
    /// Some of the price arrived.
    PartiallyPaid,
    /// Paid.
    Paid,
    /// Nothing came in time.
    Expired,
    /// The provider reported an error.
    Failed,
    /// The money went back.
    Refunded,
}

impl OrderState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Seen,
        Self::PartiallyPaid,
        Self::Paid,
        Self::Expired,
        Self::Failed,
        Self::Refunded,
    ];

    /// The word in JSON and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Seen => "seen",
            Self::PartiallyPaid => "partially_paid",
            Self::Paid => "paid",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Refunded => "refunded",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What a person ruled about an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// Give the access, whatever was paid.
    Grant,
    /// The money was given back.
    Refund,
}

/// The invoice at the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Its id there.
    pub id: String,
    /// Where one pays.
    pub url: String,
}

/// Why an order has no invoice, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum InvoiceProblem {
    /// The provider gave no invoice so far; it is asked again.
    Unavailable,
    /// The price is below what the provider takes in every coin that can be paid with.
    BelowMinimum {
        /// The smallest price that it takes, where it says so.
        minimum: Option<Money>,
    },
    /// Given up; a person has been called.
    GivenUp,
}

impl InvoiceProblem {
    /// What a buyer and whoever sells are told.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Unavailable => {
                "The payment provider gives no invoice at this moment. It is asked again by itself."
                    .to_owned()
            }
            Self::BelowMinimum { minimum } => {
                let least = minimum.as_ref().map_or_else(String::new, |minimum| format!(" ({minimum})"));
                format!(
                    "This price is below the smallest amount that the payment provider takes now{least}, so it cannot be paid. The owner has been told."
                )
            }
            Self::GivenUp => "The payment provider made no invoice. The owner has been told.".to_owned(),
        }
    }
}

/// How many coins a buyer may try for one order. Each is a payment at the provider; more is no choice but a game.
pub const COINS_TRIED_MAX: usize = 8;

/// What a coin is called, kept with the order that it was chosen for: later the provider's list may lack it, or not be there at all, and
/// whoever has not paid yet must still read on which network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoinWords {
    /// What people call it.
    pub name: String,
    /// What stands behind an amount.
    pub ticker: String,
    /// The network in words.
    pub network: String,
}

/// What the buyer chose on the order's page.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Checkout {
    /// The coin to pay in; none before a choice, or when it is to be made again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coin: Option<Currency>,
    /// Every coin that was chosen so far.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Currency>,
    /// Those of them in which the provider takes no payment of this price: too small, or switched off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Currency>,
    /// The one of them that was refused while it was the choice; none once another choice is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_last: Option<Currency>,
    /// What the chosen coins are called, as far as it was known then.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub words: BTreeMap<Currency, CoinWords>,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Opaque; what a buyer's URL carries.
    pub id: OrderId,
    /// What is bought.
    pub channel_id: ChannelId,
    /// From which plan the snapshot was taken; none where no plan had the price.
    pub plan_id: Option<PlanId>,
    /// The snapshot's price; of a donation the amount that its donor chose.
    pub price: Money,
    /// The snapshot's duration; none for a donation, so that there is nothing that could be granted for it (F49).
    pub duration: Option<PlanDuration>,
    /// What a donor wants to say, for the owner.
    pub donor_message: Option<String>,
    /// Who buys, once known.
    pub user: Option<TelegramUserId>,
    /// With this secret an account binds itself to an order that has none.
    pub claim: Option<ClaimToken>,
    /// Where it came from.
    pub source: OrderSource,
    /// The predecessor's reference, where that is how it came.
    pub legacy_ref: Option<String>,
    /// The link from which it was made.
    pub link_id: Option<LinkId>,
    /// Its invoice at the provider.
    pub invoice: Option<Invoice>,
    /// Why there is none, where one was wanted and did not come.
    pub invoice_problem: Option<InvoiceProblem>,
    /// What the buyer chose on its page.
    pub checkout: Checkout,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it waits for money.
    pub expires_at: Timestamp,
    /// What its payments and rulings come to. The clock is not in it: see [`Order::state_at`].
    pub state: OrderState,
    /// The exact rest, in the coin of the partial payment.
    pub remaining: Option<Money>,
    /// What came beyond the price, in the coin of the payment.
    pub overpaid: Option<Money>,
    /// What a person ruled.
    pub ruling: Option<Ruling>,
    /// When it was first paid.
    pub paid_at: Option<Timestamp>,
    /// When something last changed.
    pub updated_at: Timestamp,
    /// The how manieth wish of its buyer for this plan it is, where it was made in the bot: unique with both.
    pub wish: Option<u32>,
    /// The message in the buyer's chat that tells how it stands.
    pub message_id: Option<MessageId>,
}

impl Checkout {
    /// Whether no coin can be chosen any more but those that were.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.tried.len() >= COINS_TRIED_MAX
    }
}

impl Order {
    /// What it is for.
    #[must_use]
    pub fn kind(&self) -> OrderKind {
        if self.duration.is_some() { OrderKind::Membership } else { OrderKind::Donation }
    }

    /// The state as a buyer sees it at a moment: an order for which nothing was seen expires by the clock; once money was seen on
    /// chain the clock has no say any more.
    #[must_use]
    pub fn state_at(&self, now: Timestamp) -> OrderState {
        if self.state == OrderState::Open && self.expires_at <= now {
            OrderState::Expired
        } else {
            self.state
        }
    }
}
