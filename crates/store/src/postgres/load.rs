//! Answers the closure's questions from PostgreSQL: a round of questions in one round trip.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;
use tollhouse_core::channel::{Channel, Plan};
use tollhouse_core::id::ChannelId;
use tollhouse_core::snapshot::{Needs, Snapshot};

use super::pipeline::{Call, run};
use super::rows::{Parameter, PostgresRow, system_time};
use crate::closure::{Ask, Closure, Found};
use crate::layout::{
    self, ATTENTION, BOT_CHATS, CHANNELS, DIALOGUES, GRANTS, JOBS, LINKS, MEMBERSHIPS, OFFERS, ORDERS,
    PAYMENTS, PLANS, PRESENCES, RUNS, SWITCHES, Table,
};
use crate::writer::Failure;

/// For what a snapshot is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To change it: rows are locked, each statement sees what was committed before it.
    Change,
    /// To look at it: nothing is locked, everything is from one instant.
    Look,
}

impl Purpose {
    fn begin(self) -> &'static str {
        match self {
            Self::Change => "BEGIN ISOLATION LEVEL READ COMMITTED",
            Self::Look => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }
}

/// Begins a transaction and loads what is needed, and what follows from it.
pub(crate) async fn snapshot(
    client: &ClientWrapper,
    needs: Needs,
    purpose: Purpose,
) -> Result<Snapshot, Failure> {
    let mut closure = Closure::new(needs);
    let mut begin = Some(Call::Plain(purpose.begin()));
    loop {
        let round = closure.next_round();
        if round.is_empty() && begin.is_none() {
            return Ok(closure.finish());
        }
        let mut calls: Vec<Call<'_>> = begin.take().into_iter().collect();
        let without = calls.len();
        let mut lengths = Vec::with_capacity(round.len());
        for ask in &round {
            let before = calls.len();
            put(ask, purpose, &mut calls);
            lengths.push(calls.len() - before);
        }
        let mut answers = run(client, &calls).await?.into_iter().skip(without);
        for (ask, length) in round.iter().zip(lengths) {
            let answer: Vec<Vec<Row>> = answers.by_ref().take(length).collect();
            closure.feed(ask, read(ask, &answer)?);
        }
    }
}

/// A query with and without its lock.
struct Query {
    plain: String,
    locked: String,
}

impl Query {
    fn new(table: &Table, filter: &str, lock: &str) -> Self {
        let (alias, filter) = (table.name, layout::known_kinds(filter));
        let plain = format!("SELECT {} FROM {alias} {filter}", table.select_list(&format!("{alias}.")));
        Self { locked: format!("{plain} {lock}"), plain }
    }

    fn sql(&self, purpose: Purpose) -> &str {
        match purpose {
            Purpose::Change => &self.locked,
            Purpose::Look => &self.plain,
        }
    }
}

/// Not `FOR UPDATE`: rows that refer to it may be made meanwhile, nothing that they rest on is changed.
const LOCK: &str = "FOR NO KEY UPDATE";
const LOCK_MEMBERS: &str = "FOR NO KEY UPDATE OF memberships";
const LOCK_PRESENCES: &str = "FOR NO KEY UPDATE OF presences";
/// What another process works on just then is left to it.
const LOCK_IF_FREE: &str = "FOR NO KEY UPDATE SKIP LOCKED";
const NO_LOCK: &str = "";

macro_rules! queries {
    ($($name:ident = $table:ident $filter:literal $lock:ident;)*) => {
        $(static $name: LazyLock<Query> = LazyLock::new(|| Query::new(&$table, $filter, $lock));)*
    };
}

