//! The list commands with several keys.

use std::ffi::CStr;
use std::ops::Range;

use module_api::keys::notify::Class;
use module_api::string::Args;
use mylog_core::effect::Change;
use mylog_core::value::{List, Side};
use redis_grammar::c_text::option;

use super::write::{next_out, popped, pushed, take, tell};
use crate::acks::errors::SYNTAX;
use crate::acks::reply::{Reply, Unchanged};
use crate::commands::shared::number::at_least;
use crate::execute::invocation::Call;

const LEAST_NUMKEYS: &CStr = c"ERR numkeys should be greater than 0";
const LEAST_COUNT: &CStr = c"ERR count should be greater than 0";

/// The end of a list for LEFT or RIGHT.
pub(in crate::commands) fn side(word: &[u8]) -> Result<Side, Unchanged> {
    match &*option(word).to_ascii_lowercase() {
        b"left" => Ok(Side::Head),
        b"right" => Ok(Side::Tail),
        _ => Err(SYNTAX),
    }
}

/// LMOVE source destination LEFT | RIGHT LEFT | RIGHT
pub(super) fn lmove(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let (from, to) = (side(call.args.get(3))?, side(call.args.get(4))?);
    move_one(call, from, to)?.ok_or(Unchanged(Reply::Null))
}

/// RPOPLPUSH source destination
pub(super) fn rpoplpush(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    move_one(call, Side::Tail, Side::Head)?.ok_or(Unchanged(Reply::Null))
}

/// Moves an element from the first key to the second. `None` if there is no such element.
pub(in crate::commands) fn move_one(
    call: &mut Call<'_>,
    from: Side,
    to: Side,
) -> Result<Option<Reply>, Unchanged> {
    let mut source = call.open(1);
    let end = |list: &List| {
        let last = list.len().saturating_sub(1);
        let at = if from == Side::Head { 0 } else { last };
        list.get(at).map(|element| (element.to_vec(), list.len()))
    };
    let moved = source.read(|list: Option<&List>| list.and_then(end))?;
    let Some((element, len)) = moved else {
        return Ok(None);
    };
    let pop = Change::ListPop { side: from, count: 1 };
    let elements = [&*element];
    let push = Change::ListPush {
        side: to,
        elements: elements[..].into(),
    };
    if call.args.get(1) == call.args.get(2) {
        // One handle: of two handles of the same key, one would not see the other's changes. A single element is not moved: the
        // pop would delete the key, and so lose its expire time.
        if from != to && len > 1 {
            call.commit(&mut source, pop)?;
            call.commit(&mut source, push)?;
        }
        call.changed(&source, Class::List, pushed(to));
        call.changed(&source, Class::List, popped(from));
        return Ok(Some(Reply::Bulk(element)));
    }
    let mut target = call.open(2);
    target.read(|_: Option<&List>| ())?;
    call.commit(&mut target, push)?;
    call.commit(&mut source, pop)?;
    call.changed(&target, Class::List, pushed(to));
    tell(call, &source, popped(from));
    Ok(Some(Reply::Bulk(element)))
}

/// The places of the keys that the argument at `counted` counts, the end from which to pop, and the number of elements.
pub(in crate::commands) fn options(
    args: Args<'_>,
    counted: usize,
) -> Result<(Range<usize>, Side, usize), Unchanged> {
    let keys = at_least(1, args.get(counted), LEAST_NUMKEYS)?;
    let behind_keys = keys.saturating_add(counted + 1);
    if behind_keys >= args.len() {
        return Err(SYNTAX);
    }
    let side = side(args.get(behind_keys))?;
    let count = match args.len() - behind_keys {
        1 => 1,
        more if more > 2 && option(args.get(behind_keys + 1)).eq_ignore_ascii_case(b"COUNT") => {
            let count = at_least(1, args.get(behind_keys + 2), LEAST_COUNT)?;
            if more > 3 {
                return Err(SYNTAX);
            }
            count
        }
        _ => return Err(SYNTAX),
    };
    Ok((counted + 1..behind_keys, side, count))
}

/// The key from which elements were popped, and the elements.
pub(super) type Popped<'c> = (&'c [u8], Vec<Reply>);

/// Pops from the first of these keys that exists.
pub(in crate::commands) fn pop_first<'c>(
    call: &mut Call<'c>,
    keys: Range<usize>,
    side: Side,
    count: usize,
) -> Result<Option<Popped<'c>>, Unchanged> {
    for place in keys {
        let mut target = call.open(place);
        let taken = target.read(|list: Option<&List>| list.map(|list| next_out(list, side, count)))?;
        let Some(taken) = taken else { continue };
        let (key, len) = (target.name(), taken.len());
        take(call, &mut target, side, len)?;
        return Ok(Some((key, taken)));
    }
    Ok(None)
}

/// The command that replicates a pop from one list.
pub(in crate::commands) fn command(side: Side) -> &'static CStr {
    match side {
        Side::Head => c"MYLOG.LPOP",
        Side::Tail => c"MYLOG.RPOP",
    }
}

/// Pops up to `count` elements from the first of these keys that exists. The reply is the key and the elements.
pub(in crate::commands) fn pop_many(
    call: &mut Call<'_>,
    keys: Range<usize>,
    side: Side,
    count: usize,
) -> Result<Option<Reply>, Unchanged> {
    let Some((key, taken)) = pop_first(call, keys, side, count)? else {
        return Ok(None);
    };
    call.replicate_as(command(side), [key, taken.len().to_string().as_bytes()]);
    let head = [
        Reply::Array(2),
        Reply::Bulk(key.to_vec()),
        Reply::Array(taken.len()),
    ];
    Ok(Some(Reply::Parts(head.into_iter().chain(taken).collect())))
}

/// LMPOP numkeys key [key ...] LEFT | RIGHT [COUNT count]
pub(super) fn lmpop(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let (keys, side, count) = options(call.args, 1)?;
    pop_many(call, keys, side, count)?.ok_or(Unchanged(Reply::NullArray))
}
