//! How often one address may ask. The limits keep one caller from taking what is there for all; nothing that is right rests on them.
//!
//! Notifications have none: a limit could keep back what the provider has signed, and what is not signed costs one verification.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use ipnet::IpNet;

use super::client;
use super::page;
use super::problem::Problem;
use super::reader;
use crate::metrics;

/// Pages and states that one address may ask for in a second, on average: a page that is open asks a few times a minute, and a whole
/// school may stand behind one address.
pub(super) const READS_PER_SECOND: NonZeroU32 = count(10);
/// How many of them at once.
pub(super) const READS_AT_ONCE_MAX: NonZeroU32 = count(100);
/// Orders that one address may make in a minute, on average. Each becomes an invoice at the provider.
pub(super) const ORDERS_PER_MINUTE: NonZeroU32 = count(20);
/// How many of them at once.
pub(super) const ORDERS_AT_ONCE_MAX: NonZeroU32 = count(20);
/// From how many addresses on those are forgotten that have not asked for a while. An entry has about a hundred bytes.
const ADDRESSES_KEPT_MAX: usize = 10_000;
/// Of an IPv6 address these bits count: behind one line stands a network of this size.
const IPV6_PREFIX_BITS: u32 = 64;

/// How many questions lie between two looks at who may be forgotten: each look goes through all addresses.
const LOOK_EVERY: u32 = 1_024;

const fn count(count: u32) -> NonZeroU32 {
    match NonZeroU32::new(count) {
        Some(count) => count,
        None => panic!("a limit of nothing would let nobody in"),
    }
}

/// What is counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Looking.
    Read,
    /// Making an order.
    Order,
}

impl Kind {
    fn of(method: &Method, path: &str) -> Option<Self> {
        if path == "/" || path.starts_with("/webhooks/") {
            return None;
        }
        if method == Method::POST {
            return Some(Self::Order);
        }
        let is_read =
            ["/c/", "/o/", "/payment-processing", "/api/"].iter().any(|start| path.starts_with(start));
        is_read.then_some(Self::Read)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Order => "order",
        }
    }
}

/// The counters of one HTTP side.
pub struct Limits {
    trusted: Vec<IpNet>,
    /// The path of our public address, for the links of a refusal.
    base: String,
    reads: DefaultKeyedRateLimiter<IpAddr>,
    orders: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
    asked: AtomicU32,
}

impl Limits {
    /// Nothing was asked yet.
    #[must_use]
    pub fn new(trusted: &[IpNet], base: &str) -> Arc<Self> {
        Arc::new(Self {
            trusted: trusted.to_vec(),
            base: base.to_owned(),
            reads: RateLimiter::keyed(Quota::per_second(READS_PER_SECOND).allow_burst(READS_AT_ONCE_MAX)),
            orders: RateLimiter::keyed(Quota::per_minute(ORDERS_PER_MINUTE).allow_burst(ORDERS_AT_ONCE_MAX)),
            clock: DefaultClock::default(),
            asked: AtomicU32::new(0),
        })
    }

    /// After how many seconds to come back; `None` if it may be answered now.
    fn wait_seconds(&self, kind: Kind, address: IpAddr) -> Option<u64> {
        let limiter = match kind {
            Kind::Read => &self.reads,
            Kind::Order => &self.orders,
        };
        if self.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK_EVERY)
            && limiter.len() > ADDRESSES_KEPT_MAX
        {
            limiter.retain_recent();
        }
        let not_until = limiter.check_key(&who(address)).err()?;
        let wait = not_until.wait_time_from(self.clock.now());
        Some(wait.as_secs() + 1)
    }
}

/// Who is counted together.
fn who(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let network = u128::from(v6) & (u128::MAX << (u128::BITS - IPV6_PREFIX_BITS));
            IpAddr::V6(Ipv6Addr::from(network))
        }
    }
}

/// Lets a request through, or tells it to come back.
pub async fn guard(State(limits): State<Arc<Limits>>, request: Request, next: Next) -> Response {
    let Some(kind) = Kind::of(request.method(), request.uri().path()) else {
        return next.run(request).await;
    };
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let address = peer.and_then(|peer| client::address(peer, request.headers(), &limits.trusted));
    match address.and_then(|address| limits.wait_seconds(kind, address)) {
        None => next.run(request).await,
        Some(seconds) => {
            metrics::limited(kind.as_str());
            refusal(&limits.base, &request, seconds)
        }
    }
}

fn refusal(base: &str, request: &Request, seconds: u64) -> Response {
    let path = request.uri().path();
    let code = StatusCode::TOO_MANY_REQUESTS;
    let mut response = if path.starts_with("/api/") || path.ends_with("/events") {
        Problem::new(code, format!("too many requests from your address; try again in {seconds} s"))
            .into_response()
    } else {
        let reader = reader::of(base, request.headers(), None, path);
        let l = reader.language;
        let text = l.page_limited(u32::try_from(seconds).unwrap_or(u32::MAX));
        (code, page::message(&reader, &l.page_busy(), &text)).into_response()
    };
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications_and_machinery_are_not_counted() {
        for (method, path) in [
            (Method::POST, "/"),
            (Method::POST, "/webhooks/nowpayments"),
            (Method::GET, "/health"),
            (Method::GET, "/metrics"),
        ] {
            assert_eq!(Kind::of(&method, path), None, "{method} {path}");
        }
        assert_eq!(Kind::of(&Method::POST, "/c/abc"), Some(Kind::Order));
        assert_eq!(Kind::of(&Method::GET, "/c/abc"), Some(Kind::Read));
        assert_eq!(Kind::of(&Method::HEAD, "/api/payment-status"), Some(Kind::Read));
    }

    #[test]
    fn neighbours_on_one_line_count_together_and_others_do_not() {
        let limits = Limits::new(&[], "");
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        for host in 1..=ORDERS_AT_ONCE_MAX.get() {
            assert_eq!(limits.wait_seconds(Kind::Order, address(&format!("2001:db9::{host:x}"))), None);
        }
        let wait = limits.wait_seconds(Kind::Order, address("2001:db9::ffff")).unwrap();
        assert!((1..=4).contains(&wait), "{wait}");
        assert_eq!(limits.wait_seconds(Kind::Order, address("2001:db9:0:1::1")), None);
        assert_eq!(limits.wait_seconds(Kind::Read, address("2001:db9::ffff")), None);
    }
}
