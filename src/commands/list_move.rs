//! The list commands with several keys.

use mylog_core::effect::{Effect, Side};
use mylog_core::value::List;

use super::SYNTAX;
use super::list::{next_out, popped, pushed, take, tell};
use super::number::{at_least, option};
use crate::api::events::Class;
use crate::call::Call;
use crate::reply::Reply;

const LEAST_NUMKEYS: &std::ffi::CStr = c"ERR numkeys should be greater than 0";
const LEAST_COUNT: &std::ffi::CStr = c"ERR count should be greater than 0";

fn side(word: &[u8]) -> Result<Side, Reply> {
    match &*option(word).to_ascii_lowercase() {
        b"left" => Ok(Side::Head),
        b"right" => Ok(Side::Tail),
        _ => Err(SYNTAX),
    }
}

/// LMOVE source destination LEFT | RIGHT LEFT | RIGHT
pub(super) fn lmove(call: &mut Call<'_>) -> Result<Reply, Reply> {
    let (from, to) = (side(call.args.get(3))?, side(call.args.get(4))?);
    move_one(call, from, to)
}

/// RPOPLPUSH source destination
pub(super) fn rpoplpush(call: &mut Call<'_>) -> Result<Reply, Reply> {
    move_one(call, Side::Tail, Side::Head)
}

fn move_one(call: &mut Call<'_>, from: Side, to: Side) -> Result<Reply, Reply> {
    let mut source = call.open(1);
    let end = |list: &List| {
        let last = list.len().saturating_sub(1);
        let at = if from == Side::Head { 0 } else { last };
        list.get(at).map(|element| (element.to_vec(), list.len()))
    };
    let moved = source.read(|list: Option<&List>| list.and_then(end))?;
    let (element, len) = moved.ok_or(Reply::Null)?;
    let db = call.db;
    let pop = Effect::ListPop {
        db,
        key: source.name(),
        side: from,
        count: 1,
    };
    let elements = [&*element];
    let push = Effect::ListPush {
        db,
        key: call.args.get(2),
        side: to,
        elements: elements[..].into(),
    };
    if call.args.get(1) == call.args.get(2) {
        // One handle: two of one key would not hear of each other. One element alone stays where it is, or
        // the key would be gone for a moment, and its end with it.
        if from != to && len > 1 {
            call.commit(&mut source, &pop);
            call.commit(&mut source, &push);
        }
        call.changed(&source, Class::List, pushed(to));
        call.changed(&source, Class::List, popped(from));
        return Ok(Reply::Bulk(element));
    }
    let mut target = call.open(2);
    target.read(|_: Option<&List>| ())?;
    call.commit(&mut target, &push);
    call.commit(&mut source, &pop);
    call.changed(&target, Class::List, pushed(to));
    tell(call, &source, popped(from));
    Ok(Reply::Bulk(element))
}

/// LMPOP numkeys key [key ...] LEFT | RIGHT [COUNT count]
pub(super) fn lmpop(call: &mut Call<'_>) -> Result<Reply, Reply> {
    let args = call.args;
    let behind_keys = at_least(1, args.get(1), LEAST_NUMKEYS)?.saturating_add(2);
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
    for place in 2..behind_keys {
        let mut target = call.open(place);
        let taken = target.read(|list: Option<&List>| list.map(|list| next_out(list, side, count)))?;
        let Some(taken) = taken else { continue };
        let (key, len) = (target.name(), taken.len());
        take(call, &mut target, side, len);
        let name = match side {
            Side::Head => c"MYLOG.LPOP",
            Side::Tail => c"MYLOG.RPOP",
        };
        call.replicate_as(name, [key, len.to_string().as_bytes()]);
        let head = [Reply::Array(2), Reply::Bulk(key.to_vec()), Reply::Array(len)];
        return Ok(Reply::Parts(head.into_iter().chain(taken).collect()));
    }
    Err(Reply::NullArray)
}
