//! What an owner decides about odd payments, as options of the command line.

use clap::Args;
use rust_decimal::Decimal;
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
    ]
}
