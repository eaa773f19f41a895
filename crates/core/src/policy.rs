//! What an owner may decide about payments that are not exactly as asked. Each has a default and can be set per channel.

use jiff::SignedDuration;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::membership_policy::{MembershipPolicies, Reminders, StrangerPolicy};

/// Default share of the price that may be missing from a partial payment: 1 % (design section 6).
pub const UNDERPAYMENT_TOLERANCE_DEFAULT: Decimal = Decimal::from_parts(1, 0, 0, false, 2);
/// Default share that a `finished` payment must have brought where it reports an amount: 99 %. The provider lets an account
/// finish short payments; "within a named tolerance" (nowpayments.md section 4) is the same 1 % as for partial ones.
pub const FINISHED_FLOOR_DEFAULT: Decimal = Decimal::from_parts(99, 0, 0, false, 2);
/// Default time between a membership's end and the removal, in hours.
pub const GRACE_HOURS_DEFAULT: u32 = 24;

/// A decision between words: the enum, its words, and the way back.
macro_rules! decision {
    ($(#[$doc:meta])* $name:ident { $($(#[$says:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$says])* $variant,)* }

        impl $name {
            /// The words from which one chooses.
            pub const WORDS: &'static [&'static str] = &[$($word,)*];

            /// The word in JSON, the configuration and the command line.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(format!("{text:?} is none of {}", Self::WORDS.join(", "))),
                }
            }
        }
    };
}

decision! {
    /// What to do with parts that add up to the price: a partial payment and its top-up, in one coin.
    TopUpPolicy {
        /// Together they pay the order.
        #[default]
        Complete = "complete",
        /// Leave it to the owner.
        Attention = "attention",
    }
}

decision! {
    /// What to do with a payment that arrives after its order's expiry.
    LatePolicy {
        /// Grant at the snapshot's price.
        #[default]
        Honour = "honour",
        /// Leave it to the owner.
        Attention = "attention",
    }
}

decision! {
    /// What to do with more than the price. The order is paid and granted either way.
    OverpaidPolicy {
        /// Keep it on record and show it.
        #[default]
        Record = "record",
        /// Put it on the owner's list too, where it is more than the tolerance.
        Attention = "attention",
    }
}

decision! {
    /// What to do with more money to the address of an earlier payment. In another coin than that payment's it is always left to the
    /// owner: two coins do not add up (F13).
    ChildPolicy {
        /// It adds to its order in the same coin; it never pays an order by itself.
        #[default]
        Add = "add",
        /// Leave it to the owner.
        Attention = "attention",
    }
}

decision! {
    /// What a refund does to the access that the order gave, or would have given.
    RefundPolicy {
        /// Take back exactly that order's period.
        #[default]
        Revoke = "revoke",
        /// Leave it: what was earned stays, whichever of the two notifications came first.
        Keep = "keep",
    }
}

decision! {
    /// What to do with a reference of the predecessor whose price is no plan's, but not below the cheapest.
    UnmatchedPricePolicy {
        /// Give the predecessor's 30 days.
        #[default]
        DefaultDays = "default_days",
        /// Leave it to the owner.
        Attention = "attention",
    }
}

/// A channel's policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policies {
    /// Share of the price (0 to 1) that may be missing from what was paid in parts.
    pub underpayment_tolerance: Decimal,
    /// Parts that add up to the price.
    pub top_up: TopUpPolicy,
    /// Share of the asked amount (0 to 1) below which a `finished` that reports an amount does not count as paid.
    pub finished_floor: Decimal,
    /// Payment after the order's expiry.
    pub late: LatePolicy,
    /// More than the price.
    pub overpaid: OverpaidPolicy,
    /// More money to the address of an earlier payment.
    pub child_payment: ChildPolicy,
    /// Refund of what was paid.
    pub refund: RefundPolicy,
    /// A price of the predecessor's that no plan has.
    pub unmatched_price: UnmatchedPricePolicy,
    /// Hours between a membership's end and the removal.
    pub grace_hours: u32,
    /// Reminders, strangers, and how many may be removed at once.
    pub membership: MembershipPolicies,
}

impl Default for Policies {
    fn default() -> Self {
        Self {
            underpayment_tolerance: UNDERPAYMENT_TOLERANCE_DEFAULT,
            top_up: TopUpPolicy::default(),
            finished_floor: FINISHED_FLOOR_DEFAULT,
            late: LatePolicy::default(),
            overpaid: OverpaidPolicy::default(),
            child_payment: ChildPolicy::default(),
            refund: RefundPolicy::default(),
            unmatched_price: UnmatchedPricePolicy::default(),
            grace_hours: GRACE_HOURS_DEFAULT,
            membership: MembershipPolicies::default(),
        }
    }
}

