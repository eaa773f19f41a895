//! Members: what each row of `private_channel_users_database` becomes.
//!
//! The predecessor wrote such a row only when money had come, so a row is access, unless it says itself that the payment came to nothing
//! and that nobody was let in; or that nobody is let in although there is time left, without a word of a payment.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tollhouse_core::channel::{LEGACY_DAYS_DEFAULT, PlanDuration};
use tollhouse_core::command::Command;
use tollhouse_core::id::{PrivateChatId, TelegramUserId};
use tollhouse_core::import::{ImportGranted, ImportMember, ImportedPayment, Origin};
use tollhouse_core::membership::later;
use tollhouse_core::money::Currency;
use tollhouse_core::status::PaymentStatus;
use tollhouse_store::paygateprime::{MemberRow, SourceRow};

use super::channels::{Directory, price_of};
use super::finding::{Finding, Why};
use super::{instant, text};

const TABLE: &str = MemberRow::TABLE;
/// How much later than its end allows a payment may have been processed before it looks like a renewal that lengthened nothing, in hours:
/// more than any two zones differ.
const RENEWAL_SLACK_HOURS: i64 = 36;
/// Words of `payment_status` for money that came.
const PAID_WORDS: [&str; 4] = ["confirmed", "finished", "paid", "completed"];
/// Words of `payment_status` for money that did not, or not yet, or not all of it. `pending` is the column's default, and says nothing.
const UNPAID_WORDS: [&str; 8] =
    ["failed", "expired", "refunded", "cancelled", "waiting", "confirming", "sending", "partially_paid"];

/// What a row becomes.
#[derive(Debug)]
pub struct Mapped {
    /// The row.
    pub key: String,
    /// The payment whose money went back, apart from the access.
    pub refund: Option<Command>,
    /// The member.
    pub member: Option<Command>,
    /// Why there is none.
    pub not_carried: Option<Finding>,
    /// What a person should know.
    pub notes: Vec<Finding>,
}

/// A row in the terms of this program.
struct Read<'r> {
    row: &'r MemberRow,
    private_chat: PrivateChatId,
    user: TelegramUserId,
    payment: Option<ImportedPayment>,
    is_active: Option<bool>,
    is_paid: bool,
    is_refunded: bool,
    /// Nobody was let in for it.
    is_nothing: bool,
    /// Something there says that it was paid.
    has_word: bool,
}

/// Understands a row.
pub fn understand(
    row: &MemberRow,
    actor: &str,
    directory: &Directory,
    zone: &TimeZone,
    now: Timestamp,
) -> Mapped {
    let key = key_of(row);
    let mut mapped =
        Mapped { key: key.clone(), refund: None, member: None, not_carried: None, notes: Vec::new() };
    let chat = text::chat(row.private_channel_id.as_ref()).and_then(|chat| directory.find(chat));
    let Some((private_chat, by_open)) = chat else {
        let detail = text::shown("private_channel_id", row.private_channel_id.as_ref());
        mapped.not_carried = Some(Finding::new(TABLE, &key, Why::UnknownChannel, detail));
        return mapped;
    };
    let Some(user) = text::user(row.user_id.as_ref()) else {
        let detail = text::shown("user_id", row.user_id.as_ref());
        mapped.not_carried = Some(Finding::new(TABLE, &key, Why::NoUser, detail));
        return mapped;
    };
    let mut note = |why, detail: String| mapped.notes.push(Finding::new(TABLE, &key, why, detail));
    let read = read(row, private_chat, user);
    let origin = Origin { actor: actor.to_owned(), row: format!("{TABLE} {key}") };
    if read.is_refunded
        && let Some(payment) = &read.payment
    {
        mapped.refund = Some(Command::ImportGranted(Box::new(ImportGranted {
            private_chat,
            user,
            payment: ImportedPayment { status: PaymentStatus::Refunded, ..payment.clone() },
            granted_at: None,
            origin: origin.clone(),
        })));
    }
    if read.is_nothing {
        let why = if read.is_refunded { Why::Refunded } else { Why::NotPaid };
        mapped.not_carried = Some(Finding::new(TABLE, &key, why, statuses(row)));
        return mapped;
    }
    let end = match instant::end(
        text::said(row.expire_date.as_ref()),
        text::said(row.expire_time.as_ref()),
        zone,
    ) {
        Ok(end) => end,
        Err(why) => {
            let detail = format!(
                "{}, {}",
                text::shown("expire_date", row.expire_date.as_ref()),
                text::shown("expire_time", row.expire_time.as_ref())
            );
            mapped.not_carried = Some(Finding::new(TABLE, &key, why, detail));
            return mapped;
        }
    };
    if read.is_active == Some(false) && !read.has_word && end.at > now {
        mapped.not_carried = Some(Finding::new(TABLE, &key, Why::NoWordOfPayment, statuses(row)));
        return mapped;
    }
    if by_open {
        note(Why::ByOpenChannel, text::shown("private_channel_id", row.private_channel_id.as_ref()));
    }
    if let Some(why) = end.note {
        note(why, text::shown("expire_date", row.expire_date.as_ref()));
    }
    read.remark(end.at, zone, now, &mut note);
    mapped.member = Some(Command::ImportMember(Box::new(read.member(end.at, now, origin))));
    mapped
}

