//! What a rewrite makes, and what it costs the clients that write meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::rewriting::{self, hold, info, release, wait_idle};
use crate::support::{Client, Reply, Server, log_check, wait_for};

/// Raises a counter, in pipelines.
fn raise(client: &mut Client, key: &str, times: usize) {
    let command = vec!["MYLOG.INCR".to_owned(), key.to_owned()];
    for part in vec![command; times].chunks(2000) {
        let replies = client.pipeline(part);
        assert!(
            replies.iter().all(|reply| matches!(reply, Reply::Int(_))),
            "{:?}",
            replies.last()
        );
    }
}

fn fill(client: &mut Client, keys: usize, bytes: usize) {
    let value = "v".repeat(bytes);
    let commands: Vec<_> = (0..keys)
        .map(|n| vec!["MYLOG.SET".to_owned(), format!("key:{n}"), value.clone()])
        .collect();
    for part in commands.chunks(500) {
        assert!(client.pipeline(part).iter().all(|reply| reply.is_ok()));
    }
}

#[test]
fn a_counter_raised_200_000_times_while_the_child_is_held_is_one_record() {
    let mut server = Server::build().mylog("auto-rewrite-percentage", "0").start();
    let mut client = server.client();
    fill(&mut client, 500, 100);
    raise(&mut client, "counter", 1);
    rewriting::run(&mut client);
    let idle = info(&mut client, "base_size");

    hold(&mut client, "walked");
    raise(&mut client, "counter", 200_000);
    release(&mut client);
    wait_idle(&mut client);
    assert_eq!(info(&mut client, "rewrites"), 2);
    let busy = info(&mut client, "base_size");
    assert!(
        busy.abs_diff(idle) * 20 <= idle,
        "idle {idle}, after 200 000 INCR {busy}"
    );
    assert!(info(&mut client, "diff_records_absorbed") >= 200_000);
    assert!(info(&mut client, "diff_records_emitted") < 1000);

    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("MYLOG.GET counter").text(), "200001");
    log_check::assert_clean(&server.log_dir());
}

/// Commits one write after the other and gives the time of each. The first is done on return: a thread that begins late would
/// measure nothing.
fn probe(mut client: Client, stop: &Arc<AtomicBool>) -> thread::JoinHandle<Vec<Duration>> {
    let stop = Arc::clone(stop);
    let (runs, begins) = mpsc::channel();
    let prober = thread::spawn(move || {
        let mut delays = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            client.ok("MYLOG.SET prober x");
            delays.push(began.elapsed());
            let _ = runs.send(());
        }
        delays
    });
    begins.recv().unwrap();
    prober
}

/// The time of an ordinary commit, and the longest one from the child's release to the end of the switch.
fn delays(server: &Server, client: &mut Client, stage: &str) -> (Duration, Duration) {
    client.ok("CONFIG SET mylog.appendfsync everysec");
    hold(client, stage);
    fill(client, 100, 512 << 10);
    client.ok("CONFIG SET mylog.appendfsync always");
    client.ok("MYLOG.SET synced x");
    let (began, rounds) = (Instant::now(), 50);
    (0..rounds).for_each(|_| client.ok("MYLOG.SET prober x"));
    let ordinary = began.elapsed() / rounds;
    let stop = Arc::new(AtomicBool::new(false));
    let prober = probe(server.client(), &stop);
    release(client);
    wait_idle(client);
    stop.store(true, Ordering::Relaxed);
    let longest = prober.join().unwrap().into_iter().max().unwrap();
    (ordinary, longest)
}

