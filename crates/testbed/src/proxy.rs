//! A network that fails on demand: a TCP proxy that delays, swallows, cuts and half-closes what it carries.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What is read at once, in bytes: more than any single message that the traps look for.
const CHUNK_BYTES: usize = 64 * 1024;

/// How the proxy treats what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// As a network should.
    Fair,
    /// Everything, in both directions, comes so much later.
    Slow(Duration),
    /// Connections are accepted and nothing ever comes out. A connection from which something was lost stays lost.
    BlackHole,
    /// Every new connection is closed at once.
    Refusing,
}

/// Where a connection is cut when its client says a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutAt {
    /// Before the server hears it.
    Word,
    /// When the server has done it and says so, before the client hears that.
    Answer,
}

#[derive(Clone, Copy, Debug)]
struct Trap {
    word: &'static [u8],
    answer: &'static [u8],
    at: CutAt,
}

struct Shared {
    weather: watch::Sender<Weather>,
    /// Counts the cuts; a connection ends when it changes.
    cuts: watch::Sender<u64>,
    /// Counts the half-closes.
    halves: watch::Sender<u64>,
    /// How many connections are open.
    open: watch::Sender<usize>,
    sprung: watch::Sender<usize>,
    trap: Mutex<Option<Trap>>,
}

/// The proxy. Dropping it closes everything.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy before a server.
    ///
    /// # Errors
    /// No port to listen on.
    pub async fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            weather: watch::Sender::new(Weather::Fair),
            cuts: watch::Sender::new(0),
            halves: watch::Sender::new(0),
            open: watch::Sender::new(0),
            sprung: watch::Sender::new(0),
            trap: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, server, Arc::clone(&shared)));
        Ok(Self { address, shared, accepting })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes how everything is treated from now on, on connections that are open too.
    pub fn set(&self, weather: Weather) {
        self.shared.weather.send_replace(weather);
    }

    /// Cuts every connection that is open.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|count| *count += 1);
    }

    /// Lets every client that is connected read that its server has ended, while what they say still goes through.
    pub fn half_close(&self) {
        self.shared.halves.send_modify(|count| *count += 1);
    }

    /// Cuts the first connection whose client says `word`, before it is heard or once the server has said `answer` to it.
    pub fn cut_once(&self, word: &'static [u8], answer: &'static [u8], at: CutAt) {
        *lock(&self.shared.trap) = Some(Trap { word, answer, at });
    }

    /// Waits until [`Proxy::cut_once`] has cut so many connections in all.
    pub async fn has_cut(&self, count: usize) {
        // The sender lives as long as we do.
        let _ = self.shared.sprung.subscribe().wait_for(|sprung| *sprung >= count).await;
    }

    /// Waits until so many connections are open, or more.
    pub async fn has_open(&self, count: usize) {
        let _ = self.shared.open.subscribe().wait_for(|open| *open >= count).await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, server: SocketAddr, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        if *shared.weather.borrow() == Weather::Refusing {
            continue;
        }
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            shared.open.send_modify(|count| *count += 1);
            let mut cuts = shared.cuts.subscribe();
            tokio::select! {
                () = carry(client, server, &shared) => {}
                _ = cuts.changed() => {}
            }
            shared.open.send_modify(|count| *count -= 1);
        });
    }
}

/// What the two directions of a connection tell each other.
#[derive(Default)]
struct Connection {
    /// Something was lost: nothing comes through any more.
    lost: bool,
    /// For which answer of the server the connection is to be cut.
    waits_for: Option<&'static [u8]>,
}

async fn carry(mut client: TcpStream, server: SocketAddr, shared: &Shared) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let connection = Mutex::new(Connection::default());
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let up = up(from_client, to_server, shared, &connection);
    let down = down(from_server, to_client, shared, &connection);
    // Either direction may end the whole; one that merely has nothing more to say does not.
    tokio::select! {
        () = async { tokio::join!(quiet(up), quiet(down)); } => {}
        () = cut(&connection, shared) => {}
    }
}

/// A direction that ended in good order leaves the other one alone.
async fn quiet(direction: impl Future<Output = io::Result<()>>) {
    let _ = direction.await;
}

/// Returns when the trap on this connection was sprung.
async fn cut(connection: &Mutex<Connection>, shared: &Shared) {
    let mut sprung = shared.sprung.subscribe();
    loop {
        if sprung.changed().await.is_err() {
            return;
        }
        if lock(connection).waits_for == Some(SPRUNG) {
            return;
        }
    }
}

/// Marks the connection whose trap was sprung.
const SPRUNG: &[u8] = b"\0sprung";

