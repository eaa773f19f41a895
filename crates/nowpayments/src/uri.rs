//! Addresses as the provider takes them.

use std::fmt::Write as _;

/// Characters that RFC 3986 lets stand as they are somewhere in a URI.
const ALLOWED: &[u8] = b"-._~:/?#[]@!$&'()*+,;=";

/// Percent-encodes every character that RFC 3986 does not know, and a `%` that starts no escape. The provider refuses a bare `|`
/// with "success_url must be a valid uri" (F06), and URL libraries follow the browsers' rules, which leave it as it is.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        let is_escape = || {
            let digits = text.as_bytes().get(at + 1..at + 3);
            byte == b'%' && digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        };
        if byte.is_ascii_alphanumeric() || ALLOWED.contains(&byte) || is_escape() {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn only_what_is_no_uri_is_encoded() {
        let already = "https://pay.example.org/o/a%7Cb?x=1&y=%20#z";
        assert_eq!(encode(already), already);
        assert_eq!(encode("https://a.example/PGP-1|-100 ü%2"), "https://a.example/PGP-1%7C-100%20%C3%BC%252");
    }
}
