//! The story of `make demo`: durable keys under load, a rewrite of their log, a kill -9, and what is left.
//!
//! Every number is measured in the run that prints it. It ends with success only if nothing acknowledged was lost.
#![allow(clippy::print_stdout, reason = "telling is what it is for")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is a failed demo"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use support::{Client, Cut, Ledger, Load, Server, Workload, leftovers, wait_for};

/// Acknowledged units before the rewrite, and again before the kill.
const UNITS: u64 = 20_000;
const CACHE_KEYS: usize = 10_000;

fn main() -> ExitCode {
    let mut server = Server::build().with_port().mylog("appendfsync", "always").start();
    let mut client = server.client();
    let info = client.info("server");
    let name = info.get("server_name").map_or("redis", String::as_str);
    let version = info
        .get("valkey_version")
        .or_else(|| info.get("redis_version"))
        .map_or("?", String::as_str);
    println!(
        "{name} {version} on port {}, module loaded, mylog.appendfsync always",
        server.port()
    );

    fill_cache(&mut client);
    let ledger = Arc::new(Ledger::new(Workload {
        writers: 32,
        keys: 100,
        value_bytes: 1000,
        ..Workload::default()
    }));
    talk(&format!(
        "seed {}, log in {}",
        ledger.load().seed,
        server.log_dir().display()
    ));
    let start = Instant::now();
    let load = Load::start(&server, &ledger);
    load.wait_acked(UNITS);
    let rate = per_second(ledger.acked(), start);
    println!(
        "32 clients write strings and hashes: {} units acknowledged, {rate}/s",
        ledger.acked()
    );

    rewrite(&mut client, &ledger);
    load.wait_acked(UNITS);
    server.kill9();
    load.join();
    println!("kill -9 in mid-load, at {} acknowledged units", ledger.acked());

    let start = Instant::now();
    server.restart();
    let up = start.elapsed();
    let cut = ledger.settle(&mut server.client());
    ended(&server, cut, up.as_millis())
}

/// What the server is for besides: keys that nobody asked to keep.
fn fill_cache(client: &mut Client) {
    let set = |n: usize| vec!["SET".to_owned(), format!("cache:{n}"), "x".repeat(100)];
    let replies = client.pipeline(&(0..CACHE_KEYS).map(set).collect::<Vec<_>>());
    assert!(replies.iter().all(support::Reply::is_ok), "a cache write failed");
    println!("{CACHE_KEYS} native keys are written as well");
}

fn rewrite(client: &mut Client, ledger: &Ledger) {
    let before = client.info_u64("mylog", "mylog_current_size");
    let rewrites = client.info_u64("mylog", "mylog_rewrites");
    let acked = ledger.acked();
    let reply = client.run("MYLOG.REWRITE");
    assert_eq!(
        reply.clone().text(),
        "Background log rewrite started",
        "{reply:?}"
    );
    wait_for("the rewrite ends", || {
        client.info_u64("mylog", "mylog_rewrite_in_progress") == 0
    });
    let info = client.info("mylog");
    assert_eq!(info["mylog_last_rewrite_status"], "ok", "{info:?}");
    assert!(client.info_u64("mylog", "mylog_rewrites") > rewrites, "{info:?}");
    println!(
        "MYLOG.REWRITE under that load: log {} -> {} in {} ms, {} units acknowledged meanwhile",
        size(before),
        size(client.info_u64("mylog", "mylog_base_size")),
        info["mylog_last_rewrite_msec"],
        ledger.acked() - acked
    );
}

fn ended(server: &Server, cut: Cut, up_ms: u128) -> ExitCode {
    let mut client = server.client();
    let info = client.info("mylog");
    println!(
        "restarted in {up_ms} ms, {} ms of them for the log: {}, {} records, {} durable keys",
        info["mylog_last_load_msec"],
        size(client.info_u64("mylog", "mylog_current_size")),
        info["mylog_last_load_records"],
        info["mylog_keys"]
    );
    let cache = client.run("EXISTS cache:0").int();
    println!(
        "cache keys left: {} (this server has no RDB and no AOF)",
        if cache == 0 { "none" } else { "some" }
    );
    println!(
        "{} units sent, {} acknowledged, {} found in the log, {} acknowledged and not found",
        cut.issued, cut.acked, cut.recovered, cut.lost
    );
    let swept = !leftovers::files(&server.log_dir())
        .iter()
        .any(|name| name.starts_with("rewrite-"));
    if cut.lost == 0 && cut.acked >= 2 * UNITS && swept {
        println!("every acknowledged write is there");
        ExitCode::SUCCESS
    } else {
        println!(
            "FAILED: see the numbers above; files: {:?}",
            leftovers::files(&server.log_dir())
        );
        ExitCode::FAILURE
    }
}

fn per_second(count: u64, since: Instant) -> u64 {
    u64::try_from(u128::from(count) * 1000 / since.elapsed().as_millis().max(1)).unwrap_or(0)
}

fn size(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10)
}

fn talk(line: &str) {
    if env::var("VERBOSE").is_ok_and(|v| v == "1") {
        println!("{line}");
    }
}
