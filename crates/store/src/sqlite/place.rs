//! Whether the file that is written is still the one that the address names. Whoever moves a database away, or puts a backup in its place,
//! under a program at work would else have it commit into a file that nobody opens again.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::writer::Failure;

/// Where the file was when it was opened.
pub(crate) struct Place {
    path: PathBuf,
    /// Its device and its number there.
    file: (u64, u64),
}

impl Place {
    /// Of a file that has just been opened.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub(crate) fn of(path: &Path) -> std::io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: file(path)? })
    }

    /// Whether it is there still. Looking costs a thousandth of a commit.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let shown = self.path.display();
        match file(&self.path) {
            Ok(found) if found == self.file => Ok(()),
            Ok(_) => Err(Failure::Unavailable(format!(
                "{shown} is another file than the one that was opened; restart to use it"
            ))),
            Err(error) => Err(Failure::Unavailable(format!("{shown} is gone from its place ({error})"))),
        }
    }
}

fn file(path: &Path) -> std::io::Result<(u64, u64)> {
    fs::metadata(path).map(|data| (data.dev(), data.ino()))
}
