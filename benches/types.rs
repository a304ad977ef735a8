//! Commands of each type, natively, as `MYLOG.X` and natively on captured keys, in the same server.

use crate::contender::Ours;
use crate::generator::Generator;
use crate::memory;
use crate::report::{Section, count, two};
use crate::rounds::{median, ratio};
use crate::scale::Scale;
use crate::support::{Client, Server};
use crate::targets::Limit;

/// A command that is measured.
struct Case {
    kind: &'static str,
    /// `KEY` stands for a key that holds such a value.
    line: &'static str,
    /// What gives back what the command takes: sent as often before each measurement.
    feed: Option<&'static str>,
}

const CASES: [Case; 20] = [
    case("string", "SET KEY __value__"),
    case("string", "GET KEY"),
    case("string", "STRLEN KEY"),
    case("counter", "INCR KEY"),
    case("hash", "HSET KEY field:3 __value__"),
    case("hash", "HGET KEY field:3"),
    case("hash", "HGETALL KEY"),
    case("hash", "HINCRBY KEY number 1"),
    case("list", "LPUSH KEY element:__rand_int__"),
    fed("list", "RPOP KEY", "LPUSH KEY element:__rand_int__"),
    case("list", "LRANGE KEY 0 9"),
    case("list", "LINDEX KEY 50"),
    case("set", "SADD KEY member:__rand_int__"),
    fed("set", "SPOP KEY", "SADD KEY member:__rand_int__"),
    case("set", "SISMEMBER KEY member:50"),
    case("set", "SMEMBERS KEY"),
    case("zset", "ZADD KEY __rand_int__ member:__rand_int__"),
    fed("zset", "ZPOPMIN KEY", "ZADD KEY __rand_int__ member:__rand_int__"),
    case("zset", "ZSCORE KEY member:50"),
    case("zset", "ZRANGE KEY 0 9"),
];

const fn case(kind: &'static str, line: &'static str) -> Case {
    Case {
        kind,
        line,
        feed: None,
    }
}

const fn fed(kind: &'static str, line: &'static str, feed: &'static str) -> Case {
    Case {
        kind,
        line,
        feed: Some(feed),
    }
}

const CLIENTS: u32 = 50;
const PIPELINES: [u32; 2] = [1, 16];
/// Elements of a collection, but for hashes, which have ten fields.
const ELEMENTS: usize = 100;
/// Part of native throughput that the module set itself as target.
const LIMIT: f64 = 0.9;
/// One way to write a command.
struct Family {
    /// Before the command's name.
    command: &'static str,
    /// Before the name of its key.
    key: &'static str,
}

const FAMILIES: [Family; 3] = [
    Family { command: "", key: "" },
    Family {
        command: "MYLOG.",
        key: "MYLOG.",
    },
    Family {
        command: "",
        key: CAPTURED,
    },
];
/// The prefix that is captured. No other key begins with its first letter.
const CAPTURED: &str = "durable:";

/// Measures it.
pub fn section(scale: &Scale) -> Section {
    let about = format!(
        "{CLIENTS} clients, values of 100 bytes, hashes of ten fields, other collections of {ELEMENTS}, in one server: native\n\
         commands, `MYLOG` commands, and native commands on keys under a prefix of `mylog.capture`. The module has no way to be without its log: its policy is `no`, so each write of ours is logged, and\n\
         the writer shares the cores with server and generator. Microseconds are the time that the event loop ran per\n\
         command."
    );
    let head = [
        "command",
        "pipeline",
        "native",
        "MYLOG",
        "captured",
        "ratio",
        "ratio captured",
        "cpu native",
        "cpu MYLOG",
        "cpu captured",
        "cpu ratio",
    ];
    let mut section = Section::new("Commands of each type, to native", &about, &head);
    for pipeline in PIPELINES {
        // A server for each: what pushes have left would weigh on the next.
        let server = Ours.start("no");
        let keys = if scale.quick { 1_000 } else { 5_000 };
        let mut client = server.client();
        client.ok(&format!("CONFIG SET mylog.capture {CAPTURED}"));
        fill(&mut client, keys);
        let mut slowest: Vec<(&str, &str, f64)> = Vec::new();
        for case in &CASES {
            let figure = measure(scale, &server, case, pipeline, keys as u64, &mut section);
            let name = case.line.split(' ').next().unwrap_or_default();
            match slowest.iter_mut().find(|(kind, ..)| *kind == case.kind) {
                Some(known) if known.2 <= figure => {}
                Some(known) => *known = (case.kind, name, figure),
                None => slowest.push((case.kind, name, figure)),
            }
        }
        for (kind, name, figure) in slowest {
            let what = format!(
                "throughput of MYLOG commands to native: {kind}, pipeline of {pipeline}, slowest ({name})"
            );
            section.target(what, Limit::AtLeast(LIMIT), Some(figure));
        }
    }
    section
}

