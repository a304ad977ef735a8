//! The commands that wait for a list or a sorted set from which they can pop.

pub(super) mod table;

use std::ops::Range;

use module_api::context::Flags;
use module_api::{Ctx, server};
use mylog_core::value::{Kind, Side, integer};
use redis_grammar::long_double::{LongDouble, TooLarge};

use crate::acks::reply::{Reply, Unchanged};
use crate::commands::list::moves;
use crate::commands::zset::pop::{self, End};
use crate::execute::blocking_pops::{self, Attempt, Pop};
use crate::execute::invocation::Call;

const NOT_A_TIMEOUT: Unchanged = Unchanged(Reply::error(c"ERR timeout is not a float or out of range"));
const NEGATIVE: Unchanged = Unchanged(Reply::error(c"ERR timeout is negative"));
const TOO_LONG: Unchanged = Unchanged(Reply::error(c"ERR timeout is out of range"));
const NOT_FROM_SCRIPT: Unchanged =
    Unchanged(Reply::error(c"ERR This Redis command is not allowed from script"));

/// For whole seconds up to this number neither fractions nor an overflow have to be checked.
const LONG_S: i64 = 1 << 32;

/// A timeout in seconds as ms; 0 means that the command waits without end.
fn timeout(text: &[u8]) -> Result<i64, Unchanged> {
    // The common case.
    if let Some(seconds @ 0..=LONG_S) = integer(text) {
        return Ok(seconds * 1000);
    }
    let seconds = LongDouble::parse(text).ok_or(NOT_A_TIMEOUT)?;
    match seconds.ceil_thousandths() {
        Ok(ms) if ms < 0 => Err(NEGATIVE),
        // The server would add the present time to the timeout.
        Ok(ms) if ms > i64::MAX - server::now_ms() => Err(TOO_LONG),
        Ok(ms) => Ok(ms),
        Err(TooLarge { negative: true }) => Err(NEGATIVE),
        // Before 7.2 the native command overflows to a negative timeout.
        Err(TooLarge { negative: false }) if !Ctx::hears_unit_ends() => Err(NEGATIVE),
        Err(TooLarge { negative: false }) => Err(TOO_LONG),
    }
}

/// Before 7.2 scripts may not run the older of these commands.
fn refuse_scripts(call: &Call<'_>) -> Result<(), Unchanged> {
    match call.ctx.flags().any(Flags::LUA) && !Ctx::hears_unit_ends() {
        true => Err(NOT_FROM_SCRIPT),
        false => Ok(()),
    }
}

/// Runs a command whose arguments are keys, and last a timeout.
fn keys_then_timeout(call: &mut Call<'_>, kind: Kind, attempt: Attempt) -> Result<Reply, Unchanged> {
    refuse_scripts(call)?;
    let last = call.args.len() - 1;
    let pop = Pop {
        attempt,
        keys: 1..last,
        kind,
        timeout_ms: timeout(call.args.get(last))?,
        at_once: Reply::NullArray,
    };
    blocking_pops::pop(call, pop)
}

/// Runs a command whose arguments are a timeout, the number of keys, and the keys.
fn timeout_then_keys(
    call: &mut Call<'_>,
    kind: Kind,
    keys: Range<usize>,
    attempt: Attempt,
) -> Result<Reply, Unchanged> {
    let pop = Pop {
        attempt,
        keys,
        kind,
        timeout_ms: timeout(call.args.get(1))?,
        at_once: Reply::NullArray,
    };
    blocking_pops::pop(call, pop)
}

fn pop_element(call: &mut Call<'_>, keys: Range<usize>, side: Side) -> Result<Option<Reply>, Unchanged> {
    let Some((key, taken)) = moves::pop_first(call, keys, side, 1)? else {
        return Ok(None);
    };
    call.replicate_as(moves::command(side), [key]);
    let head = [Reply::Array(2), Reply::Bulk(key.to_vec())];
    Ok(Some(Reply::Parts(head.into_iter().chain(taken).collect())))
}

/// BLPOP key [key ...] timeout
pub(super) fn blpop(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    keys_then_timeout(call, Kind::List, |call, keys| pop_element(call, keys, Side::Head))
}

/// BRPOP key [key ...] timeout
pub(super) fn brpop(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    keys_then_timeout(call, Kind::List, |call, keys| pop_element(call, keys, Side::Tail))
}

/// BLMPOP timeout numkeys key [key ...] LEFT | RIGHT [COUNT count]
pub(super) fn blmpop(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let (keys, ..) = moves::options(call.args, 2)?;
    timeout_then_keys(call, Kind::List, keys, |call, keys| {
        let (_, side, count) = moves::options(call.args, 2)?;
        moves::pop_many(call, keys, side, count)
    })
}

fn moves(call: &mut Call<'_>, timeout_place: usize, attempt: Attempt) -> Result<Reply, Unchanged> {
    let pop = Pop {
        attempt,
        keys: 1..2,
        kind: Kind::List,
        timeout_ms: timeout(call.args.get(timeout_place))?,
        at_once: Reply::Null,
    };
    blocking_pops::pop(call, pop)
}

/// BLMOVE source destination LEFT | RIGHT LEFT | RIGHT timeout
pub(super) fn blmove(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    refuse_scripts(call)?;
    for place in [3, 4] {
        moves::side(call.args.get(place))?;
    }
    moves(call, 5, |call, _| {
        let (from, to) = (moves::side(call.args.get(3))?, moves::side(call.args.get(4))?);
        let moved = moves::move_one(call, from, to)?;
        let args = call.args;
        call.replicate_as(c"MYLOG.LMOVE", args.from(1).take(4));
        Ok(moved)
    })
}

/// BRPOPLPUSH source destination timeout
pub(super) fn brpoplpush(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    refuse_scripts(call)?;
    moves(call, 3, |call, _| {
        let moved = moves::move_one(call, Side::Tail, Side::Head)?;
        let args = call.args;
        call.replicate_as(c"MYLOG.RPOPLPUSH", args.from(1).take(2));
        Ok(moved)
    })
}

fn pop_member(call: &mut Call<'_>, keys: Range<usize>, end: End) -> Result<Option<Reply>, Unchanged> {
    let Some((key, popped)) = pop::pop_first(call, keys, end, 1)? else {
        return Ok(None);
    };
    call.replicate_as(end.command(), [key]);
    let head = [Reply::Array(3), Reply::Bulk(key.to_vec())];
    let member = popped
        .into_iter()
        .flat_map(|(member, score)| [Reply::Bulk(member), Reply::Double(score)]);
    Ok(Some(Reply::Parts(head.into_iter().chain(member).collect())))
}

/// BZPOPMIN key [key ...] timeout
pub(super) fn bzpopmin(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    keys_then_timeout(call, Kind::ZSet, |call, keys| pop_member(call, keys, End::Lowest))
}

/// BZPOPMAX key [key ...] timeout
pub(super) fn bzpopmax(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    keys_then_timeout(call, Kind::ZSet, |call, keys| {
        pop_member(call, keys, End::Highest)
    })
}

/// BZMPOP timeout numkeys key [key ...] MIN | MAX [COUNT count]
pub(super) fn bzmpop(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let (keys, ..) = pop::options(call.args, 2)?;
    timeout_then_keys(call, Kind::ZSet, keys, |call, keys| {
        let (_, end, count) = pop::options(call.args, 2)?;
        pop::pop_many(call, keys, end, count)
    })
}