queries! {
    LINKS_BY_ID = LINKS "WHERE id = ANY($1) ORDER BY id" LOCK;
    LINKS_BY_SLUG = LINKS "WHERE slug = ANY($1) ORDER BY id" LOCK;
    PAYMENTS_BY_ID_OR_PARENT = PAYMENTS "WHERE id = ANY($1) OR parent_payment_id = ANY($2) ORDER BY id" LOCK;
    PAYMENTS_BY_ORDER = PAYMENTS "WHERE order_id = ANY($1) AND NOT (id = ANY($2))" NO_LOCK;
    ORDERS_BY_ID = ORDERS "WHERE id = ANY($1) ORDER BY id" LOCK;
    ORDERS_BY_CLAIM = ORDERS "WHERE claim = ANY($1) ORDER BY id" LOCK;
    NEWEST_BY_WISH = ORDERS "WHERE (telegram_user, plan_id, wish) IN (SELECT buyer, plan, (SELECT max(other.wish) FROM orders AS other WHERE other.telegram_user = buyer AND other.plan_id = plan) FROM unnest($1::bigint[], $2::uuid[]) AS wanted (buyer, plan)) ORDER BY id" LOCK;
    GRANTS_BY_ID = GRANTS "WHERE id = ANY($1)" NO_LOCK;
    GRANTS_BY_ORDER = GRANTS "WHERE order_id = ANY($1)" NO_LOCK;
    GRANTS_BY_MEMBERSHIP = GRANTS "WHERE membership_id = ANY($1)" NO_LOCK;
    PLANS_BY_CHANNEL = PLANS "WHERE channel_id = ANY($1)" NO_LOCK;
    MEMBERSHIPS_BY_ID = MEMBERSHIPS "WHERE id = ANY($1) ORDER BY id" LOCK;
    MEMBERSHIPS_BY_MEMBER = MEMBERSHIPS "JOIN unnest($1::uuid[], $2::bigint[]) AS wanted (channel, member) ON channel_id = channel AND telegram_user = member ORDER BY id" LOCK_MEMBERS;
    MEMBERSHIPS_BY_USER = MEMBERSHIPS "WHERE telegram_user = ANY($1) ORDER BY id" LOCK;
    PRESENCES_BY_MEMBER = PRESENCES "JOIN unnest($1::uuid[], $2::bigint[]) AS wanted (channel, member) ON channel_id = channel AND telegram_user = member ORDER BY id" LOCK_PRESENCES;
    RUNS_BY_ID = RUNS "WHERE id = ANY($1) ORDER BY id" LOCK;
    NEWEST_RUNS = RUNS "WHERE (channel_id, number) IN (SELECT channel_id, max(number) FROM removal_runs WHERE channel_id = ANY($1) GROUP BY channel_id) ORDER BY id" LOCK;
    SWITCHES_BY_NAME = SWITCHES "WHERE name = ANY($1)" NO_LOCK;
    BOT_CHATS_BY_ID = BOT_CHATS "WHERE chat_id = ANY($1) ORDER BY chat_id" LOCK;
    BOT_CHATS_BY_USER = BOT_CHATS "WHERE set_by = ANY($1) ORDER BY chat_id" NO_LOCK;
    DIALOGUES_BY_USER = DIALOGUES "WHERE telegram_user = ANY($1) ORDER BY telegram_user" LOCK;
    OFFERS_BY_CHANNEL = OFFERS "WHERE channel_id = ANY($1) ORDER BY channel_id" LOCK;
    ATTENTION_BY_ID = ATTENTION "WHERE id = ANY($1)" NO_LOCK;
    ATTENTION_BY_SUBJECT = ATTENTION "WHERE subject = ANY($1) ORDER BY id" LOCK;
    JOBS_BY_ID = JOBS "WHERE id = ANY($1) ORDER BY id" LOCK;
    JOBS_HELD = JOBS "WHERE channel_id = ANY($1) AND state = 'ready' AND last_error = 'waits for a right of the bot in the chat' ORDER BY id LIMIT 256" LOCK_IF_FREE;
    JOBS_READY = JOBS "WHERE state = 'ready' AND run_at <= $1 AND kind IN (KNOWN_KINDS) ORDER BY run_at, id LIMIT $2" LOCK_IF_FREE;
    JOBS_LAPSED = JOBS "WHERE state = 'leased' AND lease_until <= $1 AND kind IN (KNOWN_KINDS) ORDER BY run_at, id LIMIT $2" LOCK_IF_FREE;
}

