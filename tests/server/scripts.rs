//! Scripts under `always`: one that was seen to change durable keys holds its client, not the event loop, and
//! answers as the native command does. A server under `everysec`, which runs every script natively, is the oracle.

use std::time::Duration;

use crate::support::keyspace::kind;
use crate::support::slow_disk::SlowDisk;
use crate::support::{Client, Reply, Server, wait_for};

const PUT: &str = "return redis.call('MYLOG.SET', KEYS[1], ARGV[1])";

/// Scripts that change a durable key and then answer in every way there is.
const ANSWERS: &[&str] = &[
    "return 7",
    "return 3.7",
    "return 'text'",
    "return 'two\\r\\nlines'",
    "return ''",
    "return nil",
    "return true",
    "return false",
    "return {ok='FINE'}",
    "return {err='MINE is the error'}",
    "return redis.status_reply('STATUS')",
    "return redis.error_reply('OTHER error')",
    "return {}",
    "return {1, 'a', {2, {3}}, false, true, {ok='IN'}, {err='WITHIN a reply'}}",
    "return {1, nil, 3}",
    "redis.setresp(3) return {double=3.25}",
    "redis.setresp(3) return {double=1e300}",
    "redis.setresp(3) return {map={a=1}}",
    "redis.setresp(3) return {set={a=true}}",
    "redis.setresp(3) return {big_number='1234567890123456789012345678901234567890'}",
    "redis.setresp(3) return {verbatim_string={format='txt', string='said'}}",
    "redis.setresp(3) return {true, false, {map={k={double=0.5}}}}",
    "redis.setresp(3) redis.call('HSET', 'native-hash', 'f', 'v') return redis.call('HGETALL', 'native-hash')",
    "redis.call('MYLOG.HSET', 'hash', 'f', 'v') redis.setresp(3) return redis.call('MYLOG.HGETALL', 'hash')",
    "return redis.call('MYLOG.HGET', KEYS[1], 'f')",
    "return redis.pcall('MYLOG.HGET', KEYS[1], 'f')",
    "return redis.call('NO-SUCH-COMMAND')",
    "return redis.call('SET', 'too-few')",
    "return {redis.pcall('INCR', 'native-text'), redis.pcall('GET', 'native-text')}",
    "error('raised')",
    "error({err='RAISED as a table'})",
    "return undefined_name",
    "local t = nil return t.field",
    "return {KEYS[1], ARGV[1], #KEYS, #ARGV}",
    "redis.call('SELECT', 1) redis.call('SET', 'elsewhere', 'v') return redis.call('DBSIZE')",
    "redis.call('DEL', KEYS[1]) return redis.call('EXISTS', KEYS[1])",
    "return string.rep('x', 100000)",
];

const LIBRARY: &str = "#!lua name=tests
local function put(keys, args)
  redis.call('MYLOG.SET', keys[1], args[1])
  return {args[1], false, {err='WITHIN a function'}}
end
redis.register_function('put', put)
redis.register_function{function_name='reading', callback=put, flags={'no-writes'}}
redis.register_function('twice', function(keys, args)
  redis.call('MYLOG.SET', keys[1], args[1]) redis.call('MYLOG.SET', keys[2], args[1]) return 2 end)
redis.register_function('turn', function(keys, args)
  if args[1] == 'write' then return redis.call('MYLOG.SET', keys[1], 'v') end while true do end end)";

fn server(policy: &str) -> Server {
    Server::build()
        .mylog("appendfsync", policy)
        .config("busy-reply-threshold", "20")
        .start()
}

/// Scripts whose client was held.
fn held_runs(client: &mut Client) -> u64 {
    let stats = client.info("commandstats");
    let calls = |name: &str| {
        let line = stats.get(&format!("cmdstat_mylog.{name}"))?;
        let calls = line.strip_prefix("calls=")?.split(',').next()?;
        calls.parse::<u64>().ok()
    };
    ["eval", "evalsha", "fcall"].into_iter().filter_map(calls).sum()
}

fn raw(client: &mut Client, args: &[&str]) -> Vec<u8> {
    client.send(args);
    client.recv_raw().1
}

