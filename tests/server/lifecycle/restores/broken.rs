//! Payloads of RESTORE whose checksum is right and whose value is not one: `Bad data format`, as natively, whatever
//! they say of themselves, and nothing has changed.

use crate::support::dump::{Dump, END, length, number, string};
use crate::support::keyspace::survives_kill9;
use crate::support::{Client, Reply, Server};

/// What makes one value of each type.
const VALUES: [(&str, &str); 5] = [
    ("str", "MYLOG.SET str value"),
    ("hash", "MYLOG.HSET hash f v g w"),
    ("list", "MYLOG.RPUSH list a b c"),
    ("set", "MYLOG.SADD set a b c"),
    ("zset", "MYLOG.ZADD zset 1 a 2 b"),
];

pub fn dump(client: &mut Client, key: &str) -> Dump {
    Dump::of(&client.cmd(["DUMP", key]).bytes().unwrap())
}

pub fn restore(client: &mut Client, key: &str, dump: &Dump) -> Reply {
    restore_at(client, key.as_bytes(), dump)
}

pub fn restore_at(client: &mut Client, key: &[u8], dump: &Dump) -> Reply {
    client.cmd([b"RESTORE".as_slice(), key, b"0", &dump.payload(), b"REPLACE"])
}

/// Bodies that are no value of any of the types.
fn never_a_value() -> Vec<Vec<u8>> {
    let claims = |what: u8, many: u64, behind: &[u8]| [vec![what], length(many), behind.to_vec()].concat();
    vec![
        vec![],
        vec![END],
        claims(5, 1 << 40, b"few"),
        claims(5, u64::MAX, b"few"),
        claims(5, 1 << 31, b""),
        [number(3), string(b"one"), vec![END]].concat(),
        [number(u64::MAX), string(b"one"), string(b"two"), vec![END]].concat(),
        [number(1 << 40), vec![END]].concat(),
        [number(0), vec![END]].concat(),
        [number(1), number(7), vec![END]].concat(),
        [string(b"1"), number(7), vec![END]].concat(),
        // Compressed, from few bytes to more than there are.
        [&[5, 0xc3][..], &length(4), &length(1 << 40), b"\x03abc"].concat(),
        [&[5, 0xc3][..], &length(1 << 40), &length(4), b"\x03abc"].concat(),
        // An encoding that nobody knows.
        vec![5, 0xff, 1, 2, 3],
        // A float, a double.
        vec![3, 0, 0, 0, 0, END],
        vec![4, 0, 0, 0, 0, 0, 0, 0, 0, END],
    ]
}

fn duplicates(kind: &str) -> Option<Vec<u8>> {
    let twice = |parts: &[Vec<u8>]| [number(2), parts.concat(), parts.concat(), vec![END]].concat();
    Some(match kind {
        "hash" => twice(&[string(b"f"), string(b"v")]),
        "set" => twice(&[string(b"m")]),
        "zset" => twice(&[string(b"m"), number(1.5_f64.to_bits())]),
        _ => return None,
    })
}

fn is_refused(client: &mut Client, key: &str, dump: &Dump) {
    let reply = restore(client, key, dump);
    let body = dump.body.escape_ascii();
    assert!(reply.is_error("ERR Bad data format"), "{key} {body}: {reply:?}");
}

#[test]
fn a_payload_that_is_no_value_is_refused_as_natively_and_changes_nothing() {
    let mut server = Server::build().mylog("appendfsync", "always").start();
    let mut client = server.client();
    for (key, line) in VALUES {
        client.run(line);
        let whole = dump(&mut client, key);
        let before = client.run("MYLOG.DEBUG DIGEST");
        for body in never_a_value().into_iter().chain(duplicates(key)) {
            is_refused(&mut client, key, &whole.with(body));
        }
        // Cut short anywhere. The server reads on into the version behind it, natively too: where that completes it,
        // it is a value.
        for end in 0..whole.body.len() {
            let cut = whole.with(whole.body[..end].to_vec());
            if restore(&mut client, key, &cut).is_ok() {
                let taken = client.run("MYLOG.DEBUG DIGEST");
                assert!(restore(&mut client, key, &whole.with(cut.with_version())).is_ok());
                assert_eq!(client.run("MYLOG.DEBUG DIGEST"), taken);
                assert!(restore(&mut client, key, &whole).is_ok());
            }
        }
        assert_eq!(client.run("MYLOG.DEBUG DIGEST"), before);
        assert!(restore(&mut client, key, &whole).is_ok());
        assert_eq!(client.run("MYLOG.DEBUG DIGEST"), before);
    }
    let zset = dump(&mut client, "zset");
    for score in [f64::NAN, -f64::NAN] {
        let body = [number(1), string(b"m"), number(score.to_bits()), vec![END]].concat();
        is_refused(&mut client, "zset", &zset.with(body));
    }
    assert_eq!(client.run("DBSIZE").int(), 5);
    survives_kill9(&mut server);
}

#[test]
fn a_broken_payload_in_exec_and_in_a_script_is_an_error_there_and_no_more() {
    let mut server = Server::build().mylog("appendfsync", "always").start();
    let mut client = server.client();
    client.ok("MYLOG.SET str value");
    let whole = dump(&mut client, "str");
    let broken = whole.with(whole.body[..3].to_vec()).payload();
    client.ok("MULTI");
    client.run("MYLOG.SET a 1");
    client.cmd([b"RESTORE".as_slice(), b"str", b"0", &broken, b"REPLACE"]);
    client.cmd([b"RESTORE".as_slice(), b"good", b"0", &whole.payload()]);
    client.run("MYLOG.SET b 2");
    let replies = client.run("EXEC").items();
    assert!(replies[1].is_error("ERR Bad data format"), "{replies:?}");
    assert!(replies[0].is_ok() && replies[2].is_ok() && replies[3].is_ok());
    let script = "local r = redis.pcall('RESTORE', KEYS[1], 0, ARGV[1], 'REPLACE') \
                  redis.call('RESTORE', KEYS[2], 0, ARGV[2]) \
                  return r.err";
    let told = client.cmd([
        b"EVAL".as_slice(),
        script.as_bytes(),
        b"2",
        b"str",
        b"scripted",
        &broken,
        &whole.payload(),
    ]);
    assert!(told.text().contains("Bad data format"));
    for key in ["str", "good", "scripted"] {
        assert_eq!(client.cmd(["MYLOG.GET", key]).text(), "value");
    }
    survives_kill9(&mut server);
}
