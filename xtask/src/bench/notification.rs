//! Signed notifications for the load: no two of a run alike, each ready to be written to a connection.

use std::fmt::Write;
use std::net::SocketAddr;

use anyhow::{Result, ensure};
use clap::ValueEnum;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha512;

/// The public channel of the seed's incident; the benchmark registers it, and every order names it.
pub(super) const PUBLIC_CHAT: i64 = -1_003_016_667_267;
/// By so much a request may be longer than the first one; only the words and the amount in it differ in length.
const LENGTHS_DIFFER_BYTES: usize = 32;
/// Ids have ten digits, as the provider's have now.
const IDS: std::ops::Range<u64> = 1_000_000_000..10_000_000_000;

/// What the notifications say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mix {
    /// The life of payments as the provider tells it: waiting, confirming, confirmed, sending, finished
    Lifecycle,
    /// Only the last word on paid orders that nobody has recorded: each makes an order, a grant, a membership and its jobs
    Finished,
    /// Only the first sign of a payment: each makes an order and a payment
    Waiting,
}

/// What a payment goes through, and what was paid by then.
pub(super) const LIFE: [(&str, &str); 5] = [
    ("waiting", "0"),
    ("confirming", "0.00002631"),
    ("confirmed", "0.00002631"),
    ("sending", "0.00002631"),
    ("finished", "0.00002631"),
];
/// So many payments go through their lives side by side. Far more than there are connections, so that what is said of one
/// payment is sent long after what was said of it before, as at the provider, and seldom overtakes it.
const LIVES_AT_ONCE: u64 = 1_024;

impl Mix {
    /// The name in commands and tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Lifecycle => "lifecycle",
            Self::Finished => "finished",
            Self::Waiting => "waiting",
        }
    }

    /// Which payment the notification at that place is about, counted from the first, and where in [`LIFE`] it is then.
    fn place(self, index: u64) -> (u64, usize) {
        match self {
            Self::Lifecycle => {
                let (round, within) = (index / LIVES_AT_ONCE, index % LIVES_AT_ONCE);
                let stages = LIFE.len() as u64;
                ((round / stages) * LIVES_AT_ONCE + within, usize::try_from(round % stages).unwrap_or(0))
            }
            Self::Finished => (index, LIFE.len() - 1),
            Self::Waiting => (index, 0),
        }
    }
}

/// Requests that were written and signed before the clock starts, in one piece of memory.
pub(super) struct Requests {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Requests {
    /// Signs `count` notifications with ids from `first_id` on.
    pub(super) fn sign(
        server: SocketAddr,
        secret: &str,
        mix: Mix,
        first_id: u64,
        count: usize,
    ) -> Result<Self> {
        let end = first_id.saturating_add(count as u64);
        ensure!(IDS.contains(&first_id) && end <= IDS.end, "ids {first_id}..{end} have not all ten digits");
        let mut bytes = Vec::new();
        let mut ends = Vec::with_capacity(count);
        for index in 0..count as u64 {
            let (payment, stage) = mix.place(index);
            write_request(&mut bytes, server, secret, &body(stage, first_id + payment));
            ends.push(bytes.len());
            if index == 0 {
                bytes.reserve_exact((bytes.len() + LENGTHS_DIFFER_BYTES) * count.saturating_sub(1));
            }
        }
        Ok(Self { bytes, ends })
    }

    /// The request at that place, if there are so many.
    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.bytes.get(start..end)
    }
}

/// One request, as it goes over a connection.
pub(super) fn request(server: SocketAddr, secret: &str, body: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_request(&mut bytes, server, secret, body);
    bytes
}

fn write_request(bytes: &mut Vec<u8>, server: SocketAddr, secret: &str, body: &str) {
    let head = format!(
        "POST /webhooks/nowpayments HTTP/1.1\r\nhost: {server}\r\ncontent-type: application/json\r\n\
         x-nowpayments-sig: {}\r\ncontent-length: {}\r\n\r\n",
        signature(secret, body.as_bytes()),
        body.len(),
    );
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(body.as_bytes());
}

