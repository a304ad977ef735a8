//! Values and arguments that servers trip over: any bytes, 64 MB, wrong types and numbers. Errors are the
//! native ones, to the byte, and change nothing.

use crate::support::rewriting::{self, hold, release, wait_idle};
use crate::support::{Client, Server};

/// Keys and values of every kind of trouble.
const NASTY: [&[u8]; 8] = [
    b"",
    b"\0",
    b"a\0b",
    b"line\r\nline\n",
    b"%s%n%d%x %1$s %",
    b"\xff\xfe\x80 not text",
    b"*3\r\n$3\r\nSET\r\n",
    b"quote\" ' \\ {tag}",
];

#[test]
fn any_bytes_survive_as_keys_fields_and_values() {
    let mut server = Server::build().start();
    let mut client = server.client();
    for (n, key) in NASTY.iter().enumerate() {
        for (m, value) in NASTY.iter().enumerate() {
            let name = [key, b":".as_slice(), &[u8::try_from(m).unwrap()]].concat();
            assert!(client.cmd([b"MYLOG.SET".as_slice(), &name, value]).is_ok());
        }
        let hash = [b"hash:".as_slice(), key].concat();
        let value = NASTY[(n + 1) % NASTY.len()];
        assert_eq!(client.cmd([b"MYLOG.HSET".as_slice(), &hash, key, value]).int(), 1);
    }
    hold(&mut client, "walked");
    for key in NASTY {
        assert!(client.cmd([b"MYLOG.SET".as_slice(), key, key]).is_ok());
    }
    release(&mut client);
    wait_idle(&mut client);
    let digest = client.run("MYLOG.DEBUG DIGEST");
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("MYLOG.DEBUG DIGEST"), digest);
    for (n, key) in NASTY.iter().enumerate() {
        assert_eq!(
            client.cmd([b"MYLOG.GET".as_slice(), key]).bytes().as_deref(),
            Some(*key)
        );
        for (m, value) in NASTY.iter().enumerate() {
            let name = [key, b":".as_slice(), &[u8::try_from(m).unwrap()]].concat();
            assert_eq!(
                client.cmd([b"MYLOG.GET".as_slice(), &name]).bytes().as_deref(),
                Some(*value)
            );
        }
        let hash = [b"hash:".as_slice(), key].concat();
        let value = NASTY[(n + 1) % NASTY.len()];
        assert_eq!(
            client
                .cmd([b"MYLOG.HGET".as_slice(), &hash, key])
                .bytes()
                .as_deref(),
            Some(value)
        );
    }
}

#[test]
fn percent_signs_are_no_formats_in_the_server_log_and_in_errors() {
    let mut server = Server::build()
        .mylog("dir", "100%s%n%d")
        .mylog("capture", "%s:")
        .start();
    let mut client = server.client();
    client.ok("MYLOG.SET %s%n value");
    client.ok("SET %s:%n value");
    let reply = client.run("MSET %s:%n a other%n b");
    assert!(reply.is_error(""), "{reply:?}");
    let reply = client.run("CONFIG SET mylog.appendfsync %s%n");
    assert!(reply.is_error("ERR"), "{reply:?}");
    rewriting::run(&mut client);
    server.kill9();
    server.restart();
    assert!(
        server.log().contains("/100%s%n%d/current.mylog: epoch"),
        "{}",
        server.log()
    );
    let mut client = server.client();
    assert_eq!(client.run("MYLOG.GET %s%n").text(), "value");
    assert_eq!(client.run("GET %s:%n").text(), "value");
}

#[test]
fn values_of_64_mb_survive() {
    const SIZE: usize = 64 << 20;
    let value = |seed: u8| -> Vec<u8> {
        let mut rng = fastrand::Rng::with_seed(seed.into());
        let mut value = vec![0; SIZE];
        rng.fill(&mut value);
        value
    };
    let mut server = Server::build()
        .mylog("appendfsync", "always")
        .mylog("max-wait", "30000")
        .mylog("rewrite-backlog-limit", "512mb")
        .mylog("auto-rewrite-percentage", "0")
        .start();
    let mut client = server.client();
    assert!(
        client
            .cmd([b"MYLOG.SET".as_slice(), b"string", &value(1)])
            .is_ok()
    );
    assert_eq!(
        client
            .cmd([b"MYLOG.HSET".as_slice(), b"hash", b"field", &value(2)])
            .int(),
        1
    );
    rewriting::run(&mut client);
    assert_eq!(
        client.cmd([b"MYLOG.APPEND".as_slice(), b"string", b"tail"]).int(),
        (SIZE + 4) as i64
    );
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("MYLOG.STRLEN string").int(), (SIZE + 4) as i64);
    let mut whole = value(1);
    whole.extend_from_slice(b"tail");
    assert!(client.run("MYLOG.GET string").bytes() == Some(whole));
    assert!(client.run("MYLOG.HGET hash field").bytes() == Some(value(2)));
}

