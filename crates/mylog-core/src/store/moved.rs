//! Moving a store's memory: the blocks of one entry, and the tables that hold all of them.

use super::keyspace::Store;
use super::slab::SlotId;
use crate::relocate::{self, Relocate};

/// Where the moving of a store's tables stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct TablesPlace {
    space: usize,
    /// In that space's names.
    name: u64,
    chunk: usize,
}

impl Store {
    /// Moves the blocks of an entry; see [`Value::relocate`](crate::value::Value::relocate).
    pub fn relocate(&mut self, id: SlotId, from: u64, by: &mut impl Relocate) -> u64 {
        if self.slab.id(id.slot) != Some(id) {
            return 0;
        }
        let slot = self.slab.slot_mut(id.slot);
        slot.map_or(0, |slot| slot.relocate(from, by))
    }

    /// Moves the tables, the blocks of entries apart, until `by` says to stop. True once all of them are done; the place
    /// is the beginning then.
    pub fn relocate_tables(&mut self, place: &mut TablesPlace, by: &mut impl Relocate) -> bool {
        while let Some(space) = self.spaces.get_mut(place.space) {
            place.name = space.names.relocate(place.name, by);
            if place.name == 0 {
                place.space += 1;
            }
            if by.should_stop() {
                return false;
            }
        }
        while self.slab.relocate_chunk(place.chunk, by) {
            place.chunk += 1;
            if place.chunk % relocate::STEP == 0 && by.should_stop() {
                return false;
            }
        }
        self.slab.relocate_lists(by);
        relocate::items(&mut self.spaces, by);
        relocate::items(&mut self.space_of_db, by);
        *place = TablesPlace::default();
        true
    }
}
