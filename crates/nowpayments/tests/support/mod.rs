//! A world for tests: a clock that stands still until it is moved, a simulator, and a merchant that receives notifications.

#![expect(clippy::unwrap_used, reason = "where a helper of a test unwraps, the test fails, which is right")]
#![allow(dead_code, reason = "each test file uses its own part of the world")]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use nowpayments::sandbox::{Clock, Sandbox, SandboxConfig, SandboxHandle};
use nowpayments::{Body, Notification, SIGNATURE_HEADER, SignatureForm, Verifier, parse};
use serde_json::Value;

pub const API_KEY: &str = "sandbox-key";
pub const SECRET: &str = "sandbox-secret";

/// Every status of a payment that is paid, in its order.
pub const WALK: [&str; 5] = ["waiting", "confirming", "confirmed", "sending", "finished"];

/// A clock in milliseconds since 1970.
#[derive(Clone)]
pub struct TestClock(Arc<AtomicI64>);

impl TestClock {
    /// 2026-11-01T00:00:00Z.
    pub fn start() -> Self {
        Self(Arc::new(AtomicI64::new(1_793_491_200_000)))
    }

    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    pub fn clock(&self) -> Clock {
        let millis = self.0.clone();
        Arc::new(move || jiff::Timestamp::from_millisecond(millis.load(Ordering::SeqCst)).unwrap())
    }
}

/// A merchant's endpoint: keeps what comes and answers 200, or what it was told to.
#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    received: Mutex<Vec<Received>>,
    answers: Mutex<VecDeque<u16>>,
}

#[derive(Clone, Debug)]
pub struct Received {
    pub body: String,
    pub signature: Option<String>,
}

impl Received {
    /// What it says, if it is authentic.
    pub fn read(&self) -> (SignatureForm, Notification) {
        let verifier = Verifier::new([SECRET.to_owned().into()]).unwrap();
        let signature = self.signature.as_deref().map(str::as_bytes);
        let verified =
            verifier.verify(self.body.as_bytes(), signature).unwrap_or_else(|e| panic!("{e}: {}", self.body));
        match parse(self.body.as_bytes()).unwrap() {
            Body::Payment(payment) => (verified.form, *payment),
            Body::NotAPayment(other) => panic!("{other:?}"),
        }
    }
}

impl Receiver {
    pub async fn start() -> Self {
        let inner = Arc::new(Inner::default());
        let app = axum::Router::new().route("/ipn", post(receive)).with_state(inner.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/ipn", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, inner }
    }

    pub fn answer_next(&self, statuses: impl IntoIterator<Item = u16>) {
        self.inner.answers.lock().unwrap().extend(statuses);
    }

    pub fn received(&self) -> Vec<Received> {
        self.inner.received.lock().unwrap().clone()
    }

    /// The statuses that were told, in the order in which they came.
    pub fn statuses(&self) -> Vec<String> {
        self.received().iter().map(|received| received.read().1.status.to_string()).collect()
    }
}

async fn receive(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: String) -> StatusCode {
    let signature = headers.get(SIGNATURE_HEADER).map(|value| value.to_str().unwrap().to_owned());
    inner.received.lock().unwrap().push(Received { body, signature });
    let status = inner.answers.lock().unwrap().pop_front().unwrap_or(200);
    StatusCode::from_u16(status).unwrap()
}

pub struct World {
    pub clock: TestClock,
    pub receiver: Receiver,
    pub sandbox: SandboxHandle,
    pub http: reqwest::Client,
}

/// The process's TLS provider, once for all tests of a file.
pub fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl World {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut SandboxConfig)) -> Self {
        install_tls();
        let clock = TestClock::start();
        let receiver = Receiver::start().await;
        let mut config = SandboxConfig::new(API_KEY, SECRET, clock.clock());
        config.default_ipn_url = Some(receiver.url.clone());
        change(&mut config);
        let sandbox = Sandbox::start(config).await.unwrap();
        Self { clock, receiver, sandbox, http: reqwest::Client::new() }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the only place where this test's merchant and browser send"
    )]
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    /// An API call with the right key.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(format!("{}{path}", self.sandbox.api_url())).header("x-api-key", API_KEY))
            .await
    }

    /// An API call with the right key.
    pub async fn post(&self, path: &str, body: &str) -> Answer {
        let request = self.http.post(format!("{}{path}", self.sandbox.api_url()));
        self.send(request.header("x-api-key", API_KEY).body(body.to_owned())).await
    }

    /// A call to the control surface.
    pub async fn control(&self, path: &str, body: &str) -> Answer {
        self.send(self.http.post(format!("{}/sandbox{path}", self.sandbox.url())).body(body.to_owned())).await
    }
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// Status, code and message of an error body.
    pub fn error(&self) -> (u16, String, String) {
        let body = self.json();
        assert_eq!(body["status"], Value::Bool(false));
        assert_eq!(body["statusCode"], Value::from(self.status));
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        (self.status, text("code"), text("message"))
    }
}
