//! Which cases of the failure list (`failures.md`: F01 to F110, and S01 to S41 about security) have a test. A test that
//! covers a case carries its number in front: `f03_renewal_extends_membership`, `f06_s36_addresses_are_ours`.
//!
//! The names come from the test binaries and not from the source, so that a helper, a test that is not compiled and an
//! ignored test do not count, and one that a macro makes for each engine does.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{Context, Result, bail};

/// Cases that must have a test, one number or range a line.
const REQUIRED: &str = include_str!("../required-cases.txt");
/// F73b was put in after F73 when the numbers had been given out.
const EXTRA: Case = Case { kind: Kind::Failure, number: 73, b: true };

/// Which half of the list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    Failure,
    Security,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Failure, Self::Security];

    fn letter(self) -> char {
        match self {
            Self::Failure => 'F',
            Self::Security => 'S',
        }
    }

    /// The last number.
    fn number_max(self) -> u16 {
        match self {
            Self::Failure => 110,
            Self::Security => 41,
        }
    }

    /// How many cases there are.
    fn count(self) -> usize {
        usize::from(self.number_max()) + usize::from(self == EXTRA.kind)
    }
}

/// One case, `F07`, `F73b` or `S03`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Case {
    kind: Kind,
    number: u16,
    b: bool,
}

impl Case {
    /// Reads `f07`, `F110`, `f73b` or `s03`; nothing else. The number need not be in the list.
    fn parse(text: &str) -> Option<Self> {
        let first = text.chars().next()?.to_ascii_uppercase();
        let kind = Kind::ALL.into_iter().find(|kind| kind.letter() == first)?;
        let digits = text.get(1..)?;
        let (digits, b) = digits.strip_suffix('b').map_or((digits, false), |digits| (digits, true));
        let plain = matches!(digits.len(), 2 | 3) && digits.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self { kind, number: plain.then(|| digits.parse().ok())??, b })
    }

    fn is_listed(self) -> bool {
        self == EXTRA || (!self.b && (1..=self.kind.number_max()).contains(&self.number))
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:02}{}", self.kind.letter(), self.number, if self.b { "b" } else { "" })
    }
}

/// Prints which cases have a test, given what the test binaries answer to `--list` and to `--list --ignored`. Fails if
/// a required case has none, or if a name has a number that the list lacks.
pub(crate) fn check(listed: &str, ignored: &str) -> Result<()> {
    check_against(REQUIRED, listed, ignored)
}

fn check_against(required: &str, listed: &str, ignored: &str) -> Result<()> {
    let required = parse_required(required)?;
    let mut covered = covered_cases(listed);
    for case in covered_cases(ignored) {
        // Another test, or the same one for another engine, may cover it still.
        let count = |names: &str| test_names(names).filter(|name| cases_of(name).contains(&case)).count();
        if count(listed) == count(ignored) {
            covered.remove(&case);
        }
    }
    let unknown: BTreeSet<_> = covered.iter().copied().filter(|case| !case.is_listed()).collect();
    covered.retain(|case| case.is_listed());

    for kind in Kind::ALL {
        let of_kind: BTreeSet<_> = covered.iter().copied().filter(|case| case.kind == kind).collect();
        println!("{} cases with a test: {} of {}", kind.letter(), of_kind.len(), kind.count());
        println!("  {}", join(&of_kind));
    }
    let missing: BTreeSet<_> = required.difference(&covered).copied().collect();
    println!("Required cases with a test: {} of {}", required.len() - missing.len(), required.len());
    if !unknown.is_empty() {
        bail!("test names with a number that the failure list does not have: {}", join(&unknown));
    }
    if !missing.is_empty() {
        bail!("required cases without a test: {}", join(&missing));
    }
    Ok(())
}

fn join(cases: &BTreeSet<Case>) -> String {
    cases.iter().map(Case::to_string).collect::<Vec<_>>().join(" ")
}

fn covered_cases(listed: &str) -> BTreeSet<Case> {
    test_names(listed).flat_map(cases_of).collect()
}

/// The tests in what `--list` prints: lines such as `writer::tests::f32_one_grant: test`.
pub(crate) fn test_names(listed: &str) -> impl Iterator<Item = &str> {
    listed.lines().filter_map(|line| line.trim().strip_suffix(": test"))
}

