//! Kill -9 under load, again and again, mostly amid a rewrite: what was acknowledged under `always` is there,
//! and under every policy there is no hole and no half unit.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use crate::support::rewriting::{self, STAGES, info};
use crate::support::wait::holds_within;
use crate::support::{Client, Ledger, Load, Server, Workload, leftovers, log_check, soak, wait_for};

/// A multiple of ten: `bring_to` has ten ways. `KILLS` says another number.
const ROUNDS: u64 = 10;
const POLICIES: [&str; 3] = ["always", "everysec", "no"];

#[test]
fn kills_under_load_lose_nothing_acknowledged_and_leave_no_hole() {
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let mut rng = Rng::with_seed(seed);
    let mut server = Server::build().mylog("auto-rewrite-percentage", "0").start();
    fill(&mut server.client());
    let open_files = leftovers::open_files_without_clients(server.pid());
    let workload = Workload {
        seed,
        databases: 2,
        value_bytes: 400,
        pipeline: [1, 4, 16][usize::try_from(seed % 3).unwrap()],
        scripts: true,
        ..Workload::default()
    };
    let ledger = Arc::new(Ledger::new(workload));
    let mut amid_rewrite = 0;
    let rounds = soak::times("KILLS", ROUNDS);
    for round in 0..rounds {
        let policy = POLICIES[usize::try_from(round % 3).unwrap()];
        server
            .client()
            .ok(&format!("CONFIG SET mylog.appendfsync {policy}"));
        let load = Load::start(&server, &ledger);
        load.wait_acked(rng.u64(20..200));
        let mut client = server.client();
        bring_to(round, &mut client, &load, &mut rng);
        amid_rewrite += info(&mut client, "rewrite_in_progress");
        // Between the rename and the next round lies a moment that only chance can hit.
        holds_within(Duration::from_micros(rng.u64(0..3000)), || false);
        let pid = server.pid();
        let children = leftovers::children(pid);
        server.kill9();
        load.join();
        wait_for("the children die with the server", || {
            children.iter().all(|child| !leftovers::alive(*child))
        });
        let (status, said) = log_check::check(&server.log_dir());
        assert!(status <= 1, "round {round}, {policy}: {said}");
        server.restart();
        let cut = ledger.settle(&mut server.client());
        // What a write call has taken survives the process, under every policy; only `always` says when.
        assert!(
            policy != "always" || cut.lost == 0,
            "round {round}, seed {seed}: {cut:?}"
        );
        assert_nothing_left(&server, &open_files);
    }
    assert!(
        amid_rewrite >= rounds / 2,
        "only {amid_rewrite} kills hit a rewrite"
    );
    assert!(server.term().success());
    log_check::assert_clean(&server.log_dir());
    soak::total(
        "kills under load",
        &format!("{rounds} kills, {amid_rewrite} amid a rewrite, seed {seed}"),
    );
}

/// What makes the child's walk last a few milliseconds.
fn fill(client: &mut Client) {
    let commands: Vec<_> = (0..20_000)
        .map(|n| vec!["MYLOG.SET".to_owned(), format!("filler:{n}"), "x".repeat(100)])
        .collect();
    for part in commands.chunks(1000) {
        assert!(client.pipeline(part).iter().all(|reply| reply.is_ok()));
    }
}

/// Two rounds of three are killed amid a rewrite: held at a stage, or wherever chance has it.
fn bring_to(round: u64, client: &mut Client, load: &Load, rng: &mut Rng) {
    match round % 10 {
        // Nothing runs.
        0..=2 => {}
        // The child is held.
        3..=7 => {
            rewriting::hold(client, STAGES[rng.usize(0..STAGES.len())]);
            load.wait_acked(rng.u64(1..50));
        }
        // Somewhere between the fork and the switch, or just after it.
        8 => {
            client.run("MYLOG.REWRITE");
            let wait = Duration::from_millis(rng.u64(0..250));
            holds_within(wait, || false);
        }
        // A switch with a residual.
        _ => {
            rewriting::hold(client, "reporting");
            load.wait_acked(rng.u64(100..500));
            rewriting::release(client);
            let wait = Duration::from_millis(rng.u64(0..150));
            holds_within(wait, || false);
        }
    }
}

fn assert_nothing_left(server: &Server, open_files: &[String]) {
    let left = leftovers::files(&server.log_dir());
    assert!(left.iter().all(|name| !name.starts_with("rewrite-")), "{left:?}");
    log_check::assert_clean(&server.log_dir());
    leftovers::wait_open_files(server.pid(), open_files);
    assert!(leftovers::children(server.pid()).is_empty());
}
