//! Why a command did not do it, and with which code the program then ends.

use std::process::ExitCode;

use tollhouse_core::command::Refusal;
use tollhouse_store::{OpenError, StoreError};

use crate::app::{StartError, SubmitError};
use crate::config::ConfigError;

/// It was tried and failed.
const EXIT_FAILED: u8 = 1;
/// It was called or configured wrongly: trying again as it is cannot help.
pub(super) const EXIT_USAGE: u8 = 2;

/// Why a command did not do it. Each is one sentence that says what to mend.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// It cannot be done as it was asked for.
    #[error("{0}")]
    Usage(String),
    /// It did not work.
    #[error("{0}")]
    Failed(String),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The program did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The database did not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The rules or the store did not do it.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The answer could not be written.
    #[error("the answer cannot be written: {0}")]
    Output(#[from] std::io::Error),
    /// A long-running part ended.
    #[error("{0:#}")]
    Ended(#[from] anyhow::Error),
}

impl CliError {
    /// What the program ends with.
    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.is_usage() { EXIT_USAGE } else { EXIT_FAILED })
    }

    fn is_usage(&self) -> bool {
        match self {
            Self::Usage(_) | Self::Config(_) | Self::Submit(SubmitError::Refused(Refusal::Invalid(_))) => {
                true
            }
            Self::Start(error) => is_configuration(error),
            Self::Open(error) => matches!(error, OpenError::Url(_)),
            Self::Ended(error) => {
                error.is::<ConfigError>() || error.downcast_ref::<StartError>().is_some_and(is_configuration)
            }
            Self::Failed(_) | Self::Submit(_) | Self::Store(_) | Self::Output(_) => false,
        }
    }
}

fn is_configuration(error: &StartError) -> bool {
    matches!(error, StartError::Config(_) | StartError::Store(OpenError::Url(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_configuration_is_told_from_a_failure() {
        let config = || ConfigError { key: "K".into(), problem: "p".into() };
        let usage = [
            CliError::Config(config()),
            CliError::Start(StartError::Config(config())),
            CliError::Ended(config().into()),
            CliError::Ended(StartError::Store(OpenError::Url("u".into())).into()),
            CliError::Submit(Refusal::Invalid("i".into()).into()),
        ];
        assert!(usage.iter().all(CliError::is_usage));
        let older = OpenError::Older { found: 1, known: 2 };
        let failed = [
            CliError::Open(older.clone()),
            CliError::Ended(StartError::Store(older).into()),
            CliError::Submit(Refusal::NotFound("n".into()).into()),
            CliError::Store(StoreError::Full),
        ];
        assert!(!failed.iter().any(CliError::is_usage));
    }
}
