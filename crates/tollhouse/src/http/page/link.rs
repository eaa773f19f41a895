//! A direct payment link: what it sells, or why it sells nothing.

use maud::{Markup, html};
use tollhouse_core::channel::{Channel, Plan};
use tollhouse_core::link::LinkState;

use super::{Frame, Reader, message, parts};

/// What a link sells.
#[must_use]
pub fn link(reader: &Reader, channel: &Channel, plan: &Plan, slug: &str) -> Markup {
    let l = reader.language;
    let price = l.money(&plan.price);
    let description = format!("{} · {price}", parts::access_for(l, Some(&plan.duration)));
    let content = html! {
        section.card {
            (parts::offer(l, &channel.title, &plan.label, &plan.duration, &price))
            div.pad.stack {
                form method="post" action=(reader.keep(&format!("/c/{slug}"))) {
                    (parts::form_number())
                    button.go #pay type="submit" { (l.page_link_pay(price.as_str())) }
                }
                ol.plain.soft {
                    li { (l.page_link_first()) }
                    li { (l.page_link_second()) }
                    li { (l.page_link_third()) }
                }
            }
        }
    };
    Frame { reader, title: &channel.title, description: Some(&description), refresh: None }.around(&content)
}

/// Why a link sells nothing.
#[must_use]
pub fn link_over(reader: &Reader, state: LinkState) -> Markup {
    let l = reader.language;
    let (title, text) = match state {
        LinkState::Revoked => (l.page_link_revoked(), l.page_link_ask()),
        LinkState::Expired => (l.page_link_expired(), l.page_link_ask()),
        LinkState::UsedUp => (l.page_link_used_up(), l.page_link_ask()),
        LinkState::Usable => (l.page_link_retired(), l.page_link_ask()),
    };
    message(reader, &title, &text)
}
