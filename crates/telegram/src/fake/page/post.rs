//! One message.

use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::layout::{self, icon};
use super::links::{href, is_inside, rich};
use super::view::Scene;
use crate::fake::entities::{Author, Post, PostButton};
use crate::ids::ChatId;

/// The messages of a chat, oldest first, with a line for each new day.
pub(super) fn all(scene: &Scene<'_>, chat: ChatId, is_channel: bool) -> Markup {
    /// Older ones are not shown; a demonstration has a few dozen.
    const POSTS_SHOWN_MAX: usize = 300;
    let posts = scene.world.posts(chat);
    let posts = &posts[posts.len().saturating_sub(POSTS_SHOWN_MAX)..];
    let day = |post: &Post| TimeZone::UTC.to_datetime(post.at).date();
    html! {
        ol.posts {
            @for (index, post) in posts.iter().enumerate() {
                @let before = index.checked_sub(1).and_then(|before| posts.get(before));
                @if before.is_none_or(|before| day(before) != day(post)) {
                    li.day id={ "day" (chat) "-" (post.id) } { span { (day(post).strftime("%-d %B %Y")) } }
                }
                (one(scene, chat, post, before, is_channel))
            }
        }
    }
}

fn one(scene: &Scene<'_>, chat: ChatId, post: &Post, before: Option<&Post>, is_channel: bool) -> Markup {
    let is_own = post.author == Author::User(scene.me()) && !is_channel;
    let follows = before.is_some_and(|before| before.author == post.author);
    html! {
        li.post.own[is_own] id={ "post" (chat) "-" (post.id) } {
            div.bubble {
                @if !is_own && !is_channel && !chat.is_private() && !follows { p.author { (author(scene, post)) } }
                @if let Some(forwarded) = &post.forwarded {
                    @let room = scene.world.room(forwarded.chat).and_then(|room| room.chat.title.as_deref());
                    p.author { "Forwarded from " (room.unwrap_or("a channel")) }
                }
                div.text { (rich(scene, post)) }
                @if is_channel && scene.person.started && !scene.person.blocked {
                    (layout::act_like("forward", &scene.action(), "forward", "Forward to the bot", &[("chat", &chat.to_string()), ("message", &post.id.to_string())]))
                }
                p.meta { @if post.edited_at.is_some() { "edited " } time { (post.at.strftime("%H:%M")) } }
            }
            @if !post.buttons.is_empty() {
                div.keys {
                    @for row in &post.buttons { div { @for button in row { (key(scene, chat, post, button)) } } }
                }
            }
        }
    }
}

fn author<'a>(scene: &Scene<'a>, post: &Post) -> &'a str {
    match post.author {
        Author::Bot => &scene.world.bot().first_name,
        Author::User(user) => scene.name(user),
    }
}

fn key(scene: &Scene<'_>, chat: ChatId, post: &Post, button: &PostButton) -> Markup {
    if let Some(link) = &button.url {
        let stays = is_inside(scene.world, link);
        return html! {
            a.key href=(href(scene, link)) data-go[stays] target=[(!stays).then_some("_blank")] rel=[(!stays).then_some("noopener noreferrer")] {
                (button.text) @if !stays { (icon("out")) span.hush { " (opens a page)" } }
            }
        };
    }
    let Some(data) = &button.callback_data else {
        return html! { span.key { (button.text) span.hush { " (a web app, which is not simulated)" } } };
    };
    let waits = scene.world.is_pressed(scene.now, scene.me(), chat, post.id, data);
    html! {
        form method="post" action=(scene.action()) {
            input type="hidden" name="act" value="press";
            input type="hidden" name="chat" value=(chat);
            input type="hidden" name="message" value=(post.id);
            input type="hidden" name="data" value=(data);
            button.key.waits[waits] { (button.text) @if waits { span.hush { " (waits for the bot)" } } }
        }
    }
}
