//! A rewrite and the room on its disk: without enough of it none begins, and one that runs out of it fails
//! early and gives back what it took. Needs leave to mount a tmpfs.

use crate::support::rewriting::{self, hold, info, info_text, release, wait_idle};
use crate::support::small_disk::SmallDisk;
use crate::support::{Client, Reply, Server, leftovers, wait_for};

const VALUE: usize = 10_000;

fn server_on(disk: &SmallDisk, percentage: &str) -> Server {
    Server::build()
        .mylog("dir", disk.path().join("log").to_str().unwrap())
        .mylog("auto-rewrite-percentage", percentage)
        .mylog("auto-rewrite-min-size", "64kb")
        .start()
}

fn fill(client: &mut Client, keys: usize) {
    let commands: Vec<_> = (0..keys)
        .map(|n| vec!["MYLOG.SET".to_owned(), format!("key:{n}"), "v".repeat(VALUE)])
        .collect();
    assert!(client.pipeline(&commands).iter().all(Reply::is_ok));
}

/// The room as the writer last saw it; `None` before it has looked.
fn free(client: &mut Client) -> Option<u64> {
    client.info("mylog").get("mylog_free_bytes")?.parse().ok()
}

fn wait_free(client: &mut Client, wanted: impl Fn(u64) -> bool) {
    wait_for("the room is measured", || free(client).is_some_and(&wanted));
}

#[test]
fn a_rewrite_without_room_does_not_begin_and_says_what_it_needs() {
    let disk = SmallDisk::new("8m");
    disk.take_room(5 << 20);
    let server = server_on(&disk, "0");
    let mut client = server.client();
    fill(&mut client, 160);
    wait_free(&mut client, |free| free < 1_700_000);
    let mut seen = (None, String::new());
    wait_for("both tell of the same look at the disk", || {
        seen = (free(&mut client), client.run("MYLOG.REWRITE").text());
        free(&mut client) == seen.0
    });
    let (free, reply) = (seen.0.unwrap(), seen.1);
    assert!(
        reply.starts_with("ERR Can't execute a log background rewriting: it needs about 18")
            && reply.contains(&format!(" bytes, {free} are free in "))
            && reply.ends_with("/log"),
        "{reply}"
    );
    assert_eq!(info(&mut client, "rewrite_failures"), 0, "nothing was tried");
    assert_eq!(info(&mut client, "rewrite_in_progress"), 0);
    assert!(
        server
            .log()
            .contains("log rewrite: it can't begin: it needs about 18")
    );
    disk.give_room();
    wait_free(&mut client, |free| free > 4 << 20);
    rewriting::run(&mut client);
}

#[test]
fn an_automatic_rewrite_waits_for_room_and_begins_as_soon_as_there_is_some() {
    let disk = SmallDisk::new("8m");
    disk.take_room(5 << 20);
    let mut server = server_on(&disk, "0");
    let mut client = server.client();
    fill(&mut client, 160);
    wait_free(&mut client, |free| free < 1_700_000);
    client.ok("CONFIG SET mylog.auto-rewrite-percentage 100");
    wait_for("it is due", || info(&mut client, "rewrite_failures") == 1);
    let seconds = |client: &mut Client| client.info_u64("server", "uptime_in_seconds");
    let now = seconds(&mut client);
    wait_for("the cron has looked often", || seconds(&mut client) >= now + 2);
    assert_eq!(info(&mut client, "rewrite_failures"), 1, "said and counted once");
    assert_eq!(info_text(&mut client, "last_rewrite_status"), "err");
    assert!(info_text(&mut client, "last_rewrite_error").starts_with("it needs about 18"));
    assert_eq!(info(&mut client, "rewrite_next_retry_sec"), 0);
    assert_eq!(server.log().matches("it waits for room on the disk").count(), 1);
    assert_eq!(client.info_u64("stats", "total_forks"), 0, "no fork in vain");
    disk.give_room();
    rewriting::wait_succeeded(&mut client, 1);
    wait_idle(&mut client);
    assert_eq!(info_text(&mut client, "last_rewrite_status"), "ok");
    let digest = client.run("MYLOG.DEBUG DIGEST");
    server.kill9();
    server.restart();
    assert_eq!(server.client().run("MYLOG.DEBUG DIGEST"), digest);
}

#[test]
fn a_child_that_runs_out_of_room_gives_back_what_it_took() {
    let disk = SmallDisk::new("8m");
    let mut server = server_on(&disk, "0");
    let mut client = server.client();
    fill(&mut client, 200);
    wait_free(&mut client, |free| free < 7 << 20);
    hold(&mut client, "start");
    disk.take_room(5 << 20);
    release(&mut client);
    wait_idle(&mut client);
    assert_eq!(info(&mut client, "rewrite_failures"), 1);
    assert!(server.log().contains("No space left on device"));
    wait_for("its file is gone", || {
        leftovers::files(&disk.path().join("log")) == ["LOCK", "current.mylog"]
    });
    wait_for("durable writes are taken", || {
        client.run("MYLOG.SET small value").is_ok()
    });
    let digest = client.run("MYLOG.DEBUG DIGEST");
    disk.give_room();
    wait_free(&mut client, |free| free > 4 << 20);
    rewriting::run(&mut client);
    server.kill9();
    server.restart();
    assert_eq!(server.client().run("MYLOG.DEBUG DIGEST"), digest);
}
