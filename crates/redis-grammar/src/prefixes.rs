//! Key prefixes from the configuration, prepared for the filter's common path: a table lookup by a key's first byte, and a
//! search in a sorted list only for keys whose first byte a prefix has, too.

mod exclusions;
mod sorted;
mod words;

use exclusions::Exclusions;
use sorted::Sorted;
pub use words::{BadWord, Words};

/// How a key relates to a set of prefixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The key has none of the prefixes.
    Outside,
    /// The key has one of the prefixes.
    Matched,
    /// The key has one of the prefixes, and an exclusion matches it.
    Excluded,
}

/// A set of key prefixes, with exclusions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefixes {
    included: Sorted,
    excluded: Exclusions,
}

impl Prefixes {
    /// The set without a prefix.
    pub const NONE: Self = Self {
        included: Sorted::NONE,
        excluded: Exclusions::NONE,
    };

    /// The set that the words of a config describe.
    pub fn of(words: &Words) -> Self {
        Self {
            included: Sorted::new(words.prefixes().map(<[u8]>::to_vec).collect()),
            excluded: Exclusions::new(words),
        }
    }

    /// True if the set has no prefix.
    pub fn is_empty(&self) -> bool {
        self.included.is_empty()
    }

    /// True if the set has an exclusion.
    pub fn exclude_some(&self) -> bool {
        !self.excluded.is_empty()
    }

    /// True for a key that has one of the prefixes and that no exclusion matches.
    #[inline]
    pub fn matches(&self, key: &[u8]) -> bool {
        self.included.matches(key) && !self.excluded.matches(key)
    }

    /// A key with one of the prefixes, if there is one among the keys that consist of this stem and a number below `count`.
    /// Exclusions are ignored: an exclusion that matches some of these keys need not match all of them.
    pub fn numbered(&self, stem: &[u8], count: u64) -> Option<Vec<u8>> {
        let first = [stem, b"0"].concat();
        if count > 0 && self.included.matches(&first) {
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

    /// How a key relates to the set.
    #[inline]
    pub fn standing(&self, key: &[u8]) -> Standing {
        match self.included.matches(key) {
            false => Standing::Outside,
            true if self.excluded.matches(key) => Standing::Excluded,
            true => Standing::Matched,
        }
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
            assert!(prefixes.matches(key), "{key:?}");
        }
        for key in [&b""[..], b"o", b"order", b"\xff", b"?rder:1", b"Q"] {
            assert!(!prefixes.matches(key), "{key:?}");
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
            assert!(prefixes.matches(key), "{key:?}");
        }
        for key in [&b"a:2"[..], b"b:", b"b:3", b"b", b"\xfe", b"d", b"\x00"] {
            assert!(!prefixes.matches(key), "{key:?}");
        }
    }

    #[test]
    fn the_search_finds_what_a_look_at_each_prefix_finds() {
        let words: Vec<String> = (0..600).map(|n| format!("k{}", n * n)).collect();
        let prefixes = prefixes(words.join(" ").as_bytes());
        for n in 0..40_000 {
            for key in [format!("k{n}"), format!("k{n}:x")] {
                let held = words.iter().any(|word| key.starts_with(word.as_str()));
                assert_eq!(prefixes.matches(key.as_bytes()), held, "{key}");
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
            assert!(!prefixes.matches(key.as_bytes()), "{key}");
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
            assert_eq!(standing(key), Standing::Matched, "{key}");
            assert!(prefixes.matches(key.as_bytes()), "{key}");
        }
        for key in ["", "other:1", "events", "a", "ax"] {
            assert_eq!(standing(key), Standing::Outside, "{key}");
            assert!(!prefixes.matches(key.as_bytes()), "{key}");
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
