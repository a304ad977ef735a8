//! The places of a command's keys, by the key specs of the server's table.
//!
//! All keys are found that the server would find, and sometimes more. If a keyword occurs twice, both keys after it are found:
//! the command uses the last one, and the server's own search the first.

/// Where a search for keys begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Begin {
    /// At this argument; the command's name is argument 0.
    At(usize),
    /// After this keyword, searched from a place on. A negative place counts from the end, and the search goes backwards.
    Behind(Box<[u8]>, i64),
}

/// Which of the arguments from there on are keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All up to the last key, whose place counts from the first key, or from the end if it is negative. With a negative place a
    /// `limit` of two or more restricts the keys to that fraction of the remaining arguments.
    Range { last: i64, step: usize, limit: i64 },
    /// As many as an argument says.
    Counted {
        number: usize,
        first: usize,
        step: usize,
    },
}

/// A key spec: the description of some keys of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeySpec {
    pub(super) begin: Begin,
    pub(super) extent: Extent,
    /// The command only reads these keys.
    pub(super) reads: bool,
}

impl KeySpec {
    /// True for a single key that is the first argument.
    pub(super) fn is_first_argument(&self) -> bool {
        self.begin == Begin::At(1) && matches!(self.extent, Extent::Range { last: 0, .. })
    }

    /// Calls `f` with the place of each key among `len` arguments until `f` returns true. Returns whether `f` did so.
    pub(super) fn any<'a>(
        &self,
        arg: impl Fn(usize) -> Option<&'a [u8]>,
        len: usize,
        mut f: impl FnMut(usize) -> bool,
    ) -> bool {
        match &self.begin {
            Begin::At(place) => self.any_from(&arg, len, *place, &mut f),
            Begin::Behind(word, from) => {
                let backwards = *from < 0;
                let from = if backwards { len as i64 + from } else { *from };
                let from = usize::try_from(from).unwrap_or(1).max(1);
                let places = if backwards {
                    1..(from + 1).min(len)
                } else {
                    from..len
                };
                let mut found =
                    places.filter(|&place| arg(place).is_some_and(|arg| arg.eq_ignore_ascii_case(word)));
                found.any(|place| self.any_from(&arg, len, place + 1, &mut f))
            }
        }
    }

    fn any_from<'a>(
        &self,
        arg: &impl Fn(usize) -> Option<&'a [u8]>,
        len: usize,
        begin: usize,
        f: &mut impl FnMut(usize) -> bool,
    ) -> bool {
        let (first, last, step) = match self.extent {
            Extent::Range { last, step, limit } => {
                let (from, len) = (begin as i64, len as i64);
                let last = match (last, limit) {
                    (0.., _) => from + last,
                    (_, ..=1) => len + last,
                    _ => from + (len - from) / limit + last,
                };
                (begin, last, step)
            }
            Extent::Counted { number, first, step } => {
                let count =
                    arg(begin + number).and_then(|text| std::str::from_utf8(text).ok()?.parse::<i64>().ok());
                let first = begin + first;
                let behind = count.unwrap_or(0).saturating_sub(1).saturating_mul(step as i64);
                (first, (first as i64).saturating_add(behind), step)
            }
        };
        // With a number of keys that is too large the command fails, so the places end with the arguments.
        let end = usize::try_from(last.saturating_add(1)).unwrap_or(0).min(len);
        (first.max(1)..end).step_by(step.max(1)).any(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(spec: &KeySpec, line: &str) -> Vec<usize> {
        let words: Vec<_> = line.split(' ').map(str::as_bytes).collect();
        let mut places = Vec::new();
        spec.any(
            |place| words.get(place).copied(),
            words.len(),
            |place| {
                places.push(place);
                false
            },
        );
        places
    }

    fn spec(begin: Begin, extent: Extent) -> KeySpec {
        KeySpec {
            begin,
            extent,
            reads: false,
        }
    }

    fn range(first: usize, last: i64, step: usize) -> KeySpec {
        spec(Begin::At(first), Extent::Range { last, step, limit: 0 })
    }

    fn behind(word: &str, from: i64, last: i64, limit: i64) -> KeySpec {
        let extent = Extent::Range { last, step: 1, limit };
        spec(Begin::Behind(word.as_bytes().into(), from), extent)
    }

    #[test]
    fn keys_are_found_where_the_server_looks_for_them() {
        let counted = spec(
            Begin::At(1),
            Extent::Counted {
                number: 0,
                first: 1,
                step: 2,
            },
        );
        for (spec, line, wanted) in [
            (range(1, 0, 1), "xadd k * f v", vec![1]),
            (range(2, 0, 1), "xgroup create k g", vec![2]),
            (range(2, 0, 1), "xgroup help", vec![]),
            (range(1, -1, 1), "pfmerge a b c", vec![1, 2, 3]),
            (range(1, -1, 2), "mset a 1 b 2", vec![1, 3]),
            (range(1, -2, 1), "blpop a b 0", vec![1, 2]),
            (counted.clone(), "msetex 2 a 1 b 2 EX 9", vec![2, 4]),
            (counted.clone(), "msetex 9 a 1 b 2", vec![2, 4]),
            (counted.clone(), "msetex -1 a 1", vec![]),
            (counted.clone(), "msetex x a 1", vec![]),
            (counted, "msetex", vec![]),
            (
                behind("STREAMS", 4, -1, 2),
                "xreadgroup group g c streams a b 0 0",
                vec![5, 6],
            ),
            (behind("STORE", 6, 0, 0), "georadius k 0 0 1 km", vec![]),
            (behind("STORE", 6, 0, 0), "georadius k 0 0 1 km store d", vec![7]),
            (
                behind("KEYS", -2, -1, 0),
                "migrate h 1 k 0 9 KEYS a b",
                vec![7, 8],
            ),
        ] {
            assert_eq!(places(&spec, line), wanted, "{line}");
        }
    }

    #[test]
    fn a_word_that_comes_twice_leads_to_both_keys() {
        let line = "georadius k 0 0 1 km STORE cache STORE order";
        assert_eq!(places(&behind("STORE", 6, 0, 0), line), vec![7, 9]);
    }
}