/// Every script as it is sent, with all that follows its first change.
fn calls() -> Vec<Vec<String>> {
    let own = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
    let mut calls: Vec<Vec<String>> = ANSWERS
        .iter()
        .flat_map(|answer| {
            let code = format!("redis.call('MYLOG.SET', KEYS[1], 'v') {answer}");
            let shebang = format!("#!lua\n{code}");
            [
                own(&["EVAL", &code, "1", "key", "arg"]),
                own(&["EVAL", &shebang, "1", "key", "arg"]),
            ]
        })
        .collect();
    calls.push(own(&["FCALL", "put", "1", "key", "arg"]));
    calls.push(own(&["FCALL", "reading", "1", "key", "arg"]));
    calls.push(own(&["FCALL", "absent", "1", "key", "arg"]));
    calls.push(own(&["EVALSHA", "0123456789012345678901234567890123456789", "0"]));
    calls.push(own(&["EVAL", PUT, "2", "key"]));
    calls.push(own(&["EVAL", PUT, "-1", "key"]));
    calls.push(own(&["EVAL", PUT, "one", "key"]));
    calls.push(own(&["EVAL", PUT]));
    calls.push(own(&["EVAL", "return not lua", "0"]));
    calls.push(own(&[
        "EVAL",
        "#!lua flags=no-writes\nreturn redis.call('MYLOG.SET', KEYS[1], 'v')",
        "1",
        "key",
    ]));
    calls.push(own(&["EVAL", "#!lua flags=absent\nreturn 1", "0"]));
    calls
}

#[test]
fn a_held_script_answers_as_the_native_one_does() {
    let (native, held) = (server("everysec"), server("always"));
    for protocol in ["2", "3"] {
        let mut clients = [native.client(), held.client()];
        for client in &mut clients {
            client.run(&format!("HELLO {protocol}"));
            client.cmd(["FUNCTION", "LOAD", "REPLACE", LIBRARY]);
            client.ok("SET native-text text");
        }
        let [native, held] = &mut clients;
        for call in calls() {
            let call: Vec<&str> = call.iter().map(String::as_str).collect();
            // The first run tells that it changes durable keys, so it is the second that is held.
            for _ in 0..2 {
                let (wanted, got) = (raw(native, &call), raw(held, &call));
                assert_eq!(
                    got.escape_ascii().to_string(),
                    wanted.escape_ascii().to_string(),
                    "RESP{protocol}: {call:?}"
                );
            }
        }
        assert_eq!(held_runs(native), 0);
    }
    assert!(held_runs(&mut held.client()) as usize >= 3 * ANSWERS.len());
}

/// The digest is known to both servers, so that only what runs differs.
#[test]
fn a_digest_and_the_key_specs_are_as_the_native_ones() {
    let held = server("always");
    let mut client = held.client();
    let digest = client.cmd(["SCRIPT", "LOAD", PUT]).text();
    for n in 0..3 {
        assert!(client.run(&format!("EVALSHA {digest} 1 key {n}")).is_ok());
    }
    assert_eq!(held_runs(&mut client), 2);
    assert_eq!(client.run("MYLOG.GET key").text(), "2");
    for name in ["EVAL", "EVALSHA", "FCALL"] {
        let keys =
            |name: &str, client: &mut Client| client.run(&format!("COMMAND GETKEYS {name} code 2 a b c"));
        assert_eq!(
            keys(&format!("MYLOG.{name}"), &mut client),
            keys(name, &mut client)
        );
        let none = |name: &str, client: &mut Client| client.run(&format!("COMMAND GETKEYS {name} code 0 a"));
        assert_eq!(
            none(&format!("MYLOG.{name}"), &mut client),
            none(name, &mut client)
        );
    }
    assert!(
        client
            .cmd(["EVAL", "return redis.call('MYLOG.EVAL', 'return 1', 0)", "0"])
            .is_error("ERR")
    );
}