/// Fails if one of the filters is in no test's name: nothing would be run for it, and that would pass.
pub(crate) fn check_filters(listed: &str, filters: &[String]) -> Result<()> {
    let is_in_none = |filter: &&String| !test_names(listed).any(|test| test.contains(filter.as_str()));
    match filters.iter().find(is_in_none) {
        Some(filter) => bail!("no test's name contains {filter:?}"),
        None => Ok(()),
    }
}

/// The numbers in front of a test's own name, or of the module that a macro named after it.
pub(crate) fn cases_of(test: &str) -> Vec<Case> {
    test.split("::").flat_map(|name| name.split('_').map_while(Case::parse)).collect()
}

fn parse_required(text: &str) -> Result<BTreeSet<Case>> {
    let mut cases = BTreeSet::new();
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    for line in lines.filter(|line| !line.is_empty()) {
        let (first, last) = line.split_once('-').unwrap_or((line, line));
        let read = |text| Case::parse(text).filter(|case| case.is_listed());
        let range =
            read(first).zip(read(last)).filter(|(first, last)| first.kind == last.kind && first <= last);
        let (first, last) =
            range.with_context(|| format!("required-cases.txt: not a case or a range: {line}"))?;
        cases.extend([first, last]);
        cases.extend((first.number + 1..last.number).map(|number| Case { number, b: false, ..first }));
    }
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(listed: &str) -> String {
        join(&covered_cases(listed))
    }

    #[test]
    fn numbers_are_read_from_the_front_of_test_names() {
        assert_eq!(covered("tests::f03_renewal_extends: test"), "F03");
        assert_eq!(covered("f74_f78_amounts_have_a_unit: test"), "F74 F78");
        assert_eq!(covered("f73b_log_line_cannot_fail: test\nf110_big_amounts: test"), "F73b F110");
        assert_eq!(covered("s03_lies: test\nf32_s04_at_once: test"), "F32 S03 S04");
        assert_eq!(covered("conformance::f32_fifty_at_once::postgres: test"), "F32");
    }

    #[test]
    fn other_names_carry_no_number() {
        for name in [
            "f_one: test",
            "f1_short: test",
            "parse_f03_text: test",
            "f64ish: test",
            "f03_bench: bench",
            "s3_x: test",
        ] {
            assert_eq!(covered(name), "", "{name}");
        }
    }

    #[test]
    fn a_missing_required_case_fails() {
        assert!(check_against("F01-F02 # intake\n", "f01_a: test\nf02_b: test", "").is_ok());
        let error = check_against("F01-F03\nF110", "f02_b: test", "").unwrap_err().to_string();
        assert_eq!(error, "required cases without a test: F01 F03 F110");
    }

    #[test]
    fn a_filter_that_is_in_no_name_fails() {
        let check = |filters: &[&str]| {
            let filters: Vec<String> = filters.iter().map(|&filter| filter.to_owned()).collect();
            check_filters("sqlite::f05_a: test\nfolds: test\n2 tests, 1 benchmark", &filters)
        };
        assert!(check(&["f05_", "fold"]).is_ok());
        assert_eq!(check(&["fold", "bench"]).unwrap_err().to_string(), "no test's name contains \"bench\"");
    }

    #[test]
    fn an_ignored_test_covers_nothing_unless_another_one_runs() {
        assert!(check_against("F05", "sqlite::f05_a: test", "sqlite::f05_a: test").is_err());
        assert!(
            check_against("F05", "sqlite::f05_a: test\npostgres::f05_a: test", "sqlite::f05_a: test").is_ok()
        );
    }

    #[test]
    fn a_number_outside_the_list_fails() {
        let error =
            check_against("", "f111_new: test\nf72b_x: test\ns42_x: test", "").unwrap_err().to_string();
        assert_eq!(error, "test names with a number that the failure list does not have: F72b F111 S42");
    }

    #[test]
    fn the_list_of_required_cases_is_well_formed() {
        assert!(parse_required(REQUIRED).unwrap().contains(&Case {
            kind: Kind::Failure,
            number: 110,
            b: false
        }));
        assert!(parse_required("F17-F01").is_err());
        assert!(parse_required("F111").is_err());
        assert!(parse_required("F01-S02").is_err());
        assert_eq!(parse_required("S02-S04").unwrap().len(), 3);
    }
}
