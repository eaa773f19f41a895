//! Everything that changes the database. A command says what it needs loaded; [`crate::decide::decide`] does the rest.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::attention::Resolution;
use crate::bot_chat::BotRight;
use crate::channel::{Payout, PlanDuration};
use crate::dialogue::Question;
use crate::event::{Parent, Received, Verdict};
use crate::id::{
    AttentionId, ChannelId, ClaimToken, JobId, LeaseToken, LinkId, MembershipId, OrderId, PlanId,
    PrivateChatId, ProviderPaymentId, PublicChatId, RunId, TelegramChatId, TelegramUserId,
};
use crate::import::{ImportChannel, ImportGranted, ImportMember, Imported};
use crate::job::{Failure, Job, Outcome as JobOutcome};
use crate::money::{Currency, Money};
use crate::offer::Donations;
use crate::order::{CoinWords, OrderSource, OrderState};
use crate::order_ref::OrderRef;
use crate::policy::{Policies, PolicyChange};
use crate::presence::Standing;
use crate::snapshot::{DueJobs, Needs};

/// A plan to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPlan {
    /// What a buyer reads.
    pub label: String,
    /// The price.
    pub price: Money,
    /// What it gives.
    pub duration: PlanDuration,
}

/// A channel to be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChannel {
    /// The chat that is sold.
    pub private_chat: PrivateChatId,
    /// The chat in which the offer stands.
    pub public_chat: Option<PublicChatId>,
    /// What a buyer reads.
    pub title: String,
    /// Who sells.
    pub owner: Option<TelegramUserId>,
    /// Where the owner is paid out.
    pub payout: Option<Payout>,
    /// At least one.
    pub plans: Vec<NewPlan>,
    /// What the owner decided about odd payments.
    pub policies: Policies,
    /// Who registers it.
    pub actor: String,
}

/// What Telegram says of the bot in a chat (`my_chat_member`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotSeen {
    /// Which chat.
    pub chat: TelegramChatId,
    /// Its title.
    pub title: String,
    /// Whether it is a channel, and no group.
    pub is_channel: bool,
    /// Whether it has a public name.
    pub is_public: bool,
    /// What the bot may do there now.
    pub rights: BTreeSet<BotRight>,
    /// Who made it so; nobody if they hide behind the chat.
    pub by: Option<TelegramUserId>,
    /// When, by Telegram's time.
    pub at: Timestamp,
    /// Telegram's number of the update: one offer per update.
    pub update_id: i64,
    /// Whether whoever did it is to be offered to set the chat up.
    pub greets: bool,
}

/// From what an order is made. Price and duration always come from the plan (I6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderFrom {
    /// A plan of a channel.
    Plan {
        /// The channel.
        channel_id: ChannelId,
        /// The plan.
        plan_id: PlanId,
    },
    /// A link, by its slug.
    Link {
        /// The slug.
        slug: String,
    },
    /// A wish to donate. It is an order of its own kind: what the donor chooses is the price of nothing but the donation (I6).
    Donation {
        /// To which channel.
        channel_id: ChannelId,
        /// How much, within the channel's limits.
        amount: Money,
    },
}

impl OrderFrom {
    fn add_needs(&self, needs: &mut Needs) {
        match self {
            Self::Plan { channel_id, .. } => {
                needs.channels.insert(*channel_id);
            }
            Self::Link { slug } => {
                needs.slugs.insert(slug.clone());
            }
            Self::Donation { channel_id, .. } => {
                needs.channels.insert(*channel_id);
                needs.offers.insert(*channel_id);
            }
        }
    }
}

/// What is to be different about an offer; what is not named stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OfferChange {
    /// What stands below the title; `Some(None)` takes it away.
    pub description: Option<Option<String>>,
    /// How often it is posted, in hours; `Some(None)` ends the schedule.
    pub every_hours: Option<Option<u32>>,
    /// What donors are offered.
    pub donations: Option<Donations>,
}

