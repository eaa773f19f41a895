//! What an order's page shows: everything that is on it, worked out from the order's story, the coins and the clock, and nothing else. The
//! same stage has the same revision, in every process: that is how a page that is open learns that it is out of date.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;
use rust_decimal::Decimal;
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::id::OrderId;
use tollhouse_core::money::Money;
use tollhouse_core::order::{Checkout, InvoiceProblem, OrderKind, OrderState, received};
use tollhouse_core::payment::Payment;
use tollhouse_core::progress::WayIn;
use tollhouse_core::status::PaymentStatus;

use super::order::{InviteStage, OrderStory};
use crate::app::{App, VERSION};
use crate::coins::{self, Coin};

/// An order's page.
#[derive(Debug, Clone, Hash)]
pub struct View {
    /// The order.
    pub order: OrderId,
    /// What is bought.
    pub title: String,
    /// For how long; none for a donation.
    pub duration: Option<PlanDuration>,
    /// For how much.
    pub price: Money,
    /// Until when the order waits.
    pub expires_at: Timestamp,
    /// Where it stands.
    pub stage: Stage,
    /// The payment that has come furthest, for those who ask about it.
    pub payment: Option<String>,
    /// The bot, for those who want to be told.
    pub bot: Option<String>,
    /// Whether the same can be ordered again, as an order that is over is.
    pub can_repeat: bool,
}

/// Where an order stands.
#[derive(Debug, Clone, Hash)]
pub enum Stage {
    /// Not paid, and no coin chosen.
    Choose {
        /// The coins to choose from, with what can be done with each.
        coins: Vec<(Coin, Use)>,
        /// Whether as many were tried as may be.
        is_full: bool,
        /// The provider's page, once it is made.
        hosted: Option<String>,
        /// Whether the provider's page is still being made.
        is_preparing: bool,
        /// Why it is not there, where that is known.
        problem: Option<Problem>,
        /// The coin that was the choice, and was refused.
        refused: Option<Coin>,
    },
    /// A coin is chosen, and its payment is being made.
    Preparing {
        /// The coin.
        coin: Coin,
        /// The provider's page.
        hosted: Option<String>,
    },
    /// Waits for money at this address.
    Pay {
        /// What to send where.
        deposit: Deposit,
        /// The provider's page.
        hosted: Option<String>,
    },
    /// Money is on its way.
    Seen {
        /// Whether the network has confirmed it.
        is_confirmed: bool,
    },
    /// A part has arrived.
    Partial {
        /// What is missing; none if a person must look.
        rest: Option<Money>,
        /// Where to send it.
        deposit: Option<Deposit>,
        /// The provider's page.
        hosted: Option<String>,
    },
    /// It came after the order had expired, and the owner decides.
    Late,
    /// All of it is there, and still the order is not paid: the owner decides.
    Arrived,
    /// Paid.
    Paid {
        /// How the buyer gets in.
        access: Access,
        /// Until when; none before there is a membership.
        lasts: Option<Option<Timestamp>>,
        /// What came beyond the price.
        overpaid: Option<Money>,
    },
    /// It was paid, and the access that it gave is over.
    Over,
    /// A donation that has arrived.
    Donated {
        /// What of it, each coin once; empty where it is what was chosen.
        received: Vec<Money>,
    },
    /// Nothing came in time.
    Expired,
    /// The provider reported an error.
    Failed,
    /// The money went back.
    Refunded {
        /// Whether the access stays, by the owner's policy.
        is_kept: bool,
    },
}

/// What can be done with a coin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Use {
    /// It can be chosen.
    Free,
    /// The provider takes no payment of this price in it.
    Refused,
    /// It would be one more than may be tried.
    TooMany,
}

/// Why the provider's page is not there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Problem {
    /// It comes later.
    Unavailable,
    /// The price is below what the provider takes; the least that it takes, where it says so.
    BelowMinimum(Option<Money>),
    /// It does not come.
    GivenUp,
}

