//! Children that are killed, stopped, slow or babbling while clients write: nobody waits for them, and nothing
//! that was acknowledged is missing after a kill -9.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::rewriting::{self, hold, info, release, wait_idle};
use crate::support::{AckPipe, Client, Ledger, Load, Reply, Server, Workload, leftovers, wait_for};

const LIMIT: u64 = 1 << 20;

/// A client that does nothing but PING: each is answered, whatever the child does.
struct Pinger {
    pongs: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Pinger {
    fn start(mut client: Client) -> Self {
        let (pongs, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counter, stopped) = (Arc::clone(&pongs), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                assert_eq!(client.run("PING"), Reply::Simple(b"PONG".to_vec()));
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { pongs, stop, thread }
    }

    /// Waits until the server has answered that many more.
    fn wait(&self, more: u64) {
        let wanted = self.pongs.load(Ordering::Relaxed) + more;
        wait_for("the server answers PING", || {
            assert!(!self.thread.is_finished(), "the server did not answer a PING");
            self.pongs.load(Ordering::Relaxed) >= wanted
        });
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

fn child(server: &Server) -> Pid {
    let children = leftovers::children(server.pid());
    assert_eq!(children.len(), 1, "{children:?}");
    Pid::from_raw(children[0].try_into().unwrap())
}

fn assert_failed(server: &Server, client: &mut Client, failures: u64, what: &str) {
    wait_for(what, || info(client, "rewrite_in_progress") == 0);
    assert_eq!(info(client, "rewrite_failures"), failures, "{what}");
    wait_for(&format!("{what}: child and file are gone"), || {
        leftovers::children(server.pid()).is_empty()
            && leftovers::files(&server.log_dir()) == ["LOCK", "current.mylog"]
    });
}

/// More than the backlog may hold.
fn flood(client: &mut Client) {
    let commands: Vec<_> = (0..120)
        .map(|n| vec!["MYLOG.SET".to_owned(), format!("flood:{n}"), "v".repeat(10_000)])
        .collect();
    assert!(client.pipeline(&commands).iter().all(Reply::is_ok));
}

#[test]
fn misbehaving_children_under_load_keep_nobody_waiting_and_lose_nothing_acknowledged() {
    let mut server = Server::build()
        .mylog("auto-rewrite-percentage", "0")
        .mylog("appendfsync", "always")
        .config("hz", "100")
        .start();
    let mut client = server.client();
    let ledger = Arc::new(Ledger::new(Workload::default()));
    let load = Load::start(&server, &ledger);
    let pinger = Pinger::start(server.client());
    let mut failures = 0;
    let mut failed = |server: &Server, client: &mut Client, what: String| {
        failures += 1;
        assert_failed(server, client, failures, &what);
        release(client);
        load.wait_acked(50);
        pinger.wait(20);
    };
    for (round, stage) in rewriting::STAGES.into_iter().enumerate() {
        hold(&mut client, stage);
        load.wait_acked(50);
        kill(child(&server), Signal::SIGKILL).unwrap();
        failed(&server, &mut client, format!("killed at {stage}"));

        hold(&mut client, stage);
        let stopped = child(&server);
        kill(stopped, Signal::SIGSTOP).unwrap();
        client.ok(&format!("CONFIG SET mylog.rewrite-backlog-limit {LIMIT}"));
        // A child that is not stopped takes this, but for what the pipe holds.
        flood(&mut client);
        flood(&mut client);
        failed(&server, &mut client, format!("stopped at {stage}"));
        client.ok("CONFIG SET mylog.rewrite-backlog-limit 64mb");

        hold(&mut client, stage);
        AckPipe::of(server.pid(), child(&server).as_raw().try_into().unwrap()).say(b"garbage");
        failed(&server, &mut client, format!("babbling at {stage}"));

        // Slow, and stopped for a while, but in its right mind.
        hold(&mut client, stage);
        let slow = child(&server);
        kill(slow, Signal::SIGSTOP).unwrap();
        release(&mut client);
        for _ in 0..10 {
            load.wait_acked(20);
            // It may be gone between two looks.
            let _ = kill(slow, Signal::SIGCONT);
            pinger.wait(1);
            if leftovers::alive(slow.as_raw().try_into().unwrap()) {
                let _ = kill(slow, Signal::SIGSTOP);
            }
        }
        let _ = kill(slow, Signal::SIGCONT);
        wait_idle(&mut client);
        assert_eq!(info(&mut client, "rewrites"), round as u64 + 1, "slow at {stage}");
    }
    assert!(info(&mut client, "rewrite_backlog_peak_bytes") < 8 * LIMIT);
    hold(&mut client, "answered");
    load.wait_acked(200);
    pinger.stop();
    server.kill9();
    load.join();
    server.restart();
    let cut = ledger.settle(&mut server.client());
    assert_eq!(cut.lost, 0, "{cut:?}");
    rewriting::run(&mut server.client());
    assert_eq!(ledger.settle(&mut server.client()).lost, 0);
}
