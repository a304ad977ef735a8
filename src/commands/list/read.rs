//! The list commands that read, and the arithmetic of indexes.

use std::ops::Range;

use mylog_core::value::List;
use mylog_core::value::integer;
use redis_grammar::c_text::option;

use crate::acks::errors::{NOT_AN_INTEGER, SYNTAX};
use crate::acks::reply::{Reply, Unchanged};
use crate::commands::shared::number::{at_least, either_way};
use crate::execute::invocation::Call;

const RANK_ZERO: Unchanged = Unchanged(Reply::error(
    c"ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
));

/// The place of an index, which counts from the end if it is negative. `None` outside of the list.
pub(super) fn place(index: i64, len: usize) -> Option<usize> {
    let back = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
    match index {
        ..0 => len.checked_sub(back),
        _ => Some(back).filter(|&index| index < len),
    }
}

/// The places between two indexes, both included. Negative indexes count from the end.
pub(super) fn span(start: i64, stop: i64, len: usize) -> Range<usize> {
    let at = |index: i64| {
        let back = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
        if index < 0 {
            len.checked_sub(back)
        } else {
            Some(back)
        }
    };
    let start = at(start).unwrap_or(0);
    let end = at(stop).map_or(0, |stop| stop.saturating_add(1).min(len));
    start.min(end)..end
}

/// LLEN key
pub(super) fn llen(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let len = call.read(1, |list: Option<&List>| list.map_or(0, List::len))?;
    Ok(Reply::Int(len as i64))
}

/// LINDEX key index
pub(super) fn lindex(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut out = call.out();
    call.read(1, |list: Option<&List>| {
        // The native command parses the index only if the key exists.
        let element = match list {
            Some(list) => {
                let index = integer(call.args.get(2)).ok_or(NOT_AN_INTEGER)?;
                place(index, list.len()).and_then(|at| list.get(at))
            }
            None => None,
        };
        out.bulk_or_null(element);
        Ok::<(), Unchanged>(())
    })??;
    Ok(out.finish())
}

/// LRANGE key start stop
pub(super) fn lrange(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let start = integer(call.args.get(2)).ok_or(NOT_AN_INTEGER)?;
    let stop = integer(call.args.get(3)).ok_or(NOT_AN_INTEGER)?;
    let mut out = call.out();
    call.read(1, |list: Option<&List>| {
        let range = span(start, stop, list.map_or(0, List::len));
        out.put(Reply::Array(range.len()));
        if let Some(list) = list {
            let elements = list.iter_from(range.start, false).take(range.len());
            elements.for_each(|element| out.bulk(element));
        }
    })?;
    Ok(out.finish())
}

/// The options of LPOS.
struct Search {
    /// The number of the first match to return, from 1. A negative one searches from the end.
    rank: i64,
    /// The largest number of matches, 0 for all. `None` without COUNT: the reply is then one number instead of an array.
    count: Option<usize>,
    /// The largest number of elements to compare, 0 for all.
    most: usize,
}

impl Search {
    fn read(call: &Call<'_>) -> Result<Self, Unchanged> {
        let mut search = Self {
            rank: 1,
            count: None,
            most: 0,
        };
        for place in (3..call.args.len()).step_by(2) {
            let word = option(call.args.get(place)).to_ascii_uppercase();
            if place + 1 == call.args.len() {
                return Err(SYNTAX);
            }
            let value = call.args.get(place + 1);
            match &*word {
                b"RANK" => match either_way(value)? {
                    0 => return Err(RANK_ZERO),
                    rank => search.rank = rank,
                },
                b"COUNT" => search.count = Some(at_least(0, value, c"ERR COUNT can't be negative")?),
                b"MAXLEN" => search.most = at_least(0, value, c"ERR MAXLEN can't be negative")?,
                _ => return Err(SYNTAX),
            }
        }
        Ok(search)
    }

    /// The places of the matches, in the order of the search.
    fn run(&self, list: &List, element: &[u8]) -> Vec<usize> {
        let last = list.len().saturating_sub(1);
        let all = |most| if most == 0 { usize::MAX } else { most };
        let skipped = usize::try_from(self.rank.unsigned_abs() - 1).unwrap_or(usize::MAX);
        let elements = match self.rank {
            ..0 => list.iter_from(last, true),
            _ => list.iter(),
        };
        let matches = elements
            .take(all(self.most))
            .enumerate()
            .filter(|(_, held)| *held == element)
            .skip(skipped)
            .take(all(self.count.unwrap_or(1)));
        let place = |(steps, _)| if self.rank < 0 { last - steps } else { steps };
        matches.map(place).collect()
    }
}

/// LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]
pub(super) fn lpos(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let search = Search::read(call)?;
    let element = call.args.get(2);
    let places = call.read(1, |list: Option<&List>| {
        list.map_or_else(Vec::new, |list| search.run(list, element))
    })?;
    let mut places = places.into_iter().map(|place| Reply::Int(place as i64));
    Ok(match search.count {
        None => places.next().unwrap_or(Reply::Null),
        Some(_) => {
            let head = Reply::Array(places.len());
            Reply::Parts(std::iter::once(head).chain(places).collect())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_count_from_either_end() {
        for (index, len, expected) in [
            (0, 3, Some(0)),
            (2, 3, Some(2)),
            (3, 3, None),
            (-1, 3, Some(2)),
            (-3, 3, Some(0)),
            (-4, 3, None),
            (i64::MIN, 3, None),
            (i64::MAX, 3, None),
        ] {
            assert_eq!(place(index, len), expected, "{index} of {len}");
        }
    }

    #[test]
    fn spans_are_cut_to_the_list() {
        for (start, stop, expected) in [
            (0, -1, 0..3),
            (1, 1, 1..2),
            (-2, 100, 1..3),
            (-100, 0, 0..1),
            (0, -4, 0..0),
            (i64::MIN, i64::MAX, 0..3),
        ] {
            assert_eq!(span(start, stop, 3), expected, "{start} to {stop}");
        }
        for (start, stop) in [(2, 1), (3, 5), (5, 3), (i64::MAX, i64::MAX), (-1, -2)] {
            assert!(span(start, stop, 3).is_empty(), "{start} to {stop}");
        }
        assert!(span(0, -1, 0).is_empty());
    }
}
