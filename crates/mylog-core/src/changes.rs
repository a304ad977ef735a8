//! Which change a reader sees: the seq of the last one of each name, the names that are gone included.
//!
//! For readers that must not see what is not durable yet. It says too much where that is cheaper, never too
//! little: a seq is at least that of the name's last change, unless that was durable when it was asked for.
//! Nothing of it is persisted, and neither replay nor the rewrite child needs it: after a start all is durable.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::effect::{Change, Db, Effect};
use crate::relocate::{self, Relocate};
use crate::store::{MAX_DBS, SlotId};

/// Slots of a chunk: growing never copies what is there.
const CHUNK: usize = 1024;
/// Names gone that are known one by one. Past it they become one mark for every missing name.
const MOST_GONE: usize = 1 << 16;

/// A name that is gone, by the hash of database and key. Two names with one hash: a reader of the one waits
/// for the other, once in 2^64.
#[derive(Debug, Clone, Copy)]
struct Gone {
    hash: u64,
    seq: u64,
}

/// Seqs that hold for many names at once.
#[derive(Debug, Clone, Copy, Default)]
struct Marks {
    /// Last time that any number of names went at once.
    missing: u64,
    /// Last time that any number of names, present or missing, changed at once.
    all: u64,
}

/// The seqs of the slots of a chunk, in four bytes each.
#[derive(Debug, Default)]
struct Chunk {
    base: u64,
    /// What a slot's seq is above `base`; 0 for none that is still to become durable. Empty while all are 0.
    above: Vec<u32>,
}

impl Chunk {
    fn get(&self, at: usize) -> u64 {
        match self.above.get(at) {
            Some(&above) if above > 0 => self.base + u64::from(above),
            _ => 0,
        }
    }

    fn set(&mut self, at: usize, seq: u64, durable: u64) {
        if self.above.is_empty() {
            self.base = seq.saturating_sub(1);
            self.above.resize(CHUNK, 0);
        }
        if seq.saturating_sub(self.base) > u64::from(u32::MAX) {
            self.move_base(seq, durable);
        }
        if let Some(above) = self.above.get_mut(at) {
            *above = seq.saturating_sub(self.base).clamp(1, u64::from(u32::MAX)) as u32;
        }
    }

    /// Makes room for `seq`, once in 2^32 of them. What is durable is forgotten, what is not stays or gets higher.
    fn move_base(&mut self, seq: u64, durable: u64) {
        let base = durable.clamp(seq - u64::from(u32::MAX), seq - 1);
        for above in self.above.iter_mut().filter(|above| **above > 0) {
            let held = self.base + u64::from(*above);
            *above = match held > durable {
                true => held.saturating_sub(base).clamp(1, u64::from(u32::MAX)) as u32,
                false => 0,
            };
        }
        self.base = base;
    }
}

/// The seq of the last change of each name.
#[derive(Debug, Default)]
pub struct Changes {
    /// By slot of the store. A slot that changes hands gets the seq of that, so it never speaks of its
    /// former entry to a reader of the present one.
    slots: Vec<Chunk>,
    gone: HashTable<Gone>,
    /// Highest seq in `gone`.
    last_gone: u64,
    of_db: Vec<Marks>,
    everywhere: Marks,
    hasher: DefaultHashBuilder,
}

impl Changes {
    /// An effect was applied and got `seq`; `left` is the entry it left. What is up to `durable` is forgotten.
    pub fn note(&mut self, effect: &Effect<'_>, left: Option<SlotId>, seq: u64, durable: u64) {
        if let Some(id) = left {
            self.set_slot(id.slot, seq, durable);
        }
        match *effect {
            Effect::FlushAll => self.everywhere.missing = seq,
            Effect::FlushDb { db } => self.mark(db, |marks| marks.missing = seq),
            Effect::SwapDb { a, b } => {
                self.mark(a, |marks| marks.all = seq);
                self.mark(b, |marks| marks.all = seq);
            }
            Effect::Key {
                db,
                key,
                change: Change::Rename { to_db, to },
            } if (db, key) != (to_db, to) => self.is_gone(db, key, seq, durable),
            _ => {
                if let (None, Some((db, key))) = (left, effect.keys()[0]) {
                    self.is_gone(db, key, seq, durable);
                }
            }
        }
    }

