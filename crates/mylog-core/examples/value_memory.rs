//! Memory of a key by the type of its value: what the process grows by, and what the value says of itself. Beside the
//! server's figures it lacks what the server holds of a module's key. `cargo run --release -p mylog-core --example value_memory`

use std::io::{self, Write};

use mylog_core::effect::{Change, Effect, NEVER, Ttl};
use mylog_core::store::Store;
use mylog_core::value::Side;

const KEYS: u32 = 20_000;

/// Bytes of memory that the process has.
fn resident() -> io::Result<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    Ok(pages.unwrap_or(0) * 4096)
}

fn names(count: u32) -> Vec<Vec<u8>> {
    (0..count)
        .map(|n| format!("member:{:08}", n * 7919).into_bytes())
        .collect()
}

/// Fills keys with the effect that `of` makes for each, and tells what one of them takes.
fn measure(what: &str, keys: u32, of: impl Fn(&[u8], &mut dyn FnMut(&Effect<'_>))) -> io::Result<()> {
    let (mut store, mut refused) = (Store::new(), false);
    let before = resident()?;
    for n in 0..keys {
        let key = format!("key:{n:010}").into_bytes();
        of(&key, &mut |effect| refused |= store.apply(effect).is_err());
    }
    if refused {
        return Err(io::Error::other(format!("{what}: an effect does not fit")));
    }
    let grown = resident()?.saturating_sub(before) / u64::from(keys);
    let held = store.entries().next().map_or(0, |entry| entry.value().memory());
    // What it gives back would be taken for the next one, and not be seen.
    std::mem::forget(store);
    writeln!(io::stdout(), "{what:32} {grown:9} bytes a key, the value {held}")
}

fn main() -> io::Result<()> {
    measure("string of 100 bytes", KEYS * 10, |key, apply| {
        apply(
            &Change::StrSet {
                ttl: Ttl::Set(NEVER),
                value: &[b'x'; 100],
            }
            .of(0, key),
        );
    })?;
    for (members, keys) in [(10, KEYS * 5), (100, KEYS), (100_000, 20)] {
        let all = names(members);
        let all: Vec<&[u8]> = all.iter().map(|name| &name[..]).collect();
        let pairs: Vec<(&[u8], &[u8])> = all.iter().map(|name| (*name, &b"value 1234"[..])).collect();
        let scored: Vec<(f64, &[u8])> = (0u32..).map(f64::from).zip(all.iter().copied()).collect();
        measure(&format!("hash of {members} fields"), keys, |key, apply| {
            let pairs = pairs.as_slice().into();
            apply(&Change::HashSet { pairs }.of(0, key));
        })?;
        measure(&format!("list of {members} elements"), keys, |key, apply| {
            let (side, elements) = (Side::Tail, all.as_slice().into());
            apply(&Change::ListPush { side, elements }.of(0, key));
        })?;
        measure(&format!("set of {members} members"), keys, |key, apply| {
            let members = all.as_slice().into();
            apply(&Change::SetAdd { members }.of(0, key));
        })?;
        measure(&format!("sorted set of {members} members"), keys, |key, apply| {
            let members = scored.as_slice().into();
            apply(&Change::ZSetSet { members }.of(0, key));
        })?;
    }
    Ok(())
}
