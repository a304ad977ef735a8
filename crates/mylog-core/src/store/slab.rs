//! The slab: entries by slot. It grows in chunks, so that no step copies it, and a fork copies only the
//! pages of the chunks that change.
//!
//! A chunk holds entries of one space alone: so a space leaves by its chunks, whatever the number of its
//! entries. In the rewrite child new entries of any space go past the end; nothing is flushed there.

use super::entry::Entry;
use super::slot::Slot;
use crate::effect::{ExpireAt, NEVER};
use crate::relocate::{self, Relocate};

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
/// No slot: the end of a list of free ones.
const NONE: u32 = u32::MAX;

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

/// What few slots of a chunk have: one value stands for all of them until one has another.
#[derive(Debug, Clone)]
struct Column<T> {
    usual: T,
    /// By slot; empty while all have the usual one.
    own: Vec<T>,
}

impl<T: Copy + PartialEq> Column<T> {
    fn of(usual: T) -> Self {
        let own = Vec::new();
        Self { usual, own }
    }

    fn get(&self, at: usize) -> T {
        self.own.get(at).copied().unwrap_or(self.usual)
    }

    fn set(&mut self, at: usize, value: T) {
        // Nothing is written in vain: a child may share the page.
        if self.get(at) == value {
            return;
        }
        if self.own.is_empty() {
            self.own.resize(CHUNK_SLOTS, self.usual);
        }
        if let Some(own) = self.own.get_mut(at) {
            *own = value;
        }
    }
}

/// A thousand slots. Empty once a flush took them.
#[derive(Debug, Clone)]
struct Chunk {
    slots: Vec<Slot>,
    /// That of the entries. Only in the rewrite child may they be of several.
    space: Column<u32>,
    expire_at: Column<ExpireAt>,
}

impl Chunk {
    fn of(space: u32) -> Self {
        Self {
            slots: Vec::with_capacity(CHUNK_SLOTS),
            space: Column::of(space),
            expire_at: Column::of(NEVER),
        }
    }

    /// What a flush leaves in its place.
    fn empty() -> Self {
        Self {
            slots: Vec::new(),
            ..Self::of(0)
        }
    }

    /// The entry in a slot of this chunk, and where that is in it.
    fn entry<'a>(&'a self, slot: &'a Slot, at: usize) -> Option<Entry<'a>> {
        let (key, value) = slot.entry()?;
        Some(Entry {
            space: self.space.get(at),
            key,
            expire_at: self.expire_at.get(at),
            value,
            form: slot.form(),
        })
    }
}

/// The chunks of one space.
#[derive(Debug, Clone)]
struct Shelf {
    /// Places in `Slab::chunks`. All of them are full but perhaps the last.
    chunks: Vec<u32>,
    /// The first free slot. A list through the slots: one beside them would grow, and be copied as it does.
    free: u32,
}

impl Default for Shelf {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            free: NONE,
        }
    }
}

/// Entries by slot.
#[derive(Debug, Clone, Default)]
pub(super) struct Slab {
    chunks: Vec<Chunk>,
    /// By space.
    shelves: Vec<Shelf>,
    /// Places in `chunks` that are empty.
    vacant: Vec<u32>,
    /// Generation of a slot that is filled for the first time: past all of the slots that were taken, or a
    /// handle from before a flush would lead to an entry made after it.
    first_generation: u32,
    /// The highest generation of any slot; `>= first_generation`.
    last_generation: u32,
    /// A new entry takes a slot past the end, whatever is free: in the rewrite child "slot < cursor" then
    /// means "written".
    append_only: bool,
}

/// The entries of a space, or of all, that have left.
#[derive(Debug, Clone)]
#[expect(dead_code, reason = "held to be dropped")]
pub(super) struct Taken(Vec<Chunk>);

impl Slab {
    /// Leaves an empty slab behind.
    pub(super) fn take(&mut self) -> Taken {
        let next = (self.last_generation + 1) & GENERATION_MASK;
        let empty = Self {
            append_only: self.append_only,
            first_generation: next,
            last_generation: next,
            ..Self::default()
        };
        Taken(std::mem::replace(self, empty).chunks)
    }

