//! Why something needs a person, in the language of whoever reads it.

use tollhouse_core::attention::Reason;

use super::Language;

impl Language {
    /// What a reason means and what helps, for the owner of a channel. The command line has its own words, with the commands that help.
    #[must_use]
    pub fn reason(self, reason: Reason) -> String {
        match reason {
            Reason::NoOrderId => self.reason_no_order_id(),
            Reason::UnknownOrder => self.reason_unknown_order(),
            Reason::UnknownChannel => self.reason_unknown_channel(),
            Reason::NoPlan => self.reason_no_plan(),
            Reason::UnmatchedPrice => self.reason_unmatched_price(),
            Reason::PriceMismatch => self.reason_price_mismatch(),
            Reason::FinishedShort => self.reason_finished_short(),
            Reason::Underpaid => self.reason_underpaid(),
            Reason::ChildPayment => self.reason_child_payment(),
            Reason::WrongAsset => self.reason_wrong_asset(),
            Reason::MoneyNotCredited => self.reason_money_not_credited(),
            Reason::AmountUnusable => self.reason_amount_unusable(),
            Reason::UnknownStatus => self.reason_unknown_status(),
            Reason::Contradiction => self.reason_contradiction(),
            Reason::PaidTwice => self.reason_paid_twice(),
            Reason::NothingAdded => self.reason_nothing_added(),
            Reason::Overpaid => self.reason_overpaid(),
            Reason::PaidAfterRefund => self.reason_paid_after_refund(),
            Reason::Late => self.reason_late(),
            Reason::StrangerInside => self.reason_stranger_inside(),
            Reason::AdminStays => self.reason_admin_stays(),
            Reason::MemberBanned => self.reason_member_banned(),
            Reason::RemovalsStopped => self.reason_removals_stopped(),
            Reason::JobDead => self.reason_job_dead(),
            Reason::BelowMinimum => self.reason_below_minimum(),
            Reason::InvoiceNotMade => self.reason_invoice_not_made(),
            Reason::DonationOdd => self.reason_donation_odd(),
            Reason::DonationAfterRefund => self.reason_donation_after_refund(),
            Reason::OfferNotPosted => self.reason_offer_not_posted(),
            Reason::RightsMissing => self.reason_rights_missing(),
            Reason::Internal => self.reason_internal(),
        }
    }
}