/// One command in all families, by turns. Returns the ratio of the rates of `MYLOG` and native.
fn measure(
    scale: &Scale,
    server: &Server,
    case: &Case,
    pipeline: u32,
    keys: u64,
    section: &mut Section,
) -> f64 {
    let load = |family: &Family, line: &str| {
        let line = line.replace("KEY", &format!("{}{}:__rand_int__", family.key, case.kind));
        Generator::new(CLIENTS, pipeline, keys, &format!("{}{line}", family.command))
    };
    let loads = FAMILIES.map(|family| {
        (
            load(&family, case.line),
            case.feed.map(|feed| load(&family, feed)),
        )
    });
    let requests = {
        let seen = load(&FAMILIES[0], case.feed.unwrap_or(case.line)).run(server, 5_000);
        ((seen.rate * scale.seconds * 0.4) as u64).max(1_000)
    };
    let mut rates = FAMILIES.map(|_| Vec::new());
    let mut cpu = FAMILIES.map(|_| Vec::new());
    for round in 0..=scale.rounds {
        // Who comes first changes with each round.
        for place in 0..loads.len() {
            let turn = (round + place) % loads.len();
            let (load, feed) = &loads[turn];
            if let Some(feed) = feed {
                feed.run(server, requests);
            }
            let before = memory::main_thread_ns(server.pid());
            let seen = load.run(server, requests);
            let ns = memory::main_thread_ns(server.pid()) - before;
            // The first round only warms up.
            if round > 0 {
                rates[turn].push(seen.rate);
                cpu[turn].push(ns as f64 / 1000.0 / requests as f64);
            }
        }
    }
    let figure = ratio(&rates[1], &rates[0]);
    section.row([
        case.line
            .replace(" KEY", "")
            .replace("__rand_int__", "N")
            .replace("__value__", "V"),
        pipeline.to_string(),
        count(median(&rates[0])),
        count(median(&rates[1])),
        count(median(&rates[2])),
        two(figure),
        two(ratio(&rates[2], &rates[0])),
        two(median(&cpu[0])),
        two(median(&cpu[1])),
        two(median(&cpu[2])),
        two(ratio(&cpu[1], &cpu[0])),
    ]);
    figure
}

/// Makes all keys of all families.
fn fill(client: &mut Client, keys: usize) {
    for family in FAMILIES {
        for key in 0..keys {
            let name = |kind: &str| format!("{}{kind}:{key:012}", family.key);
            let set = format!("{}SET", family.command);
            let mut commands = vec![
                vec![set.clone(), name("string"), "x".repeat(100)],
                vec![set, name("counter"), key.to_string()],
            ];
            for (command, kind, elements) in [
                ("HSET", "hash", 10),
                ("RPUSH", "list", ELEMENTS),
                ("SADD", "set", ELEMENTS),
                ("ZADD", "zset", ELEMENTS),
            ] {
                let mut words = vec![format!("{}{command}", family.command), name(kind)];
                for number in 0..elements {
                    match kind {
                        "hash" => words.extend([format!("field:{number}"), "x".repeat(20)]),
                        "zset" => words.extend([number.to_string(), format!("member:{number}")]),
                        _ => words.push(format!("member:{number}")),
                    }
                }
                commands.push(words);
            }
            for reply in client.pipeline(&commands) {
                assert!(!reply.is_error(""), "{reply:?}");
            }
        }
    }
}
