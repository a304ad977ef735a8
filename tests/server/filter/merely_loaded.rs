//! The module is loaded, and nothing is captured or durable: the server tells of its own commands what it tells without it.

use std::collections::BTreeMap;

use crate::support::{Client, Server};

/// Commands by name, and how often each ran.
fn calls(client: &mut Client) -> BTreeMap<String, String> {
    let stats = client.info("commandstats").into_iter();
    stats
        .map(|(name, stat)| (name, stat.split(',').next().unwrap().to_owned()))
        .collect()
}

/// The names in the slow log, the newest first.
fn slow(client: &mut Client) -> Vec<Vec<String>> {
    let entries = client.run("SLOWLOG GET 100").items().into_iter();
    entries
        .map(|entry| {
            entry
                .items()
                .remove(3)
                .items()
                .into_iter()
                .map(|word| word.text())
                .collect()
        })
        .collect()
}

fn what_is_told(server: &Server) -> (BTreeMap<String, String>, Vec<Vec<String>>) {
    let mut client = server.client();
    client.ok("CONFIG SET slowlog-log-slower-than 0");
    client.ok("CONFIG RESETSTAT");
    client.ok("SLOWLOG RESET");
    for line in [
        "CONFIG SET maxmemory 100mb",
        "CONFIG SET latency-monitor-threshold 5",
        "CONFIG SET proto-max-bulk-len 500mb",
        "SET a b",
        "APPEND a c",
        "DEL a",
        "MULTI",
        "INCR n",
        "EXEC",
        "FLUSHALL",
    ] {
        client.run(line);
    }
    client.cmd(["EVAL", "return redis.call('INCR','n')", "0"]);
    // The cron has come, and what it does once a second.
    client.run("DEBUG SLEEP 1.2");
    client.run("PING");
    (calls(&mut client), slow(&mut client))
}

#[test]
fn commandstats_and_the_slow_log_are_those_of_a_stock_server() {
    let (stock, server) = (Server::stock().start(), Server::build().start());
    assert_eq!(what_is_told(&server), what_is_told(&stock));
}

#[test]
fn a_setting_that_a_command_goes_by_is_asked_for_once_and_again_when_it_changed() {
    let server = Server::build().start();
    let mut client = server.client();
    client.ok("CONFIG SET proto-max-bulk-len 2mb");
    client.ok("CONFIG RESETSTAT");
    client.ok("MYLOG.SET key D");
    let first = calls(&mut client).remove("cmdstat_config|get");
    assert!(
        client
            .run("MYLOG.SETRANGE key 3000000 x")
            .is_error("ERR string exceeds")
    );
    client.ok("CONFIG SET maxmemory 100mb");
    assert_eq!(calls(&mut client).remove("cmdstat_config|get"), first);
    client.ok("CONFIG SET proto-max-bulk-len 4mb");
    assert_eq!(client.run("MYLOG.SETRANGE key 3000000 x").int(), 3_000_001);
}