#[test]
fn a_script_that_changes_nothing_durable_is_never_held() {
    let server = server("always");
    let mut client = server.client();
    for _ in 0..5 {
        client.cmd(["EVAL", "return redis.call('SET', KEYS[1], 'v')", "1", "native"]);
        client.cmd(["EVAL", "return redis.call('MYLOG.GET', KEYS[1])", "1", "key"]);
    }
    assert_eq!(held_runs(&mut client), 0);
    // One that no longer does is let go.
    let sometimes = "if ARGV[1] == 'write' then redis.call('MYLOG.SET', KEYS[1], 'v') end return 1";
    client.cmd(["EVAL", sometimes, "1", "key", "write"]);
    for _ in 0..40 {
        assert_eq!(client.cmd(["EVAL", sometimes, "1", "key", "read"]).int(), 1);
    }
    let held = held_runs(&mut client);
    assert!((1..40).contains(&held), "{held}");
}

#[test]
fn a_held_script_stops_nobody_else() {
    let disk = SlowDisk::traced(Duration::from_millis(500));
    let server = disk.build().start();
    let (mut client, mut other) = (server.client(), server.client());
    client.cmd(["EVAL", PUT, "1", "key", "before"]);
    client.send(["EVAL", PUT, "1", "key", "after"]);
    // A server that waits for the disk itself answers nobody before that.
    wait_for("the client is held", || {
        other.info_u64("mylog", "mylog_acks_waiting") == 1
    });
    assert!(client.recv().is_ok());
    assert_eq!(client.run("MYLOG.GET key").text(), "after");
}

/// What a script ran inside a call of ours went past the filter: captured keys became native ones.
#[test]
fn a_held_script_writes_captured_keys_to_the_durable_types() {
    let server = Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "own:")
        .start();
    let mut client = server.client();
    for n in 0..3 {
        client.cmd([
            "EVAL",
            "return redis.call('SET', KEYS[1], 'v')",
            "1",
            &format!("own:{n}"),
        ]);
        assert_eq!(kind(&mut client, format!("own:{n}").as_bytes()), "mylog-str");
    }
    client.ok("MULTI");
    client.cmd(["EVAL", "return redis.call('SET', KEYS[1], 'v')", "1", "own:unit"]);
    client.run("EXEC");
    assert_eq!(kind(&mut client, b"own:unit"), "mylog-str");
    assert_eq!(held_runs(&mut client), 3);
}

/// Both are told the same, and the server goes on.
fn killed(kill: &str, learn: &[&str], turn: &[&str]) {
    let mut told = Vec::new();
    for policy in ["everysec", "always"] {
        let server = server(policy);
        let (mut client, mut other) = (server.client(), server.client());
        client.cmd(["FUNCTION", "LOAD", LIBRARY]);
        for _ in 0..2 {
            assert!(client.cmd(learn).is_ok());
        }
        client.send(turn);
        // What a busy client sends waits for its script.
        client.send(["ECHO", "behind"]);
        let mut busy = Reply::Nil;
        wait_for("the server is busy", || {
            busy = other.run("GET key");
            busy.is_error("BUSY")
        });
        assert!(other.run(kill).is_ok());
        let reply = client.recv();
        assert_eq!(client.recv().text(), "behind");
        assert!(client.cmd(learn).is_ok());
        // 7.0 tells the digest of the script.
        told.push((busy, reply));
        if policy == "always" {
            assert!(held_runs(&mut client) >= 2);
        }
    }
    assert_eq!(told[0], told[1]);
}

#[test]
fn a_held_script_is_killed_as_the_native_one() {
    const TURN: &str =
        "if ARGV[1] == 'write' then return redis.call('MYLOG.SET', KEYS[1], 'v') end while true do end";
    killed(
        "SCRIPT KILL",
        &["EVAL", TURN, "1", "key", "write"],
        &["EVAL", TURN, "1", "key", "turn"],
    );
}

#[test]
fn a_held_function_is_killed_as_the_native_one() {
    killed(
        "FUNCTION KILL",
        &["FCALL", "turn", "1", "key", "write"],
        &["FCALL", "turn", "1", "key", "turn"],
    );
}

