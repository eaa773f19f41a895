//! What must hold for every body, not only for those that somebody thought of.

#![expect(clippy::unwrap_used, reason = "where a helper of a test unwraps, the test fails, which is right")]

use std::collections::BTreeMap;

use nowpayments::{Amount, Body, SignatureForm, Verifier, parse, sign};
use proptest::prelude::*;

const SECRET: &str = "properties";

/// A JSON value that remembers its number tokens. Keys are unique because of the map; their order in a text is made by `Style`.
#[derive(Debug, Clone)]
enum Tree {
    Word(&'static str),
    Number(String),
    Text(String),
    Array(Vec<Tree>),
    Object(BTreeMap<String, Tree>),
}

/// Choices for white space, order and escapes, drawn from a seed.
struct Style(u64);

impl Style {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn space(&mut self) -> &'static str {
        ["", " ", "\n", "\t", "\r\n  "][self.below(5)]
    }
}

fn text_json(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn restyled(tree: &Tree, style: &mut Style) -> String {
    let (before, after) = (style.space(), style.space());
    let inner = match tree {
        Tree::Word(word) => (*word).to_owned(),
        Tree::Number(token) => token.clone(),
        Tree::Text(text) if style.below(2) == 0 => text_json(text),
        Tree::Text(text) => escaped(text),
        Tree::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| restyled(item, style)).collect();
            format!("[{}]", items.join(","))
        }
        Tree::Object(members) => {
            let mut rest: Vec<_> = members.iter().collect();
            let mut written = Vec::new();
            while !rest.is_empty() {
                let (key, value) = rest.swap_remove(style.below(rest.len()));
                let key = if style.below(2) == 0 { text_json(key) } else { escaped(key) };
                written.push(format!("{key}{}:{}", style.space(), restyled(value, style)));
            }
            format!("{{{}}}", written.join(","))
        }
    };
    format!("{before}{inner}{after}")
}

/// Every UTF-16 code unit as an escape.
fn escaped(text: &str) -> String {
    let units: Vec<String> = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
    format!("\"{}\"", units.concat())
}

/// The canonical text, written in another way than the library does it.
fn canonical(tree: &Tree) -> String {
    match tree {
        Tree::Word(word) => (*word).to_owned(),
        Tree::Number(token) => token.clone(),
        Tree::Text(text) => text_json(text),
        Tree::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Tree::Object(members) => {
            let sorted: BTreeMap<Vec<u16>, String> = members
                .iter()
                .map(|(key, value)| {
                    (key.encode_utf16().collect(), format!("{}:{}", text_json(key), canonical(value)))
                })
                .collect();
            format!("{{{}}}", sorted.into_values().collect::<Vec<_>>().join(","))
        }
    }
}

fn number() -> impl Strategy<Value = String> {
    "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?"
}

fn object() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["null", "true", "false"]).prop_map(Tree::Word),
        number().prop_map(Tree::Number),
        any::<String>().prop_map(Tree::Text),
    ];
    let value = leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Tree::Array),
            prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(Tree::Object),
        ]
    });
    prop::collection::btree_map(any::<String>(), value, 0..12).prop_map(Tree::Object)
}

fn form(body: &[u8], signed: &[u8]) -> Option<SignatureForm> {
    let verifier = Verifier::new([SECRET.to_owned().into()]).unwrap();
    let signature = sign(SECRET, signed).unwrap();
    verifier.verify(body, Some(signature.as_bytes())).ok().map(|verified| verified.form)
}

