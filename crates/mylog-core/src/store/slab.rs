//! The slab: entries by slot. It grows in chunks, so that no step copies it, and a fork copies only the
//! pages of the chunks that change.

use super::Entry;

const CHUNK_SLOTS: usize = 1024;

/// Names an entry for as long as it lives. The generation tells it from a later entry of the same slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SlotId {
    /// Place in the slab.
    pub slot: u32,
    /// How often the slot was filled before, in 31 bits.
    pub generation: u32,
}

const GENERATION_MASK: u32 = u32::MAX >> 1;

impl SlotId {
    /// The id in one odd word, so that it can stand where a pointer does and never be taken for one.
    pub fn to_word(self) -> u64 {
        u64::from(self.generation) << 33 | u64::from(self.slot) << 1 | 1
    }

    /// The id of an odd word; `None` for an even one.
    pub fn from_word(word: u64) -> Option<Self> {
        (word & 1 == 1).then_some(Self {
            slot: (word >> 1) as u32,
            generation: (word >> 33) as u32,
        })
    }
}

#[derive(Debug, Clone)]
struct Slot {
    generation: u32,
    entry: Option<Entry>,
}

/// Entries by slot.
#[derive(Debug, Clone, Default)]
pub(super) struct Slab {
    /// All full but the last.
    chunks: Vec<Vec<Slot>>,
    /// Empty slots. Unused while `append_only`.
    free: Vec<u32>,
    /// Generation of a slot that is filled for the first time: past all of the slabs that were taken, or a
    /// handle from before a flush would lead to an entry made after it.
    first_generation: u32,
    /// The highest generation of any slot; `>= first_generation`.
    last_generation: u32,
    /// A new entry takes a slot past the end, whatever is free: in the rewrite child "slot < cursor" then
    /// means "written".
    append_only: bool,
}

impl Slab {
    /// Leaves an empty slab behind.
    pub(super) fn take(&mut self) -> Self {
        let next = (self.last_generation + 1) & GENERATION_MASK;
        let empty = Self {
            append_only: self.append_only,
            first_generation: next,
            last_generation: next,
            ..Self::default()
        };
        std::mem::replace(self, empty)
    }

    pub(super) fn append_only(&mut self) {
        self.append_only = true;
    }

    /// One past the highest slot ever used.
    pub(super) fn end(&self) -> u32 {
        match self.chunks.last() {
            Some(last) => ((self.chunks.len() - 1) * CHUNK_SLOTS + last.len()) as u32,
            None => 0,
        }
    }

    fn slot(&self, slot: u32) -> Option<&Slot> {
        self.chunks
            .get(slot as usize / CHUNK_SLOTS)?
            .get(slot as usize % CHUNK_SLOTS)
    }

    fn slot_mut(&mut self, slot: u32) -> Option<&mut Slot> {
        self.chunks
            .get_mut(slot as usize / CHUNK_SLOTS)?
            .get_mut(slot as usize % CHUNK_SLOTS)
    }

    pub(super) fn at(&self, slot: u32) -> Option<&Entry> {
        self.slot(slot)?.entry.as_ref()
    }

    pub(super) fn at_mut(&mut self, slot: u32) -> Option<&mut Entry> {
        self.slot_mut(slot)?.entry.as_mut()
    }

    pub(super) fn get(&self, id: SlotId) -> Option<&Entry> {
        let slot = self.slot(id.slot)?;
        (slot.generation == id.generation).then_some(slot.entry.as_ref()?)
    }

    pub(super) fn id(&self, slot: u32) -> Option<SlotId> {
        let generation = self.slot(slot)?.generation;
        Some(SlotId { slot, generation })
    }

    pub(super) fn insert(&mut self, entry: Entry) -> SlotId {
        if !self.append_only {
            if let Some(free) = self.free.pop() {
                if let Some(slot) = self.slot_mut(free) {
                    let generation = (slot.generation + 1) & GENERATION_MASK;
                    slot.generation = generation;
                    slot.entry = Some(entry);
                    self.last_generation = self.last_generation.max(generation);
                    return SlotId {
                        slot: free,
                        generation,
                    };
                }
            }
        }
        let id = SlotId {
            slot: self.end(),
            generation: self.first_generation,
        };
        let slot = Slot {
            generation: self.first_generation,
            entry: Some(entry),
        };
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK_SLOTS => last.push(slot),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK_SLOTS);
                chunk.push(slot);
                self.chunks.push(chunk);
            }
        }
        id
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<Entry> {
        let entry = self.slot_mut(slot)?.entry.take();
        if entry.is_some() && !self.append_only {
            self.free.push(slot);
        }
        entry
    }
}