/// HMAC-SHA512 of the exact bytes, in lower-case hex digits, as the provider's header has it.
pub(super) fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha512>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(body);
    mac.finalize().into_bytes().iter().fold(String::with_capacity(128), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes any text");
        hex
    })
}

/// A notification as the provider writes it, at that stage of [`LIFE`]: members sorted, no white space. Payment, invoice,
/// purchase and buyer are all distinct for distinct ids, and the price is that of the benchmark's one plan.
pub(super) fn body(stage: usize, id: u64) -> String {
    body_about(stage, id, &format!("PGP-{id}|{PUBLIC_CHAT}"))
}

/// The same about an order that has been made.
pub(super) fn body_about(stage: usize, id: u64, order: &str) -> String {
    let (status, paid) = LIFE[stage];
    let updated_at = 1_767_225_600_000 + 60_000 * stage;
    format!(
        r#"{{"actually_paid":{paid},"actually_paid_at_fiat":0,"fee":{{"currency":"btc","depositFee":0.000001,"serviceFee":0,"withdrawalFee":0}},"invoice_id":{id},"order_description":"Bench, Monthly","order_id":"{order}","outcome_amount":0.0000251,"outcome_currency":"btc","parent_payment_id":null,"pay_address":"bc1qbenchbenchbenchbenchbenchbenchbenchbe","pay_amount":0.00002631,"pay_currency":"btc","payin_extra_id":null,"payment_extra_ids":null,"payment_id":{id},"payment_status":"{status}","price_amount":2.5,"price_currency":"usd","purchase_id":"{id}","updated_at":{updated_at}}}"#
    )
}

#[cfg(test)]
mod tests {
    use nowpayments::{Body, SignatureForm, Status, Verifier, parse};

    use super::*;

    #[test]
    fn the_program_takes_them_for_paid_orders_or_for_first_signs_by_the_exact_bytes() {
        let verifier = Verifier::new(["secret".to_owned().into()]).unwrap();
        let stages =
            [Status::Waiting, Status::Confirming, Status::Confirmed, Status::Sending, Status::Finished];
        for (stage, status) in stages.into_iter().enumerate() {
            let body = body(stage, 5_000_000_000);
            let signature = signature("secret", body.as_bytes());
            let verified = verifier.verify(body.as_bytes(), Some(signature.as_bytes())).unwrap();
            assert_eq!(verified.form, SignatureForm::Raw);
            let Body::Payment(payment) = parse(body.as_bytes()).unwrap() else {
                panic!("no payment: {body}")
            };
            assert_eq!(payment.status, status);
            assert_eq!(payment.payment_id.to_string(), "5000000000");
            assert_eq!(payment.order_id.as_deref(), Some("PGP-5000000000|-1003016667267"));
            assert_eq!(payment.price_amount.unwrap().to_string(), "2.5");
        }
    }

    #[test]
    fn a_life_is_told_in_its_order_and_beside_others() {
        let stages_of = |payment| {
            let places = (0..LIVES_AT_ONCE * 10).map(|index| Mix::Lifecycle.place(index));
            places.filter(|(of, _)| *of == payment).map(|(_, stage)| stage).collect::<Vec<_>>()
        };
        for payment in [0, LIVES_AT_ONCE - 1, LIVES_AT_ONCE] {
            assert_eq!(stages_of(payment), [0, 1, 2, 3, 4], "payment {payment}");
        }
    }

    #[test]
    fn requests_are_distinct_and_end_where_the_supply_does() {
        let server = "127.0.0.1:80".parse().unwrap();
        let requests = Requests::sign(server, "secret", Mix::Finished, 5_000_000_000, 2).unwrap();
        assert_ne!(requests.get(0).unwrap(), requests.get(1).unwrap());
        assert!(requests.get(2).is_none());
        assert!(Requests::sign(server, "secret", Mix::Finished, 9_999_999_999, 2).is_err());
    }
}
