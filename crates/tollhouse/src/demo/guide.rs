//! The interactive demo's first page: the story in steps, each ticked off when it has happened, the clock, and what can be let go wrong.
//!
//! It stands before the product's own pages, at `/demo`, and uses nothing of the product but what is there for everybody: its store's lists
//! and `tollhouse reconcile`. It has the look and the script of the simulated Telegram's pages.

mod operator;
mod page;
mod progress;

use std::convert::Infallible;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Form, State};
use axum::http::header;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use futures::stream;
use jiff::SignedDuration;
use maud::Markup;
use nowpayments::sandbox::SandboxHandle;
use serde::Deserialize;
use tokio::sync::watch;
use tollhouse_telegram::fake::{FakeHandle, PAGE_ICON, PAGE_SCRIPT, PAGE_SHEET};

use super::shop::Shop;
use crate::app::App;
use crate::clock::Clock;
use crate::reconcile::pass::{self, Tally, Window};
use progress::Progress;

/// Most days that one press lets pass.
pub(super) const DAYS_AT_ONCE_MAX: u32 = 400;
/// How far back the provider is asked for payments, in days: whoever plays may have let as many pass.
const ASKED_DAYS: i64 = 31;
/// Changes that come within this time after one another are shown together.
const TOGETHER: Duration = Duration::from_millis(50);
/// How often a silent stream shows that it lives, in seconds.
const KEEP_ALIVE_SECONDS: u64 = 15;

/// What the page is made from.
pub(super) struct Guide {
    pub(super) app: Arc<App>,
    pub(super) clock: Clock,
    pub(super) telegram: FakeHandle,
    pub(super) nowpayments: SandboxHandle,
    pub(super) committed: watch::Receiver<()>,
    /// Known once the shop is open.
    shop: OnceLock<Shop>,
    /// What has happened, or was said to the last press. What has happened once stays ticked.
    story: Mutex<Story>,
    /// Changes when the guide itself does.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Story {
    progress: Progress,
    days: u32,
    said: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Act {
    act: String,
    #[serde(default)]
    days: u32,
}

impl Guide {
    pub(super) fn new(
        app: &Arc<App>,
        clock: &Clock,
        telegram: &FakeHandle,
        nowpayments: &SandboxHandle,
        committed: &watch::Receiver<()>,
    ) -> Arc<Self> {
        Arc::new(Self {
            app: Arc::clone(app),
            clock: clock.clone(),
            telegram: telegram.clone(),
            nowpayments: nowpayments.clone(),
            committed: committed.clone(),
            shop: OnceLock::new(),
            story: Mutex::default(),
            changes: watch::Sender::new(0),
        })
    }

    /// The shop is open.
    pub(super) fn opened(&self, shop: Shop) {
        // It opens once.
        let _ = self.shop.set(shop);
        self.changes.send_modify(|count| *count += 1);
    }

    /// Lets days pass for everybody. Telegram forgets what nobody fetched for a day, so the bot hears of everything first.
    ///
    /// # Errors
    /// The bot does not listen.
    pub(super) async fn pass(&self, days: u32) -> anyhow::Result<u32> {
        let heard = |world: &tollhouse_telegram::fake::World| (world.updates_waiting() == 0).then_some(());
        self.telegram.wait_for("a bot that has heard everything", heard).await?;
        self.clock.advance(SignedDuration::from_hours(24 * i64::from(days)));
        let passed = self.tell(|story| {
            story.days += days;
            story.days
        });
        Ok(passed)
    }

    fn tell<T>(&self, change: impl FnOnce(&mut Story) -> T) -> T {
        let result = change(&mut self.story.lock().unwrap_or_else(PoisonError::into_inner));
        self.changes.send_modify(|count| *count += 1);
        result
    }

    fn say(&self, words: impl Into<String>) {
        self.tell(|story| story.said = Some(words.into()));
    }

    async fn act(&self, act: &Act) {
        match act.act.as_str() {
            "pass" => match self.pass(act.days.min(DAYS_AT_ONCE_MAX)).await {
                Ok(_) => self.say("Time has passed for everybody. What it brings happens within seconds."),
                Err(error) => self.say(error.to_string()),
            },
            "lose" => {
                self.nowpayments.drop_next(u64::MAX);
                self.tell(|story| story.progress.lost = true);
                self.say("From now on NOWPayments' notifications are lost on their way.");
            }
            "deliver" => {
                self.nowpayments.drop_next(0);
                self.say("NOWPayments' notifications arrive again.");
            }
            "ask" => self.say(self.ask().await),
            _ => self.say("There is no such button."),
        }
    }

