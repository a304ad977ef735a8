//! Huge values during a rewrite: what changes costs what changed, whatever becomes of one the log has it, and
//! they leave without a trace in the next log.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::keyspace::all_is_written;
use crate::support::rewriting::{self, hold, info, release, wait_idle};
use crate::support::{Client, Reply, Server, log_check, wait_for};

const FIELDS: usize = 300_000;

/// Makes a hash in commands of a thousand fields.
fn fill_hash(client: &mut Client, key: &str, fields: usize) {
    let commands: Vec<_> = (0..fields.div_ceil(1000))
        .map(|part| {
            let mut command = vec!["MYLOG.HSET".to_owned(), key.to_owned()];
            for n in part * 1000..fields.min((part + 1) * 1000) {
                command.extend([format!("field:{n:08}"), format!("value:{n:014}")]);
            }
            command
        })
        .collect();
    for part in commands.chunks(20) {
        let replies = client.pipeline(part);
        assert!(
            replies.iter().all(|reply| matches!(reply, Reply::Int(1..))),
            "{replies:?}"
        );
    }
    assert_eq!(client.run(&format!("MYLOG.HLEN {key}")).int(), fields as i64);
}

fn server() -> Server {
    Server::build().mylog("auto-rewrite-percentage", "0").start()
}

/// Killed and started again it has what it had.
fn survives(server: &mut Server) {
    let mut client = server.client();
    all_is_written(&mut client);
    let digest = client.run("MYLOG.DEBUG DIGEST");
    server.kill9();
    log_check::assert_clean(&server.log_dir());
    server.restart();
    assert_eq!(server.client().run("MYLOG.DEBUG DIGEST"), digest);
}

#[test]
fn a_huge_hash_of_which_some_fields_change_during_a_rewrite_costs_those_fields() {
    let mut server = server();
    let mut client = server.client();
    fill_hash(&mut client, "huge", FIELDS);
    client.run("PEXPIREAT huge 4102444800123");
    rewriting::run(&mut client);
    let idle = info(&mut client, "base_size");
    assert_eq!(info(&mut client, "diff_records_emitted"), 0);

    hold(&mut client, "walked");
    for n in 0..100 {
        let field = n * 2500;
        match n % 4 {
            0 => client.run(&format!("MYLOG.HDEL huge field:{field:08}")),
            1 => client.run(&format!("MYLOG.HSET huge new:{n} value")),
            _ => client.run(&format!("MYLOG.HINCRBY huge counter:{n} {n}")),
        };
    }
    client.run("PEXPIREAT huge 4102444800456");
    release(&mut client);
    wait_idle(&mut client);
    assert_eq!(info(&mut client, "rewrites"), 2);
    let emitted = info(&mut client, "diff_records_emitted");
    // The very last ones may come too late for the child.
    assert!((80..=115).contains(&emitted), "{emitted}");
    assert!((80..=101).contains(&info(&mut client, "diff_records_absorbed")));
    let busy = info(&mut client, "base_size");
    assert!(
        busy.abs_diff(idle) * 50 <= idle,
        "idle {idle}, with changes {busy}"
    );
    assert_eq!(client.run("PEXPIRETIME huge").int(), 4_102_444_800_456);
    drop(client);
    survives(&mut server);
}

#[test]
fn a_huge_string_that_is_appended_to_during_a_rewrite_costs_what_was_appended() {
    let mut server = server();
    let mut client = server.client();
    let value = vec![b'v'; 32 << 20];
    assert!(client.cmd([b"MYLOG.SET", &b"huge"[..], &value]).is_ok());
    rewriting::run(&mut client);
    let idle = info(&mut client, "base_size");
    hold(&mut client, "walked");
    for _ in 0..200 {
        client.run("MYLOG.APPEND huge 0123456789");
    }
    release(&mut client);
    wait_idle(&mut client);
    assert_eq!(info(&mut client, "rewrites"), 2);
    let busy = info(&mut client, "base_size");
    assert!(
        busy.abs_diff(idle) * 100 <= idle,
        "idle {idle}, with changes {busy}"
    );
    drop(client);
    survives(&mut server);
    let mut client = server.client();
    assert_eq!(client.run("MYLOG.STRLEN huge").int(), (32 << 20) + 2000);
}

