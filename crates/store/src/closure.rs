//! Follows the references from what a batch needs to all that must be loaded ([`Needs`] says how), the same for both engines.
//!
//! It goes in rounds: a round's questions depend only on answers that are there, so that an engine over a network may send them
//! at once, in their order. Rows are locked in one order by everybody: channels that are to be changed, links, payments, orders, memberships, presences, runs, bot chats,
//! dialogues, offers, attention, jobs. Where a reference is found too late to keep to it, the database may find a deadlock, and the batch is run again.

use std::collections::BTreeSet;

use tollhouse_core::attention::{Attention, Subject};
use tollhouse_core::bot_chat::BotChat;
use tollhouse_core::channel::Channel;
use tollhouse_core::dialogue::Dialogue;
use tollhouse_core::event::Parent;
use tollhouse_core::id::{
    AttentionId, ChannelId, ClaimToken, GrantId, JobId, LinkId, MembershipId, OrderId, PlanId, PrivateChatId,
    ProviderPaymentId, PublicChatId, RunId, TelegramChatId, TelegramUserId,
};
use tollhouse_core::job::Job;
use tollhouse_core::link::PayLink;
use tollhouse_core::membership::{Grant, Membership};
use tollhouse_core::offer::Offer;
use tollhouse_core::order::Order;
use tollhouse_core::order_ref::OrderRef;
use tollhouse_core::payment::Payment;
use tollhouse_core::presence::Presence;
use tollhouse_core::removal::{RemovalRun, Switch, SwitchName};
use tollhouse_core::snapshot::{DueJobs, Needs, Snapshot};

/// A question to the database. Keys ascend, and there are some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Not locked: only to learn the subjects.
    PeekAttention(Vec<AttentionId>),
    /// The only question that locks channels.
    ChannelsToChange(Vec<ChannelId>),
    LinksById(Vec<LinkId>),
    LinksBySlug(Vec<String>),
    /// By id, which locks also the ids of which there is no row yet, and by parent. Not both are empty.
    Payments {
        ids: Vec<ProviderPaymentId>,
        parents: Vec<ProviderPaymentId>,
    },
    OrdersById(Vec<OrderId>),
    OrdersByClaim(Vec<ClaimToken>),
    /// The newest of each wish.
    OrdersByWish(Vec<(TelegramUserId, PlanId)>),
    /// Not locked: the order is. The known ones need not be told again.
    PaymentsByOrder {
        orders: Vec<OrderId>,
        known: Vec<ProviderPaymentId>,
    },
    GrantsById(Vec<GrantId>),
    GrantsByOrder(Vec<OrderId>),
    GrantsByMembership(Vec<MembershipId>),
    ChannelsById(Vec<ChannelId>),
    ChannelsByPrivateChat(Vec<PrivateChatId>),
    ChannelsByPublicChat(Vec<PublicChatId>),
    MembershipsById(Vec<MembershipId>),
    MembershipsByMember(Vec<(ChannelId, TelegramUserId)>),
    MembershipsByUser(Vec<TelegramUserId>),
    PresencesByMember(Vec<(ChannelId, TelegramUserId)>),
    RunsById(Vec<RunId>),
    /// The newest run of each channel.
    NewestRuns(Vec<ChannelId>),
    /// Not locked: every removal reads them, and hardly anybody changes them.
    Switches(Vec<SwitchName>),
    BotChats(Vec<TelegramChatId>),
    /// Not locked: only to show them.
    BotChatsBy(Vec<TelegramUserId>),
    Dialogues(Vec<TelegramUserId>),
    Offers(Vec<ChannelId>),
    AttentionBySubject(Vec<Subject>),
    JobsById(Vec<JobId>),
    /// What another process works on is left to it.
    HeldJobs(Vec<ChannelId>),
    DueJobs(DueJobs),
}

/// The rows that answer it.
#[derive(Debug)]
pub(crate) enum Found {
    Attention(Vec<Attention>),
    Links(Vec<PayLink>),
    Payments(Vec<Payment>),
    Orders(Vec<Order>),
    Grants(Vec<Grant>),
    Channels(Vec<Channel>),
    Memberships(Vec<Membership>),
    Presences(Vec<Presence>),
    Runs(Vec<RemovalRun>),
    Switches(Vec<Switch>),
    BotChats(Vec<BotChat>),
    Dialogues(Vec<Dialogue>),
    Offers(Vec<Offer>),
    Jobs(Vec<Job>),
}

