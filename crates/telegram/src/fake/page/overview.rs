//! The first page: who and what there is.

use maud::{Markup, html};

use super::Shown;
use super::layout::{self, Shell, face, icon};
use super::view::View;
use crate::fake::shared::Shared;
use crate::fake::texts::kind_name;
use crate::fake::world::World;
use crate::ids::UserId;

pub(super) fn page(shared: &Shared, shown: &Shown) -> Markup {
    let links = shared.page_links();
    let body = shared.read(|world| content(world, shown));
    let mut events = "/events".to_owned();
    if let Some(open) = &shown.open {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("open", open).finish();
        events = format!("{events}?{query}");
    }
    layout::page(&Shell { title: "People", events: &events, links: &links, is_app: false }, &body)
}

/// Somebody who does not exist was asked for.
pub(super) fn nobody(shared: &Shared, id: UserId) -> Markup {
    let links = shared.page_links();
    let body = html! {
        main.plain id="app" { h1 { "There is nobody with the number " (id) } p { a href="/" { "Everybody that there is" } } }
    };
    layout::page(&Shell { title: "Nobody", events: "/events", links: &links, is_app: false }, &body)
}

fn content(world: &World, shown: &Shown) -> Markup {
    let bot = world.bot().username.as_deref().unwrap_or_default();
    let address = |user: UserId| View { open: shown.open.clone(), ..View::default() }.path(user);
    html! {
        main.plain id="app" {
            @if let Some(refused) = &shown.refused { p.refused role="alert" { "Telegram says: " (refused) } }
            @if let Some(link) = &shown.open { h1 { "Who opens this link?" } p.soft { (link) } }
            @else { h1 { "Whom do you want to be?" } p.soft { "You see Telegram as they see it, and do what they do. Change as often as you like." } }
            @if world.people().next().is_none() { p { "Nobody is here yet: add a person, and be them." } }
            ul.cards {
                @for person in world.people() {
                    @let user = &person.user;
                    li id={ "person" (user.id) } {
                        a.person href=(address(user.id)) {
                            (face(user.id.0, &user.first_name))
                            span { b { (user.first_name) } small { (user.language_code.as_deref().unwrap_or("")) " " (user.id) } }
                        }
                    }
                }
            }
            section.sheet {
                h2 { "Somebody new" }
                form.line-form method="post" action="/act" {
                    input type="hidden" name="act" value="add_user";
                    label { "Name" input name="first_name" required maxlength="64" autocomplete="off"; }
                    label { "Language" select name="language_code" { option { "en" } option { "ru" } option { "es" } } }
                    button.go { "Add a person" }
                }
            }
            section.sheet {
                h2 { "Channels and groups" }
                ul.plain {
                    @for room in world.rooms().filter(|room| room.migrated_to.is_none()) {
                        li id={ "room" (room.chat.id) } {
                            (face(room.chat.id.0, room.chat.title.as_deref().unwrap_or_default()))
                            span {
                                b { (room.chat.title.as_deref().unwrap_or_default()) }
                                small {
                                    (kind_name(room.chat.kind)) " " (room.chat.id) ", " (world.members(room.chat.id).len()) " inside"
                                    @if let Some(name) = &room.chat.username { ", @" (name) }
                                    @if room.status(world.bot().id).is_admin() { ", guarded by @" (bot) }
                                }
                            }
                        }
                    }
                }
                form.line-form method="post" action="/act" {
                    input type="hidden" name="act" value="add_chat";
                    label { "Kind" select name="kind" { option value="channel" { "Channel" } option value="supergroup" { "Group" } } }
                    label { "Title" input name="title" required maxlength="128" autocomplete="off"; }
                    label { "Owner" select name="owner" {
                        @for person in world.people() { option value=(person.user.id) { (person.user.first_name) } }
                    } }
                    button.go { "Add" }
                }
            }
            section.sheet {
                h2 { (icon("bot")) " The bot is @" (bot) }
                p.soft { "Programs use " code { "/bot{token}/{method}" } " as at Telegram, and " code { "/fake/…" } " to play people." }
            }
        }
    }
}
