//! The part of the database that a batch of commands works on: loaded under lock, changed in memory, written back as one.
//!
//! Each row that a command changes is written once, however often it changed. A row that was not loaded is inserted and never
//! overwrites: if another process was faster, a unique key says so and the batch is run again on what is there now (I2).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::attention::{Attention, Reason, Subject};
use crate::audit::AuditEntry;
use crate::bot_chat::BotChat;
use crate::channel::Channel;
use crate::dialogue::Dialogue;
use crate::event::{Received, Verdict};
use crate::id::{
    AttentionId, ChannelId, ClaimToken, GrantId, JobId, LinkId, MembershipId, OrderId, PlanId, PrivateChatId,
    ProviderPaymentId, PublicChatId, RunId, TelegramChatId, TelegramUserId,
};
use crate::job::{ArmJob, Job};
use crate::link::PayLink;
use crate::membership::{Grant, Membership};
use crate::offer::Offer;
use crate::order::Order;
use crate::payment::Payment;
use crate::presence::Presence;
use crate::removal::{RemovalRun, Switch, SwitchName};

/// What a command must have loaded. The store follows the references from here, in this order, and locks what it finds, each
/// table by ascending key:
///
/// 0. `changed_channels`, the only channels that are locked, but for those of `changed_chats`, which are locked when they are found;
/// 1. `attention` ids to their subjects; `links` by slug or id to their channels;
/// 2. `payments`, their parents, and the payments whose parent they are;
/// 3. `orders`, by id, by claim, by wish, and those of the payments and of `grants`; then every payment of these orders;
/// 4. `grants` by id and those of the orders; `channels` by id, by chat, and those of the orders, grants, links and memberships,
///    always with all their plans;
/// 5. `memberships` by id, by member, of the orders' buyers, of the grants, of `legacy_members` (in the channel of that public chat),
///    of `joiners` (in the channel of that private chat), of `owners_of` (of its owner), and all of `users`; then every grant of these memberships;
/// 6. `presences` by member, of `presence_of` and `departures`, of `joiners`, and of `owners_of`; `runs` by id, and of `departures` the newest of the
///    channel; `switches`, and all of them for `departures`; `bot_chats`; `dialogues`; `offers`, with their links;
/// 7. the attention items, open or resolved, whose subject is one of the payments, orders, runs, presences or jobs, or one of the channels
///    of `rights_of` and `bot_chats`;
/// 8. `jobs` by id; `held_jobs`; `due_jobs`, skipping what another process has locked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// Payments by the provider's id.
    pub payments: BTreeSet<ProviderPaymentId>,
    /// Orders by id.
    pub orders: BTreeSet<OrderId>,
    /// Orders by the secret that claims them.
    pub claims: BTreeSet<ClaimToken>,
    /// Channels by id whose own row is to be changed: these are locked, so that two changes at once do not undo each other.
    pub changed_channels: BTreeSet<ChannelId>,
    /// The same by a chat of the channel, either of the two.
    pub changed_chats: BTreeSet<TelegramChatId>,
    /// The newest order that an account's wish for a plan has made in the bot.
    pub wishes: BTreeSet<(TelegramUserId, PlanId)>,
    /// Channels by id.
    pub channels: BTreeSet<ChannelId>,
    /// Channels by the chat that is sold.
    pub private_chats: BTreeSet<PrivateChatId>,
    /// Channels by the chat in which the offer stands.
    pub public_chats: BTreeSet<PublicChatId>,
    /// Links by id.
    pub links: BTreeSet<LinkId>,
    /// Links by slug.
    pub slugs: BTreeSet<String>,
    /// Grants by id.
    pub grants: BTreeSet<GrantId>,
    /// Memberships by id.
    pub memberships: BTreeSet<MembershipId>,
    /// Memberships by channel and user.
    pub members: BTreeSet<(ChannelId, TelegramUserId)>,
    /// Memberships by the channel's public chat and user.
    pub legacy_members: BTreeSet<(PublicChatId, TelegramUserId)>,
    /// Memberships by the channel's private chat and user.
    pub joiners: BTreeSet<(PrivateChatId, TelegramUserId)>,
    /// The membership of the owner of these channels, and what is known of their presence.
    pub owners_of: BTreeSet<ChannelId>,
    /// Every membership of a user.
    pub users: BTreeSet<TelegramUserId>,
    /// What is known of somebody's presence.
    pub presences: BTreeSet<(ChannelId, TelegramUserId)>,
    /// The same of the members of these memberships.
    pub presence_of: BTreeSet<MembershipId>,
    /// The same, and what decides whether they may be removed now.
    pub departures: BTreeSet<MembershipId>,
    /// Runs by id.
    pub runs: BTreeSet<RunId>,
    /// Switches.
    pub switches: BTreeSet<SwitchName>,
    /// What the bot may do in a chat.
    pub bot_chats: BTreeSet<TelegramChatId>,
    /// The same of all chats in which this person gave the rights.
    pub bot_chats_by: BTreeSet<TelegramUserId>,
    /// What the attention list says of the bot's rights in the chats of a channel; also of the channels of `bot_chats`.
    pub rights_of: BTreeSet<ChannelId>,
    /// Jobs of a channel that wait for a right of the bot, at most [`crate::bot_chat::HELD_JOBS_MAX`].
    pub held_jobs: BTreeSet<ChannelId>,
    /// The dialogue with somebody.
    pub dialogues: BTreeSet<TelegramUserId>,
    /// The offers of channels.
    pub offers: BTreeSet<ChannelId>,
    /// Attention items by id.
    pub attention: BTreeSet<AttentionId>,
    /// Jobs by id.
    pub jobs: BTreeSet<JobId>,
    /// Jobs that are due.
    pub due_jobs: Option<DueJobs>,
}

