//! Native commands without a durable form on captured keys: a captured key is durable, or the command is refused; what
//! is native there already goes on natively.

use crate::support::keyspace::{all_is_written, kind};
use crate::support::sync_gate::SyncGate;
use crate::support::{Client, Reply, Server};

fn server() -> Server {
    Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "order: q:")
        .start()
}

fn has(client: &mut Client, name: &str) -> bool {
    client.cmd(["COMMAND", "INFO", name]).items() != [Reply::Nil]
}

fn is_refused(reply: &Reply) -> bool {
    reply.is_error("ERR '") && reply.clone().text().contains("holds by 'order:'")
}

/// Commands that would make a native key, change a durable one or replace it; the first word says what the server
/// has to have.
const LINES: &[&str] = &[
    "XGROUP CREATE order:new g $ MKSTREAM",
    "xgroup create order:d g $ mkstream",
    "XADD order:new * f v",
    "XADD order:d * f v",
    "PFADD order:new a",
    "PFMERGE order:new cache:p",
    "PFMERGE order:d",
    "PFMERGE cache:new order:d",
    "GEOADD order:new 1 1 m",
    "GEOADD order:z 1 1 m",
    "GEORADIUS cache:geo 1 1 10 km STORE order:new",
    "GEORADIUS cache:geo 1 1 10 km STORE order:d",
    "GEORADIUS cache:geo 1 1 10 km STORE cache:x STOREDIST order:d",
    "georadius cache:geo 1 1 10 km store cache:x store order:d",
    "GEORADIUSBYMEMBER cache:geo m 10 km STORE order:d",
    "GEOSEARCHSTORE order:d cache:geo FROMMEMBER m BYRADIUS 10 km",
    "GEOSEARCHSTORE order:new cache:geo FROMMEMBER m BYRADIUS 10 km",
    "DEBUG POPULATE 3 order",
    "DEBUG POPULATE 3 order:x 5",
    "MSETEX 1 order:d x",
    "MSETEX 2 cache:a x order:new y EX 100",
    "DELEX order:d",
    "DELIFEQ order:d D",
    "HSETEX order:new FIELDS 1 f v",
    "HEXPIRE order:h 100 FIELDS 1 f",
    "HGETDEL order:h FIELDS 1 f",
    "VADD order:new VALUES 2 1 1 e",
    "VADD order:d VALUES 2 1 1 e",
    "INCREX order:d",
    "JSON.SET order:d $ 1",
];

fn fill(client: &mut Client) {
    client.ok("SET order:d D");
    client.run("HSET order:h f v");
    client.run("ZADD order:z 1 a");
    client.run("GEOADD cache:geo 1 1 m");
    client.run("PFADD cache:p a");
}

fn fields(client: &mut Client) -> Vec<String> {
    let mut keys: Vec<String> = client
        .run("KEYS *")
        .items()
        .into_iter()
        .map(Reply::text)
        .collect();
    keys.sort();
    let kinds: Vec<String> = keys.iter().map(|key| kind(client, key.as_bytes())).collect();
    keys.iter()
        .zip(kinds)
        .map(|(key, kind)| format!("{key} {kind}"))
        .collect()
}

#[test]
fn commands_without_a_durable_form_are_refused_on_captured_keys() {
    let mut server = server();
    let mut client = server.client();
    fill(&mut client);
    let before = fields(&mut client);
    let mut sent = 0;
    for line in LINES {
        let name = line.split(' ').next().unwrap();
        if !has(&mut client, name) {
            continue;
        }
        sent += 1;
        let reply = client.run(line);
        assert!(is_refused(&reply), "{line}: {reply:?}");
        client.ok("MULTI");
        client.run(line);
        assert!(client.run("EXEC").items().iter().all(is_refused), "{line}");
        if name != "DEBUG" {
            let script = ["EVAL", "return redis.pcall(unpack(ARGV))", "0"];
            let reply = client.cmd(script.into_iter().chain(line.split(' ')));
            assert!(is_refused(&reply), "{line}: {reply:?}");
        }
        assert_eq!(fields(&mut client), before, "{line}");
    }
    assert!(sent >= 19, "{sent}");
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("GET order:d").text(), "D");
    assert_eq!(client.run("HGET order:h f").text(), "v");
}

