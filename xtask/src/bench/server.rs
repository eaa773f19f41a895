//! The program under measurement: started, watched and stopped.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::process;

/// A start takes well under a second, also where a database must be made first.
const START_SECONDS_MAX: u64 = 30;
/// How often a starting server is asked: often enough that start times are good to a millisecond.
const START_POLL_MILLISECONDS: u64 = 1;
/// The program promises to exit within 10 s of SIGTERM.
const STOP_SECONDS_MAX: u64 = 15;
/// Time that one probe of /livez may take.
const PROBE_SECONDS_MAX: u64 = 5;

/// A running server. Dropping it kills it.
pub(super) struct Server {
    child: Option<Child>,
    pub(super) address: SocketAddr,
    /// From the start of the process to the first good answer of /livez.
    pub(super) started_in: Duration,
}

/// Resident memory, in kilobytes of 1024 bytes as Linux counts them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    pub(super) resident_kib: u64,
    pub(super) peak_kib: u64,
}

impl Server {
    /// Starts `command`, which gets the address to listen on, and waits until /livez answers 200.
    pub(super) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let address = free_address()?;
        command
            .env("TOLLHOUSE_LISTEN", address.to_string())
            .env("TOLLHOUSE_PUBLIC_URL", format!("http://{address}"));
        Self::launch(command, address, log, is_alive)
    }

    /// Starts the program's simulated provider and waits until its API answers.
    pub(super) fn start_sandbox(program: &Path, log: &Path, api_key: &str, secret: &str) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(program);
        command.args([
            "sandbox",
            "--listen",
            &address.to_string(),
            "--api-key",
            api_key,
            "--ipn-secret",
            secret,
        ]);
        Self::launch(&mut command, address, log, |address| {
            get(address, "/v1/status").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
        })
    }

    /// Starts the program's simulated Telegram and waits until it answers.
    pub(super) fn start_telegram(program: &Path, log: &Path, bot_token: &str) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(program);
        command.args(["sandbox", "--listen", "127.0.0.1:0", "--bot-token", bot_token]);
        command.args(["--telegram-listen", &address.to_string()]);
        Self::launch(&mut command, address, log, |address| {
            get(address, "/fake/version").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
        })
    }

    fn launch(
        command: &mut Command,
        address: SocketAddr,
        log: &Path,
        is_alive: fn(SocketAddr) -> bool,
    ) -> Result<Self> {
        process::check_interrupted()?;
        let output = File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let start = Instant::now();
        let child =
            command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let mut server = Self { child: Some(child), address, started_in: Duration::ZERO };
        while !is_alive(address) {
            process::check_interrupted()?;
            let ended = server.child.as_mut().and_then(|child| child.try_wait().transpose()).transpose()?;
            if let Some(status) = ended {
                server.child = None;
                bail!("the server ended at its start ({status}), see {}", log.display());
            }
            if start.elapsed() > Duration::from_secs(START_SECONDS_MAX) {
                bail!("it does not answer after {START_SECONDS_MAX} s, see {}", log.display());
            }
            pause(Duration::from_millis(START_POLL_MILLISECONDS));
        }
        server.started_in = start.elapsed();
        Ok(server)
    }

    pub(super) fn id(&self) -> Result<u32> {
        Ok(self.child.as_ref().context("the server has been stopped")?.id())
    }

    pub(super) fn memory(&self) -> Result<Memory> {
        memory_of(self.id()?)
    }

    pub(super) fn cpu_time(&self) -> Result<Duration> {
        cpu_time(self.id()?)
    }

    /// Asks it to stop, and fails if it does not.
    pub(super) fn stop(mut self) -> Result<()> {
        let child = self.child.take().context("the server has been stopped")?;
        if !process::stop_server(child, Signal::TERM, Duration::from_secs(STOP_SECONDS_MAX)) {
            bail!("the server was still there {STOP_SECONDS_MAX} s after SIGTERM, and was killed");
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            process::stop_server(child, Signal::KILL, Duration::from_secs(STOP_SECONDS_MAX));
        }
    }
}

fn free_address() -> Result<SocketAddr> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// What a process has in memory.
pub(super) fn memory_of(process: u32) -> Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let kib = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    let (resident_kib, peak_kib) = kib("VmRSS:").zip(kib("VmHWM:")).context("no memory in /proc")?;
    Ok(Memory { resident_kib, peak_kib })
}

/// Waits for a time: this is a measurement, in which nothing signals that a server has settled.
pub(super) fn pause(time: Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a measurement, not a test: nothing signals what it waits for"
    )]
    std::thread::sleep(time);
}

/// Processor time that a process has used, in user and system mode, with all its threads.
pub(super) fn cpu_time(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    Ok(duration(cpu_ticks(&stat, OWN).context("no processor time in /proc")?))
}

/// The same for PostgreSQL with all its processes, also those that have ended meanwhile; `folder` is its data's.
pub(super) fn cpu_time_of_postgres(folder: &Path) -> Result<Duration> {
    let file = folder.join("postmaster.pid");
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let postmaster = text.lines().next().context("no number in postmaster.pid")?;
    let mut ticks = 0;
    for entry in fs::read_dir("/proc")? {
        let process = entry?.file_name();
        // Whoever has ended since has left its time to the postmaster.
        let Ok(stat) = fs::read_to_string(Path::new("/proc").join(&process).join("stat")) else { continue };
        let is_postmaster = process.to_str() == Some(postmaster);
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_ascii_whitespace().nth(1));
        if is_postmaster || parent == Some(postmaster) {
            let fields = if is_postmaster { OWN_AND_CHILDREN } else { OWN };
            ticks += cpu_ticks(&stat, fields).context("no processor time in /proc")?;
        }
    }
    Ok(duration(ticks))
}

fn duration(ticks: u64) -> Duration {
    Duration::from_micros(ticks * 1_000_000 / rustix::param::clock_ticks_per_second().max(1))
}

/// Its own time, in user and in system mode.
const OWN: usize = 2;
/// That, and the time of the processes that it started and that have ended.
const OWN_AND_CHILDREN: usize = 4;

fn cpu_ticks(stat: &str, fields: usize) -> Option<u64> {
    // The second field is the program's name in brackets, which may hold blanks and brackets; utime is the 14th and
    // stime the 15th field; then come those of its children that have ended.
    let times = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11).take(fields);
    let times = times.map(str::parse).collect::<Result<Vec<u64>, _>>().ok()?;
    (times.len() == fields).then(|| times.iter().sum())
}

fn is_alive(address: SocketAddr) -> bool {
    get(address, "/livez").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
}

fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(PROBE_SECONDS_MAX)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_past_a_strange_name() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194304 100 200 0 0 31 11 5 6 20 0 9 0 100 1 1";
        assert_eq!(cpu_ticks(stat, OWN), Some(42));
        assert_eq!(cpu_ticks(stat, OWN_AND_CHILDREN), Some(53));
    }

    #[test]
    fn a_server_that_ends_at_its_start_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let error =
            Server::start(Command::new("sh").args(["-c", "echo broken; exit 3"]), &log).err().unwrap();
        assert!(error.to_string().contains("exit status: 3"), "{error}");
        assert_eq!(fs::read_to_string(log).unwrap(), "broken\n");
    }
}
