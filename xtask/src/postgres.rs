//! A private PostgreSQL server: made in a fresh folder, stopped and removed at the end whatever happens.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::packages::{self, MissingTool};
use crate::process;

/// Tells the tests where PostgreSQL is. Set by whoever starts `cargo xtask test`, that server is used as it is.
pub(crate) const URL_VARIABLE: &str = "TOLLHOUSE_TEST_POSTGRES_URL";

/// Where Debian puts the server's programs, one folder for each major version.
const DEBIAN_SERVERS: &str = "/usr/lib/postgresql";
/// The user that Debian's package makes. PostgreSQL refuses to run as root.
const SERVER_USER: &str = "postgres";
/// Test binaries run side by side, each with pools of its own and several processes under test.
const CONNECTIONS_MAX: u16 = 300;
/// A start takes less than a second; a machine that is busy with a build may need many times that.
const START_SECONDS_MAX: u64 = 60;
/// An immediate shutdown takes milliseconds; PostgreSQL itself kills what lingers after 5 seconds.
const STOP_SECONDS_MAX: u64 = 10;
/// Lines of the server's log that a failed start shows.
const LOG_LINES_SHOWN: usize = 20;
/// What the server writes once it can be used.
const READY: &str = "database system is ready to accept connections";

/// What a crash of the machine may do to the data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Nothing: every commit waits for the disk, as in production.
    Disk,
    /// Anything. The tests kill our processes, never PostgreSQL or the machine, and what it has written to the
    /// operating system survives them; so the tests lose nothing by `fsync=off`, and run several times faster.
    ProcessOnly,
}

/// A running server. Dropping it stops it and removes its folder.
pub(crate) struct Cluster {
    server: Option<Child>,
    port: u16,
    folder: TempDir,
}

impl Cluster {
    /// Makes and starts a server in a new folder under `parent`, its log in `log`.
    pub(crate) fn start(parent: &Path, durability: Durability, log: &Path) -> Result<Self> {
        let programs = ensure_programs()?;
        let folder = tempfile::Builder::new()
            .prefix("tollhouse-postgres-")
            .tempdir_in(parent)
            .with_context(|| format!("cannot make a folder in {}", parent.display()))?;
        if packages::is_root() {
            let (user, group) = (server_user_id("-u")?, server_user_id("-g")?);
            chown(folder.path(), Some(user), Some(group))
                .context("cannot give the folder to the server's user")?;
        }
        process::read(
            as_server_user(&programs.join("initdb"), folder.path())?
                .args([
                    "--auth=trust",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--no-sync",
                    "--username=postgres",
                    "-D",
                ])
                .arg(folder.path().join("data")),
        )?;

        // The port is free now; that it stays free until PostgreSQL takes it is not certain, but very likely, as the
        // kernel hands out another one to each who asks.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let fsync = if durability == Durability::Disk { "on" } else { "off" };
        let mut socket = OsString::from("unix_socket_directories=");
        socket.push(folder.path());
        let mut server = as_server_user(&programs.join("postgres"), folder.path())?
            .arg("-D")
            .arg(folder.path().join("data"))
            .args(["-c", "listen_addresses=127.0.0.1", "-c", &format!("port={port}")])
            .args(["-c", &format!("max_connections={CONNECTIONS_MAX}")])
            .args(["-c", &format!("fsync={fsync}"), "-c", "synchronous_commit=on", "-c"])
            .arg(socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start PostgreSQL")?;
        let ready =
            server.stderr.take().context("no log from PostgreSQL").and_then(|lines| follow(lines, log));
        // From here on every way out stops the server.
        let cluster = Self { server: Some(server), port, folder };
        match ready?.recv_timeout(Duration::from_secs(START_SECONDS_MAX)) {
            Ok(()) => Ok(cluster),
            Err(RecvTimeoutError::Timeout) => {
                bail!("PostgreSQL is not ready after {START_SECONDS_MAX} s:\n{}", tail(log))
            }
            Err(RecvTimeoutError::Disconnected) => bail!("PostgreSQL did not start:\n{}", tail(log)),
        }
    }

    /// Where clients find it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// The same by its socket, which spares both sides the network's work. For programs whose user may enter the folder.
    #[cfg(feature = "bench")]
    pub(crate) fn socket_url(&self) -> String {
        let folder = self.folder().to_string_lossy().replace('/', "%2F");
        format!("postgres://postgres@{folder}:{}/postgres", self.port)
    }

    /// Its folder, with the data and the socket.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            // The data is thrown away, so there is nothing to write down in good order first.
            process::stop_server(server, Signal::QUIT, Duration::from_secs(STOP_SECONDS_MAX));
        }
    }
}

/// The folder with `initdb` and `postgres`, installed from Debian's packages if there is none.
pub(crate) fn ensure_programs() -> Result<PathBuf> {
    let find = || newest_server(Path::new(DEBIAN_SERVERS)).or_else(server_in_path);
    if let Some(programs) = find() {
        return Ok(programs);
    }
    let otherwise = format!("Or set {URL_VARIABLE} to a server on which the tests may make databases.");
    packages::install(&["postgresql"], "The PostgreSQL server", &otherwise)?;
    find().ok_or_else(|| anyhow!("{DEBIAN_SERVERS} has no server after its installation"))
}

