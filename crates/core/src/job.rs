//! Jobs: what is to be done outside, written down in the transaction that decided it (I5). Each kind is a small state machine:
//! [`action`] says what to do next, the worker does it outside of any transaction, and [`crate::decide`] turns the outcome
//! into the next state under lock.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::attention::Reason;
use crate::bot_chat::{BotChat, BotRight};
use crate::event::Received;
use crate::id::{
    ChannelId, GrantId, JobId, LeaseToken, MembershipId, MessageId, OrderId, PrivateChatId, PublicChatId,
    TelegramChatId, TelegramUserId,
};
use crate::membership::{Grant, MembershipStatus, usable_invite};
use crate::money::{Currency, Money};
use crate::offer::{self, Contents, OfferPost, Step};
use crate::order::{Invoice, Order, OrderState};
use crate::payout::Payout;
use crate::presence::Standing;
use crate::progress::{self, Face};
use crate::removal::is_frozen;
use crate::safeguard::Safeguard;
use crate::snapshot::{Needs, Snapshot};
use crate::stay;

/// How often one step of a job is tried before the job becomes a dead letter. With the backoff below that is two to four hours.
pub const ATTEMPTS_MAX: u32 = 16;
/// The first wait after a failure, in milliseconds.
pub const BACKOFF_FIRST_MS: i64 = 1_000;
/// The longest wait after a failure, in milliseconds: an hour, so that a mended cause shows soon.
pub const BACKOFF_LONGEST_MS: i64 = 3_600_000;
/// How long a worker may hold a job, in seconds. Longer than every time-out of a call that a job makes.
pub const LEASE_SECONDS: i64 = 60;
/// How many jobs a worker claims at once. It starts all of them at once, since a lease runs from the claim: a job that waited behind others
/// could begin when somebody else holds it already.
pub const CLAIM_BATCH_MAX: u32 = 16;
/// Longest error text that is kept, in characters.
pub const ERROR_LENGTH_MAX: usize = 500;

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
    /// Approve the payer's join request, decline everybody else's.
    AnswerJoinRequest {
        /// In which chat.
        chat: PrivateChatId,
        /// Of which channel.
        channel_id: ChannelId,
        /// Who asks.
        user: TelegramUserId,
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

impl OwnerNotice {
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

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for its time.
    Ready,
    /// A worker holds it until the lease ends.
    Leased,
    /// Done.
    Done,
    /// Given up; in the attention list.
    Dead,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Ready, Self::Leased, Self::Done, Self::Dead];

    /// The word in the database, JSON and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Leased => "leased",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A job row. Unique by kind name and subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Identifies it.
    pub id: JobId,
    /// What to do.
    pub kind: JobKind,
    /// About what, so that one thing is done once: `grant:grt_…`.
    pub subject: String,
    /// Of which channel.
    pub channel_id: Option<ChannelId>,
    /// Where it stands.
    pub state: JobState,
    /// When it is due.
    pub run_at: Timestamp,
    /// Failures since its last step that worked.
    pub attempt: u32,
    /// Who holds it, until when.
    pub lease: Option<Lease>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was done or given up.
    pub finished_at: Option<Timestamp>,
}

/// The right to finish a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Only who knows it may finish.
    pub token: LeaseToken,
    /// When it lapses.
    pub until: Timestamp,
}

/// A job to be armed: made if there is none of its kind and subject, brought forward if it waits, revived if it is over. While a worker
/// holds it only its time moves on: its next step looks at the present state anyway, and one that ends without effect runs again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArmJob {
    /// Its id, if it is made.
    pub id: JobId,
    /// What to do.
    pub kind: JobKind,
    /// About what.
    pub subject: String,
    /// Of which channel.
    pub channel_id: Option<ChannelId>,
    /// When it is due.
    pub run_at: Timestamp,
    /// Now.
    pub created_at: Timestamp,
    /// Whether a job that is over is run again. A notice never is: one event, one message.
    pub revive: bool,
}

