//! The buyer's pages: server-rendered, from our own origin, usable without JavaScript. A page that waits keeps itself true: by the script, or
//! without one by asking again as a whole.

mod link;
mod order;
mod parts;

use maud::{DOCTYPE, Markup, html};

pub use link::{link, link_over};
pub use order::{order, order_part};

use super::assets::{ICON, SCRIPT, SHEET};
use crate::texts::Language;

/// How often a page asks again where there is no JavaScript and something comes by itself within moments, in seconds.
const REFRESH_SECONDS: u32 = 5;
/// The same where a person is at work on the page or elsewhere, in seconds: with each time what they have opened closes, what they have
/// marked is lost, and a screen reader starts over.
const CALM_REFRESH_SECONDS: u32 = 30;

/// Who looks: in which language, and where the page is, so that a link to it in another language can be made.
#[derive(Debug, Clone)]
pub struct Reader {
    /// The language.
    pub language: Language,
    /// Whether the language was asked for by the address; then links and forms keep it.
    pub is_asked: bool,
    /// The path of the page below ours, without the language.
    pub path: String,
    /// The path of the public address, without a slash at its end: where everything of ours begins in a browser.
    pub base: String,
}

impl Reader {
    /// A path of ours as a browser has to ask for it.
    pub(in crate::http) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The same, with the language kept.
    pub(in crate::http) fn keep(&self, path: &str) -> String {
        let address = self.address(path);
        if self.is_asked { with_language(&address, self.language) } else { address }
    }
}

fn with_language(path: &str, language: Language) -> String {
    let mark = if path.contains('?') { '&' } else { '?' };
    format!("{path}{mark}lang={language}")
}

/// What stands around every page.
struct Frame<'a> {
    reader: &'a Reader,
    title: &'a str,
    /// What a preview in a chat shows.
    description: Option<&'a str>,
    /// After how many seconds it asks again without the script; none where nothing comes any more.
    refresh: Option<u32>,
}

impl Frame<'_> {
    fn around(&self, content: &Markup) -> Markup {
        let language = self.reader.language;
        html! {
            (DOCTYPE)
            html lang=(language.tag()) dir=(language.direction()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover";
                    meta name="robots" content="noindex";
                    meta name="color-scheme" content="light dark";
                    meta name="format-detection" content="telephone=no";
                    title { (self.title) }
                    meta property="og:title" content=(self.title);
                    @if let Some(description) = self.description {
                        meta name="description" content=(description);
                        meta property="og:description" content=(description);
                    }
                    link rel="icon" type="image/svg+xml" href=(self.reader.address(&ICON.path));
                    link rel="stylesheet" href=(self.reader.address(&SHEET.path));
                    script defer src=(self.reader.address(&SCRIPT.path)) {}
                    @if let Some(seconds) = self.refresh {
                        noscript { meta http-equiv="refresh" content=(seconds); }
                    }
                }
                body {
                    main {
                        p #offline .offline role="status" hidden { (language.page_offline()) }
                        (content)
                        p #said .hush role="status" aria-live="polite" {}
                    }
                    footer { (self.languages()) }
                }
            }
        }
    }

    fn languages(&self) -> Markup {
        let reader = self.reader;
        html! {
            nav aria-label=(reader.language.page_languages()) {
                ul.languages {
                    @for language in Language::ALL {
                        li {
                            @if language == reader.language {
                                b aria-current="true" lang=(language.tag()) { (language.own_name()) }
                            } @else {
                                a href=(with_language(&reader.address(&reader.path), language)) lang=(language.tag()) hreflang=(language.tag()) rel="nofollow" {
                                    (language.own_name())
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A page that says one thing.
#[must_use]
pub fn message(reader: &Reader, title: &str, text: &str) -> Markup {
    said(reader, title, text, false)
}

/// A page that says one thing and asks again by itself.
#[must_use]
pub fn again(reader: &Reader, title: &str, text: &str) -> Markup {
    said(reader, title, text, true)
}

fn said(reader: &Reader, title: &str, text: &str, waits: bool) -> Markup {
    let content = html! {
        // With the script a page that waits asks as the order's page does: any answer of another build replaces it.
        section #live .card data-revision="none" data-build=[waits.then_some("none")] {
            div.pad.stack {
                div.state.(if waits { "wait" } else { "warn" }) {
                    (if waits { parts::spinner() } else { parts::note() })
                    div.tight { h1 { (title) } p.soft { (text) } }
                }
            }
        }
    };
    let refresh = waits.then_some(REFRESH_SECONDS);
    Frame { reader, title, description: None, refresh }.around(&content)
}
