//! ZPOPMIN, ZPOPMAX, ZMPOP.

use std::ffi::CStr;

use mylog_core::value::ZSet;

use super::SYNTAX;
use super::number::{integer, option};
use super::zset::take_out;
use crate::call::{Call, Target};
use crate::reply::Reply;

const NOT_POSITIVE: Reply = Reply::error(c"ERR value is out of range, must be positive");
const FEW_KEYS: Reply = Reply::error(c"ERR numkeys should be greater than 0");
const FEW_MEMBERS: Reply = Reply::error(c"ERR count should be greater than 0");

/// From which end members are popped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
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

    /// The command that does the same wherever it runs.
    fn command(self) -> &'static CStr {
        match self {
            Self::Lowest => c"MYLOG.ZPOPMIN",
            Self::Highest => c"MYLOG.ZPOPMAX",
        }
    }
}

/// Pops as many members of an open key as there are, up to `count`, which is not 0.
fn pop(
    call: &mut Call<'_>,
    target: &mut Target<'_>,
    end: End,
    count: usize,
) -> Result<Vec<(Vec<u8>, f64)>, Reply> {
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
        take_out(call, target, &names, end.event());
    }
    Ok(popped)
}

/// What was popped, each member with its score in an array of its own or one behind the other.
fn shown(popped: Vec<(Vec<u8>, f64)>, nested: bool) -> impl Iterator<Item = Reply> {
    let head = Reply::Array(if nested { popped.len() } else { 2 * popped.len() });
    let members = popped.into_iter().flat_map(move |(member, score)| {
        let pair = [Reply::Bulk(member), Reply::Double(score)];
        nested.then_some(Reply::Array(2)).into_iter().chain(pair)
    });
    std::iter::once(head).chain(members)
}

fn pop_of_one(call: &mut Call<'_>, end: End) -> Result<Reply, Reply> {
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
    let wanted = usize::try_from(count.unwrap_or(1)).unwrap_or(usize::MAX);
    let popped = pop(call, &mut target, end, wanted)?;
    if popped.is_empty() {
        return Err(Reply::Array(0));
    }
    let nested = count.is_some() && call.is_resp3();
    Ok(Reply::Parts(shown(popped, nested).collect()))
}

/// ZPOPMIN key [count]
pub(super) fn zpopmin(call: &mut Call<'_>) -> Result<Reply, Reply> {
    pop_of_one(call, End::Lowest)
}

/// ZPOPMAX key [count]
pub(super) fn zpopmax(call: &mut Call<'_>) -> Result<Reply, Reply> {
    pop_of_one(call, End::Highest)
}

/// Where the options of ZMPOP begin, the end to pop from, and how many.
fn read_options(call: &Call<'_>) -> Result<(usize, End, usize), Reply> {
    let keys = integer(call.args.get(1))
        .filter(|keys| *keys > 0)
        .ok_or(FEW_KEYS)?;
    let side = usize::try_from(keys).ok().and_then(|keys| keys.checked_add(2));
    let side = side.filter(|side| *side < call.args.len()).ok_or(SYNTAX)?;
    let end = match option(call.args.get(side)) {
        word if word.eq_ignore_ascii_case(b"min") => End::Lowest,
        word if word.eq_ignore_ascii_case(b"max") => End::Highest,
        _ => return Err(SYNTAX),
    };
    let (mut count, mut place) = (None, side + 1);
    while place < call.args.len() {
        let is_count = option(call.args.get(place)).eq_ignore_ascii_case(b"count");
        if count.is_some() || !is_count || place + 1 == call.args.len() {
            return Err(SYNTAX);
        }
        let wanted = integer(call.args.get(place + 1)).filter(|count| *count > 0);
        count = Some(wanted.ok_or(FEW_MEMBERS)?);
        place += 2;
    }
    Ok((
        side,
        end,
        usize::try_from(count.unwrap_or(1)).unwrap_or(usize::MAX),
    ))
}

/// ZMPOP numkeys key [key ...] MIN | MAX [COUNT count]
pub(super) fn zmpop(call: &mut Call<'_>) -> Result<Reply, Reply> {
    let (side, end, count) = read_options(call)?;
    for place in 2..side {
        let mut target = call.open(place);
        let popped = pop(call, &mut target, end, count)?;
        if popped.is_empty() {
            continue;
        }
        let (key, many) = (target.name(), popped.len().to_string());
        call.replicate_as(end.command(), [key, many.as_bytes()]);
        let head = [Reply::Array(2), Reply::Bulk(key.to_vec())];
        return Ok(Reply::Parts(
            head.into_iter().chain(shown(popped, true)).collect(),
        ));
    }
    Err(Reply::NullArray)
}
