//! The chats of a person, the last used first.

use jiff::Timestamp;
use maud::{Markup, html};

use super::layout::{face, icon};
use super::people::badge;
use super::view::{Panel, Scene, View};
use crate::fake::entities::{Author, Post, Room, Turn};
use crate::ids::ChatId;
use crate::model::ChatKind;

/// A line of the list.
struct Line {
    chat: ChatId,
    at: Option<Timestamp>,
    markup: Markup,
}

pub(super) fn list(scene: &Scene<'_>) -> Markup {
    let mut lines = vec![bot_line(scene)];
    lines.extend(scene.rooms_of(scene.me()).map(|room| room_line(scene, room)));
    lines.sort_by_key(|line| std::cmp::Reverse(line.at));
    let new = View { panel: Some(Panel::NewChat), ..scene.view.with(None) };
    html! {
        section.list id="list" aria-label="Chats" {
            div.bar {
                h2 { (scene.person.user.first_name) }
                a.tool href=(scene.path(&new)) data-go aria-label="New channel or group" { (icon("add")) }
            }
            form.find method="get" action={ "/user/" (scene.me()) } {
                @if let Some(chat) = scene.view.chat { input type="hidden" name="chat" value=(chat); }
                input name="open" aria-label="Open a link or a public name" placeholder="t.me/… or @name" required autocomplete="off";
                button { "Open" }
            }
            ul {
                @for line in &lines {
                    li id={ "line" (line.chat) } {
                        a href=(scene.path(&View::of(line.chat))) data-go aria-current=[(scene.view.chat == Some(line.chat)).then_some("page")] { (line.markup) }
                    }
                }
            }
        }
    }
}

fn bot_line(scene: &Scene<'_>) -> Line {
    let chat = scene.me().private_chat();
    let last = scene.person.posts.last();
    let bot = scene.world.bot();
    let preview = match last {
        _ if scene.person.blocked => html! { "You blocked this bot" },
        Some(post) => preview(scene, post, false),
        None => html! { "Not started yet" },
    };
    let markup = line(
        &html! { span.face.robot aria-hidden="true" { (icon("bot")) } },
        &html! { (bot.first_name) },
        "",
        last,
        &preview,
        scene.unread(scene.me(), chat),
    );
    Line { chat, at: last.map(|post| post.at), markup }
}

fn room_line(scene: &Scene<'_>, room: &Room) -> Line {
    let (chat, me) = (room.chat.id, scene.me());
    let title = room.chat.title.as_deref().unwrap_or_default();
    let last = room.posts.last().filter(|_| scene.reads(room, me));
    let passage = room.passages.get(&me);
    let is_inside = room.status(me).is_inside();
    let request = room.requests.get(&me);
    let text = match (request, passage.map(|passage| passage.turn)) {
        (Some(_), _) => html! { em { "You asked to join" } },
        (_, Some(Turn::Declined)) if !is_inside => html! { em { "Your request was declined" } },
        (_, Some(Turn::Removed)) if !is_inside => html! { em { "You were removed" } },
        (_, Some(Turn::Left)) if !is_inside => html! { em { "You left" } },
        _ => last.map_or_else(
            || html! { em { @if room.chat.kind == ChatKind::Channel { "No posts yet" } @else { "No messages yet" } } },
            |post| preview(scene, post, room.chat.kind == ChatKind::Channel),
        ),
    };
    let times =
        [last.map(|post| post.at), passage.map(|passage| passage.at), request.map(|request| request.at)];
    let unread = if is_inside { scene.unread(me, chat) } else { 0 };
    let sign = if room.chat.kind == ChatKind::Channel { "channel" } else { "group" };
    let markup = line(&face(chat.0, title), &html! { (title) }, sign, last, &text, unread);
    Line { chat, at: times.into_iter().flatten().max(), markup }
}

fn line(
    face: &Markup,
    title: &Markup,
    sign: &str,
    last: Option<&Post>,
    preview: &Markup,
    unread: usize,
) -> Markup {
    html! {
        (face)
        span.about {
            span.title { @if !sign.is_empty() { (icon(sign)) } span { (title) } }
            span.preview { (preview) }
        }
        span.when { @if let Some(post) = last { time { (post.at.strftime("%H:%M")) } } (badge(unread)) }
    }
}

/// The beginning of a message; the sheet cuts what is too long.
fn preview(scene: &Scene<'_>, post: &Post, is_channel: bool) -> Markup {
    /// More does not fit anywhere.
    const PREVIEW_CHARS_MAX: usize = 120;
    let text: String = post.text.chars().take(PREVIEW_CHARS_MAX).collect();
    html! {
        @match post.author {
            Author::User(user) if user == scene.me() && !is_channel => { b { "You: " } }
            Author::User(user) if !is_channel => { b { (scene.name(user)) ": " } }
            _ => {}
        }
        (text)
    }
}
