//! Migrations: numbered SQL files, each run in a transaction of its own and recorded with its checksum.
//!
//! Our own few lines rather than a library: the ones that fit (refinery, for instance) take no lock across processes, and several
//! processes do start at once. Here PostgreSQL's advisory lock and SQLite's `BEGIN IMMEDIATE` let one migrate and the others wait.

use sha2::{Digest, Sha256};

use crate::OpenError;

/// One file.
pub(crate) struct Migration {
    pub(crate) number: i64,
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

impl Migration {
    /// The file's fingerprint, so that one that was changed after it was run is noticed.
    pub(crate) fn checksum(&self) -> String {
        Sha256::digest(self.sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

macro_rules! migrations {
    ($name:ident, $folder:literal: $($number:literal $file:literal,)*) => {
        pub(crate) static $name: &[Migration] = &[$(Migration {
            number: $number,
            name: $file,
            sql: include_str!(concat!("../migrations/", $folder, "/", $file, ".sql")),
        },)*];
    };
}

migrations!(SQLITE, "sqlite": 1 "0001_initial", 2 "0002_dialogues", 3 "0003_payouts", 4 "0004_bot_chats", 5 "0005_offers", 6 "0006_wishes",);
migrations!(POSTGRES, "postgres": 1 "0001_initial", 2 "0002_dialogues", 3 "0003_payouts", 4 "0004_bot_chats", 5 "0005_offers", 6 "0006_wishes",);

/// The table in which they are recorded; the same for both engines.
pub(crate) const SCHEMA_MIGRATIONS: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
  number   BIGINT NOT NULL PRIMARY KEY,
  name     TEXT   NOT NULL,
  checksum TEXT   NOT NULL
)";

/// From which number to which the schema went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// Before; 0 for an empty database.
    pub from: i64,
    /// Now.
    pub to: i64,
}

/// What is still to be run, given what was.
pub(crate) fn pending<'m>(
    known: &'m [Migration],
    applied: &[(i64, String)],
) -> Result<&'m [Migration], OpenError> {
    let newest = known.last().map_or(0, |migration| migration.number);
    let found = applied.iter().map(|(number, _)| *number).max().unwrap_or(0);
    if found > newest {
        return Err(OpenError::Newer { found, known: newest });
    }
    for migration in known.iter().take_while(|migration| migration.number <= found) {
        let number = migration.number;
        match applied.iter().find(|(applied, _)| *applied == number) {
            Some((_, checksum)) if *checksum == migration.checksum() => {}
            Some(_) => {
                let what =
                    "it was run with another text: this program was built from another history".to_owned();
                return Err(OpenError::Migration { number, what });
            }
            None => {
                let what = format!("it was left out although {found} was run");
                return Err(OpenError::Migration { number, what });
            }
        }
    }
    let done = known.partition_point(|migration| migration.number <= found);
    Ok(&known[done..])
}

/// What a migration does that an older program beside it cannot bear, if it does. While processes are replaced one by one both versions
/// are at work: a migration may add tables, columns that may be left out, and indexes, and nothing else. What is not used any more is
/// taken away a release later.
#[cfg(test)]
fn unbearable(sql: &str) -> Option<String> {
    const WORDS: [&str; 6] = ["DROP ", "RENAME ", "SET NOT NULL", " TYPE ", "DELETE ", "TRUNCATE "];
    let code: Vec<&str> = sql.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
    code.join(" ").split(';').map(|statement| statement.to_uppercase()).find(|statement| {
        let is_change = statement.contains("ALTER ");
        let must_be_given = is_change && statement.contains("NOT NULL") && !statement.contains("DEFAULT");
        must_be_given || WORDS.iter().any(|word| statement.contains(word) && (is_change || *word != " TYPE "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_only_adds() {
        for migration in SQLITE.iter().chain(POSTGRES).filter(|migration| migration.number > 1) {
            let wrong = unbearable(migration.sql);
            assert_eq!(wrong, None, "{}: an older program may be at work beside it", migration.name);
        }
        for bearable in [
            "ALTER TABLE orders ADD COLUMN note TEXT; -- never DROP it",
            "ALTER TABLE orders ADD COLUMN n BIGINT NOT NULL DEFAULT 0",
            "CREATE TABLE t (id BIGINT NOT NULL); CREATE INDEX i ON t (id)",
            "INSERT INTO switches (name) VALUES ('x')",
        ] {
            assert_eq!(unbearable(bearable), None);
        }
        for wrong in [
            "ALTER TABLE orders DROP COLUMN note",
            "DROP TABLE orders",
            "ALTER TABLE orders RENAME TO sales",
            "ALTER TABLE orders ADD COLUMN n BIGINT NOT NULL",
            "ALTER TABLE orders ALTER COLUMN n SET NOT NULL",
            "ALTER TABLE orders ALTER COLUMN n TYPE text",
            "DELETE FROM jobs",
        ] {
            assert!(unbearable(wrong).is_some(), "{wrong}");
        }
    }

    const TWO: &[Migration] = &[
        Migration { number: 1, name: "0001_a", sql: "a" },
        Migration { number: 2, name: "0002_b", sql: "b" },
    ];

    fn applied(migrations: &[Migration]) -> Vec<(i64, String)> {
        migrations.iter().map(|migration| (migration.number, migration.checksum())).collect()
    }

    #[test]
    fn only_what_was_not_run_is_run() {
        let numbers = |applied: &[(i64, String)]| -> Vec<i64> {
            pending(TWO, applied).unwrap().iter().map(|migration| migration.number).collect()
        };
        assert_eq!(numbers(&[]), [1, 2]);
        assert_eq!(numbers(&applied(&TWO[..1])), [2]);
        assert!(numbers(&applied(TWO)).is_empty());
    }

    #[test]
    fn a_newer_or_another_history_is_refused() {
        let mut newer = applied(TWO);
        newer.push((3, "x".to_owned()));
        assert!(matches!(pending(TWO, &newer), Err(OpenError::Newer { found: 3, known: 2 })));
        let changed = [(1, "x".to_owned())];
        assert!(matches!(pending(TWO, &changed), Err(OpenError::Migration { number: 1, .. })));
        let gap = applied(&TWO[1..]);
        assert!(matches!(pending(TWO, &gap), Err(OpenError::Migration { number: 1, .. })));
    }

    #[test]
    fn the_files_are_numbered_from_one_without_gaps() {
        for known in [SQLITE, POSTGRES] {
            for (number, migration) in (1..).zip(known) {
                assert_eq!(migration.number, number);
                assert!(migration.name.starts_with(&format!("{number:04}_")));
            }
        }
        assert_eq!(SQLITE.len(), POSTGRES.len());
    }

    #[test]
    fn f58_channels_of_before_get_the_offer_that_new_ones_begin_with() {
        let begins = serde_json::to_string(&tollhouse_core::offer::Donations::default()).unwrap();
        for known in [SQLITE, POSTGRES] {
            let offers = known.iter().find(|migration| migration.name.ends_with("_offers")).unwrap();
            assert!(offers.sql.contains(&begins), "{begins}");
        }
    }
}
