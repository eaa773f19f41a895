//! Bodies with signatures, and what is to be said of each. The project's own (`vectors/own.json`) were made by `vectors/make.mjs`, in the
//! languages in which others sign, which knows nothing of the code here. Those that the project was given lie beside the repository,
//! not in it; where they are, they are held against it as well.

#![expect(clippy::unwrap_used, reason = "where a helper of a test unwraps, the test fails, which is right")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nowpayments::{Amount, Body, Notification, Parent, Verifier, parse};
use serde_json::Value;

/// The forms whose signature counts.
const FORMS: [&str; 4] = ["raw", "lexeme_sorted", "sdk", "docs_js"];
/// Cases in the project's own file: a file that was cut short shows.
const OWN_ACCEPTED_MIN: usize = 37;
const OWN_REFUSED_MIN: usize = 76;
/// Cases and payments in the file that the project was given.
const GIVEN_CASES_MIN: usize = 100;
const GIVEN_PAYMENTS_MIN: usize = 60;

fn own() -> Vec<Value> {
    serde_json::from_str(include_str!("vectors/own.json")).unwrap()
}

/// Nothing where only the repository is.
fn given() -> Option<Vec<Value>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/ipn.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("no vectors at {}: the project's own are what is checked", path.display());
        return None;
    };
    Some(serde_json::from_str(&text).expect("the vectors are JSON"))
}

fn body(vector: &Value) -> Vec<u8> {
    match vector["body"].as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => STANDARD.decode(vector["body_base64"].as_str().unwrap()).unwrap(),
    }
}

/// Checks each signature; how many are accepted by which form, and how many refused.
fn check_signatures(vectors: &[Value]) -> (BTreeMap<String, usize>, usize) {
    let (mut accepted, mut refused) = (BTreeMap::new(), 0);
    for vector in vectors {
        let (name, body) = (&vector["name"], body(vector));
        let verifier = Verifier::new([vector["secret"].as_str().unwrap().to_owned().into()]);
        for case in vector["cases"].as_array().unwrap() {
            let form = case["form"].as_str().unwrap();
            let signature = case["signature"].as_str().map(str::as_bytes);
            // A secret that makes no verifier refuses everything.
            let verdict = verifier.as_ref().ok().map(|verifier| verifier.verify(&body, signature));
            match case["expect"].as_str().unwrap() {
                "accept" => {
                    let verified = verdict.unwrap().unwrap_or_else(|e| panic!("{name} {form}: {e}"));
                    let named = form.split('+').find(|f| FORMS.contains(f));
                    if let Some(named) = named {
                        assert_eq!(verified.form.as_str(), named, "{name}");
                    }
                    *accepted.entry(verified.form.as_str().to_owned()).or_default() += 1;
                }
                _ => {
                    assert!(!matches!(verdict, Some(Ok(_))), "{name} {form}: {verdict:?}");
                    refused += 1;
                }
            }
        }
    }
    println!("accepted: {accepted:?}, refused: {refused}");
    (accepted, refused)
}

/// Reads each body; how many are payments.
fn check_bodies(vectors: &[Value]) -> usize {
    let mut payments = 0;
    for vector in vectors {
        let name = vector["name"].as_str().unwrap();
        let read = parse(&body(vector));
        let expected = &vector["parsed"];
        if expected.is_null() {
            assert!(!matches!(read, Ok(Body::Payment(_))), "{name}");
            continue;
        }
        let Ok(Body::Payment(payment)) = read else { panic!("{name}: {read:?}") };
        check(name, &payment, expected);
        payments += 1;
    }
    payments
}

#[test]
fn every_signature_gets_its_verdict() {
    let (accepted, refused) = check_signatures(&own());
    let forms: BTreeSet<&str> = accepted.keys().map(String::as_str).collect();
    assert_eq!(forms, BTreeSet::from(FORMS), "each form has its vectors");
    assert!(accepted.values().sum::<usize>() >= OWN_ACCEPTED_MIN && refused >= OWN_REFUSED_MIN, "{refused}");
    if let Some(given) = given() {
        let (accepted, refused) = check_signatures(&given);
        assert!(accepted.values().sum::<usize>() > GIVEN_CASES_MIN && refused > GIVEN_CASES_MIN, "{refused}");
    }
}

#[test]
fn every_body_is_read_as_expected() {
    let own = own();
    let payments = own.iter().filter(|vector| !vector["parsed"].is_null()).count();
    assert!(payments > 0);
    assert_eq!(check_bodies(&own), payments);
    if let Some(mut given) = given() {
        // Bodies that only serve a refused signature say nothing about reading.
        given.retain(|vector| !["num_overflow", "secret_empty"].contains(&vector["name"].as_str().unwrap()));
        assert!(check_bodies(&given) > GIVEN_PAYMENTS_MIN, "the file is complete");
    }
}

fn check(name: &str, payment: &Notification, expected: &Value) {
    let text = |member: &str| expected[member].as_str().map(str::to_owned);
    assert_eq!(Some(payment.payment_id.to_string()), text("payment_id"), "{name}");
    assert_eq!(Some(payment.status.as_str().to_owned()), text("status"), "{name}");
    assert_eq!(payment.order_id, text("order_id"), "{name}");
    let parent = match &payment.parent {
        Parent::None => None,
        Parent::Id(id) => Some(id.to_string()),
        Parent::Unusable(text) => panic!("{name}: parent {text}"),
    };
    assert_eq!(parent, text("parent_payment_id"), "{name}");
    let amounts = [
        ("price_amount", &payment.price_amount),
        ("pay_amount", &payment.pay_amount),
        ("actually_paid", &payment.actually_paid),
    ];
    for (member, amount) in amounts {
        assert_eq!(amount.clone(), text(member).map(|text| Amount::from_text(&text)), "{name} {member}");
    }
    assert_eq!(payment.unusable, unusable_in_vectors(name), "{name}");
}

/// Members that the vectors make unreadable on purpose.
fn unusable_in_vectors(name: &str) -> &'static [&'static str] {
    match name {
        "num_int_above_2_53" => &["invoice_id"],
        _ => &[],
    }
}
