//! DEL, the EXPIRE family, PERSIST, RENAME and COPY of durable keys: replies, events and keys as on a stock server, each
//! command counted and shown once, the same on a replica and behind a restart.

use std::collections::BTreeMap;

use crate::support::{Client, Reply, Server, wait_for};

/// Lines in which `K` stands for a prefix that is captured.
const SCENES: [&[&str]; 13] = [
    &["SET Ka 1", "SET Kb 2", "DEL Ka Kb Ka Kc", "DEL Ka", "UNLINK Ka"],
    &["RPUSH Ka x", "UNLINK Ka Kb", "EXISTS Ka"],
    &[
        "SET Ka 1",
        "EXPIRE Ka 100",
        "EXPIRE Ka 50 GT",
        "EXPIRE Ka 200 gt",
        "EXPIRE Ka 300 LT",
        "EXPIRE Ka 150 LT",
        "EXPIRE Ka 10 NX",
        "EXPIRE Ka 500 XX",
        "TTL Ka",
        "PERSIST Ka",
        "PERSIST Ka",
        "TTL Ka",
        "EXPIRE Ka 10 XX",
        "EXPIRE Ka 10 GT",
        "EXPIRE Ka 10 LT",
        "TTL Ka",
        "EXPIRE Kb 10",
    ],
    &[
        "SET Ka 1",
        "EXPIRE Ka x",
        "EXPIRE Ka 9223372036854775807",
        "PEXPIRE Ka 9223372036854775807",
        "EXPIRE Ka 10 NX XX",
        "EXPIRE Ka 10 GT LT",
        "EXPIRE Ka 10 BAD",
        "EXPIRE Kb x",
        "EXPIREAT Ka -9223372036854775808",
        "EXPIRE Ka 10 XX GT",
        "TTL Ka",
        "EXPIRE Ka",
    ],
    &[
        "SET Ka 1",
        "PEXPIREAT Ka 33177117420000",
        "PEXPIRETIME Ka",
        "EXPIREAT Ka 33177117420",
        "EXPIRETIME Ka",
    ],
    &[
        "SET Ka 1",
        "EXPIRE Ka 0",
        "EXISTS Ka",
        "SET Ka 1",
        "PEXPIREAT Ka 1",
        "SET Ka 1",
        "EXPIRE Ka -5 LT",
        "DBSIZE",
    ],
    &[
        "SET Ka 1",
        "SET Ka 2 PXAT 1",
        "DBSIZE",
        "SET Ka 2 EXAT 1",
        "EXISTS Ka",
        "SET Ka 1",
        "SET Ka 2 GET PXAT 1",
        "EXISTS Ka",
    ],
    &[
        "SET Ka 1 EX 100",
        "GETEX Ka PXAT 1",
        "EXISTS Ka",
        "SET Ka 1",
        "SET Ka 2 XX PXAT 1",
        "SET Ka 2 NX PXAT 1",
        "EXISTS Ka",
    ],
    &[
        "SET Ka 1 EX 100",
        "RENAME Ka Kb",
        "TTL Kb",
        "EXISTS Ka",
        "RENAME Ka Kb",
        "RENAME Kb Kb",
        "RENAMENX Kb Kb",
        "HSET Kc f v",
        "RENAMENX Kc Kb",
        "RENAME Kc Kb",
        "TTL Kb",
        "HGETALL Kb",
        "RENAMENX Kb Kd",
        "HGETALL Kd",
    ],
    &[
        "SET Ka 1 EX 100",
        "COPY Ka Kb",
        "TTL Kb",
        "COPY Ka Kb",
        "RPUSH Kc x y",
        "COPY Kc Kb REPLACE",
        "LRANGE Kb 0 -1",
        "TTL Kb",
        "COPY Kd Ke",
        "COPY Ka Ka",
        "COPY Ka Kf BAD",
        "COPY Ka Kf replace REPLACE",
        "GET Kf",
        "LRANGE Kc 0 -1",
    ],
    &[
        "ZADD Ka 1 x",
        "SADD Kb y",
        "RENAME Ka Kb",
        "COPY Kb Ka",
        "ZRANGE Ka 0 -1",
        "DEL Kb",
        "ZRANGE Ka 0 -1",
    ],
    &[
        "SADD Ka x y",
        "ZADD Kb 1 m",
        "RPUSH Kc 2 1",
        "SET Kd v",
        "SUNIONSTORE Ke Ka",
        "SINTERSTORE Ke Ka Ka",
        "SET Ke v EX 100",
        "SET Ke w KEEPTTL",
        "SETEX Ke 100 v",
        "GETSET Ke w",
        "SET Ke w GET",
        "MSET Ke a Kf b Ke c",
        "BITOP OR Ke Kd",
        "ZUNIONSTORE Ke 1 Kb",
        "MSET Ke a Kf b",
        "ZINTERSTORE Ke 1 Kb",
        "ZDIFFSTORE Ke 1 Kb",
        "ZRANGESTORE Ke Kb 0 -1",
        "SORT Kc STORE Ke",
        "SORT Kc STORE Ke",
        "SDIFFSTORE Ke Ka",
        "BITOP OR Ke Kd",
        "SET Ke 1",
        "INCR Ke",
        "INCRBYFLOAT Ke 1",
        "APPEND Ke 1",
        "SETRANGE Ke 0 x",
        "SETNX Ke 1",
        "ZDIFFSTORE Ke 2 Kb Kb",
    ],
    &[
        "MULTI",
        "SET Ka 1",
        "RENAME Ka Kb",
        "COPY Kb Kc",
        "EXPIRE Kc 100",
        "PERSIST Kc",
        "DEL Kb",
        "EXEC",
        "GET Kc",
    ],
];