/// Whose membership to give or take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// By its id.
    Membership(MembershipId),
    /// By channel and user.
    User {
        /// The channel.
        channel_id: ChannelId,
        /// The user.
        user: TelegramUserId,
    },
}

/// A change that somebody or something asks for.
#[derive(Debug, Clone)]
pub enum Command {
    /// A signed notification or the provider's answer.
    Notification(Box<Received>),
    /// The same, whose processing failed: only store it, and call for a person.
    ParkNotification(Box<Received>),
    /// Bind a payment to an order by hand (`payment recover --order`).
    BindPayment {
        /// The payment.
        payment_id: ProviderPaymentId,
        /// The order.
        order_id: OrderId,
        /// Who.
        actor: String,
    },
    /// Register a channel.
    AddChannel(Box<NewChannel>),
    /// Register a channel, and have its offer posted if it has a public chat.
    AddChannelAndPost(Box<NewChannel>),
    /// Stop selling a channel; members keep what they have.
    ArchiveChannel {
        /// Which.
        channel_id: ChannelId,
        /// Who.
        actor: String,
    },
    /// Sell an archived channel again, as it was.
    UnarchiveChannel {
        /// Which.
        channel_id: ChannelId,
        /// Who.
        actor: String,
    },
    /// Give a channel to another owner, or to none. Both are told.
    SetOwner {
        /// Which.
        channel_id: ChannelId,
        /// Whose it is from now on.
        owner: Option<TelegramUserId>,
        /// Why.
        reason: String,
        /// Who.
        actor: String,
    },
    /// Change what the owner decided about odd payments. Counts for what happens from then on.
    SetPolicies {
        /// Of which channel.
        channel_id: ChannelId,
        /// What is different from now on.
        change: Box<PolicyChange>,
        /// Who.
        actor: String,
    },
    /// Change where the owner is paid out. It counts after [`crate::payout::CHANGE_WAITS_HOURS`], and the owner is told at once (F109).
    SetPayout {
        /// Of which channel.
        channel_id: ChannelId,
        /// What it is to be; checked again here.
        payout: Payout,
        /// Who.
        actor: String,
    },
    /// Take back a change of the payout address that waits for its time.
    CancelPayoutChange {
        /// Of which channel.
        channel_id: ChannelId,
        /// Which: the one that counts from then on. Whichever waits if none is named.
        counts_at: Option<Timestamp>,
        /// Who.
        actor: String,
    },
    /// Carry out a command about a channel for somebody who says that it is theirs, if it is (F107).
    ByOwner {
        /// Who.
        owner: TelegramUserId,
        /// What; only commands that [`Command::for_owners`] names.
        command: Box<Command>,
    },
    /// Add a plan.
    AddPlan {
        /// To which channel.
        channel_id: ChannelId,
        /// The plan.
        plan: NewPlan,
        /// Who.
        actor: String,
    },
    /// Stop selling a plan.
    RetirePlan {
        /// Of which channel.
        channel_id: ChannelId,
        /// Which.
        plan_id: PlanId,
        /// Who.
        actor: String,
    },
    /// Change what a channel's offer says, how often it is posted, and what donors are offered.
    SetOffer {
        /// Of which channel.
        channel_id: ChannelId,
        /// What is different from now on.
        change: Box<OfferChange>,
        /// Who.
        actor: String,
    },
    /// Post a channel's offer now.
    PostOffer {
        /// Of which channel.
        channel_id: ChannelId,
        /// Who.
        actor: String,
    },
    /// Note what a donor wants to say. It reaches the owner with the donation.
    NoteDonor {
        /// Of which order.
        order_id: OrderId,
        /// Who donates.
        user: TelegramUserId,
        /// What they say.
        message: String,
    },
    /// Make a payment link.
    CreateLink {
        /// Of which channel.
        channel_id: ChannelId,
        /// Of which plan.
        plan_id: PlanId,
        /// From when on it is refused.
        expires_at: Option<Timestamp>,
        /// How many orders it may make.
        max_uses: Option<u32>,
        /// Who.
        actor: String,
    },
    /// Take a payment link back.
    RevokeLink {
        /// Which.
        link_id: LinkId,
        /// Who.
        actor: String,
    },
    /// Make an order.
    CreateOrder {
        /// From what.
        from: OrderFrom,
        /// Who buys, if known.
        user: Option<TelegramUserId>,
        /// Where it comes from.
        source: OrderSource,
        /// Whether an invoice is to be made at the provider.
        wants_invoice: bool,
    },
    /// Make the order of a form on a page, or find the one that the same form has made: who presses twice buys once.
    OrderByForm {
        /// From what.
        from: OrderFrom,
        /// Who buys, if known.
        user: Option<TelegramUserId>,
        /// Where it comes from.
        source: OrderSource,
        /// The form's secret number, made when it was shown. It becomes the order's claim.
        form: ClaimToken,
        /// Whether an invoice is to be made at the provider.
        wants_invoice: bool,
    },
    /// Make the order of a wish in the bot and show it to its buyer, or show the one that the same wish has made. At most one order for a
    /// wish, whoever works at it at once; and none for somebody whose access lasts for ever.
    Buy {
        /// From what.
        from: OrderFrom,
        /// The plan that this sells; a link must sell just this one.
        plan_id: PlanId,
        /// Who buys.
        user: TelegramUserId,
        /// Whether an invoice is to be made at the provider.
        wants_invoice: bool,
    },
    /// Show an order to its buyer anew. An order of somebody else's does not exist for them (F18).
    ShowOrder {
        /// Which.
        order_id: OrderId,
        /// Who asks.
        user: TelegramUserId,
    },
    /// The buyer chooses a coin on the order's page, or wants to choose again.
    ChooseCoin {
        /// For which order.
        order_id: OrderId,
        /// The coin; none to choose again.
        coin: Option<Currency>,
        /// What it is called, where that is known.
        words: Option<CoinWords>,
    },
    /// Bind an order to the account of whoever holds its claim. The first account stays.
    ClaimOrder {
        /// The secret.
        claim: ClaimToken,
        /// The account.
        user: TelegramUserId,
    },
    /// Bind an order to an account by hand, for a payer who cannot. The first account stays, as with [`Self::ClaimOrder`].
    BindOrder {
        /// Which.
        order_id: OrderId,
        /// The account.
        user: TelegramUserId,
        /// Why.
        reason: String,
        /// Who.
        actor: String,
    },
    /// Give days by hand.
    GrantMembership {
        /// To whom.
        member: Member,
        /// How much.
        duration: PlanDuration,
        /// Why.
        reason: String,
        /// Who.
        actor: String,
    },
    /// Take a membership back by hand.
    RevokeMembership {
        /// Whose.
        member: Member,
        /// Why.
        reason: String,
        /// Who.
        actor: String,
    },
    /// Resolve an item of the attention list.
    ResolveAttention {
        /// Which.
        attention_id: AttentionId,
        /// How.
        resolution: Resolution,
        /// Why.
        reason: String,
        /// Who.
        actor: String,
    },
    /// Somebody asks to join a chat.
    JoinRequest {
        /// The chat.
        chat: PrivateChatId,
        /// Who.
        user: TelegramUserId,
        /// Telegram's number of the update: one answer per update.
        update_id: i64,
    },
    /// Somebody wrote `/start` to the bot: what could not be sent to them can be sent now (F42).
    UserStarted {
        /// Who.
        user: TelegramUserId,
    },
    /// Telegram says that somebody is, or is no longer, inside a chat.
    MemberSeen {
        /// The chat.
        chat: PrivateChatId,
        /// Who.
        user: TelegramUserId,
        /// How they stand to it now.
        standing: Standing,
        /// When Telegram saw that.
        at: Timestamp,
    },
    /// Telegram says what the bot may do in a chat now.
    BotSeen(Box<BotSeen>),
    /// A group became a supergroup, with another number (F51).
    ChatMigrated {
        /// The number that it had.
        from: PrivateChatId,
        /// The number that it has.
        to: PrivateChatId,
    },
    /// A member asks for their way in again (F37).
    ReissueInvites {
        /// Who.
        user: TelegramUserId,
    },
    /// Freeze removals, or let them go on.
    FreezeRemovals {
        /// Of which channel; of all if none is named.
        channel_id: Option<ChannelId>,
        /// Whether to freeze.
        freeze: bool,
        /// Why.
        reason: String,
        /// Who.
        actor: String,
    },
    /// Let somebody be inside without paying, or no longer.
    Whitelist {
        /// In which channel.
        channel_id: ChannelId,
        /// Whom.
        user: TelegramUserId,
        /// Whether they may.
        listed: bool,
        /// Why.
        reason: String,
        /// Who.
        actor: String,
    },
    /// Look at the end of a membership now: what was held may go on.
    LookAtEnd {
        /// Of which.
        membership_id: MembershipId,
    },
    /// Note that everybody of a run was invited back; nobody else is removed in it.
    NoteRunUndone {
        /// Which.
        run_id: RunId,
        /// Why.
        reason: String,
        /// Who.
        actor: String,
    },
    /// A worker takes due jobs.
    ClaimJobs {
        /// How many at most.
        limit: u32,
        /// Now, by the worker's clock.
        now: Timestamp,
    },
    /// A worker reports what came of a job.
    FinishJob {
        /// The job as it was claimed.
        job: Box<Job>,
        /// The lease under which it was claimed.
        token: LeaseToken,
        /// What came of it.
        outcome: JobOutcome,
    },
    /// Run a dead job again, or a waiting one now.
    RetryJob {
        /// Which.
        job_id: JobId,
    },
    /// Move the dialogue with somebody on, once for each update; what their answer brings about is done in the same transaction.
    GoOn {
        /// With whom.
        user: TelegramUserId,
        /// Telegram's number of the update that answers.
        update_id: i64,
        /// What is asked next; nothing if the dialogue ends.
        next: Option<Question>,
        /// What the answer brings about. If it is refused the dialogue stays where it is.
        then: Option<Box<Command>>,
    },
    /// Carry a channel over from another system.
    ImportChannel(Box<ImportChannel>),
    /// Carry a member over from another system.
    ImportMember(Box<ImportMember>),
    /// Note a payment that another system has granted.
    ImportGranted(Box<ImportGranted>),
}

