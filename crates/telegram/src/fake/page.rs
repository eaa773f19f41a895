//! Pages on which a person is somebody in the simulated Telegram: reads, writes, presses, opens links, joins, leaves, blocks, and runs
//! channels.
//!
//! Every page works by forms and links alone; what a form does is an [`Act`] of the control surface in the name of the chosen person. A
//! script of our own keeps an open page true: the server renders it again after each change and sends what differs.

mod assets;
mod chat;
mod chats;
mod dialog;
mod form;
mod layout;
mod links;
mod live;
mod overview;
mod panel;
mod people;
mod post;
mod trouble;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::Markup;
use serde::Deserialize;

pub use assets::{PAGE_ICON, PAGE_SCRIPT, PAGE_SHEET};
pub use layout::PageLink;
pub(super) use view::Seen;

use self::form::Form;
use self::view::{Scene, View};
use super::shared::Shared;
use crate::ids::UserId;

/// Remembers who was played last, so that a link from elsewhere opens as them. It holds on every port of this machine, and only there.
const PLAYER_COOKIE: &str = "simulated_telegram_player";

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(overview_page))
        .route("/events", get(live::overview))
        .route("/act", post(act_for_nobody))
        .route("/open", get(open_link))
        .route("/user/{id}", get(user_page))
        .route("/user/{id}/events", get(live::user))
        .route("/user/{id}/act", post(act_as))
        .route("/trouble", get(trouble_page).post(trouble_act))
        .route("/trouble/events", get(live::trouble))
        .route("/assets/{name}", get(assets::serve))
}

/// What the pages without a person show besides the state.
#[derive(Debug, Default, Deserialize)]
struct Shown {
    /// Why the last act was refused.
    refused: Option<String>,
    /// A `t.me` link that somebody is about to open.
    open: Option<String>,
}

/// Nothing of a page comes from elsewhere, and nobody else frames it.
fn answer(page: Markup) -> Response {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                          form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    ([(header::CONTENT_SECURITY_POLICY, POLICY), (header::REFERRER_POLICY, "no-referrer")], page)
        .into_response()
}

async fn overview_page(State(shared): State<Arc<Shared>>, Query(shown): Query<Shown>) -> Response {
    answer(overview::page(&shared, &shown))
}

async fn trouble_page(State(shared): State<Arc<Shared>>, Query(shown): Query<Shown>) -> Response {
    answer(trouble::page(&shared, shown.refused.as_deref()))
}

async fn user_page(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<UserId>,
    Query(view): Query<View>,
) -> Response {
    if let Some(straight) = shared.read(|world| links::straight_to(world, id, &view)) {
        return Redirect::to(&straight.path(id)).into_response();
    }
    let Some(page) = render(&shared, id, &view) else {
        return (StatusCode::NOT_FOUND, answer(overview::nobody(&shared, id))).into_response();
    };
    let cookie = format!("{PLAYER_COOKIE}={id}; Path=/; SameSite=Lax");
    ([(header::SET_COOKIE, cookie)], answer(page)).into_response()
}

/// The page of a person, which they have then seen.
fn render(shared: &Shared, id: UserId, view: &View) -> Option<Markup> {
    let links = shared.page_links();
    shared.read(|world| {
        let person = world.person(id)?;
        if let Some(chat) = view.chat {
            shared.saw(id, chat, world.posts(chat).last().map(|post| post.id));
        }
        let scene = Scene { world, person, view, seen: &shared.seen(), links: &links, now: shared.now() };
        Some(view::page(&scene))
    })
}

/// A link into Telegram from anywhere on this machine: opened by who was played last.
async fn open_link(
    State(shared): State<Arc<Shared>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let player =
        pairs.find(|(name, _)| *name == PLAYER_COOKIE).and_then(|(_, id)| id.parse().ok()).map(UserId);
    let player = player.filter(|player| shared.read(|world| world.person(*player).is_some()));
    match player {
        Some(player) => {
            let view = View { open: Some(asked.link), ..View::default() };
            Redirect::to(&view.path(player)).into_response()
        }
        None => answer(overview::page(&shared, &Shown { open: Some(asked.link), refused: None })),
    }
}

#[derive(Deserialize)]
struct Asked {
    link: String,
}

/// Makes people and channels.
async fn act_for_nobody(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let mut form = Form::read(&body);
    let outcome = shared.act(|world, now| form.perform(world, now, None));
    back_to("/", outcome.err())
}

async fn trouble_act(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let form = Form::read(&body);
    let outcome = shared.act(|world, _now| trouble::act(world, &form));
    back_to("/trouble", outcome.err())
}

fn back_to(path: &str, refused: Option<String>) -> Response {
    let Some(refused) = refused else { return Redirect::to(path).into_response() };
    let query =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("refused", &refused).finish();
    Redirect::to(&format!("{path}?{query}")).into_response()
}

/// Does something in the name of the person whose page it is, and goes back to what they looked at.
async fn act_as(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<UserId>,
    Query(view): Query<View>,
    body: Bytes,
) -> Response {
    let mut form = Form::read(&body);
    let outcome = shared.act(|world, now| form.perform(world, now, Some(id)));
    let view = View { refused: None, ..view };
    let (who, view) = match outcome {
        Ok(done) => form.next_view(id, view, &done),
        Err(refused) => (id, View { open: None, refused: Some(refused), ..view }),
    };
    Redirect::to(&view.path(who)).into_response()
}
