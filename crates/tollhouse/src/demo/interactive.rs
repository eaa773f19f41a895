//! The demo for a person: a small shop, the pages to open, and a key that lets days pass.

use std::io::{BufRead as _, IsTerminal as _, Write};
use std::net::SocketAddr;

use anyhow::Context as _;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use jiff::SignedDuration;
use nowpayments::sandbox;
use tokio::sync::mpsc;
use tollhouse_core::command::{Command, OfferChange};
use tollhouse_telegram::fake::{self, FakeHandle, NewUser};
use tollhouse_telegram::{AdminRights, UserId};

use super::guide::{self, DAYS_AT_ONCE_MAX, Guide};
use super::shop::{ACTOR, OLGA, PRIVATE_CHAT, PUBLIC_CHAT, Person, Shop};
use super::stage::Stage;
use crate::clock::Clock;
use crate::serve::signalled;

/// How long a payment stays in each status, in seconds: long enough to be seen, short enough to be waited for.
const STEP_SECONDS: i64 = 1;
/// Largest page that is read on its way to the reader, in bytes; ours have a few thousand.
const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// Who buys.
pub(super) const BEN: Person = Person { id: UserId(1_002), name: "Ben" };
/// Somebody to give his invite to.
pub(super) const SAM: Person = Person { id: UserId(1_003), name: "Sam" };

/// What Olga says about it.
const WORDS: &str = "Every morning before the market opens: what to look at, and why.";
/// What is posted in the channel that is sold.
const SIGNALS: [&str; 2] = [
    "Tuesday: wheat stays above its average of 50 days. We keep it.",
    "Wednesday: copper falls below; half of it goes. Silver: nothing to do.",
];

/// Opens the shop, shows the pages, and waits to be told to end.
///
/// # Errors
/// It could not be set up, or nobody reads what it says.
pub(super) async fn run(listen: SocketAddr, mut out: Box<dyn Write + Send>) -> anyhow::Result<()> {
    let clock = Clock::default();
    let step = SignedDuration::from_secs(STEP_SECONDS);
    let mut guide = None;
    let stage = Stage::start(clock.clone(), listen, step, true, |routes, all| {
        let made = Guide::new(all.app, all.clock, all.telegram, all.nowpayments, all.committed);
        let routes = links_stay_here(routes, all.telegram).merge(guide::routes(&made));
        guide = Some(made);
        routes
    });
    let stage = stage.await?;
    let guide = guide.context("the pages were never put up")?;
    let shop = Shop::open(&stage.app, &stage.telegram).await?;
    for person in [BEN, SAM] {
        stage.telegram.add_user(NewUser::new(person.id.0, person.name))?;
    }
    offer(&stage, &shop).await?;
    for words in SIGNALS {
        stage.telegram.say_in(OLGA.id, PRIVATE_CHAT, words)?;
    }
    lead_to_each_other(&stage);
    guide.opened(shop.clone());
    let takes_days = std::io::stdin().is_terminal();
    out.write_all(welcome(&stage, &shop, takes_days).as_bytes())?;
    out.flush()?;
    let mut days = if takes_days { days_typed() } else { mpsc::unbounded_channel().1 };
    let ended = signalled();
    tokio::pin!(ended);
    loop {
        let days = tokio::select! {
            () = &mut ended => break,
            Some(days) = days.recv() => days,
        };
        let passed = guide.pass(days).await?;
        let now = clock.now().strftime("%-d %B %Y, %H:%M UTC");
        writeln!(
            out,
            "It is now {now}, {passed} days after the real time. Whose time is over is shown out within seconds."
        )?;
    }
    writeln!(out, "\nStopping.")?;
    stage.stop().await;
    Ok(())
}

/// The offer in the public channel, which the bot posts as for any owner.
async fn offer(stage: &Stage, shop: &Shop) -> anyhow::Result<()> {
    stage.telegram.make_bot_admin(PUBLIC_CHAT, OLGA.id, AdminRights::gatekeeper())?;
    let (channel_id, actor) = (shop.channel, ACTOR.to_owned());
    let change = OfferChange { description: Some(Some(WORDS.to_owned())), ..OfferChange::default() };
    let words = Command::SetOffer { channel_id, change: Box::new(change), actor: actor.clone() };
    stage.app.submit(words).await?;
    stage.app.submit(Command::PostOffer { channel_id, actor }).await?;
    let posted = |world: &fake::World| (!world.posts(PUBLIC_CHAT).is_empty()).then_some(());
    stage.telegram.wait_for("the offer in the public channel", posted).await?;
    Ok(())
}

