//! The next step of each kind of job.

use jiff::Timestamp;

use super::{ATTEMPTS_MAX, Job, JobKind, OwnerNotice};
use crate::bot_chat::{BotChat, BotRight};
use crate::id::{
    ChannelId, GrantId, MembershipId, MessageId, OrderId, PrivateChatId, PublicChatId, TelegramChatId,
    TelegramUserId,
};
use crate::membership::{Grant, MembershipStatus, usable_invite};
use crate::money::{Currency, Money};
use crate::offer::{self, Contents, OfferPost, Step};
use crate::order::{Order, OrderState};
use crate::progress::{self, Face};
use crate::removal::is_frozen;
use crate::safeguard::Safeguard;
use crate::snapshot::Snapshot;
use crate::stay;

/// Why somebody who asks to join is not let in, for whoever is asked about it later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unentitled {
    /// They never had a membership of the channel.
    NoMembership,
    /// Its time is over.
    Over,
    /// It was taken back.
    TakenBack,
}

impl std::fmt::Display for Unentitled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoMembership => "no membership",
            Self::Over => "the membership is over",
            Self::TakenBack => "the membership was taken back",
        })
    }
}

/// What the worker is to do next, outside of any transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing outside: finish with [`super::Outcome::Nothing`], and the rules decide under lock.
    Nothing,
    /// Touch nothing: its lease has lapsed so often that the job itself must be what kills its workers. Finish with a permanent failure.
    GiveUp {
        /// What to say of it.
        error: String,
    },
    /// Make an invoice at the provider.
    CreateInvoice {
        /// For which order.
        order_id: OrderId,
        /// At which price.
        price: Money,
        /// What the payer reads there.
        description: String,
    },
    /// Make a payment at the provider.
    CreatePayment {
        /// For which order.
        order_id: OrderId,
        /// At which price.
        price: Money,
        /// In which coin.
        coin: Currency,
        /// What stands beside it at the provider.
        description: String,
    },
    /// Make a join-request link.
    CreateInvite {
        /// In which chat.
        chat: PrivateChatId,
        /// Its name, by which an operator recognises it.
        name: String,
    },
    /// Revoke a link.
    RevokeInvite {
        /// In which chat.
        chat: PrivateChatId,
        /// The link.
        link: String,
    },
    /// Send the access.
    SendAccess {
        /// To whom.
        user: TelegramUserId,
        /// The channel's title.
        title: String,
        /// The link.
        link: String,
        /// Until when; `None` for a lifetime.
        ends_at: Option<Timestamp>,
        /// When they are shown out, if the end has come.
        leaves_at: Option<Timestamp>,
        /// Whether the member is inside already.
        inside: bool,
        /// In which chat a ban is to be lifted first: of somebody who comes back, and whom a removal may have left banned.
        lift_ban: Option<PrivateChatId>,
        /// In which chat they are let in first if they wait at its door: Telegram tells of a request to join once only, and nobody may have
        /// heard it. `None` for who is inside.
        let_in: Option<PrivateChatId>,
    },
    /// Count a channel's members; a read, no call.
    CountMembers {
        /// Of which channel.
        channel_id: ChannelId,
    },
    /// Remind a member of the end.
    Remind {
        /// Whom.
        user: TelegramUserId,
        /// The channel's title.
        title: String,
        /// When the membership ends.
        ends_at: Timestamp,
        /// Whether that has come.
        is_over: bool,
        /// When they are shown out.
        leaves_at: Timestamp,
        /// By which membership they can buy again; `None` if nothing is on sale.
        renews: Option<MembershipId>,
    },
    /// Tell a member who was shown out.
    Farewell {
        /// Whom.
        user: TelegramUserId,
        /// The channel's title.
        title: String,
        /// By which membership they can buy again; `None` if nothing is on sale.
        renews: Option<MembershipId>,
    },
    /// Let somebody in.
    Approve {
        /// Where.
        chat: PrivateChatId,
        /// Whom.
        user: TelegramUserId,
        /// The channel's title.
        title: String,
        /// Whether they were told already what keeps them out, and only they can mend.
        is_told: bool,
    },
    /// Say to somebody who asks to join that they are not let in. A step of its own before [`Self::Decline`]: Telegram lets us write to
    /// somebody who never started the bot only while their request is open, and however often the other is tried, this is said once.
    Explain {
        /// Whom.
        user: TelegramUserId,
        /// The channel's title.
        title: String,
    },
    /// Let somebody not in.
    Decline {
        /// Where.
        chat: PrivateChatId,
        /// Whom.
        user: TelegramUserId,
        /// Why not.
        why: Unentitled,
    },
    /// Show somebody out: ban, then lift the ban. Never the owner or an admin.
    Remove {
        /// Where.
        chat: PrivateChatId,
        /// Whom.
        user: TelegramUserId,
        /// Whether a person has banned them: then they are out, and a ban that stands is left alone.
        keeps_ban: bool,
    },
    /// Offer a chat to be set up, if Telegram says that this person may.
    OfferSetup {
        /// Which.
        chat: Box<BotChat>,
        /// To whom.
        user: TelegramUserId,
    },
    /// Post an offer.
    PostOffer {
        /// In which chat.
        chat: PublicChatId,
        /// What it shows.
        contents: Contents,
    },
    /// Bring a post up to date.
    EditOffer {
        /// Which.
        post: OfferPost,
        /// What it is to show.
        contents: Contents,
    },
    /// Take a post down.
    TakeDownOffer {
        /// Which.
        post: OfferPost,
        /// Who sells: what is left of one that cannot be taken down is in their language.
        owner: Option<TelegramUserId>,
        /// Whether nothing is on sale any more, so that one that is out of reach is let go.
        is_over: bool,
    },
    /// Make an order's message, or edit it.
    ShowOrder {
        /// Which order.
        order_id: OrderId,
        /// Of which channel.
        channel_id: ChannelId,
        /// To whom.
        user: TelegramUserId,
        /// The channel's title.
        title: String,
        /// How it stands.
        face: Box<Face>,
        /// The message that is edited; none yet, if it is to be made.
        message_id: Option<MessageId>,
    },
    /// Say in an order's former message that it goes on in a newer one.
    FoldMessage {
        /// Which order.
        order_id: OrderId,
        /// In whose chat.
        user: TelegramUserId,
        /// The channel's title.
        title: String,
        /// Which message.
        message_id: MessageId,
    },
    /// Tell the owner or an operator: whoever was not told yet.
    Notify {
        /// The owner, if there is one.
        owner: Option<TelegramUserId>,
        /// Of which channel, if it is about one.
        channel_id: Option<ChannelId>,
        /// The channel's title, if it is about one.
        title: Option<String>,
        /// What.
        notice: OwnerNotice,
        /// The chats that were told.
        told: Vec<i64>,
    },
}

