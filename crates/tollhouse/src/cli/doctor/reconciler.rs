//! Whether a notification that never comes would be found.

use jiff::Timestamp;
use nowpayments::client::{ClientError, ListQuery};
use tollhouse_store::Store;

use super::Check;
use crate::cli::output::when;
use crate::clock::Clock;
use crate::config::Config;
use crate::provider::{Provider, ProviderError};
use crate::reconcile::place::{Place, Standing};

const NAME: &str = "reconciler";
const MEND_LOGIN: &str = "set TOLLHOUSE_NOWPAYMENTS_EMAIL and TOLLHOUSE_NOWPAYMENTS_PASSWORD to the login of the account's dashboard";

/// Reads one row of the provider's list, and looks whether passes come to their end.
pub(super) async fn check(config: &Config, store: Option<&dyn Store>) -> Check {
    let Ok(Some(provider)) = Provider::new(config) else {
        return Check::warn(
            NAME,
            "no API key: a notification that never comes is not found",
            "set TOLLHOUSE_NOWPAYMENTS_API_KEY",
        );
    };
    if let Some(late) = late(config, store, Clock::default().now()).await {
        return late;
    }
    if !provider.can_list() {
        let message = "no login: the provider's list cannot be read, and a payment of which no notification ever came is not found";
        return Check::warn(NAME, message, MEND_LOGIN);
    }
    let one = ListQuery { limit: 1, newest_first: true, ..ListQuery::default() };
    match provider.list(&one).await {
        Ok(_) => Check::ok(NAME, "the provider's list can be read: what is missing is found"),
        Err(ProviderError::Client(error @ ClientError::NotAuthorized { .. })) => {
            Check::fail(NAME, error.to_string(), MEND_LOGIN)
        }
        Err(error) => Check::warn(
            NAME,
            format!("the provider's list could not be read: {error}"),
            "run `tollhouse doctor` again in a minute",
        ),
    }
}

/// A service that runs, or ran, and has not come to the end of a pass for too long.
async fn late(config: &Config, store: Option<&dyn Store>, now: Timestamp) -> Option<Check> {
    let place = Place::load(store?).await.ok()?;
    if place.standing(now, config.reconcile_interval) != Standing::Late {
        return None;
    }
    let last = place.done_at.map_or_else(|| "never".to_owned(), when);
    let why = place.error.filter(|_| place.failing_since.is_some());
    let why = why.map_or_else(String::new, |error| format!(": {error}"));
    Some(Check::warn(
        NAME,
        format!("the provider was last asked for what is missing {last}{why}"),
        "see that `tollhouse serve` runs, or run `tollhouse reconcile` once",
    ))
}