    /// What `tollhouse reconcile` does.
    async fn ask(&self) -> String {
        let from = self.clock.now() - SignedDuration::from_hours(24 * ASKED_DAYS);
        let mut tally = Tally::default();
        match pass::on_demand(&self.app, Window { from, until: None, dry_run: false }, &mut tally).await {
            Ok(()) => {
                let found = tally.found.len();
                self.tell(|story| story.progress.asked |= found > 0 && story.progress.lost);
                match found {
                    0 => "NOWPayments knows nothing that we do not.".to_owned(),
                    1 => "NOWPayments knew more of one payment, and now we do too.".to_owned(),
                    found => format!("NOWPayments knew more of {found} payments, and now we do too."),
                }
            }
            Err(error) => format!("NOWPayments was asked, without success: {error}"),
        }
    }

    async fn story(&self) -> anyhow::Result<Markup> {
        let Some(shop) = self.shop.get() else { anyhow::bail!("the shop is not open yet") };
        let new = progress::look(self).await?;
        // Without telling anybody: looking changes nothing that another page would not see by itself.
        let (progress, days, said) = {
            let mut story = self.story.lock().unwrap_or_else(PoisonError::into_inner);
            story.progress.add(new);
            (story.progress.clone(), story.days, story.said.clone())
        };
        Ok(page::story(&page::Scene { guide: self, shop, progress: &progress, days, said: said.as_deref() }))
    }
}

/// Its pages, before those of the product.
pub(super) fn routes(guide: &Arc<Guide>) -> Router {
    Router::new()
        .route("/demo", get(show))
        .route("/demo/events", get(show_events))
        .route("/demo/act", post(act))
        .route("/demo/operator", get(operator_page))
        .route("/demo/operator/events", get(operator_events))
        .route(
            "/demo/app.css",
            get(async || ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], PAGE_SHEET)),
        )
        .route(
            "/demo/demo.css",
            get(async || ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], page::SHEET)),
        )
        .route(
            "/demo/app.js",
            get(async || ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], PAGE_SCRIPT)),
        )
        .route("/demo/icon.svg", get(async || ([(header::CONTENT_TYPE, "image/svg+xml")], PAGE_ICON)))
        .with_state(Arc::clone(guide))
}

/// Nothing of a page comes from elsewhere.
fn answer(page: anyhow::Result<Markup>) -> Response {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                          form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    match page {
        Ok(page) => ([(header::CONTENT_SECURITY_POLICY, POLICY)], page).into_response(),
        Err(error) => (axum::http::StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}

async fn show(State(guide): State<Arc<Guide>>) -> Response {
    answer(guide.story().await)
}

async fn operator_page(State(guide): State<Arc<Guide>>) -> Response {
    answer(operator::page(&guide).await)
}

async fn act(State(guide): State<Arc<Guide>>, Form(act): Form<Act>) -> Redirect {
    guide.act(&act).await;
    Redirect::to("/demo")
}

async fn show_events(State(guide): State<Arc<Guide>>) -> Response {
    follow(guide, |guide| Box::pin(async move { guide.story().await.ok().map(Markup::into_string) }))
}

async fn operator_events(State(guide): State<Arc<Guide>>) -> Response {
    follow(guide, |guide| Box::pin(async move { operator::page(&guide).await.ok().map(Markup::into_string) }))
}

type Rendered = std::pin::Pin<Box<dyn Future<Output = Option<String>> + Send>>;

/// Renders the page again after each change, and sends it if it is another one than before.
fn follow(guide: Arc<Guide>, page: fn(Arc<Guide>) -> Rendered) -> Response {
    let sources = Sources {
        telegram: guide.telegram.changes(),
        nowpayments: guide.nowpayments.changes(),
        committed: guide.committed.clone(),
        own: guide.changes.subscribe(),
    };
    let events = stream::unfold((guide, sources, None), move |(guide, mut sources, told)| async move {
        loop {
            sources.seen();
            let now = page(Arc::clone(&guide)).await?;
            if told.as_ref() != Some(&now) {
                let event = Event::default().json_data(&now).unwrap_or_default();
                return Some((Ok::<_, Infallible>(event), (guide, sources, Some(now))));
            }
            sources.changed().await?;
            tokio::time::sleep(TOGETHER).await;
        }
    });
    let alive = KeepAlive::new().interval(Duration::from_secs(KEEP_ALIVE_SECONDS));
    Sse::new(events).keep_alive(alive).into_response()
}

/// Whatever can change the page.
struct Sources {
    telegram: watch::Receiver<u64>,
    nowpayments: watch::Receiver<u64>,
    committed: watch::Receiver<()>,
    own: watch::Receiver<u64>,
}

impl Sources {
    fn seen(&mut self) {
        self.telegram.borrow_and_update();
        self.nowpayments.borrow_and_update();
        self.committed.borrow_and_update();
        self.own.borrow_and_update();
    }

    /// Nothing once one of them has ended, since then all of it does.
    async fn changed(&mut self) -> Option<()> {
        tokio::select! {
            changed = self.telegram.changed() => changed.ok(),
            changed = self.nowpayments.changed() => changed.ok(),
            changed = self.committed.changed() => changed.ok(),
            changed = self.own.changed() => changed.ok(),
        }
    }
}
