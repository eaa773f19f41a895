//! What every page has around it.

use maud::{DOCTYPE, Markup, html};
use serde::Serialize;

use super::assets;

/// A page of another program that the simulation's pages lead to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageLink {
    /// What it is called.
    pub label: String,
    /// Where it is.
    pub url: String,
}

/// What is around a page.
pub(super) struct Shell<'a> {
    pub(super) title: &'a str,
    /// Where changes of the page come from.
    pub(super) events: &'a str,
    pub(super) links: &'a [PageLink],
    /// Whether it fills the window.
    pub(super) is_app: bool,
}

pub(super) fn page(shell: &Shell<'_>, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover";
                meta name="color-scheme" content="light dark";
                title { (shell.title) " · Simulated Telegram" }
                link rel="stylesheet" href=(assets::SHEET.path());
                link rel="icon" href=(assets::ICON.path());
                script src=(assets::SCRIPT.path()) defer {}
            }
            body.full[shell.is_app] data-events=(shell.events) {
                header.sim {
                    p { strong { "Simulated Telegram" } span { ": nobody here is real, and nothing reaches telegram.org." } }
                    nav aria-label="The simulation" {
                        @for link in shell.links { a href=(link.url) { (link.label) } }
                        a href="/" data-go { "People" }
                        a href="/trouble" data-go { "Trouble" }
                    }
                }
                p.lost id="lost" role="status" hidden { "The simulation does not answer. It is asked again until it does." }
                (body)
            }
        }
    }
}

/// A form of one button, with what it sends.
pub(super) fn act(action: &str, act: &str, label: &str, fields: &[(&str, &str)]) -> Markup {
    act_like("", action, act, label, fields)
}

/// The same, with a look.
pub(super) fn act_like(look: &str, action: &str, act: &str, label: &str, fields: &[(&str, &str)]) -> Markup {
    html! {
        form method="post" action=(action) {
            input type="hidden" name="act" value=(act);
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            button class=(look) { (label) }
        }
    }
}

/// A round picture with the first letters of a name, always the same for the same id.
pub(super) fn face(id: i64, name: &str) -> Markup {
    /// How many colours the sheet has.
    const COLOURS: u64 = 8;
    let letters: String = name.split_whitespace().filter_map(|word| word.chars().next()).take(2).collect();
    let colour = id.unsigned_abs() % COLOURS;
    html! { span class={ "face c" (colour) } aria-hidden="true" { (letters.to_uppercase()) } }
}

/// Pictures of the page, drawn by us.
pub(super) fn icon(name: &str) -> Markup {
    let path = match name {
        "channel" => "M3 10v4h3l6 4V6L6 10H3zm12-2.5v9a5 5 0 0 0 0-9z",
        "group" => {
            "M9 12a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zm7 0a3 3 0 1 0 0-6M2.5 19c0-3 3-5 6.5-5s6.5 2 6.5 5v.5h-13zM17 14c2.6.2 4.5 2 4.5 4.6v.9h-4"
        }
        "bot" => {
            "M12 3v3M6 8h12a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2zm3 4v2m6-2v2M2 12v3m20-3v3"
        }
        "back" => "M15 5l-7 7 7 7",
        "more" => "M12 6h.01M12 12h.01M12 18h.01",
        "close" => "M6 6l12 12M18 6L6 18",
        "add" => "M12 5v14M5 12h14",
        "send" => "M4 12l16-8-5 16-4-6-7-2z",
        "out" => "M14 4h6v6M20 4l-9 9M18 14v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V7a1 1 0 0 1 1-1h5",
        "list" => "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
        _ => "",
    };
    html! {
        svg.icon viewBox="0 0 24 24" aria-hidden="true" focusable="false" { path d=(path); }
    }
}