proptest! {
    #[test]
    fn what_was_signed_is_accepted(tree in object(), seed: u64) {
        let body = restyled(&tree, &mut Style(seed));
        prop_assert_eq!(form(body.as_bytes(), body.as_bytes()), Some(SignatureForm::Raw));
    }

    #[test]
    fn reordering_and_indenting_is_accepted(tree in object(), seed: u64) {
        let signed = canonical(&tree);
        let body = restyled(&tree, &mut Style(seed));
        prop_assume!(body != signed);
        prop_assert_eq!(form(body.as_bytes(), signed.as_bytes()), Some(SignatureForm::LexemeSorted));
    }

    #[test]
    fn a_changed_digit_or_letter_of_a_value_is_refused(
        digits in prop::collection::vec("[1-9][0-9]{0,13}", 1..6),
        texts in prop::collection::vec("[a-z0-9|-]{1,20}", 1..6),
        seed: u64,
        at: prop::sample::Index,
        replacement in prop::sample::select(b"abcdefghijklmnopqrstuvwxyz123456789".to_vec()),
    ) {
        let numbers = digits.iter().enumerate().map(|(i, token)| (format!("n{i}"), Tree::Number(token.clone())));
        let texts = texts.iter().enumerate().map(|(i, text)| (format!("t{i}"), Tree::Text(text.clone())));
        let tree = Tree::Object(numbers.chain(texts).collect());
        let signed = canonical(&tree);
        // In the restyled body a letter may be an escape; the plain one has one byte for each character of a value.
        let mut body = if seed % 2 == 0 { signed.clone() } else { format!(" {signed}") }.into_bytes();
        let places: Vec<usize> = value_bytes(&body);
        let place = places[at.index(places.len())];
        prop_assume!(body[place] != replacement);
        body[place] = replacement;
        prop_assert_eq!(form(&body, signed.as_bytes()), None);
    }

    #[test]
    fn reading_never_panics_and_agrees_with_serde_json(text in r#"[{}\[\]:,"\\ a1.eE+-]{0,40}"#) {
        let body = format!("{{\"payment_id\":{text}}}");
        let strict = parse(body.as_bytes());
        if serde_json::from_str::<serde_json::Value>(&body).is_err() {
            // Whatever serde_json refuses is refused, but for numbers beyond a double.
            prop_assert!(strict.is_err() || body.contains(['e', 'E']), "{}", body);
        }
        if let Err(nowpayments::ParseError::Shape(shape)) = strict {
            let also_refused = serde_json::from_str::<serde_json::Value>(&body).is_err();
            prop_assert!(also_refused || ["duplicate_key", "too_deep"].contains(&shape.as_str()), "{} {}", body, shape);
        }
    }

    #[test]
    fn reading_bytes_never_panics(bytes: Vec<u8>, tree in object(), cut: prop::sample::Index) {
        let _ = parse(&bytes);
        let body = canonical(&tree).into_bytes();
        prop_assert!(parse(&body[..cut.index(body.len())]).is_err(), "half a body is no body");
    }

    #[test]
    fn amounts_keep_every_digit(whole in "0|[1-9][0-9]{0,13}", fraction in "[0-9]{1,14}", negative: bool) {
        let text = format!("{}{whole}.{fraction}", if negative { "-" } else { "" });
        for member in [text.clone(), format!("\"{text}\"")] {
            let body = format!("{{\"payment_id\":31,\"pay_amount\":{member}}}");
            let Ok(Body::Payment(payment)) = parse(body.as_bytes()) else { panic!("{body}") };
            let shown = payment.pay_amount.unwrap().to_string();
            // Only the sign of a zero may go.
            let is_zero = text.bytes().all(|b| matches!(b, b'-' | b'0' | b'.'));
            prop_assert_eq!(&shown, if is_zero { text.trim_start_matches('-') } else { &text });
        }
        let exponent = i32::try_from(fraction.len()).unwrap();
        let shifted = format!("{}{whole}{fraction}e-{exponent}", if negative { "-" } else { "" });
        prop_assert_eq!(Amount::from_text(&shifted), Amount::from_text(&text));
    }
}

/// Offsets of the bytes inside the values of a flat compact object.
fn value_bytes(body: &[u8]) -> Vec<usize> {
    let mut places = Vec::new();
    let mut in_value = false;
    for (at, &byte) in body.iter().enumerate() {
        match byte {
            b':' => in_value = true,
            b',' | b'}' => in_value = false,
            b'"' => {}
            _ if in_value => places.push(at),
            _ => {}
        }
    }
    places
}
