//! The page of an order, for its whole life.

use maud::{Markup, html};
use tollhouse_core::money::Money;
use tollhouse_core::order::COINS_TRIED_MAX;

use super::parts::{self, Step};
use super::{CALM_REFRESH_SECONDS, Frame, REFRESH_SECONDS, Reader};
use crate::app::VERSION;
use crate::coins::Coin;
use crate::http::stage::{Access, Deposit, Problem, Stage, Use, View};
use crate::http::wallet;
use crate::texts::Language;

/// How many coins are offered at once; the others are behind a click.
const COINS_SHOWN: usize = 8;

/// The whole page.
#[must_use]
pub fn order(reader: &Reader, view: &View, now: jiff::Timestamp) -> Markup {
    let said = Said::of(reader.language, view);
    let frame =
        Frame { reader, title: &said.title, description: None, refresh: refresh_seconds(&view.stage) };
    frame.around(&part(reader, view, &said, now))
}

/// How soon the page asks again where there is no script. An order that has expired waits still: money that comes late is honoured.
fn refresh_seconds(stage: &Stage) -> Option<u32> {
    match stage {
        Stage::Choose { coins, .. } if coins.is_empty() => Some(REFRESH_SECONDS),
        Stage::Preparing { .. } | Stage::Seen { .. } | Stage::Paid { access: Access::Making, .. } => {
            Some(REFRESH_SECONDS)
        }
        Stage::Paid { access: Access::Joined, .. }
        | Stage::Over
        | Stage::Donated { .. }
        | Stage::Failed
        | Stage::Refunded { .. } => None,
        Stage::Choose { .. }
        | Stage::Pay { .. }
        | Stage::Partial { .. }
        | Stage::Late
        | Stage::Arrived
        | Stage::Paid { .. }
        | Stage::Expired => Some(CALM_REFRESH_SECONDS),
    }
}

/// Only what changes: for a page that is open.
#[must_use]
pub fn order_part(reader: &Reader, view: &View, now: jiff::Timestamp) -> Markup {
    part(reader, view, &Said::of(reader.language, view), now)
}

/// What the page says first: on the screen, in the window's title, and to a screen reader when it changes.
struct Said {
    heading: String,
    text: Option<String>,
    title: String,
}

impl Said {
    fn of(l: Language, view: &View) -> Self {
        let (heading, text) = match &view.stage {
            Stage::Choose { coins, .. } if coins.is_empty() => (l.page_wait_heading(), None),
            Stage::Choose { .. } => (l.page_choose_heading(), Some(l.page_choose_text())),
            Stage::Preparing { coin, .. } => {
                (l.page_preparing_heading(), Some(l.page_preparing_text(coin_in_words(coin))))
            }
            Stage::Pay { .. } => (l.page_wait_heading(), Some(l.page_wait_text())),
            Stage::Seen { is_confirmed: false } => (l.page_seen_heading(), Some(l.page_seen_text())),
            Stage::Seen { is_confirmed: true } => {
                let text =
                    if view.is_donation() { l.page_donation_confirmed() } else { l.page_confirmed_text() };
                (l.page_confirmed_heading(), Some(text))
            }
            Stage::Partial { rest, deposit, .. } => {
                let text = match (rest, deposit) {
                    (Some(rest), Some(_)) => l.page_partial_text(l.money(rest)),
                    (Some(rest), None) => l.page_partial_blind(l.money(rest)),
                    (None, _) => l.page_owner_decides(),
                };
                (l.page_partial_heading(), Some(text))
            }
            Stage::Late => (l.page_late_heading(), Some(l.page_late_text())),
            Stage::Arrived => (l.page_arrived_heading(), Some(l.page_owner_decides())),
            Stage::Paid { lasts, .. } => {
                (l.page_paid_heading(), lasts.as_ref().map(|ends_at| l.page_paid_lasts(l.until(*ends_at))))
            }
            Stage::Over => (l.page_over_heading(), Some(l.page_over_text())),
            Stage::Donated { .. } => (l.page_donated_heading(), Some(l.page_donated_text())),
            Stage::Expired => (l.page_expired_heading(), Some(l.page_expired_text())),
            Stage::Failed => (l.page_failed_heading(), Some(l.page_failed_text())),
            Stage::Refunded { .. } if view.is_donation() => {
                (l.page_refunded_heading(), Some(l.page_donation_refunded()))
            }
            Stage::Refunded { is_kept } => {
                let text = if *is_kept { l.page_refunded_kept() } else { l.page_refunded_text() };
                (l.page_refunded_heading(), Some(text))
            }
        };
        let title = l.page_title(&heading, &view.title);
        Self { heading, text, title }
    }
}

