//! Messages, their buttons, and the presses on them.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Params, Target, to_result};
use crate::fake::emit::Words;
use crate::fake::entities::{Author, Post, PostButton, PressAnswer};
use crate::fake::markup;
use crate::fake::texts::{ApiError, NOT_MODIFIED, OLD_QUERY};
use crate::fake::world::World;
use crate::html::MESSAGE_CHARS_MAX;
use crate::ids::{ChatId, MessageId, UserId};
use crate::keyboard::CALLBACK_DATA_BYTES_MAX;
use crate::member::Right;
use crate::model::ChatKind;

/// How long a bot may write to somebody who asked to join and never started it: the Bot API's `user_chat_id`.
const REQUEST_CONTACT_MINUTES: i64 = 5;

pub(super) fn send_message(world: &mut World, now: Timestamp, params: &Params) -> Result<Value, ApiError> {
    let target = world.target(params)?;
    let chat = target.chat();
    let words = readable(params)?;
    let buttons = read_buttons(params, world.kind(chat))?;
    world.check_may_write(now, target)?;
    let post = world.add_post(now, chat, Author::Bot, words, buttons);
    to_result(&world.wire_post(chat, &post))
}

pub(super) fn send_chat_action(
    world: &mut World,
    now: Timestamp,
    params: &Params,
) -> Result<Value, ApiError> {
    let target = world.target(params)?;
    world.check_may_write(now, target)?;
    Ok(json!(true))
}

pub(super) fn edit_message_text(
    world: &mut World,
    now: Timestamp,
    params: &Params,
) -> Result<Value, ApiError> {
    let words = readable(params)?;
    edit(world, now, params, Some(words))
}

pub(super) fn edit_message_reply_markup(
    world: &mut World,
    now: Timestamp,
    params: &Params,
) -> Result<Value, ApiError> {
    edit(world, now, params, None)
}

fn edit(world: &mut World, now: Timestamp, params: &Params, new: Option<Words>) -> Result<Value, ApiError> {
    let target = world.target(params)?;
    let chat = target.chat();
    let buttons = read_buttons(params, world.kind(chat))?;
    if let Target::Person(user) = target {
        world.check_reachable(user)?;
    }
    let post =
        world.post_mut(chat, params).ok_or_else(|| ApiError::bad_request("message to edit not found"))?;
    if post.author != Author::Bot {
        return Err(ApiError::bad_request("message can't be edited"));
    }
    let old = Words { text: post.text.clone(), source: post.source.clone(), is_html: post.is_html };
    let new = new.unwrap_or_else(|| old.clone());
    if old == new && post.buttons == buttons {
        return Err(ApiError::bad_request(NOT_MODIFIED));
    }
    (post.text, post.source, post.is_html) = (new.text, new.source, new.is_html);
    (post.buttons, post.edited_at) = (buttons, Some(now));
    let post = post.clone();
    to_result(&world.wire_post(chat, &post))
}

pub(super) fn delete_message(world: &mut World, _now: Timestamp, params: &Params) -> Result<Value, ApiError> {
    let target = world.target(params)?;
    let chat = target.chat();
    let post =
        world.post_mut(chat, params).ok_or_else(|| ApiError::bad_request("message to delete not found"))?;
    let (id, author) = (post.id, post.author);
    let own_or_private = author == Author::Bot || matches!(target, Target::Person(_));
    if !own_or_private && !world.status(chat, world.bot.id).can(Right::DeleteMessages) {
        return Err(ApiError::bad_request("message can't be deleted"));
    }
    if let Some(posts) = world.posts_mut(chat) {
        posts.retain(|post| post.id != id);
    }
    Ok(json!(true))
}

pub(super) fn answer_callback_query(
    world: &mut World,
    _now: Timestamp,
    params: &Params,
) -> Result<Value, ApiError> {
    let press =
        params.positive("callback_query_id").and_then(|id| world.presses.get_mut(&usize::try_from(id).ok()?));
    let press =
        press.filter(|press| press.answer.is_none()).ok_or_else(|| ApiError::bad_request(OLD_QUERY))?;
    let owned = |name: &str| params.text(name).map(str::to_owned);
    press.answer =
        Some(PressAnswer { text: owned("text"), is_alert: params.flag("show_alert"), url: owned("url") });
    Ok(json!(true))
}

/// What a button may open: <https://core.telegram.org/bots/api#inlinekeyboardbutton>.
const BUTTON_SCHEMES: [&str; 3] = ["http", "https", "tg"];

