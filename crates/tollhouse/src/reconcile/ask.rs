//! Questions to the provider: never more than so many a second, and none while it is away.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use nowpayments::client::{ClientError, ListQuery};
use tollhouse_core::id::{IdSource as _, ProviderPaymentId};

use super::rest::Rest;
use crate::app::App;
use crate::clock::Ids;
use crate::provider::{Answer, Listed, ProviderError, asked_to_wait};

/// Between two questions, in milliseconds. The provider's limits are not documented; five a second is what a person with a script does.
const PACE_MS: u64 = 200;
/// How long the provider is left alone after the first question without an answer, in seconds: most troubles are shorter.
const BACKOFF_FIRST_SECONDS: i64 = 5;
/// How long at most, in seconds: so soon after its return it is asked again.
const BACKOFF_LONGEST_SECONDS: i64 = 300;

/// How long no list is asked for after the account's login was refused, in seconds: whoever tries a wrong password every few minutes finds
/// the account locked. A mended password means a restart, which asks at once.
const LOGIN_REST_SECONDS: i64 = 3_600;

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NoAnswer {
    /// There is no key with which to ask.
    #[error("TOLLHOUSE_NOWPAYMENTS_API_KEY is missing; without it the provider cannot be asked")]
    NoKey,
    /// It was not asked, since it has given no answer a moment ago.
    #[error("NOWPayments has given no answer; it is asked again at {0}")]
    Away(Timestamp),
    /// The list was not asked for, since the login was refused a while ago.
    #[error("NOWPayments has refused the account's login; it is tried again at {0}, or after a restart")]
    LoginRefused(Timestamp),
    /// It was asked.
    #[error(transparent)]
    Provider(ProviderError),
}

impl NoAnswer {
    /// Whether the provider as a whole is to be left alone, rather than that this one answer cannot be used.
    #[must_use]
    pub fn is_away(&self) -> bool {
        match self {
            Self::NoKey | Self::Away(_) => true,
            Self::LoginRefused(_) | Self::Provider(ProviderError::NotFound) => false,
            Self::Provider(ProviderError::Client(error)) => is_away(error),
        }
    }
}

/// A wrong key helps no question; a wrong login only keeps lists from us, and payments can be asked for all the same.
fn is_away(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::InvalidKey { .. }
            | ClientError::RateLimited { .. }
            | ClientError::Unavailable { .. }
            | ClientError::NotJson { .. }
    )
}

/// Bounds what is asked of the provider.
#[derive(Debug, Default)]
pub struct Asking {
    next: tokio::sync::Mutex<Option<tokio::time::Instant>>,
    away: Mutex<Away>,
}

#[derive(Debug, Default)]
struct Away {
    /// How many questions in a row had no answer.
    failures: u32,
    rest: Option<Rest>,
    no_login: Option<Rest>,
}