/// What it costs; nothing is said where the predecessor did not keep it. Nothing is sold for nothing.
fn known_price(l: Language, view: &View) -> Option<String> {
    (!view.price.amount.is_zero()).then(|| l.money(&view.price))
}

fn part(reader: &Reader, view: &View, said: &Said, now: jiff::Timestamp) -> Markup {
    let l = reader.language;
    let announced =
        said.text.as_ref().map_or_else(|| said.heading.clone(), |text| format!("{} {text}", said.heading));
    html! {
        section #live .card data-revision=(view.revision()) data-build=(VERSION) data-events=(reader.address(&format!("/o/{}/events", view.order)))
            data-title=(said.title) data-say=(announced) data-now=(now) {
            (parts::goods(l, &view.title, view.duration.as_ref(), known_price(l, view).as_deref()))
            div.pad.stack {
                (parts::steps(l, way(&view.stage), view.is_donation()))
                (state(l, said, view))
                (content(reader, view))
            }
            (rows(l, view))
        }
    }
}

fn way(stage: &Stage) -> [Step; 4] {
    use Step::{Ahead, Done, Halted, Now};
    match stage {
        Stage::Choose { .. } | Stage::Preparing { .. } | Stage::Pay { .. } => [Now, Ahead, Ahead, Ahead],
        Stage::Seen { is_confirmed: false } => [Done, Now, Ahead, Ahead],
        Stage::Seen { is_confirmed: true } => [Done, Done, Now, Ahead],
        Stage::Partial { .. } | Stage::Expired | Stage::Failed | Stage::Refunded { .. } => {
            [Halted, Ahead, Ahead, Ahead]
        }
        Stage::Late | Stage::Arrived => [Done, Done, Halted, Ahead],
        Stage::Donated { .. } | Stage::Over | Stage::Paid { access: Access::Joined, .. } => {
            [Done, Done, Done, Done]
        }
        Stage::Paid { .. } => [Done, Done, Done, Now],
    }
}

fn state(l: Language, said: &Said, view: &View) -> Markup {
    let (class, picture) = match &view.stage {
        Stage::Choose { coins, .. } if !coins.is_empty() => {
            return html! {
                div.tight {
                    h2 tabindex="-1" { (said.heading) }
                    @if let Some(text) = &said.text { p.soft { (text) } }
                }
            };
        }
        // What is to be sent is what counts: one line says that we wait, and how long.
        Stage::Pay { .. } => {
            return html! {
                div.bar {
                    (parts::spinner())
                    h2 tabindex="-1" { (said.heading) }
                    (left(l, view))
                }
            };
        }
        Stage::Choose { .. } | Stage::Preparing { .. } | Stage::Seen { .. } => ("wait", parts::spinner()),
        Stage::Partial { .. } | Stage::Late | Stage::Arrived | Stage::Expired | Stage::Over => {
            ("warn", parts::note())
        }
        Stage::Paid { .. } | Stage::Donated { .. } => ("good", parts::check()),
        Stage::Failed => ("bad", parts::cross()),
        Stage::Refunded { .. } => ("warn", parts::back()),
    };
    html! {
        div.state.(class) {
            (picture)
            div.tight {
                h2 tabindex="-1" { (said.heading) }
                @if let Some(text) = &said.text { p { (text) } }
            }
        }
    }
}

