//! What is carried over from another system that sold the same channels. Each command says what the other system knew of one thing, and
//! says the same thing however often it is carried out: what is here already is never shortened, doubled or overwritten.

use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::channel::{Payout, PlanDuration};
use crate::command::NewPlan;
use crate::id::{PrivateChatId, ProviderPaymentId, PublicChatId, TelegramUserId};
use crate::money::{Currency, Money};
use crate::policy::Policies;
use crate::status::PaymentStatus;

/// How long before the other system's grant a payment may have been finished to be the one that it granted, in hours: it granted by
/// itself within minutes, but its operators mended by hand what had failed, up to a day later.
pub const PAID_BEFORE_HOURS_MAX: i64 = 24;
/// How long after it, in hours: clocks differ, and a provider touches a payment again after it was finished.
pub const PAID_AFTER_HOURS_MAX: i64 = 2;

/// Who carries over, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Who, for the audit log.
    pub actor: String,
    /// The row of the other system, for the audit log: `private_channel_users_database id=17`.
    pub row: String,
}

/// A channel of the other system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportChannel {
    /// The chat that is sold; the key.
    pub private_chat: PrivateChatId,
    /// The chat in which the offer stands.
    pub public_chat: Option<PublicChatId>,
    /// What a buyer reads.
    pub title: String,
    /// Who sells.
    pub owner: Option<TelegramUserId>,
    /// Where the owner is paid out.
    pub payout: Option<Payout>,
    /// What was on sale. May be nothing: the members come all the same.
    pub plans: Vec<NewPlan>,
    /// What it starts with; one that is here keeps its own.
    pub policies: Policies,
    /// Who, and from where.
    pub origin: Origin,
}

/// A member of the other system. Channel and user are the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportMember {
    /// The channel.
    pub private_chat: PrivateChatId,
    /// Who.
    pub user: TelegramUserId,
    /// Until when exactly.
    pub ends_at: Timestamp,
    /// When the other system gave it, as far as that can be told.
    pub granted_at: Timestamp,
    /// What was sold: 30 days, for instance. The end does not follow from it.
    pub duration: PlanDuration,
    /// What it cost, as the other system says.
    pub price: Option<Money>,
    /// Whether the other system says that the member has been shown out.
    pub is_out: bool,
    /// Whether the other system says that the invite was never sent: then it is sent now.
    pub is_undelivered: bool,
    /// Which payment paid for it.
    pub payment: Option<ImportedPayment>,
    /// The invoice at the provider, where the payment is not known.
    pub invoice_id: Option<String>,
    /// Who, and from where.
    pub origin: Origin,
}

/// A payment that the other system has granted, without time of its own: the row of the member names a later one, or it was refunded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportGranted {
    /// The channel.
    pub private_chat: PrivateChatId,
    /// Who bought.
    pub user: TelegramUserId,
    /// The payment.
    pub payment: ImportedPayment,
    /// When the other system granted it, if it says so.
    pub granted_at: Option<Timestamp>,
    /// Who, and from where.
    pub origin: Origin,
}

/// What the other system knew of a payment. What it did not know stays unknown (F12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedPayment {
    /// The provider's id; the key.
    pub id: ProviderPaymentId,
    /// The order reference.
    pub order_ref: Option<String>,
    /// The invoice at the provider.
    pub invoice_id: Option<String>,
    /// The last status that the other system saw.
    pub status: PaymentStatus,
    /// The price that was asked.
    pub price: Option<Money>,
    /// The coin to pay in.
    pub pay_currency: Option<Currency>,
    /// The amount to pay in that coin.
    pub pay_amount: Option<Decimal>,
    /// What the merchant got.
    pub outcome: Option<Money>,
}

/// What carrying over came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// Of the channel or the membership.
    pub change: ImportChange,
    /// Whether a payment became known by it.
    pub payment: bool,
    /// What a person should know.
    pub remark: Option<Remark>,
}

/// What became of a thing that was carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportChange {
    /// It was not here.
    New,
    /// It was here, and something was added: a later end, an owner.
    Changed,
    /// All of it was known.
    Known,
}

/// What a person should know about something that was carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remark {
    /// The channel was registered here before, and its plans are left as they are here.
    PlansLeft,
    /// The payment pays for somebody else's access here; the access was carried over without it.
    PaymentOfAnother,
    /// It was taken back here, with a reason, and stays so.
    TakenBack,
}