/// Keys to ask for, each once.
struct Keys<K> {
    wanted: BTreeSet<K>,
    asked: BTreeSet<K>,
}

impl<K: Ord + Clone> Keys<K> {
    fn new(wanted: BTreeSet<K>) -> Self {
        Self { wanted, asked: BTreeSet::new() }
    }

    fn want(&mut self, key: K) {
        if !self.asked.contains(&key) {
            self.wanted.insert(key);
        }
    }

    /// What is to be asked now.
    fn take(&mut self) -> Vec<K> {
        let keys: Vec<K> = std::mem::take(&mut self.wanted).into_iter().collect();
        self.asked.extend(keys.iter().cloned());
        keys
    }

    /// Puts the question, if there is something to ask.
    fn ask(&mut self, round: &mut Vec<Ask>, ask: impl FnOnce(Vec<K>) -> Ask) -> bool {
        let keys = self.take();
        let asks = !keys.is_empty();
        if asks {
            round.push(ask(keys));
        }
        asks
    }
}

/// The way from needs to a snapshot.
pub(crate) struct Closure {
    snapshot: Snapshot,
    peek_attention: Keys<AttentionId>,
    changed_channels: Keys<ChannelId>,
    links: Keys<LinkId>,
    slugs: Keys<String>,
    payments: Keys<ProviderPaymentId>,
    parents: Keys<ProviderPaymentId>,
    orders: Keys<OrderId>,
    claims: Keys<ClaimToken>,
    wishes: Keys<(TelegramUserId, PlanId)>,
    orders_payments: Keys<OrderId>,
    grants: Keys<GrantId>,
    orders_grants: Keys<OrderId>,
    memberships_grants: Keys<MembershipId>,
    channels: Keys<ChannelId>,
    private_chats: Keys<PrivateChatId>,
    public_chats: Keys<PublicChatId>,
    memberships: Keys<MembershipId>,
    members: Keys<(ChannelId, TelegramUserId)>,
    users: Keys<TelegramUserId>,
    presences: Keys<(ChannelId, TelegramUserId)>,
    runs: Keys<RunId>,
    newest_runs: Keys<ChannelId>,
    switches: Keys<SwitchName>,
    bot_chats: Keys<TelegramChatId>,
    bot_chats_by: Keys<TelegramUserId>,
    dialogues: Keys<TelegramUserId>,
    held_jobs: Keys<ChannelId>,
    offers: Keys<ChannelId>,
    subjects: Keys<Subject>,
    jobs: Keys<JobId>,
    changed_chats: BTreeSet<TelegramChatId>,
    presence_of: BTreeSet<MembershipId>,
    departures: BTreeSet<MembershipId>,
    due_jobs: Option<DueJobs>,
    legacy_members: BTreeSet<(PublicChatId, TelegramUserId)>,
    joiners: BTreeSet<(PrivateChatId, TelegramUserId)>,
    owners_of: BTreeSet<ChannelId>,
}