static CHANNELS_TO_CHANGE: LazyLock<String> =
    LazyLock::new(|| format!("{} ORDER BY channels.id FOR NO KEY UPDATE OF channels", channels("id")));
static CHANNELS_BY_ID: LazyLock<String> = LazyLock::new(|| channels("id"));
static CHANNELS_BY_PRIVATE_CHAT: LazyLock<String> = LazyLock::new(|| channels("private_chat_id"));
static CHANNELS_BY_PUBLIC_CHAT: LazyLock<String> = LazyLock::new(|| channels("public_chat_id"));

/// Channels beside each of their plans.
fn channels(key: &str) -> String {
    let (channel, plan) = (CHANNELS.select_list("channels."), PLANS.select_list("plans."));
    format!(
        "SELECT {channel}, {plan} FROM channels LEFT JOIN plans ON plans.channel_id = channels.id \
         WHERE channels.{key} = ANY($1)"
    )
}

/// A payment that is not there yet has no row that could be locked. Its number is locked instead: else a payment and a re-deposit on it
/// that are told to two processes at once would not see each other. Numbers of payments are positive; other locks are negative.
const LOCK_PAYMENT_NUMBERS: &str = "SELECT pg_advisory_xact_lock(number) FROM unnest($1::bigint[]) AS number";

