//! Pages on which a person is somebody in the simulated Telegram: reads, presses, opens links, leaves, blocks.
//!
//! Forms and links only, no script; what a form does is an [`Act`] of the control surface in the name of the chosen person.

mod chat;
mod layout;
mod links;
mod overview;

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::control::Act;
use super::shared::Shared;
use crate::ids::UserId;

/// Form fields that are numbers in an [`Act`].
const NUMBERS: [&str; 4] = ["chat", "user", "message", "id"];

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(overview_page))
        .route("/act", post(act_for_nobody))
        .route("/user/{id}", get(user_page))
        .route("/user/{id}/act", post(act_as))
}

/// What a page shows besides the state.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Shown {
    /// Why the last act was refused.
    refused: Option<String>,
    /// A `t.me` link that the person is about to open.
    open: Option<String>,
    /// Whether the page loads itself again and again.
    live: Option<String>,
}

async fn overview_page(State(shared): State<Arc<Shared>>, Query(shown): Query<Shown>) -> Response {
    shared.read(|world| overview::render(world, &shown)).into_response()
}

async fn user_page(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<UserId>,
    Query(shown): Query<Shown>,
) -> Response {
    let page = shared.read(|world| world.person(id).map(|person| chat::render(world, person, &shown)));
    page.map_or_else(|| StatusCode::NOT_FOUND.into_response(), IntoResponse::into_response)
}

/// Makes people and channels.
async fn act_for_nobody(
    State(shared): State<Arc<Shared>>,
    Form(fields): Form<HashMap<String, String>>,
) -> Response {
    perform(&shared, to_json(fields), "/")
}

/// Does something in the name of the person whose page it is.
async fn act_as(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<UserId>,
    Form(fields): Form<HashMap<String, String>>,
) -> Response {
    let mut fields = to_json(fields);
    fields.entry("user").or_insert(json!(id));
    fields.insert("by".to_owned(), json!(id));
    perform(&shared, fields, &format!("/user/{id}"))
}

fn to_json(fields: HashMap<String, String>) -> Map<String, Value> {
    let value = |name: &str, text: String| match text.parse::<i64>() {
        Ok(number) if NUMBERS.contains(&name) || name == "owner" => json!(number),
        _ if text == "true" && name != "text" => json!(true),
        _ => Value::String(text),
    };
    fields.into_iter().map(|(name, text)| (name.clone(), value(&name, text))).collect()
}

/// Does it, and goes back to the page, with the reason if it was refused.
fn perform(shared: &Shared, fields: Map<String, Value>, back: &str) -> Response {
    let refused = match serde_json::from_value::<Act>(Value::Object(fields)) {
        Ok(act) => shared.act(|world, now| world.perform(now, act)).err().map(|refused| refused.to_string()),
        Err(error) => Some(error.to_string()),
    };
    let Some(refused) = refused else { return Redirect::to(back).into_response() };
    let query =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("refused", &refused).finish();
    Redirect::to(&format!("{back}?{query}")).into_response()
}