/// In a call from a module nothing protects the client that a long script runs for: it was freed meanwhile.
#[test]
fn a_client_may_leave_while_its_held_script_runs_for_long() {
    const LONG: &str = "redis.call('MYLOG.SET', KEYS[1], 'v') local t = redis.call('TIME') \
        local e = t[1] * 1000000 + t[2] + ARGV[1] * 1000 \
        repeat t = redis.call('TIME') until t[1] * 1000000 + t[2] > e return 1";
    let server = server("always");
    let mut other = server.client();
    other.cmd(["EVAL", LONG, "1", "key", "0"]);
    let mut seen_running = 0;
    let mut ms = 150;
    for round in 0.. {
        let mut leaving = server.client();
        leaving.send(["EVAL", LONG, "1", &format!("left:{round}"), &ms.to_string()]);
        leaving.send(["MYLOG.SET", "behind", "v"]);
        let left = format!("EXISTS left:{round}");
        let mut answer = Reply::Nil;
        wait_for("it runs, or has run", || {
            answer = other.run(&left);
            answer.is_error("BUSY") || answer == Reply::Int(1)
        });
        drop(leaving);
        wait_for("it has ended", || other.run("GET native") == Reply::Nil);
        assert_eq!(other.run(&left).int(), 1);
        match answer {
            // On a busy machine it may be over before anyone looks.
            Reply::Int(_) => ms *= 2,
            _ => seen_running += 1,
        }
        if seen_running == 5 {
            break;
        }
    }
    // Later servers don't count the call of a client that has left.
    other.cmd(["EVAL", LONG, "1", "key", "0"]);
    assert!(held_runs(&mut other) >= 1);
    // In a unit it can't be interrupted, and so no harm is done either.
    const LOOP: &str = "redis.call('MYLOG.SET', KEYS[1], 'v') for i = 1, ARGV[1] do end return 1";
    for _ in 0..2 {
        other.cmd(["EVAL", LOOP, "1", "key", "1"]);
    }
    let mut leaving = server.client();
    leaving.ok("MULTI");
    leaving.cmd(["EVAL", LOOP, "1", "left:unit", "30000000"]);
    leaving.send(["EXEC"]);
    leaving.send(["MYLOG.SET", "behind", "v"]);
    drop(leaving);
    wait_for("it has ended", || other.run("EXISTS left:unit") == Reply::Int(1));
    assert_eq!(other.config("busy-reply-threshold"), "20");
}

#[test]
fn a_held_script_runs_in_exec_as_in_its_place() {
    let server = server("always");
    let mut client = server.client();
    client.run("HELLO 3");
    let script = "redis.call('MYLOG.SET', KEYS[1], 'v') redis.setresp(3) return {double=0.5}";
    let alone = client.cmd(["EVAL", script, "1", "key"]);
    assert_eq!(client.cmd(["EVAL", script, "1", "key"]), alone);
    client.ok("MULTI");
    client.run("MYLOG.SET before v");
    client.cmd(["EVAL", script, "1", "key"]);
    client.run("SET native v");
    let replies = client.run("EXEC").items();
    let ok = Reply::Simple(b"OK".to_vec());
    assert_eq!(replies, [ok.clone(), alone, ok]);
}

#[test]
fn a_held_script_asks_for_the_permissions_of_the_native_one() {
    let server = server("always");
    let mut client = server.client();
    for _ in 0..2 {
        client.cmd(["EVAL", PUT, "1", "own:key", "v"]);
    }
    client.ok("ACL SETUSER user on nopass ~own:* +@all");
    client.ok("ACL SETUSER lacks on nopass ~* +@all -eval");
    client.ok("ACL SETUSER few on nopass ~* +eval +mylog.eval +mylog.get");
    let mut user = server.client();
    user.ok("AUTH user x");
    assert!(user.cmd(["EVAL", PUT, "1", "own:key", "v"]).is_ok());
    assert!(user.cmd(["EVAL", PUT, "1", "other:key", "v"]).is_error("NOPERM"));
    assert!(
        user.cmd(["MYLOG.EVAL", PUT, "1", "other:key", "v"])
            .is_error("NOPERM")
    );
    // What the script itself does is the user's as well.
    let other = "return redis.call('MYLOG.SET', 'other:key', 'v')";
    for _ in 0..2 {
        assert!(client.cmd(["EVAL", other, "0"]).is_ok());
        assert!(user.cmd(["EVAL", other, "0"]).text().contains("key"));
    }
    let mut lacks = server.client();
    lacks.ok("AUTH lacks x");
    for name in ["EVAL", "MYLOG.EVAL", "mylog.eval"] {
        assert!(
            lacks.cmd([name, PUT, "1", "own:key", "v"]).is_error("NOPERM"),
            "{name}"
        );
        assert!(lacks.cmd([name, "return 1", "0"]).is_error("NOPERM"), "{name}");
    }
    let mut few = server.client();
    few.ok("AUTH few x");
    assert!(matches!(
        few.cmd(["EVAL", PUT, "1", "own:key", "v2"]),
        Reply::Error(_)
    ));
    assert_eq!(client.run("MYLOG.GET own:key").text(), "v");
    assert!(held_runs(&mut client) >= 4);
}

