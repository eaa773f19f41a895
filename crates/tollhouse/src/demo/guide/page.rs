//! How the story looks.

use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, html};
use tollhouse_telegram::UserId;

use super::Guide;
use super::progress::Progress;
use crate::demo::interactive::{BEN, SAM};
use crate::demo::shop::{OLGA, PRIVATE_CHAT, PUBLIC_CHAT, Shop, TITLE};

/// What the pages have beyond the simulated Telegram's look.
pub(super) const SHEET: &str = include_str!("../assets/demo.css");

/// Everything that the story is told from.
pub(super) struct Scene<'a> {
    pub(super) guide: &'a Guide,
    pub(super) shop: &'a Shop,
    pub(super) progress: &'a Progress,
    pub(super) days: u32,
    /// What the last press came to.
    pub(super) said: Option<&'a str>,
}

/// What is around a page of the demo.
pub(super) fn shell(guide: &Guide, title: &str, events: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Tollhouse demo" }
                link rel="stylesheet" href="/demo/app.css";
                link rel="stylesheet" href="/demo/demo.css";
                link rel="icon" href="/demo/icon.svg";
                script src="/demo/app.js" defer {}
            }
            body data-events=(events) {
                header.sim {
                    p { strong { "Demo" } span { ": no money, no accounts, everything on this machine." } }
                    nav aria-label="The demo" {
                        a href="/demo" data-go { "Story" }
                        a href=(guide.telegram.api_url()) target="telegram" { "Telegram" }
                        a href={ (guide.nowpayments.url()) "/" } target="nowpayments" { "NOWPayments" }
                        a href="/demo/operator" data-go { "Operator" }
                    }
                }
                p.lost id="lost" role="status" hidden { "The demo does not answer. It is asked again until it does." }
                (body)
            }
        }
    }
}

pub(super) fn story(scene: &Scene<'_>) -> Markup {
    let body = html! {
        main.plain.story id="app" {
            (opening(scene))
            (buying(scene))
            (owning(scene))
            (time(scene))
            (trouble(scene))
            (a_shop_of_your_own(scene))
        }
    };
    shell(scene.guide, "The story", "/demo/events", &body)
}

fn opening(scene: &Scene<'_>) -> Markup {
    html! {
        div.opening {
            h1 { "Sell a channel, buy it, walk in" }
            p.soft {
                "Tollhouse runs as it would for you, between a simulated Telegram and a simulated NOWPayments. You play everybody: "
                b { (BEN.name) } " who buys, " b { (SAM.name) } " who tries his link, and " b { (OLGA.name) } ", who owns " em { (TITLE) }
                ". What you have done is ticked off here while you do it."
            }
            @if let Some(said) = scene.said { p.said id="said" role="status" { (said) } }
        }
    }
}

/// A step: whether it has happened, what to do, and where.
fn step(id: &str, is_done: bool, title: &str, text: &Markup, ways: &Markup) -> Markup {
    html! {
        li.step.done[is_done] id={ "step-" (id) } {
            span.tick-mark aria-hidden="true" {}
            div {
                h3 { (title) @if is_done { span.hush { " (done)" } } }
                p { (text) }
                @if !ways.0.is_empty() { div.ways { (ways) } }
            }
        }
    }
}

/// A way into the simulated Telegram.
fn telegram(scene: &Scene<'_>, who: UserId, query: &str, words: &str) -> Markup {
    html! { a.button href={ (scene.guide.telegram.user_page(who)) (query) } target="telegram" { (words) } }
}

fn nowpayments(scene: &Scene<'_>, words: &str) -> Markup {
    html! { a.button href={ (scene.guide.nowpayments.url()) "/" } target="nowpayments" { (words) } }
}

/// A button of the guide.
fn press(act: &str, days: Option<u32>, words: &str) -> Markup {
    html! {
        form method="post" action="/demo/act" {
            input type="hidden" name="act" value=(act);
            @if let Some(days) = days { input type="hidden" name="days" value=(days); }
            button { (words) }
        }
    }
}

fn buying(scene: &Scene<'_>) -> Markup {
    let progress = scene.progress;
    let invite = scene.guide.telegram.read(|world| {
        let mut links = world.links(PRIVATE_CHAT).iter().rev();
        links.find(|link| link.creator == world.bot().id && !link.is_revoked).map(|link| link.url.clone())
    });
    let invite = invite
        .map(|url| url::form_urlencoded::Serializer::new(String::new()).append_pair("open", &url).finish());
    html! {
        section.chapter {
            h2 { "1. Buy" }
            ol.steps {
                (step("offer", progress.started, &format!("As {}, open the offer", BEN.name),
                    &html! { "Olga's public channel shows what there is. Press a plan: the bot opens, and waits for " b { "Start" } "." },
                    &html! { (telegram(scene, BEN.id, &format!("?chat={PUBLIC_CHAT}"), "Open the offer")) }))
                (step("pay", progress.paid, "Pay",
                    &html! { "The bot's message has a button to the order's page. Choose a coin there; " b { "Pay" } " on the simulated NOWPayments page, exactly for now." },
                    &html! { (telegram(scene, BEN.id, &format!("?chat={}", BEN.id), "Ben's chat with the bot")) (nowpayments(scene, "NOWPayments")) }))
                (step("join", progress.inside, "Walk in",
                    &html! { "The bot sends an invite. Open it, ask to join, and you are let in at once." },
                    &html! { (telegram(scene, BEN.id, &format!("?chat={}", BEN.id), "Ben's chat with the bot")) }))
                (step("stranger", progress.declined, &format!("As {}, try Ben's invite", SAM.name),
                    &html! { "A leaked invite lets in nobody but who paid for it." },
                    &html! {
                        @if let Some(open) = &invite { (telegram(scene, SAM.id, &format!("?{open}"), "Open it as Sam")) }
                        @else { span.soft { "There is no invite yet." } }
                    }))
            }
        }
    }
}

