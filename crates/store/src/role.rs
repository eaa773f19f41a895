//! A role that one process at a time may have.

use std::any::Any;

use tokio::sync::watch;

/// Holds a role until it is dropped, or until the database takes it away.
pub struct RoleGuard {
    lost: watch::Receiver<bool>,
    /// Whatever holds the lock; dropping it lets go.
    _hold: Box<dyn Any + Send + Sync>,
}

impl std::fmt::Debug for RoleGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoleGuard").field("held", &self.is_held()).finish_non_exhaustive()
    }
}

impl RoleGuard {
    /// `lost` turns true when the lock is gone while `hold` is still there.
    pub(crate) fn new(lost: watch::Receiver<bool>, hold: Box<dyn Any + Send + Sync>) -> Self {
        Self { lost, _hold: hold }
    }

    /// Whether the role is still ours, as far as we know.
    #[must_use]
    pub fn is_held(&self) -> bool {
        !*self.lost.borrow()
    }

    /// Returns when the role was lost: the connection that held it is gone. Never returns while it is held.
    pub async fn lost(&mut self) {
        if self.lost.wait_for(|lost| *lost).await.is_err() && !*self.lost.borrow() {
            // Nobody is left who could take it away.
            std::future::pending::<()>().await;
        }
    }
}
