//! What leaves a store and is large: giving it back takes long, so that is left to the store's owner, who does it
//! on another thread, or in the rewrite child not at all.

use super::names::Names;
use super::slab::Taken;
use super::slot::Slot;
use crate::value::Value;

/// A value that takes more pieces than this to free is left to its owner (Redis' `LAZYFREE_THRESHOLD`).
const LARGE_EFFORT: usize = 64;
/// A piece of more bytes is left to the owner whatever their number: its pages go back one by one.
const LARGE_PIECE: usize = 1 << 20;

/// Memory that a store has no use for any more. Dropping it gives it back, which may take long.
#[derive(Debug, Clone)]
pub struct Discarded(#[expect(dead_code, reason = "held to be dropped")] Remains);

#[derive(Debug, Clone)]
#[expect(dead_code, reason = "held to be dropped")]
enum Remains {
    Value(Value),
    /// Parts of a value.
    Pieces(Vec<Box<[u8]>>),
    /// Entries of a space, or of all.
    Entries(Taken),
    /// A space's names.
    Names(Names),
}

/// What has left a store since its owner asked, and what was freed at once.
#[derive(Debug, Clone, Default)]
pub(super) struct Discards {
    /// Giving it back takes long, so the store's owner does it elsewhere.
    waiting: Vec<Discarded>,
    /// Pieces of memory that were given back at once: see `Store::freed`.
    freed: u64,
}

impl Discards {
    pub(super) fn take(&mut self) -> Vec<Discarded> {
        std::mem::take(&mut self.waiting)
    }

    pub(super) fn freed(&self) -> u64 {
        self.freed
    }

    /// So many pieces of memory were given back at once.
    pub(super) fn count_freed(&mut self, pieces: usize) {
        self.freed += pieces as u64;
    }

    /// A value has left.
    pub(super) fn value(&mut self, value: Value) {
        let effort = value.free_effort();
        if effort > LARGE_EFFORT {
            self.waiting.push(Discarded(Remains::Value(value)));
        } else {
            self.count_freed(effort);
        }
    }

    /// An entry has left.
    pub(super) fn entry(&mut self, entry: Slot) {
        match entry.into_value() {
            Some(value) => self.value(value),
            None => self.count_freed(1),
        }
    }

    /// Parts of a value have left, of so many at most.
    pub(super) fn pieces(&mut self, pieces: Vec<Box<[u8]>>, of: usize) {
        self.count_freed(of - pieces.len().min(of));
        if !pieces.is_empty() {
            self.waiting.push(Discarded(Remains::Pieces(pieces)));
        }
    }

    /// Entries have left, and the names of their space.
    pub(super) fn entries(&mut self, entries: Taken, names: impl Iterator<Item = Names>) {
        self.waiting.push(Discarded(Remains::Entries(entries)));
        let names = names.filter(|names| names.len() > 0);
        self.waiting
            .extend(names.map(|names| Discarded(Remains::Names(names))));
    }
}

/// True if a part of a value is worth handing on, rather than dropping it.
pub(super) fn is_large(piece: &[u8]) -> bool {
    piece.len() > LARGE_PIECE
}
