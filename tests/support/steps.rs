//! The writes of a load, as a pure function of seed, writer and number.
//!
//! So what a key space must hold after any prefix of them can be worked out later, without a record of what
//! was sent. A step is one unit: a command, or several inside MULTI.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::client::encode;
use super::load::Workload;

const HASHES: u64 = 4;
const FIELDS: u64 = 12;
const COUNTERS: u64 = 3;

/// One change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// SET key value
    Set(Vec<u8>, Vec<u8>),
    /// HSET key field value
    Field(Vec<u8>, Vec<u8>, Vec<u8>),
    /// INCR key
    Raise(Vec<u8>),
    /// DEL key
    Drop(Vec<u8>),
    /// HDEL key field
    DropField(Vec<u8>, Vec<u8>),
}

/// What a key holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// A string or a counter.
    Text(Vec<u8>),
    /// A hash.
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
}

/// The keys of one writer that exist, and what they hold.
pub type State = BTreeMap<Vec<u8>, Held>;

/// Step `n` (from 1 on) of `writer`.
pub fn step(load: &Workload, writer: u64, n: u64) -> Vec<Change> {
    let mut rng = Rng::with_seed(load.seed ^ (writer << 48) ^ n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mine = |kind: &str, k: u64| format!("{}{writer}:{kind}:{k}", load.keys_prefix).into_bytes();
    let string = mine("str", rng.u64(0..load.keys.max(1)));
    let hash = mine("hash", rng.u64(0..HASHES));
    let field = format!("field\n{}\0", rng.u64(0..FIELDS)).into_bytes();
    let value = value(load, n, &mut rng);
    match rng.u8(0..10) {
        0..=3 => vec![Change::Set(string, value)],
        4..=6 => vec![Change::Field(hash, field, value)],
        7 => vec![Change::Raise(mine("count", rng.u64(0..COUNTERS)))],
        kind => {
            let mut unit = vec![
                Change::Set(mine("twin", 0), value.clone()),
                Change::Set(mine("twin", 1), value),
            ];
            unit.push(if kind == 8 {
                Change::Drop(string)
            } else {
                Change::DropField(hash, field)
            });
            unit
        }
    }
}

/// Says which step wrote it, and holds every byte now and then.
fn value(load: &Workload, n: u64, rng: &mut Rng) -> Vec<u8> {
    let mut value = format!("{n}:").into_bytes();
    value.resize(value.len() + rng.usize(0..=load.value_bytes), rng.u8(..));
    value
}

/// The number of the step that wrote this value.
pub fn written_by(value: &[u8]) -> Option<u64> {
    let digits = value.split(|b| *b == b':').next()?;
    (digits.len() < value.len()).then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
}

/// All keys that a writer ever uses, and whether each is a hash.
pub fn keys(load: &Workload, writer: u64) -> Vec<(Vec<u8>, bool)> {
    let kinds = [
        ("str", load.keys.max(1)),
        ("count", COUNTERS),
        ("twin", 2),
        ("hash", HASHES),
    ];
    let named = |kind: &'static str, count: u64| {
        (0..count).map(move |k| {
            (
                format!("{}{writer}:{kind}:{k}", load.keys_prefix).into_bytes(),
                kind == "hash",
            )
        })
    };
    kinds
        .into_iter()
        .flat_map(|(kind, count)| named(kind, count))
        .collect()
}

/// Does to a state what the server must do to the keys.
pub fn apply(state: &mut State, change: Change) {
    match change {
        Change::Set(key, value) => drop(state.insert(key, Held::Text(value))),
        Change::Drop(key) => drop(state.remove(&key)),
        Change::Raise(key) => {
            let held = state.entry(key).or_insert_with(|| Held::Text(b"0".to_vec()));
            if let Held::Text(text) = held {
                let count: u64 = String::from_utf8_lossy(text).parse().expect("a counter");
                *text = (count + 1).to_string().into_bytes();
            }
        }
        Change::Field(key, field, value) => {
            if let Held::Hash(fields) = state.entry(key).or_insert_with(|| Held::Hash(BTreeMap::new())) {
                fields.insert(field, value);
            }
        }
        Change::DropField(key, field) => {
            if let Some(Held::Hash(fields)) = state.get_mut(&key) {
                fields.remove(&field);
                if fields.is_empty() {
                    state.remove(&key);
                }
            }
        }
    }
}

/// Appends a step as commands; returns how many replies it will bring.
pub fn commands(load: &Workload, step: &[Change], to: &mut Vec<u8>) -> usize {
    if step.len() == 1 {
        step.iter().for_each(|change| command(load, change, to));
        return 1;
    }
    if load.scripts && step.len() % 2 == 0 {
        let commands: Vec<Vec<Vec<u8>>> = step.iter().map(|change| words(load, change)).collect();
        let args = commands.into_iter().flat_map(|words| {
            let count = words.len().to_string().into_bytes();
            std::iter::once(count).chain(words)
        });
        let script = ["EVAL", SCRIPT, "0"].map(|word| word.as_bytes().to_vec());
        encode(script.into_iter().chain(args), to);
        return 1;
    }
    encode(["MULTI"], to);
    step.iter().for_each(|change| command(load, change, to));
    encode(["EXEC"], to);
    step.len() + 2
}

/// Runs commands: of each the number of its words, and these.
const SCRIPT: &str = "local at = 1 while at <= #ARGV do local last = at + tonumber(ARGV[at]) \
                      redis.call(unpack(ARGV, at + 1, last)) at = last + 1 end return redis.status_reply('OK')";

fn command(load: &Workload, change: &Change, to: &mut Vec<u8>) {
    encode(words(load, change), to);
}

fn words(load: &Workload, change: &Change) -> Vec<Vec<u8>> {
    let (name, args): (&str, Vec<&[u8]>) = match change {
        Change::Set(key, value) => ("SET", vec![key, value]),
        Change::Field(key, field, value) => ("HSET", vec![key, field, value]),
        Change::Raise(key) => ("INCR", vec![key]),
        Change::Drop(key) => ("DEL", vec![key]),
        Change::DropField(key, field) => ("HDEL", vec![key, field]),
    };
    let name = format!("{}{name}", load.commands_prefix).into_bytes();
    std::iter::once(name)
        .chain(args.into_iter().map(<[u8]>::to_vec))
        .collect()
}