/// The row's name in reports: its id, or member and channel where the table has none.
fn key_of(row: &MemberRow) -> String {
    let value = |text: &Option<String>| text.as_deref().unwrap_or("null").trim().to_owned();
    let member =
        format!("user_id={}, private_channel_id={}", value(&row.user_id), value(&row.private_channel_id));
    match &row.id {
        Some(id) => format!("id={} ({member})", id.trim()),
        None => member,
    }
}

fn statuses(row: &MemberRow) -> String {
    format!(
        "{}, {}",
        text::shown("payment_status", row.payment_status.as_ref()),
        text::shown("nowpayments_payment_status", row.nowpayments_payment_status.as_ref())
    )
}

fn read(row: &MemberRow, private_chat: PrivateChatId, user: TelegramUserId) -> Read<'_> {
    let word = text::said(row.payment_status.as_ref()).unwrap_or_default().to_lowercase();
    let status = text::said(row.nowpayments_payment_status.as_ref()).map(PaymentStatus::new);
    let is_active = text::flag(row.is_active.as_ref());
    let is_refunded = word == "refunded" || status == Some(PaymentStatus::Refunded);
    let is_paid = !is_refunded
        && (PAID_WORDS.contains(&word.as_str())
            || status == Some(PaymentStatus::Finished)
            || text::flag(row.invite_sent.as_ref()) == Some(true));
    let came_to_nothing = UNPAID_WORDS.contains(&word.as_str())
        || status.as_ref().is_some_and(|status| *status != PaymentStatus::Finished);
    let status = status.unwrap_or(if is_paid { PaymentStatus::Finished } else { PaymentStatus::Waiting });
    let payment = text::payment_id(row.nowpayments_payment_id.as_ref()).map(|id| ImportedPayment {
        id,
        order_ref: text::said(row.nowpayments_order_id.as_ref()).map(str::to_owned),
        invoice_id: text::said(row.nowpayments_invoice_id.as_ref()).map(str::to_owned),
        status,
        price: text::money(row.nowpayments_price_amount.as_ref(), row.nowpayments_price_currency.as_ref()),
        pay_currency: text::said(row.nowpayments_pay_currency.as_ref())
            .and_then(|coin| Currency::new(coin).ok()),
        pay_amount: text::said(row.nowpayments_pay_amount.as_ref()).and_then(text::amount),
        outcome: text::money(
            row.nowpayments_outcome_amount.as_ref(),
            row.nowpayments_outcome_currency.as_ref(),
        ),
    });
    Read {
        row,
        private_chat,
        user,
        payment,
        is_active,
        is_paid,
        is_refunded,
        is_nothing: is_active != Some(true) && !is_paid && came_to_nothing,
        // A payment that was processed was paid, whether or not the invite went out.
        has_word: is_paid || text::said(row.invite_sent.as_ref()).is_some(),
    }
}

