//! NOWPayments for merchants: is this notification theirs, and what does it say, without losing a digit.
//!
//! [`verify`] and [`notification`] are pure: no IO, no clock, no randomness, no runtime. The feature `client` adds typed calls to
//! the provider's API, the feature `sandbox` a simulated provider for tests, demonstrations and integrators.
//!
//! ```
//! use nowpayments::{Body, Status, Verifier, parse, sign};
//!
//! let body = br#"{"order_id":"o-1","payment_id":4479119533,"payment_status":"finished","price_amount":2.5,"price_currency":"usd"}"#;
//! let signature = sign("the IPN secret", body)?;
//!
//! let verifier = Verifier::new(["the IPN secret".to_owned().into()])?;
//! let verified = verifier.verify(body, Some(signature.as_bytes()))?;
//! assert_eq!(verified.form.as_str(), "raw");
//!
//! let Body::Payment(payment) = parse(body)? else { panic!("a payment") };
//! assert_eq!(payment.status, Status::Finished);
//! assert_eq!(payment.price_amount.unwrap().to_string(), "2.5");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod amount;
mod canonical;
#[cfg(feature = "client")]
pub mod client;
mod id;
mod json;
pub mod notification;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod shape;
mod status;
#[cfg(feature = "client")]
mod uri;
pub mod verify;

pub use amount::Amount;
pub use id::{ProviderInvoiceId, ProviderPaymentId, ProviderPurchaseId};
pub use json::{BODY_BYTES_MAX, DEPTH_LEVELS_MAX};
pub use notification::{Body, Fee, NotAPayment, Notification, Parent, ParseError, parse};
pub use shape::ShapeError;
pub use status::Status;
pub use verify::{
    Rejection, SIGNATURE_HEADER, SecretError, SignatureError, SignatureForm, Verified, Verifier, sign,
    single_signature,
};