/// What to do next for a job, from the present state. Read-only: the decision to remove somebody is taken under lock before.
#[must_use]
pub fn action(now: Timestamp, snapshot: &Snapshot, job: &Job) -> Action {
    if job.attempt >= ATTEMPTS_MAX && Safeguard::AttemptsBound.stands() {
        let last = job.last_error.as_deref().unwrap_or("its worker never came back");
        return Action::GiveUp { error: format!("given up after {} attempts: {last}", job.attempt) };
    }
    match &job.kind {
        JobKind::CreateInvoice { order_id } => invoice(now, snapshot, *order_id),
        JobKind::CreatePayment { order_id, coin } => payment(now, snapshot, *order_id, coin),
        JobKind::DeliverAccess { grant_id, membership_id } => {
            deliver(now, snapshot, *grant_id, *membership_id)
        }
        JobKind::RevokeInvite { chat, channel_id, link } => {
            let moved = snapshot.channels.get(channel_id).is_none_or(|channel| channel.private_chat != *chat);
            // The links of a number that a chat had lead nowhere.
            if moved { Action::Nothing } else { Action::RevokeInvite { chat: *chat, link: link.clone() } }
        }
        JobKind::AnswerJoinRequest { channel_id, user, told, .. } => {
            let Some(channel) = snapshot.channels.get(channel_id) else {
                return Action::Nothing;
            };
            let membership = snapshot.membership_of(*channel_id, *user);
            let entitled =
                membership.is_some_and(|membership| membership.entitles(now, channel.policies.grace()));
            // Whom the owner lets be inside without paying need not be let in by hand.
            if entitled || stay::is_guest(snapshot, channel, *user) {
                Action::Approve {
                    chat: channel.private_chat,
                    user: *user,
                    title: channel.title.clone(),
                    is_told: *told,
                }
            } else if !told {
                Action::Explain { user: *user, title: channel.title.clone() }
            } else {
                let why = match membership.map(|membership| membership.status) {
                    None => Unentitled::NoMembership,
                    Some(MembershipStatus::Revoked) => Unentitled::TakenBack,
                    Some(_) => Unentitled::Over,
                };
                Action::Decline { chat: channel.private_chat, user: *user, why }
            }
        }
        JobKind::EndMembership { membership_id, removing } => {
            let Some(membership) = snapshot.memberships.get(membership_id) else {
                return Action::Nothing;
            };
            let Some(channel) = snapshot.channels.get(&membership.channel_id) else {
                return Action::Nothing;
            };
            let due = membership.removal_due(channel.policies.grace()).is_some_and(|at| at <= now)
                || !Safeguard::RemovalRecheck.stands();
            let stays = is_frozen(snapshot, channel.id) || stay::is_guest(snapshot, channel, membership.user);
            if membership.is_closed() {
                Action::Nothing
            } else if due && *removing && !stays {
                let keeps_ban = stay::is_banned(snapshot, channel.id, membership.user);
                Action::Remove { chat: channel.private_chat, user: membership.user, keeps_ban }
            } else if due && !*removing && stay::needs_count(now, snapshot, channel, membership.user) {
                Action::CountMembers { channel_id: channel.id }
            } else {
                Action::Nothing
            }
        }
        JobKind::RemindMember { membership_id, for_end, told_until } => {
            stay::remind(now, snapshot, *membership_id, *for_end, *told_until)
        }
        JobKind::SayFarewell { membership_id, removed_at } => {
            stay::farewell(snapshot, *membership_id, *removed_at)
        }
        JobKind::ExpelStranger { channel_id, user } => stay::expel(now, snapshot, *channel_id, *user),
        JobKind::ApplyPayout { .. } | JobKind::WakeHeld { .. } => Action::Nothing,
        JobKind::OfferSetup { chat, user } => offer_setup(snapshot, *chat, *user),
        JobKind::PostOffer { channel_id } => offer(now, snapshot, *channel_id),
        JobKind::ShowOrder { order_id } => progress::show(now, snapshot, *order_id),
        JobKind::FoldMessage { order_id, user, message_id } => {
            progress::fold(snapshot, *order_id, *user, *message_id)
        }
        JobKind::NotifyOwner { owner, channel_id, notice, told } => {
            let channel = channel_id.and_then(|id| snapshot.channels.get(&id));
            let title = channel.map(|channel| channel.title.clone());
            Action::Notify {
                owner: *owner,
                channel_id: *channel_id,
                title,
                notice: notice.clone(),
                told: told.clone(),
            }
        }
    }
}