    /// A name is gone since `seq`, whatever was noted of it before.
    pub fn is_gone(&mut self, db: Db, key: &[u8], seq: u64, durable: u64) {
        self.make_room(durable);
        let hash = self.hasher.hash_one((db, key));
        self.last_gone = self.last_gone.max(seq);
        let entry = self.gone.entry(hash, |gone| gone.hash == hash, |gone| gone.hash);
        entry
            .and_modify(|gone| gone.seq = seq)
            .or_insert(Gone { hash, seq });
    }

    /// The whole store was replaced at `seq`.
    pub fn all_changed(&mut self, seq: u64) {
        self.everywhere.all = seq;
    }

    /// Seq of the last change of the entry in a slot, which is in this database.
    pub fn of_entry(&self, db: Db, slot: u32) -> u64 {
        let at = slot as usize;
        let own = self
            .slots
            .get(at / CHUNK)
            .map_or(0, |chunk| chunk.get(at % CHUNK));
        let many = self.marks(db).all.max(self.everywhere.all);
        own.max(many)
    }

    /// Seq since which a name without an entry may be missing.
    pub fn of_missing(&self, db: Db, key: &[u8]) -> u64 {
        let marks = self.marks(db);
        let many = [
            marks.all,
            marks.missing,
            self.everywhere.all,
            self.everywhere.missing,
        ];
        let many = many.into_iter().max().unwrap_or(0);
        // Most reads of a missing name end here, without a hash.
        if self.last_gone <= many {
            return many;
        }
        let hash = self.hasher.hash_one((db, key));
        let gone = self.gone.find(hash, |gone| gone.hash == hash);
        gone.map_or(many, |gone| gone.seq.max(many))
    }

    /// Moves memory from a chunk on until `by` says to stop. The chunk to go on with; `None` once all are done.
    pub fn relocate(&mut self, from: usize, by: &mut impl Relocate) -> Option<usize> {
        for (at, chunk) in self.slots.iter_mut().enumerate().skip(from) {
            relocate::items(&mut chunk.above, by);
            if at % relocate::STEP == 0 && by.should_stop() {
                return Some(at + 1);
            }
        }
        relocate::items(&mut self.slots, by);
        relocate::items(&mut self.of_db, by);
        None
    }

    fn set_slot(&mut self, slot: u32, seq: u64, durable: u64) {
        let at = slot as usize;
        if self.slots.len() <= at / CHUNK {
            self.slots.resize_with(at / CHUNK + 1, Chunk::default);
        }
        if let Some(chunk) = self.slots.get_mut(at / CHUNK) {
            chunk.set(at % CHUNK, seq, durable);
        }
    }

    fn marks(&self, db: Db) -> Marks {
        self.of_db.get(db as usize).copied().unwrap_or_default()
    }

    fn mark(&mut self, db: Db, set: impl FnOnce(&mut Marks)) {
        if db < MAX_DBS && self.of_db.len() <= db as usize {
            self.of_db.resize(db as usize + 1, Marks::default());
        }
        set(self.of_db.get_mut(db as usize).unwrap_or(&mut self.everywhere));
    }