/// Which due jobs to load: ready with `run_at <= now`, or leased with a lease that lapsed; the longest due first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueJobs {
    /// Now.
    pub now: Timestamp,
    /// How many at most.
    pub limit: u32,
}

impl Needs {
    /// Adds another command's needs.
    pub fn merge(&mut self, other: Self) {
        self.payments.extend(other.payments);
        self.orders.extend(other.orders);
        self.claims.extend(other.claims);
        self.changed_channels.extend(other.changed_channels);
        self.changed_chats.extend(other.changed_chats);
        self.wishes.extend(other.wishes);
        self.channels.extend(other.channels);
        self.private_chats.extend(other.private_chats);
        self.public_chats.extend(other.public_chats);
        self.links.extend(other.links);
        self.slugs.extend(other.slugs);
        self.grants.extend(other.grants);
        self.memberships.extend(other.memberships);
        self.members.extend(other.members);
        self.legacy_members.extend(other.legacy_members);
        self.joiners.extend(other.joiners);
        self.owners_of.extend(other.owners_of);
        self.users.extend(other.users);
        self.presences.extend(other.presences);
        self.presence_of.extend(other.presence_of);
        self.departures.extend(other.departures);
        self.runs.extend(other.runs);
        self.switches.extend(other.switches);
        self.bot_chats.extend(other.bot_chats);
        self.bot_chats_by.extend(other.bot_chats_by);
        self.rights_of.extend(other.rights_of);
        self.held_jobs.extend(other.held_jobs);
        self.dialogues.extend(other.dialogues);
        self.offers.extend(other.offers);
        self.attention.extend(other.attention);
        self.jobs.extend(other.jobs);
        self.due_jobs = match (self.due_jobs, other.due_jobs) {
            (Some(a), Some(b)) => Some(DueJobs { now: a.now.max(b.now), limit: a.limit + b.limit }),
            (a, b) => a.or(b),
        };
    }
}

/// The rows of one table that a batch works on.
#[derive(Debug, Clone)]
pub struct Rows<K: Ord, V> {
    rows: BTreeMap<K, V>,
    loaded: BTreeSet<K>,
    dirty: BTreeSet<K>,
    /// Of those that are dirty and were loaded.
    before: BTreeMap<K, V>,
}

impl<K: Ord, V> Default for Rows<K, V> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            loaded: BTreeSet::new(),
            dirty: BTreeSet::new(),
            before: BTreeMap::new(),
        }
    }
}

/// A row to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write<V> {
    /// The row.
    pub row: V,
    /// Whether it is new: to be inserted, and a unique key that objects fails the batch. Else it was loaded under lock.
    pub is_new: bool,
    /// The row as it was loaded; none of a new one.
    pub before: Option<V>,
}

impl<K: Ord + Copy, V: Clone + PartialEq> Rows<K, V> {
    /// Puts a row in that the store has loaded. One that is loaded again replaces what was loaded before: the first time it may have been
    /// read before what guards it was locked, and another process may have changed it in between.
    pub fn load(&mut self, key: K, row: V) {
        self.loaded.insert(key);
        if !self.dirty.contains(&key) {
            self.rows.insert(key, row);
        }
    }

    /// The row, if it was loaded or made.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    /// Whether there is such a row.
    #[must_use]
    pub fn contains(&self, key: &K) -> bool {
        self.rows.contains_key(key)
    }

    /// Writes a row, new or changed; a row that is as it was is not written.
    pub fn put(&mut self, key: K, row: V) {
        if self.rows.get(&key) == Some(&row) {
            return;
        }
        let old = self.rows.insert(key, row);
        if self.dirty.insert(key)
            && self.loaded.contains(&key)
            && let Some(old) = old
        {
            self.before.insert(key, old);
        }
    }

