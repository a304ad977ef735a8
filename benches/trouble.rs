//! A rewrite child that does not do what it should, again and again, for as long as something else is measured.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::contender::Ours;
use crate::support::{Client, Server, leftovers};

/// What becomes of each child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It ends as it should.
    Good,
    /// It is stopped, and stays so.
    Stopped,
    /// It runs for 1 ms of every 10.
    Slow,
    /// It is killed as soon as it is seen.
    Killed,
    /// There is no child. A process that only spins has its policy, and runs for 1 ms of every 10.
    Spinner,
}

/// Of each turn of a slow child.
const RUNS: Duration = Duration::from_millis(1);
const RESTS: Duration = Duration::from_millis(9);

/// Troubled rewrites, until it is stopped.
pub struct Trouble {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Trouble {
    /// Starts with the first child at work. Rewrites begin a `period` apart, or later.
    pub fn start(server: &Server, fate: Fate, period: Duration) -> Self {
        let (stop, begun) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (stopped, beginning) = (Arc::clone(&stop), Arc::clone(&begun));
        let (mut client, pid) = (server.client(), server.pid());
        let thread = thread::spawn(move || {
            let mut children = 0;
            while !stopped.load(Ordering::Relaxed) {
                let start = Instant::now();
                if fate == Fate::Spinner {
                    beginning.store(true, Ordering::Relaxed);
                    spin(&stopped);
                } else {
                    children += u64::from(one(&mut client, pid, fate, &stopped, &beginning));
                }
                thread::sleep(period.saturating_sub(start.elapsed()));
            }
            children
        });
        while !begun.load(Ordering::Relaxed) && !thread.is_finished() {
            thread::sleep(Duration::from_millis(1));
        }
        Self { stop, thread }
    }

    /// Ends it: how many children there were. No rewrite is under way then.
    pub fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the troubled rewrites")
    }
}

/// One rewrite; false when it did not begin.
fn one(client: &mut Client, server: u32, fate: Fate, stop: &AtomicBool, begun: &AtomicBool) -> bool {
    if !client.run("MYLOG.REWRITE").text().ends_with("started") {
        return false;
    }
    let child = leftovers::children(server).first().copied();
    let signal = |signal| {
        // It may have ended by itself.
        if let Some(pid) = child.and_then(|pid| i32::try_from(pid).ok()) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    };
    let over = || stop.load(Ordering::Relaxed);
    match fate {
        Fate::Good => begun.store(true, Ordering::Relaxed),
        Fate::Killed => {
            signal(Signal::SIGKILL);
            begun.store(true, Ordering::Relaxed);
        }
        Fate::Stopped => {
            signal(Signal::SIGSTOP);
            begun.store(true, Ordering::Relaxed);
            while !over() && Ours.rewriting(client) {
                thread::sleep(Duration::from_millis(20));
            }
            signal(Signal::SIGKILL);
        }
        Fate::Slow => {
            begun.store(true, Ordering::Relaxed);
            let mut looked = Instant::now();
            pulse(&signal, || {
                if looked.elapsed() > Duration::from_millis(50) {
                    looked = Instant::now();
                    return over() || !Ours.rewriting(client);
                }
                over()
            });
            signal(Signal::SIGCONT);
        }
        // It has no child.
        Fate::Spinner => {}
    }
    while Ours.rewriting(client) {
        thread::sleep(Duration::from_millis(5));
    }
    true
}

/// Stops and continues a process until it is `over`.
fn pulse(signal: &impl Fn(Signal), mut over: impl FnMut() -> bool) {
    while !over() {
        signal(Signal::SIGSTOP);
        thread::sleep(RESTS);
        signal(Signal::SIGCONT);
        thread::sleep(RUNS);
    }
}

/// What any process costs that runs when a slow child does: the same pulse, the same policy, and it never gives way.
fn spin(stop: &AtomicBool) {
    let mut spinner = Command::new("chrt")
        .args(["--batch", "0", "sh", "-c", "while :; do :; done"])
        .spawn()
        .expect("chrt of util-linux");
    let pid = Pid::from_raw(i32::try_from(spinner.id()).expect("a pid"));
    pulse(
        // It is ours: it can't be gone.
        &|signal| kill(pid, signal).expect("the spinner"),
        || stop.load(Ordering::Relaxed),
    );
    let _ = spinner.kill();
    let _ = spinner.wait();
}
