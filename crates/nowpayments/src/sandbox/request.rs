//! Reading what merchants and browsers send, as tolerantly as the provider and as strictly.

use rust_decimal::Decimal;

use super::coins;
use crate::json::{self, Members, Value};
use crate::notification::{amount, member, read_text};

/// Why a request is refused: HTTP status, the provider's code, and its sentence.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn params(message: impl Into<String>) -> Self {
        Self::new(400, "INVALID_REQUEST_PARAMS", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "NOT_FOUND", message)
    }
}

/// The members of a JSON object in a request.
pub(super) struct Input<'a>(Members<'a>);

impl<'a> Input<'a> {
    /// An empty body is an empty object.
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Refusal> {
        if body.trim_ascii().is_empty() {
            return Ok(Self(Vec::new()));
        }
        json::read_object(body).map(Self).map_err(|shape| Refusal::params(shape.to_string()))
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        member(&self.0, name).and_then(read_text)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(member(&self.0, name), Some(Value::Bool(true))) || self.text(name).as_deref() == Some("true")
    }

    /// An amount that is there must be readable.
    pub(super) fn amount(&self, name: &str) -> Result<Option<Decimal>, Refusal> {
        match amount(&self.0, name) {
            None => Ok(None),
            Some(amount) => {
                amount.exact().map(Some).ok_or_else(|| Refusal::params(format!("{name} must be a number")))
            }
        }
    }

    pub(super) fn price(&self) -> Result<(Decimal, String), Refusal> {
        let price =
            self.amount("price_amount")?.ok_or_else(|| Refusal::params("price_amount is required"))?;
        if price <= Decimal::ZERO {
            return Err(Refusal::params("price_amount must be a positive number"));
        }
        let currency =
            self.text("price_currency").ok_or_else(|| Refusal::params("price_currency is required"))?;
        if coins::usd_price(&currency).is_none() {
            return Err(currency_unavailable(&currency));
        }
        Ok((price, currency))
    }

    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| Refusal::params(format!("{name} must be a whole number")))
    }

    /// An address that is there must be a valid URI: `success_url must be a valid uri`.
    pub(super) fn uri(&self, name: &str) -> Result<Option<String>, Refusal> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        if is_uri(&text) {
            Ok(Some(text))
        } else {
            Err(Refusal::params(format!("{name} must be a valid uri")))
        }
    }
}

pub(super) fn currency_unavailable(currency: &str) -> Refusal {
    Refusal::new(400, "CURRENCY_UNAVAILABLE", format!("Currency {currency} is currently unavailable"))
}

/// The characters of RFC 3986, with every other one percent-encoded. A URL library would mend a bare `|` in silence, and it is
/// just that mending which the provider does not do (F06).
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    if !matches!(scheme, "http" | "https") || rest.is_empty() || rest.matches('#').count() > 1 {
        return false;
    }
    let mut bytes = rest.bytes();
    while let Some(byte) = bytes.next() {
        let is_allowed = byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(&byte);
        let is_escape = byte == b'%' && (0..2).all(|_| bytes.next().is_some_and(|b| b.is_ascii_hexdigit()));
        if !is_allowed && !is_escape {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::is_uri;

    #[test]
    fn a_bare_pipe_is_no_uri() {
        assert!(is_uri("https://pay.example.org/o/PGP-1%7C-100?x=1&y=%20#z"));
        assert!(is_uri("http://127.0.0.1:8080/webhooks/nowpayments"));
        for bad in [
            "https://pay.example.org/PGP-1|-100",
            "pay.example.org",
            "https://",
            "ftp://a",
            "https://a b",
            "https://a/%2",
            "https://a/ü",
        ] {
            assert!(!is_uri(bad), "{bad}");
        }
    }
}
