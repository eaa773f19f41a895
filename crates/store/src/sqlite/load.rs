//! Answers the closure's questions from SQLite. A transaction of the writer holds the only write lock there is, so that no row needs
//! one of its own.

use std::sync::LazyLock;

use rusqlite::{Connection, ToSql};
use tollhouse_core::channel::{Channel, Plan};
use tollhouse_core::snapshot::{Needs, Snapshot};

use super::rows::{SqliteRow, failure};
use crate::closure::{Ask, Closure, Found};
use crate::layout::{
    self, ATTENTION, BOT_CHATS, CHANNELS, DIALOGUES, GRANTS, JOBS, LINKS, MEMBERSHIPS, OFFERS, ORDERS,
    PAYMENTS, PLANS, PRESENCES, RUNS, SWITCHES, Table, in_order,
};
use crate::writer::Failure;

/// Loads what is needed, and what follows from it.
pub(crate) fn snapshot(connection: &Connection, needs: Needs) -> Result<Snapshot, Failure> {
    let mut closure = Closure::new(needs);
    loop {
        let round = closure.next_round();
        if round.is_empty() {
            return Ok(closure.finish());
        }
        for ask in &round {
            let found = answer(connection, ask)?;
            closure.feed(ask, found);
        }
    }
}

fn select(table: &Table, filter: &str) -> String {
    let filter = layout::known_kinds(filter);
    format!("SELECT {} FROM {} WHERE {filter}", table.select_list(""), table.name)
}

macro_rules! queries {
    ($($name:ident = $table:ident $filter:literal;)*) => {
        $(static $name: LazyLock<String> = LazyLock::new(|| select(&$table, $filter));)*

        #[cfg(test)]
        static ALL: &[&LazyLock<String>] = &[$(&$name),*];
    };
}

queries! {
    LINKS_BY_ID = LINKS "id = ?1";
    LINKS_BY_SLUG = LINKS "slug = ?1";
    PAYMENTS_BY_ID = PAYMENTS "id = ?1";
    PAYMENTS_BY_PARENT = PAYMENTS "parent_payment_id = ?1";
    ORDERS_BY_ID = ORDERS "id = ?1";
    ORDERS_BY_CLAIM = ORDERS "claim = ?1";
    NEWEST_BY_WISH = ORDERS "telegram_user = ?1 AND plan_id = ?2 AND wish IS NOT NULL ORDER BY wish DESC LIMIT 1";
    GRANTS_BY_ID = GRANTS "id = ?1";
    GRANTS_BY_ORDER = GRANTS "order_id = ?1";
    GRANTS_BY_MEMBERSHIP = GRANTS "membership_id = ?1";
    CHANNELS_BY_ID = CHANNELS "id = ?1";
    CHANNELS_BY_PRIVATE_CHAT = CHANNELS "private_chat_id = ?1";
    CHANNELS_BY_PUBLIC_CHAT = CHANNELS "public_chat_id = ?1";
    PLANS_BY_CHANNEL = PLANS "channel_id = ?1";
    MEMBERSHIPS_BY_ID = MEMBERSHIPS "id = ?1";
    MEMBERSHIPS_BY_MEMBER = MEMBERSHIPS "channel_id = ?1 AND telegram_user = ?2";
    MEMBERSHIPS_BY_USER = MEMBERSHIPS "telegram_user = ?1";
    PRESENCES_BY_MEMBER = PRESENCES "channel_id = ?1 AND telegram_user = ?2";
    RUNS_BY_ID = RUNS "id = ?1";
    NEWEST_RUN = RUNS "channel_id = ?1 ORDER BY number DESC LIMIT 1";
    SWITCHES_BY_NAME = SWITCHES "name = ?1";
    BOT_CHATS_BY_ID = BOT_CHATS "chat_id = ?1";
    BOT_CHATS_BY_USER = BOT_CHATS "set_by = ?1";
    DIALOGUES_BY_USER = DIALOGUES "telegram_user = ?1";
    OFFERS_BY_CHANNEL = OFFERS "channel_id = ?1";
    ATTENTION_BY_ID = ATTENTION "id = ?1";
    ATTENTION_BY_SUBJECT = ATTENTION "subject = ?1";
    JOBS_BY_ID = JOBS "id = ?1";
    JOBS_HELD = JOBS "channel_id = ?1 AND state = 'ready' AND last_error = 'waits for a right of the bot in the chat' LIMIT 256";
    // The plus keeps SQLite from looking kinds up in UNIQUE (kind, subject), and reading every job that was ever made.
    JOBS_READY = JOBS "state = 'ready' AND run_at <= ?1 AND +kind IN (KNOWN_KINDS) ORDER BY run_at, id LIMIT ?2";
    JOBS_LAPSED = JOBS "state = 'leased' AND lease_until <= ?1 AND +kind IN (KNOWN_KINDS) ORDER BY run_at, id LIMIT ?2";
}

