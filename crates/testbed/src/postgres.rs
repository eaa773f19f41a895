//! Private PostgreSQL servers: made in fresh folders, stopped and removed at the end whatever happens.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::{MissingTool, find_in_path, is_root, process};

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
/// What the server writes once it can be used; a standby adds "read-only" behind it.
const READY: &str = "database system is ready to accept";

/// What a crash of the machine may do to the data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: every commit waits for the disk, as in production.
    Disk,
    /// Anything. What a killed process has written to the operating system survives it; so tests that kill processes and never
    /// the machine lose nothing by `fsync=off`, and run several times faster.
    ProcessOnly,
}

/// A server. Dropping it stops it and removes its folder.
pub struct Cluster {
    server: Option<Child>,
    programs: PathBuf,
    port: u16,
    durability: Durability,
    log: PathBuf,
    folder: TempDir,
}

impl Cluster {
    /// Makes and starts a server in a new folder under `parent`, its log in `log`.
    ///
    /// # Errors
    /// [`MissingTool`], or the end of the server's log.
    pub fn start(parent: &Path, durability: Durability, log: &Path) -> Result<Self> {
        let mut cluster = Self::in_new_folder(parent, durability, log)?;
        let data = cluster.data();
        cluster.run("initdb", |command| {
            let settings = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"];
            command.args(settings).args(["--username=postgres", "-D"]).arg(data);
        })?;
        cluster.begin()?;
        Ok(cluster)
    }

