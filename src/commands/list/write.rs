//! The list commands that change one list.

use std::ffi::CStr;

use module_api::keys::notify::Class;
use module_api::server;
use mylog_core::effect::Change;
use mylog_core::value::{List, Side, integer};
use redis_grammar::c_text::option;

use super::read::{place, span};
use crate::acks::errors::{NOT_AN_INTEGER, NOT_POSITIVE, SYNTAX};
use crate::acks::reply::{Reply, Unchanged};
use crate::commands::shared::number::{at_least, either_way};
use crate::execute::invocation::{Call, Target};

const LPOP_ARITY: Unchanged = Unchanged(Reply::error(c"ERR wrong number of arguments for 'lpop' command"));
const RPOP_ARITY: Unchanged = Unchanged(Reply::error(c"ERR wrong number of arguments for 'rpop' command"));
const NO_SUCH_KEY: Unchanged = Unchanged(Reply::error(c"ERR no such key"));
/// The first version that refuses the smallest integer as a count, since no integer is its negative.
const BOUNDED_LREM_SINCE: i32 = 0x0007_0200;
const INDEX_OUT_OF_RANGE: Unchanged = Unchanged(Reply::error(c"ERR index out of range"));

/// The event of a push.
pub(super) fn pushed(side: Side) -> &'static CStr {
    match side {
        Side::Head => c"lpush",
        Side::Tail => c"rpush",
    }
}

/// The event of a pop.
pub(super) fn popped(side: Side) -> &'static CStr {
    match side {
        Side::Head => c"lpop",
        Side::Tail => c"rpop",
    }
}

fn push(call: &mut Call<'_>, side: Side, missing_too: bool) -> Result<Reply, Unchanged> {
    let mut target = call.open(1);
    let before = target.read(|list: Option<&List>| list.map(List::len))?;
    if before.is_none() && !missing_too {
        return Err(Unchanged(Reply::Int(0)));
    }
    let one = [call.args.get(2)];
    let elements = match call.args.len() {
        3 => one[..].into(),
        _ => call.args.from(2).collect::<Vec<_>>().into(),
    };
    call.commit(&mut target, Change::ListPush { side, elements })?;
    call.changed(&target, Class::List, pushed(side));
    Ok(Reply::Int((before.unwrap_or(0) + call.args.len() - 2) as i64))
}

/// LPUSH key element [element ...]
pub(super) fn lpush(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    push(call, Side::Head, true)
}

/// RPUSH key element [element ...]
pub(super) fn rpush(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    push(call, Side::Tail, true)
}

/// LPUSHX key element [element ...]
pub(super) fn lpushx(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    push(call, Side::Head, false)
}

/// RPUSHX key element [element ...]
pub(super) fn rpushx(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    push(call, Side::Tail, false)
}

/// The elements that the next `count` pops at an end would remove, as replies.
pub(super) fn next_out(list: &List, side: Side, count: usize) -> Vec<Reply> {
    let elements = match side {
        Side::Head => list.iter(),
        Side::Tail => list.iter_from(list.len().saturating_sub(1), true),
    };
    elements
        .take(count)
        .map(|element| Reply::Bulk(element.to_vec()))
        .collect()
}

/// The element that the next pop at an end would remove, as a reply.
fn first_out(list: &List, side: Side) -> Option<Reply> {
    let element = match side {
        Side::Head => list.get(0),
        Side::Tail => list.get(list.len().checked_sub(1)?),
    };
    element.map(|element| Reply::Bulk(element.to_vec()))
}

/// Removes `count` elements at an end, and sends the events.
pub(super) fn take(
    call: &mut Call<'_>,
    target: &mut Target<'_>,
    side: Side,
    count: usize,
) -> Result<(), Unchanged> {
    let count = count as u64;
    call.commit(target, Change::ListPop { side, count })?;
    tell(call, target, popped(side));
    Ok(())
}

/// Sends the event of a removal, and that of the deletion if the list is empty by now.
pub(super) fn tell(call: &Call<'_>, target: &Target<'_>, event: &CStr) {
    call.changed(target, Class::List, event);
    if !target.exists() {
        call.notify(target, c"del");
    }
}