/// What the worker is to do next, outside of any transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing outside: finish with [`Outcome::Nothing`], and the rules decide under lock.
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
        /// Whether the member is inside already.
        inside: bool,
        /// In which chat a ban is to be lifted first: of somebody who comes back, and whom a removal may have left banned.
        lift_ban: Option<PrivateChatId>,
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
    },
    /// Let somebody not in, and say why.
    Decline {
        /// Where.
        chat: PrivateChatId,
        /// Whom.
        user: TelegramUserId,
        /// The channel's title.
        title: String,
    },
    /// Show somebody out: ban, then lift the ban. Never the owner or an admin.
    Remove {
        /// Where.
        chat: PrivateChatId,
        /// Whom.
        user: TelegramUserId,
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

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// There was nothing to do outside.
    Nothing,
    /// The invoice was made.
    InvoiceCreated {
        /// The invoice.
        invoice: Invoice,
    },
    /// The payment was made; the provider's answer, to be taken like a notification of it.
    PaymentCreated {
        /// What the provider answered.
        answer: Box<Received>,
    },
    /// The provider takes no payment of this price in this coin. Nobody's fault: the buyer chooses another.
    CoinRefused,
    /// The link was made.
    InviteCreated {
        /// For this chat: it may have moved since.
        chat: PrivateChatId,
        /// The link.
        link: String,
    },
    /// The order's message was made or edited.
    OrderShown {
        /// How it stood then.
        face: Box<Face>,
        /// The message.
        message_id: MessageId,
        /// Whether it was made.
        is_new: bool,
    },
    /// The join request was approved.
    Approved,
    /// A notice was told to one chat.
    Told {
        /// To which.
        chat: i64,
        /// Whether others are still to be told.
        more: bool,
    },
    /// The message was sent, the request declined, the member removed.
    Done,
    /// The member cannot be removed and need not be: the owner, an admin.
    NotRemovable,
    /// The channel has so many members.
    Counted {
        /// How many.
        members: u32,
    },
    /// The offer was posted.
    OfferPosted {
        /// In which chat.
        chat: PublicChatId,
        /// Telegram's number of the message.
        message_id: i64,
        /// What it shows: the fingerprint of its contents.
        shows: String,
    },
    /// The post was brought up to date.
    OfferEdited {
        /// Telegram's number of the message.
        message_id: i64,
        /// What it shows: the fingerprint of its contents.
        shows: String,
    },
    /// A post is gone: it was taken down, or somebody else had removed it.
    OfferGone {
        /// From which chat.
        chat: PublicChatId,
        /// Telegram's number of the message.
        message_id: i64,
    },
    /// The group has become a supergroup with another number (F51).
    Migrated {
        /// The new number.
        to: PrivateChatId,
    },
    /// It did not work.
    Failed(Failure),
}

/// Why an action did not work, by what helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The far side said later; does not count as an attempt.
    Later {
        /// After how many seconds.
        seconds: u32,
    },
    /// Trying again may help.
    Transient {
        /// What went wrong.
        error: String,
    },
    /// The bot lacks a right in the chat: it waits until that is back, and the owner is told. Does not count as an attempt.
    NoRights {
        /// In which chat.
        chat: TelegramChatId,
        /// Which.
        right: BotRight,
    },
    /// The person cannot be written to: never started the bot, or blocked it (F42).
    Unreachable {
        /// What went wrong.
        error: String,
    },
    /// The price is below what the provider takes. Trying again does not help by itself.
    BelowMinimum {
        /// What went wrong.
        error: String,
        /// The smallest price that it takes, where it says so.
        minimum: Option<Money>,
    },
    /// Trying again does not help by itself.
    Permanent {
        /// What went wrong.
        error: String,
    },
}