impl Closure {
    pub(crate) fn new(needs: Needs) -> Self {
        let mut closure = Self {
            snapshot: Snapshot::default(),
            peek_attention: Keys::new(needs.attention),
            changed_channels: Keys::new(needs.changed_channels),
            links: Keys::new(needs.links),
            slugs: Keys::new(needs.slugs),
            payments: Keys::new(BTreeSet::new()),
            parents: Keys::new(BTreeSet::new()),
            orders: Keys::new(BTreeSet::new()),
            claims: Keys::new(needs.claims),
            wishes: Keys::new(needs.wishes),
            orders_payments: Keys::new(BTreeSet::new()),
            grants: Keys::new(needs.grants),
            orders_grants: Keys::new(BTreeSet::new()),
            memberships_grants: Keys::new(BTreeSet::new()),
            channels: Keys::new(needs.channels),
            private_chats: Keys::new(needs.private_chats),
            public_chats: Keys::new(needs.public_chats),
            memberships: Keys::new(needs.memberships),
            members: Keys::new(needs.members),
            users: Keys::new(needs.users),
            presences: Keys::new(BTreeSet::new()),
            runs: Keys::new(BTreeSet::new()),
            newest_runs: Keys::new(BTreeSet::new()),
            switches: Keys::new(needs.switches),
            bot_chats: Keys::new(needs.bot_chats),
            bot_chats_by: Keys::new(needs.bot_chats_by),
            dialogues: Keys::new(needs.dialogues),
            held_jobs: Keys::new(needs.held_jobs),
            offers: Keys::new(needs.offers),
            subjects: Keys::new(BTreeSet::new()),
            jobs: Keys::new(BTreeSet::new()),
            changed_chats: needs.changed_chats,
            presence_of: needs.presence_of,
            departures: needs.departures,
            due_jobs: needs.due_jobs,
            legacy_members: needs.legacy_members,
            joiners: needs.joiners,
            owners_of: needs.owners_of,
        };
        for id in needs.payments {
            closure.want_payment(id);
        }
        for id in needs.orders {
            closure.want_order(id);
        }
        for id in needs.jobs {
            closure.want_job(id);
        }
        for id in needs.runs {
            closure.want_run(id);
        }
        for id in needs.rights_of {
            closure.subjects.want(Subject::Channel(id));
        }
        for (channel, user) in needs.presences {
            closure.want_presence(channel, user);
        }
        if !closure.departures.is_empty() {
            closure.switches.want(SwitchName::Removals);
        }
        for (chat, _) in closure.legacy_members.clone() {
            closure.public_chats.want(chat);
        }
        for (chat, _) in closure.joiners.clone() {
            closure.private_chats.want(chat);
        }
        closure
    }

    /// The next questions; none when everything is loaded.
    pub(crate) fn next_round(&mut self) -> Vec<Ask> {
        let mut round = Vec::new();
        let asks = &mut round;
        let finds_owners =
            self.changed_channels.ask(asks, Ask::ChannelsToChange) && !self.owners_of.is_empty();
        for id in &self.changed_channels.asked {
            self.channels.wanted.remove(id);
        }
        self.links.ask(asks, Ask::LinksById);
        self.slugs.ask(asks, Ask::LinksBySlug);
        let mut finds_orders = self.peek_attention.ask(asks, Ask::PeekAttention);
        let (ids, parents) = (self.payments.take(), self.parents.take());
        if !ids.is_empty() || !parents.is_empty() {
            asks.push(Ask::Payments { ids, parents });
            finds_orders = true;
        }
        let mut finds_more = finds_owners;
        finds_more |= self.orders.ask(asks, Ask::OrdersById);
        finds_more |= self.claims.ask(asks, Ask::OrdersByClaim);
        finds_more |= self.wishes.ask(asks, Ask::OrdersByWish);
        let known = &self.snapshot.payments;
        finds_more |= self
            .orders_payments
            .ask(asks, |orders| Ask::PaymentsByOrder { orders, known: known.keys().copied().collect() });
        // Their orders are locked before any membership.
        finds_orders |= self.grants.ask(asks, Ask::GrantsById);
        finds_more |= self.orders_grants.ask(asks, Ask::GrantsByOrder);
        finds_more |= self.public_chats.ask(asks, Ask::ChannelsByPublicChat);
        finds_more |= self.private_chats.ask(asks, Ask::ChannelsByPrivateChat);
        self.channels.ask(asks, Ask::ChannelsById);
        self.memberships_grants.ask(asks, Ask::GrantsByMembership);
        if !finds_orders {
            let mut finds_members = self.memberships.ask(asks, Ask::MembershipsById);
            finds_members |= self.members.ask(asks, Ask::MembershipsByMember);
            finds_members |= self.users.ask(asks, Ask::MembershipsByUser);
            // Whose presence is wanted is known only when the membership is there, and comes before the rest.
            finds_more |= finds_members && !(self.presence_of.is_empty() && self.departures.is_empty());
            if !finds_more {
                self.presences.ask(asks, Ask::PresencesByMember);
                self.runs.ask(asks, Ask::RunsById);
                self.newest_runs.ask(asks, Ask::NewestRuns);
                self.switches.ask(asks, Ask::Switches);
                self.bot_chats.ask(asks, Ask::BotChats);
                self.bot_chats_by.ask(asks, Ask::BotChatsBy);
                self.dialogues.ask(asks, Ask::Dialogues);
                self.offers.ask(asks, Ask::Offers);
                self.subjects.ask(asks, Ask::AttentionBySubject);
                self.jobs.ask(asks, Ask::JobsById);
                self.held_jobs.ask(asks, Ask::HeldJobs);
                if let Some(due) = self.due_jobs.take() {
                    asks.push(Ask::DueJobs(due));
                }
            }
        }
        round
    }