impl Policies {
    /// The time between a membership's end and the removal.
    #[must_use]
    pub fn grace(&self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.grace_hours))
    }

    /// The least share of a price that counts as the whole.
    #[must_use]
    pub fn enough(&self) -> Decimal {
        Decimal::ONE - self.underpayment_tolerance
    }

    /// Whether the shares lie between 0 and 1.
    ///
    /// # Errors
    /// A sentence that names the policy that does not.
    pub fn check(&self) -> Result<(), String> {
        share("underpayment_tolerance", self.underpayment_tolerance)?;
        share("finished_floor", self.finished_floor)?;
        self.membership.check()
    }
}

fn share(name: &str, value: Decimal) -> Result<(), String> {
    if value.is_sign_negative() || value > Decimal::ONE {
        Err(format!("policy {name} is a share between 0 and 1, not {value}"))
    } else {
        Ok(())
    }
}

/// What is to be different; what is not named stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyChange {
    /// [`Policies::underpayment_tolerance`]
    pub underpayment_tolerance: Option<Decimal>,
    /// [`Policies::top_up`]
    pub top_up: Option<TopUpPolicy>,
    /// [`Policies::finished_floor`]
    pub finished_floor: Option<Decimal>,
    /// [`Policies::late`]
    pub late: Option<LatePolicy>,
    /// [`Policies::overpaid`]
    pub overpaid: Option<OverpaidPolicy>,
    /// [`Policies::child_payment`]
    pub child_payment: Option<ChildPolicy>,
    /// [`Policies::refund`]
    pub refund: Option<RefundPolicy>,
    /// [`Policies::unmatched_price`]
    pub unmatched_price: Option<UnmatchedPricePolicy>,
    /// [`Policies::grace_hours`]
    pub grace_hours: Option<u32>,
    /// [`MembershipPolicies::reminder_hours`]
    pub reminders: Option<Reminders>,
    /// [`MembershipPolicies::strangers`]
    pub strangers: Option<StrangerPolicy>,
    /// [`MembershipPolicies::removals_max`]
    pub removals_max: Option<u32>,
    /// [`MembershipPolicies::removals_share`]
    pub removals_share: Option<Decimal>,
}

impl PolicyChange {
    /// The policies after the change.
    #[must_use]
    pub fn over(&self, before: &Policies) -> Policies {
        Policies {
            underpayment_tolerance: self.underpayment_tolerance.unwrap_or(before.underpayment_tolerance),
            top_up: self.top_up.unwrap_or(before.top_up),
            finished_floor: self.finished_floor.unwrap_or(before.finished_floor),
            late: self.late.unwrap_or(before.late),
            overpaid: self.overpaid.unwrap_or(before.overpaid),
            child_payment: self.child_payment.unwrap_or(before.child_payment),
            refund: self.refund.unwrap_or(before.refund),
            unmatched_price: self.unmatched_price.unwrap_or(before.unmatched_price),
            grace_hours: self.grace_hours.unwrap_or(before.grace_hours),
            membership: MembershipPolicies {
                reminder_hours: self.reminders.as_ref().map_or_else(
                    || before.membership.reminder_hours.clone(),
                    |reminders| reminders.0.clone(),
                ),
                strangers: self.strangers.unwrap_or(before.membership.strangers),
                removals_max: self.removals_max.unwrap_or(before.membership.removals_max),
                removals_share: self.removals_share.unwrap_or(before.membership.removals_share),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_and_others_are_refused_with_the_choice() {
        for word in RefundPolicy::WORDS {
            assert_eq!(word.parse::<RefundPolicy>().unwrap().as_str(), *word);
        }
        assert_eq!("revoke".parse(), Ok(RefundPolicy::Revoke));
        assert_eq!("maybe".parse::<LatePolicy>().unwrap_err(), "\"maybe\" is none of honour, attention");
    }

    #[test]
    fn a_change_leaves_what_it_does_not_name() {
        let before = Policies { late: LatePolicy::Attention, ..Policies::default() };
        let change = PolicyChange { grace_hours: Some(7), ..PolicyChange::default() };
        assert_eq!(change.over(&before), Policies { grace_hours: 7, ..before });
    }

    #[test]
    fn policies_of_an_older_row_read_with_the_defaults_of_what_they_lack() {
        let old: Policies = serde_json::from_str(r#"{"late":"attention","grace_hours":3}"#).unwrap();
        assert_eq!(old, Policies { late: LatePolicy::Attention, grace_hours: 3, ..Policies::default() });
        assert!(Policies { finished_floor: Decimal::TWO, ..Policies::default() }.check().is_err());
    }
}
