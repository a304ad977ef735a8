//! Key prefixes out of the configuration, made for the filter's common path: one look at a key's first byte.

/// A set of key prefixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prefixes {
    /// For each first byte one more than the place of the first prefix that begins with it; 0 settles a key
    /// without looking further.
    places: [u32; 256],
    /// Sorted: those of one first byte are neighbours.
    prefixes: Vec<Vec<u8>>,
}

impl Prefixes {
    /// None at all.
    pub(crate) const NONE: Self = Self {
        places: [0; 256],
        prefixes: Vec::new(),
    };

    /// The prefixes of a config's value: words with blanks between them.
    pub(crate) fn parse(words: &[u8]) -> Self {
        let words = words.split(|byte| byte.is_ascii_whitespace());
        let mut prefixes: Vec<Vec<u8>> = words
            .filter(|word| !word.is_empty())
            .map(<[u8]>::to_vec)
            .collect();
        prefixes.sort_unstable();
        let mut places = [0; 256];
        for (place, prefix) in (1..).zip(&prefixes) {
            let first = prefix
                .first()
                .and_then(|&first| places.get_mut(usize::from(first)));
            if let Some(unset) = first.filter(|known| **known == 0) {
                *unset = place;
            }
        }
        Self { places, prefixes }
    }

    /// True without a prefix.
    pub(crate) fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// True for a key with one of the prefixes.
    #[inline]
    pub(crate) fn hold(&self, key: &[u8]) -> bool {
        let Some(&first) = key.first() else { return false };
        match self.places.get(usize::from(first)) {
            None | Some(0) => false,
            Some(&place) => self.hold_from(place as usize - 1, key),
        }
    }

    /// True for a key with one of the prefixes that begin with its first byte, the first of which is there.
    fn hold_from(&self, place: usize, key: &[u8]) -> bool {
        let alike = self.prefixes.iter().skip(place);
        alike
            .take_while(|prefix| prefix.first() == key.first())
            .any(|prefix| key.starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_with_a_prefix_are_held() {
        let prefixes = Prefixes::parse(b"  order: \xff\x00x\tq ");
        for key in [&b"order:"[..], b"order:1", b"\xff\x00x1", b"q", b"queue"] {
            assert!(prefixes.hold(key), "{key:?}");
        }
        for key in [&b""[..], b"o", b"order", b"\xff", b"?rder:1", b"Q"] {
            assert!(!prefixes.hold(key), "{key:?}");
        }
        assert!(Prefixes::parse(b" \n").is_empty());
    }

    #[test]
    fn of_prefixes_that_begin_alike_each_holds_its_keys() {
        let prefixes = Prefixes::parse(b"b:2 a:1 b:1 \xff c b:10");
        for key in [&b"a:1"[..], b"b:1", b"b:2x", b"b:101", b"c", b"\xff\xff"] {
            assert!(prefixes.hold(key), "{key:?}");
        }
        for key in [&b"a:2"[..], b"b:", b"b:3", b"b", b"\xfe", b"d", b"\x00"] {
            assert!(!prefixes.hold(key), "{key:?}");
        }
    }
}
