//! The control surface for other programs: `POST /fake/{act}` with JSON, `GET /fake/…` for the state.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::entities::{NewChat, NewUser};
use super::faults::Fault;
use super::people::Refused;
use super::shared::Shared;
use super::world::World;
use crate::ids::{ChatId, MessageId, UserId};
use crate::member::AdminRights;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/users", get(users))
        .route("/users/{id}", get(user))
        .route("/chats", get(chats))
        .route("/chats/{id}", get(chat))
        .route("/calls", get(calls))
        .route("/counters", get(counters))
        .route("/version", get(version))
        .route("/{act}", post(perform))
}

/// What a program may do through HTTP, named by the last part of the path with `-` or `_`: `POST /fake/open-link`.
#[derive(Debug, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub(super) enum Act {
    AddUser(NewUser),
    AddChat(NewChat),
    /// Makes the bot an administrator with all rights or these.
    BotAdmin {
        chat: ChatId,
        by: UserId,
        #[serde(default = "all_rights")]
        rights: Option<AdminRights>,
    },
    DemoteBot {
        chat: ChatId,
        by: UserId,
    },
    KickBot {
        chat: ChatId,
        by: UserId,
    },
    Promote {
        chat: ChatId,
        by: UserId,
        user: UserId,
        rights: Option<AdminRights>,
    },
    AddMember {
        chat: ChatId,
        by: UserId,
        user: UserId,
    },
    Ban {
        chat: ChatId,
        by: UserId,
        user: UserId,
    },
    Decide {
        chat: ChatId,
        by: UserId,
        user: UserId,
        approve: bool,
    },
    MakeLink {
        chat: ChatId,
        by: UserId,
        #[serde(default)]
        creates_join_request: bool,
    },
    Migrate {
        chat: ChatId,
    },
    Start {
        user: UserId,
        #[serde(default)]
        payload: String,
    },
    /// Without `chat` in private.
    Say {
        user: UserId,
        #[serde(default)]
        chat: Option<ChatId>,
        text: String,
    },
    /// Forwards a channel's post to the bot.
    Forward {
        user: UserId,
        chat: ChatId,
        message: MessageId,
    },
    /// Without `chat` in private.
    Press {
        user: UserId,
        #[serde(default)]
        chat: Option<ChatId>,
        message: MessageId,
        data: String,
    },
    OpenLink {
        user: UserId,
        link: String,
    },
    /// Joins a room with a public name.
    JoinPublic {
        user: UserId,
        chat: ChatId,
    },
    /// Closes what the answers to presses show.
    Dismiss {
        user: UserId,
    },
    Unban {
        chat: ChatId,
        by: UserId,
        user: UserId,
    },
    WithdrawRequest {
        user: UserId,
        chat: ChatId,
    },
    Leave {
        user: UserId,
        chat: ChatId,
    },
    /// Has the bot never have met somebody.
    Forget {
        user: UserId,
    },
    Block {
        user: UserId,
    },
    Unblock {
        user: UserId,
    },
    Deactivate {
        user: UserId,
    },
    Fault {
        method: String,
        #[serde(flatten)]
        fault: Fault,
        #[serde(default = "once")]
        times: usize,
    },
    ClearFaults {},
    PushUpdate {
        kind: String,
        body: Value,
    },
}

#[expect(clippy::unnecessary_wraps, reason = "serde's default has the field's type")]
fn all_rights() -> Option<AdminRights> {
    Some(AdminRights::all())
}

fn once() -> usize {
    1
}

