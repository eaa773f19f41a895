//! The provider's API, for merchants: typed calls, tolerant answers, errors that say what to do.
//!
//! A client makes no call on its own and repeats none, but for one renewal of a login that ran out: when to try again is the
//! caller's to decide, by [`ClientError`]. The process's rustls provider must be installed before [`Client::new`].

mod answer;
mod error;
mod request;

use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use reqwest::header::HeaderValue;
use rust_decimal::Decimal;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use tokio::sync::{Mutex, Semaphore};

pub use answer::{Currency, Invoice, MinAmount, PaymentAnswer, PaymentPage};
pub use error::ClientError;
pub use request::{LIST_ROWS_MAX, ListQuery, NewInvoice, NewInvoicePayment, NewPayment};

use crate::{ProviderInvoiceId, ProviderPaymentId};

/// Where the real provider is.
pub const API_URL: &str = "https://api.nowpayments.io/v1";

/// For the TCP and TLS handshakes. The provider sits behind a CDN, which is near.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// For GET /status, which a health check waits for.
pub const STATUS_TIMEOUT: Duration = Duration::from_secs(5);

/// For calls that read one thing.
pub const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// For calls that create. Longer than reading: giving up on one leaves the question whether it was done.
pub const CREATE_TIMEOUT: Duration = Duration::from_secs(20);

/// For a page of up to 500 payments.
pub const LIST_TIMEOUT: Duration = Duration::from_secs(30);

/// For a call's turn among those under way. A provider that is slow has callers come back rather than stand in a line that grows.
pub const TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// Calls under way at once. The provider's rate limits are not documented; few at once offends none that is known.
pub const CALLS_AT_ONCE_MAX: usize = 4;

/// Largest answer. A page of 500 payments has about 600 KB; beyond this something else is talking.
pub const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A login lives 5 minutes; it is renewed a minute before, so that it does not run out under way.
const TOKEN_RENEWED_AFTER: Duration = Duration::from_secs(4 * 60);

/// How long each kind of call may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// [`STATUS_TIMEOUT`]
    pub status: Duration,
    /// [`READ_TIMEOUT`]
    pub read: Duration,
    /// [`CREATE_TIMEOUT`]
    pub create: Duration,
    /// [`LIST_TIMEOUT`]
    pub list: Duration,
    /// [`TURN_TIMEOUT`]
    pub turn: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            status: STATUS_TIMEOUT,
            read: READ_TIMEOUT,
            create: CREATE_TIMEOUT,
            list: LIST_TIMEOUT,
            turn: TURN_TIMEOUT,
        }
    }
}

/// Email and password of the account, for the one call that needs them: listing payments.
#[derive(Debug, Clone)]
pub struct Login {
    /// The account's email; case counts.
    pub email: String,
    /// The account's password.
    pub password: SecretString,
}

/// Whom to call, and as whom.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// [`API_URL`], or a simulator's; without a slash at the end.
    pub api_url: String,
    /// The account's API key.
    pub api_key: SecretString,
    /// For listing payments.
    pub login: Option<Login>,
    /// Hears how each login ended: `ok`, or what [`ClientError::as_str`] says. It is a call that nobody makes by name.
    pub on_login: Option<fn(&'static str)>,
    /// How long to wait.
    pub timeouts: Timeouts,
}

impl ClientConfig {
    /// The real provider, without a login.
    pub fn new(api_key: SecretString) -> Self {
        Self {
            api_url: API_URL.to_owned(),
            api_key,
            login: None,
            on_login: None,
            timeouts: Timeouts::default(),
        }
    }
}

/// Calls the provider. Cheap to share behind a reference or an `Arc`; keeps its connections open.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    api_url: String,
    api_key: HeaderValue,
    /// What no error may repeat.
    secrets: Vec<SecretString>,
    login: Option<Login>,
    on_login: Option<fn(&'static str)>,
    timeouts: Timeouts,
    token: Mutex<Option<Token>>,
    calls: Semaphore,
}

#[derive(Debug)]
struct Token {
    text: SecretString,
    made: Instant,
}