#[test]
fn what_names_no_captured_key_runs_as_natively() {
    let server = server();
    let mut client = server.client();
    fill(&mut client);
    for (line, wanted) in [
        ("XADD cache:s 1-1 f v", Reply::Bulk(b"1-1".to_vec())),
        ("XGROUP CREATE cache:s g $", Reply::Simple(b"OK".to_vec())),
        ("PFMERGE cache:p2 cache:p", Reply::Simple(b"OK".to_vec())),
        ("GEORADIUS cache:geo 1 1 10 km STORE cache:g2", Reply::Int(1)),
        ("DEBUG POPULATE 3 cache", Reply::Simple(b"OK".to_vec())),
        // They change nothing that is there, and make nothing.
        ("XDEL order:none 1-1", Reply::Int(0)),
        ("XTRIM order:none MAXLEN 5", Reply::Int(0)),
        ("XLEN order:none", Reply::Int(0)),
        ("PFCOUNT order:none", Reply::Int(0)),
    ] {
        assert_eq!(client.run(line), wanted, "{line}");
    }
    assert!(
        client
            .run("XREADGROUP GROUP g c STREAMS order:none >")
            .is_error("NOGROUP")
    );
    assert!(
        client
            .run("XREADGROUP GROUP g c STREAMS order:d >")
            .is_error("WRONGTYPE")
    );
    assert!(
        client
            .run("XADD order:d")
            .is_error("ERR wrong number of arguments")
    );
    for (line, missing) in [
        ("DELEX order:none", Reply::Int(0)),
        ("DELIFEQ order:none v", Reply::Int(0)),
        ("HGETDEL order:none FIELDS 1 f", Reply::Array(vec![Reply::Nil])),
    ] {
        if has(&mut client, line.split(' ').next().unwrap()) {
            assert_eq!(client.run(line), missing, "{line}");
        }
    }
    assert_eq!(client.run("DBSIZE").int(), 3 + 5 + 3);
}

/// Scripts like those of BullMQ, before its keys are adopted.
#[test]
fn native_keys_under_a_captured_prefix_go_on_natively() {
    let server = Server::build().mylog("appendfsync", "always").start();
    let stock = Server::stock().start();
    let (mut client, mut model) = (server.client(), stock.client());
    let lines = [
        "XADD order:s 2-1 f v",
        "XADD order:s MAXLEN 1 3-1 f v",
        "XGROUP CREATE order:s g 0 MKSTREAM",
        "XREADGROUP GROUP g c STREAMS order:s >",
        "XACK order:s g 3-1",
        "XTRIM order:s MAXLEN 0",
        "XLEN order:s",
        "PFADD order:p b c",
        "PFMERGE order:p cache:p",
        "PFCOUNT order:p",
        "GEOADD order:g 2 2 n",
        "GEORADIUS order:g 1 1 1000 km STORE order:g",
        "GEOSEARCHSTORE order:g order:g FROMMEMBER m BYRADIUS 500 km",
        "HSETEX order:h EX 100 FIELDS 1 f w",
        "HEXPIRE order:h 100 FIELDS 1 g",
        "HGETEX order:h FIELDS 1 f",
        "MSETEX 1 order:t w EX 100",
        "DELEX order:t IFEQ v",
        "VADD order:v VALUES 2 1 1 f",
        "VSETATTR order:v f {}",
        "XADD order:t * f v",
        "RENAME order:s order:renamed",
        "RENAME order:renamed order:s",
    ];
    for client in [&mut client, &mut model] {
        client.run("XADD order:s 1-1 f v");
        client.run("PFADD order:p a");
        client.run("PFADD cache:p z");
        client.run("GEOADD order:g 1 1 m");
        client.run("HSET order:h f v g v");
        client.ok("SET order:t v");
        client.run("VADD order:v VALUES 2 1 1 e");
    }
    client.ok("CONFIG SET mylog.capture order:");
    for line in lines {
        let mut words = line.split(' ');
        if has(&mut client, words.next().unwrap()) {
            let words = || line.split(' ');
            assert_eq!(client.raw(words()), model.raw(words()), "{line}");
        }
    }
    let script = "for n = 1, 3 do redis.call('XADD', KEYS[1], 'MAXLEN', '~', 10, '*', 'n', n) end return redis.call('XLEN', KEYS[1])";
    assert_eq!(client.cmd(["EVAL", script, "1", "order:s"]).int(), 3);
    client.ok("MULTI");
    client.run("XADD order:s 9999999999999-1 f v");
    client.run("XLEN order:s");
    assert_eq!(client.run("EXEC").items()[1], Reply::Int(4));
    assert!(client.info_u64("mylog", "mylog_native_captured_commands") > 5);
    assert_eq!(client.info_u64("mylog", "mylog_keys"), 0);
    // With a new one among them it is refused, whole.
    if has(&mut client, "MSETEX") {
        assert!(is_refused(&client.run("MSETEX 2 order:t x order:new y")));
        assert_eq!(client.run("EXISTS order:new").int(), 0);
    }
}

