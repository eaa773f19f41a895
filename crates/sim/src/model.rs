//! What must hold, told without the rules: its own queries, its own arithmetic, and what it saw go in and out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use sha2::{Digest, Sha256};
use tollhouse_core::event::Received;
use tollhouse_core::presence::Standing;

/// Something that must never be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Of which promise.
    pub promise: &'static str,
    /// What was seen.
    pub what: String,
}

/// A microsecond count of a day and of the grace after an end, which the simulated channel leaves at its default.
const DAY_US: i64 = 86_400_000_000;
const GRACE_US: i64 = DAY_US;
/// After so many attempts a job is given up.
const ATTEMPTS_MAX: u32 = 16;
/// Why the simulated operator takes a membership back.
pub const BY_HAND: &str = "by hand";
/// The order in which the provider's words outweigh each other.
const OUTWEIGHS: [&str; 9] = [
    "waiting",
    "confirming",
    "confirmed",
    "sending",
    "expired",
    "failed",
    "partially_paid",
    "finished",
    "refunded",
];

/// What it knows.
pub struct Model {
    db: Connection,
    /// Of each payment the weightiest word that was answered with 200.
    told: BTreeMap<i64, usize>,
    /// How often each notice to the owner was tried and failed. Nothing asks for one again, so that all its tries count.
    failed: BTreeMap<Vec<u8>, u32>,
    /// Of each payment the prices that were answered with 200.
    prices: BTreeMap<i64, BTreeSet<String>>,
    /// How each stood to the chat when Telegram was last heard.
    standing: BTreeMap<i64, Standing>,
    /// Whose each order is that was bound to an account.
    owners: BTreeMap<Vec<u8>, i64>,
    accepted: u64,
}

type Check = Result<(), Violation>;

/// When a membership ends, in microseconds.
#[derive(Debug, Default)]
struct End {
    stored: i64,
    /// By its periods; none if all were taken back.
    live: Option<i64>,
    /// When the last was taken back.
    taken_back: i64,
}

fn broken(promise: &'static str, what: impl Into<String>) -> Check {
    Err(Violation { promise, what: what.into() })
}

/// The database must be readable: that is part of what is promised.
fn unreadable(error: &rusqlite::Error) -> Violation {
    Violation { promise: "the database can be read", what: error.to_string() }
}

