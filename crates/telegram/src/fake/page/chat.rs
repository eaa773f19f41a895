//! Telegram as one person sees it.

use maud::{Markup, html};

use super::Shown;
use super::layout::{act, page};
use super::links::{dialog, href, rich};
use crate::fake::entities::{Author, Person, Post, PostButton, Room};
use crate::fake::texts::kind_name;
use crate::fake::world::World;
use crate::ids::{ChatId, UserId};
use crate::member::Right;
use crate::model::ChatKind;

pub(super) fn render(world: &World, person: &Person, shown: &Shown) -> Markup {
    let me = person.user.id;
    let rooms = world.rooms().filter(|room| room.migrated_to.is_none());
    let (inside, outside): (Vec<&Room>, Vec<&Room>) = rooms.partition(|room| room.status(me).is_inside());
    let body = html! {
        h1 { (person.user.first_name) " " span.meta { (me) } }
        div.row {
            a.button.quiet href="/" { "Be somebody else" }
            a.button.quiet href={ "/user/" (me) } { "Refresh" }
            a.button.quiet href={ "/user/" (me) "?live=1" } { "Follow along" }
        }
        @if let Some(link) = &shown.open { (dialog(world, me, link)) }
        @if let Some(answer) = world.last_answer(me) { section role="status" { "The bot says: " (answer) } }
        (bot_chat(world, person))
        @for room in inside { (room_inside(world, me, room)) }
        (waiting(me, &outside))
        section {
            h2 { "Open a link" }
            form method="get" action={ "/user/" (me) } {
                label { "Link " input name="open" placeholder="https://t.me/…" required; }
                button { "Open" }
            }
        }
    };
    page(&person.user.first_name, shown, &body)
}

fn bot_chat(world: &World, person: &Person) -> Markup {
    let me = person.user.id;
    let action = format!("/user/{me}/act");
    html! {
        section id="bot" {
            h2 { "@" (world.bot().username.as_deref().unwrap_or_default()) " " span.meta { "bot" } }
            @for post in &person.posts { (post_box(world, me, me.private_chat(), post)) }
            @if person.blocked || !person.started {
                (act(&action, "start", if person.blocked { "Restart" } else { "Start" }, &[]))
            } @else {
                form method="post" action=(action) {
                    input type="hidden" name="act" value="say";
                    label { "Message " input name="text" required; }
                    button { "Send" }
                }
                (act(&action, "block", "Block the bot", &[]))
            }
        }
    }
}

fn room_inside(world: &World, me: UserId, room: &Room) -> Markup {
    let action = format!("/user/{me}/act");
    let chat = room.chat.id.to_string();
    let status = room.status(me);
    let may_write = room.chat.kind != ChatKind::Channel || status.is_admin();
    html! {
        section id={ "chat" (chat) } {
            h2 { (room.chat.title.as_deref().unwrap_or_default()) " " span.meta { (kind_name(room.chat.kind)) " " (chat) } }
            @for post in &room.posts { (post_box(world, me, room.chat.id, post)) }
            @if may_write {
                form method="post" action=(action) {
                    input type="hidden" name="act" value="say";
                    input type="hidden" name="chat" value=(chat);
                    label { "Message " input name="text" required; }
                    button { "Send" }
                }
            }
            @if status.is_admin() { (staff_tools(world, me, room)) } @else { (act(&action, "leave", "Leave", &[("chat", &chat)])) }
        }
    }
}

/// What an owner or administrator does by hand.
fn staff_tools(world: &World, me: UserId, room: &Room) -> Markup {
    let action = format!("/user/{me}/act");
    let chat = room.chat.id.to_string();
    let bot = room.status(world.bot().id);
    html! {
        div.row {
            @if bot.is_admin() {
                (act(&action, "demote_bot", "Take the bot's rights", &[("chat", &chat)]))
                (act(&action, "kick_bot", "Remove the bot", &[("chat", &chat)]))
            } @else {
                (act(&action, "bot_admin", "Make the bot an administrator", &[("chat", &chat)]))
            }
            (act(&action, "make_link", "Make an open link", &[("chat", &chat)]))
        }
        @for link in room.links.iter().filter(|link| link.creator == me) { p.meta { "Link: " (link.url) } }
        @for user in room.requests.keys() {
            @let user_text = user.to_string();
            div.row {
                (name(world, *user)) " asks to join"
                (act(&action, "decide", "Let in", &[("chat", &chat), ("user", &user_text), ("approve", "true")]))
            }
        }
        p.meta {
            "Inside: "
            @for (index, user) in world.members(room.chat.id).into_iter().enumerate() {
                @if index > 0 { ", " } (name(world, user))
            }
        }
        @if !bot.can(Right::InviteUsers) { p.meta { "The bot may not invite here." } }
    }
}

/// Rooms that one waits for, or was banned from.
fn waiting(me: UserId, outside: &[&Room]) -> Markup {
    let action = format!("/user/{me}/act");
    let asked = outside.iter().filter(|room| room.requests.contains_key(&me));
    html! {
        @for room in asked {
            @let chat = room.chat.id.to_string();
            section {
                h2 { (room.chat.title.as_deref().unwrap_or_default()) }
                p { "You asked to join, and wait for an answer." }
                (act(&action, "withdraw_request", "Take it back", &[("chat", &chat)]))
            }
        }
    }
}

fn post_box(world: &World, me: UserId, chat: ChatId, post: &Post) -> Markup {
    let own = post.author == Author::User(me);
    html! {
        div.post.own[own] id={ "m" (chat) "-" (post.id) } {
            @if let Author::User(author) = post.author { @if !own { div.meta { (name(world, author)) } } }
            (rich(world, me, &post.source, &post.text))
            @for row in &post.buttons {
                div.row { @for button in row { (button_form(world, me, chat, post, button)) } }
            }
        }
    }
}

fn button_form(world: &World, me: UserId, chat: ChatId, post: &Post, button: &PostButton) -> Markup {
    if let Some(link) = &button.url {
        return html! { a.button href=(href(world, me, link)) { (button.text) } };
    }
    let Some(data) = &button.callback_data else {
        return html! { span.meta { (button.text) " (opens a web app)" } };
    };
    let (chat, message) = (chat.to_string(), post.id.to_string());
    act(
        &format!("/user/{me}/act"),
        "press",
        &button.text,
        &[("chat", &chat), ("message", &message), ("data", data)],
    )
}

fn name(world: &World, user: UserId) -> String {
    world.person(user).map_or_else(|| user.to_string(), |person| person.user.first_name.clone())
}