fn owning(scene: &Scene<'_>) -> Markup {
    html! {
        section.chapter {
            h2 { "2. Own" }
            ol.steps {
                (step("told", scene.progress.told, "As Olga, hear of the sale",
                    &html! { "The bot tells an owner of every sale, partial payment and refund in her channels, and of nothing else." },
                    &html! { (telegram(scene, OLGA.id, &format!("?chat={}", OLGA.id), "Olga's chat with the bot")) (telegram(scene, OLGA.id, &format!("?chat={PRIVATE_CHAT}&panel=info"), "Who is in her channel")) }))
                (step("operator", false, "Look behind it as the operator",
                    &html! { "Orders, payments, memberships, what needs a person, and the audit log, as the command line lists them." },
                    &html! { a.button href="/demo/operator" data-go { "The operator's view" } }))
            }
        }
    }
}

fn time(scene: &Scene<'_>) -> Markup {
    let now = TimeZone::UTC.to_datetime(scene.guide.clock.now());
    html! {
        section.chapter id="time" {
            h2 { "3. Let time pass" }
            p.clock { strong { (now.strftime("%-d %B %Y")) } @if scene.days > 0 { ", " (scene.days) " days after the real time" } @else { ", the real time" } }
            ol.steps {
                (step("time", scene.progress.removed, "The end of a month",
                    &html! { "Reminders come 3 days and 1 day before the end, each with a button to renew. After the end and a day of grace the member is shown out, and told the way back." },
                    &html! { (press("pass", Some(1), "A day")) (press("pass", Some(27), "27 days")) (press("pass", Some(32), "32 days")) }))
            }
        }
    }
}

fn trouble(scene: &Scene<'_>) -> Markup {
    let progress = scene.progress;
    let loses = scene.guide.nowpayments.drops_next() > 0;
    let offers = html! {
        @for offer in scene.shop.offers.iter().take(1) { a.button href=(offer.path) target="shop" { "Buy by a link" } }
    };
    html! {
        section.chapter {
            h2 { "4. Let it go wrong" }
            ol.steps {
                (step("partial", progress.partial, "Pay too little",
                    &html! { "At NOWPayments press " b { "Pay less" } ": the order's page asks for the exact rest. " b { "Pay the rest" } ", and it is paid." },
                    &html! { (offers) (nowpayments(scene, "NOWPayments")) }))
                (step("lost", progress.asked, "Lose every notification",
                    &html! {
                        "Lose them, then buy and pay. The order's page asks NOWPayments by itself when it is opened; who does not open it is found when Tollhouse asks for everything."
                        @if loses { b { " Notifications are being lost." } }
                    },
                    &html! {
                        @if loses { (press("deliver", None, "Deliver them again")) } @else { (press("lose", None, "Lose notifications")) }
                        (offers) (press("ask", None, "Ask NOWPayments now"))
                    }))
                (step("repeated", progress.repeated, "Fifty times the same",
                    &html! { "On a payment's page, under " b { "What NOWPayments does" } ", send its last notification fifty times. One counts." },
                    &html! { (nowpayments(scene, "NOWPayments")) }))
                (step("refund", progress.refunded, "Refund",
                    &html! { "There, too: refund a payment, and its month is taken back, and only that one." },
                    &html! { (nowpayments(scene, "NOWPayments")) }))
                (step("telegram", false, "Trouble at Telegram",
                    &html! { "Too many requests, blocked, broken off after it was done: nothing is lost and nothing is sent twice." },
                    &html! { a.button href={ (scene.guide.telegram.api_url()) "trouble" } target="telegram" { "Let calls fail" } }))
            }
        }
    }
}

fn a_shop_of_your_own(scene: &Scene<'_>) -> Markup {
    html! {
        section.chapter {
            h2 { "5. Sell something of your own" }
            ol.steps {
                (step("own", scene.progress.own_channel, "Make a channel, and the bot its administrator",
                    &html! { "As Olga or somebody new: start the bot, make a channel with the plus above the chats, and make the bot an administrator there. It writes to you." },
                    &html! { (telegram(scene, OLGA.id, "?panel=new_chat", "A new channel of Olga's")) (telegram(scene, OLGA.id, "?panel=new_person", "Somebody new")) }))
            }
        }
    }
}