impl Command {
    /// What must be loaded before [`crate::decide::decide`] can run.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        match self {
            Self::Notification(received) | Self::ParkNotification(received) => {
                let facts = &received.facts;
                needs.payments.insert(facts.payment_id);
                if let Parent::Payment(parent) = facts.parent {
                    needs.payments.insert(parent);
                }
                match facts.order_ref.as_deref().and_then(OrderRef::parse) {
                    Some(OrderRef::Ours(id)) => {
                        needs.orders.insert(id);
                    }
                    Some(OrderRef::Legacy { user, public_chat }) => {
                        needs.public_chats.insert(public_chat);
                        needs.legacy_members.insert((public_chat, user));
                    }
                    None => {}
                }
            }
            Self::BindPayment { payment_id, order_id, .. } => {
                needs.payments.insert(*payment_id);
                needs.orders.insert(*order_id);
            }
            Self::AddChannel(channel) | Self::AddChannelAndPost(channel) => {
                needs.private_chats.insert(channel.private_chat);
                needs.public_chats.extend(channel.public_chat);
            }
            Self::CreateLink { channel_id, .. } => {
                needs.channels.insert(*channel_id);
            }
            Self::SetOwner { channel_id, owner, .. } => {
                needs.changed_channels.insert(*channel_id);
                needs.owners_of.insert(*channel_id);
                needs.members.extend(owner.map(|owner| (*channel_id, owner)));
                needs.presences.extend(owner.map(|owner| (*channel_id, owner)));
            }
            Self::ArchiveChannel { channel_id, .. } | Self::UnarchiveChannel { channel_id, .. } => {
                needs.changed_channels.insert(*channel_id);
                needs.offers.insert(*channel_id);
            }
            Self::SetPolicies { channel_id, .. }
            | Self::SetPayout { channel_id, .. }
            | Self::CancelPayoutChange { channel_id, .. } => {
                needs.changed_channels.insert(*channel_id);
            }
            Self::ByOwner { command, .. } => {
                needs = command.needs();
                needs.channels.extend(command.for_owners());
            }
            Self::AddPlan { channel_id, .. }
            | Self::RetirePlan { channel_id, .. }
            | Self::SetOffer { channel_id, .. }
            | Self::PostOffer { channel_id, .. } => {
                needs.channels.insert(*channel_id);
                needs.offers.insert(*channel_id);
            }
            Self::RevokeLink { link_id, .. } => {
                needs.links.insert(*link_id);
            }
            Self::CreateOrder { from, .. } => from.add_needs(&mut needs),
            Self::OrderByForm { from, form, .. } => {
                needs.claims.insert(*form);
                from.add_needs(&mut needs);
            }
            Self::Buy { from, plan_id, user, .. } => {
                needs.wishes.insert((*user, *plan_id));
                needs.users.insert(*user);
                match from {
                    OrderFrom::Plan { channel_id, .. } => {
                        needs.channels.insert(*channel_id);
                    }
                    OrderFrom::Link { slug } => {
                        needs.slugs.insert(slug.clone());
                    }
                    OrderFrom::Donation { .. } => {}
                }
            }
            Self::ChooseCoin { order_id, .. }
            | Self::NoteDonor { order_id, .. }
            | Self::ShowOrder { order_id, .. } => {
                needs.orders.insert(*order_id);
            }
            Self::ClaimOrder { claim, user } => {
                needs.claims.insert(*claim);
                needs.users.insert(*user);
            }
            Self::BindOrder { order_id, user, .. } => {
                needs.orders.insert(*order_id);
                needs.users.insert(*user);
            }
            Self::GrantMembership { member, .. } | Self::RevokeMembership { member, .. } => match member {
                Member::Membership(id) => {
                    needs.memberships.insert(*id);
                }
                Member::User { channel_id, user } => {
                    needs.channels.insert(*channel_id);
                    needs.members.insert((*channel_id, *user));
                }
            },
            Self::ResolveAttention { attention_id, .. } => {
                needs.attention.insert(*attention_id);
            }
            Self::JoinRequest { chat, user, .. } | Self::MemberSeen { chat, user, .. } => {
                needs.private_chats.insert(*chat);
                needs.joiners.insert((*chat, *user));
            }
            Self::UserStarted { user } | Self::ReissueInvites { user } => {
                needs.users.insert(*user);
            }
            Self::BotSeen(seen) => {
                needs.bot_chats.insert(seen.chat);
                needs.private_chats.insert(seen.chat.as_private());
                needs.public_chats.insert(seen.chat.as_public());
            }
            Self::ChatMigrated { from, to } => {
                needs.private_chats.extend([*from, *to]);
                needs.bot_chats.extend([TelegramChatId::from(*from), TelegramChatId::from(*to)]);
                needs.changed_chats.insert(TelegramChatId::from(*from));
                needs
                    .public_chats
                    .extend([from, to].into_iter().filter_map(|chat| PublicChatId::new(chat.get()).ok()));
            }
            Self::FreezeRemovals { channel_id, .. } => match channel_id {
                Some(id) => {
                    needs.changed_channels.insert(*id);
                }
                None => {
                    needs.switches.insert(crate::removal::SwitchName::Removals);
                }
            },
            Self::Whitelist { channel_id, user, .. } => {
                needs.channels.insert(*channel_id);
                needs.members.insert((*channel_id, *user));
                needs.presences.insert((*channel_id, *user));
            }
            Self::LookAtEnd { membership_id } => {
                needs.memberships.insert(*membership_id);
            }
            Self::NoteRunUndone { run_id, .. } => {
                needs.runs.insert(*run_id);
            }
            Self::ClaimJobs { limit, now } => {
                needs.due_jobs = Some(DueJobs { now: *now, limit: *limit });
            }
            Self::FinishJob { job, outcome, .. } => {
                needs = job.kind.needs();
                if let JobOutcome::PaymentCreated { answer } = outcome {
                    needs.payments.insert(answer.facts.payment_id);
                }
                needs.jobs.insert(job.id);
                if let JobOutcome::Failed(Failure::NoRights { chat, .. }) = outcome {
                    needs.bot_chats.insert(*chat);
                    needs.rights_of.extend(job.channel_id);
                }
                if job.is_held() {
                    needs.rights_of.extend(job.channel_id);
                }
                if let JobOutcome::Migrated { to } = outcome {
                    needs.changed_channels.extend(job.channel_id);
                    needs.private_chats.insert(*to);
                    needs.public_chats.extend(PublicChatId::new(to.get()).ok());
                }
            }
            Self::RetryJob { job_id } => {
                needs.jobs.insert(*job_id);
            }
            Self::GoOn { user, then, .. } => {
                needs = then.as_ref().map(|command| command.needs()).unwrap_or_default();
                needs.dialogues.insert(*user);
            }
            Self::ImportChannel(channel) => {
                needs.private_chats.insert(channel.private_chat);
                needs.changed_chats.insert(channel.private_chat.into());
                needs.public_chats.extend(channel.public_chat);
            }
            Self::ImportMember(member) => {
                needs.private_chats.insert(member.private_chat);
                needs.joiners.insert((member.private_chat, member.user));
                needs.payments.extend(member.payment.as_ref().map(|payment| payment.id));
            }
            Self::ImportGranted(granted) => {
                needs.private_chats.insert(granted.private_chat);
                needs.joiners.insert((granted.private_chat, granted.user));
                needs.payments.insert(granted.payment.id);
            }
        }
        needs
    }

    /// The channel of a command that its owner may give; `None` for what only an operator may do.
    #[must_use]
    pub fn for_owners(&self) -> Option<ChannelId> {
        match self {
            Self::AddPlan { channel_id, .. }
            | Self::RetirePlan { channel_id, .. }
            | Self::CreateLink { channel_id, .. }
            | Self::SetOffer { channel_id, .. }
            | Self::PostOffer { channel_id, .. }
            | Self::SetPayout { channel_id, .. }
            | Self::CancelPayoutChange { channel_id, .. } => Some(*channel_id),
            _ => None,
        }
    }
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A notification was taken.
    Notification {
        /// What became of it.
        verdict: Verdict,
        /// Why, where the verdict alone does not say.
        reason: Option<String>,
        /// The order that it was for.
        order_id: Option<OrderId>,
        /// Whether the payment was new to us.
        inserted: bool,
        /// The order's state afterwards.
        state: Option<OrderState>,
        /// Whether it gave a grant.
        granted: bool,
    },
    /// A channel was registered.
    Channel(ChannelId),
    /// A plan was added.
    Plan(PlanId),
    /// A link was made.
    Link(LinkId),
    /// An order was made or found.
    Order(OrderId),
    /// No order was made: the buyer's access to this channel lasts for ever, and there is nothing to add to it.
    LastsForEver(ChannelId),
    /// A membership was changed.
    Membership(MembershipId),
    /// Somebody asked for the way in again.
    Reissued {
        /// How many memberships are sent it.
        sent: u32,
        /// How many were sent it just before, and are not again.
        rested: u32,
        /// Of how many of those that are sent it the link is still to be made: that may take as long as the bot lacks the right to.
        making: u32,
    },
    /// Jobs were claimed.
    Jobs(Vec<Job>),
    /// Something was carried over from another system.
    Imported(Imported),
    /// The update was handled before; nothing was changed.
    Repeated,
    /// The lease had lapsed and somebody else holds the job now; nothing was changed.
    LeaseLost,
    /// Done, or done before.
    Done,
}

/// Why a command was refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What it names does not exist.
    #[error("{0}")]
    NotFound(String),
    /// It contradicts what is there.
    #[error("{0}")]
    Conflict(String),
    /// What it says cannot be.
    #[error("{0}")]
    Invalid(String),
}
