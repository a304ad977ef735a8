//! A disk that fills up and gets room again under load from many clients: no native command fails, durable
//! reads work, service resumes without a restart, and a kill loses nothing that was acknowledged.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::support::small_disk::SmallDisk;
use crate::support::{Client, Reply, Server, log_check, wait_for};

const WRITERS: u64 = 4;

#[derive(Default)]
struct Tally {
    stop: AtomicBool,
    acked: AtomicU64,
    refused: AtomicU64,
    native: AtomicU64,
}

impl Tally {
    fn runs(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn wait(&self, what: &str, counter: &AtomicU64, more: u64) {
        let wanted = counter.load(Ordering::SeqCst) + more;
        wait_for(what, || counter.load(Ordering::SeqCst) >= wanted);
    }
}

fn key(writer: u64, n: u64) -> String {
    format!("key:{writer}:{n}")
}

fn value(writer: u64, n: u64) -> String {
    format!("{writer}:{n}:{}", "v".repeat(200))
}

/// Writes one key after the other and says which were acknowledged. What was refused must not be there. Whoever is closed, after
/// `mylog.max-wait`, comes again.
fn write(writer: u64, server: &Server, tally: &Tally) -> Vec<u64> {
    let mut client = server.client();
    let mut acked = Vec::new();
    let mut n = 0;
    while tally.runs() {
        n += 1;
        let reply = client.answer_to(["MYLOG.SET", &key(writer, n), &value(writer, n)]);
        if reply.as_ref().is_some_and(Reply::is_ok) {
            acked.push(n);
            tally.acked.fetch_add(1, Ordering::SeqCst);
            continue;
        }
        tally.refused.fetch_add(1, Ordering::SeqCst);
        let refused = reply.as_ref().is_some_and(|reply| reply.is_error("MYLOGDOWN "));
        assert!(refused || reply.is_none(), "{reply:?}");
        if reply.is_none() {
            client = server.client();
        }
        let there = client.run(&format!("EXISTS {}", key(writer, n))).int();
        assert_eq!(there, i64::from(!refused), "{reply:?}");
        if let Some(earlier) = acked.last() {
            let read = client.run(&format!("MYLOG.GET {}", key(writer, *earlier)));
            // Acknowledged under `everysec` is not yet on disk, and a read may say so.
            assert!(
                read.is_error("NOTDURABLE ") || read.clone().text() == value(writer, *earlier),
                "{read:?}"
            );
        }
    }
    acked
}

fn use_cache(client: &mut Client, tally: &Tally) {
    let mut n = 0;
    while tally.runs() {
        n += 1;
        assert!(client.run(&format!("SET native:{} {n}", n % 100)).is_ok());
        assert_eq!(
            client.run(&format!("GET native:{}", n % 100)).text(),
            n.to_string()
        );
        assert!(matches!(client.run("INCR native-counter"), Reply::Int(_)));
        tally.native.fetch_add(1, Ordering::SeqCst);
    }
}

fn full_under_load(policy: &str) {
    let disk = SmallDisk::new("64m");
    let folder = disk.path().join("log");
    let mut server = Server::build()
        .mylog("dir", folder.to_str().unwrap())
        .mylog("appendfsync", policy)
        .mylog("auto-rewrite-percentage", "0")
        .mylog("max-wait", "300")
        .start();
    let tally = Tally::default();
    let acked: Vec<Vec<u64>> = thread::scope(|scope| {
        let (tally, server) = (&tally, &server);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| scope.spawn(move || write(writer, server, tally)))
            .collect();
        let mut cache = server.client();
        scope.spawn(move || use_cache(&mut cache, tally));
        for _ in 0..2 {
            tally.wait("writes are acknowledged", &tally.acked, 50);
            disk.fill();
            tally.wait("writes are refused", &tally.refused, 500);
            tally.wait("the cache goes on meanwhile", &tally.native, 500);
            disk.give_room();
        }
        tally.wait("writes are acknowledged again", &tally.acked, 50);
        if policy == "always" {
            // It is killed while its disk is full: what waits in memory was not acknowledged.
            disk.fill();
            tally.wait("writes are refused", &tally.refused, 100);
        }
        tally.stop.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    if policy != "always" {
        let mut client = server.client();
        wait_for("all is written", || {
            let info = client.info("mylog");
            info["mylog_written_seq"] == info["mylog_queued_seq"]
        });
    }
    server.kill9();
    if policy == "always" {
        // It may have been amid a write: a torn tail is saved aside.
        disk.give_room();
    }
    let (status, said) = log_check::check(&folder);
    assert!(status <= 1, "{said}");
    server.restart();
    let mut client = server.client();
    for (writer, acked) in (0..).zip(acked) {
        assert!(!acked.is_empty());
        let commands: Vec<_> = acked
            .iter()
            .map(|n| vec!["MYLOG.GET".to_owned(), key(writer, *n)])
            .collect();
        for (reply, n) in client.pipeline(&commands).into_iter().zip(acked) {
            assert_eq!(reply.text(), value(writer, n));
        }
    }
    drop(server);
}

#[test]
fn a_disk_that_fills_up_under_load_loses_nothing_acknowledged_under_always() {
    full_under_load("always");
}

#[test]
fn a_disk_that_fills_up_under_load_loses_nothing_acknowledged_under_everysec() {
    full_under_load("everysec");
}
