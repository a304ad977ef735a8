//! The words of SORT, read in one place: by the command, by the server's question for its keys, and by the filter.
//! Were they read twice, a user might store where nobody has looked at his permissions.

use super::number::option;

/// Place of the first word: behind the name and the key.
const FIRST: usize = 2;
/// The longest word.
const LONGEST: usize = b"limit".len();

/// A word, with the place of what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// The lowest first.
    Asc,
    /// The highest first.
    Desc,
    /// By text, not by number.
    Alpha,
    /// Offset and, behind it, count.
    Limit(usize),
    /// Where the result goes.
    Store(usize),
    /// What to sort by.
    By(usize),
    /// What to show.
    Get(usize),
}

/// Neither a word nor what belongs to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoWord;

/// The words of a command of so many arguments, in order; ends behind the first that is none.
pub(crate) fn words<'a>(
    arg: impl Fn(usize) -> &'a [u8],
    len: usize,
) -> impl Iterator<Item = Result<Word, NoWord>> {
    let mut place = FIRST;
    std::iter::from_fn(move || {
        if place >= len {
            return None;
        }
        let word = read(option(arg(place)), place + 1, len);
        place = match word {
            Ok(Word::Asc | Word::Desc | Word::Alpha) => place + 1,
            Ok(Word::Limit(_)) => place + 3,
            Ok(Word::Store(_) | Word::By(_) | Word::Get(_)) => place + 2,
            Err(NoWord) => len,
        };
        Some(word)
    })
}

/// A word, `next` being the place behind it.
fn read(word: &[u8], next: usize, len: usize) -> Result<Word, NoWord> {
    let behind = len - next;
    // The filter comes here for the cache's commands too: no memory of its own.
    let mut lower = [0; LONGEST];
    let lower = lower.get_mut(..word.len()).ok_or(NoWord)?;
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    match &*lower {
        b"asc" => Ok(Word::Asc),
        b"desc" => Ok(Word::Desc),
        b"alpha" => Ok(Word::Alpha),
        b"limit" if behind >= 2 => Ok(Word::Limit(next)),
        b"store" if behind >= 1 => Ok(Word::Store(next)),
        b"by" if behind >= 1 => Ok(Word::By(next)),
        b"get" if behind >= 1 => Ok(Word::Get(next)),
        _ => Err(NoWord),
    }
}

/// Place of the key that gets the result: the last that is named.
pub(crate) fn destination<'a>(arg: impl Fn(usize) -> &'a [u8], len: usize) -> Option<usize> {
    let stores = words(arg, len).filter_map(|word| match word {
        Ok(Word::Store(place)) => Some(place),
        _ => None,
    });
    stores.last()
}

/// Places of the patterns.
pub(crate) fn patterns<'a>(arg: impl Fn(usize) -> &'a [u8], len: usize) -> impl Iterator<Item = usize> {
    words(arg, len).filter_map(|word| match word {
        Ok(Word::By(place) | Word::Get(place)) => Some(place),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> (Vec<Result<Word, NoWord>>, Option<usize>) {
        let args: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let arg = |place: usize| args[place];
        (words(arg, args.len()).collect(), destination(arg, args.len()))
    }

    #[test]
    fn what_belongs_to_a_word_is_no_word() {
        use Word::{Alpha, By, Desc, Get, Limit, Store};
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
            ("sort k STORE", vec![Err(NoWord)], None),
            ("sort k LIMIT 1", vec![Err(NoWord)], None),
            ("sort k x STORE d", vec![Err(NoWord)], None),
        ] {
            assert_eq!(of(line), (expected, to), "{line}");
        }
    }
}
