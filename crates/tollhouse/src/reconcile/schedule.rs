//! When a pass runs: at the start, every so often, and after a failure sooner, but later each time.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use tollhouse_core::id::{IdSource as _, ProviderPaymentId};

use super::Trouble;
use super::ask::backoff;
use super::pass::{Tally, scheduled};
use super::place::Place;
use super::rest::Rest;
use crate::app::App;
use crate::clock::Ids;
use crate::metrics;

/// Runs passes, one after the other.
pub struct Reconciler {
    app: Arc<App>,
    /// Until the next pass; none before the first.
    rest: Option<Rest>,
    is_first: bool,
    failures: u32,
    /// When each payment was last asked for. It is not kept: after a restart each is asked for once.
    asked: HashMap<ProviderPaymentId, Timestamp>,
}

/// What a turn came to.
#[derive(Debug)]
pub enum Turn {
    /// Nothing is due.
    NotYet,
    /// A pass came to its end.
    Done(Tally),
    /// A pass did not come to its end; what it took in stays, and it is tried again.
    Failed(Tally, Trouble),
}

impl Reconciler {
    /// One whose first pass is due at once.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        Self { app, rest: None, is_first: true, failures: 0, asked: HashMap::new() }
    }

    /// Runs a pass if one is due.
    pub async fn turn(&mut self) -> Turn {
        let now = self.app.clock.now();
        if self.rest.as_mut().and_then(|rest| rest.until(now)).is_some() {
            return Turn::NotYet;
        }
        let mut tally = Tally::default();
        let outcome = self.pass(&mut tally).await;
        let now = self.app.clock.now();
        match outcome {
            Ok(()) => {
                self.is_first = false;
                self.failures = 0;
                self.rest = Some(Rest::new(now, self.app.config.reconcile_interval));
                metrics::reconcile_pass("done");
                tracing::debug!(
                    listed = tally.listed,
                    asked = tally.asked,
                    found = tally.found.len(),
                    "reconciled"
                );
                Turn::Done(tally)
            }
            Err(trouble) => {
                let wait = backoff(self.failures, Ids.random()).min(self.app.config.reconcile_interval);
                self.failures = self.failures.saturating_add(1);
                let away_until = self.app.reconcile.asking.away_until(now);
                let wait = away_until.map_or(wait, |until| wait.max(until.duration_since(now)));
                self.rest = Some(Rest::new(now, wait));
                metrics::reconcile_pass("failed");
                tracing::warn!(%trouble, again_in = %wait, "reconciling did not come to its end; it is tried again");
                Turn::Failed(tally, trouble)
            }
        }
    }

    async fn pass(&mut self, tally: &mut Tally) -> Result<(), Trouble> {
        let app = Arc::clone(&self.app);
        let mut place = Place::load(&*app.store).await?;
        let outcome = scheduled(&app, &mut place, &mut self.asked, self.is_first, tally).await;
        let now = app.clock.now();
        match &outcome {
            Ok(()) => {
                place.done_at = Some(now);
                place.failing_since = None;
                place.error = None;
            }
            Err(trouble) => {
                place.failing_since = place.failing_since.or(Some(now));
                place.error = Some(trouble.to_string());
            }
        }
        let saved = place.save(&*app.store).await;
        outcome.and(saved.map_err(Trouble::from))
    }
}
