//! The simulator's notifications: what they say, when they come, and how often.

#![expect(clippy::unwrap_used, reason = "where a helper of a test unwraps, the test fails, which is right")]

mod support;

use jiff::SignedDuration;
use nowpayments::sandbox::{
    BodyStyle, BuyerAction, Change, DeliveryFaults, DeliveryState, Fees, NewPayment, ReleaseOrder,
    SandboxPayment, Spelling,
};
use nowpayments::{Parent, ProviderPaymentId, SignatureForm, Status};
use rust_decimal::Decimal;
use support::{WALK, World};

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A payment of 2.50 USD in Tether that nobody paid yet.
fn new_payment(world: &World) -> SandboxPayment {
    let new = NewPayment { order_id: Some("o-1".into()), ..NewPayment::usd(dec("2.5")) };
    world.sandbox.create_payment(new).unwrap()
}

#[tokio::test]
async fn a_status_set_by_hand_ends_the_walk() {
    let world = World::with(|config| config.step = SignedDuration::from_secs(10)).await;
    let id = new_payment(&world).id;
    world.sandbox.pay_exactly(id).unwrap();
    world.sandbox.refund(id).unwrap();
    world.clock.advance(3600);
    world.sandbox.tick().await;
    assert_eq!(world.receiver.statuses(), ["waiting", "confirming", "refunded"]);
}

