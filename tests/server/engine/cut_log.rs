//! The log cut in place under a server that runs, or written to by somebody else: noticed within a second, no
//! write acknowledged falsely, and made anew from memory.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::rewriting::{info, info_text};
use crate::support::wait::holds_within;
use crate::support::{Client, Server, leftovers, log_check, wait_for};

type Deed = (&'static str, fn(&Path));

/// What strangers do to `current.mylog`.
const DEEDS: [Deed; 4] = [
    ("emptied", |log| drop(fs::File::create(log).unwrap())),
    ("cut", |log| {
        let file = OpenOptions::new().write(true).open(log).unwrap();
        file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    }),
    ("copied and truncated", |log| {
        fs::copy(log, log.with_extension("1")).unwrap();
        fs::File::create(log).unwrap();
    }),
    ("appended to", |log| {
        let mut file = OpenOptions::new().append(true).open(log).unwrap();
        file.write_all("a stranger's line\n".repeat(1000).as_bytes())
            .unwrap();
    }),
];

fn start(policy: &str) -> (Server, Client) {
    let server = Server::build()
        .mylog("auto-rewrite-percentage", "0")
        .mylog("appendfsync", policy)
        .start();
    let mut client = server.client();
    for n in 0..50 {
        client.ok(&format!("MYLOG.SET key:{n} value:{n}"));
    }
    (server, client)
}

fn assert_survives_a_kill(server: &mut Server, client: &mut Client) {
    wait_for("durable writes are taken", || {
        client.run("MYLOG.SET after value").is_ok()
    });
    // Under every policy.
    client.run("MYLOG.WAIT 0");
    let digest = client.run("MYLOG.DEBUG DIGEST");
    server.kill9();
    log_check::assert_clean(&server.log_dir());
    server.restart();
    assert_eq!(server.client().run("MYLOG.DEBUG DIGEST"), digest);
}

#[test]
fn a_log_cut_in_place_is_noticed_within_a_second_and_made_anew() {
    for policy in ["always", "everysec", "no"] {
        for (deed, act) in DEEDS {
            let (mut server, mut client) = start(policy);
            wait_for("all is written", || {
                info(&mut client, "written_seq") == info(&mut client, "queued_seq")
            });
            act(&server.log_dir().join("current.mylog"));
            let began = Instant::now();
            let noticed = holds_within(Duration::from_secs(20), || {
                server.log().contains("somebody else has cut the log")
            });
            assert!(noticed, "{policy}, {deed}: {}", server.log());
            // Twice the time between two looks, for a machine that is busy.
            assert!(began.elapsed() < Duration::from_secs(2), "{policy}, {deed}");
            wait_for("a new log is made", || info(&mut client, "rewrites") == 1);
            assert_survives_a_kill(&mut server, &mut client);
        }
    }
}

/// The file that is the log now has all of these names, as a start would find them.
fn assert_in_log(log: &Path, names: &[&str], deed: &str) {
    let bytes = fs::read(log).unwrap();
    for name in names {
        let found = bytes.windows(name.len()).any(|window| window == name.as_bytes());
        assert!(
            found,
            "{deed}: {name} is not in the log, of {} bytes",
            bytes.len()
        );
    }
}

#[test]
fn a_write_to_a_log_that_was_cut_is_not_acknowledged_under_always_before_it_is_healed() {
    for (deed, act) in DEEDS {
        let (mut server, mut client) = start("always");
        let log = server.log_dir().join("current.mylog");
        let mut acked = Vec::new();
        act(&log);
        for n in 0..200 {
            let key = format!("after:{n}");
            if client.run(&format!("MYLOG.SET {key} value")).is_ok() {
                assert_in_log(&log, &[&key], deed);
                acked.push(key);
            }
        }
        // Whoever was told OK was told so by a log that has the old keys, too: the one that was cut hasn't.
        let healed: Vec<_> = ["key:7", "key:49"]
            .into_iter()
            .chain(acked.iter().map(String::as_str))
            .collect();
        if !acked.is_empty() {
            assert_in_log(&log, &healed, deed);
        }
        wait_for("it is healed", || {
            client.run("MYLOG.SET last value").is_ok() && info_text(&mut client, "last_write_status") == "ok"
        });
        server.kill9();
        server.restart();
        let mut client = server.client();
        for key in acked.iter().chain([&"last".to_owned()]) {
            assert_eq!(client.run(&format!("MYLOG.GET {key}")).text(), "value", "{deed}");
        }
        assert_eq!(client.run("MYLOG.GET key:7").text(), "value:7");
        assert!(leftovers::files(&server.log_dir()).contains(&"current.mylog".to_owned()));
    }
}
