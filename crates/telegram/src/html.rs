//! Telegram's HTML, with the escaping at its boundary (F66).

use std::borrow::Cow;
use std::fmt;

/// Longest text of a message in characters, after entities are parsed: <https://core.telegram.org/bots/api#sendmessage>.
pub const MESSAGE_CHARS_MAX: usize = 4096;

/// Makes any text safe between tags and within attribute values.
///
/// A `"` is escaped as well: it is harmless between tags, and a value that moves into an attribute stays safe.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

/// Text in Telegram's HTML, ready to send. Made from plain text, which is escaped, or from markup that is known to be good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Html(String);

impl Html {
    /// Plain text: everything in it shows as it is.
    #[must_use]
    pub fn text(plain: &str) -> Self {
        Self(escape(plain).into_owned())
    }

    /// Markup that the caller wrote, with every foreign value in it already through [`escape`].
    #[must_use]
    pub fn markup(markup: impl Into<String>) -> Self {
        Self(markup.into())
    }

    /// Adds plain text at the end.
    pub fn push_text(&mut self, plain: &str) {
        self.0.push_str(&escape(plain));
    }

    /// Adds markup at the end, under the rule of [`Html::markup`].
    pub fn push_markup(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    /// What is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many characters a reader sees: tags count nothing and an entity counts one. Compare it with [`MESSAGE_CHARS_MAX`].
    #[must_use]
    pub fn visible_chars(&self) -> usize {
        let mut count = 0;
        let mut rest = self.0.as_str();
        while let Some(c) = rest.chars().next() {
            let skipped = match c {
                '<' => rest.find('>'),
                '&' => {
                    count += 1;
                    rest.find(';')
                }
                _ => {
                    count += 1;
                    None
                }
            };
            let step = skipped.map_or(c.len_utf8(), |end| end + 1);
            rest = &rest[step..];
        }
        count
    }
}

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_leaves_plain_text_alone() {
        assert!(matches!(escape("Signals, daily"), Cow::Borrowed("Signals, daily")));
    }

    #[test]
    fn visible_chars_counts_what_a_reader_sees() {
        let mut html = Html::markup("<b>Paid</b> ");
        html.push_text("a<b & \"c\"");
        assert_eq!(html.as_str(), "<b>Paid</b> a&lt;b &amp; &quot;c&quot;");
        assert_eq!(html.visible_chars(), "Paid a<b & \"c\"".chars().count());
    }

    proptest::proptest! {
        #[test]
        fn f66_no_title_can_break_a_message(title in ".*") {
            let html = Html::text(&title);
            proptest::prop_assert!(!html.as_str().contains(['<', '>', '"']));
            let back = html.as_str().replace("&quot;", "\"").replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&");
            proptest::prop_assert_eq!(&back, &title);
            proptest::prop_assert_eq!(html.visible_chars(), title.chars().count());
        }
    }
}
