//! Processes that we started, and how they end.

use std::fs;
use std::process::Child;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Sends `signal` to a server that we started and waits for its end, at most `patience`; then kills it.
/// Says whether it ended by itself.
pub fn stop_server(mut child: Child, signal: Signal, patience: Duration) -> bool {
    let pid = Pid::from_child(&child);
    // A failure means that it has ended already; the wait below then returns at once.
    let _ = kill_process(pid, signal);
    let (ended, end) = mpsc::channel();
    let waiter = thread::spawn(move || {
        let _ = child.wait();
        // The receiver lives until this thread is joined.
        let _ = ended.send(());
    });
    let by_itself = end.recv_timeout(patience).is_ok();
    if !by_itself {
        let _ = kill_process(pid, Signal::KILL);
    }
    // Joining fails only if the thread panicked, and it has nothing to panic about.
    let _ = waiter.join();
    by_itself
}

/// Kills a process that we started and its children, all at once as far as anybody can tell, and waits for its end.
pub(crate) fn kill_with_children(child: &mut Child) {
    let parent = Pid::from_child(child);
    // Stopped, it starts no more of them while we look.
    let _ = kill_process(parent, Signal::STOP);
    let children = children(child.id());
    let _ = kill_process(parent, Signal::KILL);
    for pid in children.into_iter().filter_map(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
    }
    let _ = child.wait();
}

fn children(parent: u32) -> Vec<i32> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let is_child = |stat: &str| {
        // The second field is the program's name in brackets, which may hold blanks and brackets; the fourth is the parent.
        let parent_of = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_ascii_whitespace().nth(1));
        parent_of.and_then(|pid| pid.parse().ok()) == Some(parent)
    };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| is_child(&stat)))
        .collect()
}

/// Asks a process to end, as an operator does (SIGTERM); whether it was there.
#[must_use]
pub fn terminate(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok())
}
