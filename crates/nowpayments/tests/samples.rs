//! One sample for each difficulty: the body as it arrives, and the texts that a signature may cover, written out by hand.
//! Every value is invented.

#![expect(clippy::unwrap_used, reason = "where a helper of a test unwraps, the test fails, which is right")]

use nowpayments::{
    Amount, BODY_BYTES_MAX, Body, Notification, Parent, ParseError, Rejection, SecretError, SignatureError,
    SignatureForm, Status, Verified, Verifier, parse, sign, single_signature,
};

const SECRET: &str = "gate-keeper/92+Qx==";

/// In the shape of captured notifications: keys sorted, compact, as `JSON.stringify` writes it.
const FINISHED: &str = concat!(
    r#"{"actually_paid":0.01204,"actually_paid_at_fiat":0,"fee":{"currency":"usdttrc20","depositFee":0.000002,"#,
    r#""serviceFee":1e-7,"withdrawalFee":"0.30"},"invoice_id":4700112233,"order_description":"Кофе ☕ | <30 days> & more","#,
    r#""order_id":"ord_7Hq2","outcome_amount":19.6,"outcome_currency":"usdttrc20","parent_payment_id":null,"#,
    r#""pay_address":"0x00000000000000000000000000000000000000aa","pay_amount":0.01204,"pay_currency":"eth","#,
    r#""payin_extra_id":null,"payment_extra_ids":null,"payment_id":4479000001,"payment_status":"finished","#,
    r#""price_amount":20.5,"price_currency":"usd","purchase_id":"5811000001","updated_at":1790000000123}"#
);

fn verifier() -> Verifier {
    Verifier::new([SECRET.to_owned().into()]).unwrap()
}

fn verify(body: &str, signed_text: &str) -> Result<Verified, Rejection> {
    let signature = sign(SECRET, signed_text.as_bytes()).unwrap();
    verifier().verify(body.as_bytes(), Some(signature.as_bytes()))
}

fn form(body: &str, signed_text: &str) -> Option<SignatureForm> {
    verify(body, signed_text).ok().map(|verified| verified.form)
}

fn payment(body: &str) -> Notification {
    match parse(body.as_bytes()) {
        Ok(Body::Payment(payment)) => *payment,
        other => panic!("{body}: {other:?}"),
    }
}

/// Puts members into a body that is a payment.
fn payment_with(members: &str) -> Notification {
    payment(&format!("{{\"payment_id\":4479000001,\"payment_status\":\"finished\",{members}}}"))
}

#[test]
fn signature_is_hmac_sha512_in_lower_case_hex() {
    // From `printf '{"payment_id":1}' | openssl dgst -sha512 -hmac 'gate-keeper/92+Qx=='`.
    let expected = "d59dc6d5623e1848ccd2ae2ae41d9bba07d0d669ce81575dd08d9dc6f4215b29d89e31ce7a3a76f42fdfacf577e9943c2bc4d87a4aa6a0b8750c10bf5478ac12";
    assert_eq!(sign(SECRET, b"{\"payment_id\":1}").unwrap(), expected);
}

#[test]
fn captured_shape_matches_raw_and_keeps_every_digit() {
    assert_eq!(verify(FINISHED, FINISHED), Ok(Verified { form: SignatureForm::Raw, secret_index: 0 }));

    let payment = payment(FINISHED);
    assert_eq!(payment.payment_id.to_string(), "4479000001");
    assert_eq!(payment.status, Status::Finished);
    assert_eq!(payment.order_id.as_deref(), Some("ord_7Hq2"));
    assert_eq!(payment.order_description.as_deref(), Some("Кофе ☕ | <30 days> & more"));
    assert_eq!(payment.invoice_id.unwrap().get(), 4_700_112_233);
    assert_eq!(payment.purchase_id.unwrap().get(), 5_811_000_001);
    assert_eq!(payment.parent, Parent::None);
    assert_eq!(payment.price_amount.unwrap().to_string(), "20.5");
    assert_eq!(payment.price_currency.as_deref(), Some("usd"));
    assert_eq!(payment.actually_paid.unwrap().to_string(), "0.01204");
    assert_eq!(payment.outcome_amount.unwrap().to_string(), "19.6");
    assert_eq!(payment.payin_extra_id, None);
    assert_eq!(payment.updated_at_ms, Some(1_790_000_000_123));
    assert_eq!(payment.unusable, Vec::<&str>::new());
    let fee = payment.fee.unwrap();
    assert_eq!(fee.currency.as_deref(), Some("usdttrc20"));
    assert_eq!(fee.deposit.unwrap().to_string(), "0.000002");
    assert_eq!(fee.service.unwrap().to_string(), "0.0000001");
    assert_eq!(fee.withdrawal.unwrap().to_string(), "0.30");
}

