//! The way to the payment provider: invoices, and questions about payments.

mod minimum;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use nowpayments::client::{
    CREATE_TIMEOUT, Client, ClientConfig, ClientError, ListQuery, Login, NewInvoice, NewPayment,
    PaymentAnswer, PaymentPage, TURN_TIMEOUT,
};
use nowpayments::{Notification, ProviderInvoiceId, ProviderPaymentId as TheirPaymentId};
use tollhouse_core::event::EventSource;
use tollhouse_core::id::{OrderId, ProviderPaymentId};
use tollhouse_core::job::{Failure, LEASE_SECONDS, Outcome};
use tollhouse_core::money::{Currency, Money};
use tollhouse_core::order::Invoice;

use crate::config::{Config, ConfigError};
use crate::intake::{self, Envelope};
use crate::metrics;
use crate::urls::Addresses;

pub use minimum::Payable;

/// How long a job waits that did not get its turn, in seconds: the calls before it last about as long when the provider is slow.
const BUSY_SECONDS: u32 = 5;
/// How long we wait when the provider limits us without saying for how long, in seconds.
const RATE_LIMIT_SECONDS_DEFAULT: u32 = 30;
/// The longest wait that the provider may ask for, in seconds. An hour, as between the attempts of a job: beyond it somebody mistook a date
/// for a time.
const RETRY_AFTER_SECONDS_MAX: u32 = 3_600;

/// What a job does here takes less than its lease, however slow the provider is, with something left for the store. A job that takes
/// longer is done again by the next worker while this one is at it, and each of them makes an invoice.
const _: () = assert!(
    (minimum::CHECK_SECONDS_MAX + TURN_TIMEOUT.as_secs() + CREATE_TIMEOUT.as_secs() + STORE_SECONDS)
        .cast_signed()
        < LEASE_SECONDS
);
/// What of a lease is left for the store, in seconds: to look at the job, and to write what came of it.
const STORE_SECONDS: u64 = 10;

/// The provider's API.
#[derive(Clone)]
pub struct Provider {
    client: Arc<Client>,
    addresses: Addresses,
    payout_currency: Option<String>,
    minimums: Arc<minimum::Minimums>,
    can_list: bool,
}

/// An answer about a payment, with the bytes that it came in.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The exact bytes.
    pub body: Vec<u8>,
    /// What they say.
    pub notification: Notification,
    /// When the payment was made, by the provider's clock, where it says so.
    pub created_at: Option<Timestamp>,
}

impl From<PaymentAnswer> for Answer {
    fn from(answer: PaymentAnswer) -> Self {
        Self {
            created_at: answer.created_at_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
            body: answer.raw.clone().into_bytes(),
            notification: answer.into_notification(),
        }
    }
}

/// A page of the provider's list of payments.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The payments, in the order asked for.
    pub answers: Vec<Answer>,
    /// Rows that name no payment, so that nothing can be done with them but to tell.
    pub unreadable: usize,
    /// How many pages there are in all, if the provider says so.
    pub pages: Option<u64>,
}

impl From<PaymentPage> for Listed {
    fn from(page: PaymentPage) -> Self {
        Self {
            answers: page.payments.into_iter().map(Answer::from).collect(),
            unreadable: page.unreadable_rows,
            pages: page.pages_count,
        }
    }
}

/// Why the provider gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProviderError {
    /// It does not know the payment, or the payment was made with another key.
    #[error("NOWPayments does not know this payment (or it was made with another API key)")]
    NotFound,
    /// It could not be asked, or answered with something else.
    #[error("NOWPayments: {0}")]
    Client(ClientError),
}

impl Provider {
    /// The provider of the configuration; `None` without a key.
    ///
    /// # Errors
    /// A key that cannot be used.
    pub fn new(config: &Config) -> Result<Option<Self>, ConfigError> {
        let settings = &config.nowpayments;
        let Some(api_key) = settings.api_key.clone() else { return Ok(None) };
        let mut client = ClientConfig::new(api_key);
        client.api_url = settings.api_url.as_str().trim_end_matches('/').to_owned();
        client.timeouts = settings.timeouts;
        client.on_login = Some(|outcome| metrics::provider_call("auth", outcome));
        client.login = match (&settings.email, &settings.password) {
            (Some(email), Some(password)) => Some(Login { email: email.clone(), password: password.clone() }),
            _ => None,
        };
        let client = Client::new(client).map_err(|error| ConfigError {
            key: "TOLLHOUSE_NOWPAYMENTS_API_KEY".to_owned(),
            problem: error.to_string(),
        })?;
        Ok(Some(Self {
            client: Arc::new(client),
            addresses: Addresses::new(&config.public_url),
            payout_currency: settings.payout_currency.as_ref().map(|coin| coin.as_str().to_owned()),
            minimums: Arc::default(),
            can_list: settings.can_list(),
        }))
    }