    /// Takes all entries of a space, one step for each thousand of them.
    pub(super) fn take_space(&mut self, space: u32) -> Taken {
        let Some(shelf) = self.shelves.get_mut(space as usize).map(std::mem::take) else {
            return Taken(Vec::new());
        };
        self.first_generation = (self.last_generation + 1) & GENERATION_MASK;
        self.last_generation = self.first_generation;
        let chunks = shelf.chunks.iter().filter_map(|&place| {
            let chunk = self.chunks.get_mut(place as usize)?;
            Some(std::mem::replace(chunk, Chunk::empty()))
        });
        let taken = Taken(chunks.collect());
        self.vacant.extend(shelf.chunks);
        taken
    }

    pub(super) fn append_only(&mut self) {
        self.append_only = true;
    }

    pub(super) fn is_append_only(&self) -> bool {
        self.append_only
    }

    /// One past the highest slot that may be in use.
    pub(super) fn end(&self) -> u32 {
        match self.chunks.last() {
            Some(last) => ((self.chunks.len() - 1) * CHUNK_SLOTS + last.slots.len()) as u32,
            None => 0,
        }
    }

    fn chunk(&self, slot: u32) -> Option<&Chunk> {
        self.chunks.get(slot as usize / CHUNK_SLOTS)
    }

    pub(super) fn slot(&self, slot: u32) -> Option<&Slot> {
        self.chunk(slot)?.slots.get(slot as usize % CHUNK_SLOTS)
    }

    fn chunk_mut(&mut self, slot: u32) -> Option<&mut Chunk> {
        self.chunks.get_mut(slot as usize / CHUNK_SLOTS)
    }

    /// A slot, to change the entry that it holds.
    pub(super) fn slot_mut(&mut self, slot: u32) -> Option<&mut Slot> {
        self.chunk_mut(slot)?.slots.get_mut(slot as usize % CHUNK_SLOTS)
    }

    /// As `slot_mut`, and the space of the entry.
    pub(super) fn slot_and_space(&mut self, slot: u32) -> Option<(&mut Slot, u32)> {
        let (chunk, at) = (self.chunk_mut(slot)?, slot as usize % CHUNK_SLOTS);
        Some((chunk.slots.get_mut(at)?, chunk.space.get(at)))
    }

