//! Clients of our own that send commands at a pace, and count what they are answered: for loads that are refused, and
//! for those that must not take more of the event loop in one run than in the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::support::{Client, Reply, Server};

/// Commands are sent in bursts so far apart: a sleep a command would cost more than the command.
const TICK: Duration = Duration::from_millis(5);

/// A command by its number.
pub type Command = dyn Fn(u64) -> Vec<String> + Send + Sync;

/// A load at work, until it is stopped.
pub struct Paced {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Answers>,
}

/// What it was answered.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answers {
    /// Neither an error nor nothing.
    pub good: u64,
    /// Refused, nothing was changed: `MYLOGDOWN`.
    pub refused: u64,
    /// `NOTDURABLE`: what there is in memory is not known to be on disk.
    pub not_durable: u64,
    /// Any other error.
    pub failed: u64,
}

impl Answers {
    fn add(&mut self, reply: &Reply) {
        match reply {
            reply if reply.is_error("MYLOGDOWN") => self.refused += 1,
            reply if reply.is_error("NOTDURABLE") => self.not_durable += 1,
            reply if reply.is_error("") => self.failed += 1,
            _ => self.good += 1,
        }
    }

    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self {
            good: self.good + other.good,
            refused: self.refused + other.refused,
            not_durable: self.not_durable + other.not_durable,
            failed: self.failed + other.failed,
        }
    }

    /// Errors of any kind.
    pub fn not_good(self) -> u64 {
        self.refused + self.not_durable + self.failed
    }
}

impl Paced {
    /// Sends `per_second` commands on a connection of its own; fewer when the server does not keep up.
    pub fn start(
        server: &Server,
        per_second: u64,
        command: impl Fn(u64) -> Vec<String> + Send + Sync + 'static,
    ) -> Self {
        let client = server.client();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || send(client, per_second, &command, &stopped));
        Self { stop, thread }
    }

    /// Ends it.
    pub fn stop(self) -> Answers {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("a paced client")
    }
}

fn send(mut client: Client, per_second: u64, command: &Command, stop: &AtomicBool) -> Answers {
    let start = Instant::now();
    let (mut sent, mut answers) = (0, Answers::default());
    while !stop.load(Ordering::Relaxed) {
        let due = (start.elapsed().as_secs_f64() * per_second as f64) as u64;
        // What a stall has kept back is not made up for in one burst.
        let burst = due.saturating_sub(sent).min(per_second / 20 + 1);
        sent = due;
        let commands: Vec<Vec<String>> = (0..burst).map(|ahead| command(due + ahead)).collect();
        for reply in client.pipeline(&commands) {
            answers.add(&reply);
        }
        thread::sleep(TICK);
    }
    answers
}