fn put<'a>(ask: &Ask, purpose: Purpose, calls: &mut Vec<Call<'a>>) {
    fn array<'a, V: tokio_postgres::types::ToSql + Sync + Send + 'a>(
        values: impl Iterator<Item = V>,
    ) -> Parameter<'a> {
        Box::new(values.collect::<Vec<V>>())
    }
    let mut rows =
        |query: &'static Query, parameters| calls.push(Call::Rows { sql: query.sql(purpose), parameters });
    match ask {
        Ask::PeekAttention(ids) => rows(&ATTENTION_BY_ID, vec![array(ids.iter().map(|id| id.0))]),
        Ask::LinksById(ids) => rows(&LINKS_BY_ID, vec![array(ids.iter().map(|id| id.0))]),
        Ask::LinksBySlug(slugs) => rows(&LINKS_BY_SLUG, vec![array(slugs.iter().cloned())]),
        Ask::Payments { ids, parents } => {
            if purpose == Purpose::Change && !ids.is_empty() {
                let parameters = vec![array(ids.iter().map(|id| id.get()))];
                calls.push(Call::Rows { sql: LOCK_PAYMENT_NUMBERS, parameters });
            }
            let parameters =
                vec![array(ids.iter().map(|id| id.get())), array(parents.iter().map(|id| id.get()))];
            calls.push(Call::Rows { sql: PAYMENTS_BY_ID_OR_PARENT.sql(purpose), parameters });
        }
        Ask::PaymentsByOrder { orders, known } => rows(
            &PAYMENTS_BY_ORDER,
            vec![array(orders.iter().map(|id| id.0)), array(known.iter().map(|id| id.get()))],
        ),
        Ask::OrdersById(ids) => rows(&ORDERS_BY_ID, vec![array(ids.iter().map(|id| id.0))]),
        Ask::OrdersByClaim(claims) => rows(&ORDERS_BY_CLAIM, vec![array(claims.iter().map(|claim| claim.0))]),
        Ask::OrdersByWish(wishes) => {
            let users = array(wishes.iter().map(|(user, _)| user.get()));
            let plans = array(wishes.iter().map(|(_, plan)| plan.0));
            rows(&NEWEST_BY_WISH, vec![users, plans]);
        }
        Ask::GrantsById(ids) => rows(&GRANTS_BY_ID, vec![array(ids.iter().map(|id| id.0))]),
        Ask::GrantsByOrder(ids) => rows(&GRANTS_BY_ORDER, vec![array(ids.iter().map(|id| id.0))]),
        Ask::GrantsByMembership(ids) => rows(&GRANTS_BY_MEMBERSHIP, vec![array(ids.iter().map(|id| id.0))]),
        Ask::ChannelsToChange(ids) => {
            let sql: &'static str = match purpose {
                Purpose::Change => &CHANNELS_TO_CHANGE,
                Purpose::Look => &CHANNELS_BY_ID,
            };
            let parameters = vec![array(ids.iter().map(|id| id.0))];
            calls.push(Call::Rows { sql, parameters });
        }
        Ask::ChannelsById(ids) => {
            let parameters = vec![array(ids.iter().map(|id| id.0))];
            calls.push(Call::Rows { sql: &CHANNELS_BY_ID, parameters });
        }
        Ask::ChannelsByPrivateChat(chats) => {
            let parameters = vec![array(chats.iter().map(|chat| chat.get()))];
            calls.push(Call::Rows { sql: &CHANNELS_BY_PRIVATE_CHAT, parameters });
        }
        Ask::ChannelsByPublicChat(chats) => {
            let parameters = vec![array(chats.iter().map(|chat| chat.get()))];
            calls.push(Call::Rows { sql: &CHANNELS_BY_PUBLIC_CHAT, parameters });
        }
        Ask::MembershipsById(ids) => rows(&MEMBERSHIPS_BY_ID, vec![array(ids.iter().map(|id| id.0))]),
        Ask::MembershipsByMember(members) => {
            let channels = array(members.iter().map(|(channel, _)| channel.0));
            let users = array(members.iter().map(|(_, user)| user.get()));
            rows(&MEMBERSHIPS_BY_MEMBER, vec![channels, users]);
        }
        Ask::MembershipsByUser(users) => {
            rows(&MEMBERSHIPS_BY_USER, vec![array(users.iter().map(|user| user.get()))]);
        }
        Ask::PresencesByMember(members) => {
            let channels = array(members.iter().map(|(channel, _)| channel.0));
            let users = array(members.iter().map(|(_, user)| user.get()));
            rows(&PRESENCES_BY_MEMBER, vec![channels, users]);
        }
        Ask::RunsById(ids) => rows(&RUNS_BY_ID, vec![array(ids.iter().map(|id| id.0))]),
        Ask::NewestRuns(ids) => rows(&NEWEST_RUNS, vec![array(ids.iter().map(|id| id.0))]),
        Ask::Switches(names) => {
            rows(&SWITCHES_BY_NAME, vec![array(names.iter().map(|name| name.as_str()))]);
        }
        Ask::BotChats(chats) => rows(&BOT_CHATS_BY_ID, vec![array(chats.iter().map(|chat| chat.get()))]),
        Ask::BotChatsBy(users) => {
            rows(&BOT_CHATS_BY_USER, vec![array(users.iter().map(|user| user.get()))]);
        }
        Ask::Dialogues(users) => {
            rows(&DIALOGUES_BY_USER, vec![array(users.iter().map(|user| user.get()))]);
        }
        Ask::Offers(channels) => rows(&OFFERS_BY_CHANNEL, vec![array(channels.iter().map(|id| id.0))]),
        Ask::AttentionBySubject(subjects) => {
            rows(&ATTENTION_BY_SUBJECT, vec![array(subjects.iter().map(ToString::to_string))]);
        }
        Ask::JobsById(ids) => rows(&JOBS_BY_ID, vec![array(ids.iter().map(|id| id.0))]),
        Ask::HeldJobs(channels) => rows(&JOBS_HELD, vec![array(channels.iter().map(|id| id.0))]),
        Ask::DueJobs(due) => {
            let parameters = || -> Vec<Parameter<'static>> {
                vec![Box::new(system_time(due.now)), Box::new(i64::from(due.limit))]
            };
            rows(&JOBS_READY, parameters());
            rows(&JOBS_LAPSED, parameters());
        }
    }
}

