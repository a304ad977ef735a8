//! The string commands that neither set an expire time nor delete a key.

mod lcs;
pub(super) mod range;
mod set;
pub(super) mod table;

use module_api::keys::notify::Class;
use module_api::server::server_settings;
use mylog_core::effect::{Change, NEVER, Ttl};
use mylog_core::store::Form;
use mylog_core::value::{Decimal, integer};
use redis_grammar::long_double::LongDouble;

use crate::acks::errors::{NOT_A_FLOAT, NOT_AN_INTEGER, NOT_FINITE, OVERFLOW, TOO_LONG};
use crate::acks::reply::{Reply, Unchanged};
use crate::commands::shared::overwritten;
use crate::execute::invocation::Call;
use crate::execute::native_fallback;

const ODD_MSET: Unchanged = Unchanged(Reply::error(c"ERR wrong number of arguments for 'mset' command"));
const ODD_MSETNX: Unchanged = Unchanged(Reply::error(
    c"ERR wrong number of arguments for 'msetnx' command",
));
const DECREMENT_OVERFLOW: Unchanged = Unchanged(Reply::error(c"ERR decrement would overflow"));

/// GET key
pub(super) fn get(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut out = call.out();
    call.read_str(1, |value| out.bulk_or_null(value))?;
    Ok(out.finish())
}

/// MGET key [key ...]
pub(super) fn mget(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut out = call.out_of_many();
    out.put(Reply::Array(call.args.len() - 1));
    for place in 1..call.args.len() {
        // A key of another type counts as missing, except a native string that is not adopted yet.
        if call.read_str(place, |value| out.bulk_or_null(value)).is_err() {
            out.bulk_or_null(native_fallback::string(call, place).as_deref());
        }
    }
    Ok(out.finish())
}

/// STRLEN key
pub(super) fn strlen(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let len = call.read_str(1, |value| value.map_or(0, <[u8]>::len))?;
    Ok(Reply::Int(len as i64))
}

/// Sets all keys of the command.
fn set_pairs(call: &mut Call<'_>) -> Result<(), Unchanged> {
    for place in (1..call.args.len()).step_by(2) {
        let mut target = call.open(place);
        let (ttl, value) = (Ttl::Set(NEVER), call.args.get(place + 1));
        overwritten::commit(call, &mut target, Change::StrSet { ttl, value })?;
        call.changed(&target, Class::String, c"set");
    }
    Ok(())
}

/// MSET key value [key value ...]
pub(super) fn mset(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    if call.args.len() % 2 == 0 {
        return Err(ODD_MSET);
    }
    set_pairs(call)?;
    Ok(Reply::OK)
}

/// MSETNX key value [key value ...]
pub(super) fn msetnx(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    if call.args.len() % 2 == 0 {
        return Err(ODD_MSETNX);
    }
    if (1..call.args.len())
        .step_by(2)
        .any(|place| call.open(place).exists())
    {
        return Err(Unchanged(Reply::Int(0)));
    }
    set_pairs(call)?;
    Ok(Reply::Int(1))
}

/// APPEND key value
pub(super) fn append(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut target = call.open(1);
    let tail = call.args.get(2);
    let len = target.read_str(|value| value.map_or(0, <[u8]>::len))? + tail.len();
    if target.exists() && len > server_settings::longest_string() {
        return Err(TOO_LONG);
    }
    call.commit(&mut target, Change::StrAppend { tail })?;
    call.changed(&target, Class::String, c"append");
    Ok(Reply::Int(len as i64))
}

fn increment(call: &mut Call<'_>, by: i64) -> Result<Reply, Unchanged> {
    let mut target = call.open(1);
    let old = target
        .read_str(|value| value.map_or(Some(0), integer))?
        .ok_or(NOT_AN_INTEGER)?;
    let new = old.checked_add(by).ok_or(OVERFLOW)?;
    let value = Decimal::of(new);
    let value = value.bytes();
    let ttl = Ttl::Keep;
    call.commit(&mut target, Change::StrSet { ttl, value })?;
    call.changed(&target, Class::String, c"incrby");
    Ok(Reply::Int(new))
}

/// INCR key
pub(super) fn incr(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    increment(call, 1)
}

/// DECR key
pub(super) fn decr(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    increment(call, -1)
}

/// INCRBY key increment
pub(super) fn incrby(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let by = integer(call.args.get(2)).ok_or(NOT_AN_INTEGER)?;
    increment(call, by)
}

/// DECRBY key decrement
pub(super) fn decrby(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let by = integer(call.args.get(2)).ok_or(NOT_AN_INTEGER)?;
    increment(call, by.checked_neg().ok_or(DECREMENT_OVERFLOW)?)
}

/// INCRBYFLOAT key increment
pub(super) fn incrbyfloat(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut target = call.open(1);
    let old = target.read_str(|value| value.map_or_else(|| Some(LongDouble::zero()), LongDouble::parse))?;
    let old = old.ok_or(NOT_A_FLOAT)?;
    let by = LongDouble::parse(call.args.get(2)).ok_or(NOT_A_FLOAT)?;
    let new = old.add(&by).ok_or(NOT_FINITE)?.human().into_bytes();
    let key = target.name();
    call.commit(
        &mut target,
        Change::StrSet {
            ttl: Ttl::Keep,
            value: &new,
        },
    )?;
    call.written_as(&target, Form::Text);
    call.changed(&target, Class::String, c"incrbyfloat");
    call.replicate_as(c"MYLOG.SET", [key, &new, b"KEEPTTL"]);
    Ok(Reply::Bulk(new))
}
