//! Payments that were processed: what each row of `processed_payments` becomes. Most are named by a member's row as well; the others are
//! earlier payments of the same members, and must not be granted again when the provider tells of them (I2).

use jiff::tz::TimeZone;
use tollhouse_core::command::Command;
use tollhouse_core::id::ProviderPaymentId;
use tollhouse_core::import::{ImportGranted, ImportedPayment, Origin};
use tollhouse_core::status::PaymentStatus;
use tollhouse_store::paygateprime::{ProcessedRow, SourceRow};

use super::channels::Directory;
use super::finding::{Finding, Why};
use super::{instant, text};

const TABLE: &str = ProcessedRow::TABLE;

/// What a row becomes.
#[derive(Debug)]
pub enum Mapped {
    /// It was granted.
    Granted(String, Command),
    /// No invite was ever sent: not granted, unless a member's row names it.
    NeverSent(ProviderPaymentId, Finding),
    /// It cannot be held by anything.
    NotCarried(Finding),
}

/// Understands a row.
pub fn understand(row: &ProcessedRow, actor: &str, directory: &Directory, zone: &TimeZone) -> Mapped {
    let key = format!("payment_id={}", row.payment_id.as_deref().unwrap_or("null").trim());
    let nobody = |detail: String| Mapped::NotCarried(Finding::new(TABLE, &key, Why::PaymentOfNobody, detail));
    let Some(id) = text::payment_id(row.payment_id.as_ref()) else {
        return nobody(text::shown("payment_id", row.payment_id.as_ref()));
    };
    if text::flag(row.telegram_invite_sent.as_ref()) != Some(true) {
        let detail = text::shown("telegram_invite_sent", row.telegram_invite_sent.as_ref());
        return Mapped::NeverSent(id, Finding::new(TABLE, &key, Why::NeverSent, detail));
    }
    let Some(user) = text::user(row.user_id.as_ref()) else {
        return nobody(text::shown("user_id", row.user_id.as_ref()));
    };
    let Some((private_chat, _)) = text::chat(row.channel_id.as_ref()).and_then(|chat| directory.find(chat))
    else {
        return nobody(text::shown("channel_id", row.channel_id.as_ref()));
    };
    let granted = ImportGranted {
        private_chat,
        user,
        payment: ImportedPayment {
            id,
            order_ref: None,
            invoice_id: None,
            status: PaymentStatus::Finished,
            price: None,
            pay_currency: None,
            pay_amount: None,
            outcome: None,
        },
        granted_at: text::said(row.created_at.as_ref()).and_then(|text| instant::moment(text, zone)),
        origin: Origin { actor: actor.to_owned(), row: format!("{TABLE} {key}") },
    };
    Mapped::Granted(key, Command::ImportGranted(Box::new(granted)))
}
