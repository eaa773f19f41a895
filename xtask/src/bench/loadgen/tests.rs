use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::super::notification::{PUBLIC_CHAT, signature};
use super::*;

const SECRET: &str = "test-secret";
const FIRST_ID: u64 = 5_000_000_000;

/// A server that checks what it is sent as the real one would, and keeps the payment ids.
struct Server {
    address: SocketAddr,
    payments: Arc<Mutex<BTreeSet<u64>>>,
}

impl Server {
    /// `answer` gets the payment id and gives status, verdict and whether the connection is closed.
    fn start(answer: fn(u64) -> (u16, &'static str, bool)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { address: listener.local_addr().unwrap(), payments: Arc::default() };
        let payments = Arc::clone(&server.payments);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, payments) = (stream.unwrap(), Arc::clone(&payments));
                thread::spawn(move || serve(stream, &payments, answer));
            }
        });
        server
    }
}

fn serve(stream: TcpStream, payments: &Mutex<BTreeSet<u64>>, answer: fn(u64) -> (u16, &'static str, bool)) {
    let mut stream = BufReader::new(stream);
    while let Some((head, body)) = read_request(&mut stream) {
        let members: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let payment = members["payment_id"].as_u64().unwrap();
        let good = head.starts_with("POST /webhooks/nowpayments HTTP/1.1\r\n")
            && head.contains(&format!("x-nowpayments-sig: {}\r\n", signature(SECRET, &body)))
            && members["order_id"] == format!("PGP-{payment}|{PUBLIC_CHAT}");
        let new = payments.lock().unwrap().insert(payment);
        let (status, verdict, close) = if good && new { answer(payment) } else { (418, "bad", false) };
        let body = format!(r#"{{"status":"success","verdict":"{verdict}"}}"#);
        let connection = if close { "close" } else { "keep-alive" };
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n",
            body.len()
        );
        // In two writes, so that an answer can arrive in two pieces.
        stream.get_mut().write_all(head.as_bytes()).unwrap();
        stream.get_mut().write_all(body.as_bytes()).unwrap();
        if close {
            return;
        }
    }
}

fn read_request(stream: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    Some((head, body))
}

/// A load that ends when its notifications are used up, and so waits for no time.
fn options(server: &Server, connections: usize, supply: usize) -> Options {
    Options {
        address: server.address,
        connections,
        warmup_seconds: 0.0,
        seconds: 60.0,
        mix: Mix::Finished,
        first_id: FIRST_ID,
        supply,
        secret: SECRET.into(),
    }
}

#[test]
fn every_notification_is_sent_once_well_signed_and_counted() {
    let server = Server::start(|_| (200, "applied", false));
    let summary = load(&options(&server, 16, 300)).unwrap();
    assert_eq!((summary.ok, summary.applied, summary.errors), (300, 300, 0));
    assert!(summary.refused.is_empty(), "{summary:?}");
    assert!(summary.supply_used_up);
    assert_eq!(*server.payments.lock().unwrap(), (FIRST_ID..FIRST_ID + 300).collect());
    assert!(summary.p50_us > 0 && summary.p50_us <= summary.p99_us && summary.p99_us <= summary.max_us);
    assert!((summary.ok_per_second * summary.seconds - 300.0).abs() < 1e-6);
}

#[test]
fn answers_other_than_applied_are_told_apart() {
    let server = Server::start(|payment| match payment % 3 {
        0 => (200, "applied", false),
        1 => (200, "duplicate", false),
        _ => (503, "full", false),
    });
    let summary = load(&options(&server, 4, 300)).unwrap();
    assert_eq!((summary.ok, summary.applied, summary.answered_with_warmup), (200, 100, 300));
    assert_eq!(summary.refused, BTreeMap::from([(503, 100)]));
}

#[test]
fn a_closed_connection_is_opened_again() {
    let server = Server::start(|payment| (200, "applied", payment.is_multiple_of(10)));
    let summary = load(&options(&server, 4, 100)).unwrap();
    assert_eq!((summary.ok, summary.errors), (100, 0));
}

#[test]
fn the_warm_up_is_not_counted() {
    let server = Server::start(|_| (200, "applied", false));
    let summary = load(&Options { warmup_seconds: 60.0, ..options(&server, 4, 100) }).unwrap();
    assert_eq!((summary.ok, summary.ok_with_warmup), (0, 100));
}

#[test]
fn an_answer_is_read_only_when_it_is_complete() {
    let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 21\r\n\r\n{\"verdict\":\"applied\"}";
    for end in 0..whole.len() {
        assert_eq!(parse(&whole[..end]).unwrap(), None, "{end}");
    }
    let answer = parse(whole).unwrap().unwrap();
    assert_eq!(answer, Answer { status: 200, applied: true, closes: false });
    assert!(parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
}
