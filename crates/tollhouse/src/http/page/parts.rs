//! What several pages show: pictures, the way from paying to being inside, lines to copy.

use maud::{Markup, PreEscaped, html};
use tollhouse_core::channel::PlanDuration;

use crate::coins::Coin;
use crate::http::form;
use crate::texts::Language;

fn icon(class: &str, inside: &'static str) -> Markup {
    html! {
        svg class=(class) viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" {
            (PreEscaped(inside))
        }
    }
}

/// Something is going on.
pub(super) fn spinner() -> Markup {
    icon("spin", r#"<circle cx="12" cy="12" r="9" opacity=".25"/><path d="M21 12a9 9 0 0 0-9-9"/>"#)
}

/// It is done.
pub(super) fn check() -> Markup {
    icon("", r#"<circle cx="12" cy="12" r="10"/><path d="m7.5 12.5 3 3 6-6.5"/>"#)
}

/// It wants to be read.
pub(super) fn note() -> Markup {
    icon("", r#"<circle cx="12" cy="12" r="10"/><path d="M12 7v6M12 16.5v.5"/>"#)
}

/// It leads to another site.
pub(super) fn out() -> Markup {
    icon("mini", r#"<path d="M9 6h9v9M18 6 6.5 17.5"/>"#)
}

/// Telegram.
pub(super) fn plane() -> Markup {
    icon("mini", r#"<path d="m21 4-3.2 15.5-6.3-4.6-3 3-.9-5.9L3 10.3z"/><path d="m7.6 12 8.6-5"/>"#)
}

/// It is over.
pub(super) fn cross() -> Markup {
    icon("", r#"<circle cx="12" cy="12" r="10"/><path d="m8.5 8.5 7 7m0-7-7 7"/>"#)
}

/// It goes back.
pub(super) fn back() -> Markup {
    icon("", r#"<circle cx="12" cy="12" r="10"/><path d="M16 13.5a4 4 0 0 0-4-4H7.5m2.5-3-2.5 3 2.5 3"/>"#)
}

/// Colours of seals, each dark enough for white letters (WCAG AA: 4.5 to 1).
const SEAL_COLOURS: [&str; 8] =
    ["#2457e6", "#7a3ff2", "#0b7350", "#b0367a", "#a34a00", "#0a6c8f", "#5b4bdb", "#8a3324"];

/// A channel's seal: its first letter on a colour that is always the same for it.
pub(super) fn seal(title: &str) -> Markup {
    let letter = title
        .chars()
        .find(|c| c.is_alphanumeric())
        .map_or_else(|| "•".to_owned(), |c| c.to_uppercase().to_string());
    let sum: usize = title.bytes().map(usize::from).sum();
    let colour = SEAL_COLOURS[sum % SEAL_COLOURS.len()];
    html! {
        svg.seal viewBox="0 0 44 44" aria-hidden="true" {
            rect width="44" height="44" fill=(colour) {}
            text x="22" y="23" fill="#fff" font-size="22" font-weight="600" text-anchor="middle" dominant-baseline="central" { (letter) }
        }
    }
}

/// Colours by which people know a coin, and its letter.
const COIN_LOOKS: [(&str, &str, &str); 14] = [
    ("BTC", "#b95e00", "B"),
    ("ETH", "#4a61c4", "E"),
    ("USDT", "#1a7f60", "T"),
    ("USDC", "#2775ca", "$"),
    ("LTC", "#345d9d", "L"),
    ("TRX", "#d9262f", "T"),
    ("BNB", "#9a6f00", "B"),
    ("XRP", "#3b4654", "X"),
    ("XLM", "#3b4654", "S"),
    ("XMR", "#c24e00", "M"),
    ("SOL", "#7b4ae2", "S"),
    ("TON", "#0b7ab5", "T"),
    ("DOGE", "#8a7010", "D"),
    ("BCH", "#0a7d4f", "B"),
];

/// A coin's picture.
pub(super) fn coin_picture(coin: &Coin) -> Markup {
    let known = COIN_LOOKS.iter().find(|(ticker, ..)| *ticker == coin.ticker);
    let first = coin.ticker.get(..1).unwrap_or("•");
    let (colour, letter) = known.map_or(("#5b6472", first), |(_, colour, letter)| (*colour, *letter));
    html! {
        svg viewBox="0 0 32 32" aria-hidden="true" {
            circle cx="16" cy="16" r="16" fill=(colour) {}
            text x="16" y="16.5" fill="#fff" font-size="17" font-weight="600" text-anchor="middle" dominant-baseline="central" { (letter) }
        }
    }
}

/// What is bought: on top of every page about it.
pub(super) fn goods(
    language: Language,
    title: &str,
    duration: Option<&PlanDuration>,
    price: Option<&str>,
) -> Markup {
    html! {
        header.goods.pad {
            (seal(title))
            div.tight {
                h1 { bdi { (title) } }
                p.soft { (access_for(language, duration)) }
            }
            @if let Some(price) = price {
                p.price { bdi { (price) } }
            }
        }
    }
}

/// The same where there is nothing else to look at yet.
pub(super) fn offer(
    language: Language,
    title: &str,
    plan: &str,
    duration: &PlanDuration,
    price: &str,
) -> Markup {
    html! {
        header.offer.pad {
            (seal(title))
            h1 { bdi { (title) } }
            p.soft { bdi { (plan) } " · " (access_for(language, Some(duration))) }
            p.price { bdi { (price) } }
        }
    }
}

/// What a plan gives, in words; a donation gives nothing.
pub(super) fn access_for(language: Language, duration: Option<&PlanDuration>) -> String {
    match duration {
        Some(PlanDuration::Days(days)) => language.page_access_days(*days),
        Some(PlanDuration::Lifetime) => language.page_access_lifetime(),
        None => language.page_donation(),
    }
}

/// How a step of the way looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Done,
    Now,
    Halted,
    Ahead,
}

/// The way from paying to being inside, or to a donation that has arrived.
pub(super) fn steps(language: Language, steps: [Step; 4], is_donation: bool) -> Markup {
    let names = [
        language.page_step_pay(),
        language.page_step_seen(),
        language.page_step_confirmed(),
        if is_donation { language.page_step_donated() } else { language.page_step_inside() },
    ];
    html! {
        ol.steps {
            @for (step, name) in steps.into_iter().zip(names) {
                @match step {
                    Step::Done => li.done { (name) span.hush { " " (language.page_step_done()) } },
                    Step::Now => li.now aria-current="step" { (name) },
                    Step::Halted => li.halt aria-current="step" { (name) },
                    Step::Ahead => li { (name) },
                }
            }
        }
    }
}

/// What a form that makes an order sends along, so that the same press made twice is known as one.
pub(super) fn form_number() -> Markup {
    html! { input type="hidden" name=(form::NUMBER_FIELD) value=(form::new_number().0.simple()); }
}

/// Something to copy: what it is, what is copied, and the button.
pub(super) fn copied_line(language: Language, label: &str, shown: &Markup, copied: &str, id: &str) -> Markup {
    html! {
        div.line {
            p.what { (label) }
            p.value { (shown) }
            button.copy.script type="button" id={ "copy-" (id) } data-copy=(copied) data-copied=(language.page_copied()) aria-label=(language.page_copy_what(label)) {
                (language.page_copy())
            }
        }
    }
}
