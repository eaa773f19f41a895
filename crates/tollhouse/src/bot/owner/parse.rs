//! What owners type: titles, labels, prices and durations, in the spellings that people use.

use tollhouse_core::channel::{PLAN_DAYS_MAX, PlanDuration, TITLE_LENGTH_MAX};
use tollhouse_core::money::{Currency, Money, exact_amount};
use tollhouse_telegram::Html;

use super::currency;
use crate::coins::Coin;
use crate::import::text::point_only;
use crate::texts::Language;

/// Decimal places that a price has at least: cents are written even where there are none.
const PRICE_PLACES: u32 = 2;
/// Digits between two marks of thousands, and so many behind a mark make it unclear which kind it is.
const GROUP_DIGITS: usize = 3;

/// Why a text is not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// Too long, or more than one line.
    Words,
    /// No price.
    Price,
    /// A price of nothing.
    Zero,
    /// An amount that can be read in two ways: `1.500` is one and a half, or fifteen hundred.
    Unclear {
        /// As it was written.
        amount: String,
        /// The larger one, written so that it is clear.
        more: String,
        /// The smaller one, in the same way.
        less: String,
    },
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
            Self::Unclear { amount, more, less } => language.wrong_price_unclear(amount, more, less),
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

/// A price: `5`, `$4.99`, `12,50 eur`, `5 dollars`, `100 USDTTRC20`. Without a currency it is in dollars. `listed`: the coins that the
/// provider has named.
///
/// # Errors
/// [`Wrong::Price`], [`Wrong::Zero`], [`Wrong::Unclear`].
pub fn price(text: &str, listed: &[Coin]) -> Result<Money, Wrong> {
    let (number, currency) = parted(text.trim(), listed).ok_or(Wrong::Price)?;
    if !number.ends_with(|c: char| c.is_ascii_digit()) || !number.chars().all(is_of_number) {
        return Err(Wrong::Price);
    }
    let marked: String = number.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | ',')).collect();
    let digits = match marked.split_once(['.', ',']) {
        Some((whole, part)) if part.len() == GROUP_DIGITS && !part.contains(['.', ',']) => {
            let (more, less) = (format!("{whole}{part}"), format!("{whole}.{part}"));
            // Nobody writes thousands so: `0,125`, `1500.125`.
            let is_decimal = whole.starts_with('0') || whole.len() > GROUP_DIGITS;
            // In a coin so many places are common, but behind a point only.
            let is_coins = marked.contains('.') && !currency::has_cents(&currency);
            if !is_decimal && !is_coins {
                let (more, less) = (money(&more, &currency)?, money(&less, &currency)?);
                let (more, less) = (without_cents(more).to_string(), clear(less).to_string());
                return Err(Wrong::Unclear { amount: number.to_owned(), more, less });
            }
            less
        }
        _ => point_only(number).ok_or(Wrong::Price)?,
    };
    let price = money(&digits, &currency)?;
    if price.amount.is_zero() { Err(Wrong::Zero) } else { Ok(price) }
}

/// An amount in the form that is read.
fn money(digits: &str, currency: &Currency) -> Result<Money, Wrong> {
    let mut amount = exact_amount(digits).map_err(|_| Wrong::Price)?;
    // `5` is written like the prices that `channel add` is given as a rule.
    if amount.scale() < PRICE_PLACES {
        amount.rescale(PRICE_PLACES);
    }
    Ok(Money::new(amount, currency.clone()))
}

/// A whole amount without cents.
fn without_cents(price: Money) -> Money {
    Money { amount: price.amount.normalize(), ..price }
}

/// An amount with other than three places, so that it is not asked about again.
fn clear(price: Money) -> Money {
    let mut amount = price.amount.normalize();
    amount.rescale(if amount.scale() <= PRICE_PLACES { PRICE_PLACES } else { 2 * PRICE_PLACES });
    Money { amount, ..price }
}