/// What to do next for a job, from the present state. Read-only: the decision to remove somebody is taken under lock before.
#[must_use]
pub fn action(now: Timestamp, snapshot: &Snapshot, job: &Job) -> Action {
    if job.attempt >= ATTEMPTS_MAX {
        let last = job.last_error.as_deref().unwrap_or("its worker never came back");
        return Action::GiveUp { error: format!("given up after {} attempts: {last}", job.attempt) };
    }
    match &job.kind {
        JobKind::CreateInvoice { order_id } => invoice(now, snapshot, *order_id),
        JobKind::CreatePayment { order_id, coin } => payment(now, snapshot, *order_id, coin),
        JobKind::DeliverAccess { grant_id, membership_id } => {
            deliver(now, snapshot, *grant_id, *membership_id)
        }
        JobKind::AnswerJoinRequest { channel_id, user, .. } => {
            let Some(channel) = snapshot.channels.get(channel_id) else {
                return Action::Nothing;
            };
            let entitled = snapshot
                .membership_of(*channel_id, *user)
                .is_some_and(|membership| membership.entitles(now, channel.policies.grace()));
            // Whom the owner lets be inside without paying need not be let in by hand.
            if entitled || stay::is_guest(snapshot, channel, *user) {
                Action::Approve { chat: channel.private_chat, user: *user }
            } else {
                Action::Decline { chat: channel.private_chat, user: *user, title: channel.title.clone() }
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
            if due && *removing && !stays {
                Action::Remove { chat: channel.private_chat, user: membership.user }
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
    let standing =
        snapshot.presences.get(&(channel.id, membership.user)).and_then(|presence| presence.standing);
    let returns = membership.joined_at.is_none() && snapshot.grants_of(membership_id).len() > 1;
    Action::SendAccess {
        user: membership.user,
        title: channel.title.clone(),
        link: invite.link.clone(),
        ends_at: membership.ends_at,
        inside: membership.joined_at.is_some() && membership.status == MembershipStatus::Active,
        // What a person has banned only a person lets in again.
        lift_ban: (returns && standing != Some(Standing::Banned)).then_some(channel.private_chat),
    }
}

/// Telegram allows 32 characters for a link's name: the id without its prefix has just that many.
fn invite_name(id: MembershipId) -> String {
    id.0.simple().to_string()
}

/// The wait before the next attempt: doubles from [`BACKOFF_FIRST_MS`] to [`BACKOFF_LONGEST_MS`]; half of it is fixed, the other
/// half drawn, so that a thousand jobs that failed together do not come back together.
#[must_use]
pub fn backoff(attempt: u32, random: u64) -> SignedDuration {
    let doublings = attempt.saturating_sub(1).min(32);
    let whole = BACKOFF_FIRST_MS.saturating_mul(1_i64 << doublings).min(BACKOFF_LONGEST_MS);
    let half = whole / 2;
    let drawn = i64::try_from(random % u64::try_from(half + 1).unwrap_or(1)).unwrap_or(0);
    SignedDuration::from_millis(half + drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f41_the_wait_grows_and_is_bounded() {
        assert_eq!(backoff(1, 0), SignedDuration::from_millis(500));
        assert!(backoff(5, 0) > backoff(4, 0));
        for attempt in 0..100 {
            for random in [0, 1, u64::MAX] {
                let wait = backoff(attempt, random);
                assert!(
                    wait >= SignedDuration::from_millis(500)
                        && wait <= SignedDuration::from_millis(BACKOFF_LONGEST_MS)
                );
            }
        }
    }

    #[test]
    fn a_kind_keeps_its_written_shape() {
        // Rows that an older version wrote must keep decoding.
        let written = r#"{"kind":"end_membership","membership_id":"mem_00000000000000000000000000000007","removing":false}"#;
        let kind: JobKind = serde_json::from_str(written).unwrap();
        assert_eq!(serde_json::to_string(&kind).unwrap(), written);
        assert_eq!(kind.name(), "end_membership");
        let before_operators = r#"{"kind":"notify_owner","owner":"7","channel_id":"chn_00000000000000000000000000000007","notice":{"notice":"refund","order_id":"ord_00000000000000000000000000000007","price":{"amount":"5","currency":"usd"}}}"#;
        let kind: JobKind = serde_json::from_str(before_operators).unwrap();
        assert!(
            matches!(kind, JobKind::NotifyOwner { owner: Some(_), channel_id: Some(_), told, .. } if told.is_empty())
        );
    }
}