fn content(reader: &Reader, view: &View) -> Markup {
    let l = reader.language;
    match &view.stage {
        Stage::Choose { coins, is_full, hosted, is_preparing, problem, refused } => html! {
            @if let Some(problem @ Problem::BelowMinimum(_)) = problem { p.must { (trouble(l, problem, view.is_donation())) } }
            @if let Some(coin) = refused { p.must role="alert" { (l.page_coin_refused(coin_in_words(coin))) } }
            @if *is_full && !coins.is_empty() { p.must { (l.page_coins_tried(u32::try_from(COINS_TRIED_MAX).unwrap_or(u32::MAX))) } }
            (choice(reader, view, coins))
            @match (hosted, problem) {
                (Some(url), _) => {
                    @if !coins.is_empty() { p.or { (l.page_or()) } }
                    (hosted_button(l, url, coins.is_empty()))
                }
                (None, Some(Problem::BelowMinimum(_))) => {}
                (None, Some(problem)) => p.soft { (trouble(l, problem, view.is_donation())) },
                (None, None) if *is_preparing => p.soft { (l.page_hosted_preparing()) },
                (None, None) => {}
            }
            (left(l, view))
        },
        Stage::Preparing { hosted, .. } => html! {
            div.ways {
                (another(reader, view))
                @if let Some(url) = hosted { a.link #hosted href=(url) rel="noreferrer" { (l.page_hosted_button()) (parts::out()) } }
            }
        },
        Stage::Pay { deposit, hosted } => html! {
            (send(l, deposit))
            ul.notes {
                li { (l.page_fee_note(amount(deposit))) }
                li { (l.page_wait_text()) " " (if view.is_donation() { l.page_donation_next() } else { l.page_what_next() }) }
            }
            div.ways {
                (another(reader, view))
                @if let Some(url) = hosted { a.link #hosted href=(url) rel="noreferrer" { (l.page_hosted_button()) (parts::out()) } }
            }
        },
        Stage::Seen { .. } => html! { p.soft { (l.page_close_note()) } },
        Stage::Partial { rest, deposit, hosted } => html! {
            @match (rest, deposit) {
                (Some(_), Some(deposit)) => {
                    (send(l, deposit))
                    ul.notes { li { (l.page_fee_note(amount(deposit))) } }
                }
                (Some(rest), None) => p.price { bdi { (l.money(rest)) } },
                (None, _) => {}
            }
            @if let (Some(_), None, Some(url)) = (rest, deposit, hosted) { (hosted_button(l, url, true)) }
        },
        Stage::Late | Stage::Arrived => html! { p.soft { (l.page_close_note()) } },
        Stage::Over => html! {},
        Stage::Donated { received } => html! {
            @if !received.is_empty() {
                p.soft { (l.page_donated_part(received.iter().map(|money| l.money(money)).collect::<Vec<_>>().join(" + "))) }
            }
        },
        Stage::Paid { access, overpaid, .. } => paid(l, view, access, overpaid.as_ref()),
        Stage::Expired | Stage::Failed | Stage::Refunded { .. } => html! {
            @if view.can_repeat {
                form method="post" action=(reader.keep(&format!("/o/{}/again", view.order))) {
                    (parts::form_number())
                    button.go #again type="submit" { (l.page_again_button()) }
                }
            }
        },
    }
}

/// Why the provider's page is not there.
fn trouble(l: Language, problem: &Problem, is_donation: bool) -> String {
    match problem {
        Problem::BelowMinimum(None) if is_donation => l.page_donation_below(),
        Problem::BelowMinimum(Some(least)) if is_donation => l.page_donation_below_least(l.money(least)),
        Problem::Unavailable => l.page_invoice_unavailable(),
        Problem::BelowMinimum(None) => l.page_invoice_below(),
        Problem::BelowMinimum(Some(least)) => l.page_invoice_below_least(l.money(least)),
        Problem::GivenUp => l.page_invoice_given_up(),
    }
}

fn coin_in_words(coin: &Coin) -> String {
    if coin.network.is_empty() || coin.network == coin.name {
        coin.name.clone()
    } else {
        format!("{}, {}", coin.name, coin.network)
    }
}

fn amount(deposit: &Deposit) -> String {
    format!("{}\u{a0}{}", deposit.amount.normalize(), deposit.coin.ticker)
}

fn choice(reader: &Reader, view: &View, coins: &[(Coin, Use)]) -> Markup {
    let l = reader.language;
    let (first, others) = coins.split_at(coins.len().min(COINS_SHOWN));
    html! {
        @if !coins.is_empty() {
            form.stack method="post" action=(reader.keep(&format!("/o/{}/coin", view.order))) {
                div.coins { @for (coin, coin_use) in first { (coin_button(l, coin, *coin_use)) } }
                @if !others.is_empty() {
                    details #more {
                        summary #more-words { (l.page_more_coins(u32::try_from(others.len()).unwrap_or(u32::MAX))) }
                        div.coins { @for (coin, coin_use) in others { (coin_button(l, coin, *coin_use)) } }
                    }
                }
            }
        }
    }
}

fn coin_button(l: Language, coin: &Coin, coin_use: Use) -> Markup {
    html! {
        button.coin #{ "coin-" (coin.code) } name="coin" value=(coin.code) disabled[coin_use != Use::Free] {
            (parts::coin_picture(coin))
            span {
                b { bdi { (coin.ticker) } }
                small { @if coin_use == Use::Refused { (l.page_coin_unusable()) } @else { bdi { (coin.network) } } }
            }
        }
    }
}