/// Commands that must fail, written for the native types. `STR`, `HASH` and so on are the keys.
const BAD: [&str; 184] = [
    "GET",
    "GET STR x",
    "SET",
    "SET STR",
    "SET STR v EX",
    "SET STR v EX 0",
    "SET STR v EX -1",
    "SET STR v EX x",
    "SET STR v PX 0",
    "SET STR v EX 9223372036854775807",
    "SET STR v NX XX",
    "SET STR v EX 1 PX 1",
    "SET STR v KEEPTTL EX 1",
    "SET STR v what",
    "SET HASH v GET",
    "MSET",
    "MSET STR",
    "MSET STR v other",
    "MGET",
    "APPEND STR",
    "APPEND HASH v",
    "STRLEN",
    "STRLEN HASH",
    "GET HASH",
    "INCR",
    "INCR STR",
    "INCR HASH",
    "INCR MAX",
    "DECR STR",
    "DECR MIN",
    "INCRBY STR 1",
    "INCRBY NUM x",
    "INCRBY NUM 1.5",
    "INCRBY NUM 9223372036854775808",
    "INCRBY MAX 1",
    "DECRBY NUM -9223372036854775808",
    "DECRBY MIN 1",
    "INCRBYFLOAT NUM x",
    "INCRBYFLOAT STR 1",
    "INCRBYFLOAT NUM nan",
    "INCRBYFLOAT NUM inf",
    "GETDEL HASH",
    "GETEX STR EX",
    "GETEX STR EX 0",
    "GETEX HASH",
    "HSET HASH",
    "HSET HASH f",
    "HSET HASH f v g",
    "HSET STR f v",
    "HSETNX HASH f",
    "HGET HASH",
    "HGET STR f",
    "HDEL HASH",
    "HDEL STR f",
    "HGETALL STR",
    "HINCRBY HASH f x",
    "HINCRBY HASH text 1",
    "HINCRBY HASH max 1",
    "HINCRBYFLOAT HASH text 1",
    "HINCRBYFLOAT HASH f nan",
    "HSCAN HASH x",
    "GETRANGE STR 0",
    "GETRANGE STR x 1",
    "GETRANGE HASH 0 1",
    "SUBSTR STR 0 x",
    "SETRANGE STR -1 x",
    "SETRANGE STR 536870912 x",
    "SETRANGE HASH 0 x",
    "SETBIT STR 4294967296 1",
    "SETBIT STR 0 2",
    "SETBIT HASH 0 1",
    "GETBIT STR -1",
    "GETBIT HASH 0",
    "BITCOUNT STR 0 1 BITS",
    "BITCOUNT HASH",
    "BITPOS STR 2",
    "BITPOS STR 0 1 2 BITS",
    "BITPOS HASH 1",
    "BITOP NAND STR STR",
    "BITOP NOT STR STR NUM",
    "BITOP AND STR HASH",
    "BITFIELD STR GET u64 0",
    "BITFIELD STR GET u8",
    "BITFIELD STR OVERFLOW none",
    "BITFIELD HASH SET u8 0 1",
    "BITFIELD_RO STR SET u8 0 1",
    "LCS STR HASH",
    "LCS STR NUM LEN IDX",
    "LCS STR NUM MINMATCHLEN x",
    "GETSET HASH v",
    "SETEX STR 0 v",
    "SETEX STR x v",
    "PSETEX STR -1 v",
    "PSETEX STR 9223372036854775807 v",
    "MSETNX STR",
    "MSETNX STR v other",
    "HMSET HASH",
    "HMSET HASH f v g",
    "HMSET STR f v",
    "HRANDFIELD STR",
    "HRANDFIELD HASH x",
    "HRANDFIELD HASH 1 VALUES",
    "HRANDFIELD HASH -9223372036854775808",
    "LPUSH",
    "LPUSH LIST",
    "LPUSH STR a",
    "LPUSHX LIST",
    "LPOP",
    "LPOP LIST x",
    "LPOP LIST -1",
    "LPOP LIST 1 2",
    "LPOP STR",
    "LPOP STR 1",
    "LPOP STR -1",
    "RPOP LIST 1 2",
    "LLEN STR",
    "LRANGE LIST 0",
    "LRANGE LIST 0 x",
    "LRANGE STR x 0",
    "LRANGE STR 0 1",
    "LINDEX LIST x",
    "LINDEX STR x",
    "LSET LIST 9 v",
    "LSET LIST x v",
    "LSET STR x v",
    "LSET missing x v",
    "LINSERT LIST at a b",
    "LINSERT STR at a b",
    "LINSERT STR BEFORE a b",
    "LREM LIST x a",
    "LREM STR x a",
    "LREM STR 0 a",
    "LTRIM LIST 0 x",
    "LTRIM STR x 0",
    "LTRIM STR 0 1",
    "LPOS LIST a RANK 0",
    "LPOS LIST a COUNT -1",
    "LPOS LIST a MAXLEN -1",
    "LPOS LIST a RANK",
    "LPOS STR a RANK x",
    "LPOS STR a",
    "LMOVE LIST LIST LEFT up",
    "LMOVE STR LIST LEFT RIGHT",
    "LMOVE LIST STR LEFT RIGHT",
    "RPOPLPUSH LIST STR",
    "LMPOP 0 LIST LEFT",
    "LMPOP 1 LIST",
    "LMPOP 1 LIST up",
    "LMPOP 1 LIST LEFT COUNT 0",
    "LMPOP 1 LIST LEFT COUNT",
    "LMPOP 1 STR LEFT",
    "SADD SET",
    "SADD STR a",
    "SREM STR a",
    "SISMEMBER STR a",
    "SMISMEMBER STR a",
    "SCARD STR",
    "SMEMBERS STR",
    "SPOP SET x",
    "SPOP SET -1",
    "SPOP SET 1 2",
    "SPOP STR",
    "SRANDMEMBER SET x",
    "SRANDMEMBER SET 1 2",
    "SRANDMEMBER STR 1",
    "SSCAN SET x",
    "SSCAN SET 0 COUNT 0",
    "SSCAN SET 0 what",
    "SMOVE STR SET a",
    "SMOVE SET STR a",
    "SINTER SET STR",
    "SINTER missing STR",
    "SUNION STR",
    "SDIFF SET STR",
    "SINTERSTORE SET SET STR",
    "SUNIONSTORE SET STR",
    "SDIFFSTORE SET STR missing",
    "SINTERCARD 0 SET",
    "SINTERCARD 2 SET",
    "SINTERCARD x SET",
    "SINTERCARD 1 SET LIMIT -1",
    "SINTERCARD 1 SET LIMIT",
    "SINTERCARD 1 STR LIMIT x",
    "SINTERCARD 1 STR",
];

