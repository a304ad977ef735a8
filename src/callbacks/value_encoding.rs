//! The form of a value of each type in an RDB, in the server's AOF, and in a digest.

use module_api::keys::io::{Digest, Io};
use mylog_core::value::{Hash, Kind, List, Set, Side, Value, ValueRef, ZSet};

/// Writes a value into an RDB.
pub(super) fn save(io: Io<'_>, value: ValueRef<'_>) {
    if let ValueRef::Str(bytes) = value {
        return io.save_bytes(bytes);
    }
    io.save_number(value.len() as u64);
    match value {
        ValueRef::Str(_) => {}
        ValueRef::Hash(hash) => hash.iter().for_each(|(field, value)| {
            io.save_bytes(field);
            io.save_bytes(value);
        }),
        ValueRef::List(list) => list.iter().for_each(|element| io.save_bytes(element)),
        ValueRef::Set(set) => set.iter().for_each(|member| io.save_bytes(&member)),
        ValueRef::ZSet(zset) => zset.iter().for_each(|(member, score)| {
            io.save_bytes(member);
            io.save_number(score.to_bits());
        }),
    }
}

/// Reads a value of this type from an RDB, or from the argument of a client's RESTORE; `None` for invalid data. The claimed
/// number of elements is not trusted: nothing is allocated for elements before they are read.
pub(super) fn load(io: Io<'_>, kind: Kind) -> Option<Value> {
    if kind == Kind::Str {
        return io.load_bytes().map(|buffer| Value::Str(buffer.bytes().to_vec()));
    }
    let mut loading = Loading::new(kind)?;
    for _ in 0..io.load_number()? {
        loading.element(io)?;
    }
    Some(loading.0).filter(|value| !value.is_empty())
}

/// A value of which some elements were read.
struct Loading(Value);

impl Loading {
    fn new(kind: Kind) -> Option<Self> {
        Some(Self(match kind {
            Kind::Str => return None,
            Kind::Hash => Value::Hash(Hash::default()),
            Kind::List => Value::List(List::default()),
            Kind::Set => Value::Set(Set::default()),
            Kind::ZSet => Value::ZSet(ZSet::default()),
        }))
    }

    /// Reads one more element. A repeated field or member is invalid, since the value would have fewer elements than it claims.
    fn element(&mut self, io: Io<'_>) -> Option<()> {
        let first = io.load_bytes()?;
        let is_new = match &mut self.0 {
            Value::Str(_) => false,
            Value::Hash(hash) => hash.set(first.bytes(), io.load_bytes()?.bytes()),
            Value::List(list) => {
                list.push(Side::Tail, first.bytes());
                true
            }
            Value::Set(set) => set.add(first.bytes()),
            Value::ZSet(zset) => {
                // A NaN has no place in an order.
                let score = Some(f64::from_bits(io.load_number()?)).filter(|score| !score.is_nan())?;
                zset.set(first.bytes(), score).is_none()
            }
        };
        is_new.then_some(())
    }
}

/// Appends commands to an AOF that make the value.
pub(super) fn emit(io: Io<'_>, key: &[u8], value: ValueRef<'_>) {
    match value {
        ValueRef::Str(bytes) => io.emit_two(c"MYLOG.SET", key, bytes),
        ValueRef::Hash(hash) => hash.iter().for_each(|(field, value)| {
            io.emit_three(c"MYLOG.HSET", key, field, value);
        }),
        ValueRef::List(list) => list.iter().for_each(|element| {
            io.emit_two(c"MYLOG.RPUSH", key, element);
        }),
        ValueRef::Set(set) => set
            .iter()
            .for_each(|member| io.emit_two(c"MYLOG.SADD", key, &member)),
        ValueRef::ZSet(zset) => zset.iter().for_each(|(member, score)| {
            // The shortest text that is parsed as exactly this number.
            io.emit_three(c"MYLOG.ZADD", key, score.to_string().as_bytes(), member);
        }),
    }
}

/// Adds a value to a digest.
pub(super) fn digest(state: Digest<'_>, value: ValueRef<'_>) {
    let element = |parts: &[&[u8]]| {
        parts.iter().for_each(|part| state.add(part));
        state.end_element();
    };
    match value {
        ValueRef::Str(bytes) => element(&[bytes]),
        ValueRef::Hash(hash) => hash.iter().for_each(|(field, value)| element(&[field, value])),
        // The elements of a list have an order, so all of them are one element of the digest.
        ValueRef::List(list) => {
            list.iter().for_each(|item| state.add(item));
            state.end_element();
        }
        ValueRef::Set(set) => set.iter().for_each(|member| element(&[&member])),
        ValueRef::ZSet(zset) => zset.iter().for_each(|(member, score)| {
            // Minus zero has the same place as zero, so it counts as zero.
            element(&[member, &(score + 0.0).to_bits().to_le_bytes()]);
        }),
    }
}