    /// Makes and starts a standby of this server, to which it streams every change.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn standby(&self, parent: &Path, log: &Path) -> Result<Self> {
        let mut standby = Self::in_new_folder(parent, self.durability, log)?;
        let data = standby.data();
        let primary =
            format!("host=127.0.0.1 port={} user=postgres application_name={STANDBY_NAME}", self.port);
        standby.run("pg_basebackup", |command| {
            command.args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "-D"]).arg(data);
            command.args(["--dbname", &primary]);
        })?;
        standby.begin()?;
        Ok(standby)
    }

    fn in_new_folder(parent: &Path, durability: Durability, log: &Path) -> Result<Self> {
        let programs = find_programs()
            .ok_or_else(|| MissingTool("There are no programs of a PostgreSQL server here.".into()))?;
        let folder = tempfile::Builder::new()
            .prefix("tollhouse-postgres-")
            .tempdir_in(parent)
            .with_context(|| format!("cannot make a folder in {}", parent.display()))?;
        if is_root() {
            let (user, group) = (server_user_id("-u")?, server_user_id("-g")?);
            chown(folder.path(), Some(user), Some(group))
                .context("cannot give the folder to the server's user")?;
        }
        // The port is free now; that it stays free until PostgreSQL takes it is not certain, but very likely, as the
        // kernel hands out another one to each who asks.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        Ok(Self { server: None, programs, port, durability, log: log.to_owned(), folder })
    }

    fn begin(&mut self) -> Result<()> {
        let fsync = if self.durability == Durability::Disk { "on" } else { "off" };
        let mut socket = OsString::from("unix_socket_directories=");
        socket.push(self.folder.path());
        let mut server = as_server_user(&self.programs.join("postgres"), self.folder.path())?
            .arg("-D")
            .arg(self.data())
            .args(["-c", "listen_addresses=127.0.0.1", "-c", &format!("port={}", self.port)])
            .args(["-c", &format!("max_connections={CONNECTIONS_MAX}")])
            .args(["-c", &format!("fsync={fsync}"), "-c", "synchronous_commit=on", "-c"])
            .arg(socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start PostgreSQL")?;
        let log = &self.log;
        let ready =
            server.stderr.take().context("no log from PostgreSQL").and_then(|lines| follow(lines, log));
        // From here on every way out stops the server.
        self.server = Some(server);
        match ready?.recv_timeout(Duration::from_secs(START_SECONDS_MAX)) {
            Ok(()) => Ok(()),
            Err(RecvTimeoutError::Timeout) => {
                bail!("PostgreSQL is not ready after {START_SECONDS_MAX} s:\n{}", tail(log))
            }
            Err(RecvTimeoutError::Disconnected) => bail!("PostgreSQL did not start:\n{}", tail(log)),
        }
    }

    /// Ends the server and all its processes with SIGKILL, as a machine that loses its power does. Its folder stays.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            process::kill_with_children(&mut server);
        }
    }

    /// Stops the server at once, without a word to its clients. Its folder stays.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            process::stop_server(server, Signal::QUIT, Duration::from_secs(STOP_SECONDS_MAX));
        }
    }

    /// Starts the server that was stopped or killed, on what is in its folder, at the same address.
    ///
    /// # Errors
    /// The end of the server's log.
    pub fn start_again(&mut self) -> Result<()> {
        // What was killed leaves this behind; its number may be another process' by now.
        let _ = fs::remove_file(self.data().join("postmaster.pid"));
        self.begin()
    }

    /// Lets every commit wait until the standby has it on its disk, and returns when it does.
    ///
    /// # Errors
    /// No standby came within 10 s.
    pub fn replicate_synchronously(&self) -> Result<()> {
        self.sql(&format!("ALTER SYSTEM SET synchronous_standby_names = '{STANDBY_NAME}'"))?;
        self.sql("SELECT pg_reload_conf()")?;
        self.sql(
            "DO $$ BEGIN
               FOR attempt IN 1..200 LOOP
                 PERFORM pg_stat_clear_snapshot();
                 PERFORM 1 FROM pg_stat_replication WHERE sync_state = 'sync';
                 IF FOUND THEN RETURN; END IF;
                 PERFORM pg_sleep(0.05);
               END LOOP;
               RAISE 'no standby has come';
             END $$",
        )?;
        Ok(())
    }

    /// Brings the write-ahead log to the state that a server in use has: its files are there, and are written over. A new server
    /// makes each, 16 MB of zeros that it syncs, in the middle of the commit that needs it.
    ///
    /// # Errors
    /// The server's.
    pub fn age_log(&self) -> Result<()> {
        self.sql(&format!("ALTER SYSTEM SET min_wal_size = '{}MB'", LOG_FILES * LOG_FILE_MB))?;
        self.sql("SELECT pg_reload_conf()")?;
        for _ in 0..LOG_FILES {
            // A file without an entry is not left.
            self.sql("SELECT pg_logical_emit_message(true, 'age', ''), pg_switch_wal()")?;
        }
        // Now none of them is needed any more.
        self.sql("CHECKPOINT")?;
        Ok(())
    }

    /// Makes a standby the server that takes writes, and returns when it does.
    ///
    /// # Errors
    /// It does not after a minute.
    pub fn promote(&self) -> Result<()> {
        match self.sql("SELECT pg_promote(true, 60)")?.trim() {
            "t" => Ok(()),
            other => bail!("the standby was not promoted: {other}"),
        }
    }

    /// Runs a statement as the server's owner and returns what psql shows of its rows.
    ///
    /// # Errors
    /// The server's.
    pub fn sql(&self, statement: &str) -> Result<String> {
        self.run("psql", |command| {
            command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement, &self.url()]);
        })
    }

    fn run(&self, program: &str, arguments: impl FnOnce(&mut Command)) -> Result<String> {
        let mut command = as_server_user(&self.programs.join(program), self.folder.path())?;
        arguments(&mut command);
        let output = command.stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("cannot start {program}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{program} failed ({}): {}", output.status, said.trim());
        }
        String::from_utf8(output.stdout).with_context(|| format!("{program} wrote no UTF-8"))
    }

    /// The data alone.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Where clients find it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The same by its socket, which spares both sides the network's work. For programs whose user may enter the folder.
    #[must_use]
    pub fn socket_url(&self) -> String {
        let folder = self.folder().to_string_lossy().replace('/', "%2F");
        format!("postgres://postgres@{folder}:{}/postgres", self.port)
    }

    /// Its folder, with the data and the socket.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The data is thrown away, so there is nothing to write down in good order first.
        self.stop();
    }
}

