//! Key prefixes out of the configuration, made for the filter's common path: one look at a key's first byte.

/// A set of key prefixes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Prefixes {
    /// One bit for each first byte of a prefix. A clear bit settles a key without looking further.
    first_bytes: [u64; 4],
    prefixes: Vec<Vec<u8>>,
}

impl Prefixes {
    /// None at all.
    pub(crate) const NONE: Self = Self {
        first_bytes: [0; 4],
        prefixes: Vec::new(),
    };

    /// The prefixes of a config's value: words with blanks between them.
    pub(crate) fn parse(words: &[u8]) -> Self {
        let mut parsed = Self::default();
        for word in words.split(|byte| byte.is_ascii_whitespace()) {
            let Some(&first) = word.first() else { continue };
            if let Some(bits) = parsed.first_bytes.get_mut(usize::from(first >> 6)) {
                *bits |= 1 << (first & 63);
            }
            parsed.prefixes.push(word.to_vec());
        }
        parsed
    }

    /// True without a prefix.
    pub(crate) fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// False settles the key: it has none of the prefixes.
    #[inline]
    pub(crate) fn may_hold(&self, key: &[u8]) -> bool {
        let Some(&first) = key.first() else { return false };
        self.first_bytes
            .get(usize::from(first >> 6))
            .is_some_and(|bits| bits >> (first & 63) & 1 == 1)
    }

    /// True for a key with one of the prefixes.
    pub(crate) fn hold(&self, key: &[u8]) -> bool {
        self.may_hold(key) && self.prefixes.iter().any(|prefix| key.starts_with(prefix))
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
}