#[test]
fn a_huge_hash_written_to_all_the_while_is_whole_after_each_rewrite() {
    let mut server = server();
    let mut client = server.client();
    fill_hash(&mut client, "huge", FIELDS);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for writer in 0..2 {
            let (stop, mut client) = (&stop, server.client());
            scope.spawn(move || {
                let mut state: u64 = writer;
                while !stop.load(Ordering::Relaxed) {
                    let commands: Vec<Vec<String>> = (0..20)
                        .map(|_| {
                            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                            let n = (state >> 33) % (FIELDS as u64 + 10_000);
                            let line = match state >> 62 {
                                0 => format!("MYLOG.HDEL huge field:{n:08}"),
                                1 => format!("MYLOG.HINCRBY huge counter:{n} 1"),
                                _ => format!("MYLOG.HSET huge field:{n:08} {state}"),
                            };
                            line.split(' ').map(str::to_owned).collect()
                        })
                        .collect();
                    let replies = client.pipeline(&commands);
                    assert!(
                        replies.iter().all(|reply| matches!(reply, Reply::Int(_))),
                        "{replies:?}"
                    );
                }
            });
        }
        for _ in 0..2 {
            rewriting::run(&mut client);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(info(&mut client, "diff_records_absorbed") > 0);
    drop(client);
    survives(&mut server);
}

/// What may become of a huge value, by the commands that do it.
const FATES: [&[&str]; 9] = [
    &["DEL huge"],
    &["UNLINK huge"],
    &["SET huge native"],
    &["MYLOG.SET huge durable"],
    &["RENAME huge other"],
    &["MYLOG.SET other durable", "RENAME other huge"],
    &["COPY small huge REPLACE", "MYLOG.HSET huge field value"],
    &["PEXPIRE huge 1"],
    &["MOVE huge 3", "MYLOG.HSET huge field value"],
];

#[test]
fn whatever_becomes_of_a_huge_value_during_a_rewrite_the_log_has_it() {
    for stage in ["start", "walked"] {
        let mut server = server();
        let mut client = server.client();
        client.run("MYLOG.HSET small field value");
        fill_hash(&mut client, "spare", 20_000);
        for fate in FATES {
            client.run("COPY spare huge REPLACE");
            assert_eq!(client.run("MYLOG.HLEN huge").int(), 20_000);
            hold(&mut client, stage);
            client.run("MYLOG.HSET huge field:00000001 changed");
            for line in fate {
                client.run(line);
            }
            if fate[0].starts_with("PEXPIRE") {
                wait_for("it has expired", || client.run("EXISTS huge").int() == 0);
            }
            let before = info(&mut client, "rewrites");
            release(&mut client);
            wait_idle(&mut client);
            assert_eq!(info(&mut client, "rewrites"), before + 1, "{fate:?} at {stage}");
            client.run("DEL huge other");
            client.ok("SELECT 3");
            client.run("DEL huge");
            client.ok("SELECT 0");
        }
        for fate in FATES {
            client.run("COPY spare huge REPLACE");
            for line in fate {
                client.run(line);
            }
        }
        drop(client);
        survives(&mut server);
    }
}

#[test]
fn flushed_keys_leave_at_once_and_the_next_log_is_empty() {
    for flush in ["FLUSHALL", "FLUSHALL ASYNC", "FLUSHDB", "FLUSHDB ASYNC"] {
        let mut server = Server::build()
            .mylog("auto-rewrite-percentage", "0")
            .mylog("flush-policy", "flush")
            .start();
        let mut client = server.client();
        client.ok("SELECT 2");
        client.ok("MYLOG.SET kept value");
        client.ok("SELECT 0");
        let commands: Vec<Vec<String>> = (0..50_000)
            .map(|n| vec!["MYLOG.SET".to_owned(), format!("key:{n}"), format!("value:{n}")])
            .collect();
        for part in commands.chunks(5000) {
            assert!(client.pipeline(part).iter().all(Reply::is_ok));
        }
        client.run("MYLOG.HSET hash field value");
        hold(&mut client, "walked");
        client.ok(flush);
        let left = u64::from(flush.starts_with("FLUSHDB"));
        assert_eq!(info(&mut client, "keys"), left, "{flush}");
        assert!(info(&mut client, "live_bytes") < 100, "{flush}");
        client.ok("MYLOG.SET after value");
        release(&mut client);
        wait_idle(&mut client);
        assert!(info(&mut client, "base_size") < 4096, "{flush}");
        assert_eq!(info(&mut client, "keys"), left + 1, "{flush}");
        assert_eq!(client.run("MYLOG.GET after").text(), "value");
        drop(client);
        survives(&mut server);
    }
}

#[test]
fn a_huge_value_restored_over_another_or_reloaded_is_what_it_was() {
    let mut server = server();
    let mut client = server.client();
    fill_hash(&mut client, "huge", 20_000);
    fill_hash(&mut client, "other", 15_000);
    let dump = client.run("DUMP huge").bytes().unwrap();
    let digest = client.run("DEBUG DIGEST-VALUE huge");
    assert!(
        client
            .cmd([b"RESTORE", &b"other"[..], b"0", &dump, b"REPLACE"])
            .is_ok()
    );
    assert_eq!(client.run("DEBUG DIGEST-VALUE other"), digest);
    client.ok("DEBUG RELOAD");
    assert_eq!(client.run("DEBUG DIGEST-VALUE other"), digest);
    assert_eq!(client.run("MYLOG.HLEN huge").int(), 20_000);
    drop(client);
    survives(&mut server);
    assert_eq!(server.client().run("DEBUG DIGEST-VALUE other"), digest);
}
