//! A rewrite child that does not do what it should, again and again, for as long as something else is measured.

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
}

/// Rewrites begin so far apart.
const PERIOD: Duration = Duration::from_millis(200);

/// Troubled rewrites, until it is stopped.
pub struct Trouble {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Trouble {
    /// Starts with the first child at work.
    pub fn start(server: &Server, fate: Fate) -> Self {
        let (stop, begun) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (stopped, beginning) = (Arc::clone(&stop), Arc::clone(&begun));
        let (mut client, pid) = (server.client(), server.pid());
        let thread = thread::spawn(move || {
            let mut children = 0;
            while !stopped.load(Ordering::Relaxed) {
                let start = Instant::now();
                children += u64::from(one(&mut client, pid, fate, &stopped, &beginning));
                thread::sleep(PERIOD.saturating_sub(start.elapsed()));
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
            while !over() {
                signal(Signal::SIGSTOP);
                thread::sleep(Duration::from_millis(9));
                signal(Signal::SIGCONT);
                thread::sleep(Duration::from_millis(1));
                if looked.elapsed() > Duration::from_millis(50) {
                    looked = Instant::now();
                    if !Ours.rewriting(client) {
                        break;
                    }
                }
            }
            signal(Signal::SIGCONT);
        }
    }
    while Ours.rewriting(client) {
        thread::sleep(Duration::from_millis(5));
    }
    true
}