impl Client {
    /// # Errors
    /// The key cannot stand in a header, or no HTTP client can be made.
    pub fn new(config: ClientConfig) -> Result<Self, ClientError> {
        let bad_key = || ClientError::InvalidKey { message: "it contains characters that no key has".into() };
        let mut api_key =
            HeaderValue::from_str(config.api_key.expose_secret().trim()).map_err(|_| bad_key())?;
        api_key.set_sensitive(true);
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("tollhouse/", env!("CARGO_PKG_VERSION")))
            // The key goes to the configured host and nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(ClientError::no_answer)?;
        let mut secrets = vec![config.api_key.expose_secret().trim().to_owned().into()];
        secrets.extend(config.login.iter().map(|login| login.password.clone()));
        Ok(Self {
            http,
            secrets,
            api_url: config.api_url.trim_end_matches('/').to_owned(),
            api_key,
            login: config.login,
            on_login: config.on_login,
            timeouts: config.timeouts,
            token: Mutex::new(None),
            calls: Semaphore::new(CALLS_AT_ONCE_MAX),
        })
    }

    /// GET /status: is the API there? Needs no key.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn status(&self) -> Result<(), ClientError> {
        let body = self.send(self.http.get(self.url("/status")), self.timeouts.status).await?;
        answer::object(&body).map(drop)
    }

    /// POST /invoice. There is no idempotency key: a repeated call makes a second invoice, so write the intent down first, and
    /// look at [`ClientError::may_have_been_done`] before repeating.
    ///
    /// # Errors
    /// As [`ClientError`] says; [`ClientError::AnotherSubject`] if the answer has another order or price.
    pub async fn create_invoice(&self, new: &NewInvoice) -> Result<Invoice, ClientError> {
        let invoice = answer::invoice(&self.post("/invoice", new).await?)?;
        let asked = (new.order_id.clone(), new.price_amount, new.price_currency.to_ascii_lowercase());
        let got_price = invoice.price_amount.as_ref().map_or(Some(asked.1), crate::Amount::exact);
        let got_currency =
            invoice.price_currency.as_ref().map_or(asked.2.clone(), |c| c.to_ascii_lowercase());
        if invoice.order_id != asked.0 || got_price != Some(asked.1) || got_currency != asked.2 {
            return Err(another(
                &format!("an invoice of {} {} for {:?}", asked.1, asked.2, asked.0),
                &format!("{:?} {got_currency} for {:?}", invoice.price_amount, invoice.order_id),
            ));
        }
        Ok(invoice)
    }

    /// GET /payment/:id. Only the key that made the payment sees it.
    ///
    /// # Errors
    /// As [`ClientError`] says; [`ClientError::AnotherSubject`] if another payment comes back.
    pub async fn get_payment(&self, id: ProviderPaymentId) -> Result<PaymentAnswer, ClientError> {
        let request = self.keyed(self.http.get(self.url(&format!("/payment/{id}"))));
        let answer = answer::payment(&self.send(request, self.timeouts.read).await?)?;
        if answer.payment.payment_id != id {
            return Err(another(&format!("payment {id}"), &format!("payment {}", answer.payment.payment_id)));
        }
        Ok(answer)
    }

    /// POST /payment. No idempotency key, as for [`create_invoice`](Self::create_invoice).
    ///
    /// # Errors
    /// As [`ClientError`] says; [`ClientError::AnotherSubject`] if the answer has another order.
    pub async fn create_payment(&self, new: &NewPayment) -> Result<PaymentAnswer, ClientError> {
        let answer = answer::payment(&self.post("/payment", new).await?)?;
        if answer.payment.order_id != new.order_id {
            return Err(another(
                &format!("a payment for {:?}", new.order_id),
                &format!("one for {:?}", answer.payment.order_id),
            ));
        }
        Ok(answer)
    }

    /// POST /invoice-payment. No idempotency key, as for [`create_invoice`](Self::create_invoice).
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn create_invoice_payment(
        &self,
        new: &NewInvoicePayment,
    ) -> Result<PaymentAnswer, ClientError> {
        answer::payment(&self.post("/invoice-payment", new).await?)
    }

    /// GET /payment/: one page of the account's payments. Needs a [`Login`].
    ///
    /// # Errors
    /// As [`ClientError`] says; [`ClientError::NotAuthorized`] without a login.
    pub async fn list_payments(&self, query: &ListQuery) -> Result<PaymentPage, ClientError> {
        let pairs = query.pairs();
        let list = async |token: SecretString| {
            let request = self.keyed(self.http.get(self.url("/payment/"))).query(&pairs);
            self.send(request.bearer_auth(token.expose_secret()), self.timeouts.list).await
        };
        let body = match list(self.bearer(None).await?).await {
            // The provider may end a login early; once is enough to tell that from a wrong one.
            Err(ClientError::NotAuthorized { .. }) => {
                let refused = self.token.lock().await.as_ref().map(|token| token.made);
                list(self.bearer(refused).await?).await?
            }
            other => other?,
        };
        answer::payment_page(&body)
    }

    /// GET /currencies: tickers that can be paid with.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn currencies(&self) -> Result<Vec<Currency>, ClientError> {
        answer::currencies(&self.get("/currencies", &[]).await?)
    }

    /// GET /full-currencies: the same with their networks and what their addresses look like.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn full_currencies(&self) -> Result<Vec<Currency>, ClientError> {
        answer::currencies(&self.get("/full-currencies", &[]).await?)
    }

    /// GET /merchant/coins: tickers that the account has chosen.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn merchant_coins(&self) -> Result<Vec<Currency>, ClientError> {
        answer::currencies(&self.get("/merchant/coins", &[]).await?)
    }

    /// GET /min-amount of a pair. Name the payout coin as `currency_to`: without it the floor can come out wrong.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn min_amount(
        &self,
        currency_from: &str,
        currency_to: Option<&str>,
        fiat_equivalent: Option<&str>,
    ) -> Result<MinAmount, ClientError> {
        let mut query = vec![("currency_from", currency_from.to_owned())];
        query.extend(currency_to.map(|to| ("currency_to", to.to_owned())));
        query.extend(fiat_equivalent.map(|fiat| ("fiat_equivalent", fiat.to_owned())));
        answer::min_amount(&self.get("/min-amount", &query).await?)
    }

    /// GET /estimate: what an amount is in another currency, now.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn estimate(
        &self,
        amount: Decimal,
        currency_from: &str,
        currency_to: &str,
    ) -> Result<Decimal, ClientError> {
        let query = [
            ("amount", amount.normalize().to_string()),
            ("currency_from", currency_from.to_owned()),
            ("currency_to", currency_to.to_owned()),
        ];
        answer::estimate(&self.get("/estimate", &query).await?)
    }

    /// Every payment of an invoice: what to look at before repeating a call whose answer was lost. Needs a [`Login`].
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn payments_of_invoice(&self, id: ProviderInvoiceId) -> Result<PaymentPage, ClientError> {
        self.list_payments(&ListQuery { invoice_id: Some(id), ..ListQuery::default() }).await
    }

    /// A login that is fresh, and not the one made at `refused`. The lock is held over the call on purpose: one login serves all
    /// who wait for it.
    async fn bearer(&self, refused: Option<Instant>) -> Result<SecretString, ClientError> {
        let Some(login) = &self.login else {
            return Err(ClientError::NotAuthorized {
                message: "email and password are not configured".into(),
            });
        };
        let mut token = self.token.lock().await;
        let usable = token
            .as_ref()
            .filter(|token| Some(token.made) != refused && token.made.elapsed() < TOKEN_RENEWED_AFTER);
        if let Some(usable) = usable {
            return Ok(usable.text.clone());
        }
        #[derive(Serialize)]
        struct Credentials<'a> {
            email: &'a str,
            password: &'a str,
        }
        let credentials = Credentials { email: &login.email, password: login.password.expose_secret() };
        let request = self.http.post(self.url("/auth")).json(&credentials);
        let made = Instant::now();
        let answer = self.send(request, self.timeouts.read).await.and_then(|body| answer::token(&body));
        if let Some(heard) = self.on_login {
            heard(answer.as_ref().map_or_else(ClientError::as_str, |_| "ok"));
        }
        let text = SecretString::from(answer?);
        *token = Some(Token { text: text.clone(), made });
        Ok(text)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.api_url)
    }

    fn keyed(&self, request: RequestBuilder) -> RequestBuilder {
        request.header("x-api-key", self.api_key.clone())
    }

    async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Vec<u8>, ClientError> {
        self.send(self.keyed(self.http.get(self.url(path))).query(query), self.timeouts.read).await
    }

    async fn post(&self, path: &str, body: &impl Serialize) -> Result<Vec<u8>, ClientError> {
        self.send(self.keyed(self.http.post(self.url(path))).json(body), self.timeouts.create).await
    }

    /// An answer of which an error is made, without our secrets, in case a proxy's page shows the request that it had: texts of errors are
    /// logged and kept. Never what is read for its amounts: a short password might be a part of one.
    fn without_secrets(&self, body: &[u8]) -> Vec<u8> {
        let mut text = String::from_utf8_lossy(body).into_owned();
        for secret in
            self.secrets.iter().map(|secret| secret.expose_secret()).filter(|secret| !secret.is_empty())
        {
            if text.contains(secret) {
                text = text.replace(secret, "…");
            }
        }
        text.into_bytes()
    }

    /// One call: bounded in time, in number and in size.
    #[expect(clippy::disallowed_methods, reason = "the one place where this client opens connections")]
    async fn send(&self, request: RequestBuilder, timeout: Duration) -> Result<Vec<u8>, ClientError> {
        // The semaphore is never closed.
        let turn = tokio::time::timeout(self.timeouts.turn, self.calls.acquire()).await;
        let _permit = turn.map_err(|_| ClientError::Busy)?;
        let mut response = request.timeout(timeout).send().await.map_err(ClientError::no_answer)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(ClientError::no_answer)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(ClientError::not_understood(format!(
                    "it is larger than {ANSWER_BYTES_MAX} bytes"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            return Err(ClientError::refused(status, &headers, &self.without_secrets(&body)));
        }
        // No JSON: a page of a proxy, which an error will quote.
        if !matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')) {
            body = self.without_secrets(&body);
        }
        // Some calls answer with the bare text (nowpayments.md section 6).
        if body.trim_ascii() == b"OK" {
            return Ok(b"{}".to_vec());
        }
        Ok(body)
    }
}

fn another(asked: &str, got: &str) -> ClientError {
    ClientError::AnotherSubject { asked: asked.to_owned(), got: got.to_owned() }
}
