//! Parts of a string: GETRANGE and SETRANGE, and the way in which every command writes into a string.

use module_api::context::Flags;
use module_api::keys::notify::Class;
use module_api::server::server_settings;
use mylog_core::effect::{Change, MAX_GAP};
use mylog_core::value::integer;

use crate::acks::errors::{NOT_AN_INTEGER, TOO_LONG};
use crate::acks::reply::{Reply, Unchanged};
use crate::execute::invocation::{Call, Target};

const OFFSET_OUT_OF_RANGE: Unchanged = Unchanged(Reply::error(c"ERR offset is out of range"));

/// The first and last place of a range, parsed as the native commands do: negative ends count from the end. `None` for an
/// empty range. `len` is at least 0.
pub(in crate::commands) fn clamp(start: i64, end: i64, len: i64) -> Option<(i64, i64)> {
    // An end before the beginning of the string becomes 0. So these two ends have to be compared before that.
    if start < 0 && end < 0 && start > end {
        return None;
    }
    let from_end = |place: i64| if place < 0 { (len + place).max(0) } else { place };
    let (start, end) = (from_end(start), from_end(end).min(len - 1));
    (start <= end).then_some((start, end))
}

/// True for a command whose limits were checked before: it comes from the primary, or from an AOF that is being loaded.
pub(in crate::commands) fn is_checked(call: &Call<'_>) -> bool {
    call.ctx.flags().any(Flags::REPLICATED | Flags::LOADING)
}

/// The places at which zeros have to be written before bytes can be written at `offset` of a string of `len` bytes. One effect
/// extends a string by `MAX_GAP` at most, and `proto-max-bulk-len` may be larger.
fn zeros_before(len: u64, offset: u64) -> impl Iterator<Item = u64> {
    let zeros = std::iter::successors(Some(len + MAX_GAP), |zero| Some(zero + 1 + MAX_GAP));
    zeros.take_while(move |&zero| zero < offset)
}

/// Writes bytes into a string of `len` bytes, after zeros if the string is too short.
pub(in crate::commands) fn write_at(
    call: &mut Call<'_>,
    target: &mut Target<'_>,
    len: usize,
    offset: u64,
    bytes: &[u8],
) -> Result<(), Unchanged> {
    let zeros = zeros_before(len as u64, offset).map(|zero| (zero, &[0u8][..]));
    for (offset, bytes) in zeros.chain(std::iter::once((offset, bytes))) {
        call.commit(target, Change::StrRange { offset, bytes })?;
    }
    Ok(())
}

/// GETRANGE key start end; SUBSTR is its old name
pub(super) fn getrange(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let start = integer(call.args.get(2)).ok_or(NOT_AN_INTEGER)?;
    let end = integer(call.args.get(3)).ok_or(NOT_AN_INTEGER)?;
    let mut out = call.out();
    call.read_str(1, |value| {
        let value = value.unwrap_or_default();
        let part = clamp(start, end, value.len() as i64)
            .and_then(|(start, end)| value.get(start as usize..=end as usize));
        out.bulk(part.unwrap_or_default());
    })?;
    Ok(out.finish())
}

/// SETRANGE key offset value
pub(super) fn setrange(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let offset = integer(call.args.get(2)).ok_or(NOT_AN_INTEGER)?;
    let offset = u64::try_from(offset).map_err(|_| OFFSET_OUT_OF_RANGE)?;
    let mut target = call.open(1);
    let bytes = call.args.get(3);
    let len = target.read_str(|value| value.map_or(0, <[u8]>::len))?;
    if bytes.is_empty() {
        return Err(Unchanged(Reply::Int(len as i64)));
    }
    let end = offset + bytes.len() as u64;
    if end > server_settings::longest_string() as u64 && !is_checked(call) {
        return Err(TOO_LONG);
    }
    write_at(call, &mut target, len, offset, bytes)?;
    call.changed(&target, Class::String, c"setrange");
    Ok(Reply::Int((len as u64).max(end) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_effect_grows_a_string_by_more_than_it_may() {
        for (len, offset, steps) in [
            (0, 0, 0),
            (7, 3, 0),
            (7, 7 + MAX_GAP, 0),
            (7, 8 + MAX_GAP, 1),
            (0, 2 * MAX_GAP + 1, 1),
            (0, 2 * MAX_GAP + 2, 2),
        ] {
            let mut end = len;
            let zeros: Vec<_> = zeros_before(len, offset).collect();
            assert_eq!(zeros.len(), steps, "{len} {offset}");
            for place in zeros.into_iter().chain([offset]) {
                assert!(place <= end + MAX_GAP, "{len} {offset}");
                end = end.max(place + 1);
            }
        }
    }

    #[test]
    fn a_range_is_cut_to_what_is_there() {
        for (start, end, len, expected) in [
            (0, -1, 5, Some((0, 4))),
            (1, 2, 5, Some((1, 2))),
            (-3, -2, 5, Some((2, 3))),
            (-2, -3, 5, None),
            (3, 2, 5, None),
            (0, -100, 5, Some((0, 0))),
            (-100, -50, 5, Some((0, 0))),
            (5, 9, 5, None),
            (0, i64::MAX, 5, Some((0, 4))),
            (i64::MIN, i64::MAX, 5, Some((0, 4))),
            (0, -1, 0, None),
            (0, 0, 0, None),
        ] {
            assert_eq!(clamp(start, end, len), expected, "{start} {end} of {len}");
        }
    }
}
