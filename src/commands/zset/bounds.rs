//! The two ends of a range of a sorted set, parsed as the native commands do, and the ranks between them.

use std::ops::{Bound, Range};

use module_api::{OwnedStr, Str, double};
use mylog_core::value::ZSet;
use mylog_core::value::integer;
use redis_grammar::c_text::option;

use crate::acks::errors::NOT_AN_INTEGER;
use crate::acks::reply::{Reply, Unchanged};

const NOT_A_SCORE: Unchanged = Unchanged(Reply::error(c"ERR min or max is not a float"));
const NOT_A_LEX_ITEM: Unchanged = Unchanged(Reply::error(c"ERR min or max not valid string range item"));

/// The order in which a range is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Rank,
    Score,
    Lex,
}

/// One end of a range of members.
#[derive(Debug, Clone, Copy)]
enum Lex<'c> {
    /// Before every member.
    Lowest,
    /// After every member.
    Highest,
    Included(&'c [u8]),
    Excluded(&'c [u8]),
}

/// A valid range.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bounds<'c> {
    /// The first and the last rank; negative ones count from the end.
    Rank(i64, i64),
    Score(Bound<f64>, Bound<f64>),
    /// The members between these two, each included or excluded.
    Lex(Bound<&'c [u8]>, Bound<&'c [u8]>),
    /// The range is empty: it begins after every member, or ends before every member.
    Nothing,
}

impl<'c> Bounds<'c> {
    /// Parses the lower and the upper end.
    pub(super) fn read(by: By, min: Str<'c>, max: Str<'c>) -> Result<Self, Unchanged> {
        match by {
            By::Rank => {
                let first = integer(min.bytes()).ok_or(NOT_AN_INTEGER)?;
                let last = integer(max.bytes()).ok_or(NOT_AN_INTEGER)?;
                Ok(Self::Rank(first, last))
            }
            By::Score => {
                let min = score_end(min).ok_or(NOT_A_SCORE)?;
                Ok(Self::Score(min, score_end(max).ok_or(NOT_A_SCORE)?))
            }
            By::Lex => {
                let min = lex_end(min.bytes()).ok_or(NOT_A_LEX_ITEM)?;
                let max = lex_end(max.bytes()).ok_or(NOT_A_LEX_ITEM)?;
                Ok(match (min.lower(), max.upper()) {
                    (Some(min), Some(max)) => Self::Lex(min, max),
                    _ => Self::Nothing,
                })
            }
        }
    }

    /// The ranks in the range, the lowest score first. With `rev` the ranks of `Rank` count from the highest score.
    pub(super) fn ranks(self, zset: &ZSet, rev: bool) -> Range<usize> {
        match self {
            Self::Rank(first, last) => {
                let ranks = between(first, last, zset.len());
                match rev {
                    true => zset.len() - ranks.end..zset.len() - ranks.start,
                    false => ranks,
                }
            }
            Self::Score(min, max) => zset.ranks_by_score(min, max),
            Self::Lex(min, max) => zset.ranks_by_lex(min, max),
            Self::Nothing => 0..0,
        }
    }
}

impl<'c> Lex<'c> {
    /// The lower end; `None` if no member is above it.
    fn lower(self) -> Option<Bound<&'c [u8]>> {
        match self {
            Self::Lowest => Some(Bound::Unbounded),
            Self::Highest => None,
            Self::Included(name) => Some(Bound::Included(name)),
            Self::Excluded(name) => Some(Bound::Excluded(name)),
        }
    }

    /// The upper end; `None` if no member is below it.
    fn upper(self) -> Option<Bound<&'c [u8]>> {
        match self {
            Self::Lowest => None,
            Self::Highest => Some(Bound::Unbounded),
            Self::Included(name) => Some(Bound::Included(name)),
            Self::Excluded(name) => Some(Bound::Excluded(name)),
        }
    }
}

/// The ranks from `first` to `last`, both included, of `len` ranks. Negative ones count from the end.
fn between(first: i64, last: i64, len: usize) -> Range<usize> {
    let len = len as i64;
    let from = if first < 0 {
        first.saturating_add(len).max(0)
    } else {
        first
    };
    let to = if last < 0 { last.saturating_add(len) } else { last };
    if from > to || from >= len {
        return 0..0;
    }
    from as usize..to.min(len - 1) as usize + 1
}

/// A score; a leading parenthesis excludes the score itself.
fn score_end(text: Str<'_>) -> Option<Bound<f64>> {
    let bytes = text.bytes();
    match bytes.strip_prefix(b"(") {
        Some(open) => c_double(open, None).map(Bound::Excluded),
        None => c_double(bytes, Some(text)).map(Bound::Included),
    }
}

/// A double, parsed as C's `strtod` does: the text ends at a NUL, an empty text is zero, leading space is skipped, and a value
/// that is too large or too small becomes infinite or zero. `whole` is the server's string, if the text is all of it.
fn c_double(text: &[u8], whole: Option<Str<'_>>) -> Option<f64> {
    let end = option(text);
    if end.is_empty() {
        return Some(0.0);
    }
    if let Some(value) = whole.filter(|_| end.len() == text.len()).and_then(double::read) {
        return Some(value);
    }
    let space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let begin = end.iter().position(|byte| !space(byte))?;
    let digits = end.get(begin..)?;
    double::read(OwnedStr::new(digits).lend()).or_else(|| {
        let value: f64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        (!value.is_nan()).then_some(value)
    })
}

fn lex_end(text: &[u8]) -> Option<Lex<'_>> {
    match text {
        [b'+'] | [b'+', 0, ..] => Some(Lex::Highest),
        [b'-'] | [b'-', 0, ..] => Some(Lex::Lowest),
        [b'[', name @ ..] => Some(Lex::Included(name)),
        [b'(', name @ ..] => Some(Lex::Excluded(name)),
        _ => None,
    }
}
