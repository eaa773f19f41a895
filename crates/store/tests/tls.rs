//! Encrypted connections to a real PostgreSQL (S32): a door in front of it speaks TLS with a certificate of ours, as the server itself does
//! where it has one. The certificates are in `tls/`.
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::NoTls;
use tokio_rustls::TlsAcceptor;
use tollhouse_store::migrate;

/// Asks the server whether it encrypts (PostgreSQL's protocol, section "Message Formats", SSLRequest).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

fn file(name: &str) -> String {
    format!("{}/tests/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// What a door answers to whoever wants to encrypt.
#[derive(Clone)]
enum Answer {
    With(TlsAcceptor),
    No,
}

/// A door in front of the test's server, and a database behind it.
struct Door {
    port: u16,
    database: String,
    plain: Arc<AtomicU32>,
    encrypted: Arc<AtomicU32>,
}

impl Door {
    /// With a certificate, or with none.
    async fn open(certificate: Option<&str>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = std::env::var("TOLLHOUSE_TEST_POSTGRES_URL")
            .expect("TOLLHOUSE_TEST_POSTGRES_URL names no PostgreSQL server; `cargo xtask test` starts one");
        let (client, connection) = tokio_postgres::connect(&server, NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        let database = format!("tls_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        client.batch_execute(&format!("CREATE DATABASE {database}")).await.unwrap();
        drop(client);
        driver.await.unwrap().unwrap();

        let answer = certificate.map_or(Answer::No, |certificate| {
            let chain = vec![CertificateDer::from_pem_file(file(certificate)).unwrap()];
            let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let versions =
                ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
            let config = versions.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
            Answer::With(TlsAcceptor::from(Arc::new(config)))
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (plain, encrypted) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let counts = (Arc::clone(&plain), Arc::clone(&encrypted));
        let server = url::Url::parse(&server).unwrap();
        let behind = format!("{}:{}", server.host_str().unwrap(), server.port().unwrap());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, behind, counts) = (answer.clone(), behind.clone(), counts.clone());
                tokio::spawn(async move {
                    // Who does not come through is the test's subject; what it sees is asserted there.
                    let _ = let_in(stream, answer, &behind, &counts).await;
                });
            }
        });
        Self { port, database, plain, encrypted }
    }

    fn url(&self, host: &str, options: &str) -> String {
        format!("postgres://postgres@{host}:{}/{}?{options}", self.port, self.database)
    }

    /// Connects and brings the schema up to date; gives how many connections were encrypted and how many were not.
    async fn connect(&self, host: &str, options: &str) -> (Result<(), String>, u32, u32) {
        self.plain.store(0, Ordering::SeqCst);
        self.encrypted.store(0, Ordering::SeqCst);
        let outcome = migrate(&self.url(host, options)).await;
        let outcome = outcome.map(|_| ()).map_err(|error| error.to_string());
        (outcome, self.encrypted.load(Ordering::SeqCst), self.plain.load(Ordering::SeqCst))
    }

    async fn refuses(&self, host: &str, options: &str) -> String {
        let (outcome, encrypted, plain) = self.connect(host, options).await;
        assert_eq!((encrypted, plain), (0, 0), "{options} let something through");
        outcome.expect_err(options)
    }

    async fn takes(&self, host: &str, options: &str) {
        let (outcome, encrypted, plain) = self.connect(host, options).await;
        assert_eq!(outcome, Ok(()), "{options}");
        assert!(encrypted > 0 && plain == 0, "{options}: {encrypted} encrypted, {plain} plain");
    }
}

async fn let_in(
    mut stream: TcpStream,
    answer: Answer,
    behind: &str,
    (plain, encrypted): &(Arc<AtomicU32>, Arc<AtomicU32>),
) -> std::io::Result<()> {
    let mut first = [0; 8];
    stream.read_exact(&mut first).await?;
    if first == SSL_REQUEST {
        match answer {
            Answer::With(acceptor) => {
                stream.write_all(b"S").await?;
                let mut stream = acceptor.accept(stream).await?;
                let mut server = TcpStream::connect(behind).await?;
                encrypted.fetch_add(1, Ordering::SeqCst);
                copy_bidirectional(&mut stream, &mut server).await?;
                return Ok(());
            }
            Answer::No => {
                stream.write_all(b"N").await?;
                // Who goes on all the same says so with its first message.
                stream.read_exact(&mut first).await?;
            }
        }
    }
    plain.fetch_add(1, Ordering::SeqCst);
    let mut server = TcpStream::connect(behind).await?;
    server.write_all(&first).await?;
    copy_bidirectional(&mut stream, &mut server).await?;
    Ok(())
}

fn rooted(mode: &str, root: &str) -> String {
    format!("sslmode={mode}&sslrootcert={}", file(root))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s32_verify_full_talks_to_the_named_server_and_to_no_other() {
    let door = Door::open(Some("server.pem")).await;
    door.takes("localhost", &rooted("verify-full", "root.pem")).await;
    let name = door.refuses("127.0.0.1", &rooted("verify-full", "root.pem")).await;
    assert!(name.contains("certificate"), "{name}");
    let root = door.refuses("localhost", &rooted("verify-full", "other-root.pem")).await;
    assert!(root.contains("certificate"), "{root}");
    // The roots of this system, if it has any, have not signed it.
    door.refuses("localhost", "sslmode=verify-full").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s32_verify_ca_looks_at_the_root_and_require_encrypts() {
    let door = Door::open(Some("server.pem")).await;
    door.takes("127.0.0.1", &rooted("verify-ca", "root.pem")).await;
    door.refuses("127.0.0.1", &rooted("verify-ca", "other-root.pem")).await;
    door.takes("127.0.0.1", "sslmode=require").await;
    // As in libpq: who names a root wants it checked.
    door.refuses("127.0.0.1", &rooted("require", "other-root.pem")).await;
    door.takes("127.0.0.1", "sslmode=prefer").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s32_a_certificate_that_has_run_out_is_none() {
    let door = Door::open(Some("expired.pem")).await;
    for mode in ["verify-full", "verify-ca"] {
        let refusal = door.refuses("localhost", &rooted(mode, "root.pem")).await;
        assert!(refusal.contains("expired"), "{refusal}");
    }
}

/// Somebody in between who says that the server does not encrypt gets nothing: no name, no password, no question.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s32_nobody_talks_us_out_of_encryption() {
    let door = Door::open(None).await;
    for options in
        ["sslmode=require".to_owned(), rooted("verify-ca", "root.pem"), rooted("verify-full", "root.pem")]
    {
        let refusal = door.refuses("localhost", &options).await;
        assert!(refusal.contains("TLS"), "{refusal}");
    }
    let (outcome, encrypted, plain) = door.connect("localhost", "sslmode=prefer").await;
    assert_eq!((outcome, encrypted), (Ok(()), 0));
    assert!(plain > 0, "what only prefers it goes on without");
}
