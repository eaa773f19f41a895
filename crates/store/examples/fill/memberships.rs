//! Fills a database with memberships past the store: millions of them one by one would take hours. Each has its grant and the job that ends it,
//! as the rules make them; one ends in each second.

use jiff::Timestamp;
use tollhouse_core::id::ChannelId;

/// Members' numbers at Telegram lie this far from each other, so that others fit between them.
const USERS_APART: u64 = 1_000;
/// The page cache of SQLite while it is filled, in KiB.
const CACHE_KIB: i64 = 1_024 * 1_024;

/// Fills it. Nobody else may use it meanwhile.
pub async fn fill(url: &str, channel: ChannelId, size: u64, begun: Timestamp) {
    match url.strip_prefix("sqlite://") {
        Some(path) => sqlite(path, channel, size, begun),
        None => postgres(url, channel, size, begun).await,
    }
}

async fn postgres(url: &str, channel: ChannelId, size: u64, begun: Timestamp) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    let channel = channel.0;
    let id = |table: u8, number: &str| {
        format!("('01900000-0000-7000-800{table}-' || lpad(to_hex({number}), 12, '0'))::uuid")
    };
    let (membership, grant, job) =
        (id(0, "number"), id(1, "row_number() OVER ()"), id(2, "row_number() OVER ()"));
    let sql = format!(
        "INSERT INTO memberships (id, channel_id, telegram_user, status, starts_at, ends_at, updated_at)
         SELECT {membership}, '{channel}', number * {USERS_APART}, 'active', '{begun}', '{begun}'::timestamptz + number * interval '1 second', '{begun}'
         FROM generate_series(1, {size}::bigint) AS number;
         INSERT INTO grants (id, channel_id, membership_id, duration_days, granted_at, period_starts_at, period_ends_at, awaits_payment)
         SELECT {grant}, channel_id, id, 1, starts_at, starts_at, ends_at, false FROM memberships;
         INSERT INTO jobs (id, kind, subject, channel_id, payload, state, run_at, attempt, created_at)
         SELECT {job}, 'end_membership', 'membership:' || mem, channel_id,
                '{{\"kind\":\"end_membership\",\"membership_id\":\"' || mem || '\",\"removing\":false}}', 'ready', ends_at, 0, starts_at
         FROM (SELECT *, 'mem_' || replace(id::text, '-', '') AS mem FROM memberships) AS named;"
    );
    client.batch_execute(&sql).await.unwrap();
    for table in ["memberships", "grants", "jobs"] {
        client.batch_execute(&format!("VACUUM ANALYZE {table}")).await.unwrap();
    }
    client.batch_execute("CHECKPOINT").await.unwrap();
    drop(client);
    driver.await.unwrap().unwrap();
}

fn sqlite(path: &str, channel: ChannelId, size: u64, begun: Timestamp) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let (begun, channel) = (begun.as_microsecond(), channel.0.simple());
    // It is thrown away if this fails; the store makes it durable again when it opens it.
    let sql = format!(
        "PRAGMA journal_mode = off; PRAGMA synchronous = off; PRAGMA cache_size = -{CACHE_KIB};
         BEGIN;
         INSERT INTO memberships (id, channel_id, telegram_user, status, starts_at, ends_at, updated_at)
         SELECT unhex('01900000000070008000' || printf('%012x', value)), unhex('{channel}'), value * {USERS_APART}, 'active', {begun}, {begun} + value * 1000000, {begun}
         FROM (WITH RECURSIVE numbers (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM numbers WHERE value < {size}) SELECT value FROM numbers);
         INSERT INTO grants (id, channel_id, membership_id, duration_days, granted_at, period_starts_at, period_ends_at, awaits_payment)
         SELECT unhex('01900000000070008001' || substr(hex(id), 21)), channel_id, id, 1, starts_at, starts_at, ends_at, 0 FROM memberships;
         INSERT INTO jobs (id, kind, subject, channel_id, payload, state, run_at, attempt, created_at)
         SELECT unhex('01900000000070008002' || substr(hex(id), 21)), 'end_membership', 'membership:mem_' || lower(hex(id)), channel_id,
                '{{\"kind\":\"end_membership\",\"membership_id\":\"mem_' || lower(hex(id)) || '\",\"removing\":false}}', 'ready', ends_at, 0, starts_at
         FROM memberships;
         COMMIT;"
    );
    connection.execute_batch(&sql).unwrap();
    connection.close().unwrap();
}
