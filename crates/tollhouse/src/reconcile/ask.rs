//! Questions to the provider: never more than so many a second, and none while it is away.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
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

/// After how many different payments without an answer, one after the other, the provider as a whole is left alone. One that it cannot
/// answer for, whatever is wrong with it there, must not keep us from all the others.
const UNANSWERED_MAX: usize = 3;

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
    /// The list was not asked for, since it has given no answer a moment ago.
    #[error("NOWPayments has given no answer to a question for its list; it is asked again at {0}")]
    ListAway(Timestamp),
    /// It was asked, and gave no answer to this one question; it may to others.
    #[error(transparent)]
    Unanswered(ProviderError),
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
            Self::LoginRefused(_)
            | Self::ListAway(_)
            | Self::Unanswered(_)
            | Self::Provider(ProviderError::NotFound) => false,
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
    all: Line,
    /// The list's own: it can fail for ever, for one row in it, while payments can be asked for all the same.
    list: Line,
    /// The payments for which there was no answer, since the last answer.
    unanswered: BTreeSet<ProviderPaymentId>,
    no_login: Option<Rest>,
}

/// Questions that are left alone together.
#[derive(Debug, Default)]
struct Line {
    /// How many in a row had no answer.
    failures: u32,
    rest: Option<Rest>,
}

impl Line {
    fn until(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.rest.as_mut()?.until(now)
    }

    fn fail(&mut self, now: Timestamp, said: Option<SignedDuration>) {
        let wait = said.unwrap_or_else(|| backoff(self.failures, Ids.random()));
        self.failures = self.failures.saturating_add(1);
        self.rest = Some(Rest::new(now, wait));
    }
}

/// Whether there was no answer at all, or none that can be read.
fn is_silent(error: &ProviderError) -> bool {
    matches!(error, ProviderError::Client(ClientError::Unavailable { .. } | ClientError::NotJson { .. }))
}

impl Asking {
    /// Until when the provider, or its list, is left alone; `None` if both may be asked.
    #[must_use]
    pub fn away_until(&self, now: Timestamp) -> Option<Timestamp> {
        let mut away = self.away();
        away.all.until(now).max(away.list.until(now))
    }

    fn away(&self) -> MutexGuard<'_, Away> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a payment.
    ///
    /// # Errors
    /// As [`NoAnswer`] says.
    pub async fn payment(&self, app: &App, id: ProviderPaymentId) -> Result<Answer, NoAnswer> {
        let provider = app.provider.as_ref().ok_or(NoAnswer::NoKey)?;
        self.turn(app).await?;
        self.note_payment(app, id, provider.payment(id).await)
    }

    /// Asks for a page of the list.
    ///
    /// # Errors
    /// As [`NoAnswer`] says.
    pub async fn list(&self, app: &App, query: &ListQuery) -> Result<Listed, NoAnswer> {
        let provider = app.provider.as_ref().ok_or(NoAnswer::NoKey)?;
        self.may_list(app.clock.now())?;
        self.turn(app).await?;
        self.note_list(app, provider.list(query).await)
    }

    /// Asks for the payments of an invoice.
    ///
    /// # Errors
    /// As [`NoAnswer`] says.
    pub async fn payments_of_invoice(&self, app: &App, invoice_id: &str) -> Result<Listed, NoAnswer> {
        let provider = app.provider.as_ref().ok_or(NoAnswer::NoKey)?;
        self.may_list(app.clock.now())?;
        self.turn(app).await?;
        self.note_list(app, provider.payments_of_invoice(invoice_id).await)
    }

    fn may_list(&self, now: Timestamp) -> Result<(), NoAnswer> {
        let mut away = self.away();
        if let Some(until) = away.no_login.as_mut().and_then(|rest| rest.until(now)) {
            return Err(NoAnswer::LoginRefused(until));
        }
        away.list.until(now).map_or(Ok(()), |until| Err(NoAnswer::ListAway(until)))
    }

    /// Waits for our turn; refuses while the provider is away.
    async fn turn(&self, app: &App) -> Result<(), NoAnswer> {
        let refuse =
            || self.away().all.until(app.clock.now()).map_or(Ok(()), |until| Err(NoAnswer::Away(until)));
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
        match answer {
            Err(error) if is_silent(&error) => {
                self.away().list.fail(app.clock.now(), None);
                Err(NoAnswer::Unanswered(error))
            }
            answer => {
                if let Err(ProviderError::Client(ClientError::NotAuthorized { .. })) = &answer {
                    let rest = SignedDuration::from_secs(LOGIN_REST_SECONDS);
                    self.away().no_login = Some(Rest::new(app.clock.now(), rest));
                }
                if answer.is_ok() {
                    self.away().list = Line::default();
                }
                self.note(app, answer)
            }
        }
    }

    /// Notes an answer about one payment. None says something of that payment, until there is none for others, too.
    fn note_payment(
        &self,
        app: &App,
        id: ProviderPaymentId,
        answer: Result<Answer, ProviderError>,
    ) -> Result<Answer, NoAnswer> {
        match answer {
            Err(error) if is_silent(&error) => {
                let mut away = self.away();
                away.unanswered.insert(id);
                if away.unanswered.len() < UNANSWERED_MAX {
                    return Err(NoAnswer::Unanswered(error));
                }
                // Counted anew after the rest: these may be just those for which there is none.
                away.unanswered.clear();
                drop(away);
                self.note(app, Err(error))
            }
            answer => self.note(app, answer),
        }
    }

    fn note<T>(&self, app: &App, answer: Result<T, ProviderError>) -> Result<T, NoAnswer> {
        let answer = answer.map_err(NoAnswer::Provider);
        let mut away = self.away();
        match &answer {
            Err(error) if error.is_away() => {
                let said = match error {
                    NoAnswer::Provider(ProviderError::Client(error)) => asked_to_wait(error),
                    _ => None,
                };
                away.all.fail(app.clock.now(), said.map(|seconds| SignedDuration::from_secs(seconds.into())));
            }
            // It was not asked, so nothing is known of it.
            Err(NoAnswer::Provider(ProviderError::Client(ClientError::Busy))) => {}
            // An answer, be it a refusal of just this question.
            _ => {
                away.all = Line::default();
                away.unanswered.clear();
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
        assert!(asking.may_list(now).is_ok() && asking.away_until(now).is_none());
        assert!(asking.note_list(&app, Err(refused())).is_err());
        assert!(matches!(asking.may_list(now), Err(NoAnswer::LoginRefused(_))));
        assert!(asking.away_until(now).is_none(), "payments can be asked for all the same");
    }
}
