//! Working in again what the log holds, from the command line.

use tollhouse_core::attention::Reason;
use tollhouse_core::id::ProviderPaymentId;

use super::error::CliError;
use super::output;
use super::session::Session;
use crate::replay::ReplayError;

pub(super) use crate::replay::{Replayed, TakenUp};

impl From<ReplayError> for CliError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Failed(sentence) => Self::Failed(sentence),
            ReplayError::Submit(error) => Self::Submit(error),
            ReplayError::Store(error) => Self::Store(error),
        }
    }
}

/// Works in every event of a payment again, the oldest first.
pub(super) async fn replay(session: &Session, id: ProviderPaymentId) -> Result<Vec<Replayed>, CliError> {
    Ok(crate::replay::replay(&session.app, id).await?)
}

/// Replays the payments that wait for a reason that may just have gone away.
pub(super) async fn take_up(session: &Session, reason: Reason) -> Result<Vec<TakenUp>, CliError> {
    let still = |id: ProviderPaymentId, error: ReplayError| {
        output::hint(&format!("payment {id} still waits: {error}"));
    };
    Ok(crate::replay::take_up(&session.app, reason, still).await?)
}
