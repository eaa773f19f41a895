//! Money: an exact decimal with its currency (I7). Two currencies do not compare.

use std::fmt;

use arrayvec::ArrayString;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Longest ticker that is accepted, in bytes. The provider's longest today has 14 (`usdcarb`-like names with a network).
pub const CURRENCY_LENGTH_MAX: usize = 32;

/// A currency or coin ticker, lower case: `usd`, `btc`, `usdttrc20`. The network is part of the ticker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(ArrayString<CURRENCY_LENGTH_MAX>);

/// Why a text is no currency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a currency is a ticker of 1 to {CURRENCY_LENGTH_MAX} letters and digits such as `usd` or `usdttrc20`, not {0:?}"
)]
pub struct CurrencyError(String);

impl Currency {
    /// Reads a ticker; case does not matter.
    ///
    /// # Errors
    /// Empty, too long, or with a character other than ASCII letters, digits, `-` and `_`.
    pub fn new(text: &str) -> Result<Self, CurrencyError> {
        let trimmed = text.trim();
        let fine = !trimmed.is_empty()
            && trimmed.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let mut ticker =
            ArrayString::from(trimmed).ok().filter(|_| fine).ok_or_else(|| CurrencyError(text.to_owned()))?;
        ticker.make_ascii_lowercase();
        Ok(Self(ticker))
    }

    /// The ticker in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Currency {
    type Error = CurrencyError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.0.as_str().to_owned()
    }
}

/// An amount with its currency. There is no order between values of two currencies, and no arithmetic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Exact decimal; written as text everywhere outside.
    pub amount: Decimal,
    /// What it is an amount of.
    pub currency: Currency,
}

/// Why a text is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The number cannot be held exactly (at most 28 significant digits), is no number, or is negative.
    #[error("{0:?} is not an exact amount of at most 28 digits, zero or more")]
    Amount(String),
    /// The currency is missing or wrong.
    #[error(transparent)]
    Currency(#[from] CurrencyError),
    /// Not `AMOUNT CURRENCY`.
    #[error("write money as `AMOUNT CURRENCY`, for example `5.00 USD`, not {0:?}")]
    Shape(String),
}

impl Money {
    /// Pairs an amount with its currency.
    #[must_use]
    pub fn new(amount: Decimal, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// Compares two amounts of one currency; `None` if the currencies differ (F13).
    #[must_use]
    pub fn compare(&self, other: &Self) -> Option<std::cmp::Ordering> {
        (self.currency == other.currency).then(|| self.amount.cmp(&other.amount))
    }

    /// Whether both are the same amount of the same currency (`5` and `5.00` are).
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.compare(other) == Some(std::cmp::Ordering::Equal)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency.as_str().to_uppercase())
    }
}

impl std::str::FromStr for Money {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split_whitespace();
        let (Some(amount), Some(currency), None) = (words.next(), words.next(), words.next()) else {
            return Err(MoneyError::Shape(text.to_owned()));
        };
        Ok(Self::new(exact_amount(amount)?, Currency::new(currency)?))
    }
}

/// Reads an exact amount that is zero or more; refuses rather than rounds (I7). `1e-7` is understood.
///
/// # Errors
/// Not a number, more digits than can be held exactly, or negative.
pub fn exact_amount(text: &str) -> Result<Decimal, MoneyError> {
    let refuse = || MoneyError::Amount(text.to_owned());
    let number = if let Some((digits, exponent)) = text.split_once(['e', 'E']) {
        let plain = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refuse());
        }
        // `from_scientific` rounds digits that do not fit; only a number that fits without its exponent is handed to it.
        Decimal::from_str_exact(digits).map_err(|_| refuse())?;
        Decimal::from_scientific(text).map_err(|_| refuse())?
    } else {
        Decimal::from_str_exact(text).map_err(|_| refuse())?
    };
    if number.is_sign_negative() && !number.is_zero() { Err(refuse()) } else { Ok(number) }
}

/// An amount as a notification reported it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reported {
    /// Null, absent or zero-length: nothing was said.
    Nothing,
    /// Exact, zero or more.
    Exact(Decimal),
    /// Something was said that cannot be used (too many digits, negative, no number); the text is kept in the raw event.
    Unusable,
}

impl Reported {
    /// The amount, if one was said that can be used.
    #[must_use]
    pub fn exact(&self) -> Option<Decimal> {
        match self {
            Self::Exact(amount) => Some(*amount),
            Self::Nothing | Self::Unusable => None,
        }
    }

    /// The amount if it was said and is above zero: zero means "not reported" (nowpayments.md section 4).
    #[must_use]
    pub fn positive(&self) -> Option<Decimal> {
        self.exact().filter(|amount| !amount.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f13_two_currencies_do_not_compare() {
        let eth: Money = "0.0003 ETH".parse().unwrap();
        let usd: Money = "1.08 USD".parse().unwrap();
        assert_eq!(eth.compare(&usd), None);
        assert!(!eth.same_as(&usd));
        assert!("5 usd".parse::<Money>().unwrap().same_as(&"5.00 USD".parse().unwrap()));
    }

    #[test]
    fn f110_amounts_of_any_size_keep_their_cents() {
        for text in ["1000.01", "9999.99", "123456789.99", "0.000000000000000001"] {
            assert_eq!(exact_amount(text).unwrap().to_string(), text);
        }
    }

    /// Coins of little worth come by the billions, with all their places; and an amount that is not there is none.
    #[test]
    fn f81_amounts_of_small_coins_keep_every_digit_and_a_missing_one_is_no_number() {
        for text in
            ["29836423.817265340123456789", "999999999999999.999999999999", "0.000000000000000000000001"]
        {
            assert_eq!(exact_amount(text).unwrap().to_string(), text);
        }
        assert_eq!(exact_amount("2.9836423817265e7").unwrap().to_string(), "29836423.817265");
        for text in ["None", "null", "undefined", "Infinity", "0.1+0.2"] {
            assert!(exact_amount(text).is_err(), "{text}");
        }
        assert_eq!((Reported::Nothing.exact(), Reported::Unusable.positive()), (None, None));
    }

    #[test]
    fn what_cannot_be_held_exactly_is_refused_not_rounded() {
        for text in [
            "1.234567890123456789012345678901",
            "1.234567890123456789012345678901e1",
            "-1",
            "",
            "abc",
            "1e400",
            "1e-+5",
            "NaN",
            "0x10",
            "1,5",
        ] {
            assert!(exact_amount(text).is_err(), "{text}");
        }
        assert_eq!(exact_amount("1e-7").unwrap().to_string(), "0.0000001");
        assert_eq!(exact_amount("-0").unwrap(), Decimal::ZERO);
    }

    #[test]
    fn a_currency_is_shown_as_it_is_kept() {
        let money: Money = "2.50 USD".parse().unwrap();
        assert_eq!((money.currency.to_string().as_str(), money.currency.as_str()), ("usd", "usd"));
    }
}