#[tokio::test]
async fn the_providers_own_sandbox_cases_report_nothing_as_paid() {
    let world = World::start().await;
    for (case, end) in [("success", "finished"), ("failed", "failed"), ("partially_paid", "partially_paid")] {
        let asked =
            format!(r#"{{"price_amount":5,"price_currency":"usd","pay_currency":"ltc","case":"{case}"}}"#);
        assert_eq!(world.post("/payment", &asked).await.status, 201);
        world.sandbox.tick().await;
        let told = world.receiver.received().pop().unwrap().read().1;
        assert_eq!((told.status.as_str(), told.actually_paid.unwrap().to_string().as_str()), (end, "0"));
    }
    assert_eq!(world.receiver.received().len(), 15);
}

#[tokio::test]
async fn any_body_can_be_sent_signed_or_not() {
    let world = World::start().await;
    let body = r#"{"id":"511000001","status":"FINISHED"}"#;
    let asked = serde_json::json!({ "body": body });
    world.sandbox.send_body(&world.receiver.url, body, None);
    world.sandbox.send_body(&world.receiver.url, body, Some("00"));
    assert_eq!(world.control("/send", &asked.to_string()).await.status, 200);
    world.sandbox.tick().await;
    let signed = nowpayments::sign(support::SECRET, body.as_bytes()).unwrap();
    let received = world.receiver.received();
    let signatures: Vec<_> = received.iter().map(|received| received.signature.as_deref()).collect();
    assert_eq!(signatures, [Some(&*signed), Some("00"), Some(&*signed)]);
    assert!(received.iter().all(|received| received.body == body));
}

#[tokio::test]
async fn the_seeds_incident_can_be_played() {
    let world = World::start().await;
    let id = ProviderPaymentId::new(4_479_119_533);
    let order_id = Some("PGP-6271402111|-1003016667267".to_owned());
    let payment = NewPayment { id, order_id: order_id.clone(), ..NewPayment::usd(dec("2.5")) };
    let id = world.sandbox.create_payment(payment).unwrap().id;
    world.sandbox.pay_exactly(id).unwrap();
    world.sandbox.wait_delivered(id, Status::Finished).await;

    assert_eq!(world.receiver.statuses(), WALK);
    let last = world.receiver.received().pop().unwrap();
    let (form, read) = last.read();
    assert_eq!(form, SignatureForm::Raw);
    assert_eq!(read.payment_id.to_string(), "4479119533");
    assert_eq!(read.order_id, order_id);
    assert_eq!(read.parent, Parent::None);
    let expected = format!(
        concat!(
            r#"{{"actually_paid":2.5,"actually_paid_at_fiat":0,"fee":{{"currency":"usdttrc20","depositFee":0,"#,
            r#""serviceFee":0.0125,"withdrawalFee":0}},"invoice_id":null,"order_description":null,"#,
            r#""order_id":"PGP-6271402111|-1003016667267","outcome_amount":2.4875,"outcome_currency":"usdttrc20","#,
            r#""parent_payment_id":null,"pay_address":"{}","pay_amount":2.5,"pay_currency":"usdttrc20","#,
            r#""payin_extra_id":null,"payment_extra_ids":null,"payment_id":4479119533,"payment_status":"finished","#,
            r#""price_amount":2.5,"price_currency":"usd","purchase_id":"{}","updated_at":1793491200000}}"#
        ),
        read.pay_address.unwrap(),
        read.purchase_id.unwrap()
    );
    assert_eq!(last.body, expected);
}

#[tokio::test]
async fn every_way_to_pay_ends_as_the_provider_would_end_it() {
    use BuyerAction::{Exactly, Late, Less, More, NotAtAll, Rest, Twice, WrongCoin};
    let world = World::start().await;
    let ends = |actions: &[BuyerAction]| {
        let id = new_payment(&world).id;
        for action in actions {
            world.sandbox.buyer(id, *action).unwrap();
        }
        let payment = world.sandbox.payment(id).unwrap();
        let children = payment.children.iter().map(|id| world.sandbox.payment(*id).unwrap());
        let end = |payment: &SandboxPayment| format!("{} {}", payment.status, payment.actually_paid);
        let mut all = vec![end(&payment)];
        all.extend(children.map(|child| format!("{} {}", end(&child), child.pay_currency)));
        all.join(", ")
    };
    assert_eq!(ends(&[Exactly]), "finished 2.5");
    assert_eq!(ends(&[Less]), "partially_paid 1.5");
    assert_eq!(ends(&[Less, Rest]), "partially_paid 1.5, finished 1.0 usdttrc20");
    assert_eq!(ends(&[More]), "finished 3.125");
    assert_eq!(ends(&[Twice]), "finished 2.5, finished 2.5 usdttrc20");
    assert_eq!(ends(&[WrongCoin]), "waiting 0, partially_paid 2.5 usdtbsc");
    assert_eq!(ends(&[Late]), "finished 2.5");
    assert_eq!(ends(&[NotAtAll]), "expired 0");

    world.sandbox.tick().await;
    let mut wrong = world.receiver.received().into_iter().map(|r| r.read().1);
    let wrong = wrong.rfind(|n| n.pay_currency.as_deref() == Some("usdtbsc")).unwrap();
    assert!(wrong.parent.is_child());
    assert_eq!(wrong.actually_paid_at_fiat.unwrap().to_string(), "2.5");
    assert_eq!(wrong.order_id.as_deref(), Some("o-1"));
}

#[tokio::test]
async fn statuses_and_expiry_follow_the_clock() {
    let world = World::with(|config| config.step = SignedDuration::from_secs(10)).await;
    let paid = new_payment(&world).id;
    world.sandbox.pay_exactly(paid).unwrap();
    for (i, status) in WALK.iter().enumerate().skip(1) {
        world.sandbox.tick().await;
        assert_eq!(world.receiver.statuses(), WALK[..=i], "{status}");
        world.clock.advance(10);
    }

    let unpaid = new_payment(&world).id;
    let fixed = NewPayment { is_fixed_rate: true, ..NewPayment::usd(dec("9")) };
    let fixed = world.sandbox.create_payment(fixed).unwrap().id;
    world.clock.advance(20 * 60);
    world.sandbox.tick().await;
    assert_eq!(world.sandbox.payment(fixed).unwrap().status, Status::Expired);
    assert_eq!(world.sandbox.payment(unpaid).unwrap().status, Status::Waiting);
    world.clock.advance(7 * 24 * 3600);
    world.sandbox.tick().await;
    assert_eq!(world.sandbox.payment(unpaid).unwrap().status, Status::Expired);
    assert_eq!(world.sandbox.payment(paid).unwrap().status, Status::Finished);
    world.sandbox.wait_delivered(unpaid, Status::Expired).await;
}

#[tokio::test]
async fn refused_notifications_come_again_a_fixed_number_of_times() {
    let world = World::start().await;
    world.receiver.answer_next([500, 503, 200]);
    let payment = new_payment(&world);
    world.sandbox.tick().await;
    assert_eq!(world.receiver.received().len(), 1);
    world.clock.advance(60);
    world.sandbox.tick().await;
    world.clock.advance(60);
    let delivered = world.sandbox.wait_delivered(payment.id, Status::Waiting).await;
    let outcomes: Vec<_> = delivered.attempts.iter().map(|attempt| attempt.outcome.clone()).collect();
    assert_eq!(outcomes, [Ok(500), Ok(503), Ok(200)]);
    assert!(world.receiver.received().windows(2).all(|two| two[0].body == two[1].body));

    world.receiver.answer_next([500; 4]);
    let refused = new_payment(&world);
    for _ in 0..6 {
        world.sandbox.tick().await;
        world.clock.advance(60);
    }
    let given_up = world.sandbox.wait_for_delivery(|d| d.payment_id == Some(refused.id)).await;
    assert_eq!((given_up.state, given_up.attempts.len()), (DeliveryState::GivenUp, 4));
}

#[tokio::test]
async fn notifications_can_be_held_reordered_dropped_and_repeated() {
    let world = World::start().await;
    world.sandbox.hold();
    let payment = new_payment(&world);
    world.sandbox.pay_exactly(payment.id).unwrap();
    world.sandbox.tick().await;
    assert_eq!(world.receiver.received().len(), 0);
    assert_eq!(world.sandbox.release(ReleaseOrder::Reversed), 5);
    world.sandbox.tick().await;
    assert_eq!(world.receiver.statuses(), ["finished", "sending", "confirmed", "confirming", "waiting"]);

    world.sandbox.drop_next(u64::MAX);
    world.sandbox.refund(payment.id).unwrap();
    world.sandbox.tick().await;
    assert_eq!(world.receiver.received().len(), 5);
    world.sandbox.drop_next(0);

    world.sandbox.resend(payment.id, 50).unwrap();
    world.sandbox.tick().await;
    assert_eq!(world.receiver.statuses()[5..], vec!["refunded"; 50]);
}

#[tokio::test]
async fn chance_duplicates_delays_and_repeats_weeks_later() {
    let world = World::start().await;
    world.sandbox.set_delivery_faults(DeliveryFaults { duplicate_percent: 100, ..DeliveryFaults::default() });
    let doubled = new_payment(&world);
    world.sandbox.tick().await;
    assert_eq!(world.receiver.statuses(), ["waiting", "waiting"]);
    // It must not expire in the weeks to come.
    let silent = Change { without_notification: true, ..Change::default() };
    world.sandbox.set_status(doubled.id, Status::Cancelled, silent).unwrap();

    let weeks = 3 * 7 * 24 * 3600;
    let faults = DeliveryFaults {
        delay_max: SignedDuration::from_mins(10),
        repeat_after: Some(SignedDuration::from_secs(weeks)),
        ..DeliveryFaults::default()
    };
    world.sandbox.set_delivery_faults(faults);
    let payment = new_payment(&world);
    world.sandbox.pay_exactly(payment.id).unwrap();
    world.sandbox.tick().await;
    world.clock.advance(600);
    world.sandbox.tick().await;
    let mut delayed = world.receiver.statuses()[2..].to_vec();
    assert_ne!(delayed, WALK, "with this seed later ones overtake earlier ones");
    delayed.sort();
    let mut walk = WALK.map(str::to_owned);
    walk.sort();
    assert_eq!(delayed, walk);
    world.clock.advance(weeks);
    world.sandbox.tick().await;
    assert_eq!(world.receiver.statuses()[7..], WALK);
}

#[tokio::test]
async fn bodies_can_be_written_in_other_ways() {
    let world = World::start().await;
    let payment = new_payment(&world);
    let told = async |style: BodyStyle| {
        world.sandbox.set_style(style);
        let fees = Fees { deposit: dec("0.000002"), service: dec("0.0000001"), withdrawal: dec("25") };
        let change = Change { fees: Some(fees), ..Change::default() };
        world.sandbox.set_status(payment.id, Status::Confirming, change).unwrap();
        world.sandbox.tick().await;
        let last = world.receiver.received().pop().unwrap();
        (last.read().0, last.body)
    };
    let (form, body) = told(BodyStyle::default()).await;
    assert_eq!(form, SignatureForm::Raw);
    assert!(body.contains(r#""depositFee":0.000002,"serviceFee":1e-7,"withdrawalFee":25}"#), "{body}");
    let (form, body) =
        told(BodyStyle { fees_as_text: true, updated_at: false, ..BodyStyle::default() }).await;
    assert_eq!(form, SignatureForm::Raw);
    assert!(body.contains(r#""depositFee":"0.000002","serviceFee":"0.0000001""#), "{body}");
    assert!(!body.contains("updated_at"));
    for (in_transit, expected) in
        [(Spelling::Exponent, r#""pay_amount":2.5E+0"#), (Spelling::TrailingZeros, r#""pay_amount":2.50,"#)]
    {
        let (form, body) = told(BodyStyle { in_transit, ..BodyStyle::default() }).await;
        assert_eq!(form, SignatureForm::Sdk);
        assert!(body.contains(expected), "{body}");
    }
    let (form, body) = told(BodyStyle { amounts_as_text: true, ..BodyStyle::default() }).await;
    assert_eq!(form, SignatureForm::Raw);
    assert!(body.contains(r#""price_amount":"2.5""#), "{body}");
}
