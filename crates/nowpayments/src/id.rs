//! The provider's ids: digits, sent as a number here and as a string there.

use std::fmt;

use crate::json::Value;

/// Largest integer that survives a trip through JavaScript: 2^53-1.
const NUMBER_ID_MAX: u64 = (1 << 53) - 1;

/// Longest id in a string; eighteen digits always fit 64 bits.
const STRING_ID_DIGITS_MAX: usize = 18;

/// The largest id of eighteen digits.
const ID_MAX: u64 = 999_999_999_999_999_999;

/// The rule of nowpayments.md section 2.8: a string of 1 to 18 digits without a leading zero, or an integer token up to 2^53-1.
/// Never `5745459419.0` or `5.7e9`.
pub(crate) fn read_id(value: &Value<'_>) -> Option<u64> {
    match value {
        Value::String(text) => digits(text),
        Value::Number(token) => digits(token).filter(|&id| id <= NUMBER_ID_MAX),
        _ => None,
    }
}

fn digits(text: &str) -> Option<u64> {
    let is_id = matches!(text.as_bytes(), [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit));
    if !is_id || text.len() > STRING_ID_DIGITS_MAX {
        return None;
    }
    text.parse().ok()
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// Reads 1 to 18 digits without a leading zero.
            pub fn parse(text: &str) -> Option<Self> {
                digits(text).map(Self)
            }

            /// The id with this number; `None` for zero and for more than 18 digits.
            pub fn new(number: u64) -> Option<Self> {
                (1..=ID_MAX).contains(&number).then_some(Self(number))
            }

            /// The number.
            pub fn get(self) -> u64 {
                self.0
            }

            pub(crate) fn read(value: &Value<'_>) -> Option<Self> {
                read_id(value).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id_type!(
    /// One payment. An invoice may have several, and a re-deposit is a payment of its own.
    ProviderPaymentId
);
id_type!(
    /// One invoice. Not a payment id: the provider refuses it where a payment is asked for.
    ProviderInvoiceId
);
id_type!(
    /// What the provider groups payments by.
    ProviderPurchaseId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_digits_and_nothing_else() {
        let string = |text: &str| read_id(&Value::String(text.to_owned().into()));
        let number = |text: &str| read_id(&Value::Number(text.to_owned().into()));
        assert_eq!(string("5745459419"), Some(5_745_459_419));
        assert_eq!(string("999999999999999999"), Some(999_999_999_999_999_999));
        assert_eq!(number("5745459419"), Some(5_745_459_419));
        assert_eq!(number("9007199254740991"), Some(NUMBER_ID_MAX));
        for bad in
            ["", "0", "01", "-1", "+1", " 1", "1 ", "1.0", "5.7e9", "1000000000000000000", "abc", "\u{661}"]
        {
            assert_eq!(string(bad), None, "{bad:?}");
        }
        for bad in ["0", "-1", "5745459419.0", "5.7e9", "9007199254740992"] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
        assert_eq!(read_id(&Value::Bool(true)), None);
    }
}
