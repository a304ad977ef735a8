//! Random generic commands on durable and native keys of two databases, in every way a client can send them: the replies
//! and the key space of a stock server, and the durable part of it after a kill -9.
//!
//! `GENERIC_SEEDS` says how many runs, `GENERIC_SEED` runs the one of that seed.

use fastrand::Rng;

use super::generic_cases::{Names, Way, command, send};
use super::generic_commands::survives_kill9;
use crate::support::{Client, Reply, Server, soak};

/// Kills of a run, and units before each: few, since what is wrong with a key must not be overwritten by then.
const ROUNDS: u64 = 6;
const UNITS: u64 = 30;
const DATABASES: [u32; 2] = [0, 3];
const KEYS: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
const WAYS: [Way; 4] = [Way::Plain, Way::Multi, Way::Lua, Way::LuaInMulti];

/// A word of a command: the same on both servers, or a DUMP that each has made of the same value.
#[derive(Debug, Clone)]
enum Word {
    Text(String),
    Dump(usize),
}

/// What was dumped, here and on the stock server.
type Dumps = Vec<[Vec<u8>; 2]>;

#[test]
fn random_generic_commands_survive_kill9() {
    let seeds = soak::seeds("GENERIC_SEED", soak::times("GENERIC_SEEDS", 3));
    for seed in &seeds {
        eprintln!("GENERIC_SEED={seed}");
        one_run(*seed);
    }
    soak::total(
        "generic commands",
        &format!(
            "{} seeds, {} units",
            seeds.len(),
            seeds.len() as u64 * ROUNDS * UNITS
        ),
    );
}

fn one_run(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let policy = if rng.bool() { "always" } else { "everysec" };
    let mut server = Server::build()
        .mylog("appendfsync", policy)
        .mylog("flush-policy", "flush")
        .start();
    let model = Server::stock().start();
    let mut dumps = Dumps::new();
    for _ in 0..ROUNDS {
        one_round(&server, &model, &mut dumps, &mut rng, seed);
        survives_kill9(&mut server, &model);
        // What was native is gone here.
        for server in [&server, &model] {
            server.client().ok("FLUSHALL");
        }
    }
}

fn one_round(server: &Server, model: &Server, dumps: &mut Dumps, rng: &mut Rng, seed: u64) {
    let (mut client, mut stock) = (server.client(), model.client());
    // Of the many ways to lose a key few are tried on names that hold nothing.
    for db in DATABASES {
        for key in KEYS.iter().filter(|_| rng.u8(..3) != 0) {
            for (client, name) in [(&mut client, "MYLOG.SET"), (&mut stock, "SET")] {
                client.ok(&format!("SELECT {db}"));
                client.ok(&format!("{name} {key} D{db}{key}"));
            }
        }
    }
    let rewrite_at = rng.u64(..2 * UNITS);
    for unit in 0..UNITS {
        if unit == rewrite_at {
            client.run("MYLOG.REWRITE");
        }
        one_unit(&mut client, &mut stock, dumps, rng, seed);
    }
    client.run("MYLOG.WAIT 0");
}

/// One unit on both servers: their replies are the same.
fn one_unit(client: &mut Client, stock: &mut Client, dumps: &mut Dumps, rng: &mut Rng, seed: u64) {
    let select = format!("SELECT {}", rng.choice(DATABASES).unwrap());
    client.ok(&select);
    stock.ok(&select);
    if rng.u8(..4) == 0 {
        dump(client, stock, dumps, rng);
    }
    let way = rng.choice(WAYS).unwrap();
    let lines: Vec<Vec<Word>> = (0..rng.usize(1..5))
        .flat_map(|_| lines(rng, dumps.len()))
        .collect();
    let names: Vec<Names> = lines
        .iter()
        .map(|_| rng.choice([Names::Native, Names::Held]).unwrap())
        .collect();
    let ours: Vec<_> = lines
        .iter()
        .zip(&names)
        .map(|(line, names)| words(line, dumps, *names))
        .collect();
    let theirs: Vec<_> = lines
        .iter()
        .map(|line| words(line, dumps, Names::Stock))
        .collect();
    let replies = send(client, way, &ours);
    let wanted = send(stock, way, &theirs);
    assert_eq!(
        replies, wanted,
        "GENERIC_SEED={seed}: {way:?} {select} {names:?} {lines:?}"
    );
}