/// A chat that is a channel's by now, or where the bot may do nothing any more, is offered to nobody.
fn offer_setup(snapshot: &Snapshot, chat: TelegramChatId, user: TelegramUserId) -> Action {
    let is_taken = snapshot.channel_by_private_chat(chat.as_private()).is_some()
        || snapshot.channel_by_public_chat(chat.as_public()).is_some();
    match snapshot.bot_chats.get(&chat) {
        Some(known) if !is_taken && known.rights.contains(&BotRight::Administrator) => {
            Action::OfferSetup { chat: Box::new(known.clone()), user }
        }
        _ => Action::Nothing,
    }
}
/// What the offer needs from outside; what it needs from the rules, and when it is due, is decided under lock.
fn offer(now: Timestamp, snapshot: &Snapshot, channel_id: ChannelId) -> Action {
    let (channel, offer) = (snapshot.channels.get(&channel_id), snapshot.offers.get(&channel_id));
    let (Some(channel), Some(offer)) = (channel, offer) else {
        return Action::Nothing;
    };
    let contents = || offer::contents(now, snapshot, channel, offer);
    match offer::step(now, snapshot, channel, offer) {
        Step::Post(chat) => {
            contents().map_or(Action::Nothing, |contents| Action::PostOffer { chat, contents })
        }
        Step::Edit(post) => {
            contents().map_or(Action::Nothing, |contents| Action::EditOffer { post, contents })
        }
        Step::TakeDown(post) => {
            let is_over = !offer::sells(channel, offer);
            Action::TakeDownOffer { post, owner: channel.owner, is_over }
        }
        Step::MakeLinks | Step::Wait(_) | Step::Rest => Action::Nothing,
    }
}