fn newest_server(servers: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(servers).ok()?.filter_map(|entry| {
        let path = entry.ok()?.path();
        let version: u32 = path.file_name()?.to_str()?.parse().ok()?;
        Some((version, path.join("bin")))
    });
    let complete = |bin: &Path| bin.join("initdb").is_file() && bin.join("postgres").is_file();
    versions.filter(|(_, bin)| complete(bin)).max().map(|(_, bin)| bin)
}

fn server_in_path() -> Option<PathBuf> {
    // Its real place: distributions put links to some of the programs into PATH, and not to all.
    let initdb = fs::canonicalize(packages::find_in_path("initdb")?).ok()?;
    let programs = initdb.parent()?;
    programs.join("postgres").is_file().then(|| programs.to_path_buf())
}

/// A command that runs as the server's user, in `folder`, and that ends when we do, even if we are killed.
fn as_server_user(program: &Path, folder: &Path) -> Result<Command> {
    let mut command = match packages::find_in_path("setpriv") {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            if packages::is_root() {
                let user = [format!("--reuid={SERVER_USER}"), format!("--regid={SERVER_USER}")];
                command.args(user).arg("--init-groups");
            }
            command.args(["--pdeathsig=INT", "--"]).arg(program);
            command
        }
        None if packages::is_root() => {
            let advice = "PostgreSQL refuses to run as root, and there is no setpriv (of util-linux) to become \
                          another user with. Run this as another user.";
            return Err(MissingTool(advice.into()).into());
        }
        None => Command::new(program),
    };
    command.current_dir(folder);
    Ok(command)
}

/// The number of the server's user (`-u`) or of its group (`-g`).
fn server_user_id(which: &str) -> Result<u32> {
    let output = Command::new("id").args([which, SERVER_USER]).output().context("cannot start id")?;
    let number = String::from_utf8_lossy(&output.stdout).trim().parse().ok();
    number.ok_or_else(|| {
        let advice = format!(
            "PostgreSQL refuses to run as root, and there is no user {SERVER_USER} to run it as (Debian's package \
             makes one). Make that user, or set {URL_VARIABLE}."
        );
        MissingTool(advice).into()
    })
}

/// Copies the server's log to a file, and says when the server is ready. The receiver is cut off when the server ends.
fn follow(lines: ChildStderr, log: &Path) -> Result<Receiver<()>> {
    let mut log = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let (ready, is_ready) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(lines).split(b'\n').map_while(Result::ok) {
            // A log that cannot be written is no reason to stop reading: the server would block on a full pipe.
            let _ = log.write_all(&line).and_then(|()| log.write_all(b"\n"));
            if String::from_utf8_lossy(&line).contains(READY) {
                // Nobody listens any more after the first time.
                let _ = ready.send(());
            }
        }
    });
    Ok(is_ready)
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn the_newest_complete_server_is_taken() {
        let servers = tempfile::tempdir().unwrap();
        for (version, programs) in
            [("9", &["initdb", "postgres"][..]), ("15", &["initdb", "postgres"]), ("17", &["psql"])]
        {
            let bin = servers.path().join(version).join("bin");
            fs::create_dir_all(&bin).unwrap();
            for program in programs {
                fs::write(bin.join(program), "").unwrap();
            }
        }
        assert_eq!(newest_server(servers.path()), Some(servers.path().join("15/bin")));
        assert_eq!(newest_server(&servers.path().join("none")), None);
    }

    #[test]
    fn a_cluster_serves_as_asked_and_leaves_nothing_behind() {
        let programs = ensure_programs().unwrap();
        let logs = tempfile::tempdir().unwrap();
        let cluster =
            Cluster::start(&std::env::temp_dir(), Durability::ProcessOnly, &logs.path().join("log")).unwrap();
        let query = "SELECT concat_ws(' ', current_setting('fsync'), current_setting('synchronous_commit'), \
                     current_setting('server_encoding'), current_setting('max_connections'))";
        let settings =
            process::read(Command::new(programs.join("psql")).args(["-XAtc", query, &cluster.url()]))
                .unwrap();
        assert_eq!(settings.trim(), "off on UTF8 300");

        let (folder, port) = (cluster.folder().to_path_buf(), cluster.port);
        drop(cluster);
        assert!(!folder.exists());
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
    }

    #[test]
    fn a_server_that_cannot_start_is_reported_with_its_log() {
        let logs = tempfile::tempdir().unwrap();
        let log = logs.path().join("log");
        let mut failing = Command::new("sh")
            .args(["-c", "echo 'FATAL: no room' >&2; exit 1"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let ready = follow(failing.stderr.take().unwrap(), &log).unwrap();
        failing.wait().unwrap();
        assert!(ready.recv().is_err());
        assert_eq!(tail(&log), "FATAL: no room");
    }
}
