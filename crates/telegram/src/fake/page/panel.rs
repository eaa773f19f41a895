//! Beside the chat: what it is, who is in it, and what one may do about it.

use maud::{Markup, html};

use super::form::RIGHT_FIELD;
use super::layout::{act_like, icon};
use super::people::new_person;
use super::view::{Panel, Scene};
use crate::fake::entities::Room;
use crate::fake::texts::kind_name;
use crate::ids::UserId;
use crate::member::{AdminRights, MemberStatus, Right};
use crate::model::ChatKind;

/// The rights that a person can give, as Telegram's app calls them, and whether only channels have them.
const RIGHTS: [(&str, &str, bool); 7] = [
    ("can_invite_users", "Add members and decide on requests", false),
    ("can_restrict_members", "Remove members", false),
    ("can_post_messages", "Post messages", true),
    ("can_edit_messages", "Edit messages of others", true),
    ("can_delete_messages", "Delete messages of others", false),
    ("can_change_info", "Change the title and the picture", false),
    ("can_promote_members", "Add administrators", false),
];

pub(super) fn beside(scene: &Scene<'_>) -> Markup {
    let me = scene.me();
    let (title, body) = match scene.view.panel {
        None => return html! { aside.panel id="panel" hidden {} },
        Some(Panel::NewPerson) => ("A new person", new_person(&scene.action())),
        Some(Panel::NewChat) => ("A new channel or group", new_chat(scene)),
        Some(Panel::Info) => match scene.view.chat {
            Some(chat) if chat == me.private_chat() => ("The bot", about_bot(scene)),
            Some(chat) => match scene.world.room(chat) {
                Some(room) => ("About this chat", about_room(scene, room)),
                None => ("About this chat", html! {}),
            },
            None => ("About you", html! { p { "You are " (scene.name(me)) ", account " (me) "." } }),
        },
    };
    html! {
        aside.panel id="panel" aria-label=(title) {
            div.bar {
                h2 { (title) }
                a.tool href=(scene.path(&scene.view.with(None))) data-go aria-label="Close" { (icon("close")) }
            }
            div.inside id="inside" { (body) }
        }
    }
}

fn new_chat(scene: &Scene<'_>) -> Markup {
    html! {
        form.stack method="post" action=(scene.action()) {
            input type="hidden" name="act" value="add_chat";
            fieldset {
                legend { "What" }
                label.tick { input type="radio" name="kind" value="channel" checked; "Channel: only administrators post" }
                label.tick { input type="radio" name="kind" value="supergroup"; "Group: everybody writes" }
                label.tick { input type="radio" name="kind" value="group"; "Basic group, as small new groups are" }
            }
            label { "Title" input name="title" required maxlength="128" autocomplete="off"; }
            label { "Public name, if everybody may find it"
                input name="username" placeholder="my_channel" pattern="@?[A-Za-z][A-Za-z0-9_]{4,31}" autocomplete="off"; }
            button.go { "Make it" }
        }
    }
}

fn about_bot(scene: &Scene<'_>) -> Markup {
    let bot = scene.world.bot();
    let person = scene.person;
    html! {
        dl {
            dt { "Name" } dd { "@" (bot.username.as_deref().unwrap_or_default()) }
            dt { "You are" } dd { (person.user.first_name) ", account " (person.user.id) }
            dt { "Your language" } dd { (person.user.language_code.as_deref().unwrap_or("not told")) }
        }
        @if person.blocked {
            (act_like("", &scene.action(), "unblock", "Unblock the bot", &[]))
        } @else if person.started {
            (act_like("bad", &scene.action(), "block", "Block the bot", &[]))
        }
    }
}

fn about_room(scene: &Scene<'_>, room: &Room) -> Markup {
    let status = room.status(scene.me());
    let chat = room.chat.id.to_string();
    html! {
        dl {
            dt { "Kind" } dd { (kind_name(room.chat.kind)) }
            dt { "Id" } dd { code { (chat) } }
            @if let Some(name) = &room.chat.username { dt { "Public name" } dd { "@" (name) } }
            dt { "You are" } dd { (role(status)) }
        }
        @if status.is_inside() && status != MemberStatus::Creator {
            (act_like("bad", &scene.action(), "leave", "Leave", &[("chat", &chat)]))
        }
        @if status.is_admin() {
            @if may_promote(scene, room) { (bot_rights(scene, room)) }
            (requests(scene, room))
            (invites(scene, room))
            (members(scene, room))
        }
    }
}

fn role(status: MemberStatus) -> &'static str {
    match status {
        MemberStatus::Creator => "the owner",
        MemberStatus::Administrator(_) => "an administrator",
        MemberStatus::Member => "a member",
        MemberStatus::Restricted { is_member: true } => "a member under restrictions",
        MemberStatus::Restricted { is_member: false } | MemberStatus::Left => "outside",
        MemberStatus::Kicked { .. } => "banned",
    }
}

pub(super) fn may_promote(scene: &Scene<'_>, room: &Room) -> bool {
    match room.status(scene.me()) {
        MemberStatus::Creator => true,
        MemberStatus::Administrator(rights) => rights.can_promote_members,
        _ => false,
    }
}

