//! The hash commands that write.

use std::ffi::CStr;

use module_api::keys::notify::Class;
use mylog_core::effect::Change;
use mylog_core::value::{Decimal, integer};
use redis_grammar::long_double::LongDouble;

use crate::acks::errors::{NOT_A_FLOAT, NOT_AN_INTEGER, NOT_FINITE, OVERFLOW};
use crate::acks::reply::{Reply, Unchanged};
use crate::execute::invocation::{Call, Target};

const ODD_HSET: Unchanged = Unchanged(Reply::error(c"ERR wrong number of arguments for 'hset' command"));
const ODD_HMSET: Unchanged = Unchanged(Reply::error(c"ERR wrong number of arguments for 'hmset' command"));
const HASH_NOT_AN_INTEGER: Unchanged = Unchanged(Reply::error(c"ERR hash value is not an integer"));
const HASH_NOT_A_FLOAT: Unchanged = Unchanged(Reply::error(c"ERR hash value is not a float"));
const NAN_OR_INFINITY: Unchanged = Unchanged(Reply::error(c"ERR value is NaN or Infinity"));

/// Sets all fields of the command, and returns the number of new fields.
fn set_pairs(call: &mut Call<'_>) -> Result<usize, Unchanged> {
    let mut target = call.open(1);
    let one = [(call.args.get(2), call.args.get(3))];
    let pairs = match call.args.len() {
        4 => one[..].into(),
        _ => {
            let fields = call.args.from(2).step_by(2);
            fields
                .zip(call.args.from(3).step_by(2))
                .collect::<Vec<_>>()
                .into()
        }
    };
    let before = target.read_hash(|hash| hash.map_or(0, |hash| hash.len()))?;
    call.commit(&mut target, Change::HashSet { pairs })?;
    let after = target
        .read_hash(|hash| hash.map_or(0, |hash| hash.len()))
        .unwrap_or(before);
    call.changed(&target, Class::Hash, c"hset");
    Ok(after - before)
}

/// HSET key field value [field value ...]
pub(super) fn hset(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    if call.args.len() % 2 == 1 {
        return Err(ODD_HSET);
    }
    set_pairs(call).map(|new| Reply::Int(new as i64))
}

/// HMSET key field value [field value ...]
pub(super) fn hmset(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    if call.args.len() % 2 == 1 {
        return Err(ODD_HMSET);
    }
    set_pairs(call).map(|_| Reply::OK)
}

/// Sets one field, and sends the event.
fn set_field(
    call: &mut Call<'_>,
    target: &mut Target<'_>,
    field: &[u8],
    value: &[u8],
    event: &CStr,
) -> Result<(), Unchanged> {
    let pairs = [(field, value)];
    let pairs = pairs[..].into();
    call.commit(target, Change::HashSet { pairs })?;
    call.changed(target, Class::Hash, event);
    Ok(())
}

/// HSETNX key field value
pub(super) fn hsetnx(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut target = call.open(1);
    let (field, value) = (call.args.get(2), call.args.get(3));
    if target.read_hash(|hash| hash.is_some_and(|hash| hash.get(field).is_some()))? {
        return Err(Unchanged(Reply::Int(0)));
    }
    set_field(call, &mut target, field, value, c"hset")?;
    Ok(Reply::Int(1))
}

/// HDEL key field [field ...]
pub(super) fn hdel(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut target = call.open(1);
    let fields = target.read_hash(|hash| {
        let mut fields: Vec<&[u8]> = Vec::new();
        if let Some(hash) = hash {
            fields.extend(call.args.from(2).filter(|field| hash.get(field).is_some()));
            fields.sort_unstable();
            fields.dedup();
        }
        fields
    })?;
    if fields.is_empty() {
        return Err(Unchanged(Reply::Int(0)));
    }
    let (deleted, fields) = (fields.len(), fields.into());
    call.commit(&mut target, Change::HashDel { fields })?;
    call.changed(&target, Class::Hash, c"hdel");
    if !target.exists() {
        call.notify(&target, c"del");
    }
    Ok(Reply::Int(deleted as i64))
}

/// HINCRBY key field increment
pub(super) fn hincrby(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let by = integer(call.args.get(3)).ok_or(NOT_AN_INTEGER)?;
    let mut target = call.open(1);
    let field = call.args.get(2);
    let old = target.read_hash(|hash| hash.and_then(|hash| hash.get(field)).map_or(Some(0), integer))?;
    let new = old.ok_or(HASH_NOT_AN_INTEGER)?.checked_add(by).ok_or(OVERFLOW)?;
    let value = Decimal::of(new);
    set_field(call, &mut target, field, value.bytes(), c"hincrby")?;
    Ok(Reply::Int(new))
}

/// HINCRBYFLOAT key field increment
pub(super) fn hincrbyfloat(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let by = LongDouble::parse(call.args.get(3)).ok_or(NOT_A_FLOAT)?;
    if by.is_infinite() {
        return Err(NAN_OR_INFINITY);
    }
    let mut target = call.open(1);
    let (key, field) = (target.name(), call.args.get(2));
    let old = target.read_hash(|hash| match hash.and_then(|hash| hash.get(field)) {
        Some(value) => LongDouble::parse(value),
        None => Some(LongDouble::zero()),
    })?;
    let new = old
        .ok_or(HASH_NOT_A_FLOAT)?
        .add(&by)
        .ok_or(NOT_FINITE)?
        .human()
        .into_bytes();
    set_field(call, &mut target, field, &new, c"hincrbyfloat")?;
    call.replicate_as(c"MYLOG.HSET", [key, field, &new]);
    Ok(Reply::Bulk(new))
}