/// The text as a reader sees it, and as it was sent.
fn readable(params: &Params) -> Result<Words, ApiError> {
    let source = params.text("text").unwrap_or_default().to_owned();
    let words = match params.text("parse_mode").map(str::to_lowercase).as_deref() {
        // Markdown is shown as it is: Tollhouse writes HTML only.
        None | Some("markdown" | "markdownv2") => Words::plain(source),
        Some("html") => {
            let text = markup::plain(&source).map_err(|reason| ApiError::bad_request(&reason))?;
            Words { text, source, is_html: true }
        }
        Some(_) => return Err(ApiError::bad_request("unsupported parse_mode")),
    };
    if words.text.trim().is_empty() {
        return Err(ApiError::bad_request("message text is empty"));
    }
    if words.text.chars().count() > MESSAGE_CHARS_MAX {
        return Err(ApiError::bad_request("message is too long"));
    }
    Ok(words)
}

#[derive(Deserialize)]
struct Markup {
    #[serde(default)]
    inline_keyboard: Vec<Vec<PostButton>>,
}

fn read_buttons(params: &Params, kind: ChatKind) -> Result<Vec<Vec<PostButton>>, ApiError> {
    let Some(markup) = params.json::<Markup>("reply_markup")? else {
        return Ok(Vec::new());
    };
    for button in markup.inline_keyboard.iter().flatten() {
        check_button(button, kind)?;
    }
    Ok(markup.inline_keyboard)
}

fn check_button(button: &PostButton, kind: ChatKind) -> Result<(), ApiError> {
    if button.web_app.is_some() && kind != ChatKind::Private {
        return Err(ApiError::bad_request("BUTTON_TYPE_INVALID"));
    }
    if button.callback_data.as_ref().is_some_and(|data| data.len() > CALLBACK_DATA_BYTES_MAX) {
        return Err(ApiError::bad_request("BUTTON_DATA_INVALID"));
    }
    let parsed = button.url.as_ref().and_then(|url| url::Url::parse(url).ok());
    if parsed.is_some_and(|url| {
        url.scheme() != "tg" && url.host_str().is_some_and(|host| !host.contains(['.', ':']))
    }) {
        return Err(ApiError::bad_request("BUTTON_URL_INVALID"));
    }
    let is_address = |url: &str| url::Url::parse(url).is_ok_and(|url| BUTTON_SCHEMES.contains(&url.scheme()));
    if let Some(url) = button.url.as_ref().filter(|url| !is_address(url)) {
        let text = format!("inline keyboard button URL '{url}' is invalid: Wrong HTTP URL");
        return Err(ApiError::bad_request(&text));
    }
    if button.url.is_none() && button.callback_data.is_none() && button.web_app.is_none() {
        return Err(ApiError::bad_request("text buttons are unallowed in the inline keyboard"));
    }
    Ok(())
}

impl World {
    fn post_mut(&mut self, chat: ChatId, params: &Params) -> Option<&mut Post> {
        let id = MessageId(params.integer("message_id")?);
        self.posts_mut(chat)?.iter_mut().find(|post| post.id == id)
    }

    fn check_may_write(&self, now: Timestamp, target: Target) -> Result<(), ApiError> {
        let chat = match target {
            Target::Person(user) => {
                self.check_reachable(user)?;
                let started = self.people.get(&user).is_some_and(|person| person.started);
                if started || self.asked_lately(now, user) {
                    return Ok(());
                }
                return Err(ApiError::forbidden("bot can't initiate conversation with a user"));
            }
            Target::Room(chat) => chat,
        };
        match self.kind(chat) {
            ChatKind::Channel if !self.status(chat, self.bot.id).can(Right::PostMessages) => {
                Err(ApiError::bad_request("need administrator rights in the channel chat"))
            }
            _ => Ok(()),
        }
    }

    fn check_reachable(&self, user: UserId) -> Result<(), ApiError> {
        match self.people.get(&user) {
            Some(person) if person.user.is_bot => Err(ApiError::forbidden("bot can't send messages to bots")),
            Some(person) if person.deactivated => Err(ApiError::forbidden("user is deactivated")),
            Some(person) if person.blocked => Err(ApiError::forbidden("bot was blocked by the user")),
            _ => Ok(()),
        }
    }

    /// Whether a request of theirs is open and fresh, in a room whose requests the bot decides.
    fn asked_lately(&self, now: Timestamp, user: UserId) -> bool {
        let window = SignedDuration::from_mins(REQUEST_CONTACT_MINUTES);
        let decides = self.rooms.values().filter(|room| room.can(self.bot.id, Right::InviteUsers));
        decides
            .filter_map(|room| room.requests.get(&user))
            .any(|request| now.duration_since(request.at) < window)
    }
}