#[test]
fn the_switch_with_a_residual_of_50_mb_delays_nobody() {
    let server = Server::build()
        .mylog("auto-rewrite-percentage", "0")
        .mylog("rewrite-backlog-limit", "256mb")
        .start();
    let mut client = server.client();
    fill(&mut client, 100, 1000);
    for stage in ["answered", "reporting"] {
        // Others use the disk and the processors, too, which can only add to what the switch costs: the
        // least of some runs is nearest to it.
        let mut seen = Vec::new();
        let within = (0..20).any(|_| {
            let (ordinary, longest) = delays(&server, &mut client, stage);
            let finalize = Duration::from_micros(info(&mut client, "last_finalize_main_usec"));
            seen.push((ordinary, longest, finalize));
            assert!(info(&mut client, "last_residual_bytes") > 50 << 20);
            longest <= 3 * ordinary + Duration::from_millis(20) && finalize < Duration::from_millis(1)
        });
        eprintln!("{stage}: ordinary, longest and finalize {seen:?}");
        assert!(within, "{stage}: ordinary, longest and finalize {seen:?}");
    }
    assert_eq!(info(&mut client, "rewrite_failures"), 0);
}

#[test]
fn a_value_larger_than_every_pipe_goes_through_a_rewrite() {
    let mut server = Server::build().mylog("auto-rewrite-percentage", "0").start();
    let mut client = server.client();
    let large = |byte: u8| vec![byte; 20 << 20];
    client.cmd([b"MYLOG.SET".as_slice(), b"large", &large(b'a')]);
    hold(&mut client, "walked");
    client.cmd([b"MYLOG.SET".as_slice(), b"large", &large(b'b')]);
    client.cmd([b"MYLOG.SET".as_slice(), b"other", &large(b'c')]);
    release(&mut client);
    wait_idle(&mut client);
    assert_eq!(info(&mut client, "rewrites"), 1);
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("MYLOG.GET large").bytes(), Some(large(b'b')));
    assert_eq!(client.run("MYLOG.GET other").bytes(), Some(large(b'c')));
}

#[test]
fn a_rewrite_leaves_names_deleted_renamed_and_made_again_as_they_are() {
    let mut server = Server::build().mylog("auto-rewrite-percentage", "0").start();
    let mut client = server.client();
    fill(&mut client, 100, 10);
    client.run("MYLOG.HSET hash a 1 b 2 c 3");
    hold(&mut client, "walked");
    for line in [
        "MYLOG.DEL key:1",
        "DEL key:2",
        "RENAME key:3 renamed",
        "MYLOG.RENAME key:4 key:5",
        "COPY key:6 copied",
        "MOVE key:7 3",
        "PEXPIREAT key:8 4102444800123",
        "MYLOG.HDEL hash a",
        "MYLOG.DEL key:9",
        "MYLOG.HSET key:9 now hash",
    ] {
        let reply = client.run(line);
        assert!(!matches!(reply, Reply::Error(_)), "{line}: {reply:?}");
    }
    let digest = client.run("MYLOG.DEBUG DIGEST");
    release(&mut client);
    wait_idle(&mut client);
    assert_eq!(info(&mut client, "rewrites"), 1);
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("MYLOG.DEBUG DIGEST"), digest);
    assert_eq!(client.run("EXISTS key:1 key:2 key:3 key:4 key:7").int(), 0);
    assert_eq!(client.run("PEXPIRETIME key:8").int(), 4_102_444_800_123);
    assert!(client.run("HLEN hash").is_error("WRONGTYPE"));
    assert_eq!(client.run("MYLOG.HKEYS key:9").items().len(), 1);
    client.ok("SELECT 3");
    assert_eq!(client.run("EXISTS key:7").int(), 1);
}

#[test]
fn the_file_of_a_rewrite_is_the_log_as_soon_as_info_says_so() {
    let server = Server::build().mylog("auto-rewrite-percentage", "0").start();
    let mut client = server.client();
    fill(&mut client, 100, 1000);
    let epoch = info(&mut client, "epoch");
    fill(&mut client, 100, 10);
    wait_for("all is in the file whose size is taken", || {
        info(&mut client, "written_seq") == info(&mut client, "queued_seq")
    });
    let before = info(&mut client, "current_size");
    rewriting::run(&mut client);
    assert_eq!(info(&mut client, "epoch"), epoch + 1);
    assert!(info(&mut client, "current_size") < before / 10);
    wait_for("all is on disk", || {
        info(&mut client, "durable_seq") == info(&mut client, "queued_seq")
    });
    log_check::assert_clean(&server.log_dir());
}
