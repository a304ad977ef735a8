//! The slab: entries by slot. It grows in chunks, so that no step copies it, and a fork copies only the
//! pages of the chunks that change.
//!
//! A chunk holds entries of one space alone: so a space leaves by its chunks, whatever the number of its
//! entries. In the rewrite child new entries of any space go past the end; nothing is flushed there.

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

#[derive(Debug, Clone)]
enum Slot {
    /// It knows its generation.
    Taken(Entry),
    /// That of the entry it held, and the next one in the space's list of free slots.
    Free { generation: u32, next: u32 },
}

// A line of memory, where the allocator lets chunks begin at one.
const _: () = assert!(size_of::<Slot>() == 64);

impl Slot {
    fn generation(&self) -> u32 {
        match self {
            Self::Taken(entry) => entry.generation,
            Self::Free { generation, .. } => *generation,
        }
    }

    fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Taken(entry) => Some(entry),
            Self::Free { .. } => None,
        }
    }
}

/// The slots of one chunk. Empty once a flush took them.
type Chunk = Vec<Slot>;

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
            Some(std::mem::take(chunk))
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
        self.slot(slot)?.entry()
    }

    pub(super) fn at_mut(&mut self, slot: u32) -> Option<&mut Entry> {
        match self.slot_mut(slot)? {
            Slot::Taken(entry) => Some(entry),
            Slot::Free { .. } => None,
        }
    }

    pub(super) fn get(&self, id: SlotId) -> Option<&Entry> {
        let entry = self.at(id.slot)?;
        (entry.generation == id.generation).then_some(entry)
    }

    pub(super) fn id(&self, slot: u32) -> Option<SlotId> {
        let generation = self.slot(slot)?.generation();
        Some(SlotId { slot, generation })
    }

    pub(super) fn insert(&mut self, mut entry: Entry) -> SlotId {
        if self.append_only {
            let last = self.chunks.len().saturating_sub(1);
            return self.push(last, entry);
        }
        let shelf = self.shelf(entry.space);
        let (free, last) = (shelf.free, shelf.chunks.last().copied());
        let Some(&Slot::Free { generation, next }) = self.slot(free) else {
            return self.push(last.unwrap_or(NONE) as usize, entry);
        };
        let generation = (generation + 1) & GENERATION_MASK;
        entry.generation = generation;
        self.shelf(entry.space).free = next;
        if let Some(slot) = self.slot_mut(free) {
            *slot = Slot::Taken(entry);
        }
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
    fn push(&mut self, chunk: usize, mut entry: Entry) -> SlotId {
        let generation = self.first_generation;
        let space = entry.space;
        entry.generation = generation;
        let slot = Slot::Taken(entry);
        let id = |chunk: usize, at: usize| SlotId {
            slot: (chunk * CHUNK_SLOTS + at) as u32,
            generation,
        };
        if let Some(slots) = self
            .chunks
            .get_mut(chunk)
            .filter(|slots| slots.len() < CHUNK_SLOTS)
        {
            slots.push(slot);
            return id(chunk, slots.len() - 1);
        }
        let mut slots = Vec::with_capacity(CHUNK_SLOTS);
        slots.push(slot);
        let vacant = if self.append_only { None } else { self.vacant.pop() };
        let place = match vacant {
            Some(place) => place as usize,
            None => {
                self.chunks.push(Vec::new());
                self.chunks.len() - 1
            }
        };
        if let Some(vacant) = self.chunks.get_mut(place) {
            *vacant = slots;
        }
        if !self.append_only {
            self.shelf(space).chunks.push(place as u32);
        }
        id(place, 0)
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<Entry> {
        let (space, generation) = self.at(slot).map(|entry| (entry.space, entry.generation))?;
        let next = match self.append_only {
            true => NONE,
            false => std::mem::replace(&mut self.shelf(space).free, slot),
        };
        match std::mem::replace(self.slot_mut(slot)?, Slot::Free { generation, next }) {
            Slot::Taken(entry) => Some(entry),
            Slot::Free { .. } => None,
        }
    }

    /// Moves an entry to a slot of its space: it has just been given another one.
    pub(super) fn move_to_space(&mut self, id: SlotId, space: u32) -> Option<SlotId> {
        if self.append_only {
            self.at_mut(id.slot)?.space = space;
            return Some(id);
        }
        let mut entry = self.remove(id.slot)?;
        entry.space = space;
        Some(self.insert(entry))
    }
}
