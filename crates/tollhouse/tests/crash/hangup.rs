//! Callers who hang up in the middle: what they asked for is done or not, never half, and nothing is left open.

use std::time::Duration;

use nowpayments::verify::{SIGNATURE_HEADER, sign};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tollhouse_core::id::ProviderPaymentId;
use tollhouse_store::{OrderFilter, PAGE_LENGTH_MAX};

use crate::load::{Attempt, Notification, client, send};
use crate::program::{Program, Setup};
use crate::room::{add_channel, check};
use crate::town::{self, Database, Engine, PRIVATE_CHAT, SECRET};

/// Callers of each sort.
const CALLERS: i64 = 40;
/// Connections to the database and the like, which come and go by themselves.
const DESCRIPTORS_SPARE: usize = 12;

/// Says a part of a request and hangs up.
async fn hang_up(program: &Program, request: &[u8], said: usize) {
    let mut stream = TcpStream::connect(program.addr).await.unwrap();
    stream.write_all(&request[..said]).await.unwrap();
}

fn request(notification: &Notification) -> Vec<u8> {
    let Notification { body, .. } = notification;
    let signature = sign(SECRET, body.as_bytes()).unwrap();
    let length = body.len();
    format!(
        "POST /webhooks/nowpayments HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\n{SIGNATURE_HEADER}: {signature}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn descriptors(program: &Program) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", program.pid())).unwrap().count()
}

async fn who_hangs_up_leaves_nothing_half_done(engine: Engine) {
    let database = Database::fresh(engine).await;
    let setup = Setup::new(&database.url);
    let program = Program::start(&setup).await;
    add_channel(&setup).await;
    let private = PRIVATE_CHAT.to_string();
    let plan =
        setup.json(&["channel", "show", &private]).await["plans"][0]["id"].as_str().unwrap().to_owned();
    let link: Value = setup.json(&["link", "create", "--channel", &private, "--plan", &plan]).await;
    let slug = link["slug"].as_str().unwrap();
    let (http, url) = (client(), program.url("/webhooks/nowpayments"));
    let finished = |payment: i64| Notification::new(payment, 1_000 + payment, "finished");
    assert_eq!(send(&http, &url, &finished(1)).await, Attempt::Stored);
    let before = descriptors(&program);

    // The whole request, or all but its last byte, or half of it; and a buyer who asks for an order and is gone.
    let order = format!(
        "POST /c/{slug} HTTP/1.1\r\nhost: t\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 0\r\n\r\n"
    );
    for payment in 2..CALLERS {
        let request = request(&finished(payment));
        let said = match payment % 3 {
            0 => request.len(),
            1 => request.len() - 1,
            _ => request.len() / 2,
        };
        hang_up(&program, &request, said).await;
        hang_up(&program, order.as_bytes(), order.len()).await;
    }
    // Streams that are open, and whose pages are closed.
    let orders = setup.json(&["order", "list"]).await;
    let id = orders[0]["order_id"].as_str().unwrap().to_owned();
    let mut streams = Vec::new();
    for _ in 0..CALLERS {
        let mut stream = TcpStream::connect(program.addr).await.unwrap();
        stream.write_all(format!("GET /o/{id}/events HTTP/1.1\r\nhost: t\r\n\r\n").as_bytes()).await.unwrap();
        let mut first = [0; 64];
        let length = stream.read(&mut first).await.unwrap();
        assert!(
            first[..length].starts_with(b"HTTP/1.1 200"),
            "{:?}",
            String::from_utf8_lossy(&first[..length])
        );
        streams.push(stream);
    }
    drop(streams);

    // The provider comes again with each; whatever became of the first, each is granted once.
    for payment in 2..CALLERS {
        assert_eq!(send(&http, &url, &finished(payment)).await, Attempt::Stored);
    }
    drop(http);
    let patience = tokio::time::timeout(Duration::from_secs(10), async {
        while descriptors(&program) > before + DESCRIPTORS_SPARE {
            tokio::task::yield_now().await;
        }
    });
    assert!(patience.await.is_ok(), "{before} descriptors before, {} after", descriptors(&program));
    program.terminate().await;

    let store = town::reopen(&database).await;
    let heard = |payment: i64| store.events_of(ProviderPaymentId::new(payment).unwrap(), 10);
    for payment in (2..CALLERS).filter(|payment| payment % 3 != 0) {
        assert_eq!(heard(payment).await.unwrap().len(), 1, "half a request is none: {payment}");
    }
    // Whether a whole request of a caller who is gone was still read is a matter of moments; one that was is kept like any other.
    for payment in (2..CALLERS).filter(|payment| payment % 3 == 0) {
        assert!(matches!(heard(payment).await.unwrap().len(), 1 | 2), "{payment}");
    }
    let orders = store.orders(OrderFilter { limit: PAGE_LENGTH_MAX, ..Default::default() }).await.unwrap();
    assert!(orders.len() >= usize::try_from(CALLERS - 1).unwrap());
    check(&*store, CALLERS - 1).await;
    store.close().await;
    setup.json(&["audit", "verify"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_leaves_nothing_half_done_on_sqlite() {
    who_hangs_up_leaves_nothing_half_done(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_leaves_nothing_half_done_on_postgres() {
    who_hangs_up_leaves_nothing_half_done(Engine::Postgres).await;
}
