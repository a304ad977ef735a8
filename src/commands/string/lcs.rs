//! LCS: the longest common subsequence of two strings.

use module_api::server::server_settings;
use mylog_core::value::integer;
use redis_grammar::c_text::option;

use crate::acks::errors::{NOT_AN_INTEGER, NOT_STRINGS, SYNTAX};
use crate::acks::reply::{Reply, Unchanged};
use crate::execute::invocation::Call;

const JUST_USE_IDX: Unchanged = Unchanged(Reply::error(
    c"ERR If you want both the length and indexes, please just use IDX.",
));
const TOO_LONG: Unchanged = Unchanged(Reply::error(c"ERR String too long for LCS"));
const OVER_LIMIT: Unchanged = Unchanged(Reply::error(
    c"ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
));
const NO_MEMORY: Unchanged = Unchanged(Reply::error(
    c"ERR Insufficient memory, failed allocating transient memory for LCS",
));

#[derive(Debug, Default)]
struct Options {
    len: bool,
    idx: bool,
    with_match_len: bool,
    min_match_len: i64,
}

impl Options {
    fn read(call: &Call<'_>) -> Result<Self, Unchanged> {
        let (args, mut place, mut options) = (call.args, 3, Self::default());
        while place < args.len() {
            match &*option(args.get(place)).to_ascii_uppercase() {
                b"IDX" => options.idx = true,
                b"LEN" => options.len = true,
                b"WITHMATCHLEN" => options.with_match_len = true,
                b"MINMATCHLEN" if place + 1 < args.len() => {
                    place += 1;
                    options.min_match_len = integer(args.get(place)).ok_or(NOT_AN_INTEGER)?;
                }
                _ => return Err(SYNTAX),
            }
            place += 1;
        }
        if options.len && options.idx {
            return Err(JUST_USE_IDX);
        }
        Ok(options)
    }
}

/// A run of bytes that both strings contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Match {
    a: usize,
    b: usize,
    len: usize,
}

/// The length of the longest common subsequence for each pair of prefixes of the two strings.
struct Table {
    /// One row for each prefix of the first string, with one cell for each prefix of the second.
    cells: Vec<u32>,
    width: usize,
}

impl Table {
    fn new(a: &[u8], b: &[u8]) -> Result<Self, Unchanged> {
        let longest = u32::MAX as usize - 1;
        if a.len() >= longest || b.len() >= longest {
            return Err(TOO_LONG);
        }
        let width = b.len() + 1;
        let cells = (a.len() as u128 + 1) * width as u128;
        if cells * size_of::<u32>() as u128 > server_settings::longest_string() as u128 {
            return Err(OVER_LIMIT);
        }
        let mut table = Self {
            cells: Vec::new(),
            width,
        };
        table
            .cells
            .try_reserve_exact(cells as usize)
            .map_err(|_| NO_MEMORY)?;
        table.cells.resize(width, 0);
        for &of_a in a {
            table.add_row(of_a, b);
        }
        Ok(table)
    }

    fn add_row(&mut self, of_a: u8, b: &[u8]) {
        let above = self.cells.len() - self.width;
        self.cells.push(0);
        let mut left = 0;
        for (n, &of_b) in b.iter().enumerate() {
            let before = self.cells.get(above + n).copied().unwrap_or(0);
            let upper = self.cells.get(above + n + 1).copied().unwrap_or(0);
            left = if of_a == of_b { before + 1 } else { upper.max(left) };
            self.cells.push(left);
        }
    }

    fn at(&self, a: usize, b: usize) -> u32 {
        self.cells.get(a * self.width + b).copied().unwrap_or(0)
    }

    fn len(&self) -> i64 {
        self.cells.last().map_or(0, |&len| i64::from(len))
    }

    /// One longest common subsequence, as runs from the end of the strings to their beginning: the one that the native command
    /// finds.
    fn matches(&self, a: &[u8], b: &[u8]) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        let (mut i, mut j) = (a.len(), b.len());
        let mut open = false;
        while i > 0 && j > 0 {
            if a.get(i - 1) == b.get(j - 1) {
                (i, j) = (i - 1, j - 1);
                match matches.last_mut() {
                    Some(last) if open => {
                        *last = Match {
                            a: i,
                            b: j,
                            len: last.len + 1,
                        }
                    }
                    _ => matches.push(Match { a: i, b: j, len: 1 }),
                }
                open = true;
                continue;
            }
            open = false;
            if self.at(i - 1, j) > self.at(i, j - 1) {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        matches
    }
}

/// LCS key1 key2 [LEN] [IDX] [MINMATCHLEN length] [WITHMATCHLEN]
pub(super) fn lcs(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let string = |place| {
        let copied = call.read_str(place, |value| value.map(<[u8]>::to_vec).unwrap_or_default());
        copied.map_err(|error| match error {
            Unchanged(Reply::WrongType(_)) => NOT_STRINGS,
            other => other,
        })
    };
    // Both keys are looked up before the first error is returned: so a missing second key is notified in any case.
    let (a, b) = (string(1), string(2));
    let (a, b) = (a?, b?);
    let options = Options::read(call)?;
    let table = Table::new(&a, &b)?;
    if options.len {
        return Ok(Reply::Int(table.len()));
    }
    let mut matches = table.matches(&a, &b);
    if !options.idx {
        let pieces = matches
            .iter()
            .rev()
            .filter_map(|found| a.get(found.a..found.a + found.len));
        return Ok(Reply::Bulk(pieces.flatten().copied().collect()));
    }
    matches.retain(|found| found.len as i64 >= options.min_match_len);
    let mut parts = vec![
        Reply::Map(2),
        Reply::Bulk(b"matches".to_vec()),
        Reply::Array(matches.len()),
    ];
    for found in matches {
        parts.push(Reply::Array(if options.with_match_len { 3 } else { 2 }));
        for start in [found.a, found.b] {
            let end = start + found.len - 1;
            parts.extend([Reply::Array(2), Reply::Int(start as i64), Reply::Int(end as i64)]);
        }
        parts.extend(options.with_match_len.then_some(Reply::Int(found.len as i64)));
    }
    parts.extend([Reply::Bulk(b"len".to_vec()), Reply::Int(table.len())]);
    Ok(Reply::Parts(parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_found_from_the_end() {
        let (a, b) = (b"ohmytext", b"mynewtext");
        let table = Table::new(a, b).unwrap();
        assert_eq!(table.len(), 6);
        let expected = [Match { a: 4, b: 5, len: 4 }, Match { a: 2, b: 0, len: 2 }];
        assert_eq!(table.matches(a, b), expected);
        assert_eq!(Table::new(b"", b"x").unwrap().len(), 0);
    }
}