/// Whether the bot is an administrator, and what it may do.
fn bot_rights(scene: &Scene<'_>, room: &Room) -> Markup {
    let bot = scene.world.bot();
    let status = room.status(bot.id);
    let held = match status {
        MemberStatus::Administrator(rights) => Some(rights),
        _ => None,
    };
    let chat = room.chat.id.to_string();
    let is_channel = room.chat.kind == ChatKind::Channel;
    let shown = held.unwrap_or(AdminRights::gatekeeper());
    let bot_id = bot.id.to_string();
    html! {
        section.group id="rights" {
            h3 { "The bot here" }
            p { "@" (bot.username.as_deref().unwrap_or_default()) " is " (role(status)) "." }
            form.stack method="post" action=(scene.action()) {
                input type="hidden" name="act" value="bot_admin";
                input type="hidden" name="chat" value=(chat);
                fieldset {
                    legend { "It may" }
                    @for (name, words, only_channels) in RIGHTS {
                        @if is_channel || !only_channels {
                            label.tick { input type="checkbox" name=(RIGHT_FIELD) value=(name) checked[has(shown, name)]; (words) }
                        }
                    }
                }
                button.go id="promote" { @if held.is_some() { "Save the rights" } @else { "Make the bot an administrator" } }
            }
            @if held.is_some() {
                div.row {
                    @if !is_channel { (act_like("", &scene.action(), "demote_bot", "Take all its rights", &[("chat", &chat)])) }
                    (act_like("bad", &scene.action(), "kick_bot", "Remove the bot", &[("chat", &chat)]))
                }
            } @else if !is_channel && !status.is_inside() {
                (act_like("", &scene.action(), "add_member", "Add it as a member", &[("chat", &chat), ("user", &bot_id)]))
            }
        }
    }
}

fn has(rights: AdminRights, name: &str) -> bool {
    match name {
        "can_invite_users" => rights.can_invite_users,
        "can_restrict_members" => rights.can_restrict_members,
        "can_post_messages" => rights.can_post_messages,
        "can_edit_messages" => rights.can_edit_messages,
        "can_delete_messages" => rights.can_delete_messages,
        "can_change_info" => rights.can_change_info,
        "can_promote_members" => rights.can_promote_members,
        _ => false,
    }
}

fn requests(scene: &Scene<'_>, room: &Room) -> Markup {
    let chat = room.chat.id.to_string();
    html! {
        @if !room.requests.is_empty() {
            section.group id="requests" {
                h3 { "Who asks to join" }
                @for user in room.requests.keys() {
                    @let id = user.to_string();
                    div.line {
                        span { (scene.name(*user)) }
                        (act_like("", &scene.action(), "decide", "Let in", &[("chat", &chat), ("user", &id), ("approve", "true")]))
                        (act_like("", &scene.action(), "decide", "Decline", &[("chat", &chat), ("user", &id), ("approve", "false")]))
                    }
                }
            }
        }
    }
}

fn invites(scene: &Scene<'_>, room: &Room) -> Markup {
    let chat = room.chat.id.to_string();
    html! {
        section.group id="invites" {
            h3 { "Invites made by hand" }
            ul.plain {
                @for link in room.links.iter().filter(|link| link.creator == scene.me()) {
                    li { code { (link.url) } @if link.creates_join_request { " asks" } @else { " lets in whoever has it" } }
                }
            }
            div.row {
                (act_like("", &scene.action(), "make_link", "New link", &[("chat", &chat)]))
                (act_like("", &scene.action(), "make_link", "New link with requests", &[("chat", &chat), ("creates_join_request", "true")]))
            }
            @if room.chat.kind == ChatKind::Group {
                (act_like("", &scene.action(), "migrate", "Make it a supergroup", &[("chat", &chat)]))
            }
        }
    }
}

fn members(scene: &Scene<'_>, room: &Room) -> Markup {
    let chat = room.chat.id.to_string();
    let may_remove = room.can(scene.me(), Right::RestrictMembers);
    let inside = scene.world.members(room.chat.id);
    let is_banned = |user: &UserId| matches!(room.status(*user), MemberStatus::Kicked { .. });
    let banned: Vec<UserId> = room.standings.keys().copied().filter(is_banned).collect();
    html! {
        section.group id="members" {
            h3 { "Who is inside" }
            @for user in inside {
                @let id = user.to_string();
                @let status = room.status(user);
                div.line {
                    span { (scene.name(user)) @if status != MemberStatus::Member { small { " " (role(status)) } } }
                    @if may_remove && !status.is_admin() {
                        (act_like("", &scene.action(), "ban", "Ban", &[("chat", &chat), ("user", &id)]))
                    }
                }
            }
            @for user in banned {
                @let id = user.to_string();
                div.line {
                    span { (scene.name(user)) small { " banned" } }
                    @if may_remove { (act_like("", &scene.action(), "unban", "Lift the ban", &[("chat", &chat), ("user", &id)])) }
                }
            }
        }
    }
}
