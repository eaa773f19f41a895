//! Running other programs, with no standard input, and stopping them when we are told to stop.
//!
//! Each program gets a process group of its own. A signal to us then ends the whole group (cargo, its compilers, the
//! test binaries) while our own code lives on to stop the database and to remove what it made.

use std::fmt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
#[cfg(feature = "bench")]
pub(crate) use testbed::process::stop_server;

/// The last signal that told us to stop; 0 for none.
static STOP_SIGNAL: AtomicI32 = AtomicI32::new(0);
/// The process group that a signal ends first.
static FOREGROUND: Mutex<Option<Pid>> = Mutex::new(None);

/// We were told to stop; carries the signal's number.
#[derive(Debug)]
pub(crate) struct Interrupted(i32);

impl Interrupted {
    /// 128 and the signal, as shells have it.
    pub(crate) fn exit_code(&self) -> ExitCode {
        u8::try_from(128 + self.0).map_or(ExitCode::FAILURE, ExitCode::from)
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stopped by signal {}", self.0)
    }
}

impl std::error::Error for Interrupted {}

/// Starts to pass signals on: the first asks the running program to end, each further one ends it at once.
pub(crate) fn watch_signals() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot watch for signals")?;
    thread::spawn(move || {
        for signal in signals.forever() {
            let first = STOP_SIGNAL.swap(signal, Ordering::SeqCst) == 0;
            if let Some(group) = *foreground() {
                // It fails only when the group is gone already, which is what we want.
                let _ = kill_process_group(group, if first { Signal::TERM } else { Signal::KILL });
            }
        }
    });
    Ok(())
}

/// Fails with [`Interrupted`] once a signal told us to stop.
pub(crate) fn check_interrupted() -> Result<()> {
    match STOP_SIGNAL.load(Ordering::SeqCst) {
        0 => Ok(()),
        signal => Err(Interrupted(signal).into()),
    }
}

/// Runs a program to its end, its output on ours. Fails if it does.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let child = start_in_foreground(command)?;
    finish_in_foreground(command, child).map(drop)
}

/// Runs a program to its end and returns what it wrote on standard output; its standard error is on ours.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let child = start_in_foreground(command.stdout(Stdio::piped()))?;
    let output = finish_in_foreground(command, child)?;
    String::from_utf8(output.stdout).with_context(|| format!("{} wrote no UTF-8", describe(command)))
}

/// Runs a program that must not be cut short, such as a package manager: a signal waits for its end.
pub(crate) fn run_undisturbed(command: &mut Command) -> Result<()> {
    check_interrupted()?;
    let status = command
        .stdin(Stdio::null())
        .process_group(0)
        .status()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    check_interrupted()?;
    if !status.success() {
        bail!("{} failed: {status}", describe(command));
    }
    Ok(())
}

/// Whether a program can be started and ends well; says nothing.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn start_in_foreground(command: &mut Command) -> Result<Child> {
    // Held over the start, so that a signal either comes before it or finds the group.
    let mut group = foreground();
    check_interrupted()?;
    let child = command
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    *group = Some(Pid::from_child(&child));
    Ok(child)
}

fn finish_in_foreground(command: &Command, child: Child) -> Result<Output> {
    let output = child.wait_with_output();
    *foreground() = None;
    check_interrupted()?;
    let output = output.with_context(|| format!("lost {}", describe(command)))?;
    if !output.status.success() {
        bail!("{} failed: {}", describe(command), output.status);
    }
    Ok(output)
}

fn foreground() -> MutexGuard<'static, Option<Pid>> {
    FOREGROUND.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The command as one would type it.
fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
