//! The canonical texts that a signature may cover (nowpayments.md sections 2.2 to 2.5).

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::json::{Members, Value};

/// Largest integer that a double holds together with both its neighbours: 2^53-1.
const SAFE_INTEGER_MAX: u64 = (1 << 53) - 1;

/// JavaScript lists keys that are integers below this (2^32-1) first, in numeric order.
const ARRAY_INDEX_END: u64 = u32::MAX as u64;

/// How the text is written again. Every one sorts keys at every depth and drops white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writing {
    /// Number tokens as they were; keys ordered by UTF-16 code units.
    Lexeme,
    /// As `JSON.stringify` of the parsed body: ECMAScript numbers, index-like keys first.
    JavaScript,
    /// As `JavaScript`, and an array written as an object with index keys.
    JavaScriptArraysAsObjects,
}

/// Writes the object, or gives `None` where JavaScript would lose what the text says, so that two different bodies would share
/// one signature.
pub(crate) fn write(members: &Members<'_>, writing: Writing, size_hint: usize) -> Option<String> {
    let mut out = String::with_capacity(size_hint);
    write_object(members, writing, &mut out)?;
    Some(out)
}

/// Writes any value with its number tokens as they are.
pub(crate) fn write_lexemes(value: &Value<'_>) -> String {
    let mut out = String::new();
    // The lexeme form has nothing to lose, so it always writes.
    let written = write_value(value, Writing::Lexeme, &mut out);
    debug_assert!(written.is_some());
    out
}

/// Whether there is an array anywhere; without one the last form equals the one before it.
pub(crate) fn has_array(members: &Members<'_>) -> bool {
    members.iter().any(|(_, value)| match value {
        Value::Array(_) => true,
        Value::Object(inner) => has_array(inner),
        _ => false,
    })
}

fn write_value(value: &Value<'_>, writing: Writing, out: &mut String) -> Option<()> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(token) if writing == Writing::Lexeme => out.push_str(token),
        Value::Number(token) => write_ecmascript_number(token, out)?,
        Value::String(text) => write_string(text, out),
        Value::Array(items) => write_array(items, writing, out)?,
        Value::Object(members) => write_object(members, writing, out)?,
    }
    Some(())
}

fn write_object(members: &Members<'_>, writing: Writing, out: &mut String) -> Option<()> {
    let compare: fn(&str, &str) -> Ordering =
        if writing == Writing::Lexeme { compare_utf16 } else { compare_javascript_keys };
    let mut sorted: Vec<&(Cow<'_, str>, Value<'_>)> = members.iter().collect();
    sorted.sort_unstable_by(|(a, _), (b, _)| compare(a, b));
    out.push('{');
    for (i, (key, value)) in sorted.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_string(key, out);
        out.push(':');
        write_value(value, writing, out)?;
    }
    out.push('}');
    Some(())
}

fn write_array(items: &[Value<'_>], writing: Writing, out: &mut String) -> Option<()> {
    let as_object = writing == Writing::JavaScriptArraysAsObjects;
    out.push(if as_object { '{' } else { '[' });
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        if as_object {
            out.push('"');
            out.push_str(&i.to_string());
            out.push_str("\":");
        }
        write_value(item, writing, out)?;
    }
    out.push(if as_object { '}' } else { ']' });
    Some(())
}

fn write_string(text: &str, out: &mut String) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    out.push('"');
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[plain_from..at]);
        plain_from = at + 1;
        out.push('\\');
        match byte {
            b'"' => out.push('"'),
            b'\\' => out.push('\\'),
            0x08 => out.push('b'),
            b'\t' => out.push('t'),
            b'\n' => out.push('n'),
            0x0c => out.push('f'),
            b'\r' => out.push('r'),
            control => {
                out.push_str("u00");
                out.push(HEX[usize::from(control >> 4)]);
                out.push(HEX[usize::from(control & 0xf)]);
            }
        }
    }
    out.push_str(&text[plain_from..]);
    out.push('"');
}

/// ECMAScript `Number::toString` of the double that the token reads as. `None` where two tokens that differ in value would be
/// written alike: an integer beyond 2^53-1, or an overflow, which `JSON.stringify` writes as `null`.
fn write_ecmascript_number(token: &str, out: &mut String) -> Option<()> {
    let is_integer = !token.bytes().any(|b| matches!(b, b'.' | b'e' | b'E'));
    if is_integer && token.trim_start_matches('-').parse::<u64>().ok().is_none_or(|n| n > SAFE_INTEGER_MAX) {
        return None;
    }
    let number: f64 = token.parse().ok()?;
    if !number.is_finite() {
        return None;
    }
    // Adding zero turns -0 into 0, which is how JavaScript writes it.
    out.push_str(ryu_js::Buffer::new().format(number + 0.0));
    Some(())
}

