//! The pages that say which test shows what name tests that exist: a page that promises a proof which was renamed or
//! taken away is worse than one that promises nothing.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, bail};

use crate::{cases, repository};

/// The pages.
const PAGES: [&str; 3] = ["ARCHITECTURE.md", "docs/src/reliability.md", "docs/src/security.md"];
/// A name in backquotes with so many underscores is a test's: functions and columns have shorter ones.
const UNDERSCORES_MIN: usize = 3;
/// Names of as many underscores that are no test's: metrics, and PostgreSQL's own.
const OTHERS: [&str; 2] = ["tollhouse_", "pg_"];

/// Fails if a page names a test that the test binaries, by their answer to `--list`, do not have.
pub(crate) fn check(listed: &str) -> Result<()> {
    for page in PAGES {
        let text =
            fs::read_to_string(repository().join(page)).with_context(|| format!("cannot read {page}"))?;
        let named = named_tests(&text);
        let missing = missing(&named, listed);
        if !missing.is_empty() {
            bail!("{page} names tests that there are not: {}", missing.join(", "));
        }
        println!("{page}: {} tests are named, and all are there", named.len());
    }
    Ok(())
}

fn missing<'n>(named: &BTreeSet<&'n str>, listed: &str) -> Vec<&'n str> {
    let there: BTreeSet<&str> = cases::test_names(listed).flat_map(|test| test.split("::")).collect();
    named.iter().copied().filter(|name| !there.contains(name)).collect()
}

/// The names in backquotes that can only be a test's.
fn named_tests(page: &str) -> BTreeSet<&str> {
    page.split('`').skip(1).step_by(2).filter(|name| is_test(name)).collect()
}

fn is_test(name: &str) -> bool {
    let is_name = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    let is_long = name.matches('_').count() >= UNDERSCORES_MIN;
    is_name
        && (is_long || !cases::cases_of(name).is_empty())
        && !OTHERS.iter().any(|other| name.starts_with(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_test_is_taken_for_one() {
        let page = "`f03_renewal`, `order::assess`, `a_lost_lease_finishes_nothing` (`find_order`),\n`tollhouse_ipn_rejected_total`\n\
                    ```text\na_b_c_d\n```\n`pg_advisory_xact_lock` `…_on_a_b_postgres`";
        let found: Vec<_> = named_tests(page).into_iter().collect();
        assert_eq!(found, ["a_lost_lease_finishes_nothing", "f03_renewal"]);
    }

    #[test]
    fn a_name_is_found_wherever_it_stands_in_a_path() {
        let named = named_tests("`f03_renewal` `a_lost_lease_finishes_nothing`");
        let listed = "sqlite::f03_renewal: test\ntests::a_lost_lease_finishes_nothing::postgres: test";
        assert_eq!(missing(&named, listed), Vec::<&str>::new());
        assert_eq!(missing(&named, "f03_renewals: test"), ["a_lost_lease_finishes_nothing", "f03_renewal"]);
    }
}
