//! What owners type: titles, labels, prices and durations, in the spellings that people use.

use tollhouse_core::channel::{PLAN_DAYS_MAX, PlanDuration, TITLE_LENGTH_MAX};
use tollhouse_core::money::{Currency, Money, exact_amount};
use tollhouse_telegram::Html;

use crate::import::text::point_only;
use crate::texts::Language;

/// Why a text is not what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// Too long, or more than one line.
    Words,
    /// No price.
    Price,
    /// A price of nothing.
    Zero,
    /// No duration.
    Duration,
}

impl Wrong {
    /// What to tell who typed it.
    #[must_use]
    pub fn say(self, language: Language) -> Html {
        match self {
            Self::Words => language.wrong_words(u32::try_from(TITLE_LENGTH_MAX).unwrap_or(u32::MAX)),
            Self::Price => language.wrong_price(),
            Self::Zero => language.wrong_price_zero(),
            Self::Duration => language.wrong_duration(PLAN_DAYS_MAX),
        }
    }
}

/// A title, or the name of a plan: one line, as long as Telegram's own titles may be.
///
/// # Errors
/// [`Wrong::Words`].
pub fn words(text: &str) -> Result<String, Wrong> {
    let text = text.trim();
    let fits =
        !text.is_empty() && text.chars().count() <= TITLE_LENGTH_MAX && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(Wrong::Words) }
}

/// A price: `5`, `$4.99`, `12,50 eur`, `100 USDT`. Without a currency it is in dollars.
///
/// # Errors
/// [`Wrong::Price`], [`Wrong::Zero`].
pub fn price(text: &str) -> Result<Money, Wrong> {
    let text = text.trim();
    let is_of_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | ' ' | '\u{a0}' | '\'');
    let start = text.find(|c: char| c.is_ascii_digit()).ok_or(Wrong::Price)?;
    let end = text.rfind(|c: char| c.is_ascii_digit()).ok_or(Wrong::Price)?;
    let (before, number, after) = (text[..start].trim(), &text[start..=end], text[end + 1..].trim());
    if !number.chars().all(is_of_number) {
        return Err(Wrong::Price);
    }
    let currency = match (before, after) {
        ("", "") => "usd",
        (one, "") | ("", one) => match one {
            "$" | "US$" => "usd",
            "€" => "eur",
            "£" => "gbp",
            "₽" => "rub",
            "₴" => "uah",
            word if word.chars().all(|c| c.is_ascii_alphanumeric()) => word,
            _ => return Err(Wrong::Price),
        },
        _ => return Err(Wrong::Price),
    };
    let currency = Currency::new(currency).map_err(|_| Wrong::Price)?;
    let digits = point_only(number).ok_or(Wrong::Price)?;
    let mut amount = exact_amount(&digits).map_err(|_| Wrong::Price)?;
    if amount.is_zero() {
        return Err(Wrong::Zero);
    }
    // `5` is written like the prices that `channel add` is given as a rule.
    if amount.scale() < 2 {
        amount.rescale(2);
    }
    Ok(Money::new(amount, currency))
}

/// A duration: `30`, `30d`, `30 days`, `lifetime`, and the same in the bot's other languages.
///
/// # Errors
/// [`Wrong::Duration`].
pub fn duration(text: &str) -> Result<PlanDuration, Wrong> {
    const FOR_EVER: [&str; 10] = [
        "lifetime",
        "for life",
        "life",
        "forever",
        "for ever",
        "навсегда",
        "бессрочно",
        "siempre",
        "para siempre",
        "de por vida",
    ];
    const DAYS: [&str; 14] =
        ["", "d", "day", "days", "д", "дн", "день", "дня", "дней", "сут", "día", "días", "dia", "dias"];
    let text = text.trim().to_lowercase();
    if FOR_EVER.contains(&text.as_str()) {
        return Ok(PlanDuration::Lifetime);
    }
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    if !DAYS.contains(&unit.trim().trim_end_matches('.')) {
        return Err(Wrong::Duration);
    }
    let days = digits.parse().map_err(|_| Wrong::Duration)?;
    PlanDuration::days(days).map_err(|_| Wrong::Duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_as_people_write_them() {
        for (text, want) in [
            ("5", "5.00 USD"),
            (" $4.99 ", "4.99 USD"),
            ("4.99$", "4.99 USD"),
            ("12,50 eur", "12.50 EUR"),
            ("€12", "12.00 EUR"),
            ("100 USDT", "100.00 USDT"),
            ("1 000 rub", "1000.00 RUB"),
            ("1,234.50", "1234.50 USD"),
            ("0.0005 btc", "0.0005 BTC"),
            ("USD 7", "7.00 USD"),
        ] {
            assert_eq!(price(text).map(|money| money.to_string()).as_deref(), Ok(want), "{text}");
        }
        for text in [
            "",
            "free",
            "five dollars",
            "5 USD per month",
            "-5",
            "1e3",
            "5/30d",
            "$5$",
            "5 <b>",
            "NaN",
            "5 usd 6",
        ] {
            assert_eq!(price(text), Err(Wrong::Price), "{text}");
        }
        assert_eq!(price("0"), Err(Wrong::Zero));
        assert_eq!(price("0.00 eur"), Err(Wrong::Zero));
        assert_eq!(price(&"9".repeat(40)), Err(Wrong::Price));
    }

    #[test]
    fn f40_durations_are_read_and_none_is_of_no_days() {
        for (text, want) in [
            ("30", PlanDuration::Days(30)),
            ("30d", PlanDuration::Days(30)),
            (" 7 Days ", PlanDuration::Days(7)),
            ("90 дней", PlanDuration::Days(90)),
            ("365 días", PlanDuration::Days(365)),
            ("Lifetime", PlanDuration::Lifetime),
            ("навсегда", PlanDuration::Lifetime),
            ("para siempre", PlanDuration::Lifetime),
        ] {
            assert_eq!(duration(text), Ok(want), "{text}");
        }
        for text in
            ["", "0", "0d", "-1", "1.5 days", "30 d 5", "a month", "36501", "99999999999", "30 minutes"]
        {
            assert_eq!(duration(text), Err(Wrong::Duration), "{text}");
        }
    }

    #[test]
    fn a_title_is_one_line_of_at_most_what_telegram_takes() {
        assert_eq!(words("  Signals <b> 📈 "), Ok("Signals <b> 📈".to_owned()));
        for text in ["", "  ", "two\nlines", &"<b>".repeat(1_366)] {
            assert_eq!(words(text), Err(Wrong::Words));
        }
        assert!(words(&"ü".repeat(TITLE_LENGTH_MAX)).is_ok());
    }
}