/// The filter does not know the database: the command's form does.
#[test]
fn a_durable_name_in_one_database_refuses_nothing_in_another() {
    let server = server();
    let mut client = server.client();
    client.ok("CONFIG SET mylog.capture nothing:");
    client.ok("SELECT 3");
    client.run("XADD order:s 1-1 f v");
    client.ok("CONFIG SET mylog.capture order:");
    client.ok("SELECT 0");
    client.ok("SET order:s D");
    assert!(is_refused(&client.run("XADD order:s 2-1 f v")));
    client.ok("SELECT 3");
    assert_eq!(client.run("XADD order:s 2-1 f v").text(), "2-1");
    assert_eq!(client.run("XLEN order:s").int(), 2);
    client.ok("SELECT 0");
    assert_eq!(client.run("GET order:s").text(), "D");
}

#[test]
fn while_the_log_is_down_they_leave_durable_keys_alone_in_their_own_database_only() {
    let server = Server::build().mylog("appendfsync", "always").start();
    let mut client = server.client();
    client.ok("MYLOG.SET a D");
    client.run("GEOADD geo 1 1 m");
    client.ok("SELECT 3");
    client.run("XADD a 1-1 f v");
    client.ok("SELECT 0");
    all_is_written(&mut client);
    client.ok("CONFIG SET mylog.max-wait 100");
    let gate = SyncGate::full(&server);
    assert_eq!(server.client().answer("MYLOG.SET more v"), None);
    assert!(client.run("MYLOG.SET more v").is_error("MYLOGDOWN"));
    for line in [
        "XADD a 2-1 f v",
        "XGROUP CREATE a g $ MKSTREAM",
        "PFADD a b",
        "PFMERGE a b",
        "GEORADIUS geo 1 1 10 km STORE a",
        "GEOSEARCHSTORE a geo FROMMEMBER m BYRADIUS 10 km",
        "SET a v",
        "MSETEX 1 a x",
        "DELEX a",
        "DELIFEQ a D",
        "VADD a VALUES 2 1 1 e",
    ] {
        if has(&mut client, line.split(' ').next().unwrap()) {
            let reply = client.run(line);
            assert!(reply.is_error("MYLOGDOWN "), "{line}: {reply:?}");
        }
    }
    // Elsewhere it is a cache.
    client.ok("SELECT 3");
    assert_eq!(client.run("XADD a 2-1 f v").text(), "2-1");
    client.ok("SELECT 4");
    client.ok("SET a v");
    assert_eq!(client.run("PFADD b x").int(), 1);
    client.ok("SELECT 0");
    assert_eq!(client.run("XADD b 1-1 f v").text(), "1-1");
    assert_eq!(client.run("MYLOG.GET a").text(), "D");
    gate.open();
}