#[test]
fn f25_key_order_does_not_matter() {
    let reordered = r#"{"payment_status":"finished","fee":{"serviceFee":0.000083,"currency":"btc"},"order_id":"ü/1","payment_id":31}"#;
    let sorted = r#"{"fee":{"currency":"btc","serviceFee":0.000083},"order_id":"ü/1","payment_id":31,"payment_status":"finished"}"#;
    let indented = "{\n  \"fee\": { \"currency\": \"btc\",\r\n\t\"serviceFee\": 0.000083 },\n \"order_id\": \"\\u00fc\\/1\", \"payment_id\": 31, \"payment_status\": \"finished\"\n}\n";
    assert_eq!(form(reordered, reordered), Some(SignatureForm::Raw));
    assert_eq!(form(reordered, sorted), Some(SignatureForm::LexemeSorted));
    assert_eq!(form(indented, sorted), Some(SignatureForm::LexemeSorted));
    assert_eq!(form(indented, reordered), None, "an unsorted text is only good as the raw bytes");
}

#[test]
fn respelled_numbers_match_the_javascript_form() {
    let respelled = r#"{"b":25.0,"a":8.3e-05,"payment_id":31,"c":1E-7,"d":-0,"e":1e21,"f":0.10}"#;
    let lexemes = r#"{"a":8.3e-05,"b":25.0,"c":1E-7,"d":-0,"e":1e21,"f":0.10,"payment_id":31}"#;
    let javascript = r#"{"a":0.000083,"b":25,"c":1e-7,"d":0,"e":1e+21,"f":0.1,"payment_id":31}"#;
    assert_eq!(form(respelled, lexemes), Some(SignatureForm::LexemeSorted));
    assert_eq!(form(respelled, javascript), Some(SignatureForm::Sdk));
    let python = r#"{"a": 8.3e-05, "b": 25.0, "c": 1e-07, "d": 0, "e": 1e+21, "f": 0.1, "payment_id": 31}"#;
    assert_eq!(form(respelled, python), None);
}

#[test]
fn arrays_may_be_signed_as_index_objects() {
    let body = r#"{"payment_id":31,"payment_extra_ids":[41,42.0,[]],"a":{}}"#;
    let arrays = r#"{"a":{},"payment_extra_ids":[41,42,[]],"payment_id":31}"#;
    let objects = r#"{"a":{},"payment_extra_ids":{"0":41,"1":42,"2":{}},"payment_id":31}"#;
    assert_eq!(form(body, arrays), Some(SignatureForm::Sdk));
    assert_eq!(form(body, objects), Some(SignatureForm::DocsJs));
}

