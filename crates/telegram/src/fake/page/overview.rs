//! Who and what there is.

use maud::{Markup, html};

use super::Shown;
use super::layout::page;
use crate::fake::texts::kind_name;
use crate::fake::world::World;
use crate::ids::{ChatId, UserId};

/// Where the numbers of people made here start.
const FIRST_USER: i64 = 1001;
/// Where the numbers of channels made here start, downwards.
const FIRST_CHANNEL: i64 = -1_000_000_001_001;

pub(super) fn render(world: &World, shown: &Shown) -> Markup {
    let bot = world.bot().username.as_deref().unwrap_or_default();
    let body = html! {
        h1 { "Simulated Telegram" }
        section {
            h2 { "Whom do you want to be?" }
            ul {
                @for person in world.people() {
                    li { a href={ "/user/" (person.user.id) } { (person.user.first_name) } " " span.meta { (person.user.id) } }
                }
            }
            form method="post" action="/act" {
                input type="hidden" name="act" value="add_user";
                input type="hidden" name="id" value=(free_user(world));
                label { "Name " input name="first_name" required; }
                label { "Language " select name="language_code" { option { "en" } option { "ru" } option { "es" } } }
                button { "Add a person" }
            }
        }
        section {
            h2 { "Channels and groups" }
            ul {
                @for room in world.rooms() {
                    li {
                        (room.chat.title.as_deref().unwrap_or_default()) " "
                        span.meta {
                            (kind_name(room.chat.kind)) " " (room.chat.id) ", " (world.members(room.chat.id).len()) " inside"
                            @if room.status(world.bot().id).is_admin() { ", guarded by @" (bot) }
                        }
                    }
                }
            }
            form method="post" action="/act" {
                input type="hidden" name="act" value="add_chat";
                input type="hidden" name="id" value=(free_channel(world));
                input type="hidden" name="kind" value="channel";
                label { "Title " input name="title" required; }
                label { "Owner " select name="owner" {
                    @for person in world.people() { option value=(person.user.id) { (person.user.first_name) } }
                } }
                button { "Add a channel" }
            }
        }
        p.meta { "The bot is @" (bot) ". Other programs use /fake/… and /bot{token}/{method}." }
    };
    page("People", shown, &body)
}

fn free_user(world: &World) -> UserId {
    let taken = world.people().map(|person| person.user.id.0 + 1).max();
    UserId(taken.unwrap_or(FIRST_USER).max(FIRST_USER))
}

fn free_channel(world: &World) -> ChatId {
    let taken = world.rooms().map(|room| room.chat.id.0 - 1).min();
    ChatId(taken.unwrap_or(FIRST_CHANNEL).min(FIRST_CHANNEL))
}
