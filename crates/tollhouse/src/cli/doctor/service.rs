//! Whether a service runs here: a database in order and a bot with all its rights sell nothing without one.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Check;

const NAME: &str = "service";
/// How long the service may take to say how it is, in milliseconds: its own look at the database takes at most four seconds.
const ANSWER_MS_MAX: u64 = 5_000;
/// How much of an answer is read, in bytes: a health page has less than one.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;
/// What only our health page says.
const OURS: &str = r#""service":"tollhouse""#;
const HEALTHY: &str = r#""status":"healthy""#;

/// Asks the address on which `serve` would listen for its health. Never more than a warning: nothing runs before the first start, and with
/// `serve --only worker` nothing listens.
pub(super) async fn check(listen: SocketAddr) -> Check {
    let addr = reachable(listen);
    let asked = tokio::time::timeout(Duration::from_millis(ANSWER_MS_MAX), ask(addr)).await;
    match asked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(answer) if !answer.contains(OURS) => Check::warn(
            NAME,
            format!("what answers at {addr} is not tollhouse"),
            "choose another TOLLHOUSE_LISTEN, or end the other program",
        ),
        Ok(answer) if answer.contains(HEALTHY) => {
            Check::ok(NAME, format!("`tollhouse serve` answers at {addr} and is healthy"))
        }
        Ok(_) => Check::warn(
            NAME,
            format!("`tollhouse serve` answers at {addr} and is not healthy"),
            format!("see http://{addr}/health, and the log of the service"),
        ),
        Err(_) => Check::warn(
            NAME,
            format!("nothing answers at {addr}: is `tollhouse serve` running?"),
            "start it; until then no notification is taken, and nobody is let in or shown out",
        ),
    }
}

/// Where an address that stands for all of this machine's is asked.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// One question to this machine needs no client that knows of TLS, proxies and redirects.
async fn ask(addr: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(addr).await?;
    let question = format!("GET /health HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n");
    stream.write_all(question.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_stands_for_all_is_asked_on_this_machine() {
        for (listen, addr) in
            [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80"), ("192.0.2.7:80", "192.0.2.7:80")]
        {
            assert_eq!(reachable(listen.parse().unwrap()), addr.parse().unwrap());
        }
    }
}