impl Read<'_> {
    fn member(&self, ends_at: Timestamp, now: Timestamp, origin: Origin) -> ImportMember {
        let days = text::days(self.row.sub_time.as_ref()).unwrap_or(0);
        let duration = PlanDuration::days(days).unwrap_or(PlanDuration::Days(LEGACY_DAYS_DEFAULT));
        let granted_at = later(ends_at, -duration.length().unwrap_or_default());
        let price = price_of(self.row.sub_price.as_ref());
        let payment = self.payment.clone().filter(|_| !self.is_refunded);
        let price_asked = payment.as_ref().and_then(|payment| payment.price.clone());
        ImportMember {
            private_chat: self.private_chat,
            user: self.user,
            ends_at,
            granted_at,
            duration,
            price: price_asked.or(price),
            is_out: self.is_active == Some(false) && ends_at <= now,
            is_undelivered: text::flag(self.row.invite_sent.as_ref()) == Some(false) && ends_at > now,
            payment,
            invoice_id: text::said(self.row.nowpayments_invoice_id.as_ref()).map(str::to_owned),
            origin,
        }
    }

    fn remark(
        &self,
        ends_at: Timestamp,
        zone: &TimeZone,
        now: Timestamp,
        note: &mut impl FnMut(Why, String),
    ) {
        let row = self.row;
        if self.is_refunded {
            note(Why::RefundedButActive, statuses(row));
        }
        if self.is_active == Some(false) && ends_at > now {
            note(Why::InactiveButNotOver, format!("until {ends_at}"));
        }
        if text::said(row.nowpayments_payment_id.as_ref()).is_some() && self.payment.is_none() {
            note(
                Why::NoPaymentId,
                text::shown("nowpayments_payment_id", row.nowpayments_payment_id.as_ref()),
            );
        }
        let amounts = [
            ("sub_price", row.sub_price.as_ref(), price_of(row.sub_price.as_ref()).is_some()),
            (
                "nowpayments_price_amount",
                row.nowpayments_price_amount.as_ref(),
                is_amount(row.nowpayments_price_amount.as_ref()),
            ),
            (
                "nowpayments_pay_amount",
                row.nowpayments_pay_amount.as_ref(),
                is_amount(row.nowpayments_pay_amount.as_ref()),
            ),
            (
                "nowpayments_outcome_amount",
                row.nowpayments_outcome_amount.as_ref(),
                is_amount(row.nowpayments_outcome_amount.as_ref()),
            ),
        ];
        for (name, text, is_usable) in amounts {
            if text::said(text).is_some() && !is_usable {
                note(Why::AmountUnusable, text::shown(name, text));
            }
        }
        if let Some(processed_at) = self.renewed_in_vain(ends_at, zone) {
            note(Why::RenewalWithoutTime, format!("processed {processed_at}, ends {ends_at}"));
        }
    }

    /// When the payment was processed, if that was so late that the end cannot have come from it (F03).
    fn renewed_in_vain(&self, ends_at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let processed_at = instant::moment(text::said(self.row.processed_at.as_ref())?, zone)?;
        let days = text::days(self.row.sub_time.as_ref()).filter(|days| *days > 0)?;
        let owed =
            later(processed_at, SignedDuration::from_hours(i64::from(days) * 24 - RENEWAL_SLACK_HOURS));
        (self.is_paid && owed > ends_at).then_some(processed_at)
    }
}