impl Model {
    /// Looks at a database.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(path: &Path) -> Result<Self, Violation> {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
        Ok(Self {
            db: db.map_err(|error| unreadable(&error))?,
            told: BTreeMap::new(),
            failed: BTreeMap::new(),
            prices: BTreeMap::new(),
            standing: BTreeMap::new(),
            owners: BTreeMap::new(),
            accepted: 0,
        })
    }

    fn number(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<i64, Violation> {
        let found = self.db.prepare_cached(sql).and_then(|mut statement| {
            statement.query_row(parameters, |row| row.get::<_, Option<i64>>(0)).optional()
        });
        Ok(found.map_err(|error| unreadable(&error))?.flatten().unwrap_or(0))
    }

    /// I1: what is answered with 200 is in the log, byte for byte. I4: and its word counts.
    ///
    /// # Errors
    /// It is not, or does not.
    pub fn accepted(&mut self, received: &Received) -> Check {
        self.accepted += 1;
        let id = received.facts.payment_id.get();
        let sql = "SELECT count(*) FROM ipn_events WHERE payment_id = ?1 AND body = ?2";
        if self.number(sql, params![id, received.body])? == 0 {
            return broken("I1 what is answered with 200 is stored", format!("payment {id}"));
        }
        let word = received.facts.status.as_str();
        let weight = OUTWEIGHS.iter().position(|known| *known == word).unwrap_or(0);
        self.prices.entry(id).or_default().insert(format!("{:?}", received.facts.price));
        let heaviest = self.told.entry(id).or_default();
        *heaviest = weight.max(*heaviest);
        self.payment(id)
    }

    fn payment(&self, id: i64) -> Check {
        let Some(&heaviest) = self.told.get(&id) else { return Ok(()) };
        let word: Option<String> = self
            .db
            .prepare_cached("SELECT status FROM payments WHERE id = ?1")
            .and_then(|mut statement| statement.query_row([id], |row| row.get(0)).optional())
            .map_err(|error| unreadable(&error))?;
        match word.as_deref().map(|word| OUTWEIGHS.iter().position(|known| *known == word)) {
            // More may be stored than was answered.
            Some(Some(weight)) if weight >= heaviest => Ok(()),
            _ => broken(
                "I4 the order of arrival does not matter",
                format!("payment {id} is {word:?}, and was {}", OUTWEIGHS[heaviest]),
            ),
        }
    }

    /// What must hold after every step.
    ///
    /// # Errors
    /// What does not.
    pub fn always(&self) -> Check {
        let twice = "SELECT count(*) FROM (SELECT 1 FROM grants WHERE order_id IS NOT NULL GROUP BY order_id HAVING count(*) > 1)";
        if self.number(twice, [])? > 0 {
            return broken("I2 one order, at most one grant", "an order has two");
        }
        let silent = "SELECT payments.id FROM payments WHERE status IN ('finished', 'partially_paid') \
            AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.order_id = payments.order_id) \
            AND NOT EXISTS (SELECT 1 FROM attention WHERE resolved_at IS NULL AND (\
                subject IN ('payment:' || payments.id, 'order:ord_' || lower(hex(payments.order_id))) \
                OR subject IN (SELECT 'payment:' || other.id FROM payments AS other \
                    WHERE other.order_id = payments.order_id))) LIMIT 1";
        match self.number(silent, [])? {
            0 => self.ends(),
            payment => broken("I3 money never ends in silence", format!("payment {payment} brought money")),
        }
    }

    /// I8: the end of a membership is what its periods make of it, one behind the other.
    fn ends(&self) -> Check {
        let mut statement = self
            .db
            .prepare_cached(
                "SELECT hex(membership_id), granted_at, duration_days, m.ends_at, revoked_at FROM grants \
                 JOIN memberships AS m ON m.id = membership_id ORDER BY membership_id, granted_at, grants.id",
            )
            .map_err(|error| unreadable(&error))?;
        let mut rows = statement.query([]).map_err(|error| unreadable(&error))?;
        let mut ends: BTreeMap<String, End> = BTreeMap::new();
        while let Some(row) = rows.next().map_err(|error| unreadable(&error))? {
            let read = || -> rusqlite::Result<(String, i64, i64, i64, Option<i64>)> {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            };
            let (id, granted_at, days, stored, revoked_at) = read().map_err(|error| unreadable(&error))?;
            let end = ends.entry(id).or_insert(End { stored, ..End::default() });
            match revoked_at {
                Some(at) => end.taken_back = end.taken_back.max(at),
                None => {
                    end.live = Some(end.live.map_or(granted_at, |live| live.max(granted_at)) + days * DAY_US);
                }
            }
        }
        match ends.iter().find(|(_, end)| end.stored != end.live.unwrap_or(end.taken_back)) {
            None => Ok(()),
            Some((id, end)) => {
                broken("I8 an end is the fold of the periods", format!("membership {id}: {end:?}"))
            }
        }
    }

    /// When somebody must be out, in microseconds; 0 if they never were a member.
    fn out_at(&self, user: i64) -> Result<i64, Violation> {
        let due = "SELECT CASE WHEN status = 'revoked' THEN ends_at ELSE ends_at + ?2 END FROM memberships WHERE telegram_user = ?1";
        self.number(due, [user, GRACE_US])
    }

    /// I9: nobody is shown out whose time is not over, as it stood when that was decided.
    ///
    /// # Errors
    /// Somebody is.
    pub fn removal(&self, user: i64, now_us: i64) -> Check {
        let out_at = self.out_at(user)?;
        if out_at > now_us {
            return broken(
                "I9 no removal before the end and the grace",
                format!("user {user} has paid until {out_at}, now is {now_us}"),
            );
        }
        Ok(())
    }

    /// I11: nobody is let in who has not paid.
    ///
    /// # Errors
    /// Somebody is.
    pub fn approval(&self, user: i64, now_us: i64) -> Check {
        let out_at = self.out_at(user)?;
        if out_at <= now_us {
            return broken(
                "I11 only the payer is let in",
                format!("user {user} was due out at {out_at}, now is {now_us}"),
            );
        }
        Ok(())
    }

    /// I5: a notice that fails is tried a bounded number of times.
    ///
    /// # Errors
    /// It is tried for ever.
    pub fn notice_failed(&mut self, job: &[u8]) -> Check {
        let times = self.failed.entry(job.to_owned()).or_default();
        *times += 1;
        if *times > ATTEMPTS_MAX {
            return broken("I5 a job is tried a bounded number of times", format!("{times} times"));
        }
        Ok(())
    }

    /// I5: what goes out was a row first.
    ///
    /// # Errors
    /// It was not.
    pub fn effect(&self, job: &[u8]) -> Check {
        match self.number("SELECT count(*) FROM jobs WHERE id = ?1", [job])? {
            0 => broken("I5 effects come only from committed rows", "a job without a row"),
            _ => Ok(()),
        }
    }

    /// How many times the notice that failed most often was tried.
    #[must_use]
    pub fn notice_failures_max(&self) -> u32 {
        self.failed.values().copied().max().unwrap_or(0)
    }

    /// Who holds a job, to see whether a lapsed holder changes something.
    ///
    /// # Errors
    /// The database's.
    pub fn holder(&self, job: &[u8]) -> Result<Option<Vec<u8>>, Violation> {
        let read = self
            .db
            .prepare_cached("SELECT lease_token FROM jobs WHERE id = ?1")
            .and_then(|mut statement| statement.query_row([job], |row| row.get(0)));
        read.map_err(|error| unreadable(&error))
    }

    /// Telegram was heard.
    pub fn heard(&mut self, user: i64, standing: Standing) {
        self.standing.insert(user, standing);
    }

    /// An order was bound to an account.
    pub fn claimed(&mut self, order: &[u8], user: i64) {
        self.owners.insert(order.to_owned(), user);
    }

    /// A ban that is known to be a person's is lifted by no job.
    ///
    /// # Errors
    /// It is.
    pub fn lifts_ban(&self, user: i64) -> Check {
        match self.standing.get(&user) {
            Some(Standing::Banned) => {
                broken("what a person has banned a person lets in", format!("user {user}"))
            }
            _ => Ok(()),
        }
    }

    /// What is known of who is inside is what Telegram told last.
    ///
    /// # Errors
    /// It is not.
    pub fn knows(&self, user: i64, standing: Standing) -> Check {
        let known: Option<String> = self
            .db
            .prepare_cached("SELECT standing FROM presences WHERE telegram_user = ?1")
            .and_then(|mut statement| statement.query_row([user], |row| row.get(0)).optional())
            .map_err(|error| unreadable(&error))?
            .flatten();
        // Of whom nothing was ever told nothing need be known.
        if known.as_deref().unwrap_or("outside") == standing.as_str() {
            return Ok(());
        }
        broken(
            "what is known of who is inside is what Telegram told",
            format!("user {user} is {}, and known as {known:?}", standing.as_str()),
        )
    }

    /// Whether somebody stands on the list for a reason.
    ///
    /// # Errors
    /// The database's.
    pub fn is_on_list(&self, user: i64, reason: &str) -> Result<bool, Violation> {
        let sql = "SELECT count(*) FROM attention WHERE resolved_at IS NULL AND reason = ?2 AND subject LIKE 'member:%:' || ?1";
        Ok(self.number(sql, params![user, reason])? > 0)
    }

    /// Whose membership this is.
    ///
    /// # Errors
    /// The database's.
    pub fn member(&self, membership: &[u8]) -> Result<i64, Violation> {
        self.number("SELECT telegram_user FROM memberships WHERE id = ?1", [membership])
    }

    /// Whether somebody is to be inside at that time.
    ///
    /// # Errors
    /// The database's.
    pub fn is_member(&self, user: i64, now_us: i64) -> Result<bool, Violation> {
        Ok(self.out_at(user)? > now_us)
    }

    /// When the next job is due, in microseconds.
    ///
    /// # Errors
    /// The database's.
    pub fn next_due(&self) -> Result<Option<i64>, Violation> {
        let due = "SELECT min(CASE state WHEN 'ready' THEN run_at ELSE lease_until END) FROM jobs WHERE state IN ('ready', 'leased')";
        Ok(Some(self.number(due, [])?).filter(|at| *at != 0))
    }

    /// Whether a job about somebody was given up: a person has been called then.
    ///
    /// # Errors
    /// The database's.
    pub fn is_given_up(&self, user: i64) -> Result<bool, Violation> {
        let dead = "SELECT count(*) FROM jobs WHERE state = 'dead' AND (subject LIKE '%:' || ?1 || ':%' OR EXISTS (\
            SELECT 1 FROM memberships AS m LEFT JOIN grants AS g ON g.membership_id = m.id WHERE m.telegram_user = ?1 \
            AND subject IN ('membership:mem_' || lower(hex(m.id)), 'grant:grt_' || lower(hex(g.id)))))";
        Ok(self.number(dead, [user])? > 0)
    }

    /// The item by which a run of removals waits for a person, if one does.
    ///
    /// # Errors
    /// The database's.
    pub fn stopped_run(&self) -> Result<Option<Vec<u8>>, Violation> {
        let sql =
            "SELECT id FROM attention WHERE reason = 'removals_stopped' AND resolved_at IS NULL LIMIT 1";
        let read = self
            .db
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)).optional());
        read.map_err(|error| unreadable(&error))
    }

    /// When nothing is left to do: each payment counts as the weightiest that was said of it, and the audit log is a chain.
    ///
    /// # Errors
    /// What does not hold.
    pub fn at_rest(&self) -> Check {
        for id in self.told.keys() {
            self.payment(*id)?;
        }
        self.audit()?;
        let silent = "SELECT count(*) FROM jobs WHERE state = 'dead' AND NOT EXISTS (SELECT 1 FROM attention \
            WHERE subject = 'job:job_' || lower(hex(jobs.id)))";
        if self.number(silent, [])? > 0 {
            return broken("I5 what is given up is on the list", "a job is dead, and nobody was called");
        }
        // Of several payments I3 says the same: a grant, or something on the list.
        let paid = "SELECT payments.id FROM payments WHERE status = 'finished' AND order_id IS NOT NULL \
            AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.order_id = payments.order_id \
                AND (revoked_at IS NULL OR revoked_reason = ?1)) \
            AND price_amount = (SELECT price_amount FROM orders WHERE orders.id = payments.order_id) \
            AND parent_payment_id IS NULL \
            AND (SELECT count(*) FROM payments AS other WHERE other.order_id = payments.order_id) = 1 \
            AND NOT EXISTS (SELECT 1 FROM attention WHERE resolved_at IS NULL AND reason = 'contradiction' \
                AND subject = 'payment:' || payments.id)";
        match self.number(paid, [BY_HAND])? {
            0 => {}
            id => return broken("each paid order ends in access", format!("that of payment {id} did not")),
        }
        for (id, prices) in self.prices.iter().filter(|(_, prices)| prices.len() > 1) {
            let called = "SELECT count(*) FROM attention WHERE subject = 'payment:' || ?1 AND reason = 'contradiction'";
            if self.number(called, [id])? == 0 {
                return broken(
                    "contradictions are for a person",
                    format!("payment {id} was said to cost {prices:?}"),
                );
            }
        }
        for (order, user) in &self.owners {
            let owner = self.number("SELECT telegram_user FROM orders WHERE id = ?1", [order])?;
            if owner != *user {
                return broken(
                    "an order stays with the first account",
                    format!("{owner} has that of {user}"),
                );
            }
        }
        Ok(())
    }

    /// I8: each entry of the audit log is sealed behind the one before.
    fn audit(&self) -> Check {
        let mut statement = self
            .db
            .prepare_cached("SELECT sequence, at, hash, actor, action, subject, reason, detail FROM audit ORDER BY sequence")
            .map_err(|error| unreadable(&error))?;
        let mut rows = statement.query([]).map_err(|error| unreadable(&error))?;
        let (mut previous, mut expected) = (vec![0; 32], 0_i64);
        while let Some(row) = rows.next().map_err(|error| unreadable(&error))? {
            let mut hash = Sha256::new();
            hash.update(&previous);
            let mut read = || -> rusqlite::Result<(i64, Vec<u8>)> {
                let (sequence, at): (i64, i64) = (row.get(0)?, row.get(1)?);
                hash.update(sequence.to_be_bytes());
                hash.update(at.to_be_bytes());
                for column in 3..8 {
                    let text: String = row.get(column)?;
                    hash.update((text.len() as u64).to_be_bytes());
                    hash.update(text);
                }
                Ok((sequence, row.get(2)?))
            };
            let (sequence, stored) = read().map_err(|error| unreadable(&error))?;
            expected += 1;
            if sequence != expected || hash.finalize().as_slice() != stored {
                return broken("I8 the audit log is a chain", format!("entry {sequence} does not follow"));
            }
            previous = stored;
        }
        Ok(())
    }

    /// How many notifications were answered with 200.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.accepted
    }

    /// Everything that is stored of money, memberships, periods, jobs and the list, for the digest of a run and to see whether
    /// something changes.
    ///
    /// # Errors
    /// The database's.
    pub fn dump(&self) -> Result<String, Violation> {
        let sql = "SELECT group_concat(line, char(10)) FROM (\
            SELECT concat_ws(' ', hex(id), telegram_user, status, ends_at, invite_link) AS line FROM memberships UNION ALL \
            SELECT concat_ws(' ', hex(id), hex(order_id), granted_at, revoked_at, delivered_at) FROM grants UNION ALL \
            SELECT concat_ws(' ', hex(id), kind, subject, state, run_at, attempt, hex(lease_token), payload, last_error) FROM jobs UNION ALL \
            SELECT concat_ws(' ', hex(id), state) FROM orders UNION ALL \
            SELECT concat_ws(' ', id, status, hex(order_id)) FROM payments UNION ALL \
            SELECT concat_ws(' ', hex(id), subject, reason, resolved_at) FROM attention UNION ALL \
            SELECT concat_ws(' ', sequence, hex(hash)) FROM audit)";
        let read = self.db.query_row(sql, [], |row| row.get::<_, Option<String>>(0));
        Ok(read.map_err(|error| unreadable(&error))?.unwrap_or_default())
    }
}
