//! What happened, line by line, and a digest of it.

use sha2::{Digest, Sha256};

/// The lines of a run. Their digest is always kept; the lines only when somebody wants to read them.
#[derive(Debug)]
pub struct Trace {
    lines: Option<Vec<String>>,
    hash: Sha256,
}

impl Trace {
    /// An empty one.
    #[must_use]
    pub fn new(keeps_lines: bool) -> Self {
        Self { lines: keeps_lines.then(Vec::new), hash: Sha256::new() }
    }

    /// Adds a line.
    pub fn line(&mut self, line: String) {
        self.hash.update(line.as_bytes());
        self.hash.update(b"\n");
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }

    /// Adds what is not for reading.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
    }

    /// The digest of everything, in hex.
    #[must_use]
    pub fn digest(&self) -> String {
        self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The lines, if they were kept.
    #[must_use]
    pub fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}
