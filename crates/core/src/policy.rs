//! What an owner may decide about payments that are not exactly as asked. Each has a default and can be set per channel.

use jiff::SignedDuration;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Default share of the price that may be missing from a partial payment: 1 % (design section 6).
pub const UNDERPAYMENT_TOLERANCE_DEFAULT: Decimal = Decimal::from_parts(1, 0, 0, false, 2);
/// Default share that a `finished` payment must have brought where it reports an amount: 99 %. The provider lets an account
/// finish short payments; "within a named tolerance" (nowpayments.md section 4) is the same 1 % as for partial ones.
pub const FINISHED_FLOOR_DEFAULT: Decimal = Decimal::from_parts(99, 0, 0, false, 2);
/// Default time between a membership's end and the removal, in hours.
pub const GRACE_HOURS_DEFAULT: u32 = 24;

/// What to do with a payment that arrives after its order's expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum LatePolicy {
    /// Grant at the snapshot's price.
    #[default]
    Honour,
    /// Leave it to the owner.
    Attention,
}

/// What a refund does to the access that the order gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum RefundPolicy {
    /// Take back exactly that order's period.
    #[default]
    Revoke,
    /// Leave it.
    Keep,
}

/// A channel's policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policies {
    /// Share of the price (0 to 1) that may be missing from what was paid in parts.
    pub underpayment_tolerance: Decimal,
    /// Share of the asked amount (0 to 1) below which a `finished` that reports an amount does not count as paid.
    pub finished_floor: Decimal,
    /// Payment after the order's expiry.
    pub late: LatePolicy,
    /// Refund after the grant.
    pub refund: RefundPolicy,
    /// Hours between a membership's end and the removal.
    pub grace_hours: u32,
}

impl Default for Policies {
    fn default() -> Self {
        Self {
            underpayment_tolerance: UNDERPAYMENT_TOLERANCE_DEFAULT,
            finished_floor: FINISHED_FLOOR_DEFAULT,
            late: LatePolicy::default(),
            refund: RefundPolicy::default(),
            grace_hours: GRACE_HOURS_DEFAULT,
        }
    }
}

impl Policies {
    /// The time between a membership's end and the removal.
    #[must_use]
    pub fn grace(&self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.grace_hours))
    }

    /// Whether the shares lie between 0 and 1.
    ///
    /// # Errors
    /// A sentence that names the policy that does not.
    pub fn check(&self) -> Result<(), String> {
        let share = |name: &str, value: Decimal| {
            if value.is_sign_negative() || value > Decimal::ONE {
                Err(format!("policy {name} is a share between 0 and 1, not {value}"))
            } else {
                Ok(())
            }
        };
        share("underpayment_tolerance", self.underpayment_tolerance)?;
        share("finished_floor", self.finished_floor)
    }
}