/// Dumps a key that both have.
fn dump(client: &mut Client, stock: &mut Client, dumps: &mut Dumps, rng: &mut Rng) {
    let key = rng.choice(KEYS).unwrap();
    let both = [client, stock].map(|client| client.cmd(["DUMP", key]));
    if let [Reply::Bulk(ours), Reply::Bulk(theirs)] = both {
        dumps.push([ours, theirs]);
    }
}

fn words(line: &[Word], dumps: &Dumps, names: Names) -> Vec<Vec<u8>> {
    let word = |(at, word): (usize, &Word)| match word {
        Word::Text(name) if at == 0 => command(names, name).into_bytes(),
        Word::Text(text) => text.clone().into_bytes(),
        Word::Dump(of) => dumps[*of][usize::from(names == Names::Stock)].clone(),
    };
    line.iter().enumerate().map(word).collect()
}

fn texts(line: &str) -> Vec<Word> {
    line.split(' ').map(|word| Word::Text(word.to_owned())).collect()
}

/// One idea: a command, or what makes a key of it first. `-D` and `MYLOG.` mark what makes a durable value, which
/// begins with a D. The keys of the natives' commands are none of those: a durable value would be of another type.
fn lines(rng: &mut Rng, dumps: usize) -> Vec<Vec<Word>> {
    let mut key = || rng.choice(KEYS).unwrap();
    let (one, two) = (key(), key());
    let other = rng.choice(DATABASES).unwrap();
    let end = rng.i64(4_102_444_800..5_102_444_800);
    if dumps > 0 && rng.u8(..12) == 0 {
        let mut line = texts(&format!(
            "RESTORE {one} {}",
            rng.choice(["0", "100000123"]).unwrap()
        ));
        line.push(Word::Dump(rng.usize(..dumps)));
        if rng.bool() {
            line.push(Word::Text("REPLACE".to_owned()));
        }
        return vec![line];
    }
    let text = match rng.u8(..40) {
        36..=39 | 0..=3 => format!("MYLOG.SET {one} D{end}"),
        4..=5 => format!("DEL {one}\nMYLOG.HSET {one} D {end} f 2"),
        6 => format!("SET {one} n{end}"),
        7 => format!("DEL {one}\nSADD {one} n m"),
        8 => format!("DEL {one}\nRPUSH {one} n 1"),
        9 => format!("DEL {one} {two}"),
        10 => format!("UNLINK {one} {two}"),
        11 => format!("EXPIREAT {one} {end}"),
        12 => format!(
            "PEXPIREAT {one} {end}123 {}",
            rng.choice(["NX", "XX", "GT", "LT"]).unwrap()
        ),
        13 => format!("EXPIRE {one} -1"),
        14 => format!("PERSIST {one}"),
        15..=17 => format!("RENAME {one} {two}"),
        18 => format!("RENAMENX {one} {two}"),
        19 => format!("COPY {one} {two}"),
        20 => format!("COPY {one} {two} REPLACE"),
        21..=22 => format!("COPY {one} {two} DB {other}"),
        23..=24 => format!("COPY {one} {two} DB {other} REPLACE"),
        25..=27 => format!("MOVE {one} {other}"),
        28 => format!("SADD from-set m\nSUNIONSTORE {one} from-set"),
        29 => format!("SUNIONSTORE {one} from-nothing"),
        30 => format!("ZADD from-zset 1 m\nZUNIONSTORE {one} 1 from-zset"),
        31 => format!("DEL from-list\nRPUSH from-list 3 1 2\nSORT from-list STORE {one}"),
        32 => format!("SET from-string n\nBITOP NOT {one} from-string"),
        33 => format!("SELECT {other}"),
        34 if rng.bool() => format!("SWAPDB 0 {other}"),
        35 if rng.u8(..8) == 0 => rng
            .choice(["FLUSHDB", "FLUSHDB ASYNC", "FLUSHALL"])
            .unwrap()
            .to_owned(),
        _ => format!("EXISTS {one} {two}"),
    };
    text.split('\n').map(texts).collect()
}
