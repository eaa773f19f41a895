//! Who wants to know how the calls go.

use super::Method;

/// Told about every call; `tollhouse_telegram_requests_total{method,outcome}` is made from it.
pub trait Observe: Send + Sync {
    /// A call ended: `outcome` is `ok` or [`crate::Error::label`].
    fn call(&self, method: Method, outcome: &'static str);

    /// A poll brought something that we cannot read; `kind` is Telegram's name for it.
    fn unread_update(&self, kind: &str);
}

/// Nobody.
#[derive(Clone, Copy, Debug)]
pub struct Unobserved;

impl Observe for Unobserved {
    fn call(&self, _method: Method, _outcome: &'static str) {}

    fn unread_update(&self, _kind: &str) {}
}
