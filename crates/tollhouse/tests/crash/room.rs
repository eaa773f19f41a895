//! No room on the disk, and a disk that only reads (SQLite).

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tollhouse_core::id::ProviderPaymentId;
use tollhouse_store::{AttentionFilter, MembershipFilter, Store};

use crate::away::all_refused;
use crate::load::{Attempt, Notification, client, send};
use crate::not_shown;
use crate::program::{Program, Setup};
use crate::town::{self, Database, Engine, PRIVATE_CHAT, PUBLIC_CHAT};

/// The size of the disk: the empty database has about a tenth of it.
const DISK_KIB: usize = 6 * 1024;
/// Notifications after which a full disk must have been noticed: each takes some hundred bytes at least.
const NOTIFICATIONS_MAX: i64 = 2_000;

/// A small disk, in a namespace of its own: no rights are needed, and nobody else sees it.
struct Disk {
    folder: PathBuf,
    /// Keeps the namespace. Ends with the disk.
    anchor: Child,
}

impl Disk {
    /// `None` where the system lets nobody make a namespace: containers do that.
    async fn new(name: &str) -> Option<Self> {
        let folder = std::env::temp_dir().join(format!("tollhouse-disk-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mount = format!(
            "mount -t tmpfs -o size={DISK_KIB}k tollhouse {} && echo mounted && exec sleep infinity",
            folder.display()
        );
        let mut anchor = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .ok()?;
        let mut said = BufReader::new(anchor.stdout.take()?).lines();
        match said.next_line().await {
            Ok(Some(line)) if line == "mounted" => Some(Self { folder, anchor }),
            _ => None,
        }
    }

    /// What stands before a program that is to see the disk.
    fn door(&self) -> Vec<String> {
        let target = self.anchor.id().unwrap().to_string();
        ["nsenter", "--preserve-credentials", "--user", "--mount", "--target", &target]
            .map(str::to_owned)
            .into()
    }

    fn setup(&self) -> Setup {
        let door = self.door();
        let door: Vec<&str> = door.iter().map(String::as_str).collect();
        Setup::new(&format!("sqlite://{}/t.db", self.folder.display())).inside(&door)
    }

    /// The disk as it is seen from outside of the namespace.
    fn seen(&self) -> PathBuf {
        let folder = self.folder.strip_prefix("/").unwrap();
        Path::new("/proc").join(self.anchor.id().unwrap().to_string()).join("root").join(folder)
    }

    fn fill(&self) {
        use std::io::Write as _;
        let mut ballast = std::fs::File::create(self.seen().join("ballast")).unwrap();
        let block = [7; 4096];
        while ballast.write_all(&block).is_ok() {}
    }

    /// A copy of the database, once nobody has it open. SQLite itself would look for it where its name leads outside of the namespace.
    fn copy(&self) -> Database {
        let name = format!("tollhouse-copy-{}", self.anchor.id().unwrap());
        let database = Database::in_folder(std::env::temp_dir().join(name));
        let path = database.url.strip_prefix("sqlite://").unwrap().to_owned();
        for end in ["", "-wal"] {
            let file = self.seen().join(format!("t.db{end}"));
            if file.exists() {
                std::fs::copy(file, format!("{path}{end}")).unwrap();
            }
        }
        database
    }

    fn make_room(&self) {
        std::fs::remove_file(self.seen().join("ballast")).unwrap();
    }

    async fn mount_again(&self, how: &str) {
        let door = self.door();
        let mut mount = Command::new(&door[0]);
        mount.args(&door[1..]).args(["mount", "-o", &format!("remount,{how}")]).arg(&self.folder);
        assert!(mount.status().await.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The mount is seen in its namespace only; outside it is an empty folder.
        let _ = std::fs::remove_dir(&self.folder);
    }
}

pub async fn add_channel(setup: &Setup) {
    let (private, public) = (PRIVATE_CHAT.to_string(), PUBLIC_CHAT.to_string());
    let chats = ["--private-chat", &private, "--public-chat", &public];
    setup
        .json(&[&["channel", "add", "--title", "T", "--plan", "Month=2.50 USD/30d"][..], &chats].concat())
        .await;
}

fn finished(payment: i64) -> Notification {
    Notification::new(payment, 1_000 + payment, "finished")
}

/// Where a page of the predecessor asks for the state of a payment's order.
fn state_of(payment: i64) -> String {
    format!("/api/payment-status?order_id=PGP-{}%7C{PUBLIC_CHAT}", 1_000 + payment)
}

async fn status(http: &reqwest::Client, url: String) -> u16 {
    http.get(url).send().await.unwrap().status().as_u16()
}

/// From 200 to 503 and back to 200, without a restart and with one; `fill` and `make_room` get the process.
async fn fills_up(setup: &Setup, fill: impl AsyncFn(u32), make_room: impl AsyncFn(u32)) -> i64 {
    let http = client();
    // So that a reference of the predecessor can be asked about.
    let setup = &setup.clone().with("TOLLHOUSE_IMPORT_MODE", "true");
    let program = Program::start(setup).await;
    add_channel(setup).await;
    let url = program.url("/webhooks/nowpayments");
    assert_eq!(send(&http, &url, &finished(1)).await, Attempt::Stored);
    assert_eq!(status(&http, program.url("/readyz")).await, 200);

    fill(program.pid()).await;
    let mut last = 1;
    loop {
        last += 1;
        assert!(last < NOTIFICATIONS_MAX, "the disk is full and nobody notices");
        match send(&http, &url, &finished(last)).await {
            Attempt::Stored => {}
            Attempt::Unavailable => break,
            other => panic!("{other:?}"),
        }
    }
    // What does not fit is refused, one by one and many at once; what was stored can be read.
    let refused = last..last + 40;
    all_refused(&http, &url, refused.clone()).await;
    assert_eq!(status(&http, program.url("/readyz")).await, 503);
    assert_eq!(status(&http, program.url("/health")).await, 503);
    assert_eq!(status(&http, program.url("/livez")).await, 200);
    assert_eq!(status(&http, program.url(&state_of(1))).await, 200, "what is stored can be read");

    make_room(program.pid()).await;
    assert_eq!(status(&http, program.url("/readyz")).await, 200, "it goes on by itself");
    for n in refused.clone() {
        assert_eq!(send(&http, &url, &finished(n)).await, Attempt::Stored);
    }
    fill(program.pid()).await;
    let mut end = refused.end;
    while send(&http, &url, &finished(end)).await == Attempt::Stored {
        end += 1;
    }
    let pid = program.pid();
    program.kill().await;
    make_room(pid).await;
    let program = Program::start(setup).await;
    let url = program.url("/webhooks/nowpayments");
    assert_eq!(send(&http, &url, &finished(end)).await, Attempt::Stored);
    program.terminate().await;
    end
}

/// Every payment from the first to the last was kept and gave its month, once; nothing needs a person.
pub async fn check(store: &dyn Store, last: i64) {
    for payment in 1..=last {
        let events = store.events_of(ProviderPaymentId::new(payment).unwrap(), 10).await.unwrap();
        assert!(!events.is_empty(), "{payment} was answered 200 and is gone");
        let filter = MembershipFilter { user: Some(town::user(1_000 + payment)), ..Default::default() };
        let memberships = store.memberships(filter).await.unwrap();
        let [membership] = &memberships[..] else { panic!("{payment}: {memberships:?}") };
        let lasts = membership.ends_at.unwrap().duration_since(membership.starts_at);
        assert_eq!(lasts.as_hours(), 30 * 24, "{membership:?}");
    }
    assert!(store.attention(AttentionFilter::default()).await.unwrap().is_empty(), "nothing needs a person");
}

/// The disk and the limit hold the same test.
async fn check_kept(setup: &Setup, database: &Database, last: i64) {
    setup.json(&["audit", "verify"]).await;
    let store = town::reopen(database).await;
    check(&*store, last).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_answered_503_and_loses_nothing() {
    let Some(disk) = Disk::new("full").await else {
        not_shown(
            "a_full_disk_is_answered_503_and_loses_nothing",
            "this system lets nobody make a disk; files_that_may_not_grow_are_answered_503_and_nothing_is_lost stands for it",
        );
        return;
    };
    let setup = disk.setup();
    let last = fills_up(&setup, async |_| disk.fill(), async |_| disk.make_room()).await;
    check_kept(&setup, &disk.copy(), last).await;
}

/// The system itself refuses to let any file grow, as a quota does. What it says then is another error than that of a full disk.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_may_not_grow_are_answered_503_and_nothing_is_lost() {
    let database = Database::fresh(Engine::Sqlite).await;
    let setup = Setup::new(&database.url).after("trap '' XFSZ");
    let limit = async |pid: u32, bytes: &str| {
        if !Path::new("/proc").join(pid.to_string()).exists() {
            // The limit went with the process.
            return;
        }
        let done =
            Command::new("prlimit").args(["--pid", &pid.to_string(), &format!("--fsize={bytes}:")]).status();
        assert!(done.await.unwrap().success());
    };
    let last =
        fills_up(&setup, async |pid| limit(pid, "4096").await, async |pid| limit(pid, "unlimited").await)
            .await;
    check_kept(&setup, &database, last).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_only_reads_stops_the_start_and_says_so() {
    let Some(disk) = Disk::new("ro").await else {
        not_shown(
            "a_disk_that_only_reads_stops_the_start_and_says_so",
            "this system lets nobody make a disk",
        );
        return;
    };
    let setup = disk.setup();
    let program = Program::start(&setup).await;
    add_channel(&setup).await;
    assert_eq!(send(&client(), &program.url("/webhooks/nowpayments"), &finished(1)).await, Attempt::Stored);
    program.kill().await;
    disk.mount_again("ro").await;
    let said = Program::try_start(&setup).await.err().unwrap();
    assert!(said.contains("t.db") && said.contains("Read-only file system"), "{said}");
    disk.mount_again("rw").await;
    Program::start(&setup).await.terminate().await;
    check_kept(&setup, &disk.copy(), 1).await;
}
