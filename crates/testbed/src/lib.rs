//! What the tests and the developer's commands share: PostgreSQL servers of their own, which can be killed, started again and promoted,
//! and a network that fails on demand.

#![warn(missing_docs)]

pub mod postgres;
pub mod process;
#[cfg(feature = "proxy")]
pub mod proxy;

use std::env;
use std::fmt;
use std::path::PathBuf;

/// Something is missing on this machine that we may not or cannot install; says what to do.
#[derive(Debug)]
pub struct MissingTool(pub String);

impl fmt::Display for MissingTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for MissingTool {}

/// Whether we are root, who may install packages and become other users.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The first file of that name in the folders of PATH.
#[must_use]
pub fn find_in_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| path.is_file())
}
