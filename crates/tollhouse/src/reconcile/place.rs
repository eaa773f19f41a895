//! How far the reconciler has come, kept in the database so that a restart goes on from there and everybody can see that it runs (F104).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tollhouse_store::{Store, StoreError};

/// Under which key it is kept.
const KEY: &str = "reconcile";
/// After how many intervals without a pass to its end the reconciler is late.
const LATE_INTERVALS: i32 = 3;
/// It is never late before this many seconds: a restart and a short trouble of the provider's are nobody's business.
const LATE_SECONDS_MIN: i64 = 900;

/// How far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// Payments that were made up to here, by the provider's clock, have been listed at least once.
    pub listed_until: Option<Timestamp>,
    /// Where a listing of the whole window has come to, while it is under way.
    pub wide_from: Option<Timestamp>,
    /// When the whole window was last listed to its end.
    pub wide_done_at: Option<Timestamp>,
    /// When a pass last came to its end.
    pub done_at: Option<Timestamp>,
    /// Since when passes have not come to their end.
    pub failing_since: Option<Timestamp>,
    /// Why the last one did not.
    pub error: Option<String>,
}

/// How it is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// No pass has come to its end yet, and none has failed for long.
    Starting,
    /// The last pass came to its end in time.
    Ok,
    /// No pass has come to its end for some time: lost notifications stay lost for so long.
    Late,
}

impl Place {
    /// Reads it. What cannot be read begins anew, which costs some questions and nothing else.
    ///
    /// # Errors
    /// The store's.
    pub async fn load(store: &dyn Store) -> Result<Self, StoreError> {
        let text = store.get_state(KEY).await?.unwrap_or_else(|| "{}".to_owned());
        Ok(serde_json::from_str(&text).unwrap_or_else(|error| {
            tracing::warn!(%error, "where the reconciler was cannot be read; it begins anew");
            Self::default()
        }))
    }

    /// Keeps it.
    ///
    /// # Errors
    /// The store's.
    pub async fn save(&self, store: &dyn Store) -> Result<(), StoreError> {
        let text = serde_json::to_string(self)
            .map_err(|error| StoreError::Internal { what: format!("the reconciler's place: {error}") })?;
        store.put_state(KEY, &text).await
    }

    /// How it is doing, at a moment.
    #[must_use]
    pub fn standing(&self, now: Timestamp, interval: SignedDuration) -> Standing {
        let patience = (interval * LATE_INTERVALS).max(SignedDuration::from_secs(LATE_SECONDS_MIN));
        // As far ahead: the clock was wrong then, and when it was is not known. A little is the clock of another process.
        let is_old = |at: Timestamp| now.duration_since(at).abs() > patience;
        match (self.done_at, self.failing_since) {
            (Some(at), _) if is_old(at) => Standing::Late,
            (Some(_), _) => Standing::Ok,
            (None, Some(since)) if is_old(since) => Standing::Late,
            (None, _) => Standing::Starting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f104_a_reconciler_that_stopped_shows() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let ago = |minutes| Some(now - SignedDuration::from_mins(minutes));
        let standing = |done_at, failing_since| {
            let place = Place { done_at, failing_since, ..Place::default() };
            place.standing(now, SignedDuration::from_mins(5))
        };
        assert_eq!(standing(None, None), Standing::Starting);
        assert_eq!(standing(None, ago(10)), Standing::Starting);
        assert_eq!(standing(None, ago(16)), Standing::Late, "it never worked");
        assert_eq!(standing(ago(14), ago(10)), Standing::Ok);
        assert_eq!(standing(ago(35), None), Standing::Late, "nobody runs it");
        assert_eq!(standing(ago(-14), None), Standing::Ok, "another process' clock");
        assert_eq!(standing(ago(-16), None), Standing::Late, "the clock was set back");
        assert_eq!(standing(None, ago(-16)), Standing::Late);
        let hourly = Place { done_at: ago(120), ..Place::default() };
        assert_eq!(hourly.standing(now, SignedDuration::from_hours(1)), Standing::Ok);
    }
}