    /// Whether it can be asked for a list of payments: that takes the account's email and password beside the key.
    #[must_use]
    pub fn can_list(&self) -> bool {
        self.can_list
    }

    /// Whether the provider answers at all.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn status(&self) -> Result<(), ProviderError> {
        let answer = self.client.status().await;
        count("status", &answer);
        answer.map_err(ProviderError::Client)
    }

    /// Asks for a payment.
    ///
    /// # Errors
    /// It is not known there, or no answer came.
    pub async fn payment(&self, id: ProviderPaymentId) -> Result<Answer, ProviderError> {
        let theirs = TheirPaymentId::parse(&id.to_string()).ok_or(ProviderError::NotFound)?;
        let answer = self.client.get_payment(theirs).await;
        count("get_payment", &answer);
        match answer {
            Ok(answer) => Ok(answer.into()),
            Err(ClientError::NotFound { .. }) => Err(ProviderError::NotFound),
            Err(error) => Err(ProviderError::Client(error)),
        }
    }

    /// Asks for a page of the account's payments.
    ///
    /// # Errors
    /// No answer came, or no login is configured.
    pub async fn list(&self, query: &ListQuery) -> Result<Listed, ProviderError> {
        let answer = self.client.list_payments(query).await;
        count("list_payments", &answer);
        answer.map(Listed::from).map_err(ProviderError::Client)
    }

    /// Asks for every payment that was made for an invoice.
    ///
    /// # Errors
    /// The invoice is none of the provider's, no answer came, or no login is configured.
    pub async fn payments_of_invoice(&self, invoice_id: &str) -> Result<Listed, ProviderError> {
        let invoice_id = ProviderInvoiceId::parse(invoice_id).ok_or(ProviderError::NotFound)?;
        let answer = self.client.payments_of_invoice(invoice_id).await;
        count("list_payments", &answer);
        answer.map(Listed::from).map_err(ProviderError::Client)
    }

    /// Whether a price can be paid, as far as the provider says.
    pub async fn payable(&self, now: Timestamp, price: &Money) -> Payable {
        self.minimums.payable(&self.client, self.payout_currency.as_deref(), now, price).await
    }

    /// Makes an order's invoice, if the price can be paid.
    ///
    /// The provider has no way to say "this one again": if its answer is lost, the next try makes a second invoice. Only the one whose
    /// answer arrived is kept and shown. Whatever is paid on the other carries the order's id, so it is seen, and counts (F27).
    pub async fn create_invoice(
        &self,
        now: Timestamp,
        order_id: OrderId,
        price: &Money,
        description: &str,
    ) -> Outcome {
        if let Payable::TooSmall { minimum } = self.payable(now, price).await {
            let error = format!("{price} is below the minimum of every coin");
            return Outcome::Failed(Failure::BelowMinimum { error, minimum });
        }
        let page = self.addresses.order(order_id).to_string();
        let new = NewInvoice {
            order_id: Some(order_id.to_string()),
            order_description: Some(description.to_owned()),
            ipn_callback_url: Some(self.addresses.notifications().to_string()),
            success_url: Some(page.clone()),
            cancel_url: Some(page.clone()),
            partially_paid_url: Some(page),
            ..NewInvoice::new(price.amount, price.currency.as_str())
        };
        let answer = self.client.create_invoice(&new).await;
        count("create_invoice", &answer);
        match answer {
            Ok(made) => Outcome::InvoiceCreated {
                invoice: Invoice { id: made.id.to_string(), url: made.invoice_url },
            },
            Err(error) => Outcome::Failed(failure(&error)),
        }
    }

    /// Makes a payment in the coin that the buyer chose. Should the answer be lost a repeat makes another one at the provider; only one of
    /// them is ever shown, and money on either counts for the order.
    pub async fn create_payment(
        &self,
        now: Timestamp,
        order_id: OrderId,
        price: &Money,
        coin: &Currency,
        description: &str,
    ) -> Outcome {
        let new = NewPayment {
            order_id: Some(order_id.to_string()),
            order_description: Some(description.to_owned()),
            ipn_callback_url: Some(self.addresses.notifications().to_string()),
            ..NewPayment::new(price.amount, price.currency.as_str(), coin.as_str())
        };
        let answer = self.client.create_payment(&new).await;
        count("create_payment", &answer);
        let made = match answer {
            Ok(made) => made,
            Err(ClientError::BelowMinimum { .. }) => return Outcome::CoinRefused,
            Err(ClientError::BadRequest { code, .. }) if code.contains("CURRENCY") => {
                return Outcome::CoinRefused;
            }
            Err(error) => return Outcome::Failed(failure(&error)),
        };
        let envelope = Envelope {
            received_at: now,
            source: EventSource::Poll,
            signature_form: None,
            headers: "{}".to_owned(),
        };
        let body = made.raw.clone().into_bytes();
        match intake::received(envelope, body, &made.into_notification()) {
            Ok(answer) => Outcome::PaymentCreated { answer: Box::new(answer) },
            Err(error) => Outcome::Failed(Failure::Permanent { error: error.to_string() }),
        }
    }

    /// The coins that a buyer can pay with: those that the account has chosen, with what the provider says of each. Those without a word
    /// about them are left out: a coin whose network or memo is not known is nobody's to send.
    ///
    /// # Errors
    /// No answer came.
    pub async fn coins(&self) -> Result<Vec<nowpayments::client::Currency>, ProviderError> {
        let chosen = self.client.merchant_coins().await;
        count("merchant_coins", &chosen);
        let chosen: BTreeSet<String> =
            chosen.map_err(ProviderError::Client)?.into_iter().map(|coin| coin.code).collect();
        let known = self.client.full_currencies().await;
        count("full_currencies", &known);
        let mut known = known.map_err(ProviderError::Client)?;
        known.retain(|coin| coin.is_enabled && chosen.contains(&coin.code));
        Ok(known)
    }
}