    /// Takes in what was found. Feed a round's answers in the order of its questions.
    pub(crate) fn feed(&mut self, ask: &Ask, found: Found) {
        match found {
            Found::Attention(items) => items.into_iter().for_each(|item| self.attention(ask, item)),
            Found::Links(links) => {
                for link in links {
                    self.channels.want(link.channel_id);
                    self.snapshot.links.load(link.id, link);
                }
            }
            Found::Payments(payments) => payments.into_iter().for_each(|payment| self.payment(ask, payment)),
            Found::Orders(orders) => orders.into_iter().for_each(|order| self.order(order)),
            Found::Grants(grants) => grants.into_iter().for_each(|grant| self.grant(ask, grant)),
            Found::Channels(channels) => channels.into_iter().for_each(|channel| self.channel(channel)),
            Found::Memberships(memberships) => memberships.into_iter().for_each(|one| self.membership(one)),
            Found::Presences(presences) => {
                for one in presences {
                    self.snapshot.presences.load((one.channel_id, one.user), one);
                }
            }
            Found::Runs(runs) => runs.into_iter().for_each(|run| self.run(run)),
            Found::Switches(switches) => {
                for switch in switches {
                    self.snapshot.switches.load(switch.name, switch);
                }
            }
            Found::BotChats(chats) => {
                for chat in chats {
                    self.snapshot.bot_chats.load(chat.chat, chat);
                }
            }
            Found::Dialogues(dialogues) => {
                for dialogue in dialogues {
                    self.snapshot.dialogues.load(dialogue.user, dialogue);
                }
            }
            Found::Offers(offers) => {
                for offer in offers {
                    // Its links are found too late for the order of locks; hardly anybody changes them.
                    offer.links.iter().for_each(|link| self.links.want(link.link_id));
                    self.snapshot.offers.load(offer.channel_id, offer);
                }
            }
            Found::Jobs(jobs) => {
                for job in jobs {
                    self.snapshot.jobs.load(job.id, job);
                }
            }
        }
    }

    pub(crate) fn finish(self) -> Snapshot {
        self.snapshot
    }

    fn want_payment(&mut self, id: ProviderPaymentId) {
        self.payments.want(id);
        self.parents.want(id);
        self.subjects.want(Subject::Payment(id));
    }

    fn want_order(&mut self, id: OrderId) {
        self.orders.want(id);
        self.want_of_order(id);
    }

    fn want_of_order(&mut self, id: OrderId) {
        self.orders_payments.want(id);
        self.orders_grants.want(id);
        self.subjects.want(Subject::Order(id));
    }

    fn want_job(&mut self, id: JobId) {
        self.jobs.want(id);
        self.subjects.want(Subject::Job(id));
    }

    fn want_run(&mut self, id: RunId) {
        self.runs.want(id);
        self.subjects.want(Subject::Run(id));
    }

    fn want_presence(&mut self, channel_id: ChannelId, user: TelegramUserId) {
        self.channels.want(channel_id);
        self.presences.want((channel_id, user));
        self.subjects.want(Subject::Member { channel_id, user });
    }

    fn run(&mut self, run: RemovalRun) {
        self.channels.want(run.channel_id);
        self.subjects.want(Subject::Run(run.id));
        self.snapshot.runs.load(run.id, run);
    }

    fn attention(&mut self, ask: &Ask, item: Attention) {
        if matches!(ask, Ask::PeekAttention(_)) {
            match item.subject {
                Subject::Payment(id) => self.want_payment(id),
                Subject::Order(id) => self.want_order(id),
                Subject::Job(id) => self.want_job(id),
                Subject::Run(id) => self.want_run(id),
                Subject::Channel(id) => {
                    self.channels.want(id);
                    self.subjects.want(item.subject);
                }
                Subject::Member { channel_id, user } => {
                    self.members.want((channel_id, user));
                    self.want_presence(channel_id, user);
                }
            }
        } else {
            self.snapshot.attention.load(item.id, item);
        }
    }