/// From the index alone.
const PAYMENT_IDS_BY_ORDER: &str = "SELECT id FROM payments WHERE order_id = ?1";

/// Runs a statement and reads its rows.
pub(crate) fn query<V>(
    connection: &Connection,
    sql: &str,
    parameters: &[&dyn ToSql],
    read: impl Fn(&mut SqliteRow<'_, '_>) -> Result<V, Failure>,
    into: &mut Vec<V>,
) -> Result<(), Failure> {
    let mut statement = connection.prepare_cached(sql).map_err(failure)?;
    let mut rows = statement.query(parameters).map_err(failure)?;
    while let Some(row) = rows.next().map_err(failure)? {
        into.push(read(&mut SqliteRow::new(row))?);
    }
    Ok(())
}

/// The same for many keys.
fn each<K: ToSql, V>(
    connection: &Connection,
    sql: &str,
    keys: impl IntoIterator<Item = K>,
    read: impl Fn(&mut SqliteRow<'_, '_>) -> Result<V, Failure>,
) -> Result<Vec<V>, Failure> {
    let mut statement = connection.prepare_cached(sql).map_err(failure)?;
    let mut found = Vec::new();
    for key in keys {
        let mut rows = statement.query([key]).map_err(failure)?;
        while let Some(row) = rows.next().map_err(failure)? {
            found.push(read(&mut SqliteRow::new(row))?);
        }
    }
    Ok(found)
}

