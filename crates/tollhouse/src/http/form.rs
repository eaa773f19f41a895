//! What a form of ours sends, read with bounds, and its number, by which a press that is made twice is known.

use std::time::Duration;

use axum::extract::{Form, FromRequest as _, Request};
use axum::http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tollhouse_core::command::{Command, OrderFrom};
use tollhouse_core::id::{ClaimToken, IdSource as _, TelegramUserId};
use tollhouse_core::order::OrderSource;
use uuid::Uuid;

use crate::app::App;
use crate::clock::Ids;

/// Most bytes that a form may have. Ours has some fifty; a body up to here is read to its end before it is refused, so that its sender hears
/// why.
pub(super) const BYTES_MAX: usize = 2 * 1024 * 1024;

/// How long a form may take to arrive, in seconds. Ours is there with its head; a slow phone has time for it many times over.
pub(super) const SECONDS_MAX: u64 = 10;

/// The field with a form's number.
pub(super) const NUMBER_FIELD: &str = "form";

/// The kind of UUID that our numbers are. Another is not ours, and may be one that others can guess.
const NUMBER_VERSION: usize = 7;

/// Reads a form, bounded in time as it is in size.
pub(super) async fn read<T: DeserializeOwned>(request: Request) -> Result<T, StatusCode> {
    let form = Form::<T>::from_request(request, &());
    match tokio::time::timeout(Duration::from_secs(SECONDS_MAX), form).await {
        Ok(Ok(Form(said))) => Ok(said),
        Ok(Err(rejection)) => Err(rejection.status()),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

/// The number of a form that is shown now. It becomes the claim of the order that the form makes, so nobody may guess it.
pub(super) fn new_number() -> ClaimToken {
    ClaimToken(Ids.uuid())
}

#[derive(Deserialize)]
struct Numbered {
    form: Uuid,
}

/// The order that a form asks for. A page from before there were numbers sends none, nor does a program: they get an order for each press.
pub(super) async fn order(
    app: &App,
    request: Request,
    from: OrderFrom,
    user: Option<TelegramUserId>,
    source: OrderSource,
) -> Command {
    let wants_invoice = app.provider.is_some();
    match number(request).await {
        Some(form) => Command::OrderByForm { from, user, source, form, wants_invoice },
        None => Command::CreateOrder { from, user, source, wants_invoice },
    }
}

/// The number that came back. What is none of ours counts for nothing.
async fn number(request: Request) -> Option<ClaimToken> {
    let Numbered { form } = read(request).await.ok()?;
    (form.get_version_num() == NUMBER_VERSION).then_some(ClaimToken(form))
}
