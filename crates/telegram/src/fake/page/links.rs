//! Text with its links, as a person sees it: links into Telegram open here, all others elsewhere.

use maud::{Markup, PreEscaped, html};
use url::Url;

use super::layout::act;
use crate::fake::markup::{Piece, pieces};
use crate::fake::world::World;
use crate::html::escape;
use crate::ids::UserId;

/// What a `t.me` link leads to.
pub(super) enum Inside {
    /// The bot, with what follows `start=`.
    Bot(String),
    /// An invite.
    Invite(String),
}

/// Whether a link stays in Telegram, and what it leads to there.
pub(super) fn inside(world: &World, link: &str) -> Option<Inside> {
    let url = Url::parse(link).ok().filter(|url| url.host_str() == Some("t.me"))?;
    let path = url.path().trim_start_matches('/');
    if path.starts_with('+') {
        return Some(Inside::Invite(link.to_owned()));
    }
    let is_bot = world.bot().username.as_deref().is_some_and(|bot| bot.eq_ignore_ascii_case(path));
    let payload = url.query_pairs().find(|(name, _)| name == "start").map(|(_, value)| value.into_owned());
    is_bot.then(|| Inside::Bot(payload.unwrap_or_default()))
}

/// Where a link goes from the page of `me`.
pub(super) fn href(world: &World, me: UserId, link: &str) -> String {
    if inside(world, link).is_none() {
        return link.to_owned();
    }
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("open", link).finish();
    format!("/user/{me}?{query}")
}

/// What the app asks before it opens a link into Telegram.
pub(super) fn dialog(world: &World, me: UserId, link: &str) -> Markup {
    let action = format!("/user/{me}/act");
    let close = html! { a.button.quiet href={ "/user/" (me) } { "Not now" } };
    match inside(world, link) {
        Some(Inside::Bot(payload)) => html! {
            section.dialog {
                h2 { "Open @" (world.bot().username.as_deref().unwrap_or_default()) "?" }
                div.row { (act(&action, "start", "Start", &[("payload", &payload)])) (close) }
            }
        },
        Some(Inside::Invite(url)) => {
            let room = world.rooms().find_map(|room| room.link(&url).map(|link| (room, link)));
            html! {
                section.dialog {
                    @if let Some((room, link)) = room {
                        h2 { (room.chat.title.as_deref().unwrap_or_default()) }
                        div.row {
                            (act(&action, "open_link", if link.creates_join_request { "Request to join" } else { "Join" }, &[("link", &url)]))
                            (close)
                        }
                    } @else {
                        h2 { "This invite link has expired" }
                        (close)
                    }
                }
            }
        }
        None => html! {},
    }
}

/// A message's text with its formatting and its links.
pub(super) fn rich(world: &World, me: UserId, source: &str, plain: &str) -> Markup {
    let mut out = String::new();
    let mut in_link = false;
    for piece in pieces(source).unwrap_or_else(|_| vec![Piece::Text(plain.to_owned())]) {
        match piece {
            Piece::Text(text) if in_link => out.push_str(&escape(&text)),
            Piece::Text(text) => out.push_str(&with_links(world, me, &text)),
            Piece::Open { name: "a", href } => {
                in_link = true;
                out.push_str(&open_anchor(world, me, href.as_deref().unwrap_or_default()));
            }
            Piece::Open { name, .. } => out.push_str(&format!("<{name}>")),
            Piece::Close { name } => {
                in_link &= name != "a";
                out.push_str(&format!("</{name}>"));
            }
        }
    }
    PreEscaped(out)
}

/// Only addresses of pages become links: a script address must not.
fn open_anchor(world: &World, me: UserId, link: &str) -> String {
    let is_page = link.starts_with("https://") || link.starts_with("http://");
    if is_page { format!("<a href=\"{}\">", escape(&href(world, me, link))) } else { "<a>".to_owned() }
}

/// Bare addresses become links, as in Telegram.
fn with_links(world: &World, me: UserId, text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive(char::is_whitespace) {
        let link = word.trim_end();
        if link.starts_with("https://") || link.starts_with("http://") {
            let rest = &word[link.len()..];
            out.push_str(&format!("{}{}</a>{rest}", open_anchor(world, me, link), escape(link)));
        } else {
            out.push_str(&escape(word));
        }
    }
    out
}
