//! The API's answers: members, types and their spelling as in the tables of nowpayments.md sections 3 and 6.

use jiff::Timestamp;
use serde::Serialize;

use super::coins::{self, Coin};
use super::model::{SandboxInvoice, SandboxPayment};
use super::notice::Number;
use crate::ProviderInvoiceId;

/// Instants as JavaScript prints them, with milliseconds.
pub(super) fn iso(instant: Timestamp) -> String {
    format!("{instant:.3}")
}

pub(super) fn invoice_url(base_url: &str, id: ProviderInvoiceId) -> String {
    format!("{base_url}/payment/?iid={id}")
}

/// The answer to POST /invoice: the id and the price are strings.
#[derive(Serialize)]
pub(super) struct InvoiceAnswer<'a> {
    id: String,
    token_id: String,
    order_id: Option<&'a str>,
    order_description: Option<&'a str>,
    price_amount: String,
    price_currency: &'a str,
    pay_currency: Option<&'a str>,
    ipn_callback_url: Option<&'a str>,
    invoice_url: String,
    success_url: Option<&'a str>,
    cancel_url: Option<&'a str>,
    partially_paid_url: Option<&'a str>,
    payout_currency: Option<&'a str>,
    created_at: String,
    updated_at: String,
    is_fixed_rate: bool,
    is_fee_paid_by_user: bool,
}

impl<'a> InvoiceAnswer<'a> {
    pub(super) fn new(invoice: &'a SandboxInvoice, base_url: &str) -> Self {
        Self {
            id: invoice.id.to_string(),
            token_id: invoice.id.to_string(),
            order_id: invoice.order_id.as_deref(),
            order_description: invoice.order_description.as_deref(),
            price_amount: invoice.price_amount.to_string(),
            price_currency: &invoice.price_currency,
            pay_currency: invoice.pay_currency.as_deref(),
            ipn_callback_url: invoice.ipn_callback_url.as_deref(),
            invoice_url: invoice_url(base_url, invoice.id),
            success_url: invoice.success_url.as_deref(),
            cancel_url: invoice.cancel_url.as_deref(),
            partially_paid_url: invoice.partially_paid_url.as_deref(),
            payout_currency: None,
            created_at: iso(invoice.created_at),
            updated_at: iso(invoice.created_at),
            is_fixed_rate: invoice.is_fixed_rate,
            is_fee_paid_by_user: invoice.is_fee_paid_by_user,
        }
    }
}

/// The answer to POST /payment and /invoice-payment: both ids are strings.
#[derive(Serialize)]
pub(super) struct PaymentAnswer<'a> {
    payment_id: String,
    payment_status: &'a str,
    pay_address: &'a str,
    price_amount: Number,
    price_currency: &'a str,
    pay_amount: Number,
    pay_currency: &'a str,
    order_id: Option<&'a str>,
    order_description: Option<&'a str>,
    ipn_callback_url: Option<&'a str>,
    created_at: String,
    updated_at: String,
    purchase_id: String,
    amount_received: Option<Number>,
    payin_extra_id: Option<&'a str>,
    smart_contract: Option<&'a str>,
    network: Option<&'a str>,
    network_precision: Option<u32>,
    time_limit: Option<u32>,
    burning_percent: Option<u32>,
    expiration_estimate_date: String,
    is_fixed_rate: bool,
    is_fee_paid_by_user: bool,
    valid_until: String,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl<'a> PaymentAnswer<'a> {
    pub(super) fn new(payment: &'a SandboxPayment) -> Self {
        let coin = coins::find(&payment.pay_currency);
        Self {
            payment_id: payment.id.to_string(),
            payment_status: payment.status.as_str(),
            pay_address: &payment.pay_address,
            price_amount: Number::plain(payment.price_amount),
            price_currency: &payment.price_currency,
            pay_amount: Number::plain(payment.pay_amount),
            pay_currency: &payment.pay_currency,
            order_id: payment.order_id.as_deref(),
            order_description: payment.order_description.as_deref(),
            ipn_callback_url: payment.ipn_callback_url.as_deref(),
            created_at: iso(payment.created_at),
            updated_at: iso(payment.updated_at),
            purchase_id: payment.purchase_id.to_string(),
            amount_received: Some(Number::plain(payment.outcome_amount)),
            payin_extra_id: payment.payin_extra_id.as_deref(),
            smart_contract: coin.and_then(|coin| coin.smart_contract),
            network: coin.map(|coin| coin.network),
            network_precision: coin.map(|coin| coin.precision),
            time_limit: None,
            burning_percent: None,
            expiration_estimate_date: iso(payment.created_at + jiff::SignedDuration::from_mins(20)),
            is_fixed_rate: payment.is_fixed_rate,
            is_fee_paid_by_user: payment.is_fee_paid_by_user,
            valid_until: iso(payment.expires_at),
            kind: "crypto2crypto",
        }
    }
}