/// An order that has its invoice, or needs none any more, gets no second one.
fn invoice(now: Timestamp, snapshot: &Snapshot, order_id: OrderId) -> Action {
    let Some(order) = snapshot.orders.get(&order_id) else {
        return Action::Nothing;
    };
    if order.invoice.is_some() || order.state_at(now) != OrderState::Open {
        return Action::Nothing;
    }
    Action::CreateInvoice { order_id, price: order.price.clone(), description: description(snapshot, order) }
}

/// One payment for each coin. Should the provider's answer be lost, the next attempt makes another one there (it knows no idempotency):
/// the buyer sees the address of one only, and money on either would count for the order.
fn payment(now: Timestamp, snapshot: &Snapshot, order_id: OrderId, coin: &Currency) -> Action {
    let Some(order) = snapshot.orders.get(&order_id) else {
        return Action::Nothing;
    };
    let is_made =
        snapshot.payments_of(order_id).iter().any(|payment| payment.can_be_paid(&order.price, coin));
    if is_made || order.state_at(now) != OrderState::Open {
        return Action::Nothing;
    }
    Action::CreatePayment {
        order_id,
        price: order.price.clone(),
        coin: coin.clone(),
        description: description(snapshot, order),
    }
}

/// What a payer reads at the provider.
fn description(snapshot: &Snapshot, order: &Order) -> String {
    let title = snapshot.channels.get(&order.channel_id).map_or("", |channel| channel.title.as_str());
    match order.duration {
        Some(duration) => format!("{title}: {duration}"),
        None => format!("{title}: donation"),
    }
}

fn deliver(now: Timestamp, snapshot: &Snapshot, grant_id: GrantId, membership_id: MembershipId) -> Action {
    let Some(grant) = snapshot.grants.get(&grant_id) else {
        return Action::Nothing;
    };
    let Some(membership) = snapshot.memberships.get(&membership_id) else {
        return Action::Nothing;
    };
    let Some(channel) = snapshot.channels.get(&membership.channel_id) else {
        return Action::Nothing;
    };
    if grant.revoked.is_some() || !membership.entitles(now, channel.policies.grace()) {
        return Action::Nothing;
    }
    // A newer period is on its way too: its message tells the end of both, and nobody is told the same thing twice.
    let is_newer = |other: &&Grant| {
        other.revoked.is_none()
            && other.delivered_at.is_none()
            && (other.granted_at, other.id) > (grant.granted_at, grant.id)
    };
    if snapshot.grants_of(membership_id).iter().any(is_newer) {
        return Action::Nothing;
    }
    let Some(invite) = usable_invite(membership, channel.chat_since) else {
        return Action::CreateInvite { chat: channel.private_chat, name: invite_name(membership_id) };
    };
    let is_banned = stay::is_banned(snapshot, channel.id, membership.user);
    let inside = membership.joined_at.is_some() && membership.status == MembershipStatus::Active;
    let returns = membership.joined_at.is_none() && snapshot.grants_of(membership_id).len() > 1;
    Action::SendAccess {
        user: membership.user,
        title: channel.title.clone(),
        link: invite.link.clone(),
        ends_at: membership.ends_at,
        leaves_at: stay::leaves_at(now, channel, membership),
        inside,
        // What a person has banned only a person lets in again.
        lift_ban: (returns && !is_banned).then_some(channel.private_chat),
        let_in: (!inside && !is_banned).then_some(channel.private_chat),
    }
}

/// Telegram allows 32 characters for a link's name: the id without its prefix has just that many.
fn invite_name(id: MembershipId) -> String {
    id.0.simple().to_string()
}
