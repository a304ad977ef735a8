//! Key prefixes out of the configuration, made for the filter's common path: one look at a key's first byte, and for
//! those that a prefix begins with a search in a sorted list.

mod exclusions;
mod words;

use exclusions::Exclusions;
pub(crate) use words::Words;

/// What a key is to a set of prefixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It has none of them.
    Outside,
    /// It has one of them.
    Held,
    /// It has one of them, and an exclusion takes it out.
    Excluded,
}

/// A set of key prefixes, and what is taken out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prefixes {
    included: Sorted,
    excluded: Exclusions,
}

impl Prefixes {
    /// None at all.
    pub(crate) const NONE: Self = Self {
        included: Sorted::NONE,
        excluded: Exclusions::NONE,
    };

    /// Those of a config's words.
    pub(crate) fn of(words: &Words) -> Self {
        Self {
            included: Sorted::new(words.prefixes().map(<[u8]>::to_vec).collect()),
            excluded: Exclusions::new(words),
        }
    }

    /// True without a prefix.
    pub(crate) fn is_empty(&self) -> bool {
        self.included.is_empty()
    }

    /// True if a key may be taken out.
    pub(crate) fn exclude_some(&self) -> bool {
        !self.excluded.is_empty()
    }

    /// True for a key with one of the prefixes that is not taken out.
    #[inline]
    pub(crate) fn hold(&self, key: &[u8]) -> bool {
        self.included.hold(key) && !self.excluded.hold(key)
    }

    /// A name with one of the prefixes, if there is one among those that are this stem and a number below `count`.
    /// Exclusions do not count: one that matches some of the names need not match all.
    pub(crate) fn numbered(&self, stem: &[u8], count: u64) -> Option<Vec<u8>> {
        let first = [stem, b"0"].concat();
        if count > 0 && self.included.hold(&first) {
            return Some(first);
        }
        let begins = self
            .included
            .prefixes
            .iter()
            .filter_map(|prefix| prefix.strip_prefix(stem));
        let number = begins
            .filter_map(|digits| {
                let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
                (number.to_string().as_bytes() == digits).then_some(number)
            })
            .find(|&number| number < count)?;
        Some([stem, number.to_string().as_bytes()].concat())
    }

    /// What a key is.
    #[inline]
    pub(crate) fn standing(&self, key: &[u8]) -> Standing {
        match self.included.hold(key) {
            false => Standing::Outside,
            true if self.excluded.hold(key) => Standing::Excluded,
            true => Standing::Held,
        }
    }
}

/// Prefixes in order, none of which begins with another: so the last one that is not above a key is the only one that
/// it may have.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sorted {
    /// For each first byte the place of the first prefix that begins with it, and how many there are; none settles a
    /// key without looking further.
    alike: [(u32, u32); 256],
    prefixes: Vec<Box<[u8]>>,
    /// The empty prefix, which all keys have.
    everything: bool,
}

impl Sorted {
    const NONE: Self = Self {
        alike: [(0, 0); 256],
        prefixes: Vec::new(),
        everything: false,
    };

    fn new(mut prefixes: Vec<Vec<u8>>) -> Self {
        let everything = prefixes.iter().any(Vec::is_empty);
        prefixes.sort_unstable();
        prefixes.dedup_by(|longer, shorter| longer.starts_with(shorter));
        let mut alike = [(0, 0); 256];
        for (place, prefix) in (0..).zip(&prefixes) {
            let of_first = prefix
                .first()
                .and_then(|&first| alike.get_mut(usize::from(first)));
            match of_first {
                Some(unset @ (_, 0)) => *unset = (place, 1),
                Some((_, count)) => *count += 1,
                None => {}
            }
        }
        let prefixes = prefixes.into_iter().map(Vec::into_boxed_slice).collect();
        Self {
            alike,
            prefixes,
            everything,
        }
    }

    fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    #[inline]
    fn hold(&self, key: &[u8]) -> bool {
        let alike = key.first().and_then(|&first| self.alike.get(usize::from(first)));
        match alike {
            Some(&(place, count)) if count > 0 => self.hold_among(place as usize, count as usize, key),
            _ => self.everything,
        }
    }

