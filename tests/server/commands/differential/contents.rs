//! All that a side holds, in the words of the native types: names, kinds, values, ends.

use std::collections::BTreeMap;
use std::fmt;

use super::calls::DURABLE_NAMES_BEGIN;
use crate::server::commands::parity_commands::NAMES_BEGIN;
use crate::support::{Client, Reply};

/// Two clocks are read for one relative time, and the machine may be busy between the two.
const CLOCK_SLACK_MS: i64 = 60_000;

/// What one key holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Held {
    kind: &'static str,
    /// All parts of the value; sorted where the type has no order.
    parts: Vec<Vec<u8>>,
    /// Unix time in ms, -1 without an end.
    ends: i64,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.parts.iter().map(|part| shown(part)).collect();
        write!(f, "{} {parts:?} ends {}", self.kind, self.ends)
    }
}

/// The beginning of it.
fn shown(part: &[u8]) -> String {
    let begin = part.get(..40).unwrap_or(part).escape_ascii();
    match part.len() {
        ..=40 => begin.to_string(),
        len => format!("{begin}... ({len} bytes)"),
    }
}

impl Held {
    /// False for a value of a type that has no durable form.
    pub fn is_durable(&self) -> bool {
        self.kind != "stream"
    }
}

/// Every key by its name without the side's beginning.
pub type Contents = BTreeMap<Vec<u8>, Held>;

/// What the client's database holds. The client speaks RESP2.
pub fn contents(client: &mut Client, durable: bool) -> Contents {
    let begin = if durable { DURABLE_NAMES_BEGIN } else { NAMES_BEGIN };
    let keys: Vec<_> = client
        .run("KEYS *")
        .items()
        .into_iter()
        .filter_map(Reply::bytes)
        .collect();
    let about = |name: &'static str| {
        keys.iter()
            .map(move |key| vec![name.as_bytes().to_vec(), key.clone()])
    };
    let asked: Vec<_> = about("TYPE").chain(about("PEXPIRETIME")).collect();
    let told = client.pipeline(&asked);
    let (kinds, ends) = told.split_at(keys.len());
    let kinds: Vec<_> = kinds.iter().map(|kind| kind_of(&kind.clone().text())).collect();
    let asked: Vec<_> = keys
        .iter()
        .zip(&kinds)
        .map(|(key, kind)| reading(key, kind, durable))
        .collect();
    let values = client.pipeline(&asked);
    let held = kinds
        .iter()
        .zip(values)
        .zip(ends)
        .map(|((kind, value), ends)| Held {
            kind,
            parts: parts(kind, value),
            ends: ends.clone().int(),
        });
    let names = keys
        .iter()
        .map(|key| key.strip_prefix(begin).expect("a name of this side").to_vec());
    names.zip(held).collect()
}

/// The native name of a type.
fn kind_of(kind: &str) -> &'static str {
    match kind {
        "string" | "mylog-str" => "string",
        "hash" | "mylog-hsh" => "hash",
        "list" | "mylog-lst" => "list",
        "set" | "mylog-set" => "set",
        "zset" | "mylog-zst" => "zset",
        "stream" => "stream",
        other => panic!("a value of type {other}"),
    }
}

/// The command that shows all of a value. A native value where a durable one should be is an error to it.
fn reading(key: &[u8], kind: &str, durable: bool) -> Vec<Vec<u8>> {
    let words: &[&str] = match kind {
        "string" => &["GET"],
        "hash" => &["HGETALL"],
        "list" => &["LRANGE", "0", "-1"],
        "set" => &["SMEMBERS"],
        "zset" => &["ZRANGE", "0", "-1", "WITHSCORES"],
        _ => &["XLEN"],
    };
    let prefix = if durable && kind != "stream" { "MYLOG." } else { "" };
    let name = format!("{prefix}{}", words[0]).into_bytes();
    let rest = words[1..].iter().map(|word| word.as_bytes().to_vec());
    [name, key.to_vec()].into_iter().chain(rest).collect()
}

fn parts(kind: &str, value: Reply) -> Vec<Vec<u8>> {
    let flat = match value {
        Reply::Array(items) => items.into_iter().filter_map(Reply::bytes).collect(),
        Reply::Int(count) => vec![count.to_string().into_bytes()],
        Reply::Bulk(bytes) => vec![bytes],
        other => panic!("a {kind} shows {other:?}"),
    };
    match kind {
        "hash" => {
            let mut pairs: Vec<_> = flat.chunks(2).map(<[Vec<u8>]>::to_vec).collect();
            pairs.sort();
            pairs.concat()
        }
        "set" => {
            let mut members = flat;
            members.sort();
            members
        }
        // A score of ours has no sign when it is zero.
        "zset" => {
            let score = |(at, part): (usize, Vec<u8>)| {
                if at % 2 == 1 && part == b"-0" {
                    b"0".to_vec()
                } else {
                    part
                }
            };
            flat.into_iter().enumerate().map(score).collect()
        }
        _ => flat,
    }
}

/// Panics unless both hold the same: of ends that were given as a time from now, about the same.
pub fn agree(native: &Contents, durable: &Contents) {
    for name in native.keys().chain(durable.keys()) {
        let shown = name.escape_ascii();
        let (Some(left), Some(right)) = (native.get(name), durable.get(name)) else {
            panic!(
                "{shown}: native {:?}, durable {:?}",
                native.get(name),
                durable.get(name)
            );
        };
        assert_eq!(right.kind, left.kind, "{shown}: durable and native");
        assert!(
            right.parts == left.parts,
            "{shown}: native {left:?}, durable {right:?}"
        );
        let close = (left.ends < 0) == (right.ends < 0) && (left.ends - right.ends).abs() < CLOCK_SLACK_MS;
        assert!(
            close,
            "{shown} ends at {} natively, {} here",
            left.ends, right.ends
        );
    }
}

/// Panics unless it is what it was, to the millisecond.
pub fn unchanged(found: &Contents, wanted: &Contents, after: &str) {
    for name in wanted.keys().chain(found.keys()) {
        let shown = name.escape_ascii();
        assert_eq!(
            found.get(name),
            wanted.get(name),
            "{shown} after {after}: found and wanted"
        );
    }
}