    fn payment(&mut self, ask: &Ask, payment: Payment) {
        self.subjects.want(Subject::Payment(payment.id));
        self.channels_of(payment.channel_id);
        if matches!(ask, Ask::PaymentsByOrder { .. }) {
            self.snapshot.payments.load(payment.id, payment);
            return;
        }
        // A re-deposit on a re-deposit is taken along with it; its row was locked by this question.
        self.parents.want(payment.id);
        if let Parent::Payment(parent) = payment.parent {
            self.want_payment(parent);
        }
        match payment.order_id {
            Some(order_id) => self.want_order(order_id),
            None => self.reference(payment.order_ref.as_deref()),
        }
        self.snapshot.payments.load(payment.id, payment);
    }

    /// A payment that is bound to nothing yet may be bound by the reference that an earlier notification of it carried.
    fn reference(&mut self, reference: Option<&str>) {
        match reference.and_then(OrderRef::parse) {
            Some(OrderRef::Ours(id)) => self.want_order(id),
            Some(OrderRef::Legacy { user, public_chat }) => {
                self.public_chats.want(public_chat);
                self.legacy_members.insert((public_chat, user));
                if let Some(id) = self.snapshot.channel_by_public_chat(public_chat).map(|channel| channel.id)
                {
                    self.members.want((id, user));
                }
            }
            None => {}
        }
    }

    fn order(&mut self, order: Order) {
        self.want_of_order(order.id);
        // It was found by its claim or wish, and is locked already.
        self.orders.asked.insert(order.id);
        self.orders.wanted.remove(&order.id);
        self.channels.want(order.channel_id);
        if let Some(user) = order.user {
            self.members.want((order.channel_id, user));
        }
        self.snapshot.orders.load(order.id, order);
    }

    fn grant(&mut self, ask: &Ask, grant: Grant) {
        self.channels.want(grant.channel_id);
        // What is done about a grant shows at its order.
        if matches!(ask, Ask::GrantsById(_))
            && let Some(id) = grant.order_id
        {
            self.want_order(id);
        }
        if let Some(id) = grant.membership_id
            && !matches!(ask, Ask::GrantsByMembership(_))
        {
            self.memberships.want(id);
        }
        self.snapshot.grants.load(grant.id, grant);
    }

    fn channels_of(&mut self, id: Option<ChannelId>) {
        if let Some(id) = id {
            self.channels.want(id);
        }
    }

    fn channel(&mut self, channel: Channel) {
        let id = channel.id;
        self.channels.asked.insert(id);
        self.channels.wanted.remove(&id);
        let chats = [Some(channel.private_chat.get()), channel.public_chat.map(|chat| chat.get())];
        if self.changed_chats.iter().any(|chat| chats.contains(&Some(chat.get()))) {
            // It was found by a chat and not locked yet. It is loaded again under the lock, and that is what counts.
            self.changed_channels.want(id);
        }
        let keys = self.bot_chats.wanted.iter().chain(&self.bot_chats.asked);
        if keys.into_iter().any(|chat| chats.contains(&Some(chat.get()))) {
            self.subjects.want(Subject::Channel(id));
        }
        for (chat, user) in &self.legacy_members {
            if channel.public_chat == Some(*chat) {
                self.members.want((id, *user));
            }
        }
        if let Some(owner) = channel.owner.filter(|_| self.owners_of.contains(&id)) {
            self.members.want((id, owner));
            self.want_presence(id, owner);
        }
        for (chat, user) in self.joiners.clone() {
            if channel.private_chat == chat {
                self.members.want((id, user));
                self.want_presence(id, user);
            }
        }
        self.snapshot.channels.load(id, channel);
    }

    fn membership(&mut self, membership: Membership) {
        self.channels.want(membership.channel_id);
        self.memberships_grants.want(membership.id);
        self.memberships.asked.insert(membership.id);
        self.memberships.wanted.remove(&membership.id);
        let leaves = self.departures.contains(&membership.id);
        if leaves || self.presence_of.contains(&membership.id) {
            self.want_presence(membership.channel_id, membership.user);
        }
        if leaves {
            self.newest_runs.want(membership.channel_id);
        }
        self.snapshot.memberships.load(membership.id, membership);
    }
}
