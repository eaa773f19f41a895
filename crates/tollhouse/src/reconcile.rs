//! What the provider knows and we do not: the safety net under the notifications (I12, F29).
//!
//! A [`pass`] asks the provider for the payments of a sliding window and, one by one, for those of which more is to be heard. What an
//! answer adds to our record is taken in by the command by which a notification is taken in; an answer that adds nothing leaves no
//! trace. [`schedule`] says when: at the start, every so often, and later if the provider is away. [`looks`] are single questions that
//! a page or a wrongly signed notification gives rise to. [`statement`] holds both sides against each other for people.
//!
//! Whoever asks goes through [`ask::Asking`], which bounds how fast and how often.

pub mod ask;
pub mod looks;
pub mod pass;
pub mod place;
mod rest;
pub mod schedule;
pub mod statement;
pub mod take;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::app::App;
use ask::{Asking, NoAnswer};
use looks::Looks;
use schedule::{Reconciler, Turn};

/// The role that one process at a time may have.
const ROLE: &str = "reconcile";
/// The name under which it is known to be at work.
const PART: &str = "reconcile";
/// How often it is looked whether a pass is due, in milliseconds; also after the store failed, and while another process has the role.
const LOOK_AGAIN_MS: u64 = 1_000;

/// What the parts share that ask the provider.
#[derive(Debug, Default)]
pub struct Reconcile {
    /// How questions are bounded.
    pub asking: Asking,
    /// Single questions that somebody gave rise to.
    pub looks: Looks,
}

/// Why a pass, a look or a statement came to an early end.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The provider gave no answer.
    #[error(transparent)]
    Provider(#[from] NoAnswer),
    /// The database gave none.
    #[error(transparent)]
    Store(#[from] tollhouse_store::StoreError),
    /// The provider's list cannot be read to its end.
    #[error("NOWPayments' list of payments goes on after page {0}, which is further than can be: report it")]
    Endless(u32),
    /// The rules refused what they never refuse.
    #[error("the rules refused a payment, please report it: {0}")]
    Refused(#[from] tollhouse_core::command::Refusal),
}

impl Trouble {
    /// The provider's error, where there was one.
    #[must_use]
    pub fn provider(&self) -> Option<&NoAnswer> {
        match self {
            Self::Provider(error) => Some(error),
            _ => None,
        }
    }
}

/// Reconciles until told to stop, for as long as this process has the role.
pub async fn run(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let working = async {
        loop {
            app.pulse.beat(PART);
            match app.store.role_lock(ROLE).await {
                Ok(Some(role)) => {
                    let mut reconciler = Reconciler::new(Arc::clone(&app));
                    while role.is_held() {
                        app.pulse.beat(PART);
                        if let Turn::NotYet = reconciler.turn().await {
                            tokio::time::sleep(Duration::from_millis(LOOK_AGAIN_MS)).await;
                        }
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "the reconciler cannot reach the store"),
            }
            tokio::time::sleep(Duration::from_millis(LOOK_AGAIN_MS)).await;
        }
    };
    // A pass may be dropped anywhere: what it has submitted is carried out, and the rest is asked for again.
    tokio::select! {
        () = working => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}
