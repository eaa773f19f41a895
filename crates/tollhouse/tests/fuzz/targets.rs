//! What must hold for every input.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use nowpayments::verify::{Rejection, SignatureError, Verifier, sign};
use nowpayments::{Amount, BODY_BYTES_MAX, Body, Notification, SignatureForm, parse};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use serde_json::value::RawValue;
use tollhouse::config::Config;
use tollhouse::intake::{self, Envelope};
use tollhouse::{purchase, renewal};
use tollhouse_core::event::EventSource;
use tollhouse_core::id::{ChannelId, MembershipId, OrderId, ProviderPaymentId};
use tollhouse_core::money::{Money, exact_amount};
use tollhouse_core::order_ref::OrderRef;
use tollhouse_telegram::Update;

const SECRET: &str = "a-secret-of-the-fuzzer";
/// Keys whose values no message shows.
const SECRET_KEYS: [&str; 5] = [
    "database_url",
    "nowpayments_ipn_secret",
    "nowpayments_api_key",
    "nowpayments_password",
    "telegram_bot_token",
];
/// Shorter values may stand in a message by chance.
const SECRET_LENGTH_MIN: usize = 8;

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| Verifier::new([SECRET.to_owned().into()]).unwrap());
/// What the provider has signed: every notification of the corpus, with its signature.
static SIGNED: LazyLock<Vec<(Vec<u8>, String)>> = LazyLock::new(|| {
    let sign = |body: &[u8]| sign(SECRET, body).unwrap();
    let bodies = super::corpus("notification").into_iter().map(|(_, body)| body);
    bodies
        .flat_map(|body| [canonical(&body), Some(body)])
        .flatten()
        .map(|body| (body.clone(), sign(&body)))
        .collect()
});

/// Sorted and without white space, as the provider's own software writes what it signs.
fn canonical(body: &[u8]) -> Option<Vec<u8>> {
    let value: Value = serde_json::from_slice(body).ok()?;
    serde_json::to_vec(&value).ok()
}

/// Read as it is: as an independent reader reads it, with every digit. Signed as it is: accepted. Changed: refused, unless the change is
/// one of spelling only.
pub fn notification(body: &[u8]) {
    let read = parse(body);
    let shape = serde_json::from_slice::<BTreeMap<String, Box<RawValue>>>(body);
    let own = sign(SECRET, body).unwrap();
    match VERIFIER.verify(body, Some(own.as_bytes())) {
        Ok(verified) => {
            assert_eq!(verified.form, SignatureForm::Raw);
            assert!(read.is_ok() && shape.is_ok(), "it is authentic, so it can be read");
        }
        Err(Rejection::TooLarge) => assert!(body.len() > BODY_BYTES_MAX),
        Err(Rejection::Shape(_)) => assert!(read.is_err(), "what has no shape is not read either"),
        Err(Rejection::Signature(why)) => panic!("signed, and refused: {why}"),
    }
    for (original, signature) in SIGNED.iter() {
        match VERIFIER.verify(body, Some(signature.as_bytes())) {
            Ok(_) => says_the_same(original, body),
            Err(Rejection::Signature(why)) => assert_eq!(why, SignatureError::Mismatch),
            Err(Rejection::TooLarge | Rejection::Shape(_)) => {}
        }
    }
    if let (Ok(Body::Payment(notification)), Ok(members)) = (&read, &shape) {
        keeps_every_digit(notification, members);
        let envelope = Envelope {
            received_at: Timestamp::UNIX_EPOCH,
            source: EventSource::Ipn,
            signature_form: None,
            headers: "{}".to_owned(),
        };
        // An id that is longer than any we can keep is refused; nothing else is.
        if let Ok(received) = intake::received(envelope, body.to_vec(), notification) {
            assert_eq!(received.body, body);
            assert_eq!(received.facts.payment_id.to_string(), notification.payment_id.to_string());
        }
    }
}

/// Two bodies of which one was signed and the other accepted with its signature: the same members with the same values.
fn says_the_same(signed: &[u8], accepted: &[u8]) {
    if signed == accepted {
        return;
    }
    let value = |body: &[u8]| index_objects(serde_json::from_slice(body).unwrap());
    assert_eq!(value(signed), value(accepted), "a changed body was accepted");
    match (parse(signed), parse(accepted)) {
        (Ok(Body::Payment(signed)), Ok(Body::Payment(accepted))) => {
            assert_eq!(money_of(&signed), money_of(&accepted), "a changed amount was accepted");
            assert_eq!((signed.payment_id, &signed.status), (accepted.payment_id, &accepted.status));
            assert_eq!(signed.order_id, accepted.order_id);
            assert_eq!(signed.parent.is_child(), accepted.parent.is_child());
        }
        // A number may be spelled so that it is no id any more (1.0); never the other way round.
        (signed, accepted) => {
            assert!(!matches!(accepted, Ok(Body::Payment(_))), "{signed:?} became {accepted:?}");
        }
    }
}

/// With arrays as objects of their indices, which is how one of the signed forms writes them.
fn index_objects(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let members = items.into_iter().enumerate();
            Value::Object(members.map(|(at, item)| (at.to_string(), index_objects(item))).collect())
        }
        // As JavaScript reads it, to which 1 and 1.0 are one number, and 0 and -0.
        Value::Number(number) => number.as_f64().map_or(Value::Null, |number| Value::from(number + 0.0)),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (name, index_objects(value))).collect())
        }
        other => other,
    }
}

fn money_of(n: &Notification) -> [Option<&Amount>; 4] {
    [&n.price_amount, &n.pay_amount, &n.actually_paid, &n.outcome_amount].map(Option::as_ref)
}