fn pop(call: &mut Call<'_>, side: Side, arity: Unchanged) -> Result<Reply, Unchanged> {
    let count = match call.args.len() {
        2 => None,
        3 => Some(at_least(0, call.args.get(2), NOT_POSITIVE)?),
        _ => return Err(arity),
    };
    let mut target = call.open(1);
    let Some(count) = count else {
        let next = target.read(|list: Option<&List>| list.and_then(|list| first_out(list, side)))?;
        let next = next.ok_or(Unchanged(Reply::Null))?;
        take(call, &mut target, side, 1)?;
        return Ok(next);
    };
    let taken = target.read(|list: Option<&List>| list.map(|list| next_out(list, side, count)))?;
    let mut taken = taken.ok_or(Unchanged(Reply::NullArray))?;
    if taken.is_empty() {
        return Err(Unchanged(Reply::Array(0)));
    }
    take(call, &mut target, side, taken.len())?;
    taken.insert(0, Reply::Array(taken.len()));
    Ok(Reply::Parts(taken))
}

/// LPOP key [count]
pub(super) fn lpop(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    pop(call, Side::Head, LPOP_ARITY)
}

/// RPOP key [count]
pub(super) fn rpop(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    pop(call, Side::Tail, RPOP_ARITY)
}

/// LSET key index element
pub(super) fn lset(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut target = call.open(1);
    let len = target
        .read(|list: Option<&List>| list.map(List::len))?
        .ok_or(NO_SUCH_KEY)?;
    let index = integer(call.args.get(2)).ok_or(NOT_AN_INTEGER)?;
    let index = place(index, len).ok_or(INDEX_OUT_OF_RANGE)? as u64;
    let element = call.args.get(3);
    call.commit(&mut target, Change::ListSet { index, element })?;
    call.changed(&target, Class::List, c"lset");
    Ok(Reply::OK)
}

/// LINSERT key BEFORE | AFTER pivot element
pub(super) fn linsert(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let behind = match &*option(call.args.get(2)).to_ascii_lowercase() {
        b"after" => 1,
        b"before" => 0,
        _ => return Err(SYNTAX),
    };
    let mut target = call.open(1);
    let (pivot, element) = (call.args.get(3), call.args.get(4));
    let (len, at) = target
        .read(|list: Option<&List>| {
            list.map(|list| (list.len(), list.iter().position(|held| held == pivot)))
        })?
        .ok_or(Reply::Int(0))?;
    let index = (at.ok_or(Reply::Int(-1))? + behind) as u64;
    call.commit(&mut target, Change::ListInsert { index, element })?;
    call.changed(&target, Class::List, c"linsert");
    Ok(Reply::Int(len as i64 + 1))
}

/// Indexes of the elements that LREM removes, in ascending order.
fn found(list: &List, element: &[u8], count: i64) -> Vec<u64> {
    let most = match count {
        0 => usize::MAX,
        _ => usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX),
    };
    if count >= 0 {
        let places = list.iter().enumerate().filter(|(_, held)| *held == element);
        return places.take(most).map(|(index, _)| index as u64).collect();
    }
    let from_the_end = (0..list.len())
        .rev()
        .zip(list.iter_from(list.len().saturating_sub(1), true));
    let places = from_the_end.filter(|(_, held)| *held == element);
    let mut found: Vec<_> = places.take(most).map(|(index, _)| index as u64).collect();
    found.reverse();
    found
}

/// LREM key count element
pub(super) fn lrem(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let count = match integer(call.args.get(2)) {
        Some(count) if server::version() < BOUNDED_LREM_SINCE => count,
        _ => either_way(call.args.get(2))?,
    };
    let mut target = call.open(1);
    let indexes = target.read(|list: Option<&List>| list.map(|list| found(list, call.args.get(3), count)))?;
    let indexes = indexes.filter(|found| !found.is_empty()).ok_or(Reply::Int(0))?;
    let (removed, indexes) = (indexes.len(), indexes.into());
    call.commit(&mut target, Change::ListRemoveAt { indexes })?;
    tell(call, &target, c"lrem");
    Ok(Reply::Int(removed as i64))
}

/// LTRIM key start stop
pub(super) fn ltrim(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let start = integer(call.args.get(2)).ok_or(NOT_AN_INTEGER)?;
    let stop = integer(call.args.get(3)).ok_or(NOT_AN_INTEGER)?;
    let mut target = call.open(1);
    let len = target
        .read(|list: Option<&List>| list.map(List::len))?
        .ok_or(Unchanged(Reply::OK))?;
    let kept = span(start, stop, len);
    let cut = match kept.is_empty() {
        true => [(Side::Head, len), (Side::Tail, 0)],
        false => [(Side::Head, kept.start), (Side::Tail, len - kept.end)],
    };
    for (side, count) in cut {
        let count = count as u64;
        if count > 0 {
            call.commit(&mut target, Change::ListPop { side, count })?;
        }
    }
    // The native command sends the event also if no element was removed.
    tell(call, &target, c"ltrim");
    Ok(Reply::OK)
}
