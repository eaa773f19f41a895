//! What the provider answers, read as tolerantly as notifications are.

use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::ClientError;
use crate::canonical;
use crate::json::{self, Members, Value};
use crate::notification::{member, read_amount, read_instant_ms, read_payment, read_text};
use crate::{Amount, Notification, ProviderInvoiceId, ProviderPaymentId};

/// An invoice that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Invoice {
    /// Its id.
    pub id: ProviderInvoiceId,
    /// The page where the buyer pays.
    pub invoice_url: String,
    /// The order it is for.
    pub order_id: Option<String>,
    /// The price.
    pub price_amount: Option<Amount>,
    /// Currency of the price.
    pub price_currency: Option<String>,
    /// When it was made, in milliseconds since 1970 UTC.
    pub created_at_ms: Option<i64>,
    /// The answer as it came.
    pub raw: String,
}

/// A payment as the API shows it: the members that a notification has, and those that only the API knows.
#[derive(Debug, Clone, PartialEq)]
pub struct PaymentAnswer {
    /// The members that a notification has.
    pub payment: Notification,
    /// When it was made, in milliseconds since 1970 UTC.
    pub created_at_ms: Option<i64>,
    /// Until when it can be paid, in milliseconds since 1970 UTC; in answers to "create".
    pub valid_until_ms: Option<i64>,
    /// Hash of the incoming transaction.
    pub payin_hash: Option<String>,
    /// Hash of the outgoing transaction.
    pub payout_hash: Option<String>,
    /// The payment's JSON, with its numbers as they came, for a record of what was said.
    pub raw: String,
}

impl PaymentAnswer {
    /// The same payment as a notification would tell it, so that it can take the same path.
    pub fn into_notification(self) -> Notification {
        self.payment
    }
}

/// One page of payments.
#[derive(Debug, Clone, PartialEq)]
pub struct PaymentPage {
    /// The payments, in the order asked for.
    pub payments: Vec<PaymentAnswer>,
    /// Rows without a usable payment id. More than zero is worth a look.
    pub unreadable_rows: usize,
    /// Pages in all, if the provider says so.
    pub pages_count: Option<u64>,
    /// Payments in all, if the provider says so.
    pub total: Option<u64>,
}

/// The smallest payment of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinAmount {
    /// In the currency that one pays with.
    pub min_amount: Decimal,
    /// The same in the fiat currency asked for.
    pub fiat_equivalent: Option<Decimal>,
}

/// A coin that the provider knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Currency {
    /// Ticker in lower case, as payments name it.
    pub code: String,
    /// For people.
    pub name: Option<String>,
    /// The chain.
    pub network: Option<String>,
    /// Whether it can be used now; `true` where the provider does not say.
    pub is_enabled: bool,
    /// Whether an address needs a memo or tag.
    pub has_extra_id: bool,
    /// What its addresses look like.
    pub wallet_regex: Option<String>,
}

pub(super) fn invoice(body: &[u8]) -> Result<Invoice, ClientError> {
    let members = object(body)?;
    let id = member(&members, "id").and_then(ProviderInvoiceId::read);
    let invoice_url = member(&members, "invoice_url").and_then(read_text).filter(|url| is_web_address(url));
    Ok(Invoice {
        id: id.ok_or_else(|| ClientError::not_understood("the invoice has no usable id"))?,
        invoice_url: invoice_url
            .ok_or_else(|| ClientError::not_understood("the invoice has no usable invoice_url"))?,
        order_id: member(&members, "order_id").and_then(read_text),
        price_amount: member(&members, "price_amount").map(read_amount),
        price_currency: member(&members, "price_currency").and_then(read_text),
        created_at_ms: member(&members, "created_at").and_then(read_instant_ms),
        raw: String::from_utf8_lossy(body).into_owned(),
    })
}

