//! What the file of a rewrite lacks. Never effects: a counter raised a million times is one entry to write again.
//!
//! A bit a slot, and names only where there is no entry to speak of: a diff that changes an entry costs the child one bit,
//! and what is written again comes in the order of the slots, which is the order in memory.

use std::collections::BTreeSet;

use crate::effect::Db;

/// A name whose bytes are its own.
pub(super) type OwnName = (Db, Box<[u8]>);

/// Entries and names whose newest contents the file does not have.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    /// Bits of slots that the walk has passed. Of a slot that a diff has emptied the bit may stay: whatever comes into
    /// it later is not in the file either.
    slots: Vec<u64>,
    /// Names that the file has and that no entry behind the walk bears any more. A name that has come back ahead of the
    /// walk stays here: deleted once more before the walk reaches it, it must still lose what the file has. Ordered, so
    /// that the same writes give the same file.
    gone: BTreeSet<OwnName>,
}

impl Dirty {
    /// The entry in this slot has changed.
    pub(super) fn mark(&mut self, slot: u32) {
        let word = slot as usize / 64;
        if word >= self.slots.len() {
            self.slots.resize(word + 1, 0);
        }
        if let Some(word) = self.slots.get_mut(word) {
            *word |= 1 << (slot % 64);
        }
    }

    /// The entry in this slot is going to be written as it is now.
    pub(super) fn unmark(&mut self, slot: u32) {
        if let Some(word) = self.slots.get_mut(slot as usize / 64) {
            *word &= !(1 << (slot % 64));
        }
    }

    /// The entry of this name is not where the file has it from.
    pub(super) fn lose(&mut self, db: Db, key: &[u8]) {
        self.gone.insert((db, key.into()));
    }

    /// The file is going to be told that this name is gone.
    pub(super) fn told(&mut self, name: &OwnName) {
        self.gone.remove(name);
    }

    /// Slots marked, in ascending order.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        let words = self.slots.iter().zip((0_u32..).step_by(64));
        words.flat_map(|(word, first)| Bits(*word).map(move |bit| first + bit))
    }

    /// Names lost, in order.
    pub(super) fn gone(&self) -> impl Iterator<Item = (Db, &[u8])> {
        self.gone.iter().map(|(db, key)| (*db, &**key))
    }

    /// Both, to be gone through.
    pub(super) fn into_parts(self) -> (Vec<u32>, BTreeSet<OwnName>) {
        (self.slots().collect(), self.gone)
    }
}

/// The bits of a word that are set, from the lowest on.
struct Bits(u64);

impl Iterator for Bits {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let bit = self.0.trailing_zeros();
        self.0 &= self.0.wrapping_sub(1);
        (bit < u64::BITS).then_some(bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_come_once_and_in_order() {
        let mut dirty = Dirty::default();
        for slot in [700, 0, 63, 64, 63, 700, 5] {
            dirty.mark(slot);
        }
        dirty.unmark(5);
        dirty.unmark(100_000);
        assert_eq!(dirty.into_parts().0, [0, 63, 64, 700]);
    }

    #[test]
    fn a_lost_name_stays_until_the_file_is_told() {
        let mut dirty = Dirty::default();
        dirty.lose(1, b"b");
        dirty.lose(0, b"c");
        dirty.lose(1, b"b");
        dirty.told(&(0, b"c"[..].into()));
        assert_eq!(dirty.gone().collect::<Vec<_>>(), [(1, &b"b"[..])]);
    }
}
