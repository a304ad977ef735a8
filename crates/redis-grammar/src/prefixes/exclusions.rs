//! The exclusions of a set of prefixes, checked only for keys that have one of the prefixes.

use super::sorted::Sorted;
use super::words::{Exclusion, Words};
use crate::glob;

/// Exclusions, prepared for the checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exclusions {
    prefixes: Sorted,
    globs: Vec<Glob>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Glob {
    /// The bytes before the pattern's first special character. Most keys do not begin with them, and need no match.
    head: Box<[u8]>,
    pattern: Box<[u8]>,
}

impl Exclusions {
    pub(super) const NONE: Self = Self {
        prefixes: Sorted::NONE,
        globs: Vec::new(),
    };

    pub(super) fn new(words: &Words) -> Self {
        let prefixes = words.exclusions().filter_map(Exclusion::prefix);
        let globs = words.exclusions().filter_map(|exclusion| {
            Some(Glob {
                head: exclusion.head().into(),
                pattern: exclusion.glob()?.into(),
            })
        });
        Self {
            prefixes: Sorted::new(prefixes.map(<[u8]>::to_vec).collect()),
            globs: globs.collect(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.prefixes.is_empty() && self.globs.is_empty()
    }

    /// True for an excluded key.
    #[inline]
    pub(super) fn matches(&self, key: &[u8]) -> bool {
        !self.is_empty() && (self.prefixes.matches(key) || self.match_glob(key))
    }

    fn match_glob(&self, key: &[u8]) -> bool {
        let matches = |glob: &Glob| key.starts_with(&glob.head) && glob::matches(&glob.pattern, key);
        self.globs.iter().any(matches)
    }
}