/// Buyers are sent there.
fn is_web_address(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

pub(super) fn payment(body: &[u8]) -> Result<PaymentAnswer, ClientError> {
    let members = object(body)?;
    let raw = String::from_utf8_lossy(body).into_owned();
    payment_of(&members, raw)
        .ok_or_else(|| ClientError::not_understood("the payment has no usable payment_id"))
}

fn payment_of(members: &Members<'_>, raw: String) -> Option<PaymentAnswer> {
    let payment_id = member(members, "payment_id").and_then(ProviderPaymentId::read)?;
    Some(PaymentAnswer {
        payment: read_payment(payment_id, members),
        created_at_ms: member(members, "created_at").and_then(read_instant_ms),
        valid_until_ms: member(members, "valid_until").and_then(read_instant_ms),
        payin_hash: member(members, "payin_hash").and_then(read_text),
        payout_hash: member(members, "payout_hash").and_then(read_text),
        raw,
    })
}

pub(super) fn payment_page(body: &[u8]) -> Result<PaymentPage, ClientError> {
    let Ok(members) = json::read_object(body) else { return page_row_by_row(body) };
    let Some(Value::Array(rows)) = member(&members, "data") else {
        return Err(ClientError::not_understood("the list has no data"));
    };
    let payments: Vec<_> = rows
        .iter()
        .filter_map(|row| match row {
            Value::Object(members) => payment_of(members, canonical::write_lexemes(row)),
            _ => None,
        })
        .collect();
    let whole = |name: &str| member(&members, name).and_then(read_text).and_then(|text| text.parse().ok());
    Ok(PaymentPage {
        unreadable_rows: rows.len() - payments.len(),
        payments,
        pages_count: whole("pagesCount"),
        total: whole("total"),
    })
}

/// A page of which something cannot be read, as half of a pair of surrogates in some description, which JavaScript writes where it cuts an
/// emoji in two. It must not keep the other rows from us: each is read by itself.
fn page_row_by_row(body: &[u8]) -> Result<PaymentPage, ClientError> {
    #[derive(serde::Deserialize)]
    struct Page<'a> {
        #[serde(borrow)]
        data: Vec<&'a RawValue>,
        #[serde(borrow, default, rename = "pagesCount")]
        pages_count: Option<&'a RawValue>,
        #[serde(borrow, default)]
        total: Option<&'a RawValue>,
    }
    let page: Page<'_> =
        serde_json::from_slice(body).map_err(|_| ClientError::not_json(reqwest::StatusCode::OK, body))?;
    let payments: Vec<PaymentAnswer> = page
        .data
        .iter()
        .filter_map(|row| {
            let members = json::read_object(row.get().as_bytes()).ok()?;
            payment_of(&members, row.get().to_owned())
        })
        .collect();
    let whole = |value: Option<&RawValue>| value?.get().trim_matches('"').parse().ok();
    Ok(PaymentPage {
        unreadable_rows: page.data.len() - payments.len(),
        payments,
        pages_count: whole(page.pages_count),
        total: whole(page.total),
    })
}

pub(super) fn min_amount(body: &[u8]) -> Result<MinAmount, ClientError> {
    let members = object(body)?;
    let fiat_equivalent =
        member(&members, "fiat_equivalent").map(read_amount).and_then(|amount| amount.exact());
    Ok(MinAmount { min_amount: exact(&members, "min_amount")?, fiat_equivalent })
}

pub(super) fn estimate(body: &[u8]) -> Result<Decimal, ClientError> {
    exact(&object(body)?, "estimated_amount")
}

pub(super) fn token(body: &[u8]) -> Result<String, ClientError> {
    let token = member(&object(body)?, "token").and_then(read_text).filter(|token| !token.is_empty());
    token.ok_or_else(|| ClientError::not_understood("the login gave no token"))
}

/// Lists of coins come as strings, as objects, under two names, and in two cases (nowpayments.md section 6).
pub(super) fn currencies(body: &[u8]) -> Result<Vec<Currency>, ClientError> {
    let members = object(body)?;
    let list = member(&members, "currencies").or_else(|| member(&members, "selectedCurrencies"));
    let Some(Value::Array(rows)) = list else {
        return Err(ClientError::not_understood("there is no list of currencies"));
    };
    Ok(rows.iter().filter_map(currency).collect())
}

fn currency(row: &Value<'_>) -> Option<Currency> {
    match row {
        Value::String(code) => Some(Currency {
            code: code.to_ascii_lowercase(),
            name: None,
            network: None,
            is_enabled: true,
            has_extra_id: false,
            wallet_regex: None,
        }),
        Value::Object(members) => {
            let text = |name: &str| member(members, name).and_then(read_text);
            Some(Currency {
                code: text("code").or_else(|| text("currency"))?.to_ascii_lowercase(),
                name: text("name"),
                network: text("network"),
                is_enabled: !matches!(member(members, "enable"), Some(Value::Bool(false))),
                has_extra_id: matches!(member(members, "extra_id_exists"), Some(Value::Bool(true))),
                wallet_regex: text("wallet_regex"),
            })
        }
        _ => None,
    }
}

pub(super) fn object(body: &[u8]) -> Result<Members<'_>, ClientError> {
    json::read_object(body).map_err(|_| ClientError::not_json(reqwest::StatusCode::OK, body))
}

fn exact(members: &Members<'_>, name: &str) -> Result<Decimal, ClientError> {
    let amount = member(members, name).map(read_amount).and_then(|amount| amount.exact());
    amount.ok_or_else(|| ClientError::not_understood(format!("there is no usable {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_cannot_be_read_keeps_no_other_row_of_its_page_from_us() {
        let good = r#"{"payment_id":7,"payment_status":"finished","price_amount":2.50}"#;
        for bad in [
            r#"{"payment_id":8,"order_description":"cut \ud83d"}"#,
            r#"{"payment_id":8,"payment_id":9}"#,
            r#"{"payment_status":"finished"}"#,
            "null",
        ] {
            let body = format!(r#"{{"data":[{bad},{good}],"pagesCount":2,"total":"12"}}"#);
            let page = payment_page(body.as_bytes()).unwrap();
            assert_eq!((page.payments.len(), page.unreadable_rows), (1, 1), "{bad}");
            assert_eq!((page.pages_count, page.total), (Some(2), Some(12)), "{bad}");
            assert_eq!(page.payments[0].payment.payment_id.to_string(), "7");
            assert_eq!(page.payments[0].raw.replace(' ', ""), good, "{bad}");
        }
        for no_page in ["", "[]", "{", r#"{"data":7}"#, r#"{"data":[{]}"#, "<html>"] {
            assert!(payment_page(no_page.as_bytes()).is_err(), "{no_page}");
        }
    }
}