/// How many files of the log an aged server has: as many as PostgreSQL keeps by its own choice under load (`max_wal_size` is 1 GB).
const LOG_FILES: u32 = 64;
/// A file of the log, in MB.
const LOG_FILE_MB: u32 = 16;
/// What the standby calls itself.
const STANDBY_NAME: &str = "standby";

/// The folder with `initdb` and `postgres`.
#[must_use]
pub fn find_programs() -> Option<PathBuf> {
    newest_server(Path::new(DEBIAN_SERVERS)).or_else(server_in_path)
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
    let initdb = fs::canonicalize(find_in_path("initdb")?).ok()?;
    let programs = initdb.parent()?;
    programs.join("postgres").is_file().then(|| programs.to_path_buf())
}

/// A command that runs as the server's user, in `folder`, and that ends when we do, even if we are killed.
fn as_server_user(program: &Path, folder: &Path) -> Result<Command> {
    let mut command = match find_in_path("setpriv") {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            if is_root() {
                let user = [format!("--reuid={SERVER_USER}"), format!("--regid={SERVER_USER}")];
                command.args(user).arg("--init-groups");
            }
            command.args([OsStr::new("--pdeathsig=INT"), OsStr::new("--")]).arg(program);
            command
        }
        None if is_root() => {
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
             makes one). Make that user, or use a server of yours."
        );
        MissingTool(advice).into()
    })
}

/// Appends the server's log to a file, and says when the server is ready. The receiver is cut off when the server ends.
fn follow(lines: ChildStderr, log: &Path) -> Result<Receiver<()>> {
    let mut log = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))?;
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
        let logs = tempfile::tempdir().unwrap();
        let cluster =
            Cluster::start(&std::env::temp_dir(), Durability::ProcessOnly, &logs.path().join("log")).unwrap();
        let query = "SELECT concat_ws(' ', current_setting('fsync'), current_setting('synchronous_commit'), \
                     current_setting('server_encoding'), current_setting('max_connections'))";
        assert_eq!(cluster.sql(query).unwrap().trim(), "off on UTF8 300");

        let (folder, port) = (cluster.folder().to_path_buf(), cluster.port);
        drop(cluster);
        assert!(!folder.exists());
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
    }

    #[test]
    fn the_log_of_an_aged_server_has_its_files() {
        let logs = tempfile::tempdir().unwrap();
        let cluster =
            Cluster::start(&std::env::temp_dir(), Durability::ProcessOnly, &logs.path().join("log")).unwrap();
        let files =
            || cluster.sql("SELECT count(*) FROM pg_ls_waldir()").unwrap().trim().parse::<u32>().unwrap();
        assert!(files() < LOG_FILES / 2);
        cluster.age_log().unwrap();
        let ahead = "SELECT count(*) FROM pg_ls_waldir() WHERE name > pg_walfile_name(pg_current_wal_lsn())";
        let ahead: u32 = cluster.sql(ahead).unwrap().trim().parse().unwrap();
        assert!(ahead > LOG_FILES / 2, "only {ahead} files lie ahead");
    }

    #[test]
    fn what_was_committed_outlives_the_death_of_the_server_and_the_primary() {
        let logs = tempfile::tempdir().unwrap();
        let log = |name: &str| logs.path().join(name);
        let mut primary = Cluster::start(&std::env::temp_dir(), Durability::ProcessOnly, &log("a")).unwrap();
        primary.sql("CREATE TABLE t AS SELECT 1 AS x").unwrap();
        primary.kill();
        primary.start_again().unwrap();
        let standby = primary.standby(&std::env::temp_dir(), &log("b")).unwrap();
        primary.replicate_synchronously().unwrap();
        primary.sql("INSERT INTO t VALUES (2)").unwrap();
        assert!(standby.sql("INSERT INTO t VALUES (3)").is_err(), "a standby only reads");
        primary.kill();
        standby.promote().unwrap();
        standby.sql("INSERT INTO t VALUES (4)").unwrap();
        assert_eq!(standby.sql("SELECT sum(x) FROM t").unwrap().trim(), "7");
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