fn count<T>(call: &'static str, answer: &Result<T, ClientError>) {
    let outcome = answer.as_ref().map_or_else(ClientError::as_str, |_| "ok");
    metrics::provider_call(call, outcome);
}

/// For how many seconds the provider asks to be left alone, within reason.
pub(crate) fn asked_to_wait(error: &ClientError) -> Option<u32> {
    let said = error.retry_after()?.as_secs();
    Some(u32::try_from(said).unwrap_or(u32::MAX).clamp(1, RETRY_AFTER_SECONDS_MAX))
}

fn failure(error: &ClientError) -> Failure {
    match error {
        ClientError::RateLimited { .. } => {
            Failure::Later { seconds: asked_to_wait(error).unwrap_or(RATE_LIMIT_SECONDS_DEFAULT) }
        }
        // Nothing was tried, so no attempt counts.
        ClientError::Busy => Failure::Later { seconds: BUSY_SECONDS },
        ClientError::BelowMinimum { .. } => Failure::BelowMinimum { error: error.to_string(), minimum: None },
        // A key or a login is mended without our being told: this waits like an outage, and ends in the list if it lasts.
        ClientError::InvalidKey { .. } | ClientError::NotAuthorized { .. } => {
            Failure::Transient { error: error.to_string() }
        }
        _ if error.is_worth_repeating() => Failure::Transient { error: error.to_string() },
        _ => Failure::Permanent { error: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_provider_may_not_send_us_away_for_ever() {
        let limited =
            |seconds: Option<u64>| ClientError::RateLimited { retry_after: seconds.map(Duration::from_secs) };
        for (said, waits) in [
            (limited(None), RATE_LIMIT_SECONDS_DEFAULT),
            (limited(Some(0)), 1),
            (limited(Some(7)), 7),
            (limited(Some(3_600)), 3_600),
            // A date that somebody took for a time.
            (limited(Some(1_793_491_200)), 3_600),
            (limited(Some(u64::MAX)), 3_600),
            // Nobody sent us away.
            (ClientError::Busy, BUSY_SECONDS),
        ] {
            assert_eq!(failure(&said), Failure::Later { seconds: waits }, "{said:?}");
        }
    }
}
