//! What an owner decides about odd payments and the time of members, as options of the command line.

use clap::Args;
use rust_decimal::Decimal;
use tollhouse_core::membership_policy::{Reminders, StrangerPolicy};
use tollhouse_core::policy::{
    ChildPolicy, LatePolicy, OverpaidPolicy, Policies, PolicyChange, RefundPolicy, TopUpPolicy,
    UnmatchedPricePolicy,
};

use crate::config::share;

/// The policies of a channel; what is not given stays, or comes from the configuration for a new one.
#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    /// Share of the price that may be missing from a part payment: 0.01 is one percent
    #[arg(long, value_name = "SHARE", value_parser = share, help_heading = "Policies")]
    underpayment_tolerance: Option<Decimal>,
    /// Parts in one coin that add up to the price: `complete` the order, or `attention` to ask you
    #[arg(long, value_name = "WORD", help_heading = "Policies")]
    top_up: Option<TopUpPolicy>,
    /// Least share of what was asked that a payment called finished must have brought, where it says how much
    #[arg(long, value_name = "SHARE", value_parser = share, help_heading = "Policies")]
    finished_floor: Option<Decimal>,
    /// Money that comes after the order has expired: `honour` its price, or `attention` to ask you
    #[arg(long, alias = "late", value_name = "WORD", help_heading = "Policies")]
    late_payment: Option<LatePolicy>,
    /// More than the price: `record` it, or `attention` to have it on your list as well
    #[arg(long, value_name = "WORD", help_heading = "Policies")]
    overpaid: Option<OverpaidPolicy>,
    /// More money to the address of an earlier payment: `add` it to its order where the coin is the same, or `attention` to ask you
    #[arg(long, value_name = "WORD", help_heading = "Policies")]
    child_payment: Option<ChildPolicy>,
    /// What a refund does to the time that the order gave: `revoke` or `keep`
    #[arg(long, value_name = "WORD", help_heading = "Policies")]
    refund: Option<RefundPolicy>,
    /// An order of the predecessor at a price that no plan has: `default_days` gives its 30 days if the price is not below the cheapest
    /// plan, `attention` asks you
    #[arg(long, value_name = "WORD", help_heading = "Policies")]
    unmatched_price: Option<UnmatchedPricePolicy>,
    /// Hours between a membership's end and the removal from the chat
    #[arg(long, value_name = "HOURS", help_heading = "Policies")]
    grace_hours: Option<u32>,
    /// When members are reminded before their end: 3d,1d,0d; 0d is at the end, `never` is not at all
    #[arg(long, value_name = "TIMES", help_heading = "Policies")]
    reminders: Option<Reminders>,
    /// Somebody is inside without a membership: `report` it to you, or `remove` them
    #[arg(long, value_name = "WORD", help_heading = "Policies")]
    strangers: Option<StrangerPolicy>,
    /// Most removals in a day before you are asked; 0 asks about every one
    #[arg(long, value_name = "N", help_heading = "Policies")]
    removals_max: Option<u32>,
    /// Largest share of the members that a day removes before you are asked; the first five are never stopped by it
    #[arg(long, value_name = "SHARE", value_parser = share, help_heading = "Policies")]
    removals_share: Option<Decimal>,
}

impl PolicyArgs {
    /// What is to be different.
    pub(super) fn change(&self) -> PolicyChange {
        PolicyChange {
            underpayment_tolerance: self.underpayment_tolerance,
            top_up: self.top_up,
            finished_floor: self.finished_floor,
            late: self.late_payment,
            overpaid: self.overpaid,
            child_payment: self.child_payment,
            refund: self.refund,
            unmatched_price: self.unmatched_price,
            grace_hours: self.grace_hours,
            reminders: self.reminders.clone(),
            strangers: self.strangers,
            removals_max: self.removals_max,
            removals_share: self.removals_share,
        }
    }
}

/// The policies as lines for people.
pub(super) fn lines(policies: &Policies) -> Vec<(&'static str, String)> {
    vec![
        ("May be missing", format!("{} of the price", policies.underpayment_tolerance)),
        ("Top-up", policies.top_up.to_string()),
        ("Finished is", format!("{} of what was asked", policies.finished_floor)),
        ("Late payment", policies.late.to_string()),
        ("Overpaid", policies.overpaid.to_string()),
        ("Child payment", policies.child_payment.to_string()),
        ("Refund", policies.refund.to_string()),
        ("Unmatched price", policies.unmatched_price.to_string()),
        ("Grace", format!("{} hours", policies.grace_hours)),
        ("Reminders", reminders(&policies.membership.reminder_hours)),
        ("Strangers", policies.membership.strangers.as_str().to_owned()),
        (
            "Removed a day",
            format!(
                "at most {}, and {} of the members",
                policies.membership.removals_max, policies.membership.removals_share
            ),
        ),
    ]
}

fn reminders(hours: &[u32]) -> String {
    if hours.is_empty() {
        return "none".to_owned();
    }
    let words = hours.iter().map(|hours| match hours {
        0 => "at the end".to_owned(),
        hours if hours % 24 == 0 => format!("{} d before", hours / 24),
        hours => format!("{hours} h before"),
    });
    words.collect::<Vec<_>>().join(", ")
}
