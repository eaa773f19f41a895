//! What is asked of the provider.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{ProviderInvoiceId, uri};

/// An invoice to be made. Addresses are percent-encoded where they need it.
#[derive(Debug, Clone, Serialize)]
pub struct NewInvoice {
    /// The price, in `price_currency`.
    #[serde(serialize_with = "number")]
    pub price_amount: Decimal,
    /// Currency of the price: `usd`.
    pub price_currency: String,
    /// The coin, where the buyer may not choose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pay_currency: Option<String>,
    /// Where notifications go.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "address")]
    pub ipn_callback_url: Option<String>,
    /// The order that comes back with each notification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// What the buyer reads on the invoice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_description: Option<String>,
    /// Where the buyer goes after paying.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "address")]
    pub success_url: Option<String>,
    /// Where the buyer goes after giving up.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "address")]
    pub cancel_url: Option<String>,
    /// Where the buyer goes after paying too little.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "address")]
    pub partially_paid_url: Option<String>,
    /// Freezes the rate for 20 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_fixed_rate: Option<bool>,
    /// Lets the buyer bear the fees; forces a fixed rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_fee_paid_by_user: Option<bool>,
}

impl NewInvoice {
    /// A price and nothing else.
    pub fn new(price_amount: Decimal, price_currency: impl Into<String>) -> Self {
        Self {
            price_amount,
            price_currency: price_currency.into(),
            pay_currency: None,
            ipn_callback_url: None,
            order_id: None,
            order_description: None,
            success_url: None,
            cancel_url: None,
            partially_paid_url: None,
            is_fixed_rate: None,
            is_fee_paid_by_user: None,
        }
    }
}

/// A payment to be made without an invoice.
#[derive(Debug, Clone, Serialize)]
pub struct NewPayment {
    /// The price, in `price_currency`.
    #[serde(serialize_with = "number")]
    pub price_amount: Decimal,
    /// Currency of the price.
    pub price_currency: String,
    /// The coin to pay with.
    pub pay_currency: String,
    /// Where notifications go.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "address")]
    pub ipn_callback_url: Option<String>,
    /// The order that comes back with each notification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// The merchant's words about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_description: Option<String>,
    /// Freezes the rate for 20 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_fixed_rate: Option<bool>,
    /// Lets the buyer bear the fees; forces a fixed rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_fee_paid_by_user: Option<bool>,
    /// How a payment in the provider's own sandbox ends: `success`, `failed`, `partially_paid`.
    #[serde(rename = "case", skip_serializing_if = "Option::is_none")]
    pub sandbox_case: Option<String>,
}

impl NewPayment {
    /// A price and a coin.
    pub fn new(
        price_amount: Decimal,
        price_currency: impl Into<String>,
        pay_currency: impl Into<String>,
    ) -> Self {
        Self {
            price_amount,
            price_currency: price_currency.into(),
            pay_currency: pay_currency.into(),
            ipn_callback_url: None,
            order_id: None,
            order_description: None,
            is_fixed_rate: None,
            is_fee_paid_by_user: None,
            sandbox_case: None,
        }
    }
}

/// A payment to be made for an invoice.
#[derive(Debug, Clone, Serialize)]
pub struct NewInvoicePayment {
    /// The invoice.
    #[serde(rename = "iid", serialize_with = "invoice_id")]
    pub invoice_id: ProviderInvoiceId,
    /// The coin to pay with.
    pub pay_currency: String,
    /// The merchant's words about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_description: Option<String>,
    /// Where the provider writes to the buyer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_email: Option<String>,
}

/// Which payments to list. The provider takes 1 to 500 rows a page.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// Rows of a page.
    pub limit: u16,
    /// Page, counted from zero.
    pub page: u32,
    /// Made at or after this.
    pub date_from: Option<Timestamp>,
    /// Made at or before this.
    pub date_to: Option<Timestamp>,
    /// Made for this invoice.
    pub invoice_id: Option<ProviderInvoiceId>,
    /// The newest first; otherwise the oldest, which lets rows that are added meanwhile come last.
    pub newest_first: bool,
}

/// Most rows of a page (nowpayments.md section 6).
pub const LIST_ROWS_MAX: u16 = 500;

impl Default for ListQuery {
    fn default() -> Self {
        Self {
            limit: LIST_ROWS_MAX,
            page: 0,
            date_from: None,
            date_to: None,
            invoice_id: None,
            newest_first: false,
        }
    }
}

impl ListQuery {
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![
            ("limit", self.limit.clamp(1, LIST_ROWS_MAX).to_string()),
            ("page", self.page.to_string()),
            ("sortBy", "created_at".to_owned()),
            ("orderBy", if self.newest_first { "desc" } else { "asc" }.to_owned()),
        ];
        pairs.extend(self.date_from.map(|instant| ("dateFrom", format!("{instant:.3}"))));
        pairs.extend(self.date_to.map(|instant| ("dateTo", format!("{instant:.3}"))));
        pairs.extend(self.invoice_id.map(|id| ("invoiceId", id.to_string())));
        pairs
    }
}

/// The decimal as a JSON number with every digit.
fn number<S: Serializer>(amount: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    RawValue::from_string(amount.normalize().to_string())
        .map_err(serde::ser::Error::custom)?
        .serialize(serializer)
}

fn address<S: Serializer>(address: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    address.as_deref().map(uri::encode).serialize(serializer)
}

fn invoice_id<S: Serializer>(id: &ProviderInvoiceId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&id.to_string())
}
