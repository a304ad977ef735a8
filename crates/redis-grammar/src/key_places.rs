//! The places of a command's keys among its arguments.

use std::iter::{Chain, StepBy};
use std::ops::Range;
use std::option;

use crate::routes::Keys;
use crate::{migrate, sort_clauses};

/// The places of a command's keys: one place by itself, then those of a range.
pub type Places = Chain<option::IntoIter<usize>, StepBy<Range<usize>>>;

/// The places of the keys of a command with `len` arguments; `arg` gives the argument at a place.
pub fn key_places<'a>(arg: impl Fn(usize) -> Option<&'a [u8]>, len: usize, keys: Keys) -> Places {
    let (apart, range, step) = match keys {
        Keys::At(place) => (None, place..len.min(place + 1), 1),
        Keys::Two => (None, 1..len.min(3), 1),
        Keys::FromSecond => (None, 2..len, 1),
        Keys::All => (None, 1..len, 1),
        Keys::Everything | Keys::Listed | Keys::Populated => (None, 0..0, 1),
        Keys::Encoded if arg(1).is_some_and(|word| word.eq_ignore_ascii_case(b"encoding")) => (None, 2..3, 1),
        Keys::Encoded => (None, 0..0, 1),
        Keys::Pairs => (None, 1..len, 2),
        Keys::Store => (Some(1), counted(arg, len, 2), 1),
        Keys::Counted => (None, counted(arg, len, 1), 1),
        Keys::CountedLater => (None, counted(arg, len, 2), 1),
        Keys::AllButLast => (None, 1..len - 1, 1),
        Keys::TakenAway => (None, migrate::taken_away(arg, len), 1),
        Keys::Sort => {
            let arg = |place| arg(place).unwrap_or_default();
            let destination = sort_clauses::destination(arg, len);
            (Some(1), destination.map_or(0..0, |place| place..place + 1), 1)
        }
    };
    apart.into_iter().chain(range.step_by(step))
}

/// The places of the patterns by which SORT finds other keys: the arguments of BY and GET that contain a star.
pub fn pattern_places<'a>(arg: impl Fn(usize) -> &'a [u8] + Copy, len: usize) -> impl Iterator<Item = usize> {
    sort_clauses::patterns(arg, len).filter(move |place| arg(*place).contains(&b'*'))
}

/// The places after `place`, as many as the argument at `place` says. None if the command has fewer arguments: the native
/// command has the best error for that.
fn counted<'a>(arg: impl Fn(usize) -> Option<&'a [u8]>, len: usize, place: usize) -> Range<usize> {
    let first = place + 1;
    let many = arg(place)
        .and_then(number)
        .filter(|&count| count <= len.saturating_sub(first));
    first..first + many.unwrap_or(0)
}

/// Parses an argument as a number.
pub fn number<N: std::str::FromStr>(text: &[u8]) -> Option<N> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
