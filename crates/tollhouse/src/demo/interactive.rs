//! The demo for a person: a small shop, the pages to open, and a key that lets days pass.

use std::io::{BufRead as _, IsTerminal as _, Write};
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use jiff::SignedDuration;
use tokio::sync::mpsc;
use tollhouse_telegram::UserId;
use tollhouse_telegram::fake::{FakeHandle, NewUser};

use super::shop::{OLGA, Person, Shop};
use super::stage::Stage;
use crate::clock::Clock;
use crate::serve::signalled;

/// How long a payment stays in each status, in seconds: long enough to be seen, short enough to be waited for.
const STEP_SECONDS: i64 = 2;
/// Largest page that is read on its way to the reader, in bytes; ours have a few thousand.
const PAGE_BYTES_MAX: usize = 1024 * 1024;
/// Most days that one line lets pass.
const DAYS_AT_ONCE_MAX: u32 = 400;

/// Who plays.
const YOU: Person = Person { id: UserId(1_002), name: "You" };
/// Somebody to give your link to.
const STRANGER: Person = Person { id: UserId(1_003), name: "A stranger" };

/// Opens the shop, shows the pages, and waits to be told to end.
///
/// # Errors
/// It could not be set up, or nobody reads what it says.
pub(super) async fn run(listen: SocketAddr, mut out: Box<dyn Write + Send>) -> anyhow::Result<()> {
    let clock = Clock::default();
    let step = SignedDuration::from_secs(STEP_SECONDS);
    let stage = Stage::start(clock.clone(), listen, step, links_stay_here).await?;
    let shop = Shop::open(&stage.app, &stage.telegram).await?;
    for person in [YOU, STRANGER] {
        stage.telegram.add_user(NewUser::new(person.id.0, person.name))?;
    }
    let takes_days = std::io::stdin().is_terminal();
    out.write_all(welcome(&stage, &shop, takes_days).as_bytes())?;
    out.flush()?;
    let mut days = if takes_days { days_typed() } else { mpsc::unbounded_channel().1 };
    let mut passed = 0;
    let ended = signalled();
    tokio::pin!(ended);
    loop {
        let days = tokio::select! {
            () = &mut ended => break,
            Some(days) = days.recv() => days,
        };
        clock.advance(SignedDuration::from_hours(24 * i64::from(days)));
        passed += days;
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

fn welcome(stage: &Stage, shop: &Shop, takes_days: bool) -> String {
    let telegram = stage.telegram.api_url();
    let mut text = String::from(
        "Tollhouse is running, between a simulated NOWPayments and a simulated Telegram. No money, no accounts.\n\nBuy something:\n",
    );
    for offer in &shop.offers {
        text += &format!("  {}{}   {}\n", stage.url, offer.path, offer.words);
    }
    text += &format!(
        "\nThe simulated NOWPayments (its invoices, payments and notifications):\n  {}/\n",
        stage.nowpayments.url()
    );
    text += "\nThe simulated Telegram:\n";
    for (person, what) in [
        (YOU, "you, the buyer"),
        (OLGA, "Olga, who owns the channel"),
        (STRANGER, "somebody to give your invite to"),
    ] {
        text += &format!("  {telegram}user/{}   {what}\n", person.id);
    }
    text += "\nOpen a link and press Pay. Pick a coin on the order's page: its payment then waits for you at the simulated NOWPayments, in\n\
             the list of payments. Or go to the NOWPayments page and pick one there. Pay exactly, too little, twice, late, and keep the\n\
             order's page open meanwhile; it follows. Then press \"Open in Telegram\" and join; try your invite as the stranger, too.\n";
    let payments = format!("{}/sandbox/payments", stage.nowpayments.url());
    text += &format!(
        "\nRefund a payment, and see yourself shown out; its number is on the order's page:\n\
         \x20 curl -X POST {payments}/NUMBER/refund\n\
         Send its last notification fifty times more; nothing changes:\n\
         \x20 curl -X POST {payments}/NUMBER/resend -d '{{\"times\":50}}'\n"
    );
    if takes_days {
        text += "\nEnter lets a day pass, a number lets so many pass: after 31 the month and its grace are over.\n";
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

/// On this machine Telegram is the simulated one: a page's links to `t.me` open it there, as the person who plays.
fn links_stay_here(routes: Router, telegram: &FakeHandle) -> Router {
    let open = format!("{}user/{}?open=", telegram.api_url(), YOU.id);
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
