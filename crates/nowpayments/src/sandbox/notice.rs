//! The body of a notification, in the member order and spelling of the captured ones (nowpayments.md section 3).

use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::model::SandboxPayment;

/// How amounts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spelling {
    /// As JavaScript writes numbers: `25`, `0.000002`, `1e-7`.
    #[default]
    JavaScript,
    /// As JSON strings.
    Text,
    /// As a rewriter with decimals of a fixed scale does: `25.00`.
    TrailingZeros,
    /// With an exponent, as a rewriter in Python or PHP does: `2.5E+1`.
    Exponent,
}

/// How the simulated account writes notifications.
#[derive(Debug, Clone, Copy)]
pub struct BodyStyle {
    /// Amounts at the top level as strings.
    pub amounts_as_text: bool,
    /// Parts of the fee as strings, as some captures have them.
    pub fees_as_text: bool,
    /// With `updated_at`, which some captures lack.
    pub updated_at: bool,
    /// How something on the way respells the numbers after they were signed.
    pub in_transit: Spelling,
}

impl Default for BodyStyle {
    fn default() -> Self {
        Self {
            amounts_as_text: false,
            fees_as_text: false,
            updated_at: true,
            in_transit: Spelling::JavaScript,
        }
    }
}

/// What is signed and what is sent; the same text unless something on the way respells numbers.
pub(crate) struct Notice {
    pub(crate) signed: String,
    pub(crate) sent: String,
}

pub(crate) fn write(payment: &SandboxPayment, style: BodyStyle) -> Notice {
    let signed = text(payment, style, Spelling::JavaScript);
    let sent = match style.in_transit {
        Spelling::JavaScript => signed.clone(),
        respelled => text(payment, style, respelled),
    };
    Notice { signed, sent }
}

fn text(payment: &SandboxPayment, style: BodyStyle, numbers: Spelling) -> String {
    let spelled =
        |as_text: bool, value: Decimal| Number(value, if as_text { Spelling::Text } else { numbers });
    let amount = |value| spelled(style.amounts_as_text, value);
    let fee = |value| spelled(style.fees_as_text, value);
    let children: Vec<u64> = payment.children.iter().map(|id| id.get()).collect();
    let body = Body {
        actually_paid: amount(payment.actually_paid),
        actually_paid_at_fiat: amount(payment.actually_paid_at_fiat),
        fee: FeeBody {
            currency: &payment.outcome_currency,
            deposit: fee(payment.fees.deposit),
            service: fee(payment.fees.service),
            withdrawal: fee(payment.fees.withdrawal),
        },
        invoice_id: payment.invoice_id.map(|id| id.get()),
        order_description: payment.order_description.as_deref(),
        order_id: payment.order_id.as_deref(),
        outcome_amount: amount(payment.outcome_amount),
        outcome_currency: &payment.outcome_currency,
        parent_payment_id: payment.parent.map(|id| id.get()),
        pay_address: &payment.pay_address,
        pay_amount: amount(payment.pay_amount),
        pay_currency: &payment.pay_currency,
        payin_extra_id: payment.payin_extra_id.as_deref(),
        payment_extra_ids: if children.is_empty() { None } else { Some(children) },
        payment_id: payment.id.get(),
        payment_status: payment.status.as_str(),
        price_amount: amount(payment.price_amount),
        price_currency: &payment.price_currency,
        purchase_id: payment.purchase_id.to_string(),
        updated_at: style.updated_at.then(|| payment.updated_at.as_millisecond()),
    };
    json(&body)
}

/// Writes an answer. Every type here is made of text, integers and checked number tokens, which always serialise.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Members in the order of a captured body, which is the sorted one that `JSON.stringify` of sorted keys gives.
#[derive(Serialize)]
struct Body<'a> {
    actually_paid: Number,
    actually_paid_at_fiat: Number,
    fee: FeeBody<'a>,
    invoice_id: Option<u64>,
    order_description: Option<&'a str>,
    order_id: Option<&'a str>,
    outcome_amount: Number,
    outcome_currency: &'a str,
    parent_payment_id: Option<u64>,
    pay_address: &'a str,
    pay_amount: Number,
    pay_currency: &'a str,
    payin_extra_id: Option<&'a str>,
    payment_extra_ids: Option<Vec<u64>>,
    payment_id: u64,
    payment_status: &'a str,
    price_amount: Number,
    price_currency: &'a str,
    purchase_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<i64>,
}

#[derive(Serialize)]
struct FeeBody<'a> {
    currency: &'a str,
    #[serde(rename = "depositFee")]
    deposit: Number,
    #[serde(rename = "serviceFee")]
    service: Number,
    #[serde(rename = "withdrawalFee")]
    withdrawal: Number,
}

/// A decimal that is written in a chosen spelling.
pub(crate) struct Number(pub(crate) Decimal, pub(crate) Spelling);

impl Number {
    pub(crate) fn plain(value: Decimal) -> Self {
        Self(value, Spelling::JavaScript)
    }

    fn token(&self) -> String {
        match self.1 {
            Spelling::JavaScript => javascript_number(self.0),
            Spelling::Text => self.0.normalize().to_string(),
            Spelling::TrailingZeros => {
                let mut padded = self.0.normalize();
                padded.rescale(padded.scale().max(1) + 1);
                padded.to_string()
            }
            Spelling::Exponent => exponent_number(self.0),
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.1 == Spelling::Text {
            return serializer.serialize_str(&self.token());
        }
        RawValue::from_string(self.token()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// The provider keeps doubles, so what a double cannot hold is rounded here, and only here.
fn javascript_number(value: Decimal) -> String {
    let plain = value.normalize().to_string();
    plain.parse::<f64>().map_or(plain, |number| ryu_js::Buffer::new().format(number).to_owned())
}

fn exponent_number(value: Decimal) -> String {
    let value = value.normalize();
    if value.is_zero() {
        return "0.0".into();
    }
    let digits = value.mantissa().unsigned_abs().to_string();
    let exponent = i64::try_from(digits.len()).unwrap_or(0) - 1 - i64::from(value.scale());
    let (first, rest) = digits.split_at(1);
    let sign = if value.is_sign_negative() { "-" } else { "" };
    format!("{sign}{first}.{}E{exponent:+}", if rest.is_empty() { "0" } else { rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spelled_as_asked() {
        let spelled = |text: &str, spelling| Number(text.parse().unwrap(), spelling).token();
        assert_eq!(spelled("25.00", Spelling::JavaScript), "25");
        assert_eq!(spelled("0.0000001", Spelling::JavaScript), "1e-7");
        assert_eq!(spelled("0.000002", Spelling::JavaScript), "0.000002");
        assert_eq!(spelled("2.50", Spelling::Text), "2.5");
        assert_eq!(spelled("25", Spelling::TrailingZeros), "25.00");
        assert_eq!(spelled("0.000002", Spelling::TrailingZeros), "0.0000020");
        assert_eq!(spelled("25", Spelling::Exponent), "2.5E+1");
        assert_eq!(spelled("-0.000002", Spelling::Exponent), "-2.0E-6");
        assert_eq!(spelled("0", Spelling::Exponent), "0.0");
    }
}
