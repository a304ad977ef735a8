//! What clients, crashes and the server's own files make of a release that is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::command::{begin, release, released, status};
use crate::server::adopt::command::{adopt, adopted, capture, capturing, fill, info};
use crate::support::keyspace::{KeySpace, durable, kind, picture};
use crate::support::{Client, Entry, Reply, Server, log_check, wait_for};

const KEYS: usize = 3000;

/// Durable keys of every type.
fn make(client: &mut Client) {
    let script = "for n=0,ARGV[1]-1 do redis.call('SET','order:s'..n,n) redis.call('HSET','order:h'..n,'f',1,'g',n) \
        redis.call('RPUSH','order:l'..n,'a','b','c') redis.call('SADD','order:t'..n,'a','b',n) \
        redis.call('ZADD','order:z'..n,1,'a',2,'b') end";
    let reply = client.cmd(["EVAL", script, "0", &KEYS.to_string()]);
    assert_eq!(reply, Reply::Nil);
}

/// What a client does, by the number of its turn: none of it may ever answer an error.
fn lines(n: usize) -> Vec<String> {
    let (a, b) = (n * 7 % KEYS, n * 13 % KEYS);
    let lines = [
        format!("INCR order:s{a}"),
        format!("MGET order:s{a} order:s{b} order:none"),
        format!("MSET order:s{a} 1 order:s{b} 2"),
        format!("HINCRBY order:h{a} g 1"),
        format!("HGETALL order:h{b}"),
        format!("LMOVE order:l{a} order:l{b} LEFT RIGHT"),
        format!("LRANGE order:l{a} 0 -1"),
        format!("RPUSH order:l{a} x"),
        format!("SADD order:t{a} {n}"),
        format!("SUNION order:t{a} order:t{b}"),
        format!("SUNIONSTORE order:u{a} order:t{a} order:t{b}"),
        format!("SMOVE order:t{a} order:t{b} a"),
        format!("ZADD order:z{a} {n} m"),
        format!("ZUNIONSTORE order:y{a} 2 order:z{a} order:t{b}"),
        format!("ZUNION 2 order:z{a} order:z{b}"),
        format!("TYPE order:h{a}"),
        format!(
            "EVAL redis.call('incr',KEYS[1]);return{{redis.call('hget',KEYS[2],'f'),redis.call('sinter',KEYS[3],KEYS[4])}} 4 order:s{b} order:h{a} order:t{a} order:t{b}"
        ),
        "MULTI".into(),
        format!("DEL order:h{a}"),
        format!("HSET order:h{a} f 1 g 2"),
        format!("RENAME order:s{a} order:r{a}"),
        format!("COPY order:r{a} order:s{a} REPLACE"),
        "EXEC".into(),
    ];
    lines.into()
}

#[test]
fn no_client_meets_an_error_while_keys_are_released() {
    let server = capturing();
    let mut client = server.client();
    capture(&mut client, "order:");
    make(&mut client);
    let over = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let (mut client, over) = (server.client(), Arc::clone(&over));
            thread::spawn(move || {
                let mut turns = 0;
                while !over.load(Ordering::Relaxed) {
                    for line in lines(worker + 4 * turns) {
                        let reply = client.cmd(line.split(' '));
                        let errors = match &reply {
                            Reply::Array(items) => items.iter().any(|item| matches!(item, Reply::Error(_))),
                            other => matches!(other, Reply::Error(_)),
                        };
                        assert!(!errors, "{line}: {reply:?}");
                    }
                    turns += 1;
                }
                turns
            })
        })
        .collect();
    begin(&mut client, "order:");
    released(&mut client);
    over.store(true, Ordering::Relaxed);
    for worker in workers {
        assert!(worker.join().expect("no error") > 0);
    }
    assert_eq!(status(&mut client), "ok");
    // What a command that was under way at its end has left is found by another one.
    release(&mut client, "order:");
    assert_eq!(info(&mut client, "keys"), 0);
    assert_eq!(durable(&picture(&mut client)).len(), 0);
}

fn same_value(found: &Entry, wanted: &Entry, name: &(u32, String)) {
    assert_eq!(
        (&found.value, found.expire_at),
        (&wanted.value, wanted.expire_at),
        "{name:?}"
    );
}

/// With nothing but the log a key is durable and whole, or it was native, and gone as any that a cache forgets.
#[test]
fn after_kill9_in_mid_release_every_key_is_whole_and_durable_or_gone() {
    killed(None, |all, after| {
        assert_eq!(after, &durable(after), "nothing native is left");
        for (name, entry) in after {
            same_value(entry, &all[name], name);
        }
        (1..all.len()).contains(&after.len())
    });
}

/// With the server's AOF none is gone: what is native is there with its value.
#[test]
fn after_kill9_in_mid_release_the_servers_aof_has_what_is_native() {
    for preamble in ["no", "yes"] {
        killed(Some(preamble), |all, after| {
            assert!(after.keys().eq(all.keys()), "none more, none less");
            for (name, entry) in after {
                same_value(entry, &all[name], name);
            }
            (1..all.len()).contains(&durable(after).len())
        });
    }
}

