//! ZPOPMIN, ZPOPMAX, ZMPOP.

use std::ffi::CStr;
use std::ops::Range;

use module_api::string::Args;
use mylog_core::value::ZSet;
use mylog_core::value::integer;
use redis_grammar::c_text::option;

use super::write::take_out;
use crate::acks::errors::SYNTAX;
use crate::acks::reply::{Reply, Unchanged};
use crate::execute::invocation::{Call, Target};

const NOT_POSITIVE: Unchanged = Unchanged(Reply::error(c"ERR value is out of range, must be positive"));
const FEW_KEYS: Unchanged = Unchanged(Reply::error(c"ERR numkeys should be greater than 0"));
const FEW_MEMBERS: Unchanged = Unchanged(Reply::error(c"ERR count should be greater than 0"));

/// The end from which members are popped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum End {
    Lowest,
    Highest,
}

impl End {
    fn event(self) -> &'static CStr {
        match self {
            Self::Lowest => c"zpopmin",
            Self::Highest => c"zpopmax",
        }
    }

    /// The command that replicates a pop.
    pub(in crate::commands) fn command(self) -> &'static CStr {
        match self {
            Self::Lowest => c"MYLOG.ZPOPMIN",
            Self::Highest => c"MYLOG.ZPOPMAX",
        }
    }
}

/// Pops up to `count` members of an open key. `count` is not 0.
fn pop(
    call: &mut Call<'_>,
    target: &mut Target<'_>,
    end: End,
    count: usize,
) -> Result<Vec<(Vec<u8>, f64)>, Unchanged> {
    let popped = target.read(|zset: Option<&ZSet>| {
        let members = zset.map(|zset| match end {
            End::Lowest => zset.lowest(count),
            End::Highest => zset.highest(count),
        });
        let members = members.into_iter().flatten();
        members
            .map(|(member, score)| (member.to_vec(), score))
            .collect::<Vec<_>>()
    })?;
    if !popped.is_empty() {
        let names: Vec<&[u8]> = popped.iter().map(|(member, _)| member.as_slice()).collect();
        take_out(call, target, &names, end.event())?;
    }
    Ok(popped)
}

/// Pops one member of an open key, if there is one.
fn pop_single(
    call: &mut Call<'_>,
    target: &mut Target<'_>,
    end: End,
) -> Result<Option<(Vec<u8>, f64)>, Unchanged> {
    let popped = target.read(|zset: Option<&ZSet>| {
        let zset = zset?;
        let (member, score) = match end {
            End::Lowest => zset.lowest(1).next(),
            End::Highest => zset.highest(1).next(),
        }?;
        Some((member.to_vec(), score))
    })?;
    if let Some((member, _)) = &popped {
        take_out(call, target, &[member], end.event())?;
    }
    Ok(popped)
}

/// The popped members as replies: each with its score in an array of its own (`nested`), or one after the other.
fn shown(popped: Vec<(Vec<u8>, f64)>, nested: bool) -> impl Iterator<Item = Reply> {
    let head = Reply::Array(if nested { popped.len() } else { 2 * popped.len() });
    let members = popped.into_iter().flat_map(move |(member, score)| {
        let pair = [Reply::Bulk(member), Reply::Double(score)];
        nested.then_some(Reply::Array(2)).into_iter().chain(pair)
    });
    std::iter::once(head).chain(members)
}

fn pop_of_one(call: &mut Call<'_>, end: End) -> Result<Reply, Unchanged> {
    if call.args.len() > 3 {
        return Err(SYNTAX);
    }
    let count = match call.args.len() {
        3 => {
            let count = integer(call.args.get(2)).filter(|count| *count >= 0);
            Some(count.ok_or(NOT_POSITIVE)?)
        }
        _ => None,
    };
    let mut target = call.open(1);
    let Some(count) = count else {
        let (member, score) = pop_single(call, &mut target, end)?.ok_or(Reply::Array(0))?;
        let parts = vec![Reply::Array(2), Reply::Bulk(member), Reply::Double(score)];
        return Ok(Reply::Parts(parts));
    };
    let wanted = usize::try_from(count).unwrap_or(usize::MAX);
    let popped = pop(call, &mut target, end, wanted)?;
    if popped.is_empty() {
        return Err(Unchanged(Reply::Array(0)));
    }
    let nested = call.is_resp3();
    Ok(Reply::Parts(shown(popped, nested).collect()))
}

/// ZPOPMIN key [count]
pub(super) fn zpopmin(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    pop_of_one(call, End::Lowest)
}

/// ZPOPMAX key [count]
pub(super) fn zpopmax(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    pop_of_one(call, End::Highest)
}

/// The places of the keys that the argument at `counted` counts, the end from which to pop, and the number of members.
pub(in crate::commands) fn options(
    args: Args<'_>,
    counted: usize,
) -> Result<(Range<usize>, End, usize), Unchanged> {
    let keys = integer(args.get(counted))
        .filter(|keys| *keys > 0)
        .ok_or(FEW_KEYS)?;
    let side = usize::try_from(keys)
        .ok()
        .and_then(|keys| keys.checked_add(counted + 1));
    let side = side.filter(|side| *side < args.len()).ok_or(SYNTAX)?;
    let end = match option(args.get(side)) {
        word if word.eq_ignore_ascii_case(b"min") => End::Lowest,
        word if word.eq_ignore_ascii_case(b"max") => End::Highest,
        _ => return Err(SYNTAX),
    };
    let (mut count, mut place) = (None, side + 1);
    while place < args.len() {
        let is_count = option(args.get(place)).eq_ignore_ascii_case(b"count");
        if count.is_some() || !is_count || place + 1 == args.len() {
            return Err(SYNTAX);
        }
        let wanted = integer(args.get(place + 1)).filter(|count| *count > 0);
        count = Some(wanted.ok_or(FEW_MEMBERS)?);
        place += 2;
    }
    let count = usize::try_from(count.unwrap_or(1)).unwrap_or(usize::MAX);
    Ok((counted + 1..side, end, count))
}

/// The key from which members were popped, and the members with their scores.
pub(super) type Popped<'c> = (&'c [u8], Vec<(Vec<u8>, f64)>);

/// Pops from the first of these keys that exists.
pub(in crate::commands) fn pop_first<'c>(
    call: &mut Call<'c>,
    keys: Range<usize>,
    end: End,
    count: usize,
) -> Result<Option<Popped<'c>>, Unchanged> {
    for place in keys {
        let mut target = call.open(place);
        let popped = pop(call, &mut target, end, count)?;
        if !popped.is_empty() {
            return Ok(Some((target.name(), popped)));
        }
    }
    Ok(None)
}

/// Pops up to `count` members from the first of these keys that exists. The reply is the key and the members.
pub(in crate::commands) fn pop_many(
    call: &mut Call<'_>,
    keys: Range<usize>,
    end: End,
    count: usize,
) -> Result<Option<Reply>, Unchanged> {
    let Some((key, popped)) = pop_first(call, keys, end, count)? else {
        return Ok(None);
    };
    call.replicate_as(end.command(), [key, popped.len().to_string().as_bytes()]);
    let head = [Reply::Array(2), Reply::Bulk(key.to_vec())];
    Ok(Some(Reply::Parts(
        head.into_iter().chain(shown(popped, true)).collect(),
    )))
}

/// ZMPOP numkeys key [key ...] MIN | MAX [COUNT count]
pub(super) fn zmpop(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let (keys, end, count) = options(call.args, 1)?;
    pop_many(call, keys, end, count)?.ok_or(Unchanged(Reply::NullArray))
}