/// How a buyer who has paid gets in.
#[derive(Debug, Clone, Hash)]
pub enum Access {
    /// By binding the order to a Telegram account first.
    Claim(String),
    /// By asking the owner: there is no bot to bind an account.
    AskOwner,
    /// In a moment: the link is being made.
    Making,
    /// By this link.
    Invite(String),
    /// By asking the bot for a new link, at its address if we know it: the one that was sent led to a group that has moved.
    AskBot(Option<String>),
    /// Is inside.
    Joined,
}

/// What to send where.
#[derive(Debug, Clone, Hash)]
pub struct Deposit {
    /// The coin.
    pub coin: Coin,
    /// Exactly so much.
    pub amount: Decimal,
    /// To this address.
    pub address: String,
    /// With this memo or tag.
    pub memo: Option<String>,
}

impl Deposit {
    fn of(payment: &Payment, amount: Decimal, coins: &[Coin], checkout: &Checkout) -> Option<Self> {
        let code = payment.pay_currency.as_ref()?;
        Some(Self {
            coin: coins::by_code(code, coins, checkout),
            amount,
            address: payment.pay_address.clone()?,
            memo: payment.pay_extra_id.clone(),
        })
    }
}

impl View {
    /// What the page of an order shows.
    #[must_use]
    pub fn of(app: &App, story: &OrderStory, coins: &[Coin], now: Timestamp) -> Self {
        let order = &story.order;
        Self {
            order: order.id,
            title: story.channel.title.clone(),
            duration: order.duration,
            price: order.price.clone(),
            expires_at: order.expires_at,
            stage: stage(app, story, coins, now),
            payment: story.leading_payment().map(|payment| payment.id.to_string()),
            bot: app.bot_name.get().cloned(),
            can_repeat: story.can_repeat,
        }
    }

