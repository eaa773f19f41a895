//! The kinds of jobs, and what each needs to know for its next step.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::OwnerNotice;
use crate::id::{
    ChannelId, GrantId, MembershipId, MessageId, OrderId, PrivateChatId, TelegramChatId, TelegramUserId,
};
use crate::money::Currency;
use crate::snapshot::Needs;

/// A command to the outside. The payload of a job row; versioned by its tag: a new shape gets a new tag, old ones keep decoding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobKind {
    /// Make the order's invoice at the provider.
    CreateInvoice {
        /// For which order.
        order_id: OrderId,
    },
    /// Make a payment at the provider in the coin that the buyer chose, so that the page can show where to pay.
    CreatePayment {
        /// For which order.
        order_id: OrderId,
        /// In which coin.
        coin: Currency,
    },
    /// Make the invite if there is none, and send it to the payer.
    DeliverAccess {
        /// The grant that is delivered.
        grant_id: GrantId,
        /// The membership that it belongs to.
        membership_id: MembershipId,
    },
    /// Revoke an invite link that another has taken the place of (F35). A job of its own: what keeps it waiting keeps nobody's link waiting.
    RevokeInvite {
        /// In which chat.
        chat: PrivateChatId,
        /// Of which channel.
        channel_id: ChannelId,
        /// The link.
        link: String,
    },
    /// Approve the payer's join request, decline everybody else's.
    AnswerJoinRequest {
        /// In which chat.
        chat: PrivateChatId,
        /// Of which channel.
        channel_id: ChannelId,
        /// Who asks.
        user: TelegramUserId,
        /// Whether they were told what keeps them out: once, however often the answer is tried, and however long it waits for a right.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        told: bool,
    },
    /// Follow a membership to its end: grace, then removal, confirmed.
    EndMembership {
        /// Which.
        membership_id: MembershipId,
        /// Whether the removal was decided under lock; the next step does it.
        removing: bool,
    },
    /// Remind a member of the end, again and again until it is there. One row follows a membership through all its reminders.
    RemindMember {
        /// Which.
        membership_id: MembershipId,
        /// The end that the reminders are for.
        for_end: Timestamp,
        /// Up to which instant they were told.
        told_until: Timestamp,
    },
    /// Tell a member who was shown out, and the way back.
    SayFarewell {
        /// Which membership.
        membership_id: MembershipId,
        /// Of which removal.
        removed_at: Timestamp,
    },
    /// Show somebody out who got in without a membership.
    ExpelStranger {
        /// From which channel.
        channel_id: ChannelId,
        /// Whom.
        user: TelegramUserId,
    },
    /// Offer a chat to be set up to whoever has made the bot its administrator.
    OfferSetup {
        /// Which chat.
        chat: TelegramChatId,
        /// To whom.
        user: TelegramUserId,
    },
    /// Let the jobs of a channel that wait for a right of the bot try again.
    WakeHeld {
        /// Of which channel.
        channel_id: ChannelId,
    },
    /// Let a change of the payout address count, once it has waited its time.
    ApplyPayout {
        /// Of which channel.
        channel_id: ChannelId,
    },
    /// See to a channel's offer: post it when it is due, take the former post down, bring the one that stands up to date. One row follows
    /// a channel for ever.
    PostOffer {
        /// Of which channel.
        channel_id: ChannelId,
    },
    /// Show an order to its buyer: make its message, or edit it. One row follows an order to its end.
    ShowOrder {
        /// Which.
        order_id: OrderId,
    },
    /// Say in what was an order's message that it goes on in a newer one.
    FoldMessage {
        /// Of which order.
        order_id: OrderId,
        /// In whose chat.
        user: TelegramUserId,
        /// Which message.
        message_id: MessageId,
    },
    /// Tell the owner, and the operators: who they are is each process' configuration, not ours. One message to each.
    NotifyOwner {
        /// Whom, if the channel has an owner.
        #[serde(default)]
        owner: Option<TelegramUserId>,
        /// Of which channel, if it is about one.
        #[serde(default)]
        channel_id: Option<ChannelId>,
        /// What.
        notice: OwnerNotice,
        /// The chats that were told.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        told: Vec<i64>,
    },
}

macro_rules! names {
    ($($kind:ident = $name:literal,)*) => {
        impl JobKind {
            /// The words of all kinds: a worker takes no others. What a newer program made is left to those who know it.
            pub const NAMES: &[&str] = &[$($name),*];

            /// The word in the database, JSON and metrics.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$kind { .. } => $name,)*
                }
            }
        }
    };
}

