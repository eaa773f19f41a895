//! The predecessor's values are texts, numbers as text, and Python's words for nothing.

use rust_decimal::Decimal;
use tollhouse_core::id::{ProviderPaymentId, TelegramUserId};
use tollhouse_core::money::{Currency, Money, exact_amount};

/// Longest value that is repeated in a report, in characters.
const SHOWN_LENGTH_MAX: usize = 60;
/// Decimal places of a price: cents are written even where there are none.
const PRICE_PLACES: u32 = 2;

/// A value, if it says something.
pub fn said(text: Option<&String>) -> Option<&str> {
    let text = text?.trim();
    let nothing = ["none", "null", "nan", "undefined"].iter().any(|word| text.eq_ignore_ascii_case(word));
    (!text.is_empty() && !nothing).then_some(text)
}

/// A value as it is repeated in a report.
pub fn shown(name: &str, text: Option<&String>) -> String {
    match text {
        None => format!("{name} is null"),
        Some(text) => format!("{name} is {:?}", text.chars().take(SHOWN_LENGTH_MAX).collect::<String>()),
    }
}

/// A whole number, also where it came through a float: `17`, `17.0`.
fn whole(text: &str) -> Option<i64> {
    let (digits, rest) = text.split_once('.').unwrap_or((text, ""));
    rest.bytes().all(|b| b == b'0').then(|| digits.parse().ok()).flatten()
}

/// A chat. Where the sign was lost (F05) it is put back: no chat has a positive id.
pub fn chat(text: Option<&String>) -> Option<i64> {
    let number = whole(said(text)?)?.checked_abs()?.checked_neg()?;
    (number != 0).then_some(number)
}

/// A person.
pub fn user(text: Option<&String>) -> Option<TelegramUserId> {
    TelegramUserId::new(whole(said(text)?)?).ok()
}

/// A payment.
pub fn payment_id(text: Option<&String>) -> Option<ProviderPaymentId> {
    ProviderPaymentId::new(whole(said(text)?)?).ok()
}

/// Days: `30`, `30.0`, `30 days`.
pub fn days(text: Option<&String>) -> Option<u32> {
    let text = said(text)?;
    let number = text.split_whitespace().next().unwrap_or(text);
    whole(number).and_then(|days| u32::try_from(days).ok())
}

/// Yes or no, as PostgreSQL and Python write it.
pub fn flag(text: Option<&String>) -> Option<bool> {
    match said(text)?.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" | "yes" => Some(true),
        "false" | "f" | "0" | "no" => Some(false),
        _ => None,
    }
}

/// A price in dollars: `5`, `$5.00`, `1,234.50`, `12,50`, `5 USD`.
pub fn dollars(text: &str) -> Option<Money> {
    let mut digits = text.trim();
    for word in ["usd", "us$", "$"] {
        let end = digits.len().checked_sub(word.len());
        if digits.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)) {
            digits = digits[word.len()..].trim();
        } else if let Some(end) = end
            && digits.get(end..).is_some_and(|tail| tail.eq_ignore_ascii_case(word))
        {
            digits = digits[..end].trim();
        }
    }
    let mut amount = exact_amount(&point_only(digits)?).ok()?.normalize();
    if amount.scale() < PRICE_PLACES {
        amount.rescale(PRICE_PLACES);
    }
    Some(Money::new(amount, Currency::new("usd").ok()?))
}

/// Brings thousands' marks and decimal commas into the one form that is read. Where both marks are there the last one is the decimal mark;
/// a single comma is one unless three digits follow it.
pub fn point_only(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|c| !matches!(c, ' ' | '\u{a0}' | '\'' | '_')).collect();
    let (comma, point) = (plain.rfind(','), plain.rfind('.'));
    let decimal = match (comma, point) {
        (Some(comma), Some(point)) if comma > point => ',',
        (Some(comma), None) if plain.matches(',').count() == 1 && plain.len() - comma - 1 != 3 => ',',
        _ => '.',
    };
    let thousands = if decimal == ',' { '.' } else { ',' };
    if plain.matches(decimal).count() > 1 {
        return None;
    }
    Some(plain.chars().filter(|c| *c != thousands).map(|c| if c == ',' { '.' } else { c }).collect())
}

/// An amount in a coin, as the provider wrote it.
pub fn amount(text: &str) -> Option<Decimal> {
    exact_amount(text).ok().map(|amount| amount.normalize())
}

/// An amount with its coin; unknown money stays unknown (F12).
pub fn money(amount_text: Option<&String>, currency: Option<&String>) -> Option<Money> {
    Some(Money::new(amount(said(amount_text)?)?, Currency::new(said(currency)?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn prices_are_read_however_they_were_typed() {
        for (text, price) in [
            ("5", "5.00 USD"),
            ("5.0", "5.00 USD"),
            ("$5.00", "5.00 USD"),
            (" $ 45 ", "45.00 USD"),
            ("1,234.50", "1234.50 USD"),
            ("1.234,50", "1234.50 USD"),
            ("12,50", "12.50 USD"),
            ("1,000", "1000.00 USD"),
            ("1,000,000", "1000000.00 USD"),
            ("5 USD", "5.00 USD"),
            ("USD 5", "5.00 USD"),
            ("2.5000000000", "2.50 USD"),
            ("0.125", "0.125 USD"),
            ("9999.99", "9999.99 USD"),
        ] {
            assert_eq!(dollars(text).map(|money| money.to_string()).as_deref(), Some(price), "{text}");
        }
        for text in ["", "$", "five", "-5", "1.2.3", "1,2,3.4.5", "5 EUR", "€5", "NaN", "1e400"] {
            assert_eq!(dollars(text), None, "{text}");
        }
    }

    #[test]
    fn f05_a_lost_sign_is_put_back() {
        for text in ["-1003016667267", "1003016667267", " -1003016667267 ", "-1003016667267.0"] {
            assert_eq!(chat(some(text).as_ref()), Some(-1_003_016_667_267), "{text}");
        }
        for text in ["0", "", "None", "@signals", "1.5", "-9223372036854775808"] {
            assert_eq!(chat(some(text).as_ref()), None, "{text}");
        }
    }

    #[test]
    fn words_for_nothing_say_nothing() {
        for text in ["", "  ", "None", "null", "NaN", "undefined"] {
            assert_eq!(said(some(text).as_ref()), None, "{text}");
        }
        assert_eq!(days(some("30.0").as_ref()), Some(30));
        assert_eq!(days(some("30 days").as_ref()), Some(30));
        assert_eq!(days(some("-1").as_ref()), None);
        assert_eq!(flag(some("t").as_ref()), Some(true));
        assert_eq!(payment_id(some("4479119533.0").as_ref()).unwrap().get(), 4_479_119_533);
    }

    #[test]
    fn an_amount_without_its_coin_is_no_amount() {
        assert_eq!(money(some("0.5").as_ref(), None), None);
        assert_eq!(money(some("None").as_ref(), some("eth").as_ref()), None);
        let tiny = money(some("0.000268920000000000").as_ref(), some("ETH").as_ref()).unwrap();
        assert_eq!(tiny.to_string(), "0.00026892 ETH");
    }
}
