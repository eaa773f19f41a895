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
/// Ids have ten digits, as the provider's have now. One length for all makes requests of one length.
const IDS: std::ops::Range<u64> = 1_000_000_000..10_000_000_000;

/// What the notifications say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mix {
    /// Paid orders: each makes an order, a grant, a membership and its jobs
    Finished,
    /// First signs of a payment: each makes an order and a payment
    Waiting,
}

impl Mix {
    /// The name in commands and tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Waiting => "waiting",
        }
    }
}

/// Requests that were written and signed before the clock starts, in one piece of memory.
pub(super) struct Requests {
    bytes: Vec<u8>,
    length: usize,
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
        let mut length = 0;
        for id in first_id..end {
            let start = bytes.len();
            write_request(&mut bytes, server, secret, &body(mix, id));
            if length == 0 {
                length = bytes.len();
                bytes.reserve_exact(length * count.saturating_sub(1));
            }
            assert_eq!(bytes.len() - start, length, "a request of another length");
        }
        Ok(Self { bytes, length })
    }

    /// The request at that place, if there are so many.
    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        self.bytes.get(index * self.length..(index + 1) * self.length)
    }
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

/// A notification as the provider writes it: members sorted, no white space. Payment, invoice, purchase and buyer are
/// all distinct for distinct ids, and the price is that of the benchmark's one plan.
pub(super) fn body(mix: Mix, id: u64) -> String {
    let (status, paid) = match mix {
        Mix::Finished => ("finished", "0.00002631"),
        Mix::Waiting => ("waiting", "0"),
    };
    format!(
        r#"{{"actually_paid":{paid},"actually_paid_at_fiat":0,"fee":{{"currency":"btc","depositFee":0.000001,"serviceFee":0,"withdrawalFee":0}},"invoice_id":{id},"order_description":"Bench, Monthly","order_id":"PGP-{id}|{PUBLIC_CHAT}","outcome_amount":0.0000251,"outcome_currency":"btc","parent_payment_id":null,"pay_address":"bc1qbenchbenchbenchbenchbenchbenchbenchbe","pay_amount":0.00002631,"pay_currency":"btc","payin_extra_id":null,"payment_extra_ids":null,"payment_id":{id},"payment_status":"{status}","price_amount":2.5,"price_currency":"usd","purchase_id":"{id}","updated_at":1767225600000}}"#
    )
}

#[cfg(test)]
mod tests {
    use nowpayments::{Body, SignatureForm, Status, Verifier, parse};

    use super::*;

    #[test]
    fn the_program_takes_them_for_paid_orders_or_for_first_signs_by_the_exact_bytes() {
        let verifier = Verifier::new(["secret".to_owned().into()]).unwrap();
        for (mix, status) in [(Mix::Finished, Status::Finished), (Mix::Waiting, Status::Waiting)] {
            let body = body(mix, 5_000_000_000);
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
    fn requests_are_distinct_and_end_where_the_supply_does() {
        let server = "127.0.0.1:80".parse().unwrap();
        let requests = Requests::sign(server, "secret", Mix::Finished, 5_000_000_000, 2).unwrap();
        assert_ne!(requests.get(0).unwrap(), requests.get(1).unwrap());
        assert!(requests.get(2).is_none());
        assert!(Requests::sign(server, "secret", Mix::Finished, 9_999_999_999, 2).is_err());
    }
}
