//! The hash commands that read.

use module_api::server;
use mylog_core::value::integer;
use redis_grammar::c_text::option;
use redis_grammar::glob;

use crate::acks::errors::{NOT_AN_INTEGER, SYNTAX};
use crate::acks::reply::{Reply, Unchanged};
use crate::commands::shared::number::cursor;
use crate::execute::invocation::Call;

/// Number of fields that a step of HSCAN visits without COUNT.
const SCAN_COUNT: i64 = 10;
/// The first Redis with HSCAN ... NOVALUES. Every supported Valkey has a higher version number, and has the option.
const NOVALUES_SINCE: i32 = 0x0007_0400;
/// The first Redis that parses cursors strictly; for Valkey as above.
const STRICT_CURSOR_SINCE: i32 = 0x0007_0400;

const INVALID_CURSOR: Unchanged = Unchanged(Reply::error(c"ERR invalid cursor"));
const NOVALUES_ELSEWHERE: Unchanged =
    Unchanged(Reply::error(c"ERR NOVALUES option can only be used in HSCAN"));

/// HGET key field
pub(super) fn hget(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut out = call.out();
    let field = call.args.get(2);
    call.read_hash(1, |hash| out.bulk_or_null(hash.and_then(|hash| hash.get(field))))?;
    Ok(out.finish())
}

/// HMGET key field [field ...]
pub(super) fn hmget(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut out = call.out();
    call.read_hash(1, |hash| {
        out.put(Reply::Array(call.args.len() - 2));
        for field in call.args.from(2) {
            out.bulk_or_null(hash.and_then(|hash| hash.get(field)));
        }
    })?;
    Ok(out.finish())
}

/// HGETALL key
pub(super) fn hgetall(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut out = call.out();
    call.read_hash(1, |hash| {
        out.put(Reply::Map(hash.map_or(0, |hash| hash.len())));
        for (field, value) in hash.iter().flat_map(|hash| hash.iter()) {
            out.bulk(field);
            out.bulk(value);
        }
    })?;
    Ok(out.finish())
}

/// HKEYS key
pub(super) fn hkeys(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut out = call.out();
    call.read_hash(1, |hash| {
        out.put(Reply::Array(hash.map_or(0, |hash| hash.len())));
        hash.iter()
            .flat_map(|hash| hash.iter())
            .for_each(|(field, _)| out.bulk(field));
    })?;
    Ok(out.finish())
}

/// HVALS key
pub(super) fn hvals(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut out = call.out();
    call.read_hash(1, |hash| {
        out.put(Reply::Array(hash.map_or(0, |hash| hash.len())));
        hash.iter()
            .flat_map(|hash| hash.iter())
            .for_each(|(_, value)| out.bulk(value));
    })?;
    Ok(out.finish())
}

/// HLEN key
pub(super) fn hlen(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let len = call.read_hash(1, |hash| hash.map_or(0, |hash| hash.len()))?;
    Ok(Reply::Int(len as i64))
}

/// HEXISTS key field
pub(super) fn hexists(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let field = call.args.get(2);
    let exists = call.read_hash(1, |hash| hash.is_some_and(|hash| hash.get(field).is_some()))?;
    Ok(Reply::Int(i64::from(exists)))
}

/// HSTRLEN key field
pub(super) fn hstrlen(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let field = call.args.get(2);
    let len = call.read_hash(1, |hash| {
        hash.and_then(|hash| hash.get(field)).map_or(0, <[u8]>::len)
    })?;
    Ok(Reply::Int(len as i64))
}

/// The options of one step of a scan.
pub(in crate::commands) struct Scan<'c> {
    pattern: Option<&'c [u8]>,
    pub(in crate::commands) count: usize,
    values: bool,
}

impl<'c> Scan<'c> {
    /// The cursor in the arguments, at which the step begins.
    pub(in crate::commands) fn cursor(call: &Call<'c>) -> Result<u64, Unchanged> {
        cursor(call.args.get(2), server::version() >= STRICT_CURSOR_SINCE).ok_or(INVALID_CURSOR)
    }

    /// True for an element that the step returns.
    pub(in crate::commands) fn shows(&self, name: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, name))
    }

    /// Reads the options. NOVALUES is refused for a scan whose elements have no values (`without_values`).
    pub(in crate::commands) fn read(call: &Call<'c>, without_values: bool) -> Result<Self, Unchanged> {
        let (args, mut place) = (call.args, 3);
        let mut scan = Self {
            pattern: None,
            count: SCAN_COUNT as usize,
            values: true,
        };
        while place < args.len() {
            let word = option(args.get(place)).to_ascii_uppercase();
            let value = (place + 1 < args.len()).then(|| args.get(place + 1));
            match (&*word, value) {
                (b"COUNT", Some(value)) => {
                    let count = integer(value).ok_or(NOT_AN_INTEGER)?;
                    scan.count = usize::try_from(count)
                        .ok()
                        .filter(|&count| count > 0)
                        .ok_or(SYNTAX)?;
                }
                (b"MATCH", Some(value)) => scan.pattern = Some(value),
                (b"NOVALUES", _) if server::version() >= NOVALUES_SINCE => {
                    if without_values {
                        return Err(NOVALUES_ELSEWHERE);
                    }
                    scan.values = false;
                }
                _ => return Err(SYNTAX),
            }
            place += if &*word == b"NOVALUES" { 1 } else { 2 };
        }
        Ok(scan)
    }
}

/// HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]
pub(super) fn hscan(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let from = Scan::cursor(call)?;
    let mut out = call.out();
    call.read_hash(1, |hash| {
        // The native command parses the options only if the key exists.
        let scan = match hash {
            Some(_) => Scan::read(call, false)?,
            None => Scan {
                pattern: None,
                count: 1,
                values: true,
            },
        };
        let mut shown = Vec::new();
        let next = hash.map_or(0, |hash| {
            hash.scan(from, scan.count, |field, value| {
                if scan.shows(field) {
                    shown.push(Reply::Bulk(field.to_vec()));
                    shown.extend(scan.values.then(|| Reply::Bulk(value.to_vec())));
                }
            })
        });
        out.put(Reply::Array(2));
        out.bulk(next.to_string().as_bytes());
        out.put(Reply::Array(shown.len()));
        shown.into_iter().for_each(|part| out.put(part));
        Ok::<(), Unchanged>(())
    })??;
    Ok(out.finish())
}