    pub(super) fn at(&self, slot: u32) -> Option<Entry<'_>> {
        let (chunk, at) = (self.chunk(slot)?, slot as usize % CHUNK_SLOTS);
        chunk.entry(chunk.slots.get(at)?, at)
    }

    /// The key of the entry in a slot: all that a search has to look at.
    pub(super) fn key_at(&self, slot: u32) -> Option<&[u8]> {
        self.slot(slot)?.key()
    }

    pub(super) fn get(&self, id: SlotId) -> Option<Entry<'_>> {
        let (chunk, at) = (self.chunk(id.slot)?, id.slot as usize % CHUNK_SLOTS);
        let slot = chunk.slots.get(at)?;
        (slot.generation() == id.generation).then(|| chunk.entry(slot, at))?
    }

    pub(super) fn id(&self, slot: u32) -> Option<SlotId> {
        let generation = self.slot(slot)?.generation();
        Some(SlotId { slot, generation })
    }

    pub(super) fn set_expire_at(&mut self, slot: u32, expire_at: ExpireAt) {
        if let Some(chunk) = self.chunk_mut(slot) {
            chunk.expire_at.set(slot as usize % CHUNK_SLOTS, expire_at);
        }
    }

    /// Moves the memory of a chunk, but for that of its entries. False past the last one.
    pub(super) fn relocate_chunk(&mut self, at: usize, by: &mut impl Relocate) -> bool {
        let Some(chunk) = self.chunks.get_mut(at) else {
            return false;
        };
        relocate::items(&mut chunk.slots, by);
        relocate::items(&mut chunk.space.own, by);
        relocate::items(&mut chunk.expire_at.own, by);
        true
    }

    /// Moves the lists of chunks.
    pub(super) fn relocate_lists(&mut self, by: &mut impl Relocate) {
        relocate::items(&mut self.chunks, by);
        relocate::items(&mut self.vacant, by);
        for shelf in &mut self.shelves {
            relocate::items(&mut shelf.chunks, by);
        }
        relocate::items(&mut self.shelves, by);
    }

    /// Adds an entry, which is in a slot already.
    pub(super) fn insert(&mut self, space: u32, expire_at: ExpireAt, slot: Slot) -> SlotId {
        let id = self.place(space, slot);
        self.set_expire_at(id.slot, expire_at);
        id
    }

    fn place(&mut self, space: u32, mut entry: Slot) -> SlotId {
        if self.append_only {
            let last = self.chunks.len().saturating_sub(1);
            return self.push(last, space, entry);
        }
        let shelf = self.shelf(space);
        let (free, last) = (shelf.free, shelf.chunks.last().copied());
        let Some(slot @ &mut Slot::Free(_, next)) = self.slot_mut(free) else {
            return self.push(last.unwrap_or(NONE) as usize, space, entry);
        };
        let generation = (slot.generation() + 1) & GENERATION_MASK;
        entry.set_generation(generation);
        *slot = entry;
        self.shelf(space).free = next;
        self.last_generation = self.last_generation.max(generation);
        SlotId {
            slot: free,
            generation,
        }
    }

    fn shelf(&mut self, space: u32) -> &mut Shelf {
        let place = space as usize;
        if self.shelves.len() <= place {
            self.shelves.resize_with(place + 1, Shelf::default);
        }
        // There since the line above.
        #[expect(clippy::indexing_slicing, reason = "resized to hold it")]
        &mut self.shelves[place]
    }

    /// Adds a slot to this chunk if it has room, or to a new one.
    fn push(&mut self, chunk: usize, space: u32, mut slot: Slot) -> SlotId {
        let generation = self.first_generation;
        slot.set_generation(generation);
        let id = |chunk: usize, at: usize| SlotId {
            slot: (chunk * CHUNK_SLOTS + at) as u32,
            generation,
        };
        if let Some(held) = self
            .chunks
            .get_mut(chunk)
            .filter(|chunk| chunk.slots.len() < CHUNK_SLOTS)
        {
            let at = held.slots.len();
            held.slots.push(slot);
            held.space.set(at, space);
            return id(chunk, at);
        }
        let mut new = Chunk::of(space);
        new.slots.push(slot);
        let vacant = if self.append_only { None } else { self.vacant.pop() };
        let place = match vacant {
            Some(place) => place as usize,
            None => {
                self.chunks.push(Chunk::empty());
                self.chunks.len() - 1
            }
        };
        if let Some(vacant) = self.chunks.get_mut(place) {
            *vacant = new;
        }
        if !self.append_only {
            self.shelf(space).chunks.push(place as u32);
        }
        id(place, 0)
    }

    /// Takes an entry out. Gives back its slot, and the end that it had.
    pub(super) fn remove(&mut self, slot: u32) -> Option<(Slot, ExpireAt)> {
        let entry = self.at(slot)?;
        let (space, expire_at) = (entry.space, entry.expire_at);
        let next = match self.append_only {
            true => NONE,
            false => std::mem::replace(&mut self.shelf(space).free, slot),
        };
        self.set_expire_at(slot, NEVER);
        let held = self.slot_mut(slot)?;
        let free = Slot::free(held.generation(), next);
        Some((std::mem::replace(held, free), expire_at))
    }

    /// Moves an entry to a slot of its space: it has just been given another one.
    pub(super) fn move_to_space(&mut self, id: SlotId, space: u32) -> Option<SlotId> {
        if self.append_only {
            let chunk = self.chunk_mut(id.slot)?;
            chunk.space.set(id.slot as usize % CHUNK_SLOTS, space);
            return Some(id);
        }
        let (entry, expire_at) = self.remove(id.slot)?;
        Some(self.insert(space, expire_at, entry))
    }
}
