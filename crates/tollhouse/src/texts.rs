//! What people read, in their language: the bot's messages and the buyer's pages.
//!
//! The words stand in `texts/LANGUAGE/*.ftl`. Each message is declared once more in `words`, with its variables; that makes a method of
//! [`Language`] of it, so that a message that does not exist does not compile, and lets a test hold the languages equal. What
//! comes from outside is escaped here, at the boundary (F66): a markup message escapes each value, a plain one is escaped by the
//! page that shows it.

mod attention;
mod catalog;
mod format;
mod telegram;
mod words;

use std::fmt;

pub use catalog::Value;
pub use telegram::{
    access, access_button, claimed, declined, farewell, hello, lines, owner, owner_buttons, plan_line,
    reminder, rights, wallet,
};

/// A language that Tollhouse speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Language {
    /// English; what is spoken to people whose language is not known.
    #[default]
    English,
    /// Russian.
    Russian,
    /// Spanish.
    Spanish,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 3] = [Self::English, Self::Russian, Self::Spanish];

    /// The tag, as in `lang` attributes and Telegram's `language_code`.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Russian => "ru",
            Self::Spanish => "es",
        }
    }

    /// The language's name for itself.
    #[must_use]
    pub fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Russian => "Русский",
            Self::Spanish => "Español",
        }
    }

    /// Which way it is written, as in `dir` attributes.
    #[must_use]
    pub fn direction(self) -> &'static str {
        match self {
            Self::English | Self::Russian | Self::Spanish => "ltr",
        }
    }

    /// The language of a tag such as `ru`, `es-419` or `en_GB`; the region does not matter.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or("");
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// The language for a Telegram account, by the `language_code` of its app.
    #[must_use]
    pub fn of_account(language_code: Option<&str>) -> Self {
        language_code.and_then(Self::of_tag).unwrap_or_default()
    }

    /// The language that a browser likes best of those that we have (`Accept-Language`, RFC 9110 section 12.5.4).
    #[must_use]
    pub fn accepted(header: &str) -> Self {
        let wishes = header.split(',').filter_map(|wish| {
            let mut parts = wish.split(';');
            let language = Self::of_tag(parts.next()?)?;
            let weight = parts.find_map(|part| part.trim().strip_prefix("q="));
            Some((weight.map_or(WEIGHT_WHOLE, weight_of), language))
        });
        // Of two that weigh the same the first is meant.
        let best = wishes.filter(|(weight, _)| *weight > 0).reduce(
            |best, wish| {
                if wish.0 > best.0 { wish } else { best }
            },
        );
        best.map(|(_, language)| language).unwrap_or_default()
    }
}

/// The weight of a wish without a `q`, in thousandths.
const WEIGHT_WHOLE: u32 = 1_000;

/// `0.85` as thousandths; what cannot be read weighs nothing.
fn weight_of(text: &str) -> u32 {
    let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let Ok(whole) = whole.parse::<u32>() else { return 0 };
    let part = format!("{part:0<3}").get(..3).and_then(|digits| digits.parse::<u32>().ok()).unwrap_or(0);
    (whole.min(1) * WEIGHT_WHOLE + part).min(WEIGHT_WHOLE)
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_gets_the_language_that_it_likes_best() {
        for (header, want) in [
            ("", Language::English),
            ("de", Language::English),
            ("ru", Language::Russian),
            ("ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7", Language::Russian),
            ("de-DE,de;q=0.9,es;q=0.5,en;q=0.4", Language::Spanish),
            ("en;q=0.1, es-419;q=0.25, ru;q=0.2", Language::Spanish),
            ("ru;q=0, es;q=0.001", Language::Spanish),
            ("*;q=0.5, nonsense;;q=x", Language::English),
            ("es;q=bad, ru;q=0.1", Language::Russian),
        ] {
            assert_eq!(Language::accepted(header), want, "{header}");
        }
        assert_eq!(Language::of_account(Some("es-419")), Language::Spanish);
        assert_eq!(Language::of_account(Some("pt-br")), Language::English);
        assert_eq!(Language::of_account(None), Language::English);
    }
}
