//! What owners and operators are told.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::attention::Reason;
use crate::bot_chat::BotRight;
use crate::id::{OrderId, TelegramUserId};
use crate::money::Money;
use crate::payout::Payout;

/// What the owner is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub enum OwnerNotice {
    /// An order was paid.
    Sale {
        /// Which.
        order_id: OrderId,
        /// Its price.
        price: Money,
        /// Who bought, if known.
        user: Option<TelegramUserId>,
        /// Whether it lengthened a membership.
        renewal: bool,
    },
    /// A part of the price arrived.
    PartialPayment {
        /// For which order.
        order_id: OrderId,
        /// The rest, if it can be told.
        remaining: Option<Money>,
    },
    /// An order was refunded.
    Refund {
        /// Which.
        order_id: OrderId,
        /// Its price.
        price: Money,
        /// Whether the access stays, by the channel's policy.
        #[serde(default)]
        kept: bool,
    },
    /// The bot lacks rights that it needs, and jobs wait for them.
    RightsLost {
        /// In which chat, by its title.
        chat: String,
        /// Which.
        missing: Vec<BotRight>,
    },
    /// The bot has all rights again that it needs.
    RightsBack {
        /// In which chat, by its title.
        chat: String,
    },
    /// A change of the payout address was asked for, and waits.
    PayoutChange {
        /// What it will be.
        payout: Payout,
        /// From when on.
        counts_at: Timestamp,
    },
    /// A change of the payout address counts from now on.
    PayoutChanged {
        /// What it is now.
        payout: Payout,
    },
    /// A change of the payout address was taken back.
    PayoutKept {
        /// What it would have been.
        payout: Payout,
    },
    /// The channel is theirs from now on.
    ChannelGiven,
    /// The channel is theirs no more.
    ChannelTaken,
    /// A donation arrived, or more of it.
    Donation {
        /// Which.
        order_id: OrderId,
        /// The amount that the donor chose.
        price: Money,
        /// What has arrived so far, each coin once; empty where the provider does not say.
        received: Vec<Money>,
        /// Whether a payment brought the whole amount.
        whole: bool,
        /// Whether some of it was told before.
        more: bool,
        /// Who gave it, if known.
        user: Option<TelegramUserId>,
        /// What they say.
        message: Option<String>,
    },
    /// A donation was refunded.
    DonationRefund {
        /// Which.
        order_id: OrderId,
        /// The amount that the donor had chosen.
        price: Money,
    },
    /// Something needs a person.
    Attention {
        /// Why.
        reason: Reason,
        /// About what.
        subject: String,
        /// What exactly.
        detail: String,
    },
}

impl OwnerNotice {
    /// Whether it is said to one person only, and to no operator.
    #[must_use]
    pub const fn is_personal(&self) -> bool {
        matches!(self, Self::ChannelGiven | Self::ChannelTaken)
    }

    /// Whether it may wake somebody at night.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        match self {
            Self::Attention { reason, .. } => reason.is_urgent(),
            // Who did not ask for it has a day to stop it.
            Self::PayoutChange { .. } => true,
            _ => false,
        }
    }
}