impl Asking {
    /// Until when the provider is left alone; `None` if it may be asked.
    #[must_use]
    pub fn away_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner).rest.as_mut()?.until(now)
    }

    /// Asks for a payment.
    ///
    /// # Errors
    /// As [`NoAnswer`] says.
    pub async fn payment(&self, app: &App, id: ProviderPaymentId) -> Result<Answer, NoAnswer> {
        let provider = app.provider.as_ref().ok_or(NoAnswer::NoKey)?;
        self.turn(app).await?;
        self.note(app, provider.payment(id).await)
    }

    /// Asks for a page of the list.
    ///
    /// # Errors
    /// As [`NoAnswer`] says.
    pub async fn list(&self, app: &App, query: &ListQuery) -> Result<Listed, NoAnswer> {
        let provider = app.provider.as_ref().ok_or(NoAnswer::NoKey)?;
        self.may_log_in(app.clock.now())?;
        self.turn(app).await?;
        self.note_list(app, provider.list(query).await)
    }

    /// Asks for the payments of an invoice.
    ///
    /// # Errors
    /// As [`NoAnswer`] says.
    pub async fn payments_of_invoice(&self, app: &App, invoice_id: &str) -> Result<Listed, NoAnswer> {
        let provider = app.provider.as_ref().ok_or(NoAnswer::NoKey)?;
        self.may_log_in(app.clock.now())?;
        self.turn(app).await?;
        self.note_list(app, provider.payments_of_invoice(invoice_id).await)
    }

    fn may_log_in(&self, now: Timestamp) -> Result<(), NoAnswer> {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let until = away.no_login.as_mut().and_then(|rest| rest.until(now));
        until.map_or(Ok(()), |until| Err(NoAnswer::LoginRefused(until)))
    }

    /// Waits for our turn; refuses while the provider is away.
    async fn turn(&self, app: &App) -> Result<(), NoAnswer> {
        let refuse = || self.away_until(app.clock.now()).map_or(Ok(()), |until| Err(NoAnswer::Away(until)));
        refuse()?;
        let mut next = self.next.lock().await;
        if let Some(at) = *next {
            tokio::time::sleep_until(at).await;
        }
        *next = Some(tokio::time::Instant::now() + Duration::from_millis(PACE_MS));
        drop(next);
        // Somebody before us in the line may have found it away.
        refuse()
    }

    /// Notes an answer for which the account's login was needed. One payment is asked for with the key alone: a refusal there says nothing of
    /// the login.
    fn note_list(&self, app: &App, answer: Result<Listed, ProviderError>) -> Result<Listed, NoAnswer> {
        if let Err(ProviderError::Client(ClientError::NotAuthorized { .. })) = &answer {
            let rest = SignedDuration::from_secs(LOGIN_REST_SECONDS);
            self.away.lock().unwrap_or_else(PoisonError::into_inner).no_login =
                Some(Rest::new(app.clock.now(), rest));
        }
        self.note(app, answer)
    }

    fn note<T>(&self, app: &App, answer: Result<T, ProviderError>) -> Result<T, NoAnswer> {
        let answer = answer.map_err(NoAnswer::Provider);
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        match &answer {
            Err(error) if error.is_away() => {
                let said = match error {
                    NoAnswer::Provider(ProviderError::Client(error)) => asked_to_wait(error),
                    _ => None,
                };
                let wait = said.map_or_else(
                    || backoff(away.failures, Ids.random()),
                    |seconds| SignedDuration::from_secs(seconds.into()),
                );
                away.failures = away.failures.saturating_add(1);
                away.rest = Some(Rest::new(app.clock.now(), wait));
            }
            // It was not asked, so nothing is known of it.
            Err(NoAnswer::Provider(ProviderError::Client(ClientError::Busy))) => {}
            // An answer, be it a refusal of just this question.
            _ => {
                away.failures = 0;
                away.rest = None;
            }
        }
        answer
    }
}

/// How long to wait after so many failures before: doubling, at most [`BACKOFF_LONGEST_SECONDS`], of which the second half is by chance, so
/// that several that lost it together do not come back together.
pub(super) fn backoff(failures: u32, random: u64) -> SignedDuration {
    let longest = BACKOFF_FIRST_SECONDS
        .checked_shl(failures.min(16))
        .map_or(BACKOFF_LONGEST_SECONDS, |seconds| seconds.min(BACKOFF_LONGEST_SECONDS));
    let half_ms = u64::try_from(longest).unwrap_or(0) * 500;
    let wait_ms = half_ms + random % (half_ms + 1);
    SignedDuration::from_millis(i64::try_from(wait_ms).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::Config;
    use crate::no_store::NoStore;

    #[test]
    fn the_wait_doubles_up_to_a_bound_and_keeps_at_least_its_half() {
        let bounds: Vec<(i128, i128)> = (0..40)
            .map(|failures| (backoff(failures, 0).as_millis(), backoff(failures, u64::MAX).as_millis()))
            .collect();
        assert_eq!(bounds[0].0, 2_500);
        for (failures, (least, most)) in bounds.iter().enumerate() {
            let longest = (5_000_i128 << failures.min(16)).min(300_000);
            assert!(
                longest / 2 <= *least && *least <= *most && *most <= longest,
                "{failures}: {least} to {most}"
            );
        }
    }

    #[test]
    fn a_refusal_of_one_payment_says_nothing_of_the_login() {
        let config = Config::from_values(&[]).unwrap();
        let app = App::with_store(config, Clock::default(), NoStore::shared()).unwrap();
        let asking = Asking::default();
        let refused =
            || ProviderError::Client(ClientError::NotAuthorized { message: "Access denied".to_owned() });
        let now = app.clock.now();
        assert!(asking.note(&app, Err::<Answer, _>(refused())).is_err());
        assert!(asking.may_log_in(now).is_ok() && asking.away_until(now).is_none());
        assert!(asking.note_list(&app, Err(refused())).is_err());
        assert!(matches!(asking.may_log_in(now), Err(NoAnswer::LoginRefused(_))));
        assert!(asking.away_until(now).is_none(), "payments can be asked for all the same");
    }
}
