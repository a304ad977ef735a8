//! Scripts under `always`: one that has changed, or seen, what is not durable is answered once that is, as a server under
//! `everysec` answers at once. Nobody else waits.

use crate::support::client::encode;
use crate::support::keyspace::kind;
use crate::support::sync_gate::{Later, SyncGate, wait_held};
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
fn a_script_answers_as_under_another_policy() {
    let servers = [server("everysec"), server("always")];
    for protocol in ["2", "3"] {
        let mut clients = servers.each_ref().map(Server::client);
        for client in &mut clients {
            client.run(&format!("HELLO {protocol}"));
            client.cmd(["FUNCTION", "LOAD", "REPLACE", LIBRARY]);
            client.ok("SET native-text text");
        }
        let [everysec, always] = &mut clients;
        for call in calls() {
            let call: Vec<&str> = call.iter().map(String::as_str).collect();
            for _ in 0..2 {
                let (wanted, got) = (raw(everysec, &call), raw(always, &call));
                assert_eq!(
                    got.escape_ascii().to_string(),
                    wanted.escape_ascii().to_string(),
                    "RESP{protocol}: {call:?}"
                );
            }
        }
    }
}

#[test]
fn a_script_is_run_by_its_digest() {
    let server = server("always");
    let mut client = server.client();
    let digest = client.cmd(["SCRIPT", "LOAD", PUT]).text();
    for n in 0..3 {
        assert!(client.run(&format!("EVALSHA {digest} 1 key {n}")).is_ok());
    }
    assert_eq!(client.run("MYLOG.GET key").text(), "2");
}

#[test]
fn a_script_waits_for_what_it_changed_and_what_it_saw_and_nobody_else_waits() {
    let server = server("always");
    let mut other = server.client();
    other.ok("MYLOG.SET durable v");
    let gate = SyncGate::shut(&server);
    let script = |code: &str, key: &str| {
        let mut client = server.client();
        client.send(["EVAL", code, "1", key, "v"]);
        Later::of(client)
    };
    let changes = script(PUT, "key");
    wait_held(&mut other, 1);
    let sees = script("return redis.call('MYLOG.GET', KEYS[1])", "key");
    wait_held(&mut other, 2);
    // These two have nothing to wait for.
    let native = script("return redis.call('SET', KEYS[1], 'v')", "native");
    assert!(native.reply().is_ok());
    let durable = script("return redis.call('MYLOG.GET', KEYS[1])", "durable");
    assert_eq!(durable.reply().text(), "v");
    assert_eq!(other.info_u64("mylog", "mylog_event_loop_waited_usec"), 0);
    changes.is_not_there("it has changed a key");
    sees.is_not_there("it has seen that");
    gate.open();
    assert!(changes.reply().is_ok());
    assert_eq!(sees.reply().text(), "v");
}

/// What the script runs goes through the filter as from a client: captured keys are durable ones.
#[test]
fn a_script_writes_captured_keys_to_the_durable_types() {
    let server = Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "own:")
        .start();
    let mut client = server.client();
    let put = "return redis.call('SET', KEYS[1], 'v')";
    client.cmd(["EVAL", put, "1", "own:alone"]);
    client.ok("MULTI");
    client.cmd(["EVAL", put, "1", "own:unit"]);
    client.run("EXEC");
    for name in ["own:alone", "own:unit"] {
        assert_eq!(kind(&mut client, name.as_bytes()), "mylog-str");
    }
}

/// The client of a slow script is one that is gated already: the server ends its own protection of it with the script.
#[test]
fn a_gated_client_whose_script_is_slow_is_told_all_in_order_and_nothing_early() {
    for opened_meanwhile in [false, true] {
        let server = server("always");
        let mut other = server.client();
        let gate = SyncGate::shut(&server);
        let mut client = server.client();
        let mut bytes = Vec::new();
        encode(["MYLOG.SET", "before", "v"], &mut bytes);
        let slow = "redis.call('MYLOG.SET', KEYS[1], 'v') local t = redis.call('TIME') \
            local e = t[1] * 1000000 + t[2] + 1000000 \
            repeat t = redis.call('TIME') until t[1] * 1000000 + t[2] > e return 'slow'";
        encode(["EVAL", slow, "1", "key"], &mut bytes);
        for n in 0..10 {
            encode(["ECHO", &n.to_string()], &mut bytes);
        }
        client.try_send_bytes(&bytes).expect("a live connection");
        let first = Later::of(client);
        let mut gate = Some(gate);
        wait_for("the script is slow", || other.run("PING").is_error("BUSY"));
        first.is_not_there("in the middle of a script");
        if opened_meanwhile {
            gate = None;
        }
        wait_for("the script is over", || other.run("PING").text() == "PONG");
        if !opened_meanwhile {
            wait_held(&mut other, 1);
            assert_eq!(other.run("EXISTS before key").int(), 2);
            first.is_not_there("behind a script");
        }
        drop(gate);
        let (reply, mut client) = first.outcome();
        assert!(reply.expect("a reply").is_ok());
        assert_eq!(client.recv().text(), "slow");
        for n in 0..10 {
            assert_eq!(client.recv().text(), n.to_string());
        }
    }
}

