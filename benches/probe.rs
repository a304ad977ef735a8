//! A client of its own that sends PING 2000 times a second: what the event loop makes everybody wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::support::Server;

const PERIOD: Duration = Duration::from_micros(500);

/// A prober at work.
pub struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Pings>,
}

/// What it saw: when each PING was sent and how long its reply took, in order.
pub struct Pings(Vec<(Instant, Duration)>);

impl Probe {
    /// Starts on a new connection.
    pub fn start(server: &Server) -> Self {
        let mut client = server.client();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut pings = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let sent = Instant::now();
                client.cmd(["PING"]);
                let took = sent.elapsed();
                pings.push((sent, took));
                thread::sleep(PERIOD.saturating_sub(took));
            }
            Pings(pings)
        });
        Self { stop, thread }
    }

    /// Ends it.
    pub fn stop(self) -> Pings {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the prober")
    }
}

impl Pings {
    /// The longest wait, in ms, of a PING that was under way at some time between the two.
    pub fn longest_ms(&self, from: Instant, to: Instant) -> f64 {
        let within = self
            .0
            .iter()
            .filter(|(sent, took)| *sent <= to && *sent + *took >= from);
        within
            .map(|(_, took)| took.as_secs_f64() * 1000.0)
            .fold(0.0, f64::max)
    }

    /// The 99th percentile of all waits, in ms.
    pub fn p99_ms(&self) -> f64 {
        let mut waits: Vec<Duration> = self.0.iter().map(|(_, took)| *took).collect();
        waits.sort_unstable();
        let place = waits.len().saturating_sub(1) * 99 / 100;
        waits.get(place).map_or(0.0, |wait| wait.as_secs_f64() * 1000.0)
    }
}
