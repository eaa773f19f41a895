//! Amounts, exact or not at all.

use std::fmt;

use rust_decimal::Decimal;

/// Most digits after the point that [`Decimal`] holds.
const SCALE_MAX: i64 = 28;

/// Largest mantissa that [`Decimal`] holds: 96 bits.
const MANTISSA_MAX: u128 = (1 << 96) - 1;

/// An amount as the provider wrote it. Never rounded: an amount that does not fit is kept as text, so that the notification is
/// stored and a person looks at it (nowpayments.md section 2.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Amount {
    /// Every digit of the text.
    Exact(Decimal),
    /// A text that has no exact decimal of 96 bits and 28 places, or is no number. For a member of another kind, its JSON.
    Unrepresentable(String),
}

impl Amount {
    /// Reads a JSON number or the text of one: an optional minus, digits, an optional fraction, an optional exponent.
    pub fn from_text(text: &str) -> Self {
        exact(text).map_or_else(|| Self::Unrepresentable(text.to_owned()), Self::Exact)
    }

    /// The decimal, if it is exact.
    pub fn exact(&self) -> Option<Decimal> {
        match self {
            Self::Exact(decimal) => Some(*decimal),
            Self::Unrepresentable(_) => None,
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(decimal) => decimal.fmt(f),
            Self::Unrepresentable(text) => f.write_str(text),
        }
    }
}

/// `rust_decimal` reads plain and scientific text with two functions that also accept underscores and a leading plus, and that
/// round trailing zeros away differently; one reader with the grammar of JSON keeps the answer the same for every spelling.
fn exact(text: &str) -> Option<Decimal> {
    let (is_negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (digits, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, read_exponent(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (digits, ""),
    };
    let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }

    let written = [whole, fraction].concat();
    let mut significant = written.trim_start_matches('0');
    let mut scale = i64::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    if significant.is_empty() {
        let scale = u32::try_from(scale.clamp(0, SCALE_MAX)).ok()?;
        return Some(Decimal::new(0, scale));
    }
    // Zeros at the end of a fraction say nothing; they go only where they would not fit, so that `10.00` stays `10.00`.
    while scale > 0 && significant.ends_with('0') && (scale > SCALE_MAX || mantissa(significant, 0).is_none())
    {
        significant = &significant[..significant.len() - 1];
        scale -= 1;
    }
    if scale > SCALE_MAX {
        return None;
    }
    let zeros_to_append = usize::try_from(-scale).unwrap_or(0);
    let mantissa = i128::try_from(mantissa(significant, zeros_to_append)?).ok()?;
    let signed = if is_negative { -mantissa } else { mantissa };
    Decimal::try_from_i128_with_scale(signed, u32::try_from(scale.max(0)).ok()?).ok()
}

/// The digits as one integer, `None` beyond 96 bits. Bounded work: a 30th digit never fits.
fn mantissa(digits: &str, zeros_to_append: usize) -> Option<u128> {
    const DIGITS_MAX: usize = 29;
    if digits.len().checked_add(zeros_to_append)? > DIGITS_MAX {
        return None;
    }
    let zeros = 10_u128.pow(u32::try_from(zeros_to_append).ok()?);
    let mantissa = digits.parse::<u128>().ok()?.checked_mul(zeros)?;
    (mantissa <= MANTISSA_MAX).then_some(mantissa)
}

fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let magnitude = digits.parse::<i64>().ok()?;
    Some(if text.starts_with('-') { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads_as(text: &str, expected: &str) {
        assert_eq!(Amount::from_text(text).to_string(), expected, "{text}");
        assert!(Amount::from_text(text).exact().is_some(), "{text}");
    }

    #[test]
    fn every_spelling_of_a_value_is_exact() {
        reads_as("10.00", "10.00");
        reads_as("1e-7", "0.0000001");
        reads_as("1E-7", "0.0000001");
        reads_as("1.50E2", "150");
        reads_as("5e+3", "5000");
        reads_as("1e21", "1000000000000000000000");
        reads_as("-0", "0");
        reads_as("-2.5", "-2.5");
        reads_as("0.000000", "0.000000");
        reads_as("0e999999", "0");
        reads_as("79228162514264337593543950335", "79228162514264337593543950335");
        reads_as("0.0000000000000000000000000001", "0.0000000000000000000000000001");
        reads_as("0.100000000000000000000000000000000000", "0.1000000000000000000000000000");
        reads_as("12345678901234567890.1230000000000000000", "12345678901234567890.123000000");
        reads_as("100000000000000000000000000000e-5", "1000000000000000000000000.0000");
    }

    #[test]
    fn what_does_not_fit_is_kept_as_text() {
        let texts = [
            "79228162514264337593543950336",
            "0.00000000000000000000000000001",
            "0.006423149999999999866517885749317429144866764545440673828125",
            "1e400",
            "1e-400",
            "1e99999999999999999999",
            "",
            "-",
            "abc",
            "NaN",
            "1_000",
            "+1",
            " 1",
            "1.",
            ".5",
            "1e",
            "1,5",
            "0x10",
            "--1",
        ];
        for text in texts {
            assert_eq!(Amount::from_text(text), Amount::Unrepresentable(text.to_owned()));
        }
    }
}
