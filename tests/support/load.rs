//! Writer threads that hammer a server until it dies or they are stopped.
//!
//! Each writer owns its keys and sends its steps in order on one connection, so whatever survives must be a
//! prefix of them. `issued` is raised before a step is sent and `acked` after its reply was read.

use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use super::client::Client;
use super::ledger::Ledger;
use super::reply::Reply;
use super::server::Server;
use super::steps;
use super::wait::wait_for;

/// The shape of a load.
#[derive(Debug, Clone)]
pub struct Workload {
    /// Printed by a failing check; the same seed writes the same steps.
    pub seed: u64,
    /// Connections, each with keys of its own.
    pub writers: u64,
    /// Steps sent at once. Keep it 1 where the server may refuse: a refusal amid a pipeline makes a hole.
    pub pipeline: u64,
    /// Steps of an even number of changes are scripts, and not MULTI and EXEC.
    pub scripts: bool,
    /// String keys of a writer (hashes, counters and twins come on top).
    pub keys: u64,
    /// Longest value.
    pub value_bytes: usize,
    /// `MYLOG.`, or nothing for native commands (captured keys, stock servers).
    pub commands_prefix: &'static str,
    /// What all keys begin with.
    pub keys_prefix: &'static str,
    /// Writers are spread over that many databases.
    pub databases: u64,
}

impl Default for Workload {
    fn default() -> Self {
        Self {
            seed: fastrand::u64(..),
            writers: 4,
            pipeline: 1,
            scripts: false,
            keys: 16,
            value_bytes: 100,
            commands_prefix: "MYLOG.",
            keys_prefix: "load:",
            databases: 1,
        }
    }
}

/// Writers at work.
pub struct Load {
    ledger: Arc<Ledger>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts the writers where the ledger's last settlement left them.
    pub fn start(server: &Server, ledger: &Arc<Ledger>) -> Self {
        Self::over(|| server.client(), ledger)
    }

    /// As `start`, for a server that somebody else runs.
    pub fn over(connect: impl Fn() -> Client, ledger: &Arc<Ledger>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..ledger.load().writers).map(|writer| {
            let (ledger, stop) = (Arc::clone(ledger), Arc::clone(&stop));
            let mut client = connect();
            client.ok(&format!("SELECT {}", writer % ledger.load().databases));
            thread::spawn(move || write(&ledger, writer, &mut client, &stop))
        });
        Self {
            ledger: Arc::clone(ledger),
            threads: threads.collect(),
            stop,
        }
    }

    /// Waits until that many more steps were acknowledged in all.
    pub fn wait_acked(&self, more: u64) {
        let wanted = self.ledger.acked() + more;
        wait_for("the load is acknowledged", || {
            assert!(
                self.threads.iter().any(|t| !t.is_finished()),
                "all writers left: {:?}",
                self.ledger.refusals()
            );
            self.ledger.acked() >= wanted
        });
    }

    /// Lets each writer read the replies it waits for, and ends them all.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.join();
    }

    /// Waits for the writers to notice that the server is gone.
    pub fn join(self) {
        for thread in self.threads {
            thread.join().expect("a writer's end");
        }
    }
}

fn write(ledger: &Ledger, writer: u64, client: &mut Client, stop: &AtomicBool) {
    let mut next = ledger.settled(writer) + 1;
    while !stop.load(Ordering::Relaxed) {
        let batch = next..=next + ledger.load().pipeline - 1;
        next = batch.end() + 1;
        match exchange(ledger, writer, client, batch) {
            Ok(None) => {}
            Ok(Some(refusal)) => return ledger.refused(writer, &refusal),
            // The server is gone; what it had read of this batch stays open until the check.
            Err(_) => return,
        }
    }
}

/// Sends one batch and reads its replies, up to the first that is an error.
fn exchange(
    ledger: &Ledger,
    writer: u64,
    client: &mut Client,
    batch: RangeInclusive<u64>,
) -> io::Result<Option<Reply>> {
    let mut bytes = Vec::new();
    let mut replies = Vec::new();
    for n in batch.clone() {
        let step = steps::step(ledger.load(), writer, n);
        replies.push((n, steps::commands(ledger.load(), &step, &mut bytes)));
    }
    ledger.issue(writer, *batch.end());
    client.try_send_bytes(&bytes)?;
    for (n, count) in replies {
        for _ in 0..count {
            let reply = client.try_recv()?;
            if failed(&reply) {
                return Ok(Some(reply));
            }
        }
        ledger.acknowledge(writer, n);
    }
    Ok(None)
}

fn failed(reply: &Reply) -> bool {
    match reply {
        Reply::Error(_) | Reply::Nil => true,
        Reply::Array(items) => items.iter().any(failed),
        _ => false,
    }
}