#[test]
fn javascript_forms_are_refused_where_javascript_loses_something() {
    let big = r#"{"payment_id":31,"n":9007199254740993}"#;
    assert_eq!(form(big, r#"{"n":9007199254740993,"payment_id":31}"#), Some(SignatureForm::LexemeSorted));
    assert_eq!(form(big, r#"{"n":9007199254740992,"payment_id":31}"#), None);

    let overflow = r#"{"payment_id":31,"n":1e400}"#;
    assert_eq!(form(overflow, r#"{"n":null,"payment_id":31}"#), None);
    assert_eq!(form(overflow, overflow), Some(SignatureForm::Raw));

    let hidden =
        r#"{"payment_status":"waiting","__proto__":{"payment_status":"finished"},"payment_id":31.0}"#;
    assert_eq!(form(hidden, r#"{"payment_id":31,"payment_status":"waiting"}"#), None);
}

#[test]
fn replacer_form_that_leaves_the_fee_out_is_refused() {
    let body = r#"{"fee":{"currency":"btc","depositFee":0.1},"payment_id":31}"#;
    assert_eq!(form(body, r#"{"fee":{},"payment_id":31}"#), None);
}

#[test]
fn header_spellings() {
    let signature = sign(SECRET, FINISHED.as_bytes()).unwrap();
    let verdict =
        |header: &str| verifier().verify(FINISHED.as_bytes(), Some(header.as_bytes())).map(|v| v.form);
    let accepted = [signature.clone(), signature.to_uppercase(), format!("  {signature}\t")];
    for header in accepted {
        assert_eq!(verdict(&header), Ok(SignatureForm::Raw), "{header}");
    }
    let malformed = [
        signature[..127].to_owned(),
        format!("{signature}0"),
        format!("0x{signature}"),
        format!("0x{}", &signature[2..]),
        format!("sha512={signature}"),
        format!("\"{signature}\""),
        format!("{signature}, {signature}"),
        format!("{} {}", &signature[..64], &signature[65..]),
        format!("{}zz", &signature[..126]),
        format!("{}é", &signature[..126]),
    ];
    for header in malformed {
        assert_eq!(verdict(&header), Err(SignatureError::Malformed.into()), "{header}");
    }
    assert_eq!(verdict(""), Err(SignatureError::Missing.into()));
    assert_eq!(verdict("  "), Err(SignatureError::Missing.into()));
    assert_eq!(verifier().verify(FINISHED.as_bytes(), None), Err(SignatureError::Missing.into()));

    let one = signature.as_bytes();
    assert_eq!(single_signature([]), Ok(None));
    assert_eq!(single_signature([one]), Ok(Some(one)));
    assert_eq!(single_signature([one, one]), Err(SignatureError::Repeated.into()));
}

#[test]
fn shape_is_refused_though_the_raw_signature_fits() {
    let too_deep = format!("{{\"payment_id\":31,\"a\":{}{}}}", "[".repeat(16), "]".repeat(16));
    let bodies = [
        ("not_json", ""),
        ("not_json", r#"{"payment_id":31,}"#),
        ("not_json", r#"{"payment_id":NaN}"#),
        ("not_an_object", r#"[{"payment_id":31}]"#),
        ("trailing_text", r#"{"payment_id":31}{"payment_id":32}"#),
        ("byte_order_mark", "\u{feff}{\"payment_id\":31}"),
        ("duplicate_key", r#"{"payment_id":31,"meta":{"k":{"a":1,"\u0061":2}}}"#),
        ("lone_surrogate", r#"{"payment_id":31,"order_id":"\ud800"}"#),
        ("too_deep", &too_deep),
    ];
    for (code, body) in bodies {
        let refused = verify(body, body).unwrap_err();
        assert_eq!((refused.as_str(), refused.http_status()), (code, 400), "{body}");
        assert_eq!(verifier().verify(body.as_bytes(), None), Err(refused), "whatever the signature says");
        assert!(matches!(parse(body.as_bytes()), Err(ParseError::Shape(_))), "{body}");
    }
    let latin1 = b"{\"payment_id\":31,\"order_id\":\"caf\xe9\"}";
    let signature = sign(SECRET, latin1).unwrap();
    let refused = verifier().verify(latin1, Some(signature.as_bytes())).unwrap_err();
    assert_eq!((refused.as_str(), refused.http_status()), ("not_utf8", 400));
}

#[test]
fn size_is_bounded() {
    let with_bytes = |bytes: usize| format!("{{\"payment_id\":31,\"pad\":\"{}\"}}", "x".repeat(bytes - 26));
    let largest = with_bytes(BODY_BYTES_MAX);
    assert_eq!(largest.len(), BODY_BYTES_MAX);
    assert_eq!(form(&largest, &largest), Some(SignatureForm::Raw));
    let over = with_bytes(BODY_BYTES_MAX + 1);
    let refused = verify(&over, &over).unwrap_err();
    assert_eq!((refused, refused.http_status()), (Rejection::TooLarge, 413));
    assert_eq!(parse(over.as_bytes()), Err(ParseError::TooLarge));
}

#[test]
fn several_secrets_serve_a_rotation() {
    let verifier = Verifier::new([" new secret\n".to_owned().into(), SECRET.to_owned().into()]).unwrap();
    for (secret, index) in [("new secret", 0), (SECRET, 1)] {
        let signature = sign(secret, FINISHED.as_bytes()).unwrap();
        let verified = verifier.verify(FINISHED.as_bytes(), Some(signature.as_bytes())).unwrap();
        assert_eq!(verified, Verified { form: SignatureForm::Raw, secret_index: index });
    }
    let other = sign("another", FINISHED.as_bytes()).unwrap();
    let refused = verifier.verify(FINISHED.as_bytes(), Some(other.as_bytes())).unwrap_err();
    assert_eq!((refused.as_str(), refused.http_status()), ("signature_mismatch", 403));
    assert_eq!(format!("{verifier:?}"), "Verifier { secrets: 2 }");
}

#[test]
fn an_empty_secret_makes_no_verifier() {
    assert_eq!(Verifier::new([]).unwrap_err(), SecretError::None);
    for empty in ["", " \t\r\n", "\u{feff}"] {
        let secrets = [SECRET.to_owned().into(), empty.to_owned().into()];
        assert_eq!(Verifier::new(secrets).unwrap_err(), SecretError::Empty { index: 1 });
        assert!(sign(empty, b"{}").is_err());
    }
}

#[test]
fn amounts_that_do_not_fit_are_kept_and_absent_ones_are_none() {
    let read = payment_with(
        r#""price_amount":"15.50","pay_amount":0.006423149999999999866517885749317429144866764545440673828125,"actually_paid":null,"actually_paid_at_fiat":"abc","outcome_amount":[1]"#,
    );
    assert_eq!(read.price_amount.unwrap().to_string(), "15.50");
    let long = "0.006423149999999999866517885749317429144866764545440673828125";
    assert_eq!(read.pay_amount, Some(Amount::Unrepresentable(long.into())));
    assert_eq!(read.actually_paid, None);
    assert_eq!(read.actually_paid_at_fiat, Some(Amount::Unrepresentable("abc".into())));
    assert_eq!(read.outcome_amount, Some(Amount::Unrepresentable("[1]".into())));
    let negative = payment_with(r#""actually_paid":-3"#).actually_paid.unwrap();
    assert_eq!(negative.to_string(), "-3", "what a negative amount means is the caller's to say");
}

#[test]
fn a_parent_that_cannot_be_read_is_not_the_same_as_none() {
    assert!(!payment_with(r#""parent_payment_id":null"#).parent.is_child());
    assert_eq!(payment_with(r#""parent_payment_id":417066907"#).parent.id().unwrap().get(), 417_066_907);
    assert_eq!(payment_with(r#""parent_payment_id":"417066907""#).parent.id().unwrap().get(), 417_066_907);
    for (member, text) in
        [("\"abc\"", "\"abc\""), ("5.7e9", "5.7e9"), ("\"\"", "\"\""), ("{ \"a\": 1 }", "{\"a\":1}")]
    {
        let parent = payment_with(&format!("\"parent_payment_id\":{member}")).parent;
        assert_eq!(parent, Parent::Unusable(text.into()));
        assert!(parent.is_child());
    }
}

/// In lists the parent may be left out, and another member says what the payment is.
#[test]
fn f28_a_re_deposit_without_its_parent_is_no_payment_of_its_own() {
    let listed = payment_with(r#""origin_type":"REPEATED""#);
    assert_eq!(listed.parent, Parent::Unusable(r#""REPEATED""#.into()));
    assert!(payment_with(r#""parent_payment_id":null,"origin_type":"repeated""#).parent.is_child());
    let named = payment_with(r#""origin_type":"REPEATED","parent_payment_id":417066907"#);
    assert_eq!(named.parent.id().unwrap().get(), 417_066_907);
    for other in ["null", r#""""#, r#""SOMETHING""#, "1"] {
        assert_eq!(payment_with(&format!("\"origin_type\":{other}")).parent, Parent::None, "{other}");
    }
}

#[test]
fn odd_members_are_named_and_fail_nothing() {
    let odd = payment_with(
        r#""order_id":1007,"invoice_id":"abc","purchase_id":5811000001,"pay_currency":{"x":1},"payment_extra_ids":["41",42],"updated_at":"2026-02-19T14:07:51.318Z","burning_percent":"null","fee":"0.1""#,
    );
    assert_eq!(odd.order_id.as_deref(), Some("1007"));
    assert_eq!(odd.invoice_id, None);
    assert_eq!(odd.purchase_id.unwrap().get(), 5_811_000_001);
    assert_eq!(odd.payment_extra_ids.iter().map(ToString::to_string).collect::<Vec<_>>(), ["41", "42"]);
    assert_eq!(odd.updated_at_ms, Some(1_771_510_071_318));
    assert_eq!(odd.fee, None);
    assert_eq!(odd.unusable, ["invoice_id", "pay_currency", "fee"]);
}

#[test]
fn unknown_statuses_are_kept_and_case_is_ignored() {
    let status = |text: &str| payment(&format!("{{\"payment_id\":31,\"payment_status\":{text}}}")).status;
    assert_eq!(status("\"FINISHED\""), Status::Finished);
    assert_eq!(status("\"Partially_Paid\""), Status::PartiallyPaid);
    assert_eq!(status("\"under_manual_review\""), Status::Other("under_manual_review".into()));
    assert_eq!(status("null"), Status::Other(String::new()));
    assert_eq!(status("7"), Status::Other("7".into()));
}

#[test]
fn a_withdrawal_is_not_a_payment() {
    let body = r#"{"id":"511000001","batch_withdrawal_id":"609000001","status":"CREATING","currency":"usdttrc20","amount":"50"}"#;
    let Ok(Body::NotAPayment(notice)) = parse(body.as_bytes()) else { panic!("not a payment") };
    assert_eq!(notice.id.as_deref(), Some("511000001"));
    assert_eq!(notice.status.as_deref(), Some("CREATING"));
    assert_eq!(notice.unusable_payment_id, None);

    for unusable in ["4479000001.0", "4.4e9", "\"04479000001\"", "-4479000001", "9007199254740992", "true"] {
        let body = format!("{{\"payment_id\":{unusable},\"payment_status\":\"finished\"}}");
        let Ok(Body::NotAPayment(notice)) = parse(body.as_bytes()) else { panic!("{unusable}") };
        assert_eq!(notice.unusable_payment_id.as_deref(), Some(unusable));
        assert_eq!(notice.status.as_deref(), Some("finished"));
    }
}
