//! What an owner decides about the time of members: when they are reminded, what happens to strangers, and how many may be removed in
//! one run before somebody is asked. Each has a default and can be set per channel.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::membership::later;

/// When members are reminded by default, in hours before their end: three days, one day, and at the end.
pub const REMINDER_HOURS_DEFAULT: [u32; 3] = [72, 24, 0];
/// Most reminders before one end; more are a nuisance.
pub const REMINDERS_MAX: usize = 8;
/// The earliest reminder, in hours before the end: a year.
pub const REMINDER_HOURS_MAX: u32 = 8_784;
/// Most removals of one run by default. An honest day of a large channel has fewer; a wrong clock or a wrong import has many more.
pub const REMOVALS_MAX_DEFAULT: u32 = 50;
/// Largest share of a channel's members that one run removes by default: 20 %.
pub const REMOVALS_SHARE_DEFAULT: Decimal = Decimal::from_parts(20, 0, 0, false, 2);
/// So many are removed whatever the share says: in a channel of ten members two leavers in a day are no catastrophe.
pub const REMOVALS_BELOW_SHARE: u32 = 5;
/// How long a run lasts from its first removal, in hours.
pub const RUN_HOURS: i64 = 24;

/// What happens to somebody who is inside without a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum StrangerPolicy {
    /// The owner is told, and decides.
    #[default]
    Report,
    /// They are shown out.
    Remove,
}

impl StrangerPolicy {
    /// The words from which one chooses.
    pub const WORDS: [&'static str; 2] = ["report", "remove"];

    /// The word in JSON, the configuration and the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Remove => "remove",
        }
    }
}

impl std::str::FromStr for StrangerPolicy {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "report" => Ok(Self::Report),
            "remove" => Ok(Self::Remove),
            _ => Err(format!("{text:?} is none of {}", Self::WORDS.join(", "))),
        }
    }
}

/// When members are reminded, in hours before their end, the earliest first. People write `3d,1d,0d`, `12h` or `never`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reminders(pub Vec<u32>);

impl std::str::FromStr for Reminders {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim() == "never" {
            return Ok(Self(Vec::new()));
        }
        let hours = text.split(',').map(|part| {
            let part = part.trim();
            let wrong = || format!("{part:?} is not a time such as 3d, 12h or 0d; write 3d,1d,0d or never");
            let (count, hours_of_unit) = match part.strip_suffix('d') {
                Some(days) => (days, 24),
                None => (part.strip_suffix('h').ok_or_else(wrong)?, 1),
            };
            let count: u32 = count.trim().parse().map_err(|_| wrong())?;
            count.checked_mul(hours_of_unit).ok_or_else(wrong)
        });
        let mut hours = hours.collect::<Result<Vec<u32>, String>>()?;
        hours.sort_unstable_by(|a, b| b.cmp(a));
        hours.dedup();
        Ok(Self(hours))
    }
}

/// A channel's policies about the time of its members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MembershipPolicies {
    /// When members are reminded, in hours before their end; 0 is at the end. Empty: never.
    pub reminder_hours: Vec<u32>,
    /// Somebody is inside who has no membership.
    pub strangers: StrangerPolicy,
    /// Most removals of one run; 0 asks about every one.
    pub removals_max: u32,
    /// Largest share (0 to 1) of the members that one run removes.
    pub removals_share: Decimal,
}

impl Default for MembershipPolicies {
    fn default() -> Self {
        Self {
            reminder_hours: REMINDER_HOURS_DEFAULT.to_vec(),
            strangers: StrangerPolicy::default(),
            removals_max: REMOVALS_MAX_DEFAULT,
            removals_share: REMOVALS_SHARE_DEFAULT,
        }
    }
}

impl MembershipPolicies {
    /// Whether every value makes sense.
    ///
    /// # Errors
    /// A sentence that names the policy that does not.
    pub fn check(&self) -> Result<(), String> {
        if self.reminder_hours.len() > REMINDERS_MAX {
            return Err(format!("a channel has at most {REMINDERS_MAX} reminders"));
        }
        if let Some(hours) = self.reminder_hours.iter().find(|hours| **hours > REMINDER_HOURS_MAX) {
            return Err(format!("a reminder comes at most a year before the end, not {hours} hours"));
        }
        if self.removals_share.is_sign_negative() || self.removals_share > Decimal::ONE {
            return Err(format!("removals_share is a share between 0 and 1, not {}", self.removals_share));
        }
        Ok(())
    }

    /// How many members one run may remove, of so many: both limits hold, but the share never forbids the first
    /// [`REMOVALS_BELOW_SHARE`].
    #[must_use]
    pub fn removals_limit(&self, members: u32) -> u32 {
        let share = (Decimal::from(members) * self.removals_share).ceil();
        self.removals_max.min(share.to_u32().unwrap_or(u32::MAX).max(REMOVALS_BELOW_SHARE))
    }

    /// The reminder that is due: the latest whose time has come and lies after `told_until`. One that was missed is not sent beside it,
    /// since each says the true end.
    #[must_use]
    pub fn reminder_due(&self, end: Timestamp, told_until: Timestamp, now: Timestamp) -> Option<Timestamp> {
        self.reminder_times(end).filter(|at| *at > told_until && *at <= now).max()
    }

    /// The next reminder after now.
    #[must_use]
    pub fn reminder_next(&self, end: Timestamp, told_until: Timestamp, now: Timestamp) -> Option<Timestamp> {
        self.reminder_times(end).filter(|at| *at > told_until && *at > now).min()
    }

    fn reminder_times(&self, end: Timestamp) -> impl Iterator<Item = Timestamp> {
        self.reminder_hours
            .iter()
            .map(move |hours| later(end, -SignedDuration::from_hours(i64::from(*hours))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reminders_read_as_people_write_them() {
        assert_eq!("0d,3d, 12h".parse(), Ok(Reminders(vec![72, 12, 0])));
        assert_eq!("never".parse(), Ok(Reminders(Vec::new())));
        for wrong in ["", "soon", "3", "-1d", "3d,,1d", "99999999999d"] {
            assert!(wrong.parse::<Reminders>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn both_limits_hold_and_small_channels_are_not_stopped() {
        let policies = MembershipPolicies::default();
        assert_eq!(policies.removals_limit(0), 5);
        assert_eq!(policies.removals_limit(10), 5);
        assert_eq!(policies.removals_limit(101), 21);
        assert_eq!(policies.removals_limit(1_000_000), 50);
        let asks = MembershipPolicies { removals_max: 0, ..policies };
        assert_eq!(asks.removals_limit(1_000), 0);
    }

    #[test]
    fn of_several_missed_reminders_only_the_last_is_due() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let policies = MembershipPolicies::default();
        let end = at("2026-01-31T12:00:00Z");
        let begun = at("2026-01-01T12:00:00Z");
        assert_eq!(policies.reminder_next(end, begun, begun), Some(at("2026-01-28T12:00:00Z")));
        let late = at("2026-01-31T11:00:00Z");
        assert_eq!(policies.reminder_due(end, begun, late), Some(at("2026-01-30T12:00:00Z")));
        assert_eq!(policies.reminder_due(end, late, late), None);
        assert_eq!(policies.reminder_next(end, late, late), Some(end));
    }

    #[test]
    fn a_membership_shorter_than_a_lead_has_no_such_reminder() {
        let begun: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        let end = later(begun, SignedDuration::from_hours(24));
        let policies = MembershipPolicies::default();
        assert_eq!(policies.reminder_due(end, begun, begun), None);
        assert_eq!(
            policies.reminder_next(end, begun, begun),
            Some(end),
            "neither three days nor a day before"
        );
    }
}
