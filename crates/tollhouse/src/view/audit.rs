//! The audit log.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;
use tollhouse_core::audit::Sealed;

/// An entry of the audit log.
#[derive(Debug, Clone, Serialize)]
pub struct AuditEntry {
    /// Its place in the chain, from 1, without gaps.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// The numbers.
    pub detail: serde_json::Value,
    /// The hash that seals it behind the one before, in hexadecimal digits.
    pub hash: String,
}

impl From<&Sealed> for AuditEntry {
    fn from(sealed: &Sealed) -> Self {
        let entry = &sealed.entry;
        Self {
            sequence: sealed.sequence,
            at: entry.at,
            actor: entry.actor.clone(),
            action: entry.action.clone(),
            subject: entry.subject.clone(),
            reason: entry.reason.clone(),
            // Somebody who changed the log by hand may have left no JSON; their text is shown, not hidden.
            detail: serde_json::from_str(&entry.detail).unwrap_or_else(|_| entry.detail.clone().into()),
            hash: hex(&sealed.hash),
        }
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
