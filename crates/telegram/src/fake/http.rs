//! The Bot API's address `/bot{token}/{method}`, by GET and POST, with JSON, a form, or the query string.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::api::{self, GET_UPDATES, Params};
use super::entities::CallOutcome;
use super::faults::{Fault, What, When};
use super::shared::Shared;
use super::texts::ApiError;
use super::{control, page, poll};

/// Most bytes of a call; the longest message is far below.
const CALL_BYTES_MAX: usize = 1024 * 1024;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().nest("/fake", control::router()).merge(page::router()).fallback(bot_call).with_state(shared)
}

async fn bot_call(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let Some((token, method)) = path.strip_prefix("/bot").and_then(|rest| rest.split_once('/')) else {
        return refuse(&ApiError::not_found());
    };
    if token != shared.token {
        let has_form = token.split_once(':').is_some_and(|(id, _)| id.parse::<u64>().is_ok());
        return refuse(&if has_form { ApiError::unauthorized() } else { ApiError::not_found() });
    }
    let params = match read_params(request).await {
        Ok(params) => params,
        Err(reason) => return refuse(&ApiError::bad_request(&reason)),
    };
    answer(&shared, method.trim_end_matches('/'), params).await
}

/// Does what is asked, or fails as scripted.
async fn answer(shared: &Shared, method: &str, params: Params) -> Response {
    let known = if method.eq_ignore_ascii_case(GET_UPDATES) {
        Some((GET_UPDATES, None))
    } else {
        api::find(method).map(|(name, handler)| (name, Some(handler)))
    };
    let Some((name, handler)) = known else {
        return refuse(&ApiError::method_not_found());
    };
    let fault = shared.act(|world, _now| world.faults.take(name));
    if let Some(Fault { when: When::Before, what }) = &fault {
        log(shared, name, params, hidden(what, false));
        return fail(shared, what).await;
    }
    let result = match handler {
        None => poll::get_updates(shared, &params).await,
        Some(handler) => shared.act(|world, now| handler(world, now, &params)),
    };
    if let Some(Fault { what, .. }) = &fault {
        log(shared, name, params, hidden(what, result.is_ok()));
        return fail(shared, what).await;
    }
    let outcome = match &result {
        Ok(_) => CallOutcome::Done,
        Err(error) => CallOutcome::Refused { code: error.code, description: error.description.clone() },
    };
    log(shared, name, params, outcome);
    match result {
        Ok(result) => axum::Json(json!({ "ok": true, "result": result })).into_response(),
        Err(error) => refuse(&error),
    }
}

fn log(shared: &Shared, method: &str, params: Params, outcome: CallOutcome) {
    shared.act(|world, now| world.log(now, method, params.0, outcome));
}

fn hidden(what: &What, done: bool) -> CallOutcome {
    match what {
        What::Answer { code, description, .. } if !done => {
            CallOutcome::Refused { code: *code, description: description.clone() }
        }
        _ => CallOutcome::Hidden { done },
    }
}

async fn fail(shared: &Shared, what: &What) -> Response {
    match what {
        What::Answer { code, description, retry_after } => {
            let parameters = retry_after.map(|seconds| json!({ "retry_after": seconds }));
            refuse(&ApiError { parameters, ..ApiError::new(*code, description.clone()) })
        }
        What::Garbage { code } => {
            let html = "<html><body><h1>Bad Gateway</h1></body></html>";
            (status(*code), [(header::CONTENT_TYPE, "text/html")], html).into_response()
        }
        What::Hang => {
            shared.until_stopped().await;
            break_off()
        }
        What::Close => break_off(),
    }
}

/// An answer that ends in the middle: the server closes the connection when the body fails.
fn break_off() -> Response {
    let broken =
        futures::stream::iter([Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("scripted"))]);
    Response::new(Body::from_stream(broken))
}

fn refuse(error: &ApiError) -> Response {
    (status(error.code), axum::Json(error.to_json())).into_response()
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The query string first; what the body says wins.
async fn read_params(request: Request) -> Result<Params, String> {
    let mut params = Params::default();
    params.add_form(request.uri().query().unwrap_or_default().as_bytes());
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_lowercase();
    if content_type.starts_with("multipart/form-data") {
        let mut form = Multipart::from_request(request, &()).await.map_err(|error| error.body_text())?;
        while let Some(field) = form.next_field().await.map_err(|error| error.body_text())? {
            let name = field.name().unwrap_or_default().to_owned();
            let text = field.text().await.map_err(|error| error.body_text())?;
            params.0.insert(name, text);
        }
        return Ok(params);
    }
    let body =
        axum::body::to_bytes(request.into_body(), CALL_BYTES_MAX).await.map_err(|error| error.to_string())?;
    if content_type.starts_with("application/json") {
        params.add_json(&body)?;
    } else {
        params.add_form(&body);
    }
    Ok(params)
}

impl Params {
    fn add_form(&mut self, form: &[u8]) {
        let pairs = url::form_urlencoded::parse(form);
        self.0.extend(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())));
    }

    fn add_json(&mut self, body: &[u8]) -> Result<(), String> {
        if body.is_empty() {
            return Ok(());
        }
        let fields: BTreeMap<String, Value> = serde_json::from_slice(body)
            .map_err(|_| "can't parse request: Can't parse JSON object".to_owned())?;
        for (name, value) in fields {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text,
                other => other.to_string(),
            };
            self.0.insert(name, text);
        }
        Ok(())
    }
}