    /// Every row, by key.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.rows.values()
    }

    /// Every key.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.rows.keys()
    }

    /// Takes what is to be written, by ascending key.
    #[must_use]
    pub fn take_writes(&mut self) -> Vec<Write<V>> {
        let dirty = std::mem::take(&mut self.dirty);
        let writes = dirty
            .iter()
            .filter_map(|key| {
                Some(Write {
                    row: self.rows.get(key)?.clone(),
                    is_new: !self.loaded.contains(key),
                    before: self.before.remove(key),
                })
            })
            .collect();
        self.loaded.extend(dirty);
        writes
    }

    /// Whether something is to be written.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }
}

/// A line of the event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// What arrived.
    pub received: Received,
    /// What became of it.
    pub verdict: Verdict,
    /// Why, where the verdict alone does not say: an attention reason's code, `same_bytes`, …
    pub reason: Option<String>,
    /// The order that it was for.
    pub order_id: Option<OrderId>,
    /// The order's channel.
    pub channel_id: Option<ChannelId>,
}

/// The rows that a batch works on, and what is to be written.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Channels with their plans.
    pub channels: Rows<ChannelId, Channel>,
    /// Links.
    pub links: Rows<LinkId, PayLink>,
    /// Orders.
    pub orders: Rows<OrderId, Order>,
    /// Payments.
    pub payments: Rows<ProviderPaymentId, Payment>,
    /// Memberships.
    pub memberships: Rows<MembershipId, Membership>,
    /// Grants.
    pub grants: Rows<GrantId, Grant>,
    /// Who is inside.
    pub presences: Rows<(ChannelId, TelegramUserId), Presence>,
    /// Runs of removals.
    pub runs: Rows<RunId, RemovalRun>,
    /// Switches.
    pub switches: Rows<SwitchName, Switch>,
    /// What the bot may do in chats.
    pub bot_chats: Rows<TelegramChatId, BotChat>,
    /// Dialogues.
    pub dialogues: Rows<TelegramUserId, Dialogue>,
    /// Offers.
    pub offers: Rows<ChannelId, Offer>,
    /// Attention items.
    pub attention: Rows<AttentionId, Attention>,
    /// Jobs that were loaded.
    pub jobs: Rows<JobId, Job>,
    /// Event log lines to append.
    pub events: Vec<EventRecord>,
    /// Jobs to arm.
    pub arm: Vec<ArmJob>,
    /// Audit entries to append.
    pub audit: Vec<AuditEntry>,
}

impl Snapshot {
    /// The grant of an order.
    #[must_use]
    pub fn grant_of(&self, order: OrderId) -> Option<&Grant> {
        self.grants.values().find(|grant| grant.order_id == Some(order))
    }

    /// The membership of a user in a channel.
    #[must_use]
    pub fn membership_of(&self, channel: ChannelId, user: TelegramUserId) -> Option<&Membership> {
        self.memberships
            .values()
            .find(|membership| membership.channel_id == channel && membership.user == user)
    }

    /// The payments of an order, by id.
    #[must_use]
    pub fn payments_of(&self, order: OrderId) -> Vec<&Payment> {
        self.payments.values().filter(|payment| payment.order_id == Some(order)).collect()
    }

    /// The grants of a membership, by id.
    #[must_use]
    pub fn grants_of(&self, membership: MembershipId) -> Vec<&Grant> {
        self.grants.values().filter(|grant| grant.membership_id == Some(membership)).collect()
    }

    /// The channel in whose public chat the offer stands.
    #[must_use]
    pub fn channel_by_public_chat(&self, chat: PublicChatId) -> Option<&Channel> {
        self.channels.values().find(|channel| channel.public_chat == Some(chat))
    }

    /// The channel that sells a chat.
    #[must_use]
    pub fn channel_by_private_chat(&self, chat: PrivateChatId) -> Option<&Channel> {
        self.channels.values().find(|channel| channel.private_chat == chat)
    }

    /// The attention item of a subject with a reason.
    #[must_use]
    pub fn attention_on(&self, subject: Subject, reason: Reason) -> Option<&Attention> {
        self.attention.values().find(|item| item.subject == subject && item.reason == reason)
    }

    /// Whether a commit would write anything.
    #[must_use]
    pub fn has_writes(&self) -> bool {
        self.channels.is_dirty()
            || self.links.is_dirty()
            || self.orders.is_dirty()
            || self.payments.is_dirty()
            || self.memberships.is_dirty()
            || self.grants.is_dirty()
            || self.presences.is_dirty()
            || self.runs.is_dirty()
            || self.switches.is_dirty()
            || self.bot_chats.is_dirty()
            || self.dialogues.is_dirty()
            || self.offers.is_dirty()
            || self.attention.is_dirty()
            || self.jobs.is_dirty()
            || !self.events.is_empty()
            || !self.arm.is_empty()
            || !self.audit.is_empty()
    }
}