    /// True for a key with one of the prefixes that begin with its first byte.
    fn hold_among(&self, place: usize, count: usize, key: &[u8]) -> bool {
        let alike = self.prefixes.get(place..place + count).unwrap_or_default();
        let above = alike.partition_point(|prefix| **prefix <= *key);
        let last = above.checked_sub(1).and_then(|last| alike.get(last));
        last.is_some_and(|prefix| key.starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(text: &[u8]) -> Prefixes {
        Prefixes::of(&Words::parse(text).unwrap())
    }

    #[test]
    fn only_keys_with_a_prefix_are_held() {
        let prefixes = prefixes(b"  order: \xff\x00x\tq ");
        for key in [&b"order:"[..], b"order:1", b"\xff\x00x1", b"q", b"queue"] {
            assert!(prefixes.hold(key), "{key:?}");
        }
        for key in [&b""[..], b"o", b"order", b"\xff", b"?rder:1", b"Q"] {
            assert!(!prefixes.hold(key), "{key:?}");
        }
        assert!(Prefixes::of(&Words::parse(b" \n").unwrap()).is_empty());
    }

    #[test]
    fn of_prefixes_that_begin_alike_each_holds_its_keys() {
        let prefixes = prefixes(b"b:2 a:1 b:1 \xff c b:10 b:1");
        for key in [
            &b"a:1"[..],
            b"b:1",
            b"b:2x",
            b"b:101",
            b"b:1\xff",
            b"c",
            b"\xff\xff",
        ] {
            assert!(prefixes.hold(key), "{key:?}");
        }
        for key in [&b"a:2"[..], b"b:", b"b:3", b"b", b"\xfe", b"d", b"\x00"] {
            assert!(!prefixes.hold(key), "{key:?}");
        }
    }

    #[test]
    fn the_search_finds_what_a_look_at_each_prefix_finds() {
        let words: Vec<String> = (0..600).map(|n| format!("k{}", n * n)).collect();
        let prefixes = prefixes(words.join(" ").as_bytes());
        for n in 0..40_000 {
            for key in [format!("k{n}"), format!("k{n}:x")] {
                let held = words.iter().any(|word| key.starts_with(word.as_str()));
                assert_eq!(prefixes.hold(key.as_bytes()), held, "{key}");
            }
        }
    }

    #[test]
    fn an_exclusion_takes_out_what_it_matches_and_nothing_else() {
        let prefixes = prefixes(b"bull: !bull:*:events rq: !rq:results: a* !a\\*[xy]* !other:");
        let standing = |key: &str| prefixes.standing(key.as_bytes());
        for key in [
            "bull:q:events",
            "bull::events",
            "rq:results:",
            "rq:results:1",
            "a*x",
            "a*y1",
        ] {
            assert_eq!(standing(key), Standing::Excluded, "{key}");
            assert!(!prefixes.hold(key.as_bytes()), "{key}");
        }
        for key in [
            "bull:",
            "bull:q:events:1",
            "bull:events",
            "rq:result",
            "rq:queue",
            "a*",
            "a*z",
        ] {
            assert_eq!(standing(key), Standing::Held, "{key}");
            assert!(prefixes.hold(key.as_bytes()), "{key}");
        }
        for key in ["", "other:1", "events", "a", "ax"] {
            assert_eq!(standing(key), Standing::Outside, "{key}");
            assert!(!prefixes.hold(key.as_bytes()), "{key}");
        }
    }

    #[test]
    fn names_with_a_number_are_told_without_being_made() {
        let prefixes = prefixes(b"order: key:12 n:07 m:x zz");
        let numbered = |stem: &str, count| prefixes.numbered(stem.as_bytes(), count).is_some();
        for (stem, count) in [("order:", 1), ("order:x:", u64::MAX), ("key:", 13), ("zzz:", 1)] {
            assert!(numbered(stem, count), "{stem} {count}");
        }
        for (stem, count) in [
            ("order:", 0),
            ("key:", 12),
            ("n:", 100),
            ("m:", u64::MAX),
            ("z:", u64::MAX),
            ("", 9),
        ] {
            assert!(!numbered(stem, count), "{stem} {count}");
        }
    }

    #[test]
    fn an_exclusion_alone_holds_nothing_and_one_of_nothing_is_refused() {
        assert!(prefixes(b"!a !b*").is_empty());
        assert_eq!(prefixes(b"!a").standing(b"a1"), Standing::Outside);
        assert_eq!(Words::parse(b"a ! b"), Err(words::BadWord::ExcludesNothing));
    }
}