/// Every page has the way to the others.
fn lead_to_each_other(stage: &Stage) {
    let (story, nowpayments) = (format!("{}/demo", stage.url), format!("{}/", stage.nowpayments.url()));
    let link = |label: &str, url: &str| fake::PageLink { label: label.to_owned(), url: url.to_owned() };
    stage.telegram.set_page_links(vec![link("Story", &story), link("NOWPayments", &nowpayments)]);
    let link = |label: &str, url: &str| sandbox::PageLink { label: label.to_owned(), url: url.to_owned() };
    let telegram = stage.telegram.api_url();
    stage.nowpayments.set_page_links(vec![link("Story", &story), link("Telegram", telegram.as_str())]);
}

fn welcome(stage: &Stage, shop: &Shop, takes_days: bool) -> String {
    let telegram = stage.telegram.api_url();
    let mut text = format!(
        "Open this and play the whole story, as the buyer and as the owner:\n\n  {}/demo\n\n\
         Tollhouse is running, between a simulated NOWPayments and a simulated Telegram. No money, no accounts. The single pages:\n\n\
         The simulated Telegram:\n",
        stage.url
    );
    for (person, what) in
        [(BEN, "Ben, who buys"), (OLGA, "Olga, who owns the channel"), (SAM, "Sam, who tries Ben's invite")]
    {
        text += &format!("  {telegram}user/{}   {what}\n", person.id);
    }
    text += "\nPayment links, without Telegram:\n";
    for offer in &shop.offers {
        text += &format!("  {}{}   {}\n", stage.url, offer.path, offer.words);
    }
    text += &format!(
        "\nThe simulated NOWPayments (invoices, payments, refunds, lost notifications):\n  {}/\n",
        stage.nowpayments.url()
    );
    if takes_days {
        text += "\nEnter lets a day pass, a number lets so many pass; the story's page has buttons for it, too.\n";
    }
    text +=
        &format!("\nThe database, until you stop: {}\nctrl-c stops, and removes it.\n", stage.database_url);
    text
}

/// The days that somebody types. The thread ends with the process: nothing else can wake it from reading.
fn days_typed() -> mpsc::UnboundedReceiver<u32> {
    let (typed, days) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if let Some(days) = days_in(&line)
                && typed.send(days).is_err()
            {
                return;
            }
        }
    });
    days
}

fn days_in(line: &str) -> Option<u32> {
    let line = line.trim();
    if line.is_empty() { Some(1) } else { line.parse().ok().filter(|days| *days <= DAYS_AT_ONCE_MAX) }
}

/// On this machine Telegram is the simulated one: a page's links to `t.me` open it there, as whoever was played last.
fn links_stay_here(routes: Router, telegram: &FakeHandle) -> Router {
    let open = telegram.opener("");
    routes.layer(middleware::from_fn(move |request: Request, next: Next| {
        let open = open.clone();
        async move { rewritten(next.run(request).await, &open).await }
    }))
}

async fn rewritten(response: Response, open: &str) -> Response {
    if !is_page(response.headers()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, PAGE_BYTES_MAX).await else {
        return Response::from_parts(parts, Body::empty());
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(with_links(&String::from_utf8_lossy(&bytes), open)))
}

fn is_page(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"text/html"))
}

fn with_links(page: &str, open: &str) -> String {
    const BEFORE: &str = r#"href=""#;
    let mut parts = page.split("href=\"https://t.me/");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (path, rest) = part.split_once('"').unwrap_or((part, ""));
        let link = format!("https://t.me/{}", path.replace("&amp;", "&"));
        let link: String = url::form_urlencoded::byte_serialize(link.as_bytes()).collect();
        out += &format!("{BEFORE}{open}{link}\"{rest}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_into_telegram_open_the_simulated_one() {
        let page = r#"<a href="/o/1">a</a><a class="go" href="https://t.me/+Ab">b</a><a href="https://t.me/x?start=c_1">c</a>"#;
        let want = r#"<a href="/o/1">a</a><a class="go" href="http://h/?open=https%3A%2F%2Ft.me%2F%2BAb">b</a><a href="http://h/?open=https%3A%2F%2Ft.me%2Fx%3Fstart%3Dc_1">c</a>"#;
        assert_eq!(with_links(page, "http://h/?open="), want);
        assert_eq!(with_links("no link", "x"), "no link");
    }

    #[test]
    fn a_line_is_a_number_of_days() {
        assert_eq!(days_in(""), Some(1));
        assert_eq!(days_in(" 31 "), Some(31));
        assert_eq!(days_in("401"), None);
        assert_eq!(days_in("-1"), None);
        assert_eq!(days_in("x"), None);
    }
}
