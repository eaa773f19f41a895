//! The audit log: who did what to money or access, and why; append-only and hash-chained, so that a change of the past shows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// An entry before it is sealed into the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who: `system`, `cli:alice`, `telegram:123`.
    pub actor: String,
    /// What, in dotted words: `grant.created`, `membership.revoked`.
    pub action: String,
    /// To what: `order:ord_…`, `membership:mem_…`.
    pub subject: String,
    /// Why; from a person where a person did it.
    pub reason: String,
    /// The numbers, as a JSON object.
    pub detail: String,
}

/// The hash that the first entry follows.
pub const GENESIS: [u8; 32] = [0; 32];

impl AuditEntry {
    /// The hash that seals this entry behind the previous one. Every field goes in with its length, so that no text can move
    /// from one field into the next.
    #[must_use]
    pub fn seal(&self, previous: &[u8; 32], sequence: i64) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(previous);
        hash.update(sequence.to_be_bytes());
        hash.update(self.at.as_microsecond().to_be_bytes());
        for field in [&self.actor, &self.action, &self.subject, &self.reason, &self.detail] {
            hash.update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(field.as_bytes());
        }
        hash.finalize().into()
    }
}

/// An entry as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Its place, from 1, without gaps.
    pub sequence: i64,
    /// The entry.
    pub entry: AuditEntry,
    /// Its hash.
    pub hash: [u8; 32],
}

/// Checks a run of entries that follows `previous`; returns the sequence number of the first one that does not hold.
///
/// # Errors
/// The sequence number of the first entry that was changed, left out or put in.
pub fn verify(previous: [u8; 32], first_sequence: i64, entries: &[Sealed]) -> Result<[u8; 32], i64> {
    let mut hash = previous;
    for (sequence, sealed) in (first_sequence..).zip(entries) {
        if sealed.sequence != sequence || sealed.entry.seal(&hash, sequence) != sealed.hash {
            return Err(sequence);
        }
        hash = sealed.hash;
    }
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Vec<Sealed> {
        let mut previous = GENESIS;
        (1..=3)
            .map(|sequence| {
                let entry = AuditEntry {
                    at: Timestamp::UNIX_EPOCH,
                    actor: "system".into(),
                    action: "grant.created".into(),
                    subject: format!("order:{sequence}"),
                    reason: String::new(),
                    detail: "{}".into(),
                };
                previous = entry.seal(&previous, sequence);
                Sealed { sequence, entry, hash: previous }
            })
            .collect()
    }

    #[test]
    fn a_changed_a_missing_and_a_moved_text_show() {
        assert!(verify(GENESIS, 1, &chain()).is_ok());
        let mut changed = chain();
        changed[1].entry.reason = "other".into();
        assert_eq!(verify(GENESIS, 1, &changed), Err(2));
        let mut missing = chain();
        missing.remove(1);
        assert_eq!(verify(GENESIS, 1, &missing), Err(2));
        let mut moved = chain();
        moved[2].entry.actor = "systemg".into();
        moved[2].entry.action = "rant.created".into();
        assert_eq!(verify(GENESIS, 1, &moved), Err(3));
    }
}
