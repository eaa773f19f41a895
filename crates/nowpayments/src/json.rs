//! A strict JSON reader that keeps what a signature needs.
//!
//! Why not `serde_json`: its `Value` turns number tokens into doubles (or, with `arbitrary_precision`, changes every other
//! user of the crate in the build), lets the last of two equal keys win in silence, and its `RawValue` skips over strings
//! without looking for lone surrogates. Reading each level again through `RawValue` would repair the first two at the price of
//! one scan per level. What is needed here is small: one pass, number tokens as slices of the input, members in their order,
//! and a refusal wherever two readers could disagree about what the text says.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::shape::ShapeError;

/// Largest body that is looked at. Captured notifications have about 600 bytes; 64 KiB leaves room for a hundredfold.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// Deepest nesting of objects and arrays, the outermost object counted. Notifications have 2 levels.
pub const DEPTH_LEVELS_MAX: usize = 16;

/// Up to this many members a key is compared with each earlier one; beyond it a hash set keeps the cost linear.
const LINEAR_KEYS_MAX: usize = 32;

/// Room for the members of one captured notification (20, and `updated_at`), so that reading it grows nothing.
const MEMBERS_EXPECTED: usize = 24;

/// One JSON value over the text that was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    /// The token as written: `25.0`, `1E-7`.
    Number(Cow<'a, str>),
    /// Unescaped; borrowed where the text had no escapes.
    String(Cow<'a, str>),
    Array(Vec<Value<'a>>),
    Object(Members<'a>),
}

/// Members in the order of the text; keys are unescaped and unique.
pub(crate) type Members<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

/// Reads a body whose top level is one object, and refuses everything that nowpayments.md section 2.7 refuses for its shape.
/// The size limit is the caller's.
pub(crate) fn read_object(body: &[u8]) -> Result<Members<'_>, ShapeError> {
    let text = std::str::from_utf8(body).map_err(|_| ShapeError::NotUtf8)?;
    if text.starts_with('\u{feff}') {
        return Err(ShapeError::ByteOrderMark);
    }
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0 };
    reader.skip_white_space();
    let value = reader.value(0)?;
    reader.skip_white_space();
    if reader.at < reader.bytes.len() {
        return Err(ShapeError::TrailingText { at: reader.at });
    }
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(ShapeError::NotAnObject),
    }
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn not_json(&self) -> ShapeError {
        ShapeError::NotJson { at: self.at }
    }

    fn skip_white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes `byte` or fails.
    fn expect(&mut self, byte: u8) -> Result<(), ShapeError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.not_json())
        }
    }

    /// Takes `byte` if it is next.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// `depth` is the number of containers around this value; it bounds the recursion.
    fn value(&mut self, depth: usize) -> Result<Value<'a>, ShapeError> {
        match self.peek() {
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => Ok(Value::Number(Cow::Borrowed(self.number()?))),
            Some(b'n') => self.word("null", Value::Null),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            _ => Err(self.not_json()),
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, ShapeError> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(self.not_json())
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>, ShapeError> {
        if depth > DEPTH_LEVELS_MAX {
            return Err(ShapeError::TooDeep);
        }
        self.expect(b'{')?;
        self.skip_white_space();
        if self.take(b'}') {
            return Ok(Value::Object(Vec::new()));
        }
        let mut members: Members<'a> = Vec::with_capacity(if depth == 1 { MEMBERS_EXPECTED } else { 4 });
        let mut many = HashSet::new();
        loop {
            let key = self.string()?;
            if is_repeated(&members, &mut many, &key) {
                return Err(ShapeError::DuplicateKey { at: self.at });
            }
            self.skip_white_space();
            self.expect(b':')?;
            self.skip_white_space();
            let value = self.value(depth)?;
            members.push((key, value));
            self.skip_white_space();
            if self.take(b'}') {
                return Ok(Value::Object(members));
            }
            self.expect(b',')?;
            self.skip_white_space();
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value<'a>, ShapeError> {
        if depth > DEPTH_LEVELS_MAX {
            return Err(ShapeError::TooDeep);
        }
        self.expect(b'[')?;
        self.skip_white_space();
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.skip_white_space();
            if self.take(b']') {
                return Ok(Value::Array(items));
            }
            self.expect(b',')?;
            self.skip_white_space();
        }
    }

    fn number(&mut self) -> Result<&'a str, ShapeError> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), ShapeError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.not_json()) } else { Ok(()) }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, ShapeError> {
        self.expect(b'"')?;
        let start = self.at;
        self.skip_plain();
        if self.take(b'"') {
            return Ok(Cow::Borrowed(&self.text[start..self.at - 1]));
        }
        let mut text = String::from(&self.text[start..self.at]);
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(text));
                }
                Some(b'\\') => text.push(self.escape()?),
                _ => return Err(self.not_json()),
            }
            let from = self.at;
            self.skip_plain();
            text.push_str(&self.text[from..self.at]);
        }
    }

    /// Moves to the next quote, backslash or control character, or to the end.
    fn skip_plain(&mut self) {
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20).unwrap_or(rest.len());
    }

    fn escape(&mut self) -> Result<char, ShapeError> {
        let start = self.at;
        self.expect(b'\\')?;
        let short = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(start),
            _ => return Err(self.not_json()),
        };
        self.at += 1;
        Ok(short)
    }

    fn unicode_escape(&mut self, start: usize) -> Result<char, ShapeError> {
        let first = self.code_unit()?;
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        let is_high = (0xd800..0xdc00).contains(&first);
        if is_high && self.take(b'\\') && self.peek() == Some(b'u') {
            let second = self.code_unit()?;
            if (0xdc00..0xe000).contains(&second) {
                let scalar = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return char::from_u32(scalar).ok_or(ShapeError::LoneSurrogate { at: start });
            }
        }
        Err(ShapeError::LoneSurrogate { at: start })
    }

    /// `u` and four hexadecimal digits.
    fn code_unit(&mut self) -> Result<u32, ShapeError> {
        self.expect(b'u')?;
        let mut unit = 0;
        for _ in 0..4 {
            let digit =
                self.peek().and_then(|b| char::from(b).to_digit(16)).ok_or_else(|| self.not_json())?;
            unit = unit * 16 + digit;
            self.at += 1;
        }
        Ok(unit)
    }
}