names! {
    CreateInvoice = "create_invoice",
    CreatePayment = "create_payment",
    DeliverAccess = "deliver_access",
    RevokeInvite = "revoke_invite",
    AnswerJoinRequest = "answer_join_request",
    EndMembership = "end_membership",
    RemindMember = "remind_member",
    SayFarewell = "say_farewell",
    ExpelStranger = "expel_stranger",
    OfferSetup = "offer_setup",
    WakeHeld = "wake_held",
    ApplyPayout = "apply_payout",
    PostOffer = "post_offer",
    ShowOrder = "show_order",
    FoldMessage = "fold_message",
    NotifyOwner = "notify_owner",
}

impl JobKind {
    /// Whether it shows somebody out of a chat.
    #[must_use]
    pub fn shows_out(&self) -> bool {
        matches!(self, Self::EndMembership { .. } | Self::ExpelStranger { .. })
    }

    /// What must be loaded to decide the next step.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        match self {
            Self::CreateInvoice { order_id }
            | Self::CreatePayment { order_id, .. }
            | Self::ShowOrder { order_id }
            | Self::FoldMessage { order_id, .. } => {
                needs.orders.insert(*order_id);
            }
            Self::DeliverAccess { grant_id, membership_id } => {
                needs.grants.insert(*grant_id);
                needs.memberships.insert(*membership_id);
                needs.presence_of.insert(*membership_id);
            }
            Self::RevokeInvite { channel_id, .. } => {
                needs.channels.insert(*channel_id);
            }
            Self::AnswerJoinRequest { channel_id, user, .. } => {
                needs.channels.insert(*channel_id);
                needs.members.insert((*channel_id, *user));
                needs.presences.insert((*channel_id, *user));
            }
            Self::EndMembership { membership_id, .. } => {
                needs.memberships.insert(*membership_id);
                needs.departures.insert(*membership_id);
            }
            Self::RemindMember { membership_id, .. } | Self::SayFarewell { membership_id, .. } => {
                needs.memberships.insert(*membership_id);
            }
            Self::ExpelStranger { channel_id, user } => {
                needs.channels.insert(*channel_id);
                needs.members.insert((*channel_id, *user));
                needs.presences.insert((*channel_id, *user));
                needs.switches.insert(crate::removal::SwitchName::Removals);
            }
            Self::OfferSetup { chat, .. } => {
                needs.bot_chats.insert(*chat);
                needs.private_chats.insert(chat.as_private());
                needs.public_chats.insert(chat.as_public());
            }
            Self::WakeHeld { channel_id } => {
                needs.held_jobs.insert(*channel_id);
            }
            Self::ApplyPayout { channel_id } => {
                needs.changed_channels.insert(*channel_id);
            }
            Self::PostOffer { channel_id } => {
                needs.channels.insert(*channel_id);
                needs.offers.insert(*channel_id);
            }
            Self::NotifyOwner { channel_id, .. } => needs.channels.extend(*channel_id),
        }
        needs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_keeps_its_written_shape() {
        // Rows that an older version wrote must keep decoding.
        let written = r#"{"kind":"end_membership","membership_id":"mem_00000000000000000000000000000007","removing":false}"#;
        let kind: JobKind = serde_json::from_str(written).unwrap();
        assert_eq!(serde_json::to_string(&kind).unwrap(), written);
        assert_eq!(kind.name(), "end_membership");
        let before_told = r#"{"kind":"answer_join_request","chat":"-1001","channel_id":"chn_00000000000000000000000000000007","user":"7"}"#;
        let kind: JobKind = serde_json::from_str(before_told).unwrap();
        assert!(matches!(kind, JobKind::AnswerJoinRequest { told: false, .. }));
        assert_eq!(serde_json::to_string(&kind).unwrap(), before_told);
        let before_operators = r#"{"kind":"notify_owner","owner":"7","channel_id":"chn_00000000000000000000000000000007","notice":{"notice":"refund","order_id":"ord_00000000000000000000000000000007","price":{"amount":"5","currency":"usd"}}}"#;
        let kind: JobKind = serde_json::from_str(before_operators).unwrap();
        assert!(
            matches!(kind, JobKind::NotifyOwner { owner: Some(_), channel_id: Some(_), told, .. } if told.is_empty())
        );
    }
}
