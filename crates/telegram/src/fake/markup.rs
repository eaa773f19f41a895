//! Telegram's HTML, read as strictly as Telegram reads it: what would be refused there must be refused here (F66).

/// Tags that the Bot API knows: <https://core.telegram.org/bots/api#html-style>.
const TAGS: &[&str] = &[
    "a",
    "b",
    "blockquote",
    "code",
    "del",
    "em",
    "i",
    "ins",
    "pre",
    "s",
    "span",
    "strike",
    "strong",
    "tg-emoji",
    "tg-spoiler",
    "u",
];

/// A part of a text with markup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Characters, with entities read.
    Text(String),
    /// Markup begins.
    Open {
        /// The tag, in lower case.
        name: &'static str,
        /// Where a link leads.
        href: Option<String>,
    },
    /// Markup ends.
    Close {
        /// The tag, in lower case.
        name: &'static str,
    },
}

/// The text without its markup, or the reason why it cannot be read.
pub(super) fn plain(source: &str) -> Result<String, String> {
    let text = |piece| match piece {
        Piece::Text(text) => Some(text),
        Piece::Open { .. } | Piece::Close { .. } => None,
    };
    Ok(pieces(source)?.into_iter().filter_map(text).collect())
}

/// The text in its parts, or the reason why it cannot be read.
pub(super) fn pieces(source: &str) -> Result<Vec<Piece>, String> {
    let mut out = Vec::new();
    let mut text = String::new();
    let mut open: Vec<&'static str> = Vec::new();
    let mut at = 0;
    while let Some(c) = source[at..].chars().next() {
        match c {
            '<' => {
                let (piece, next) = tag(source, at, &mut open)?;
                out.extend([Piece::Text(std::mem::take(&mut text)), piece]);
                at = next;
            }
            '&' => {
                let (decoded, length) = entity(&source[at..]);
                text.push(decoded);
                at += length;
            }
            other => {
                text.push(other);
                at += other.len_utf8();
            }
        }
    }
    if let Some(name) = open.last() {
        return Err(format!(
            "can't parse entities: Can't find end tag corresponding to start tag \"{name}\""
        ));
    }
    out.push(Piece::Text(text));
    Ok(out)
}

/// Reads the tag at `at`, and returns where the text goes on.
fn tag(source: &str, at: usize, open: &mut Vec<&'static str>) -> Result<(Piece, usize), String> {
    let rest = &source[at + 1..];
    let end = rest
        .find('>')
        .ok_or_else(|| format!("can't parse entities: Unclosed start tag at byte offset {at}"))?;
    let inside = &rest[..end];
    let next = at + 1 + end + 1;
    if let Some(found) = inside.strip_prefix('/') {
        return match open.pop() {
            Some(name) if name.eq_ignore_ascii_case(found.trim()) => Ok((Piece::Close { name }, next)),
            Some(name) => Err(format!(
                "can't parse entities: Unmatched end tag at byte offset {at}, expected \"</{name}>\", found \"</{found}>\""
            )),
            None => Err(format!("can't parse entities: Unexpected end tag at byte offset {at}")),
        };
    }
    let found = inside.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
    let known = TAGS.iter().find(|known| known.eq_ignore_ascii_case(found)).copied();
    let name = known.ok_or_else(|| {
        format!("can't parse entities: Unsupported start tag \"{found}\" at byte offset {at}")
    })?;
    open.push(name);
    Ok((Piece::Open { name, href: href(inside) }, next))
}

/// The address of a link, with entities read.
fn href(inside: &str) -> Option<String> {
    let (_, value) = inside.split_once("href=")?;
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (mut rest, _) = value[1..].split_once(quote)?;
    let mut out = String::new();
    while let Some(c) = rest.chars().next() {
        let (decoded, length) = if c == '&' { entity(rest) } else { (c, c.len_utf8()) };
        out.push(decoded);
        rest = &rest[length..];
    }
    Some(out)
}

/// The character of the entity at the start, and its length; an unknown one is an ordinary `&`.
fn entity(rest: &str) -> (char, usize) {
    let named = [("&lt;", '<'), ("&gt;", '>'), ("&amp;", '&'), ("&quot;", '"')];
    if let Some((name, decoded)) = named.into_iter().find(|(name, _)| rest.starts_with(name)) {
        return (decoded, name.len());
    }
    let numeric = rest.strip_prefix("&#").and_then(|rest| rest.split_once(';')).and_then(|(digits, _)| {
        let code = match digits.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => digits.parse().ok()?,
        };
        Some((char::from_u32(code)?, "&#;".len() + digits.len()))
    });
    numeric.unwrap_or(('&', 1))
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn markup_is_taken_out_and_entities_are_read() {
        let source = "<b>Paid</b> <a href=\"https://t.me/x?a=1&amp;b\">a&lt;b</a> &#128077;&#x41; R&D";
        assert_eq!(plain(source).unwrap(), "Paid a<b \u{1F44D}A R&D");
    }

    #[test]
    fn broken_markup_is_refused_as_telegram_refuses_it() {
        for (source, reason) in [
            ("Signals <vip>", "Unsupported start tag \"vip\" at byte offset 8"),
            ("1 < 2", "Unclosed start tag at byte offset 2"),
            ("<b>bold", "Can't find end tag corresponding to start tag \"b\""),
            ("<b><i>x</b></i>", "Unmatched end tag at byte offset 7, expected \"</i>\", found \"</b>\""),
            ("x</b>", "Unexpected end tag at byte offset 1"),
        ] {
            assert_eq!(plain(source).unwrap_err(), format!("can't parse entities: {reason}"));
        }
    }
}