fn compare_utf16(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() {
        return a.cmp(b);
    }
    a.encode_utf16().cmp(b.encode_utf16())
}

fn compare_javascript_keys(a: &str, b: &str) -> Ordering {
    match (array_index(a), array_index(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => compare_utf16(a, b),
    }
}

fn array_index(key: &str) -> Option<u64> {
    let is_canonical = key == "0"
        || matches!(key.as_bytes(), [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit));
    if !is_canonical {
        return None;
    }
    key.parse().ok().filter(|&index| index < ARRAY_INDEX_END)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::read_object;

    fn written(body: &str, writing: Writing) -> Option<String> {
        write(&read_object(body.as_bytes()).expect(body), writing, 0)
    }

    #[test]
    fn numbers_are_spelled_as_javascript_does() {
        let spellings = [
            ("25.0", "25"),
            ("0.10", "0.1"),
            ("100.00", "100"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("1E-7", "1e-7"),
            ("0.0000001", "1e-7"),
            ("0.000001", "0.000001"),
            ("1e20", "100000000000000000000"),
            ("1e21", "1e+21"),
            ("8.3e-05", "0.000083"),
            ("9007199254740991", "9007199254740991"),
            ("-9007199254740991", "-9007199254740991"),
            ("5e-324", "5e-324"),
            ("0.07316428590431127853", "0.07316428590431127"),
        ];
        for (token, expected) in spellings {
            let body = format!("{{\"a\":{token}}}");
            assert_eq!(written(&body, Writing::JavaScript), Some(format!("{{\"a\":{expected}}}")), "{token}");
            assert_eq!(written(&body, Writing::Lexeme), Some(body.clone()), "{token}");
        }
    }

    #[test]
    fn javascript_forms_do_not_exist_where_it_loses_something() {
        for token in ["9007199254740992", "-9007199254740992", "99999999999999999999999", "1e400", "-1e400"] {
            let body = format!("{{\"a\":[{token}]}}");
            assert_eq!(written(&body, Writing::JavaScript), None, "{token}");
            assert_eq!(written(&body, Writing::JavaScriptArraysAsObjects), None, "{token}");
            assert!(written(&body, Writing::Lexeme).is_some(), "{token}");
        }
    }

    #[test]
    fn index_like_keys_come_first_only_in_javascript() {
        let body = r#"{"a":1,"10":2,"9":3,"007":4,"4294967295":5,"4294967294":6,"0":7,"-1":8}"#;
        let javascript = r#"{"0":7,"9":3,"10":2,"4294967294":6,"-1":8,"007":4,"4294967295":5,"a":1}"#;
        let lexeme = r#"{"-1":8,"0":7,"007":4,"10":2,"4294967294":6,"4294967295":5,"9":3,"a":1}"#;
        assert_eq!(written(body, Writing::JavaScript).as_deref(), Some(javascript));
        assert_eq!(written(body, Writing::Lexeme).as_deref(), Some(lexeme));
    }

    #[test]
    fn keys_are_ordered_by_utf16_code_units() {
        let body = "{\"\u{ff5e}\":1,\"\u{1f600}\":2,\"\u{e9}\":3,\"z\":4}";
        let expected = "{\"z\":4,\"\u{e9}\":3,\"\u{1f600}\":2,\"\u{ff5e}\":1}";
        assert_eq!(written(body, Writing::Lexeme).as_deref(), Some(expected));
        assert_eq!(written(body, Writing::JavaScript).as_deref(), Some(expected));
    }

    #[test]
    fn strings_escape_only_what_json_stringify_escapes() {
        let body = r#"{"a":"\u0022\\\u0000\u001F\b\t\n\f\r\/<>&\u007f\u2028\u00e9\ud83d\ude00"}"#;
        let expected = "{\"a\":\"\\\"\\\\\\u0000\\u001f\\b\\t\\n\\f\\r/<>&\u{7f}\u{2028}\u{e9}\u{1f600}\"}";
        assert_eq!(written(body, Writing::Lexeme).as_deref(), Some(expected));
    }

    #[test]
    fn arrays_keep_their_order_or_become_index_objects() {
        let body = r#"{"b":[[3,{"z":1,"a":2}],[]],"a":{}}"#;
        assert_eq!(
            written(body, Writing::JavaScript).as_deref(),
            Some(r#"{"a":{},"b":[[3,{"a":2,"z":1}],[]]}"#)
        );
        assert_eq!(
            written(body, Writing::JavaScriptArraysAsObjects).as_deref(),
            Some(r#"{"a":{},"b":{"0":{"0":3,"1":{"a":2,"z":1}},"1":{}}}"#)
        );
        assert!(has_array(&read_object(br#"{"a":{"b":[]}}"#).unwrap()));
        assert!(!has_array(&read_object(br#"{"a":{"b":{}}}"#).unwrap()));
    }
}