fn is_of_number(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '.' | ',' | ' ' | '\u{a0}' | '\'')
}

/// The number and the currency beside it, before it or behind it. A coin's ticker may have digits, so that a word that stands apart is
/// looked at first.
fn parted<'t>(text: &'t str, listed: &[Coin]) -> Option<(&'t str, Currency)> {
    if let Some((word, number)) = text.split_once(char::is_whitespace)
        && let Some(currency) = currency::named(word, listed)
    {
        return Some((number.trim(), currency));
    }
    if let Some((number, word)) = text.rsplit_once(char::is_whitespace)
        && let Some(currency) = currency::named(word, listed)
    {
        return Some((number.trim(), currency));
    }
    let (before, rest) = text.split_at(text.find(|c: char| c.is_ascii_digit())?);
    let (number, after) = rest.split_at(rest.find(|c| !is_of_number(c)).unwrap_or(rest.len()));
    let word = match (before.trim(), after.trim()) {
        ("", "") => "usd",
        (word, "") | ("", word) => word,
        _ => return None,
    };
    Some((number.trim(), currency::named(word, listed)?))
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
            ("100 USDTTRC20", "100.00 USDTTRC20"),
            ("100usdttrc20", "100.00 USDTTRC20"),
            ("USDTTRC20 100", "100.00 USDTTRC20"),
            ("1 000 rub", "1000.00 RUB"),
            ("1,234.50", "1234.50 USD"),
            ("1.234,50 €", "1234.50 EUR"),
            ("1,000,000", "1000000.00 USD"),
            ("1'000 chf", "1000.00 CHF"),
            ("1 500,250 eur", "1500.250 EUR"),
            ("0.125", "0.125 USD"),
            ("0,125 usd", "0.125 USD"),
            ("0.0005 btc", "0.0005 BTC"),
            ("0.001 btc", "0.001 BTC"),
            ("0,001 btc", "0.001 BTC"),
            ("1.500 btc", "1.500 BTC"),
            ("USD 7", "7.00 USD"),
            ("5 dollars", "5.00 USD"),
            ("300 рублей", "300.00 RUB"),
            ("300р.", "300.00 RUB"),
            ("5 euros", "5.00 EUR"),
        ] {
            assert_eq!(price(text, &[]).map(|money| money.to_string()).as_deref(), Ok(want), "{text}");
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
            "USD 5 EUR",
            "5 doubloons",
            "5 moons",
            "20 usdt",
            "5,",
            "1.2.3",
            "usd",
            "usd usd",
        ] {
            assert_eq!(price(text, &[]), Err(Wrong::Price), "{text}");
        }
        assert_eq!(price("0", &[]), Err(Wrong::Zero));
        assert_eq!(price("0.00 eur", &[]), Err(Wrong::Zero));
        assert_eq!(price(&"9".repeat(40), &[]), Err(Wrong::Price));
    }

    #[test]
    fn thousands_and_cents_are_not_taken_for_each_other() {
        for (text, amount, more, less) in [
            ("1.500 eur", "1.500", "1500 EUR", "1.50 EUR"),
            ("1,500", "1,500", "1500 USD", "1.50 USD"),
            ("50.000 cop", "50.000", "50000 COP", "50.00 COP"),
            ("$2.125", "2.125", "2125 USD", "2.1250 USD"),
            ("1,500 btc", "1,500", "1500 BTC", "1.50 BTC"),
            ("1.500 usdttrc20", "1.500", "1500 USDTTRC20", "1.50 USDTTRC20"),
        ] {
            let unclear =
                Wrong::Unclear { amount: amount.to_owned(), more: more.to_owned(), less: less.to_owned() };
            assert_eq!(price(text, &[]), Err(unclear), "{text}");
            for clear in [more, less] {
                let (read, meant): (_, Money) = (price(clear, &[]), clear.parse().unwrap());
                assert!(read.is_ok_and(|read| read.same_as(&meant)), "what is proposed is taken: {clear}");
            }
        }
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
