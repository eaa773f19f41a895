//! The open chat: who it is with, what was said, and what one can say.

use maud::{Markup, html};

use super::layout::{act_like, face, icon};
use super::post;
use super::view::{Panel, Scene, View};
use crate::fake::entities::{Room, Turn};
use crate::fake::texts::kind_name;
use crate::ids::ChatId;
use crate::member::MemberStatus;
use crate::model::ChatKind;

pub(super) fn open(scene: &Scene<'_>) -> Markup {
    let me = scene.me();
    html! {
        section.chat id="chat" aria-label="Open chat" {
            @match scene.view.chat {
                Some(chat) if chat == me.private_chat() => { (with_bot(scene)) }
                Some(chat) => { @match scene.world.room(chat) {
                    Some(room) => { (in_room(scene, room)) }
                    None => { (nothing("There is no such chat.")) }
                } }
                None => { (nothing("Choose a chat.")) }
            }
        }
    }
}

fn nothing(words: &str) -> Markup {
    html! { div.nothing { p { (words) } } }
}

fn head(scene: &Scene<'_>, face: &Markup, title: &str, about: &str) -> Markup {
    let info = if scene.view.panel == Some(Panel::Info) { None } else { Some(Panel::Info) };
    let is_open = if info.is_none() { "true" } else { "false" };
    html! {
        div.bar {
            a.tool.back href={ "/user/" (scene.me()) } data-go aria-label="All chats" { (icon("back")) }
            (face)
            div.about { h2 { (title) } p { (about) } }
            a.tool href=(scene.path(&scene.view.with(info))) data-go aria-label="About this chat" aria-expanded=(is_open) role="button" { (icon("more")) }
        }
    }
}

/// Messages keep to the bottom, where the newest is.
fn messages(scene: &Scene<'_>, chat: ChatId, is_channel: bool) -> Markup {
    html! {
        div.scroll id={ "scroll" (chat) } tabindex="0" role="log" aria-label="Messages" { (post::all(scene, chat, is_channel)) }
    }
}

fn with_bot(scene: &Scene<'_>) -> Markup {
    let bot = scene.world.bot();
    let chat = scene.me().private_chat();
    let username = format!("@{}, a bot", bot.username.as_deref().unwrap_or_default());
    let action = scene.action();
    let picture = html! { span.face.robot aria-hidden="true" { (icon("bot")) } };
    html! {
        (head(scene, &picture, &bot.first_name, &username))
        (messages(scene, chat, false))
        div.foot id="foot" {
            @if let Some(payload) = &scene.view.start {
                (act_like("go", &action, "start", "Start", &[("payload", payload)]))
            } @else if scene.person.blocked {
                p { "You blocked this bot: it cannot write to you." }
                div.row {
                    (act_like("go", &action, "start", "Restart", &[]))
                    (act_like("", &action, "unblock", "Only unblock", &[]))
                }
            } @else if !scene.person.started {
                (act_like("go", &action, "start", "Start", &[]))
            } @else {
                (commands(scene, chat))
                (composer(&action, chat, "Message"))
            }
        }
    }
}

/// The bot's commands, which an app shows beside the field.
fn commands(scene: &Scene<'_>, chat: ChatId) -> Markup {
    let commands = scene.world.commands(scene.me(), chat);
    let chat = chat.to_string();
    html! {
        @if !commands.is_empty() {
            div.commands role="group" aria-label="Commands of the bot" {
                @for command in commands {
                    @let text = format!("/{}", command.command);
                    form method="post" action=(scene.action()) title=(command.description) {
                        input type="hidden" name="act" value="say";
                        input type="hidden" name="chat" value=(chat);
                        input type="hidden" name="text" value=(text);
                        button { (text) }
                    }
                }
            }
        }
    }
}

fn composer(action: &str, chat: ChatId, words: &str) -> Markup {
    html! {
        form.composer id="composer" method="post" action=(action) {
            input type="hidden" name="act" value="say";
            input type="hidden" name="chat" value=(chat);
            textarea id="text" name="text" aria-label=(words) placeholder=(words) rows="1" maxlength="4096" required {}
            button.go aria-label="Send" { (icon("send")) }
        }
    }
}

fn in_room(scene: &Scene<'_>, room: &Room) -> Markup {
    let (me, chat) = (scene.me(), room.chat.id);
    let title = room.chat.title.as_deref().unwrap_or_default();
    let is_channel = room.chat.kind == ChatKind::Channel;
    let count = scene.world.members(chat).len();
    let people = match (is_channel, count) {
        (true, 1) => "1 subscriber".to_owned(),
        (true, count) => format!("{count} subscribers"),
        (false, 1) => "1 member".to_owned(),
        (false, count) => format!("{count} members"),
    };
    let privacy = if room.chat.username.is_some() { "public" } else { "private" };
    let about = format!("{privacy} {}, {people}", kind_name(room.chat.kind));
    html! {
        (head(scene, &face(chat.0, title), title, &about))
        @if scene.reads(room, me) { (messages(scene, chat, is_channel)) } @else { (outside(scene, room)) }
        div.foot id="foot" { (foot(scene, room)) }
    }
}

/// What a room looks like to somebody who may not read it.
fn outside(scene: &Scene<'_>, room: &Room) -> Markup {
    let me = scene.me();
    let turn = room.passages.get(&me).map(|passage| passage.turn);
    let (headline, more) = if room.requests.contains_key(&me) {
        ("You asked to join", "An administrator decides. As soon as you are let in, the chat opens here.")
    } else if matches!(room.status(me), MemberStatus::Kicked { .. }) {
        ("You were banned", "You cannot come back before an administrator lets you.")
    } else {
        match turn {
            Some(Turn::Declined) => {
                ("Your request was declined", "The link lets in only whom an administrator lets in.")
            }
            Some(Turn::Removed) => ("You were removed", "You can no longer read what is written here."),
            Some(Turn::Left) => ("You left", "You can no longer read what is written here."),
            _ => ("This is private", "You need an invite."),
        }
    };
    html! { div.nothing role="status" { div.note-card { h3 { (headline) } p { (more) } } } }
}

fn foot(scene: &Scene<'_>, room: &Room) -> Markup {
    let (me, action) = (scene.me(), scene.action());
    let status = room.status(me);
    let chat = room.chat.id.to_string();
    let is_channel = room.chat.kind == ChatKind::Channel;
    if status.is_inside() {
        return match (is_channel, status.is_admin()) {
            (true, false) => html! { p { "Only administrators post here." } },
            (true, true) => composer(&action, room.chat.id, "Post in this channel"),
            (false, _) => {
                html! { (commands(scene, room.chat.id)) (composer(&action, room.chat.id, "Message")) }
            }
        };
    }
    if room.requests.contains_key(&me) {
        return act_like("", &action, "withdraw_request", "Take the request back", &[("chat", &chat)]);
    }
    let may_join = room.chat.username.is_some() && !matches!(status, MemberStatus::Kicked { .. });
    if may_join {
        return act_like("go", &action, "join_public", "Join", &[("chat", &chat)]);
    }
    html! { a href=(scene.path(&View::of(me.private_chat()))) data-go { "To the bot" } }
}
