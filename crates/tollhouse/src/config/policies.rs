//! The policies that a channel gets when it is registered, unless `channel add` says otherwise.

use std::str::FromStr;

use rust_decimal::Decimal;
use tollhouse_core::policy::{Policies, PolicyChange};

use super::ConfigError;
use super::source::Values;

/// The keys, beside those of the rest.
pub(super) const KEYS: &[&str] = &[
    "policy_underpayment_tolerance",
    "policy_top_up",
    "policy_finished_floor",
    "policy_late",
    "policy_overpaid",
    "policy_child_payment",
    "policy_refund",
    "policy_unmatched_price",
    "policy_grace_hours",
    "policy_reminders",
    "policy_strangers",
    "policy_removals_max",
    "policy_removals_share",
];

/// Reads them over the defaults.
pub(super) fn read(values: &mut Values) -> Result<Policies, ConfigError> {
    let change = PolicyChange {
        underpayment_tolerance: values.parse("policy_underpayment_tolerance", share)?,
        top_up: values.parse("policy_top_up", word)?,
        finished_floor: values.parse("policy_finished_floor", share)?,
        late: values.parse("policy_late", word)?,
        overpaid: values.parse("policy_overpaid", word)?,
        child_payment: values.parse("policy_child_payment", word)?,
        refund: values.parse("policy_refund", word)?,
        unmatched_price: values.parse("policy_unmatched_price", word)?,
        grace_hours: values.parse("policy_grace_hours", |text| {
            text.parse().map_err(|_| format!("{text:?} is not a whole number of hours"))
        })?,
        reminders: values
            .parse("policy_reminders", |text| {
                let reminders = text.parse()?;
                let change = PolicyChange { reminders: Some(reminders), ..PolicyChange::default() };
                change.over(&Policies::default()).check().map(|()| change.reminders)
            })?
            .flatten(),
        strangers: values.parse("policy_strangers", word)?,
        removals_max: values.parse("policy_removals_max", |text| {
            text.parse().map_err(|_| format!("{text:?} is not a whole number"))
        })?,
        removals_share: values.parse("policy_removals_share", share)?,
    };
    Ok(change.over(&Policies::default()))
}

fn word<T: FromStr<Err = String>>(text: &str) -> Result<T, String> {
    text.parse()
}

/// A share of a price: `0.01` is one percent.
///
/// # Errors
/// Not a number between 0 and 1.
pub fn share(text: &str) -> Result<Decimal, String> {
    let wrong = || format!("{text:?} is not a share between 0 and 1, such as 0.01 for one percent");
    let share = Decimal::from_str_exact(text.trim()).map_err(|_| wrong())?;
    if share.is_sign_negative() || share > Decimal::ONE { Err(wrong()) } else { Ok(share) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_defaults_of_new_channels_are_read_and_wrong_ones_are_named() {
        let load = |key: &str, value: &str| Config::from_values(&[(key.to_owned(), value.to_owned())]);
        let tolerance = load("TOLLHOUSE_POLICY_UNDERPAYMENT_TOLERANCE", "0.05").unwrap();
        assert_eq!(tolerance.policies.underpayment_tolerance, Decimal::new(5, 2));
        for (key, value) in [
            ("UNDERPAYMENT_TOLERANCE", "5%"),
            ("UNDERPAYMENT_TOLERANCE", "1.01"),
            ("FINISHED_FLOOR", "-0.1"),
            ("TOP_UP", "maybe"),
            ("LATE", "refuse"),
            ("OVERPAID", "keep"),
            ("CHILD_PAYMENT", "yes"),
            ("REFUND", "no"),
            ("UNMATCHED_PRICE", "30"),
            ("GRACE_HOURS", "a day"),
            ("REMINDERS", "soon"),
            ("REMINDERS", "999d"),
            ("STRANGERS", "ban"),
            ("REMOVALS_MAX", "-1"),
            ("REMOVALS_SHARE", "20%"),
        ] {
            let key = format!("TOLLHOUSE_POLICY_{key}");
            assert_eq!(load(&key, value).unwrap_err().key, key, "{value}");
        }
        assert_eq!(Config::from_values(&[]).unwrap().policies, Policies::default());
    }
}