/// Kills servers at various times of a release; `check` gets the durable keys before and all keys after, and says
/// whether that was in the middle.
fn killed(aof: Option<&str>, mut check: impl FnMut(&KeySpace, &KeySpace) -> bool) {
    let mut cut_short = 0;
    let times: &[u64] = if aof.is_some() {
        &[4, 12, 25]
    } else {
        &[3, 8, 15, 25]
    };
    for &wait_ms in times {
        let mut build = Server::build()
            .mylog("appendfsync", "always")
            .mylog("capture", "order:");
        if let Some(preamble) = aof {
            build = build
                .config("appendonly", "yes")
                .config("appendfsync", "always")
                .config("aof-use-rdb-preamble", preamble);
        }
        let mut server = build.start();
        let mut client = server.client();
        client.ok("CONFIG SET mylog.capture \"\"");
        fill(&mut client);
        client.ok("CONFIG SET mylog.capture order:");
        adopt(&mut client, "order:");
        if aof.is_some() {
            let before = client.info_u64("persistence", "aof_rewrites");
            client.run("BGREWRITEAOF");
            wait_for("the AOF is rewritten", || {
                let info = client.info("persistence");
                info["aof_rewrites"].parse::<u64>().unwrap() > before
                    && info["aof_rewrite_in_progress"] == "0"
            });
        }
        let all = durable(&picture(&mut client));
        client.run("MYLOG.RELEASE order:");
        thread::sleep(Duration::from_millis(wait_ms));
        server.kill9();
        log_check::check(&server.log_dir());
        server.restart();
        let mut client = server.client();
        let after: KeySpace = picture(&mut client)
            .into_iter()
            .filter(|((_, name), entry)| name.starts_with("order:") && entry.kind != "stream")
            .collect();
        cut_short += usize::from(check(&all, &after));
        assert_eq!(info(&mut client, "keys"), durable(&after).len() as u64);
    }
    assert!(cut_short > 0, "no kill came in the middle");
}

#[test]
fn native_writes_behind_a_release_are_in_the_servers_aof_and_the_log_does_not_undo_them() {
    let mut server = Server::build()
        .mylog("appendfsync", "always")
        .config("appendonly", "yes")
        .config("appendfsync", "always")
        .start();
    let mut client = server.client();
    client.ok("CONFIG SET mylog.capture order:");
    client.ok("SET order:s v");
    client.run("RPUSH order:l a b");
    client.run("SADD order:gone a");
    release(&mut client, "order:");
    client.run("APPEND order:s w");
    client.run("LPOP order:l");
    client.run("DEL order:gone");
    for _ in 0..2 {
        server.kill9();
        server.restart();
        let mut client = server.client();
        assert_eq!(client.run("GET order:s").text(), "vw");
        assert_eq!(
            client.run("LRANGE order:l 0 -1").items(),
            [Reply::Bulk(b"b".to_vec())]
        );
        assert_eq!(client.run("DBSIZE").int(), 2);
    }
}

/// The one of the time before has them as durable keys, which the log knows to be gone.
#[test]
fn a_server_that_keeps_rdbs_saves_one_behind_a_release() {
    let mut server = Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "order:")
        .config("save", "3600 1")
        .start();
    let mut client = server.client();
    client.run("RPUSH order:l a b");
    client.ok("SAVE");
    let before = client.info_u64("persistence", "rdb_saves");
    release(&mut client, "order:");
    // It is counted when it begins.
    wait_for("the RDB", || {
        let info = client.info("persistence");
        info["rdb_saves"].parse::<u64>().unwrap() > before && info["rdb_bgsave_in_progress"] == "0"
    });
    for _ in 0..2 {
        server.kill9();
        server.restart();
        let mut client = server.client();
        // The server was started with the prefix: native keys under it go on natively.
        assert_eq!(kind(&mut client, b"order:l"), "list");
        assert_eq!(client.run("LRANGE order:l 0 -1").items().len(), 2);
    }
}

#[test]
fn keys_that_move_while_they_are_released_are_found_where_they_are() {
    let server = capturing();
    let mut client = server.client();
    capture(&mut client, "order:");
    make(&mut client);
    client.ok("RENAME order:t1 kept");
    begin(&mut client, "order:");
    for line in ["SWAPDB 0 5", "SWAPDB 5 7", "SELECT 7", "RENAME kept order:t1"] {
        client.ok(line);
    }
    released(&mut client);
    assert_eq!(status(&mut client), "ok");
    if info(&mut client, "keys") > 0 {
        // It came behind the last walk.
        assert_eq!(client.run("SCARD order:t1").int(), 3);
        release(&mut client, "order:");
    }
    assert_eq!(info(&mut client, "keys"), 0);
    assert_eq!(client.run("DBSIZE").int(), 5 * KEYS as i64);
}

/// The adoption has found them by then, and has read a part of one.
#[test]
fn an_adoption_of_more_leaves_alone_what_is_released_meanwhile() {
    let server = capturing();
    let mut client = server.client();
    let script = "for n=1,8 do for i=1,30000 do redis.call('RPUSH','order:eu:'..n,i) end redis.call('SET','order:us:'..n,n) end";
    client.cmd(["EVAL", script, "0"]);
    capture(&mut client, "order:");
    let reply = client.run("MYLOG.ADOPT order:");
    assert_eq!(reply, Reply::Simple(b"Background adoption started".to_vec()));
    wait_for("keys were found", || info(&mut client, "adopt_scanned") > 0);
    release(&mut client, "order:eu:");
    adopted(&mut client);
    for n in 1..=8 {
        assert_eq!(kind(&mut client, format!("order:eu:{n}").as_bytes()), "list");
        assert_eq!(client.run(&format!("LLEN order:eu:{n}")).int(), 30_000);
    }
    assert_eq!(info(&mut client, "keys"), 8, "those that are still captured");
}
