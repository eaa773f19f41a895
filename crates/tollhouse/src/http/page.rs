//! The buyer's pages: plain, from our own origin, usable without JavaScript. A page that waits asks again by itself.

use axum::http::header;
use axum::response::IntoResponse;
use maud::{DOCTYPE, Markup, html};
use tollhouse_core::channel::{Channel, Plan};
use tollhouse_core::link::LinkState;
use tollhouse_core::order::OrderState;

use super::order::{InviteStage, OrderStory};
use crate::app::App;
use crate::texts::Language;

/// How often a page that waits asks again, in seconds.
const REFRESH_SECONDS: u32 = 4;
/// The sheet's address; its version is in it, so that it may be kept for ever.
pub const SHEET_PATH: &str = concat!("/assets/page-", env!("CARGO_PKG_VERSION"), ".css");

/// The sheet.
pub async fn sheet() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, include_str!("../../assets/page.css"))
}

fn frame(title: &str, waits: bool, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                @if waits { meta http-equiv="refresh" content=(REFRESH_SECONDS); }
                title { (title) }
                link rel="stylesheet" href=(SHEET_PATH);
            }
            body { main { (content) } }
        }
    }
}

/// A page that says one thing.
#[must_use]
pub fn message(title: &str, text: &str) -> Markup {
    frame(title, false, &html! { h1 { (title) } p { (text) } })
}

/// A page that says one thing and asks again by itself.
#[must_use]
pub fn again(title: &str, text: &str) -> Markup {
    frame(title, true, &html! { h1 { (title) } p { (text) } })
}

/// The page of an order, for its whole life.
#[must_use]
pub fn order(app: &App, story: &OrderStory) -> Markup {
    let order = &story.order;
    let state = order.state_at(app.clock.now());
    let joined = story.invite() == Some(InviteStage::Joined);
    let waits = !joined && !matches!(state, OrderState::Refunded | OrderState::Failed | OrderState::Expired);
    let content = html! {
        h1 { (story.channel.title) }
        p.soft { "Access for " (order.duration) }
        p.amount { (order.price.to_string()) }
        @match state {
            OrderState::Open => (open(story)),
            // All of it is there, and still the order is not paid: a person decides.
            OrderState::Seen if story.payments.iter().any(tollhouse_core::payment::Payment::is_credited) => {
                div.state.warn role="status" { p { strong { "Your payment has arrived." } " The owner of the channel has been told and decides about it." } }
            }
            OrderState::Seen => {
                div.state role="status" { p { strong { "Your payment was seen." } " It is being confirmed by the network; nothing more to do." } }
            }
            OrderState::PartiallyPaid => (partly(story)),
            OrderState::Paid => (paid(app, story)),
            OrderState::Expired => {
                div.state.warn role="status" { p { strong { "No payment came in time." } " If you have paid all the same, it is still honoured as soon as it arrives: keep this page." } }
            }
            OrderState::Failed => {
                div.state.warn role="status" { p { strong { "The payment failed." } " Nothing was booked. Please make a new order from the link that you came by." } }
            }
            OrderState::Refunded => {
                div.state.warn role="status" {
                    p {
                        strong { "This payment was refunded." }
                        @if story.grant.as_ref().is_some_and(|grant| grant.revoked.is_none()) { " Your access stays." }
                        @else { " The access that it gave has ended." }
                    }
                }
            }
        }
        dl {
            dt { "Order" } dd { code { (order.id) } }
            @if let Some(payment) = story.leading_payment() { dt { "Payment" } dd { code { (payment.id) } } }
        }
        @if waits { p.soft { "This page keeps itself up to date. You may close it and come back; nothing is lost." } }
        p.soft { "A question? Give the order number to the owner of the channel." }
    };
    frame(&story.channel.title, waits, &content)
}

fn open(story: &OrderStory) -> Markup {
    html! {
        div.state role="status" { p { strong { "Waiting for your payment." } } }
        @match (&story.order.invoice, &story.order.invoice_problem) {
            (Some(invoice), _) => a.go rel="noreferrer" href=(invoice.url) { "Pay now" },
            (None, Some(problem)) => p { (problem.sentence()) },
            (None, None) if story.payments.is_empty() => p.soft { "The invoice is being prepared." },
            (None, None) => {}
        }
    }
}

fn partly(story: &OrderStory) -> Markup {
    let listed = story.order.remaining.as_ref();
    html! {
        div.state.warn role="status" {
            p { strong { "A part of the price has arrived." } }
            @if let Some(rest) = listed {
                p { "Please send the rest, exactly:" }
                p.amount { (rest.to_string()) }
                p { "to the same address and in the same coin as before. As soon as it arrives you are in." }
            } @else {
                p { "The owner of the channel has been told and decides." }
            }
        }
        @if let Some(invoice) = &story.order.invoice { a.go rel="noreferrer" href=(invoice.url) { "Back to the payment" } }
    }
}

fn paid(app: &App, story: &OrderStory) -> Markup {
    let invite = story.membership.as_ref().and_then(|membership| membership.invite.as_ref());
    let ends = story.membership.as_ref().map(|membership| Language::default().until(membership.ends_at));
    html! {
        div.state.good role="status" {
            p { strong { "Paid. Thank you!" } }
            @if let Some(ends) = ends { p { "Your access lasts " (ends) "." } }
            @if let Some(over) = &story.order.overpaid { p.soft { "You paid " (over.to_string()) " more than needed; it is on record." } }
        }
        @match (story.invite(), invite, story.order.claim.and_then(|claim| app.bot_link(&format!("c_{}", claim.0.simple())))) {
            (Some(InviteStage::Joined), ..) => p { "You are inside the channel." },
            (_, Some(invite), _) => {
                a.go rel="noreferrer" href=(invite.link) { "Open in Telegram" }
                p.soft { "Ask to join with the Telegram account that bought; you are let in at once. The link works for nobody else." }
            }
            (None, None, Some(claim)) if story.membership.is_none() => {
                a.go rel="noreferrer" href=(claim) { "Open in Telegram" }
                p.soft { "This binds the access to your Telegram account. It works once." }
            }
            _ if story.membership.is_none() && story.order.user.is_none() => p { "Ask the owner of the channel to bind this order to your Telegram account." },
            _ => p { "Your invite is being made; it appears here in a moment." },
        }
    }
}

/// What a link sells.
#[must_use]
pub fn link(channel: &Channel, plan: &Plan, slug: &str) -> Markup {
    let content = html! {
        h1 { (channel.title) }
        p.soft { (plan.label) ": access for " (plan.duration) }
        p.amount { (plan.price.to_string()) }
        form method="post" action={ "/c/" (slug) } { button type="submit" { "Pay" } }
        p.soft { "Paid in crypto. As soon as the payment arrives you get an invite that only you can use." }
    };
    frame(&channel.title, false, &content)
}

/// Why a link sells nothing.
#[must_use]
pub fn link_over(state: LinkState) -> Markup {
    let (title, text) = match state {
        LinkState::Revoked => {
            ("This link was taken back", "The owner of the channel has revoked it. Please ask for a new one.")
        }
        LinkState::Expired => ("This link has expired", "Please ask the owner of the channel for a new one."),
        LinkState::UsedUp => {
            ("This link is used up", "It has been used as often as it may be. Please ask for a new one.")
        }
        LinkState::Usable => (
            "This is not on sale any more",
            "The owner of the channel does not offer this plan now. Please ask for a new link.",
        ),
    };
    message(title, text)
}
