//! The clauses of SORT, parsed in one place for the command, for the server's request for its keys, and for the filter. With
//! two parsers that disagree, a user could store into a key for which no permission was checked.

use crate::c_text::option;

/// Place of the first clause, after the command's name and the key.
const FIRST: usize = 2;
/// Length of the longest word.
const LONGEST: usize = b"limit".len();

/// A clause. The number is the place of the argument after its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clause {
    /// Ascending order.
    Asc,
    /// Descending order.
    Desc,
    /// Compare as text, not as numbers.
    Alpha,
    /// The offset; the count follows it.
    Limit(usize),
    /// The key that gets the result.
    Store(usize),
    /// The pattern of the keys whose values are compared.
    By(usize),
    /// The pattern of the keys whose values are returned.
    Get(usize),
}

/// The error for a word that does not begin a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoClause;

/// The clauses of a command with `len` arguments, in order. The iteration ends with the first word that begins no clause.
pub fn clauses<'a>(
    arg: impl Fn(usize) -> &'a [u8],
    len: usize,
) -> impl Iterator<Item = Result<Clause, NoClause>> {
    let mut place = FIRST;
    std::iter::from_fn(move || {
        if place >= len {
            return None;
        }
        let clause = read(option(arg(place)), place + 1, len);
        place = match clause {
            Ok(Clause::Asc | Clause::Desc | Clause::Alpha) => place + 1,
            Ok(Clause::Limit(_)) => place + 3,
            Ok(Clause::Store(_) | Clause::By(_) | Clause::Get(_)) => place + 2,
            Err(NoClause) => len,
        };
        Some(clause)
    })
}

/// The clause that a word begins; `next` is the place after the word.
fn read(word: &[u8], next: usize, len: usize) -> Result<Clause, NoClause> {
    let behind = len - next;
    // The filter runs this for the cache's commands as well, so it must not allocate.
    let mut lower = [0; LONGEST];
    let lower = lower.get_mut(..word.len()).ok_or(NoClause)?;
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    match &*lower {
        b"asc" => Ok(Clause::Asc),
        b"desc" => Ok(Clause::Desc),
        b"alpha" => Ok(Clause::Alpha),
        b"limit" if behind >= 2 => Ok(Clause::Limit(next)),
        b"store" if behind >= 1 => Ok(Clause::Store(next)),
        b"by" if behind >= 1 => Ok(Clause::By(next)),
        b"get" if behind >= 1 => Ok(Clause::Get(next)),
        _ => Err(NoClause),
    }
}

/// Place of the key that gets the result: the last one, if there are several STORE clauses.
pub fn destination<'a>(arg: impl Fn(usize) -> &'a [u8], len: usize) -> Option<usize> {
    let stores = clauses(arg, len).filter_map(|clause| match clause {
        Ok(Clause::Store(place)) => Some(place),
        _ => None,
    });
    stores.last()
}

/// The places of the patterns of BY and GET.
pub fn patterns<'a>(arg: impl Fn(usize) -> &'a [u8], len: usize) -> impl Iterator<Item = usize> {
    clauses(arg, len).filter_map(|clause| match clause {
        Ok(Clause::By(place) | Clause::Get(place)) => Some(place),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> (Vec<Result<Clause, NoClause>>, Option<usize>) {
        let args: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let arg = |place: usize| args[place];
        (clauses(arg, args.len()).collect(), destination(arg, args.len()))
    }

    #[test]
    fn what_belongs_to_a_clause_is_no_clause() {
        use Clause::{Alpha, By, Desc, Get, Limit, Store};
        for (line, expected, to) in [
            ("sort k", vec![], None),
            ("sort k DESC alpha", vec![Ok(Desc), Ok(Alpha)], None),
            (
                "sort k LIMIT STORE d STORE e",
                vec![Ok(Limit(3)), Ok(Store(6))],
                Some(6),
            ),
            ("sort k GET STORE BY GET", vec![Ok(Get(3)), Ok(By(5))], None),
            (
                "sort k STORE LIMIT STORE b",
                vec![Ok(Store(3)), Ok(Store(5))],
                Some(5),
            ),
            ("sort k STORE", vec![Err(NoClause)], None),
            ("sort k LIMIT 1", vec![Err(NoClause)], None),
            ("sort k x STORE d", vec![Err(NoClause)], None),
        ] {
            assert_eq!(of(line), (expected, to), "{line}");
        }
    }
}