/// Back to the choice.
fn another(reader: &Reader, view: &View) -> Markup {
    html! {
        form method="post" action=(reader.keep(&format!("/o/{}/coin", view.order))) {
            button.link #another name="coin" value="" { (reader.language.page_another_coin()) }
        }
    }
}

fn hosted_button(l: Language, url: &str, is_first: bool) -> Markup {
    html! { a.go.second[!is_first] #hosted href=(url) rel="noreferrer" { (l.page_hosted_button()) (parts::out()) } }
}

/// Where to send what: to scan, to open, to copy.
fn send(l: Language, deposit: &Deposit) -> Markup {
    let coin = &deposit.coin;
    let uri = wallet::uri(coin.code.as_str(), &deposit.address, deposit.amount, deposit.memo.is_some());
    let scanned = uri.as_deref().unwrap_or(&deposit.address);
    // On another network the money would be lost: what is not known is not named.
    let (address_label, network_note) = if coin.network.is_empty() {
        (l.page_address_label_plain(), l.page_network_unnamed(&coin.ticker))
    } else {
        (l.page_address_label(&coin.network), l.page_network_note(&coin.ticker, &coin.network))
    };
    html! {
        figure.qr #qr data-holds=(scanned) { (wallet::qr(scanned, &l.page_qr_pay(coin_in_words(coin)))) }
        (parts::copied_line(l, &l.page_amount_label(), &html! { bdi.big { (amount(deposit)) } }, &deposit.amount.normalize().to_string(), "amount"))
        (parts::copied_line(l, &address_label, &html! { bdi.mono { (deposit.address) } }, &deposit.address, "address"))
        @if let Some(memo) = &deposit.memo {
            (parts::copied_line(l, &l.page_memo_label(), &html! { bdi.mono.big { (memo) } }, memo, "memo"))
            p.must { (l.page_memo_must()) }
        }
        p.must.small { (network_note) }
        @if let Some(uri) = &uri { a.go #wallet href=(uri) { (l.page_open_wallet()) } }
    }
}

/// The time that is left: counted down by the script, named without it.
fn left(l: Language, view: &View) -> Markup {
    html! {
        @if view.counts_down() {
            dl.fact.left {
                dt { (l.page_left_label()) }
                dd { span #left role="timer" data-until=(view.expires_at) { (l.until(Some(view.expires_at))) } }
            }
        }
    }
}

fn paid(l: Language, view: &View, access: &Access, overpaid: Option<&Money>) -> Markup {
    html! {
        @match access {
            Access::Claim(url) => {
                a.go #open href=(url) rel="noreferrer" { (parts::plane()) (l.page_open_telegram()) }
                p.soft { (l.page_claim_text()) }
                (phone(l, url))
            }
            Access::Invite(url) => {
                a.go #open href=(url) rel="noreferrer" { (parts::plane()) (l.page_open_telegram()) }
                p.soft { (l.page_invite_text()) }
                (phone(l, url))
            }
            Access::AskBot(url) => {
                p.must { (l.page_moved_text()) }
                @if let Some(url) = url {
                    a.go #open href=(url) rel="noreferrer" { (parts::plane()) (l.page_open_telegram()) }
                    (phone(l, url))
                }
            }
            Access::Making => p.soft { (l.page_making_text()) },
            Access::AskOwner => p.soft { (l.page_ask_owner_text()) },
            Access::Joined => p.soft { (l.page_joined_text()) },
        }
        @if let Some(over) = overpaid { p.small.soft { (l.page_overpaid(l.money(over))) } }
        @if !matches!(access, Access::Joined) { p.small.soft { (l.page_close_note()) } }
        @if let (Some(bot), Access::Invite(_) | Access::Making) = (&view.bot, access) { p.small.soft { (l.page_bot_note(bot)) } }
    }
}

/// For those who paid on a computer: the same link for the phone.
fn phone(l: Language, url: &str) -> Markup {
    html! {
        div.desk.stack {
            p.or { (l.page_scan_telegram()) }
            figure.qr #qr data-holds=(url) { (wallet::qr(url, &l.page_qr_telegram())) }
        }
    }
}

fn rows(l: Language, view: &View) -> Markup {
    html! {
        div.rows.pad {
            dl.fact { dt { (l.page_order_label()) } dd { code { (view.order) } } }
            @if let Some(payment) = &view.payment { dl.fact { dt { (l.page_payment_label()) } dd { code { (payment) } } } }
            p { (l.page_help()) }
        }
    }
}