fn set_up(client: &mut Client, commands: &str, keys: &str) {
    for line in [
        "SET STR text",
        "SET NUM 10",
        "SET MAX 9223372036854775807",
        "SET MIN -9223372036854775808",
    ] {
        client.ok(&with(line, commands, keys));
    }
    client.run(&with(
        "HSET HASH f 1 text abc max 9223372036854775807",
        commands,
        keys,
    ));
    for line in ["RPUSH LIST a b c", "SADD SET a b c"] {
        assert_eq!(client.run(&with(line, commands, keys)).int(), 3);
    }
}

/// The command under that prefix, on keys under that prefix.
fn with(line: &str, commands: &str, keys: &str) -> String {
    let words = line.split(' ').enumerate().map(|(n, word)| match word {
        _ if n == 0 => format!("{commands}{word}"),
        "STR" | "NUM" | "MAX" | "MIN" | "HASH" | "LIST" | "SET" => format!("{keys}{word}"),
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_bad_command_gets_the_native_error_and_changes_nothing() {
    let server = Server::build().start();
    let mut client = server.client();
    set_up(&mut client, "", "n:");
    set_up(&mut client, "MYLOG.", "d:");
    let digest = client.run("MYLOG.DEBUG DIGEST");
    let seq = rewriting::info(&mut client, "queued_seq");
    for line in BAD {
        let native = client.run(&with(line, "", "n:"));
        let ours = client.run(&with(line, "MYLOG.", "d:"));
        assert!(native.is_error(""), "{line}: {native:?}");
        // Errors of arity name the command.
        let ours = ours.text().replace("'mylog.", "'");
        assert_eq!(ours, native.text(), "{line}");
        assert_eq!(
            client.run("MYLOG.DEBUG DIGEST"),
            digest,
            "{line} has changed something"
        );
    }
    assert_eq!(rewriting::info(&mut client, "queued_seq"), seq);
}

#[test]
fn a_native_command_on_a_durable_key_and_ours_on_a_native_one_are_of_the_wrong_type() {
    let server = Server::build().start();
    let mut client = server.client();
    set_up(&mut client, "", "n:");
    set_up(&mut client, "MYLOG.", "d:");
    let digest = client.run("MYLOG.DEBUG DIGEST");
    for line in [
        "GET STR",
        "APPEND STR x",
        "INCR NUM",
        "HSET HASH f v",
        "HGETALL HASH",
        "HDEL HASH f",
        "LPUSH LIST x",
        "LRANGE LIST 0 -1",
        "LMPOP 1 LIST LEFT",
        "SADD SET x",
        "SMEMBERS SET",
        "SINTER SET",
    ] {
        for (commands, keys) in [("", "d:"), ("MYLOG.", "n:")] {
            let reply = client.run(&with(line, commands, keys));
            assert!(
                reply.is_error("WRONGTYPE "),
                "{commands}{line} on {keys}: {reply:?}"
            );
        }
    }
    assert_eq!(client.run("MYLOG.DEBUG DIGEST"), digest);
    assert_eq!(client.run("GET n:STR").text(), "text");
    assert_eq!(client.run("HLEN n:HASH").int(), 3);
}
