//! The server's active defragmentation finds durable values as movable as its own.

use crate::support::wait::{DEADLINE, holds_within};
use crate::support::{Client, Reply, Server};

/// Members of each large value.
const MEMBERS: usize = 60_000;

type Command = Vec<String>;

fn command<'a>(words: impl IntoIterator<Item = &'a str>) -> Command {
    words.into_iter().map(String::from).collect()
}

fn member(number: usize) -> String {
    format!("{number:06}{}", "y".repeat(number % 60))
}

/// One of five, at random: where every page of the memory has as much in it the server has no hint what to move.
fn is_kept(number: usize) -> bool {
    fastrand::Rng::with_seed(number as u64).usize(0..5) == 0
}

/// Small values: how each is made, by its number.
fn small(prefix: &str, number: usize) -> Command {
    let key = format!("{prefix}{number}");
    let length = 10 + number * 31 % 390;
    let count = 1 + number * 17 % 40;
    let words = |form: &dyn Fn(usize) -> Vec<String>| (0..count).flat_map(form).collect::<Vec<_>>();
    let (name, rest) = match number % 12 {
        0 => ("HSET", words(&|at| vec![format!("f{at}"), "v".repeat(20)])),
        1 => ("RPUSH", words(&|at| vec![format!("member{at}")])),
        2 => ("SADD", words(&|at| vec![format!("member{at}")])),
        3 => ("ZADD", words(&|at| vec![at.to_string(), format!("m{at}")])),
        _ => ("SET", vec!["x".repeat(length)]),
    };
    [name.into(), key].into_iter().chain(rest).collect()
}

/// The value in a moment of peace, whatever its type is.
fn reads(prefix: &str) -> Vec<Command> {
    let large = [
        format!("HGETALL {prefix}hash"),
        format!("SMEMBERS {prefix}set"),
        format!("ZRANGE {prefix}zset 0 -1 WITHSCORES"),
        format!("LRANGE {prefix}list 0 -1"),
    ];
    let small = (0..30_000).filter(|&number| is_kept(number)).map(|number| {
        let key = format!("{prefix}{number}");
        match number % 12 {
            0 => format!("HGETALL {key}"),
            1 => format!("LRANGE {key} 0 -1"),
            2 => format!("SMEMBERS {key}"),
            3 => format!("ZRANGE {key} 0 -1 WITHSCORES"),
            _ => format!("GET {key}"),
        }
    });
    let lines = large.into_iter().chain(small);
    lines.map(|line| command(line.split(' '))).collect()
}

fn run(client: &mut Client, commands: &[Command]) -> Vec<Reply> {
    let replies: Vec<Reply> = commands
        .chunks(500)
        .flat_map(|chunk| client.pipeline(chunk))
        .collect();
    assert!(!replies.iter().any(|reply| matches!(reply, Reply::Error(_))));
    replies
}

/// Fills the memory, and deletes four of five of all that is in it.
fn fragment(client: &mut Client, prefix: &str) {
    let mut commands: Vec<Command> = (0..30_000).map(|number| small(prefix, number)).collect();
    for number in 0..MEMBERS {
        let (score, name) = ((number % 77).to_string(), member(number));
        commands.push(command(["HSET", &format!("{prefix}hash"), &name, &name]));
        commands.push(command(["SADD", &format!("{prefix}set"), &name]));
        commands.push(command(["ZADD", &format!("{prefix}zset"), &score, &name]));
        commands.push(command(["RPUSH", &format!("{prefix}list"), &name.repeat(3)]));
    }
    run(client, &commands);
    let gone = (0..30_000).filter(|&number| !is_kept(number));
    let mut commands: Vec<Command> = gone
        .map(|number| command(["DEL", &format!("{prefix}{number}")]))
        .collect();
    for number in (0..MEMBERS).filter(|&number| !is_kept(number)) {
        let name = member(number);
        commands.push(command(["HDEL", &format!("{prefix}hash"), &name]));
        commands.push(command(["SREM", &format!("{prefix}set"), &name]));
        commands.push(command(["ZREM", &format!("{prefix}zset"), &name]));
    }
    run(client, &commands);
}

fn ratio(client: &mut Client) -> f64 {
    client.info("memory")["allocator_frag_ratio"].parse().unwrap()
}

/// Has the server defragment until it rests: native values come to some 1.3, what nothing moves stays at 1.66.
fn defragment(client: &mut Client, what: &str) {
    for line in [
        "active-defrag-ignore-bytes 1",
        "active-defrag-threshold-lower 45",
        "active-defrag-cycle-min 40",
        "active-defrag-cycle-max 60",
    ] {
        client.ok(&format!("CONFIG SET {line}"));
    }
    // The server looks at its memory ten times a second, and what was deleted is freed on another thread.
    let is_fragmented = holds_within(DEADLINE, || ratio(client) > 1.6);
    let before = ratio(client);
    assert!(is_fragmented, "{what}: there is nothing to do at {before}");
    client.ok("CONFIG SET activedefrag yes");
    let rests = holds_within(DEADLINE, || {
        client.info("memory")["active_defrag_running"] == "0" && ratio(client) < 1.5
    });
    let after = ratio(client);
    assert!(
        rests,
        "{what}: it does not rest, from {before} it came to {after}"
    );
    assert!(client.info_u64("stats", "active_defrag_hits") > 1000);
    client.ok("CONFIG SET activedefrag no");
}

/// Takes out of the large values all they have, one by one: an index or an order that had lost its way would show.
fn empty(client: &mut Client, prefix: &str) {
    let mut commands = Vec::new();
    for number in (0..MEMBERS).filter(|&number| is_kept(number)) {
        let name = member(number);
        commands.push(command(["HDEL", &format!("{prefix}hash"), &name]));
        commands.push(command(["SREM", &format!("{prefix}set"), &name]));
        commands.push(command(["ZREM", &format!("{prefix}zset"), &name]));
    }
    assert!(run(client, &commands).iter().all(|reply| *reply == Reply::Int(1)));
    let left = client.run(&format!("EXISTS {prefix}hash {prefix}set {prefix}zset"));
    assert_eq!(left, Reply::Int(0));
}

#[test]
fn active_defragmentation_of_durable_values_comes_to_rest_as_that_of_native_ones_does() {
    for prefix in ["cache:", "order:"] {
        let mut server = Server::build()
            .mylog("appendfsync", "everysec")
            .mylog("capture", "order:")
            .start();
        let mut client = server.client();
        // Not where the allocator has no hints.
        if !client.run("CONFIG SET activedefrag yes").is_ok() {
            return;
        }
        client.ok("CONFIG SET activedefrag no");
        fragment(&mut client, prefix);
        let reads = reads(prefix);
        let held = run(&mut client, &reads);
        defragment(&mut client, prefix);
        assert!(run(&mut client, &reads) == held, "{prefix}: a value has changed");
        empty(&mut client, prefix);
        if prefix == "order:" {
            // With this one all before it is on disk.
            client.ok("CONFIG SET mylog.appendfsync always");
            client.ok("SET order:last 1");
            drop(client);
            server.kill9();
            server.restart();
            let mut client = server.client();
            let again = run(&mut client, &reads[4..]);
            assert!(again == held[4..], "a value has changed in the log");
            assert_eq!(
                client.run("EXISTS order:hash order:set order:zset"),
                Reply::Int(0)
            );
        }
    }
}
