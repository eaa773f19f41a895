//! What lies over the page: a question before a link opens, what the bot answers to a press, why something was refused.

use maud::{Markup, html};

use super::form::RIGHT_FIELD;
use super::layout::{act_like, face};
use super::links::{Inside, inside};
use super::panel::may_promote;
use super::view::{Scene, View};
use crate::fake::entities::{JoinLink, Room};
use crate::fake::texts::kind_name;
use crate::model::ChatKind;

pub(super) fn over(scene: &Scene<'_>) -> Markup {
    html! {
        div id="over" {
            @if let Some(refused) = &scene.view.refused {
                div.toast.bad id="refused" role="alert" {
                    p { "Telegram says: " (refused) }
                    a.tool href=(scene.path(&View { refused: None, ..scene.view.clone() })) data-go data-fades { "OK" }
                }
            }
            @if let Some(link) = &scene.view.open { (question(scene, link)) } @else { (answer(scene)) }
        }
    }
}

/// What the bot said to a press: for a moment, or until it is closed.
fn answer(scene: &Scene<'_>) -> Markup {
    let Some((id, answer)) = scene.world.shown_answer(scene.me()) else { return html! {} };
    let text = answer.text.as_deref().unwrap_or_default();
    let link = answer.url.as_deref();
    let close = |label: &str, look: &str, fades: bool| {
        html! {
            form method="post" action=(scene.action()) data-fades[fades] data-close {
                input type="hidden" name="act" value="dismiss";
                button class=(look) { (label) }
            }
        }
    };
    html! {
        @if answer.is_alert || link.is_some() {
            dialog.card id={ "answer" (id) } aria-labelledby="answer-words" open {
                p id="answer-words" { @if text.is_empty() { "The bot opens a link." } @else { (text) } }
                div.row {
                    @if let Some(link) = link { a.button.go href=(super::links::href(scene, link)) data-go { "Open" } }
                    (close("OK", "go", false))
                }
            }
        } @else {
            div.toast id={ "answer" (id) } role="status" { p { (text) } (close("OK", "tool", true)) }
        }
    }
}

/// What the app asks before it opens a link into Telegram.
fn question(scene: &Scene<'_>, link: &str) -> Markup {
    let close = html! { a.button href=(scene.path(&scene.view.with(None))) data-go data-close { "Not now" } };
    let body = match inside(scene.world, link) {
        Some(Inside::Invite(url)) => {
            let found = scene.world.rooms().find_map(|room| room.link(&url).map(|link| (room, link)));
            match found.filter(|(_, link)| !link.is_revoked) {
                Some((room, link)) => invite(scene, room, link),
                None => html! { h2 id="question" { "This invite link has expired" } },
            }
        }
        Some(Inside::AddBot { is_channel, rights }) => add_bot(scene, is_channel, &rights),
        Some(Inside::Nobody(name)) => html! { h2 id="question" { "Nobody here is called " (name) } },
        Some(Inside::Bot(_) | Inside::Room(_)) => html! { h2 id="question" { "Open" } },
        None => html! {
            h2 id="question" { "This link leads out of Telegram" }
            p { (link) }
            @if link.starts_with("https://") || link.starts_with("http://") {
                a.button.go href=(link) target="_blank" rel="noopener noreferrer" { "Open the page" }
            }
        },
    };
    html! {
        dialog.card id="dialog" aria-labelledby="question" open { (body) div.row { (close) } }
    }
}

fn invite(scene: &Scene<'_>, room: &Room, link: &JoinLink) -> Markup {
    let title = room.chat.title.as_deref().unwrap_or_default();
    let label = if link.creates_join_request { "Request to join" } else { "Join" };
    let count = scene.world.members(room.chat.id).len();
    html! {
        (face(room.chat.id.0, title))
        h2 id="question" { (title) }
        p { "A private " (kind_name(room.chat.kind)) " with " (count) @if count == 1 { " member" } @else { " members" } }
        @if link.creates_join_request { p { "An administrator decides who is let in." } }
        (act_like("go", &scene.action(), "open_link", label, &[("link", &link.url)]))
    }
}

/// A bot's link that asks to be made administrator.
fn add_bot(scene: &Scene<'_>, is_channel: bool, rights: &[String]) -> Markup {
    let mine = scene
        .rooms_of(scene.me())
        .filter(|room| may_promote(scene, room) && (room.chat.kind == ChatKind::Channel) == is_channel);
    let mine: Vec<&Room> = mine.collect();
    let kind = if is_channel { "channel" } else { "group" };
    html! {
        h2 id="question" { "Add the bot to a " (kind) }
        @if mine.is_empty() { p { "You own no " (kind) " yet. Make one with the plus above your chats." } }
        @else { p { "It becomes an administrator there, with the rights that it asks for." } }
        @for room in mine {
            form method="post" action=(scene.action()) {
                input type="hidden" name="act" value="bot_admin";
                input type="hidden" name="chat" value=(room.chat.id);
                @for right in rights { input type="hidden" name=(RIGHT_FIELD) value=(right); }
                button.go { (room.chat.title.as_deref().unwrap_or_default()) }
            }
        }
    }
}