#[test]
fn a_held_script_is_refused_without_memory_as_the_native_one() {
    let mut told = Vec::new();
    for policy in ["everysec", "always"] {
        let server = server(policy);
        let mut client = server.client();
        let scripts = [
            "return redis.call('MYLOG.SET', KEYS[1], 'v')",
            "#!lua\nreturn redis.call('MYLOG.SET', KEYS[1], 'v')",
            "#!lua flags=allow-oom\nreturn redis.call('MYLOG.SET', KEYS[1], 'v')",
            "redis.call('MYLOG.DEL', KEYS[1]) return redis.call('MYLOG.EXISTS', KEYS[1])",
        ];
        let run = |client: &mut Client| scripts.map(|script| client.cmd(["EVAL", script, "1", "key"]));
        run(&mut client);
        run(&mut client);
        client.ok("CONFIG SET maxmemory 1");
        told.push(run(&mut client));
    }
    assert_eq!(told[0], told[1]);
    assert!(
        told[0][0].is_error("OOM") || told[0][0].clone().text().contains("OOM"),
        "{:?}",
        told[0]
    );
}

#[test]
fn a_held_script_is_one_unit_for_the_servers_own_aof() {
    let server = Server::build()
        .mylog("appendfsync", "always")
        .config("appendonly", "yes")
        .start();
    let mut client = server.client();
    client.cmd(["FUNCTION", "LOAD", LIBRARY]);
    for n in 0..3 {
        client.run(&format!("FCALL twice 2 a{n} b{n} v"));
    }
    assert_eq!(held_runs(&mut client), 2);
    let mut lines = Vec::new();
    let folder = server.data_dir().join("appendonlydir");
    wait_for("it is in the AOF", || {
        let files = std::fs::read_dir(&folder)
            .expect("the AOF")
            .map(|file| file.expect("a file").path());
        let text: Vec<u8> = files
            .flat_map(|file| std::fs::read(file).expect("a part"))
            .collect();
        let text = String::from_utf8_lossy(&text).into_owned();
        lines = text
            .lines()
            .map(str::to_owned)
            .filter(|line| line.starts_with(['M', 'E', 'a', 'b']))
            .collect();
        lines.iter().any(|line| line == "b2")
    });
    let place = lines
        .iter()
        .position(|line| line == "a2")
        .expect("the last script");
    let unit = ["MULTI", "MYLOG.SET", "a2", "MYLOG.SET", "b2", "EXEC"];
    assert_eq!(
        lines[place - 2..]
            .iter()
            .map(|line| line.to_uppercase())
            .collect::<Vec<_>>(),
        unit.map(str::to_uppercase)
    );
}

#[test]
fn the_keys_of_a_held_script_are_checked_in_a_cluster() {
    let server = Server::build()
        .with_port()
        .mylog("appendfsync", "always")
        .config("cluster-enabled", "yes")
        .start();
    let mut client = server.client();
    client.ok("CLUSTER ADDSLOTSRANGE 0 16383");
    wait_for("the cluster is up", || {
        client.run("CLUSTER INFO").text().contains("cluster_state:ok")
    });
    let script = "return redis.call('MYLOG.SET', KEYS[1], 'v')";
    for _ in 0..2 {
        assert!(client.cmd(["EVAL", script, "2", "{a}1", "{a}2"]).is_ok());
    }
    let reply = client.cmd(["EVAL", script, "2", "a", "b"]);
    assert!(reply.is_error("CROSSSLOT"), "{reply:?}");
    assert_eq!(held_runs(&mut client), 1);
}
