//! What is taken out of a set of prefixes: looked at for keys that have one of these only.

use super::sorted::Sorted;
use super::words::{Exclusion, Words};
use crate::glob;

/// Exclusions, made to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exclusions {
    prefixes: Sorted,
    globs: Vec<Glob>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Glob {
    /// What a key begins with that the pattern matches: settles most keys without the pattern.
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

    /// True for a key that is taken out.
    #[inline]
    pub(super) fn hold(&self, key: &[u8]) -> bool {
        !self.is_empty() && (self.prefixes.hold(key) || self.match_glob(key))
    }

    fn match_glob(&self, key: &[u8]) -> bool {
        let matches = |glob: &Glob| key.starts_with(&glob.head) && glob::matches(&glob.pattern, key);
        self.globs.iter().any(matches)
    }
}