    /// The same for the same view, here and in every other process of this version; another one for anything that is shown otherwise.
    #[must_use]
    pub fn revision(&self) -> String {
        let mut hasher = DefaultHasher::new();
        VERSION.hash(&mut hasher);
        self.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    /// Whether it is a donation.
    #[must_use]
    pub fn is_donation(&self) -> bool {
        self.duration.is_none()
    }

    /// Whether the order still waits for money, so that the page counts down.
    #[must_use]
    pub fn counts_down(&self) -> bool {
        matches!(self.stage, Stage::Choose { .. } | Stage::Preparing { .. } | Stage::Pay { .. })
    }
}

fn stage(app: &App, story: &OrderStory, coins: &[Coin], now: Timestamp) -> Stage {
    let order = &story.order;
    let hosted = order.invoice.as_ref().map(|invoice| invoice.url.clone());
    let is_late =
        story.payments.iter().filter_map(|payment| payment.on_chain_at).min() > Some(order.expires_at);
    let pays = story.payments.iter().any(|payment| payment.full && !payment.is_refunded());
    if is_late && pays && matches!(order.state, OrderState::Seen | OrderState::PartiallyPaid) {
        return Stage::Late;
    }
    match order.state_at(now) {
        OrderState::Open => open(app, story, coins, hosted),
        OrderState::Seen if story.waits_for_owner() => Stage::Arrived,
        OrderState::Seen => {
            let is_confirmed = story
                .payments
                .iter()
                .any(|payment| matches!(payment.status, PaymentStatus::Confirmed | PaymentStatus::Sending));
            Stage::Seen { is_confirmed }
        }
        OrderState::PartiallyPaid => partial(story, coins, hosted),
        OrderState::Paid if order.kind() == OrderKind::Donation => donated(story),
        OrderState::Paid if story.membership.is_some() && story.entitled(now).is_none() => Stage::Over,
        OrderState::Paid => Stage::Paid {
            access: access(app, story, now),
            lasts: story.membership.as_ref().map(|membership| membership.ends_at),
            overpaid: order.overpaid.clone(),
        },
        OrderState::Expired => Stage::Expired,
        OrderState::Failed => Stage::Failed,
        OrderState::Refunded => {
            Stage::Refunded { is_kept: story.grant.as_ref().is_some_and(|grant| grant.revoked.is_none()) }
        }
    }
}

fn donated(story: &OrderStory) -> Stage {
    let payments: Vec<&Payment> = story.payments.iter().collect();
    let is_whole = payments.iter().any(|payment| payment.is_full() && !payment.is_refunded());
    Stage::Donated { received: if is_whole { Vec::new() } else { received(&payments) } }
}

fn open(app: &App, story: &OrderStory, coins: &[Coin], hosted: Option<String>) -> Stage {
    let (order, checkout) = (&story.order, &story.order.checkout);
    let Some(code) = &checkout.coin else {
        let is_preparing = hosted.is_none() && app.provider.is_some();
        let is_full = checkout.is_full();
        let use_of = |coin: &Coin| match coin {
            coin if checkout.refused.contains(&coin.code) => Use::Refused,
            coin if is_full && !checkout.tried.contains(&coin.code) => Use::TooMany,
            _ => Use::Free,
        };
        let mut coins_by_use: Vec<(Coin, Use)> =
            coins.iter().map(|coin| (coin.clone(), use_of(coin))).collect();
        // What can still be pressed is not to be looked for.
        coins_by_use.sort_by_key(|(_, coin_use)| *coin_use == Use::TooMany);
        return Stage::Choose {
            coins: coins_by_use,
            is_full,
            hosted,
            is_preparing,
            problem: order.invoice_problem.as_ref().map(|problem| match problem {
                InvoiceProblem::Unavailable => Problem::Unavailable,
                InvoiceProblem::BelowMinimum { minimum } => Problem::BelowMinimum(minimum.clone()),
                InvoiceProblem::GivenUp => Problem::GivenUp,
            }),
            refused: checkout.refused_last.as_ref().map(|code| coins::by_code(code, coins, checkout)),
        };
    };
    let payment =
        story.payments.iter().filter(|payment| payment.can_be_paid(&order.price, code)).max_by_key(|p| p.id);
    let deposit = payment
        .and_then(|payment| Deposit::of(payment, payment.pay_amount.unwrap_or_default(), coins, checkout));
    match deposit {
        Some(deposit) => Stage::Pay { deposit, hosted },
        None => Stage::Preparing { coin: coins::by_code(code, coins, checkout), hosted },
    }
}

fn partial(story: &OrderStory, coins: &[Coin], hosted: Option<String>) -> Stage {
    let order = &story.order;
    let Some(rest) = order.remaining.clone() else {
        return Stage::Partial { rest: None, deposit: None, hosted };
    };
    let first = story.payments.iter().find(|payment| {
        !payment.is_child() && payment.is_credited() && payment.pay_currency.as_ref() == Some(&rest.currency)
    });
    let deposit = first.and_then(|payment| Deposit::of(payment, rest.amount, coins, &order.checkout));
    Stage::Partial { rest: Some(rest), deposit, hosted }
}

fn access(app: &App, story: &OrderStory, now: Timestamp) -> Access {
    let Some(membership) = &story.membership else {
        let claim = story.order.claim.and_then(|claim| app.bot_link(&format!("c_{}", claim.0.simple())));
        return match story.order.user {
            Some(_) => Access::Making,
            None => claim.map_or(Access::AskOwner, Access::Claim),
        };
    };
    let Some(grant) = &story.grant else { return Access::Making };
    if story.invite(now) == Some(InviteStage::Joined) {
        return Access::Joined;
    }
    match WayIn::of(grant, membership, story.channel.chat_since) {
        WayIn::Making => Access::Making,
        WayIn::Link(link) => Access::Invite(link),
        WayIn::Ask => Access::AskBot(app.bot_name.get().map(|name| format!("https://t.me/{name}"))),
    }
}