/// A row of GET /payment/:id and of the list: both ids are numbers.
#[derive(Serialize)]
pub(super) struct PaymentRow<'a> {
    payment_id: u64,
    invoice_id: Option<u64>,
    payment_status: &'a str,
    pay_address: &'a str,
    payin_extra_id: Option<&'a str>,
    price_amount: Number,
    price_currency: &'a str,
    pay_amount: Number,
    actually_paid: Number,
    pay_currency: &'a str,
    order_id: Option<&'a str>,
    order_description: Option<&'a str>,
    purchase_id: u64,
    outcome_amount: Number,
    outcome_currency: &'a str,
    payout_hash: Option<String>,
    payin_hash: Option<String>,
    created_at: String,
    updated_at: String,
    /// The text "null", as the provider has it.
    burning_percent: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    payment_extra_ids: Vec<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_payment_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin_type: Option<&'static str>,
}

impl<'a> PaymentRow<'a> {
    pub(super) fn new(payment: &'a SandboxPayment) -> Self {
        let has_paid = !payment.actually_paid.is_zero();
        Self {
            payment_id: payment.id.get(),
            invoice_id: payment.invoice_id.map(|id| id.get()),
            payment_status: payment.status.as_str(),
            pay_address: &payment.pay_address,
            payin_extra_id: payment.payin_extra_id.as_deref(),
            price_amount: Number::plain(payment.price_amount),
            price_currency: &payment.price_currency,
            pay_amount: Number::plain(payment.pay_amount),
            actually_paid: Number::plain(payment.actually_paid),
            pay_currency: &payment.pay_currency,
            order_id: payment.order_id.as_deref(),
            order_description: payment.order_description.as_deref(),
            purchase_id: payment.purchase_id,
            outcome_amount: Number::plain(payment.outcome_amount),
            outcome_currency: &payment.outcome_currency,
            payout_hash: None,
            payin_hash: has_paid.then(|| format!("sandbox-hash-{}", payment.id)),
            created_at: iso(payment.created_at),
            updated_at: iso(payment.updated_at),
            burning_percent: "null",
            kind: "crypto2crypto",
            payment_extra_ids: payment.children.iter().map(|id| id.get()).collect(),
            parent_payment_id: payment.parent.map(|id| id.get()),
            origin_type: None,
        }
    }

    /// Without a word about its parent, if that is how the account is.
    pub(super) fn hiding_parent(self, hides: bool) -> Self {
        Self { parent_payment_id: self.parent_payment_id.filter(|_| !hides), ..self }
    }

    /// The list names re-deposits.
    pub(super) fn listed(payment: &'a SandboxPayment) -> Self {
        let origin_type = payment.parent.is_some().then_some("REPEATED");
        Self { origin_type, ..Self::new(payment) }
    }
}

/// One page of GET /payment/.
#[derive(Serialize)]
pub(super) struct PaymentPage<'a> {
    pub(super) data: Vec<PaymentRow<'a>>,
    pub(super) limit: usize,
    pub(super) page: usize,
    #[serde(rename = "pagesCount")]
    pub(super) pages_count: usize,
    pub(super) total: usize,
}

/// A coin in GET /full-currencies.
#[derive(Serialize)]
pub(super) struct CoinRow {
    id: usize,
    code: String,
    name: &'static str,
    enable: bool,
    wallet_regex: &'static str,
    priority: usize,
    extra_id_exists: bool,
    extra_id_regex: Option<&'static str>,
    logo_url: String,
    track: bool,
    cg_id: &'static str,
    is_maxlimit: bool,
    network: &'static str,
    smart_contract: Option<&'static str>,
    network_precision: Option<String>,
}

impl CoinRow {
    pub(super) fn new(number: usize, coin: &Coin) -> Self {
        Self {
            id: number,
            code: coin.code.to_ascii_uppercase(),
            name: coin.name,
            enable: true,
            wallet_regex: "^SANDBOX-NO-MONEY-[0-9a-f]{24}$",
            priority: number,
            extra_id_exists: coin.has_extra_id,
            extra_id_regex: coin.has_extra_id.then_some("^[0-9]{1,10}$"),
            logo_url: format!("/images/coins/{}.svg", coin.code),
            track: true,
            cg_id: coin.code,
            is_maxlimit: false,
            network: coin.network,
            smart_contract: coin.smart_contract,
            network_precision: coin.smart_contract.map(|_| coin.precision.to_string()),
        }
    }
}