fn keeps_every_digit(n: &Notification, members: &BTreeMap<String, Box<RawValue>>) {
    let names = ["price_amount", "pay_amount", "actually_paid", "outcome_amount"];
    for (name, amount) in names.into_iter().zip(money_of(n)) {
        let (Some(Amount::Exact(exact)), Some(raw)) = (amount, members.get(name)) else { continue };
        let text = serde_json::from_str::<String>(raw.get()).unwrap_or_else(|_| raw.get().to_owned());
        assert_eq!(digits(&exact.to_string()), digits(text.trim()), "{name}");
    }
}

/// A number's digits without what does not count, and the power of ten of the last of them: an own reading, to hold others against.
fn digits(number: &str) -> (bool, String, i64) {
    let number = number.replace('_', "");
    let (is_negative, number) = match number.strip_prefix('-') {
        Some(rest) => (true, rest.to_owned()),
        None => (false, number.trim_start_matches('+').to_owned()),
    };
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((&number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let kept = all.trim_end_matches('0');
    let gone = i64::try_from(all.len() - kept.len()).unwrap();
    let power = exponent.parse::<i64>().unwrap() - i64::try_from(fraction.len()).unwrap() + gone;
    let kept = kept.trim_start_matches('0');
    if kept.is_empty() { (false, String::new(), 0) } else { (is_negative, kept.to_owned(), power) }
}

/// A reference that is understood is understood the same in each of its spellings.
pub fn reference(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Some(reference) = OrderRef::parse(&text) {
        for spelling in reference.spellings() {
            assert_eq!(OrderRef::parse(&spelling), Some(reference), "{text} as {spelling}");
        }
    }
    reads_back::<OrderId>(&text);
    reads_back::<MembershipId>(&text);
    reads_back::<ChannelId>(&text);
    reads_back::<ProviderPaymentId>(&text);
}

fn reads_back<T: std::str::FromStr + std::fmt::Display + PartialEq + std::fmt::Debug>(text: &str) {
    if let Ok(id) = text.parse::<T>() {
        assert!(id.to_string().parse::<T>().is_ok_and(|again| again == id), "{text} reads as {id:?}");
    }
}

/// A payload names a link, an order or a membership, and never two of them.
pub fn payload(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (link, order, membership) =
        (purchase::link_of(&text), purchase::order_of(&text), renewal::of_payload(&text));
    let named = [link.is_some(), order.is_some(), membership.is_some()];
    assert!(named.iter().filter(|named| **named).count() <= 1, "{text}");
    if let Some(id) = membership {
        assert_eq!(renewal::of_payload(&renewal::payload(id)), Some(id));
    }
    if let Some(Some(id)) = order {
        assert_eq!(purchase::order_of(&format!("o_{}", id.0.simple())), Some(Some(id)));
    }
    if let Some(slug) = link {
        assert!(text.ends_with(slug));
    }
}

/// Taken, or refused with the key's name; neither shows a secret.
pub fn configuration(input: &[u8]) {
    let path = std::env::temp_dir().join(format!("tollhouse-fuzz-{}.toml", std::process::id()));
    std::fs::write(&path, input).unwrap();
    let loaded = Config::load(Some(&path), &[]);
    std::fs::remove_file(&path).unwrap();
    match loaded {
        Ok(config) => {
            let shown = format!("{config:?}");
            // What stands in a setting that is no secret is shown.
            let open = format!(
                "{} {} {} {} {:?} {:?}",
                config.log,
                config.public_url,
                config.nowpayments.api_url,
                config.telegram.api_url,
                config.nowpayments.email,
                config.nowpayments.payout_currency
            );
            let secrets = config
                .ipn_secrets
                .iter()
                .chain(&config.nowpayments.api_key)
                .chain(&config.telegram.bot_token);
            for secret in secrets.map(|secret| secret.expose_secret()) {
                let is_telling = secret.len() >= SECRET_LENGTH_MIN && !open.contains(secret);
                assert!(!is_telling || !shown.contains(secret), "{shown}");
            }
        }
        Err(error) => {
            assert!(!error.key.is_empty() && !error.problem.is_empty());
            let Ok(table) = String::from_utf8_lossy(input).parse::<toml::Table>() else { return };
            for key in SECRET_KEYS.into_iter().filter(|key| error.key.starts_with(&format!("{key} in "))) {
                let value = table.get(key).and_then(toml::Value::as_str).unwrap_or("");
                assert!(value.len() < SECRET_LENGTH_MIN || !error.to_string().contains(value), "{error}");
            }
        }
    }
}

/// An update with an id is kept, whatever else it is.
pub fn update(input: &[u8]) {
    let read = Update::decode(input);
    let members = serde_json::from_slice::<BTreeMap<String, Box<RawValue>>>(input);
    let id =
        members.ok().and_then(|members| serde_json::from_str::<i64>(members.get("update_id")?.get()).ok());
    assert_eq!(read.ok().map(|update| update.id.0), id);
}

/// Taken with every digit, or refused.
pub fn amount(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let first = text.split_whitespace().next().unwrap_or("");
    if let Ok(exact) = exact_amount(first) {
        assert_eq!(digits(&exact.to_string()), digits(first), "{first}");
        assert_eq!(exact_amount(&exact.to_string()), Ok(exact));
    }
    if let Amount::Exact(exact) = Amount::from_text(first) {
        assert_eq!(digits(&exact.to_string()), digits(first), "{first}");
    }
    if let Ok(money) = text.parse::<Money>() {
        let again: Money = money.to_string().parse().unwrap();
        assert!(again.same_as(&money), "{money}");
    }
}
