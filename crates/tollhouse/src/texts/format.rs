//! Money, durations and dates as the language writes them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::money::Money;

use super::Language;

/// Currencies that are written with two digits and a sign. A coin is none of them: it keeps every digit, since it is copied to a wallet.
const FIAT_SIGNS: [(&str, &str); 6] =
    [("usd", "$"), ("eur", "€"), ("gbp", "£"), ("rub", "₽"), ("uah", "₴"), ("inr", "₹")];
/// Digits after the point of a currency in [`FIAT_SIGNS`].
const FIAT_DIGITS: u32 = 2;
/// Digits between two marks of thousands.
const GROUP_DIGITS: usize = 3;
/// From how many digits on Spanish marks thousands (the academy's rule: not in numbers of four).
const SPANISH_GROUPS_FROM_DIGITS: usize = 5;
/// Does not break a line between an amount and its currency.
const FIXED_SPACE: char = '\u{a0}';

impl Language {
    /// An amount for people. A price in a known currency as the language writes it; a coin exactly as a wallet takes it.
    #[must_use]
    pub fn money(self, money: &Money) -> String {
        let code = money.currency.as_str();
        match FIAT_SIGNS.iter().find(|(known, _)| *known == code) {
            Some((_, sign)) => self.price(money.amount, sign),
            None => format!("{}{FIXED_SPACE}{}", money.amount.normalize(), code.to_uppercase()),
        }
    }

    fn price(self, amount: Decimal, sign: &str) -> String {
        // More digits than usual are shown rather than rounded away.
        let mut amount = amount.normalize();
        if amount.scale() < FIAT_DIGITS && !amount.is_integer() {
            amount.rescale(FIAT_DIGITS);
        }
        let text = amount.to_string();
        let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
        let (mark, point) = match self {
            Self::English => (',', '.'),
            Self::Russian => (FIXED_SPACE, ','),
            Self::Spanish => (FIXED_SPACE, ','),
        };
        let groups = self != Self::Spanish || whole.len() >= SPANISH_GROUPS_FROM_DIGITS;
        let mut number = if groups { grouped(whole, mark) } else { whole.to_owned() };
        if !part.is_empty() {
            number.push(point);
            number.push_str(part);
        }
        match self {
            Self::English => format!("{sign}{number}"),
            Self::Russian | Self::Spanish => format!("{number}{FIXED_SPACE}{sign}"),
        }
    }

    /// What a plan gives.
    #[must_use]
    pub fn duration(self, duration: &PlanDuration) -> String {
        match duration {
            PlanDuration::Days(days) => self.days(*days),
            PlanDuration::Lifetime => self.lifetime(),
        }
    }

    /// Until when something lasts, in words and UTC.
    #[must_use]
    pub fn until(self, ends_at: Option<Timestamp>) -> String {
        ends_at.map_or_else(|| self.for_ever(), |end| self.until_date(self.instant(end)))
    }

    /// A day and a time of it, in UTC.
    #[must_use]
    pub fn instant(self, at: Timestamp) -> String {
        let at = TimeZone::UTC.to_datetime(at);
        let number = |number: i16| u32::try_from(number).unwrap_or(0);
        self.date(
            number(at.day().into()),
            number(at.month().into()),
            at.year().to_string(),
            at.strftime("%H:%M").to_string(),
        )
    }
}

fn grouped(digits: &str, mark: char) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / GROUP_DIGITS);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(GROUP_DIGITS) {
            out.push(mark);
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_and_dates_are_written_as_the_language_writes_them() {
        let says =
            |language: Language, money: &str| language.money(&money.parse().unwrap()).replace('\u{a0}', " ");
        assert_eq!(says(Language::English, "2.5 USD"), "$2.50");
        assert_eq!(says(Language::English, "1234567.00 USD"), "$1,234,567");
        assert_eq!(says(Language::English, "5.00 EUR"), "€5");
        assert_eq!(says(Language::Russian, "1999.90 RUB"), "1 999,90 ₽");
        assert_eq!(says(Language::Spanish, "1234.5 EUR"), "1234,50 €");
        assert_eq!(says(Language::Spanish, "12345.5 EUR"), "12 345,50 €");
        assert_eq!(says(Language::English, "0.005 USD"), "$0.005", "never rounded");
        for language in Language::ALL {
            assert_eq!(says(language, "0.00002500 BTC"), "0.000025 BTC", "as a wallet takes it");
        }
        let at: Timestamp = "2026-05-01T07:05:00Z".parse().unwrap();
        assert_eq!(Language::English.instant(at), "1 May 2026, 07:05 UTC");
        assert_eq!(Language::Russian.instant(at), "1 мая 2026 г., 07:05 UTC");
        assert_eq!(Language::Spanish.instant(at), "1 de mayo de 2026, 07:05 UTC");
        assert_eq!(Language::English.until(None), "for ever");
        assert_eq!(Language::Spanish.until(Some(at)), "hasta el 1 de mayo de 2026, 07:05 UTC");
    }
}
