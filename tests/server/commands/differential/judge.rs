//! Whether two replies are the same: byte for byte, but where the native command itself promises less.

use super::calls::{Call, DURABLE_NAMES_BEGIN};
use crate::server::commands::parity_commands::NAMES_BEGIN;
use crate::server::commands::parity_sets;
use crate::support::Reply;

/// The reply of the durable side with the native names.
pub fn with_native_names(raw: &[u8]) -> Vec<u8> {
    let renamed = replace(
        raw,
        &[b"\n", DURABLE_NAMES_BEGIN].concat(),
        &[b"\n", NAMES_BEGIN].concat(),
    );
    // The error of a wrong number of arguments names the command as it was called.
    match renamed.starts_with(b"-") || renamed.windows(2).any(|two| two == b"\n-") {
        true => replace(&renamed, b" 'mylog.", b" '"),
        false => renamed,
    }
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with(from) {
            all.extend_from_slice(to);
            at += from.len();
        } else {
            all.push(text[at]);
            at += 1;
        }
    }
    all
}

/// The elements of an array reply, each with its bytes; `None` for another reply.
pub fn elements(raw: &[u8]) -> Option<Vec<(Reply, Vec<u8>)>> {
    let end = raw.windows(2).position(|two| two == b"\r\n")?;
    let count: usize = std::str::from_utf8(raw[..end].strip_prefix(b"*")?)
        .ok()?
        .parse()
        .ok()?;
    let mut rest = &raw[end + 2..];
    let element = |_| {
        let mut bytes = Vec::new();
        (Reply::read(&mut rest, &mut bytes).expect("a whole reply"), bytes)
    };
    Some((0..count).map(element).collect())
}

/// The one reply in an array of one: scripts wrap each, or a nil would end what they return.
pub fn unwrapped(raw: &[u8]) -> Vec<u8> {
    raw.strip_prefix(b"*1\r\n").unwrap_or(raw).to_vec()
}

/// What a command promises, beside the bytes.
pub fn agree(call: &Call, native: &Reply, durable: &Reply) -> bool {
    let name = &*call.command.name;
    if call.draws() {
        return shape(native) == shape(durable);
    }
    if name == "SCAN" {
        return in_order(name, native) == in_order(name, durable);
    }
    if name.starts_with("SORT") {
        return sorts_agree(call, native, durable);
    }
    if name.ends_with("SCAN") {
        return scans_agree(call, native, durable);
    }
    if name.starts_with('Z') {
        // A sorted set of ours keeps no sign of a zero.
        return unsigned_zeros(native) == unsigned_zeros(durable);
    }
    has_free_order(name) && in_order(name, native) == in_order(name, durable)
}

/// True for a command whose reply has an order only while the native value is in one piece.
pub fn has_free_order(name: &str) -> bool {
    matches!(name, "HGETALL" | "HKEYS" | "HVALS" | "HSCAN") || of_a_set(name)
}

/// True for one that shows members of sets, which have no order at all.
pub fn of_a_set(name: &str) -> bool {
    name == "SSCAN" || parity_sets::UNORDERED.contains(&name)
}

/// Neither sorted nor stored, a set is shown in any order; and which part of it, if only a part is.
fn sorts_agree(call: &Call, native: &Reply, durable: &Reply) -> bool {
    let args = &call.command.args;
    let stored = args.iter().any(|arg| arg == b"STORE");
    let limited = args.iter().any(|arg| arg == b"limit");
    match (native, durable) {
        (Reply::Array(one), Reply::Array(two)) if !stored && limited => one.len() == two.len(),
        (Reply::Array(_), Reply::Array(_)) if !stored => {
            in_order("SORT", native) == in_order("SORT", durable)
        }
        _ => false,
    }
}

/// The kind of the reply and its parts, in an order of their own.
fn in_order(name: &str, reply: &Reply) -> (u8, Vec<Vec<Reply>>) {
    let (kind, items) = match reply {
        // All in one step, so the cursor is the same.
        Reply::Array(parts) if name == "SCAN" => {
            let names = parts[1].clone().items();
            (0, parts[..1].iter().cloned().chain(names).collect())
        }
        Reply::Array(items) => (0, items.clone()),
        Reply::Set(items) => (1, items.clone()),
        Reply::Map(_) => (2, reply.clone().items()),
        other => return (3, vec![vec![other.clone()]]),
    };
    (kind, sorted_groups(&items, if name == "HGETALL" { 2 } else { 1 }))
}

fn sorted_groups(items: &[Reply], size: usize) -> Vec<Vec<Reply>> {
    let mut groups: Vec<_> = items.chunks(size).map(<[Reply]>::to_vec).collect();
    groups.sort();
    groups
}

/// A step of a scan: all of it in any order, or a part, whose cursor means something to its own side alone.
fn scans_agree(call: &Call, native: &Reply, durable: &Reply) -> bool {
    let (Reply::Array(native), Reply::Array(durable)) = (native, durable) else {
        return false;
    };
    let whole = |parts: &[Reply]| parts[0] == Reply::Bulk(b"0".to_vec());
    let from_start = matches!(&*call.command.args[1], b"0" | b"");
    if !from_start || !whole(native) || !whole(durable) {
        return true;
    }
    let alone = call
        .command
        .args
        .iter()
        .any(|arg| arg.eq_ignore_ascii_case(b"NOVALUES"));
    let size = if call.command.name == "SSCAN" || alone {
        1
    } else {
        2
    };
    let [native, durable] = [native, durable].map(|parts| sorted_groups(&parts[1].clone().items(), size));
    native == durable || (call.command.name == "ZSCAN" && numbers(native) == numbers(durable))
}

/// Members with their scores as numbers: a native set that was large once shows them with other digits.
fn numbers(groups: Vec<Vec<Reply>>) -> Vec<(Reply, u64)> {
    let number = |score: &Reply| -> f64 { score.clone().text().parse().expect("a score") };
    let groups = groups.into_iter();
    groups
        .map(|pair| (pair[0].clone(), (number(&pair[1]) + 0.0).to_bits()))
        .collect()
}

/// The reply with the zeros that a sorted set of ours keeps: none has a sign.
pub fn unsigned_zeros(reply: &Reply) -> Reply {
    match reply {
        Reply::Bulk(text) if text == b"-0" => Reply::Bulk(b"0".to_vec()),
        Reply::Double(text) if text == b"-0" => Reply::Double(b"0".to_vec()),
        Reply::Array(items) => Reply::Array(items.iter().map(unsigned_zeros).collect()),
        other => other.clone(),
    }
}

/// Kind and length of a reply and its parts, without what they show.
fn shape(reply: &Reply) -> Reply {
    let blank = |items: &[Reply]| items.iter().map(shape).collect();
    match reply {
        Reply::Bulk(_) => Reply::Bulk(Vec::new()),
        Reply::Double(_) => Reply::Double(Vec::new()),
        Reply::Int(_) => Reply::Int(0),
        Reply::Array(items) => Reply::Array(blank(items)),
        Reply::Set(items) => Reply::Set(blank(items)),
        other => other.clone(),
    }
}