fn read(ask: &Ask, answers: &[Vec<Row>]) -> Result<Found, Failure> {
    let last = answers.last().map_or(&[][..], Vec::as_slice);
    Ok(match ask {
        Ask::PeekAttention(_) | Ask::AttentionBySubject(_) => {
            let found = each(last, |row| layout::attention(row))?;
            Found::Attention(found.into_iter().flatten().collect())
        }
        Ask::LinksById(_) | Ask::LinksBySlug(_) => Found::Links(each(last, |row| layout::link(row))?),
        Ask::Payments { .. } | Ask::PaymentsByOrder { .. } => {
            Found::Payments(each(last, |row| layout::payment(row))?)
        }
        Ask::OrdersById(_) | Ask::OrdersByClaim(_) | Ask::OrdersByWish(_) => {
            Found::Orders(each(last, |row| layout::order(row))?)
        }
        Ask::GrantsById(_) | Ask::GrantsByOrder(_) | Ask::GrantsByMembership(_) => {
            Found::Grants(each(last, |row| layout::grant(row))?)
        }
        Ask::ChannelsToChange(_)
        | Ask::ChannelsById(_)
        | Ask::ChannelsByPrivateChat(_)
        | Ask::ChannelsByPublicChat(_) => Found::Channels(joined_channels(last)?),
        Ask::MembershipsById(_) | Ask::MembershipsByMember(_) | Ask::MembershipsByUser(_) => {
            Found::Memberships(each(last, |row| layout::membership(row))?)
        }
        Ask::PresencesByMember(_) => Found::Presences(each(last, |row| layout::presence(row))?),
        Ask::RunsById(_) | Ask::NewestRuns(_) => Found::Runs(each(last, |row| layout::run(row))?),
        Ask::Switches(_) => Found::Switches(each(last, |row| layout::switch(row))?),
        Ask::BotChats(_) | Ask::BotChatsBy(_) => Found::BotChats(each(last, |row| layout::bot_chat(row))?),
        Ask::Dialogues(_) => Found::Dialogues(each(last, |row| layout::dialogue(row))?),
        Ask::JobsById(_) | Ask::HeldJobs(_) => Found::Jobs(each(last, |row| layout::job(row))?),
        Ask::Offers(_) => Found::Offers(each(last, |row| layout::offer(row))?),
        Ask::DueJobs(_) => {
            let mut jobs = Vec::new();
            for answer in answers {
                jobs.extend(each(answer, |row| Ok(layout::due_job(row)))?.into_iter().flatten());
            }
            Found::Jobs(jobs)
        }
    })
}

/// Reads each row.
pub(crate) fn each<V>(
    rows: &[Row],
    read: impl Fn(&mut PostgresRow<'_>) -> Result<V, Failure>,
) -> Result<Vec<V>, Failure> {
    rows.iter().map(|row| read(&mut PostgresRow::new(row))).collect()
}

/// Reads channels that stand beside each of their plans.
fn joined_channels(rows: &[Row]) -> Result<Vec<Channel>, Failure> {
    let mut found: BTreeMap<ChannelId, (Channel, Vec<(i64, Plan)>)> = BTreeMap::new();
    for row in rows {
        let mut columns = PostgresRow::new(row);
        let channel = layout::channel(&mut columns)?;
        let (_, plans) = found.entry(channel.id).or_insert_with(|| (channel, Vec::new()));
        // Null where the channel has no plan.
        if !columns.is_null()? {
            plans.push(layout::plan(&mut columns)?);
        }
    }
    Ok(found.into_values().map(|(channel, plans)| layout::in_order(channel, plans)).collect())
}

/// Puts their plans into channels.
pub(crate) fn with_plans(channels: &[Row], plans: &[Row]) -> Result<Vec<Channel>, Failure> {
    let mut plans = each(plans, |row| layout::plan(row))?;
    let channels = each(channels, |row| layout::channel(row))?.into_iter().map(|channel| {
        let own = plans.extract_if(.., |(_, plan)| plan.channel_id == channel.id).collect();
        layout::in_order(channel, own)
    });
    Ok(channels.collect())
}

/// The plans of channels by their ids.
pub(crate) fn plans_by_channel() -> &'static str {
    &PLANS_BY_CHANNEL.plain
}