    fn make_room(&mut self, durable: u64) {
        if self.last_gone <= durable {
            self.gone.clear();
        } else if self.gone.len() >= MOST_GONE {
            self.gone.retain(|gone| gone.seq > durable);
            // The next look must be far off, or each name would pay for one.
            if self.gone.len() > MOST_GONE / 2 {
                self.everywhere.missing = self.last_gone;
                self.gone.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::Ttl;
    use crate::store::Store;

    /// A store with its changes, and every name's last change beside them.
    #[derive(Default)]
    struct World {
        store: Store,
        changes: Changes,
        seq: u64,
    }

    impl World {
        fn apply(&mut self, effect: &Effect<'_>) {
            self.seq += 1;
            let left = self.store.apply(effect).unwrap().entry;
            self.changes.note(effect, left, self.seq, 0);
        }

        fn set(&mut self, db: Db, key: &[u8]) {
            let (ttl, value) = (Ttl::Keep, &b"v"[..]);
            self.apply(&Change::StrSet { ttl, value }.of(db, key));
        }

        fn of(&self, db: Db, key: &[u8]) -> u64 {
            match self.store.find(db, key) {
                Some(id) => self.changes.of_entry(db, id.slot),
                None => self.changes.of_missing(db, key),
            }
        }
    }

    #[test]
    fn every_name_has_the_seq_of_its_last_change() {
        let mut world = World::default();
        for key in [b"a", b"b", b"c"] {
            world.set(0, key);
        }
        world.apply(&Change::Del.of(0, b"b"));
        world.apply(&Change::Rename { to_db: 1, to: b"d" }.of(0, b"c"));
        world.apply(&Change::Copy { to_db: 0, to: b"e" }.of(0, b"a"));
        let seqs = [
            world.of(0, b"a"),
            world.of(0, b"b"),
            world.of(0, b"c"),
            world.of(1, b"d"),
            world.of(0, b"e"),
        ];
        assert_eq!(seqs, [1, 4, 5, 5, 6]);
        assert_eq!((world.of(0, b"never"), world.of(1, b"c")), (0, 0));
        world.set(0, b"b");
        assert_eq!(world.of(0, b"b"), 7);
    }

    #[test]
    fn seqs_far_apart_are_never_told_too_low_while_they_are_not_durable() {
        let far = 1 << 33;
        for durable in [0, 1, 2, 3, far, far + 2] {
            let mut chunk = Chunk::default();
            for (at, seq) in [(0, 2), (1, 3), (2, far), (3, far + 1), (1, 2 * far + 1)] {
                chunk.set(at, seq, durable.min(seq - 1));
                assert_eq!(chunk.get(at), seq);
            }
            for (at, seq) in [(0, 2), (2, far), (3, far + 1)] {
                let told = chunk.get(at);
                assert!(told >= seq || seq <= durable, "{at} {durable} {told}");
                assert!(told <= 2 * far + 1);
            }
            assert_eq!(chunk.get(4), 0);
        }
    }

    #[test]
    fn a_flush_is_the_last_change_of_what_is_missing_in_its_database_alone() {
        let mut world = World::default();
        world.set(0, b"a");
        world.set(1, b"a");
        world.apply(&Effect::FlushDb { db: 0 });
        world.set(0, b"new");
        let seqs = [
            world.of(0, b"a"),
            world.of(1, b"a"),
            world.of(1, b"x"),
            world.of(0, b"new"),
        ];
        assert_eq!(seqs, [3, 2, 0, 4]);
        world.apply(&Effect::FlushAll);
        assert_eq!(
            [world.of(0, b"new"), world.of(1, b"a"), world.of(7, b"x")],
            [5; 3]
        );
    }

    #[test]
    fn databases_that_are_swapped_change_for_every_reader() {
        let mut world = World::default();
        world.set(0, b"a");
        world.set(2, b"c");
        world.apply(&Effect::SwapDb { a: 0, b: 1 });
        let seqs = [
            world.of(0, b"a"),
            world.of(1, b"a"),
            world.of(1, b"x"),
            world.of(2, b"c"),
        ];
        assert_eq!(seqs, [3, 3, 3, 2]);
    }

    #[test]
    fn names_gone_take_bounded_room_and_are_never_forgotten_early() {
        let mut changes = Changes::default();
        let name = |n: u64| n.to_le_bytes();
        let count = 3 * MOST_GONE as u64;
        for n in 1..=count {
            changes.is_gone(0, &name(n), n, 10);
            assert!(changes.gone.len() <= MOST_GONE);
        }
        assert!((11..=count).all(|n| changes.of_missing(0, &name(n)) >= n));
        // All of it durable: nothing is left to wait for.
        changes.is_gone(0, b"last", count + 1, count);
        assert_eq!(changes.gone.len(), 1);
        assert_eq!(changes.of_missing(0, b"last"), count + 1);
        assert!(changes.of_missing(0, &name(5)) <= count);
    }
}