struct Side {
    client: Client,
    events: Client,
    marks: Client,
    prefix: &'static str,
    server: Server,
}

impl Side {
    fn new(server: Server, prefix: &'static str) -> Self {
        let mut client = server.client();
        // Later servers tell of what is overwritten, others don't know these letters.
        if !client.run("CONFIG SET notify-keyspace-events KEAocn").is_ok() {
            client.ok("CONFIG SET notify-keyspace-events KEAn");
        }
        // What is over is taken away when it is looked at, on both sides.
        client.ok("DEBUG SET-ACTIVE-EXPIRE 0");
        let (mut events, marks) = (server.client(), server.client());
        events.run("PSUBSCRIBE __keyevent@*");
        Self {
            client,
            events,
            marks,
            prefix,
            server,
        }
    }

    fn run(&mut self, line: &str) -> Reply {
        let words = line.split(' ').map(|word| match word.strip_prefix('K') {
            Some(name) if word.len() == 2 => format!("{}{name}", self.prefix),
            _ => word.to_owned(),
        });
        self.client.cmd(words.collect::<Vec<_>>())
    }

    /// What was told since the last look.
    fn told(&mut self) -> Vec<(String, String)> {
        let mark = "the end of what is told";
        self.marks.cmd(["PUBLISH", "__keyevent@0__:mark", mark]);
        let mut told = Vec::new();
        loop {
            let mut items = self
                .events
                .recv()
                .items()
                .split_off(2)
                .into_iter()
                .map(Reply::text);
            let event = (items.next().expect("a channel"), items.next().expect("a name"));
            if event.1 == mark {
                return told;
            }
            told.push(event);
        }
    }
}

#[test]
fn changes_of_durable_keys_are_told_as_those_of_native_ones() {
    let mut ours = Side::new(Server::build().mylog("capture", "K").start(), "K");
    let mut stock = Side::new(Server::stock().start(), "K");
    for scene in SCENES {
        for line in scene {
            let replies = [&mut stock, &mut ours].map(|side| side.run(line));
            assert_eq!(replies[0], replies[1], "{scene:?}: {line}");
            let told = [&mut stock, &mut ours].map(Side::told);
            assert_eq!(wanted(&told[0]), wanted(&told[1]), "{scene:?}: {line}");
        }
        for side in [&mut stock, &mut ours] {
            side.run("DEL Ka Kb Kc Kd Ke Kf");
            side.told();
        }
    }
    drop((ours.server, stock.server));
}

/// A value of a module's is new each time that it is replaced.
fn wanted(told: &[(String, String)]) -> Vec<&(String, String)> {
    told.iter()
        .filter(|(channel, _)| !channel.ends_with(":new"))
        .collect()
}

fn calls(client: &mut Client) -> BTreeMap<String, u64> {
    let counts = client
        .info("commandstats")
        .into_iter()
        .filter_map(|(name, text)| {
            let calls = text.split(',').next()?.strip_prefix("calls=")?.parse().ok()?;
            Some((name.strip_prefix("cmdstat_")?.to_owned(), calls))
        });
    counts.collect()
}

#[test]
fn a_change_of_durable_keys_is_counted_and_shown_once() {
    let server = Server::build().mylog("capture", "K").start();
    let mut client = server.client();
    client.ok("CONFIG SET slowlog-log-slower-than 0");
    for line in [
        "DEL Ka Kb",
        "UNLINK Ka",
        "EXPIRE Ka 100",
        "PEXPIRE Ka 100000",
        "EXPIREAT Ka 33177117420",
        "PEXPIREAT Ka 33177117420000",
        "PERSIST Ka",
        "RENAME Ka Kb",
        "RENAMENX Ka Kc",
        "COPY Ka Kd",
        "EXPIRE Ka 0",
    ] {
        for key in ["Ka", "Kb"] {
            client.ok(&format!("SET {key} 1 EX 50"));
        }
        client.run("CONFIG RESETSTAT");
        client.run("SLOWLOG RESET");
        client.run(line);
        let native = line.split(' ').next().expect("a name").to_lowercase();
        let shown = client.run("SLOWLOG GET").items().len();
        let counted = calls(&mut client);
        assert_eq!(
            counted.get(&format!("mylog.{native}")),
            Some(&1),
            "{line}: {counted:?}"
        );
        assert_eq!(counted.get(&native), None, "{line}: {counted:?}");
        // The reset itself is one.
        assert_eq!(shown, 2, "{line}");
        client.run("DEL Ka Kb Kc Kd");
    }
}