fn answer(connection: &Connection, ask: &Ask) -> Result<Found, Failure> {
    let c = connection;
    Ok(match ask {
        Ask::PeekAttention(ids) => {
            let ids = ids.iter().map(|id| id.0);
            let found = each(c, &ATTENTION_BY_ID, ids, |row| layout::attention(row))?;
            Found::Attention(found.into_iter().flatten().collect())
        }
        Ask::LinksById(ids) => {
            Found::Links(each(c, &LINKS_BY_ID, ids.iter().map(|id| id.0), |row| layout::link(row))?)
        }
        Ask::LinksBySlug(slugs) => Found::Links(each(c, &LINKS_BY_SLUG, slugs, |row| layout::link(row))?),
        Ask::Payments { ids, parents } => {
            let read = |row: &mut SqliteRow<'_, '_>| layout::payment(row);
            let mut found = each(c, &PAYMENTS_BY_ID, ids.iter().map(|id| id.get()), read)?;
            found.extend(each(c, &PAYMENTS_BY_PARENT, parents.iter().map(|id| id.get()), read)?);
            Found::Payments(found)
        }
        Ask::PaymentsByOrder { orders, known } => {
            // As a rule the only payment of an order is the one by which the order was found: the index says so without a look at the row.
            let mut ids: Vec<i64> = Vec::new();
            let mut statement = c.prepare_cached(PAYMENT_IDS_BY_ORDER).map_err(failure)?;
            for order in orders {
                let mut rows = statement.query([order.0]).map_err(failure)?;
                while let Some(row) = rows.next().map_err(failure)? {
                    ids.push(row.get(0).map_err(failure)?);
                }
            }
            ids.retain(|id| known.binary_search_by_key(id, |known| known.get()).is_err());
            Found::Payments(each(c, &PAYMENTS_BY_ID, ids, |row| layout::payment(row))?)
        }
        Ask::OrdersById(ids) => {
            Found::Orders(each(c, &ORDERS_BY_ID, ids.iter().map(|id| id.0), |row| layout::order(row))?)
        }
        Ask::OrdersByClaim(claims) => {
            Found::Orders(each(c, &ORDERS_BY_CLAIM, claims.iter().map(|claim| claim.0), |row| {
                layout::order(row)
            })?)
        }
        Ask::OrdersByWish(wishes) => {
            let mut found = Vec::new();
            for (user, plan) in wishes {
                let key: [&dyn ToSql; 2] = [&user.get(), &plan.0];
                query(c, &NEWEST_BY_WISH, &key, |row| layout::order(row), &mut found)?;
            }
            Found::Orders(found)
        }
        Ask::GrantsById(ids) => grants(c, &GRANTS_BY_ID, ids.iter().map(|id| id.0))?,
        Ask::GrantsByOrder(ids) => grants(c, &GRANTS_BY_ORDER, ids.iter().map(|id| id.0))?,
        Ask::GrantsByMembership(ids) => grants(c, &GRANTS_BY_MEMBERSHIP, ids.iter().map(|id| id.0))?,
        Ask::ChannelsToChange(ids) | Ask::ChannelsById(ids) => {
            channels(c, &CHANNELS_BY_ID, ids.iter().map(|id| id.0))?
        }
        Ask::ChannelsByPrivateChat(chats) => {
            channels(c, &CHANNELS_BY_PRIVATE_CHAT, chats.iter().map(|chat| chat.get()))?
        }
        Ask::ChannelsByPublicChat(chats) => {
            channels(c, &CHANNELS_BY_PUBLIC_CHAT, chats.iter().map(|chat| chat.get()))?
        }
        Ask::MembershipsById(ids) => {
            Found::Memberships(each(c, &MEMBERSHIPS_BY_ID, ids.iter().map(|id| id.0), |row| {
                layout::membership(row)
            })?)
        }
        Ask::MembershipsByMember(members) => {
            let mut found = Vec::new();
            for (channel, user) in members {
                let key: [&dyn ToSql; 2] = [&channel.0, &user.get()];
                query(c, &MEMBERSHIPS_BY_MEMBER, &key, |row| layout::membership(row), &mut found)?;
            }
            Found::Memberships(found)
        }
        Ask::MembershipsByUser(users) => {
            Found::Memberships(each(c, &MEMBERSHIPS_BY_USER, users.iter().map(|user| user.get()), |row| {
                layout::membership(row)
            })?)
        }
        Ask::PresencesByMember(members) => {
            let mut found = Vec::new();
            for (channel, user) in members {
                let key: [&dyn ToSql; 2] = [&channel.0, &user.get()];
                query(c, &PRESENCES_BY_MEMBER, &key, |row| layout::presence(row), &mut found)?;
            }
            Found::Presences(found)
        }
        Ask::RunsById(ids) => {
            Found::Runs(each(c, &RUNS_BY_ID, ids.iter().map(|id| id.0), |row| layout::run(row))?)
        }
        Ask::NewestRuns(channels) => {
            Found::Runs(each(c, &NEWEST_RUN, channels.iter().map(|id| id.0), |row| layout::run(row))?)
        }
        Ask::Switches(names) => {
            let names = names.iter().map(|name| name.as_str());
            Found::Switches(each(c, &SWITCHES_BY_NAME, names, |row| layout::switch(row))?)
        }
        Ask::BotChats(chats) => {
            let chats = chats.iter().map(|chat| chat.get());
            Found::BotChats(each(c, &BOT_CHATS_BY_ID, chats, |row| layout::bot_chat(row))?)
        }
        Ask::BotChatsBy(users) => {
            let users = users.iter().map(|user| user.get());
            Found::BotChats(each(c, &BOT_CHATS_BY_USER, users, |row| layout::bot_chat(row))?)
        }
        Ask::Dialogues(users) => {
            let users = users.iter().map(|user| user.get());
            Found::Dialogues(each(c, &DIALOGUES_BY_USER, users, |row| layout::dialogue(row))?)
        }
        Ask::Offers(channels) => {
            let ids = channels.iter().map(|id| id.0);
            Found::Offers(each(c, &OFFERS_BY_CHANNEL, ids, |row| layout::offer(row))?)
        }
        Ask::AttentionBySubject(subjects) => {
            let texts = subjects.iter().map(ToString::to_string);
            let found = each(c, &ATTENTION_BY_SUBJECT, texts, |row| layout::attention(row))?;
            Found::Attention(found.into_iter().flatten().collect())
        }
        Ask::JobsById(ids) => {
            Found::Jobs(each(c, &JOBS_BY_ID, ids.iter().map(|id| id.0), |row| layout::job(row))?)
        }
        Ask::HeldJobs(channels) => {
            Found::Jobs(each(c, &JOBS_HELD, channels.iter().map(|id| id.0), |row| layout::job(row))?)
        }
        Ask::DueJobs(due) => {
            let mut found = Vec::new();
            let parameters: [&dyn ToSql; 2] = [&due.now.as_microsecond(), &due.limit];
            query(c, &JOBS_READY, &parameters, |row| Ok(layout::due_job(row)), &mut found)?;
            query(c, &JOBS_LAPSED, &parameters, |row| Ok(layout::due_job(row)), &mut found)?;
            Found::Jobs(found.into_iter().flatten().collect())
        }
    })
}

