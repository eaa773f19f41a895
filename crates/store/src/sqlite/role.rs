//! A role as a lock on a file beside the database: the system lets go of it when the process dies.

use std::fs::{File, TryLockError};
use std::path::Path;

use tokio::sync::watch;

use crate::{RoleGuard, StoreError};

/// Takes the role, if nobody has it, in this process or another one.
pub(crate) fn lock(database: &Path, name: &str) -> Result<Option<RoleGuard>, StoreError> {
    let mut path = database.as_os_str().to_owned();
    path.push(format!(".{name}.lock"));
    let unavailable = |error: std::io::Error| StoreError::Unavailable {
        what: format!("cannot lock {}: {error}", path.display()),
    };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(unavailable)?;
    match file.try_lock() {
        Ok(()) => {
            // Nobody can take a file's lock away.
            let (_, lost) = watch::channel(false);
            Ok(Some(RoleGuard::new(lost, Box::new(file))))
        }
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(unavailable(error)),
    }
}