fn is_repeated(members: &Members<'_>, many: &mut HashSet<String>, key: &str) -> bool {
    if members.len() < LINEAR_KEYS_MAX {
        return members.iter().any(|(earlier, _)| earlier == key);
    }
    if many.is_empty() {
        many.extend(members.iter().map(|(earlier, _)| earlier.to_string()));
    }
    !many.insert(key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> &'static str {
        read_object(text.as_bytes()).expect_err(text).as_str()
    }

    #[test]
    fn keeps_order_and_number_tokens() {
        let members = read_object(br#" { "b" : 25.0 , "a":[1E-7,-0,"x\ty"],"c":{} } "#).unwrap();
        let number = |text| Value::Number(Cow::Borrowed(text));
        let expected = vec![
            (Cow::Borrowed("b"), number("25.0")),
            (
                Cow::Borrowed("a"),
                Value::Array(vec![number("1E-7"), number("-0"), Value::String("x\ty".into())]),
            ),
            (Cow::Borrowed("c"), Value::Object(vec![])),
        ];
        assert_eq!(members, expected);
    }

    #[test]
    fn joins_surrogate_pairs_and_refuses_lone_ones() {
        let members = read_object(br#"{"a":"\ud83d\uDE00","b":"\u0000"}"#).unwrap();
        assert_eq!(members[0].1, Value::String("\u{1f600}".into()));
        assert_eq!(members[1].1, Value::String("\0".into()));
        for lone in
            [r#"{"a":"\ud800"}"#, r#"{"a":"\udc00"}"#, r#"{"a":"\ud800\ud800"}"#, r#"{"a":"\ud83d\n"}"#]
        {
            assert_eq!(refusal(lone), "lone_surrogate", "{lone}");
        }
    }

    #[test]
    fn refuses_what_is_not_json() {
        let bodies = [
            "",
            " ",
            "{",
            "{}}x",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{'a':1}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":.5}",
            "{\"a\":1.}",
            "{\"a\":1e}",
            "{\"a\":-}",
            "{\"a\":NaN}",
            "{\"a\":nul}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12g4\"}",
            "{\"a\":[1,]}",
            "{\"a\":\"x}",
            "{\"a\":1 \"b\":2}",
            "\u{a0}{}",
        ];
        for body in bodies {
            let code = refusal(body);
            assert!(code == "not_json" || code == "trailing_text", "{body}: {code}");
        }
        assert_eq!(refusal("[{}]"), "not_an_object");
        assert_eq!(refusal("\"x\""), "not_an_object");
        assert_eq!(refusal("{} {}"), "trailing_text");
        assert_eq!(refusal("\u{feff}{}"), "byte_order_mark");
        assert_eq!(read_object(b"{\"a\":\"\xe9\"}"), Err(ShapeError::NotUtf8));
    }

    #[test]
    fn refuses_duplicate_keys_after_unescaping_at_any_depth() {
        assert_eq!(refusal(r#"{"a":1,"\u0061":2}"#), "duplicate_key");
        assert_eq!(refusal(r#"{"x":[{"k":{"a":1,"b":2,"a":3}}]}"#), "duplicate_key");
        let keys: Vec<String> = (0..LINEAR_KEYS_MAX * 3).map(|i| format!("\"k{i}\":{i}")).collect();
        assert!(read_object(format!("{{{}}}", keys.join(",")).as_bytes()).is_ok());
        for repeated in [0, LINEAR_KEYS_MAX - 1, LINEAR_KEYS_MAX, LINEAR_KEYS_MAX * 3 - 1] {
            assert_eq!(refusal(&format!("{{{},\"k{repeated}\":0}}", keys.join(","))), "duplicate_key");
        }
    }

    #[test]
    fn sixteen_levels_are_read_and_seventeen_refused() {
        let nested =
            |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert!(read_object(nested(DEPTH_LEVELS_MAX).as_bytes()).is_ok());
        assert_eq!(refusal(&nested(DEPTH_LEVELS_MAX + 1)), "too_deep");
    }
}
