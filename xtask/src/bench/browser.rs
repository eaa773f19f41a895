//! One keep-alive connection that asks for pages and sends forms as a browser does, each after the other.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// No answer takes so long.
const ANSWER_SECONDS_MAX: u64 = 30;
/// Our server sends about ten headers.
const HEADERS_MAX: usize = 32;
/// The room for an answer at first; it grows.
const ANSWER_BYTES: usize = 32_768;

pub(super) struct Connection {
    stream: TcpStream,
    address: SocketAddr,
}

/// What matters of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) status: u16,
    /// Where a form leads.
    pub(super) location: Option<String>,
    pub(super) body: String,
    /// With its head.
    pub(super) bytes: usize,
}

impl Connection {
    pub(super) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(ANSWER_SECONDS_MAX)))?;
        Ok(Self { stream, address })
    }

    pub(super) fn get(&mut self, path: &str) -> Result<Page> {
        self.exchange(&format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\naccept-language: en\r\n\r\n",
            self.address
        ))
    }

    pub(super) fn post(&mut self, path: &str, form: &str) -> Result<Page> {
        self.send(path, "application/x-www-form-urlencoded", form)
    }

    pub(super) fn post_json(&mut self, path: &str, json: &str) -> Result<Page> {
        self.send(path, "application/json", json)
    }

    fn send(&mut self, path: &str, kind: &str, body: &str) -> Result<Page> {
        self.exchange(&format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        ))
    }

    /// Makes an order by a payment link; its id.
    pub(super) fn buy(&mut self, slug: &str) -> Result<String> {
        let page = self.post(&format!("/c/{slug}"), "")?;
        let order = page.location.as_deref().and_then(|location| location.strip_prefix("/o/"));
        order
            .map(str::to_owned)
            .with_context(|| format!("the link makes no order: {} {}", page.status, page.body))
    }

    fn exchange(&mut self, request: &str) -> Result<Page> {
        self.stream.write_all(request.as_bytes())?;
        let mut bytes = Vec::with_capacity(ANSWER_BYTES);
        let mut piece = [0; ANSWER_BYTES];
        loop {
            let read = self.stream.read(&mut piece)?;
            ensure!(read > 0, "the server closed the connection after {} bytes of an answer", bytes.len());
            bytes.extend_from_slice(&piece[..read]);
            if let Some(page) = parse(&bytes)? {
                return Ok(page);
            }
        }
    }
}

/// Reads an answer; none while it is not complete.
fn parse(bytes: &[u8]) -> Result<Option<Page>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes)? else { return Ok(None) };
    let text = |name: &str| {
        let header = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok()
    };
    let Some(length) = text("content-length").and_then(|length| length.parse::<usize>().ok()) else {
        bail!("an answer without a length");
    };
    let Some(body) = bytes.get(head..head + length) else { return Ok(None) };
    Ok(Some(Page {
        status: response.code.unwrap_or_default(),
        location: text("location").map(str::to_owned),
        body: String::from_utf8(body.to_vec()).context("a page that is no UTF-8")?,
        bytes: head + length,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_when_it_is_complete() {
        let answer = b"HTTP/1.1 303 See Other\r\nLocation: /o/ord_1\r\nContent-Length: 3\r\n\r\nabc";
        for length in 1..answer.len() {
            assert_eq!(parse(&answer[..length]).unwrap(), None, "{length}");
        }
        let page = parse(answer).unwrap().unwrap();
        assert_eq!((page.status, page.body.as_str(), page.bytes), (303, "abc", answer.len()));
        assert_eq!(page.location.as_deref(), Some("/o/ord_1"));
        assert!(parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
