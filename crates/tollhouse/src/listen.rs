//! The side of HTTP that faces the network: takes connections, serves HTTP/1.1 on each, and lets them finish when the process ends.
//!
//! Not axum's own: that one looks at the first bytes of a connection for HTTP/2, which nobody speaks to us without a proxy between, and
//! doubles the buffer of every open page by it. It also waits for ever for the rest of a request.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response};
use futures::TryFutureExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::ServiceExt;

/// How long the head of a request may take from the moment on in which it could come, in seconds: a connection that says nothing for so
/// long, or says it letter by letter, is closed. Longer than proxies keep an idle connection, as a rule, so that it is they who close.
const HEAD_SECONDS_MAX: u64 = 75;
/// How long open connections may take to finish when the process ends, in seconds.
const DRAIN_SECONDS_MAX: u64 = 6;
/// How long no connection is taken after one could not be, in seconds: with every file descriptor in use the next would fail the same way.
const ACCEPT_AGAIN_SECONDS: u64 = 1;

/// Serves the routes until told to stop, then what is under way, for a few seconds at most.
pub async fn serve(listener: TcpListener, routes: Router, mut stop: watch::Receiver<bool>) {
    let connections = GracefulShutdown::new();
    loop {
        let taken = tokio::select! {
            taken = listener.accept() => taken,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match taken {
            Ok((stream, peer)) => serve_one(stream, peer, &routes, &connections),
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                tracing::error!(%error, "http.accept_failed: no connection can be taken; it is tried again");
                tokio::time::sleep(Duration::from_secs(ACCEPT_AGAIN_SECONDS)).await;
            }
        }
    }
    drop(listener);
    // An open event stream would hold the door for ever.
    if tokio::time::timeout(Duration::from_secs(DRAIN_SECONDS_MAX), connections.shutdown()).await.is_err() {
        tracing::info!("open connections were closed");
    }
}

/// Whether the connection that was about to be taken is broken, and not the taking.
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn serve_one(stream: TcpStream, peer: SocketAddr, routes: &Router, connections: &GracefulShutdown) {
    // An event is for now. Without it the connection works all the same.
    let _ = stream.set_nodelay(true);
    let routes = routes.clone();
    let service = service_fn(move |request| answer(routes.clone(), peer, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(HEAD_SECONDS_MAX))
        .serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    // Who hangs up in the middle is no news.
    tokio::spawn(
        connection.unwrap_or_else(|error| tracing::debug!(%error, "a connection ended in the middle")),
    );
}

async fn answer(
    routes: Router,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response<axum::body::Body>, Infallible> {
    // Who is at the other end: the limits per address want to know.
    request.extensions_mut().insert(ConnectInfo(peer));
    routes.oneshot(request.map(axum::body::Body::new)).await
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn start(stop: &watch::Sender<bool>) -> (SocketAddr, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new()
            .route("/peer", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()))
            .route("/never", get(async || std::future::pending::<()>().await));
        (address, tokio::spawn(serve(listener, routes, stop.subscribe())))
    }

    #[tokio::test]
    async fn a_request_is_answered_and_knows_who_asked() {
        let (stop, _) = watch::channel(false);
        let (address, serving) = start(&stop).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /peer HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with(&stream.local_addr().unwrap().to_string()), "{answer}");
        stop.send_replace(true);
        serving.await.unwrap();
    }

    // The clock of these tests runs ahead whenever everybody waits.

    #[tokio::test(start_paused = true)]
    async fn who_never_finishes_a_request_is_not_waited_for() {
        let (stop, _) = watch::channel(false);
        let (address, _serving) = start(&stop).await;
        let begun = tokio::time::Instant::now();
        for words in ["", "GET /peer HTTP/1.1\r\nhost: x\r\n"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(words.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            // Closed, in order or not.
            let _ = stream.read_to_end(&mut answer).await;
            assert!(!answer.starts_with(b"HTTP/1.1 200"), "{words:?}");
        }
        assert!(begun.elapsed() >= Duration::from_secs(HEAD_SECONDS_MAX), "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_waits_for_what_is_under_way_but_not_for_ever() {
        let (stop, _) = watch::channel(false);
        let (address, serving) = start(&stop).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /never HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut idle = TcpStream::connect(address).await.unwrap();
        // Until both are served: the second one's answer says so.
        idle.write_all(b"GET /peer HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        idle.read_u8().await.unwrap();
        let begun = tokio::time::Instant::now();
        stop.send_replace(true);
        serving.await.unwrap();
        assert!(begun.elapsed() >= Duration::from_secs(DRAIN_SECONDS_MAX), "{:?}", begun.elapsed());
        assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    }
}
