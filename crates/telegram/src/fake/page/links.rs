//! Text with its links, as a person sees it: links into Telegram open here, all others elsewhere.

use maud::{Markup, PreEscaped};
use url::Url;

use super::view::{Scene, View};
use crate::fake::entities::Post;
use crate::fake::markup::{Piece, pieces};
use crate::fake::world::World;
use crate::html::escape;
use crate::ids::{ChatId, UserId};

/// What Telegram puts before the number of a channel; links leave it out.
const CHANNEL_PREFIX: i64 = -1_000_000_000_000;

/// What a link into Telegram leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// The bot, with what follows `start=`.
    Bot(Option<String>),
    /// A group or channel to which the bot is to be added, with these rights.
    AddBot {
        /// Whether it is a channel.
        is_channel: bool,
        /// The Bot API's names of the rights.
        rights: Vec<String>,
    },
    /// An invite, in its usual spelling.
    Invite(String),
    /// A group or channel.
    Room(ChatId),
    /// Nobody.
    Nobody(String),
}

/// What a link leads to in Telegram, if it leads there: <https://core.telegram.org/api/links>.
pub(super) fn inside(world: &World, link: &str) -> Option<Inside> {
    if let Some(name) = link.strip_prefix('@') {
        return Some(named(world, name, &[]));
    }
    let url = Url::parse(link).ok()?;
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let get = |name: &str| query.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone());
    if url.scheme() == "tg" {
        return Some(match url.host_str() {
            Some("resolve") => named(world, &get("domain").unwrap_or_default(), &query),
            Some("join") => Inside::Invite(invite(&get("invite").unwrap_or_default())),
            _ => Inside::Nobody(link.to_owned()),
        });
    }
    let is_telegram = matches!(url.scheme(), "http" | "https")
        && matches!(url.host_str(), Some("t.me" | "telegram.me" | "telegram.dog"));
    if !is_telegram {
        return None;
    }
    let parts: Vec<&str> = url.path().split('/').filter(|part| !part.is_empty()).collect();
    Some(match parts.as_slice() {
        [code, ..] if code.starts_with('+') => Inside::Invite(invite(&code[1..])),
        ["joinchat", code, ..] => Inside::Invite(invite(code)),
        ["c", number, ..] => {
            let room = number.parse().ok().map(|number: i64| ChatId(CHANNEL_PREFIX - number));
            let room = room.filter(|room| world.room(*room).is_some());
            room.map_or_else(|| Inside::Nobody(link.to_owned()), Inside::Room)
        }
        [name, ..] => named(world, name, &query),
        [] => Inside::Nobody(link.to_owned()),
    })
}

/// Whether a link stays in Telegram.
pub(super) fn is_inside(world: &World, link: &str) -> bool {
    inside(world, link).is_some()
}

fn invite(code: &str) -> String {
    format!("https://t.me/+{code}")
}

/// The bot or the room of a public name.
fn named(world: &World, name: &str, query: &[(String, String)]) -> Inside {
    let get = |name: &str| query.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone());
    if !world.bot().username.as_deref().is_some_and(|bot| bot.eq_ignore_ascii_case(name)) {
        return world.by_username(name).map_or_else(|| Inside::Nobody(name.to_owned()), Inside::Room);
    }
    let (channel, group) = (get("startchannel"), get("startgroup"));
    if channel.is_some() || group.is_some() {
        let rights = get("admin").unwrap_or_default();
        // A plus in a query is a space.
        let rights =
            rights.split([' ', '+']).filter(|right| !right.is_empty()).map(|right| format!("can_{right}"));
        return Inside::AddBot { is_channel: channel.is_some(), rights: rights.collect() };
    }
    Inside::Bot(get("start").filter(|payload| !payload.is_empty()))
}

/// Where a link that is to be opened leads without a question.
pub(super) fn straight_to(world: &World, me: UserId, view: &View) -> Option<View> {
    match inside(world, view.open.as_deref()?)? {
        Inside::Bot(start) => Some(View { start, ..View::of(me.private_chat()) }),
        Inside::Room(chat) => Some(View::of(chat)),
        Inside::Invite(url) => {
            let room = world.rooms().find(|room| room.link(&url).is_some());
            room.filter(|room| room.status(me).is_inside()).map(|room| View::of(room.chat.id))
        }
        Inside::AddBot { .. } | Inside::Nobody(_) => None,
    }
}

/// Where a link goes from the page of a person.
pub(super) fn href(scene: &Scene<'_>, link: &str) -> String {
    if !is_inside(scene.world, link) {
        return link.to_owned();
    }
    let open = View { open: Some(link.to_owned()), ..scene.view.with(None) };
    let view = straight_to(scene.world, scene.me(), &open).unwrap_or(open);
    scene.path(&view)
}

/// A message's text with its formatting and its links. Nothing of it is taken over but the tags that Telegram knows and addresses of pages.
pub(super) fn rich(scene: &Scene<'_>, post: &Post) -> Markup {
    let plain = || vec![Piece::Text(post.text.clone())];
    let parts = if post.is_html { pieces(&post.source).unwrap_or_else(|_| plain()) } else { plain() };
    let mut out = String::new();
    let mut in_link = false;
    for piece in parts {
        match piece {
            Piece::Text(text) if in_link => out.push_str(&escape(&text)),
            Piece::Text(text) => out.push_str(&with_links(scene, &text)),
            Piece::Open { name: "a", href } => {
                in_link = true;
                out.push_str(&open_anchor(scene, href.as_deref().unwrap_or_default()));
            }
            Piece::Open { name: "tg-spoiler", .. } => out.push_str("<span class=\"spoiler\" tabindex=\"0\">"),
            Piece::Close { name: "tg-spoiler" } => out.push_str("</span>"),
            Piece::Open { name: "tg-emoji", .. } => out.push_str("<span>"),
            Piece::Close { name: "tg-emoji" } => out.push_str("</span>"),
            Piece::Open { name, .. } => out.push_str(&format!("<{name}>")),
            Piece::Close { name } => {
                in_link &= name != "a";
                out.push_str(&format!("</{name}>"));
            }
        }
    }
    PreEscaped(out)
}

/// Only addresses of pages and of Telegram become links: a script address must not.
fn open_anchor(scene: &Scene<'_>, link: &str) -> String {
    let scheme = Url::parse(link).map(|url| url.scheme().to_owned()).unwrap_or_default();
    match scheme.as_str() {
        "http" | "https" | "tg" if is_inside(scene.world, link) => {
            format!("<a data-go href=\"{}\">", escape(&href(scene, link)))
        }
        "http" | "https" => {
            format!("<a target=\"_blank\" rel=\"noopener noreferrer\" href=\"{}\">", escape(link))
        }
        _ => "<a>".to_owned(),
    }
}

/// Bare addresses become links, as in Telegram, and so do commands.
fn with_links(scene: &Scene<'_>, text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive(char::is_whitespace) {
        let link = word.trim_end();
        if link.starts_with("https://") || link.starts_with("http://") {
            let link = link.trim_end_matches(['.', ',', ';', ')', '!', '?']);
            let rest = &word[link.len()..];
            out.push_str(&format!("{}{}</a>{}", open_anchor(scene, link), escape(link), escape(rest)));
        } else {
            out.push_str(&escape(word));
        }
    }
    out
}