/// By our own names they are for keys of any type.
#[test]
fn native_and_durable_keys_are_changed_by_one_command() {
    let mut ours = Side::new(Server::build().start(), "");
    let mut stock = Side::new(Server::stock().start(), "");
    let mut both = |line: &str, ours_line: &str| {
        let wanted = stock.run(line);
        assert_eq!(ours.run(ours_line), wanted, "{ours_line}");
    };
    for (line, ours_line) in [
        ("SET n 1", "SET n 1"),
        ("SET d 1", "MYLOG.SET d 1"),
        ("EXPIRE n 100", "MYLOG.EXPIRE n 100"),
        ("TTL n", "TTL n"),
        ("COPY d e", "MYLOG.COPY d e"),
        ("COPY n m", "MYLOG.COPY n m"),
        ("RENAME d n", "MYLOG.RENAME d n"),
        ("TTL n", "TTL n"),
        ("RENAME m e", "MYLOG.RENAME m e"),
        ("GET e", "GET e"),
        ("TTL e", "TTL e"),
        ("PERSIST e", "MYLOG.PERSIST e"),
        ("DEL n e x", "MYLOG.DEL n e x"),
        ("DBSIZE", "DBSIZE"),
    ] {
        both(line, ours_line);
    }
    assert_eq!(ours.client.info_u64("mylog", "mylog_keys"), 0);
}

#[test]
fn changes_of_durable_keys_reach_replicas_the_aof_and_the_log() {
    let mut primary = Server::build()
        .with_port()
        .mylog("capture", "K")
        .config("appendonly", "yes")
        .start();
    let replica = Server::build().with_port().mylog("capture", "K").start();
    let mut client = primary.client();
    let mut other = replica.client();
    client.ok("DEBUG SET-ACTIVE-EXPIRE 0");
    other.ok(&format!("REPLICAOF 127.0.0.1 {}", primary.port()));
    wait_for("the link", || {
        other.info("replication")["master_link_status"] == "up"
    });
    for scene in SCENES {
        for line in scene {
            client.run(line);
        }
        let digest = client.run("MYLOG.DEBUG DIGEST");
        let size = client.run("DBSIZE");
        wait_for(&format!("the replica has it: {scene:?}"), || {
            other.run("MYLOG.DEBUG DIGEST") == digest && other.run("DBSIZE") == size
        });
    }
    client.ok("SET Kz 1");
    client.run("MYLOG.EXPIRE Kz 1000");
    client.ok("SET native 1");
    client.run("MYLOG.EXPIRE native 1000");
    client.run("MYLOG.RENAME native nativer");
    client.run("MYLOG.WAIT 0");
    let (digest, size) = (client.run("MYLOG.DEBUG DIGEST"), client.run("DBSIZE"));
    primary.term();
    primary.restart();
    let mut client = primary.client();
    assert_eq!(client.run("MYLOG.DEBUG DIGEST"), digest);
    assert_eq!(client.run("DBSIZE"), size);
    assert!(client.run("TTL nativer").int() > 900);
}

/// From 7.2 on; 7.0 has a clock that goes on.
#[test]
fn time_stands_still_in_a_script_and_in_exec() {
    let mut ours = Side::new(Server::build().mylog("capture", "K").start(), "K");
    if ours.client.info("server")["redis_version"].starts_with("7.0") {
        return;
    }
    const SPIN: &str = "local began = redis.call('TIME') local t = os and os.clock and os.clock() or 0 \
        for i = 1, 3000000 do t = t + i end";
    for (first, second) in [
        (
            "'SET', 'Ka', '1', 'PX', '500000'",
            "'SET', 'Kb', '1', 'EX', '500'",
        ),
        ("'SETEX', 'Ka', '500', '1'", "'PSETEX', 'Kb', '500000', '1'"),
        ("'GETEX', 'Ka', 'EX', '500'", "'GETEX', 'Kb', 'PX', '500000'"),
        ("'EXPIRE', 'Ka', '500'", "'PEXPIRE', 'Kb', '500000'"),
    ] {
        let script = format!(
            "redis.call({first}) {SPIN} redis.call({second}) \
             return redis.call('PEXPIRETIME', 'Kb') - redis.call('PEXPIRETIME', 'Ka')"
        );
        assert_eq!(ours.client.cmd(["EVAL", &script, "0"]), Reply::Int(0), "{first}");
    }
    for line in [
        "MULTI",
        "SET Ka 1 EX 500",
        "DEBUG SLEEP 0.02",
        "SET Kb 1 EX 500",
        "PEXPIRETIME Ka",
        "PEXPIRETIME Kb",
    ] {
        ours.client.run(line);
    }
    let replies = ours.client.run("EXEC").items();
    assert_eq!(replies[3], replies[4]);
}