#[test]
fn no_native_value_gets_a_captured_name() {
    let server = server();
    let mut client = server.client();
    client.ok("SET cache:v v");
    client.ok("SET order:d D");
    client.ok("MYLOG.SET own D");
    let dump = client.run("DUMP cache:v").bytes().unwrap();
    let own = client.run("DUMP own").bytes().unwrap();
    client.ok("SELECT 1");
    client.ok("SET cache:v v");
    client.ok("SELECT 0");
    for line in [
        "RENAME cache:v order:new",
        "RENAMENX cache:v order:new",
        "RENAME cache:v order:d",
        "COPY cache:v order:new",
        "COPY cache:v order:d REPLACE",
        "COPY cache:v order:new DB 1",
        "copy cache:v order:new replace db 1",
        "MYLOG.RENAME cache:v order:new",
        "MYLOG.COPYDB cache:v order:new DB 1",
        "MYLOG.COPYDB cache:v order:d DB 0 REPLACE",
    ] {
        let reply = client.run(line);
        assert!(is_refused(&reply), "{line}: {reply:?}");
    }
    assert_eq!(client.run("RENAMENX cache:v order:d"), Reply::Int(0));
    assert_eq!(client.run("COPY cache:v order:d"), Reply::Int(0));
    for name in ["RESTORE", "RESTORE-ASKING"] {
        let mut restore = |key: &str, dump: &[u8], words: &[&[u8]]| {
            let head = [name.as_bytes(), key.as_bytes(), b"0", dump];
            client.cmd(head.iter().chain(words))
        };
        assert!(is_refused(&restore("order:new", &dump, &[])));
        assert!(is_refused(&restore("order:d", &dump, &[b"REPLACE"])));
        assert!(restore("order:d", &dump, &[]).is_error("BUSYKEY"));
        assert!(restore("order:r", &own, &[]).is_ok());
        assert!(restore("cache:r", &dump, &[b"REPLACE"]).is_ok());
        assert_eq!(client.run("DEL order:r").int(), 1);
    }
    // Durable values go where they like.
    assert_eq!(client.run("COPY own order:new").int(), 1);
    client.ok("RENAME order:d cache:d");
    assert_eq!(client.run("GET order:new").text(), "D");
    assert_eq!(kind(&mut client, b"cache:d"), "mylog-str");
    client.ok("SELECT 1");
    assert_eq!(client.run("DBSIZE").int(), 1);
}

#[test]
fn a_user_needs_the_native_permission_for_them() {
    let server = Server::build().start();
    let mut admin = server.client();
    admin.run("XADD order:s 1-1 f v");
    admin.ok("CONFIG SET mylog.capture order:");
    admin.ok("ACL SETUSER user on nopass ~order:s +@all -xadd");
    let mut client = server.client();
    client.ok("AUTH user any");
    assert!(client.run("XADD order:s 2-1 f v").is_error("NOPERM"));
    assert!(
        client
            .run("MYLOG.CHECKED XADD order:s 2-1 f v")
            .is_error("NOPERM")
    );
    assert!(client.run("MYLOG.CHECKED XADD other 2-1 f v").is_error("NOPERM"));
    assert!(
        client
            .run("XGROUP CREATE order:t g $ MKSTREAM")
            .is_error("NOPERM")
    );
    client.ok("XGROUP CREATE order:s g $ MKSTREAM");
    assert_eq!(client.run("XLEN order:s").int(), 1);
    // It is for nothing else.
    for line in [
        "MYLOG.CHECKED CONFIG GET dir",
        "MYLOG.CHECKED GET order:s",
        "MYLOG.CHECKED MYLOG.SET a b",
    ] {
        assert!(
            client.run(line).is_error("ERR MYLOG.CHECKED") || client.run(line).is_error("NOPERM"),
            "{line}"
        );
    }
}

#[test]
fn names_that_debug_populate_would_make_hold_up_nobody() {
    let server = server();
    let mut admin = server.client();
    admin.ok("CONFIG SET requirepass secret");
    let mut stranger = server.client();
    for line in [
        "DEBUG POPULATE 999999999999999999 cache",
        "DEBUG POPULATE 999999999999999999",
        "DEBUG POPULATE 999999999999999999 order",
    ] {
        let reply = stranger.run(line);
        assert!(matches!(reply, Reply::Error(_)), "{line}: {reply:?}");
    }
    admin.ok("CONFIG SET mylog.capture cache:12");
    assert!(
        admin
            .run("DEBUG POPULATE 13 cache")
            .is_error("ERR 'debug populate'")
    );
    admin.ok("DEBUG POPULATE 12 cache");
    assert_eq!(admin.run("DBSIZE").int(), 12);
}