impl World {
    pub(super) fn perform(&mut self, now: Timestamp, act: Act) -> Result<Value, Refused> {
        let bot = self.bot.id;
        match act {
            Act::AddUser(user) => self.add_user(user)?,
            Act::AddChat(chat) => self.add_chat(chat)?,
            Act::BotAdmin { chat, by, rights } => self.promote(now, chat, by, bot, rights)?,
            Act::DemoteBot { chat, by } => self.promote(now, chat, by, bot, None)?,
            Act::KickBot { chat, by } => self.ban(now, chat, by, bot)?,
            Act::Promote { chat, by, user, rights } => self.promote(now, chat, by, user, rights)?,
            Act::AddMember { chat, by, user } => self.add_member(now, chat, by, user)?,
            Act::Ban { chat, by, user } => self.ban(now, chat, by, user)?,
            Act::Decide { chat, by, user, approve } => self.decide_by_hand(now, chat, by, user, approve)?,
            Act::MakeLink { chat, by, creates_join_request } => {
                return Ok(json!({ "link": self.make_link(chat, by, creates_join_request)? }));
            }
            Act::Migrate { chat } => return Ok(json!({ "chat": self.migrate(now, chat)? })),
            Act::Start { user, payload } => {
                return Ok(json!({ "message": self.start(now, user, &payload)? }));
            }
            Act::Say { user, chat, text } => {
                let chat = chat.unwrap_or(user.private_chat());
                return Ok(json!({ "message": self.say(now, user, chat, &text)? }));
            }
            Act::Forward { user, chat, message } => {
                return Ok(json!({ "message": self.forward(now, user, chat, message)? }));
            }
            Act::Press { user, chat, message, data } => {
                let chat = chat.unwrap_or(user.private_chat());
                return Ok(json!({ "press": self.press(now, user, chat, message, &data)? }));
            }
            Act::OpenLink { user, link } => {
                let (chat, opened) = self.open_link(now, user, &link)?;
                return Ok(json!({ "chat": chat, "opened": opened }));
            }
            Act::JoinPublic { user, chat } => self.join_public(now, user, chat)?,
            Act::Dismiss { user } => self.dismiss(user),
            Act::Unban { chat, by, user } => self.unban_by_hand(now, chat, by, user)?,
            Act::WithdrawRequest { user, chat } => self.withdraw_request(user, chat)?,
            Act::Leave { user, chat } => self.leave(now, user, chat)?,
            Act::Forget { user } => self.forget(user)?,
            Act::Block { user } => self.block(now, user, true)?,
            Act::Unblock { user } => self.block(now, user, false)?,
            Act::Deactivate { user } => self.deactivate(user)?,
            Act::Fault { method, fault, times } => self.faults.add(&method, &fault, times),
            Act::ClearFaults {} => self.faults.clear(),
            Act::PushUpdate { kind, body } => self.queue.push_unasked(now, &kind, &body),
        }
        Ok(json!({}))
    }
}

async fn perform(
    State(shared): State<Arc<Shared>>,
    Path(act): Path<String>,
    body: axum::body::Bytes,
) -> Response {
    let mut fields: Map<String, Value> = match serde_json::from_slice(&body) {
        Ok(fields) => fields,
        Err(_) if body.is_empty() => Map::new(),
        Err(error) => return bad_request(&error.to_string()),
    };
    fields.insert("act".to_owned(), Value::String(act.replace('-', "_")));
    let act: Act = match serde_json::from_value(Value::Object(fields)) {
        Ok(act) => act,
        Err(error) => return bad_request(&error.to_string()),
    };
    match shared.act(|world, now| world.perform(now, act)) {
        Ok(answer) => Json(answer).into_response(),
        Err(refused) => (StatusCode::CONFLICT, Json(json!({ "error": refused.to_string() }))).into_response(),
    }
}

fn bad_request(reason: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": reason }))).into_response()
}

async fn users(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.read(|world| json!(world.people().map(|person| &person.user).collect::<Vec<_>>())))
}

async fn user(State(shared): State<Arc<Shared>>, Path(id): Path<UserId>) -> Response {
    found(shared.read(|world| world.person(id).map(|person| json!(person))))
}

async fn chats(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.read(|world| json!(world.rooms().map(|room| &room.chat).collect::<Vec<_>>())))
}

async fn chat(State(shared): State<Arc<Shared>>, Path(id): Path<ChatId>) -> Response {
    found(shared.read(|world| {
        world.room(id).map(|room| {
            let mut body = json!(room);
            body["members"] = json!(world.members(id));
            body
        })
    }))
}

fn found(body: Option<Value>) -> Response {
    body.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |body| Json(body).into_response())
}

#[derive(Deserialize)]
struct CallFilter {
    method: Option<String>,
}

async fn calls(State(shared): State<Arc<Shared>>, Query(filter): Query<CallFilter>) -> Json<Value> {
    let wanted = |method: &str| filter.method.as_deref().is_none_or(|filter| filter == method);
    Json(shared.read(|world| json!(world.calls().filter(|call| wanted(&call.method)).collect::<Vec<_>>())))
}

async fn counters(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.read(|world| json!(world.counters())))
}

#[derive(Deserialize)]
struct After {
    after: Option<u64>,
}

/// The number of changes so far. With `?after=N` it answers when there are more than N, so that a program need not ask in a loop.
async fn version(State(shared): State<Arc<Shared>>, Query(After { after }): Query<After>) -> Json<Value> {
    let mut changes = shared.changes();
    let version = tokio::select! {
        version = changes.wait_for(|version| after.is_none_or(|after| *version > after)) => version.map_or(0, |v| *v),
        () = shared.until_stopped() => 0,
    };
    Json(json!({ "version": version }))
}
