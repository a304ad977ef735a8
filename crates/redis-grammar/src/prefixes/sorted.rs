//! Sorted prefixes: whether a key has one of them.

/// Sorted prefixes, none of which begins with another one. So the only prefix that a key may have is the last one that does
/// not sort above the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sorted {
    /// For each first byte, the index of the first prefix that begins with it, and the number of such prefixes. Zero prefixes
    /// decide a key without a search.
    alike: [(u32, u32); 256],
    pub(super) prefixes: Vec<Box<[u8]>>,
    /// The set has the empty prefix, which all keys have.
    everything: bool,
}

impl Sorted {
    pub(super) const NONE: Self = Self {
        alike: [(0, 0); 256],
        prefixes: Vec::new(),
        everything: false,
    };

    pub(super) fn new(mut prefixes: Vec<Vec<u8>>) -> Self {
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

    pub(super) fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    #[inline]
    pub(super) fn matches(&self, key: &[u8]) -> bool {
        let alike = key.first().and_then(|&first| self.alike.get(usize::from(first)));
        match alike {
            Some(&(place, count)) if count > 0 => self.matches_among(place as usize, count as usize, key),
            _ => self.everything,
        }
    }

    /// True for a key that has one of the `count` prefixes from `place` on, which begin with its first byte.
    fn matches_among(&self, place: usize, count: usize, key: &[u8]) -> bool {
        let alike = self.prefixes.get(place..place + count).unwrap_or_default();
        let above = alike.partition_point(|prefix| **prefix <= *key);
        let last = above.checked_sub(1).and_then(|last| alike.get(last));
        last.is_some_and(|prefix| key.starts_with(prefix))
    }
}