/// Both are told the same, and the server goes on.
fn killed(kill: &str, write: &[&str], turn: &[&str]) {
    let mut told = Vec::new();
    for policy in ["everysec", "always"] {
        let server = server(policy);
        let (mut client, mut other) = (server.client(), server.client());
        client.cmd(["FUNCTION", "LOAD", LIBRARY]);
        assert!(client.cmd(write).is_ok());
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
        assert!(client.cmd(write).is_ok());
        // 7.0 tells the digest of the script.
        told.push((busy, reply));
    }
    assert_eq!(told[0], told[1]);
}

#[test]
fn a_script_is_killed_as_under_another_policy() {
    const TURN: &str =
        "if ARGV[1] == 'write' then return redis.call('MYLOG.SET', KEYS[1], 'v') end while true do end";
    killed(
        "SCRIPT KILL",
        &["EVAL", TURN, "1", "key", "write"],
        &["EVAL", TURN, "1", "key", "turn"],
    );
}

#[test]
fn a_function_is_killed_as_under_another_policy() {
    killed(
        "FUNCTION KILL",
        &["FCALL", "turn", "1", "key", "write"],
        &["FCALL", "turn", "1", "key", "turn"],
    );
}

#[test]
fn a_client_may_leave_while_its_script_runs_for_long() {
    const LONG: &str = "redis.call('MYLOG.SET', KEYS[1], 'v') local t = redis.call('TIME') \
        local e = t[1] * 1000000 + t[2] + ARGV[1] * 1000 \
        repeat t = redis.call('TIME') until t[1] * 1000000 + t[2] > e return 1";
    let server = server("always");
    let mut other = server.client();
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
    // In a unit, too.
    const LOOP: &str = "redis.call('MYLOG.SET', KEYS[1], 'v') for i = 1, ARGV[1] do end return 1";
    let mut leaving = server.client();
    leaving.ok("MULTI");
    leaving.cmd(["EVAL", LOOP, "1", "left:unit", "30000000"]);
    leaving.send(["EXEC"]);
    leaving.send(["MYLOG.SET", "behind", "v"]);
    drop(leaving);
    wait_for("it has ended", || other.run("EXISTS left:unit") == Reply::Int(1));
}

#[test]
fn a_script_runs_in_exec_as_alone() {
    let server = server("always");
    let mut client = server.client();
    client.run("HELLO 3");
    let script = "redis.call('MYLOG.SET', KEYS[1], 'v') redis.setresp(3) return {double=0.5}";
    let alone = client.cmd(["EVAL", script, "1", "key"]);
    client.ok("MULTI");
    client.run("MYLOG.SET before v");
    client.cmd(["EVAL", script, "1", "key"]);
    client.run("SET native v");
    let replies = client.run("EXEC").items();
    let ok = Reply::Simple(b"OK".to_vec());
    assert_eq!(replies, [ok.clone(), alone, ok]);
}

#[test]
fn a_script_is_run_for_whom_may_run_it_and_does_what_he_may_do() {
    let server = server("always");
    let mut client = server.client();
    client.cmd(["EVAL", PUT, "1", "own:key", "v"]);
    client.ok("ACL SETUSER user on nopass ~own:* +@all");
    client.ok("ACL SETUSER lacks on nopass ~* +@all -eval");
    client.ok("ACL SETUSER few on nopass ~* +eval +mylog.get");
    let mut user = server.client();
    user.ok("AUTH user x");
    assert!(user.cmd(["EVAL", PUT, "1", "own:key", "v"]).is_ok());
    assert!(user.cmd(["EVAL", PUT, "1", "other:key", "v"]).is_error("NOPERM"));
    // What the script itself does is the user's as well.
    let other = "return redis.call('MYLOG.SET', 'other:key', 'v')";
    assert!(client.cmd(["EVAL", other, "0"]).is_ok());
    assert!(user.cmd(["EVAL", other, "0"]).text().contains("key"));
    let mut lacks = server.client();
    lacks.ok("AUTH lacks x");
    assert!(lacks.cmd(["EVAL", PUT, "1", "own:key", "v"]).is_error("NOPERM"));
    assert!(lacks.cmd(["EVAL", "return 1", "0"]).is_error("NOPERM"));
    let mut few = server.client();
    few.ok("AUTH few x");
    assert!(matches!(
        few.cmd(["EVAL", PUT, "1", "own:key", "v2"]),
        Reply::Error(_)
    ));
    assert_eq!(client.run("MYLOG.GET own:key").text(), "v");
}

#[test]
fn a_script_is_refused_without_memory_as_under_another_policy() {
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
fn a_script_is_one_unit_for_the_servers_own_aof() {
    let server = Server::build()
        .mylog("appendfsync", "always")
        .config("appendonly", "yes")
        .start();
    let mut client = server.client();
    client.cmd(["FUNCTION", "LOAD", LIBRARY]);
    for n in 0..3 {
        client.run(&format!("FCALL twice 2 a{n} b{n} v"));
    }
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
fn the_keys_of_a_script_are_checked_in_a_cluster() {
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
    assert!(client.cmd(["EVAL", script, "2", "{a}1", "{a}2"]).is_ok());
    let reply = client.cmd(["EVAL", script, "2", "a", "b"]);
    assert!(reply.is_error("CROSSSLOT"), "{reply:?}");
}
