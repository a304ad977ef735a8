//! When a rewrite begins by itself, and when it is held back.

use crate::support::rewriting::{self, hold, info, release, wait_idle};
use crate::support::{Client, Server, leftovers, wait_for};

/// Writes the same keys again, about `bytes` of log.
fn grow(client: &mut Client, bytes: usize) {
    let value = "v".repeat(1000);
    let commands: Vec<_> = (0..bytes / 1000)
        .map(|n| vec!["MYLOG.SET".to_owned(), format!("key:{}", n % 100), value.clone()])
        .collect();
    assert!(client.pipeline(&commands).iter().all(|reply| reply.is_ok()));
}

/// The server's cron has looked at the log's growth: it does each time it ticks.
fn after_cron(client: &mut Client) {
    let ticks = |client: &mut Client| client.info_u64("server", "uptime_in_seconds");
    let now = ticks(client);
    wait_for("the server's clock goes on", || ticks(client) >= now + 2);
}

#[test]
fn growth_starts_a_rewrite_and_is_measured_on_after_a_restart() {
    let mut server = Server::build()
        .mylog("auto-rewrite-percentage", "100")
        .mylog("auto-rewrite-min-size", "64kb")
        .start();
    let mut client = server.client();
    grow(&mut client, 40_000);
    after_cron(&mut client);
    assert_eq!(info(&mut client, "rewrites"), 0, "below the least size");
    grow(&mut client, 200_000);
    rewriting::wait_succeeded(&mut client, 1);
    // That one may have met some of the writes and written keys twice: the base is of one that has not.
    client.ok("CONFIG SET mylog.auto-rewrite-percentage 0");
    wait_idle(&mut client);
    rewriting::run(&mut client);
    client.ok("CONFIG SET mylog.auto-rewrite-percentage 100");
    let base = info(&mut client, "base_size");
    assert!((100_000..150_000).contains(&base), "{base}");

    // Half of the growth before a restart, half after it.
    grow(&mut client, 70_000);
    wait_for("all of it is in the file", || {
        info(&mut client, "written_seq") == info(&mut client, "queued_seq")
    });
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(info(&mut client, "base_size"), base);
    after_cron(&mut client);
    assert_eq!(info(&mut client, "rewrites"), 0, "a restart is no growth");
    grow(&mut client, 70_000);
    rewriting::wait_succeeded(&mut client, 1);
    wait_idle(&mut client);
    assert_eq!(info(&mut client, "rewrite_failures"), 0);
}

#[test]
fn a_largest_size_starts_a_rewrite_whatever_the_percentage() {
    let server = Server::build()
        .mylog("auto-rewrite-percentage", "0")
        .mylog("auto-rewrite-max-size", "300kb")
        .start();
    let mut client = server.client();
    grow(&mut client, 200_000);
    after_cron(&mut client);
    assert_eq!(info(&mut client, "rewrites"), 0);
    grow(&mut client, 200_000);
    rewriting::wait_succeeded(&mut client, 1);
    wait_idle(&mut client);
}

#[test]
fn failures_hold_automatic_rewrites_back_but_not_manual_ones() {
    let server = Server::build()
        .mylog("auto-rewrite-percentage", "100")
        .mylog("auto-rewrite-min-size", "64kb")
        .start();
    let mut client = server.client();
    client.ok("MYLOG.DEBUG REWRITE-PAUSE start");
    grow(&mut client, 200_000);
    for failures in 1..=3 {
        rewriting::wait_held(&mut client, "start");
        assert_eq!(info(&mut client, "rewrite_next_retry_sec"), 0, "{failures}");
        for child in leftovers::children(server.pid()) {
            let pid = nix::unistd::Pid::from_raw(child.try_into().unwrap());
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
        }
        wait_for("the failure is counted", || {
            info(&mut client, "rewrite_failures") == failures
        });
    }
    let retry = info(&mut client, "rewrite_next_retry_sec");
    assert!((50..=60).contains(&retry), "{retry}");
    after_cron(&mut client);
    assert_eq!(info(&mut client, "rewrite_in_progress"), 0);

    hold(&mut client, "start");
    release(&mut client);
    wait_idle(&mut client);
    assert_eq!(info(&mut client, "rewrites"), 1);
    assert_eq!(info(&mut client, "rewrite_next_retry_sec"), 0);
}