fn is_amount(text: Option<&String>) -> bool {
    text::said(text).and_then(text::amount).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::channels;
    use tollhouse_store::paygateprime::ClientRow;

    const NOW: &str = "2025-11-20T12:00:00Z";

    fn directory() -> Directory {
        let mut directory = Directory::default();
        let client = ClientRow {
            open_channel_id: Some("-1003016667267".to_owned()),
            closed_channel_id: Some("-1003202734748".to_owned()),
            ..ClientRow::default()
        };
        channels::understand(
            &client,
            "cli:test",
            &tollhouse_core::policy::Policies::default(),
            &mut directory,
        );
        directory
    }

    /// A member with a month from 7 November, as the predecessor wrote it; `set` changes columns.
    fn mapped(set: impl FnOnce(&mut MemberRow)) -> Mapped {
        let some = |text: &str| Some(text.to_owned());
        let mut row = MemberRow {
            id: some("17"),
            private_channel_id: some("-1003202734748"),
            user_id: some("6271402111"),
            sub_time: some("30"),
            sub_price: some("2.50"),
            expire_time: some("14:30:00"),
            expire_date: some("2025-12-07"),
            is_active: some("true"),
            payment_status: some("confirmed"),
            nowpayments_payment_id: some("4479119533"),
            ..MemberRow::default()
        };
        set(&mut row);
        understand(&row, "cli:test", &directory(), &TimeZone::UTC, NOW.parse().unwrap())
    }

    fn member(mapped: &Mapped) -> &ImportMember {
        match &mapped.member {
            Some(Command::ImportMember(member)) => member,
            other => panic!("{other:?}"),
        }
    }

    fn whys(mapped: &Mapped) -> Vec<&'static str> {
        mapped.notes.iter().chain(&mapped.not_carried).map(|finding| finding.reason).collect()
    }

    #[test]
    fn a_row_becomes_a_member_with_its_exact_end() {
        let mapped = mapped(|_| {});
        let member = member(&mapped);
        assert_eq!(member.ends_at.to_string(), "2025-12-07T14:30:00Z");
        assert_eq!(member.granted_at.to_string(), "2025-11-07T14:30:00Z");
        assert_eq!(member.price.as_ref().unwrap().to_string(), "2.50 USD");
        let payment = member.payment.as_ref().unwrap();
        assert_eq!(
            (payment.id.get(), &payment.status, &payment.price),
            (4_479_119_533, &PaymentStatus::Finished, &None)
        );
        assert!(!member.is_out && !member.is_undelivered);
        assert!(whys(&mapped).is_empty(), "{mapped:?}");
    }

    #[test]
    fn what_was_never_paid_is_not_access() {
        let unpaid = mapped(|row| {
            row.is_active = Some("false".to_owned());
            row.payment_status = Some("pending".to_owned());
            row.nowpayments_payment_status = Some("waiting".to_owned());
        });
        assert_eq!(whys(&unpaid), ["not_paid"]);
        assert!(unpaid.member.is_none() && unpaid.refund.is_none());
        // `pending` is the column's default, and says nothing.
        let silent = mapped(|row| row.payment_status = Some("pending".to_owned()));
        assert_eq!(member(&silent).payment.as_ref().unwrap().status, PaymentStatus::Waiting);
    }

    #[test]
    fn an_inactive_member_with_time_left_is_carried_only_where_something_says_that_it_was_paid() {
        let inactive = |word: Option<&str>, set: fn(&mut MemberRow)| {
            mapped(|row| {
                (row.is_active, row.payment_status) = (Some("false".to_owned()), word.map(str::to_owned));
                set(row);
            })
        };
        for word in [None, Some("pending"), Some("None")] {
            let silent = inactive(word, |_| {});
            assert_eq!(whys(&silent), ["no_word_of_payment"], "{word:?}");
            assert!(silent.member.is_none());
        }
        for word in ["waiting", "partially_paid", "Confirming", "sending"] {
            let unpaid = inactive(Some(word), |_| {});
            assert_eq!(whys(&unpaid), ["not_paid"], "{word}");
            assert!(unpaid.member.is_none());
        }
        let finished = inactive(None, |row| row.nowpayments_payment_status = Some("finished".to_owned()));
        assert_eq!(whys(&finished), ["inactive_but_not_over"]);
        let processed = inactive(None, |row| row.invite_sent = Some("false".to_owned()));
        assert!(member(&processed).is_undelivered);
        // Who is over and out was let in once.
        let over = inactive(None, |row| row.expire_date = Some("2025-11-07".to_owned()));
        assert!(member(&over).is_out && whys(&over).is_empty(), "{over:?}");
    }

    #[test]
    fn an_inactive_member_whose_time_is_not_over_keeps_it() {
        let mapped = mapped(|row| row.is_active = Some("false".to_owned()));
        assert!(!member(&mapped).is_out);
        assert_eq!(whys(&mapped), ["inactive_but_not_over"]);
    }

    #[test]
    fn f03_a_renewal_that_lengthened_nothing_is_reported() {
        let mapped = mapped(|row| row.processed_at = Some("2025-11-19 10:00:00".to_owned()));
        assert_eq!(whys(&mapped), ["renewal_without_time"]);
    }

    #[test]
    fn a_refunded_payment_is_noted_apart_from_the_access() {
        let refunded = |active: &str| {
            let active = Some(active.to_owned());
            mapped(|row| {
                row.is_active = active;
                row.nowpayments_payment_status = Some("refunded".to_owned());
            })
        };
        let inside = refunded("true");
        assert!(inside.refund.is_some() && member(&inside).payment.is_none());
        assert_eq!(whys(&inside), ["refunded_but_active"]);
        let outside = refunded("false");
        assert!(outside.refund.is_some() && outside.member.is_none());
        assert_eq!(whys(&outside), ["refunded"]);
    }

    #[test]
    fn dirt_is_named_with_its_row() {
        let odd = mapped(|row| {
            row.sub_price = Some("five dollars".to_owned());
            row.nowpayments_payment_id = Some("PGP-1".to_owned());
            row.nowpayments_pay_amount = Some("1e-99999".to_owned());
        });
        assert_eq!(whys(&odd), ["no_payment_id", "amount_unusable", "amount_unusable"]);
        assert_eq!(odd.notes[0].key, "id=17 (user_id=6271402111, private_channel_id=-1003202734748)");
        assert!(odd.notes[0].message.contains("PGP-1"), "{:?}", odd.notes[0]);
        assert_eq!(whys(&mapped(|row| row.expire_date = None)), ["no_end"]);
        assert_eq!(whys(&mapped(|row| row.expire_date = Some("2025-02-30".to_owned()))), ["impossible_end"]);
        assert_eq!(whys(&mapped(|row| row.user_id = Some("0".to_owned()))), ["no_user"]);
        assert_eq!(whys(&mapped(|row| row.private_channel_id = Some("-5".to_owned()))), ["unknown_channel"]);
        assert_eq!(
            whys(&mapped(|row| row.private_channel_id = Some("1003016667267".to_owned()))),
            ["by_open_channel"]
        );
    }

    #[test]
    fn f40_no_days_fall_back_to_a_month_for_what_was_sold_and_leave_the_end() {
        let mapped = mapped(|row| row.sub_time = Some("0".to_owned()));
        assert_eq!(member(&mapped).duration, PlanDuration::Days(30));
        assert_eq!(member(&mapped).ends_at.to_string(), "2025-12-07T14:30:00Z");
    }
}