fn grants<K: ToSql>(
    connection: &Connection,
    sql: &str,
    keys: impl IntoIterator<Item = K>,
) -> Result<Found, Failure> {
    Ok(Found::Grants(each(connection, sql, keys, |row| layout::grant(row))?))
}

fn channels<K: ToSql>(
    connection: &Connection,
    sql: &str,
    keys: impl IntoIterator<Item = K>,
) -> Result<Found, Failure> {
    let found = each(connection, sql, keys, |row| layout::channel(row))?;
    Ok(Found::Channels(with_plans(connection, found)?))
}

/// Puts their plans into channels.
pub(crate) fn with_plans(connection: &Connection, channels: Vec<Channel>) -> Result<Vec<Channel>, Failure> {
    channels
        .into_iter()
        .map(|channel| {
            let mut plans: Vec<(i64, Plan)> = Vec::new();
            query(connection, &PLANS_BY_CHANNEL, &[&channel.id.0], |row| layout::plan(row), &mut plans)?;
            Ok(in_order(channel, plans))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;
    use crate::migrate::SQLITE;

    /// By which index SQLite finds the rows of a query.
    fn plan(connection: &Connection, sql: &str) -> String {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let parameters = vec![0_i64; statement.parameter_count()];
        let rows = statement.query_map(rusqlite::params_from_iter(parameters), |row| row.get(3)).unwrap();
        rows.collect::<Result<Vec<String>, _>>().unwrap().join("; ")
    }

    /// The writer asks these for every batch and every second: a table that is read as a whole grows slower with each day.
    #[test]
    fn every_query_of_the_writer_finds_its_rows_by_an_index_that_holds_them_alone() {
        let connection = Connection::open_in_memory().unwrap();
        for migration in SQLITE {
            connection.execute_batch(migration.sql).unwrap();
        }
        for sql in ALL {
            let plan = plan(&connection, sql);
            assert!(plan.starts_with("SEARCH") && !plan.contains("SCAN"), "{plan}: {}", sql.as_str());
        }
        for (sql, index) in
            [(&JOBS_READY, "jobs_ready"), (&JOBS_LAPSED, "jobs_leased"), (&JOBS_HELD, "jobs_held")]
        {
            let plan = plan(&connection, sql);
            assert!(plan.contains(&format!("USING INDEX {index} ")), "{plan}: {}", sql.as_str());
        }
    }

    #[test]
    fn no_query_is_prepared_at_every_use() {
        let connection = Connection::open_in_memory().unwrap();
        for migration in SQLITE {
            connection.execute_batch(migration.sql).unwrap();
        }
        // Of what is asked with an ORDER BY, SQLite looks at the values anew each time. Claims are rare enough.
        for sql in ALL.iter().filter(|sql| !sql.contains("ORDER BY")) {
            let mut statement = connection.prepare(sql).unwrap();
            for number in 0..3_i64 {
                let parameters = [number; 2];
                let parameters = &parameters[..statement.parameter_count()];
                let mut rows = statement.query(rusqlite::params_from_iter(parameters)).unwrap();
                assert!(rows.next().unwrap().is_none());
            }
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0, "{}", sql.as_str());
        }
    }
}