fn spring(connection: &Mutex<Connection>, shared: &Shared) {
    lock(connection).waits_for = Some(SPRUNG);
    shared.sprung.send_modify(|count| *count += 1);
}

/// What passes through now, if anything does.
async fn passes(shared: &Shared, connection: &Mutex<Connection>) -> bool {
    let weather = *shared.weather.borrow();
    match weather {
        Weather::Slow(time) => tokio::time::sleep(time).await,
        Weather::BlackHole => lock(connection).lost = true,
        Weather::Fair | Weather::Refusing => {}
    }
    !lock(connection).lost
}

async fn up(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    shared: &Shared,
    connection: &Mutex<Connection>,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let length = from.read(&mut chunk).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        if !passes(shared, connection).await {
            continue;
        }
        let said = &chunk[..length];
        let trap = lock(&shared.trap).take_if(|trap| holds(said, trap.word));
        match trap {
            Some(Trap { at: CutAt::Word, .. }) => {
                spring(connection, shared);
                return std::future::pending().await;
            }
            Some(Trap { at: CutAt::Answer, answer, .. }) => lock(connection).waits_for = Some(answer),
            None => {}
        }
        to.write_all(said).await?;
    }
}

async fn down(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    shared: &Shared,
    connection: &Mutex<Connection>,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut halves = shared.halves.subscribe();
    loop {
        let length = tokio::select! {
            length = from.read(&mut chunk) => length?,
            _ = halves.changed() => 0,
        };
        if length == 0 {
            return to.shutdown().await;
        }
        if !passes(shared, connection).await {
            continue;
        }
        let said = &chunk[..length];
        let waits_for = lock(connection).waits_for;
        if let Some(answer) = waits_for {
            if holds(said, answer) {
                spring(connection, shared);
                return std::future::pending().await;
            }
            // Until then the client hears nothing.
            continue;
        }
        to.write_all(said).await?;
    }
}

fn holds(said: &[u8], word: &[u8]) -> bool {
    said.windows(word.len()).any(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each line with "did" and the line, and tells what it heard.
    async fn echo() -> (SocketAddr, watch::Receiver<String>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = watch::Sender::new(String::new());
        let hears = heard.subscribe();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let heard = heard.clone();
                tokio::spawn(async move {
                    let mut chunk = [0; 64];
                    while let Ok(length) = stream.read(&mut chunk).await {
                        if length == 0 {
                            return;
                        }
                        let said = String::from_utf8_lossy(&chunk[..length]).into_owned();
                        heard.send_modify(|all| all.push_str(&said));
                        if stream.write_all(format!("did {said}").as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        (address, hears)
    }

    async fn hears(stream: &mut TcpStream) -> String {
        let mut chunk = [0; 64];
        match stream.read(&mut chunk).await {
            Ok(length) => String::from_utf8_lossy(&chunk[..length]).into_owned(),
            Err(_) => String::new(),
        }
    }

    #[tokio::test]
    async fn it_carries_cuts_at_a_word_and_swallows() {
        let (server, mut heard) = echo().await;
        let proxy = Proxy::start(server).await.unwrap();
        let connect = || TcpStream::connect(proxy.address());
        let mut one = connect().await.unwrap();
        one.write_all(b"a").await.unwrap();
        assert_eq!(hears(&mut one).await, "did a");

        proxy.cut_once(b"b", b"did b", CutAt::Word);
        one.write_all(b"b").await.unwrap();
        assert_eq!(hears(&mut one).await, "");
        proxy.has_cut(1).await;
        assert_eq!(*heard.borrow_and_update(), "a", "the server never heard it");

        let mut two = connect().await.unwrap();
        proxy.cut_once(b"c", b"did c", CutAt::Answer);
        two.write_all(b"c").await.unwrap();
        assert_eq!(hears(&mut two).await, "");
        assert_eq!(*heard.borrow_and_update(), "ac", "the server did it, and nobody heard");

        let mut three = connect().await.unwrap();
        three.write_all(b"d").await.unwrap();
        assert_eq!(hears(&mut three).await, "did d");
        proxy.half_close();
        assert_eq!(hears(&mut three).await, "");
        three.write_all(b"e").await.unwrap();
        heard.wait_for(|all| all == "acde").await.unwrap();

        let mut four = connect().await.unwrap();
        proxy.has_open(1).await;
        proxy.set(Weather::BlackHole);
        four.write_all(b"f").await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(50), hears(&mut four)).await.is_err());
        proxy.set(Weather::Fair);
        four.write_all(b"g").await.unwrap();
        assert!(
            tokio::time::timeout(Duration::from_millis(50), hears(&mut four)).await.is_err(),
            "it stays lost"
        );
        assert_eq!(*heard.borrow(), "acde");
    }
}
