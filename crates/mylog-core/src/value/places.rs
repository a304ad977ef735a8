//! An index of a row: places by hash, in one vector of numbers. Its memory can be moved as any other vector's,
//! which that of a table with a layout of its own can't.

/// Cells of the smallest index.
const FEWEST: usize = 16;
/// No place. No cell that holds one looks like it: an index is never so full that its last place is used.
const NONE: u32 = u32::MAX;

/// Places by hash. A cell holds a place in its low bits, as many as the number of cells has, and bits of the hash above.
/// A search begins at the hash's home and ends at the first empty cell.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    /// A power of two of them, or none.
    cells: Vec<u32>,
}

/// The hash as the cells want it: the bits that differ within a row are its low ones.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Cells for so many places: a ninth of them stays empty, or a search for what is not there would be long.
fn cells_for(places: usize) -> usize {
    (places + places / 8 + 1).next_power_of_two().max(FEWEST)
}

impl Places {
    /// An empty one for so many places; none takes no memory.
    pub(super) fn with_room(places: usize) -> Self {
        let cells = match places {
            0 => Vec::new(),
            _ => vec![NONE; cells_for(places)],
        };
        Self { cells }
    }

    /// True if nothing was ever put into it.
    pub(super) fn is_none(&self) -> bool {
        self.cells.is_empty()
    }

    /// True if it is large enough for so many places.
    pub(super) fn has_room_for(&self, places: usize) -> bool {
        cells_for(places) <= self.cells.len()
    }

    fn mask(&self) -> usize {
        self.cells.len().wrapping_sub(1)
    }

    fn home(&self, hash: u32) -> usize {
        (spread(hash) >> 40) as usize & self.mask()
    }

    /// The bits of a hash that a cell keeps.
    fn tag(&self, hash: u32) -> u32 {
        spread(hash) as u32 & !(self.mask() as u32)
    }

    fn cell(&self, at: usize) -> u32 {
        self.cells.get(at).copied().unwrap_or(NONE)
    }

    /// The cell of the place of this hash that `is_it`, and the place.
    fn search(&self, hash: u32, is_it: impl Fn(usize) -> bool) -> Option<(usize, usize)> {
        let (mask, tag) = (self.mask(), self.tag(hash));
        let mut at = self.home(hash);
        loop {
            let cell = self.cell(at);
            if cell == NONE {
                return None;
            }
            let place = cell as usize & mask;
            if cell & !(mask as u32) == tag && is_it(place) {
                return Some((at, place));
            }
            at = (at + 1) & mask;
        }
    }

    /// The place of this hash that `is_it`.
    pub(super) fn find(&self, hash: u32, is_it: impl Fn(usize) -> bool) -> Option<usize> {
        Some(self.search(hash, is_it)?.1)
    }

    /// Adds a place that it does not have. It has room for it.
    pub(super) fn put(&mut self, hash: u32, place: usize) {
        let (mask, tag) = (self.mask(), self.tag(hash));
        let mut at = self.home(hash);
        while self.cell(at) != NONE {
            at = (at + 1) & mask;
        }
        if let Some(cell) = self.cells.get_mut(at) {
            *cell = tag | place as u32;
        }
    }

    /// Takes a place out. Cells behind it that are not at their homes move up, whose hashes are those of their places.
    pub(super) fn remove(&mut self, hash: u32, place: usize, hash_of: impl Fn(usize) -> u32) {
        let Some((mut hole, _)) = self.search(hash, |at| at == place) else {
            return;
        };
        let mask = self.mask();
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let cell = self.cell(at);
            if cell == NONE {
                break;
            }
            let from_home = at.wrapping_sub(self.home(hash_of(cell as usize & mask))) & mask;
            if from_home >= at.wrapping_sub(hole) & mask {
                self.set(hole, cell);
                hole = at;
            }
        }
        self.set(hole, NONE);
    }

    /// Gives what is at a place another one.
    pub(super) fn change(&mut self, hash: u32, from: usize, to: usize) {
        if let Some((at, _)) = self.search(hash, |place| place == from) {
            self.set(at, self.tag(hash) | to as u32);
        }
    }

    fn set(&mut self, at: usize, value: u32) {
        if let Some(cell) = self.cells.get_mut(at) {
            *cell = value;
        }
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.cells.len() * size_of::<u32>()
    }

    /// Its memory, to be moved.
    pub(super) fn cells_mut(&mut self) -> &mut Vec<u32> {
        &mut self.cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_and_go_as_in_a_list() {
        for (seed, hashes) in (1..40u32).zip([1, 100, 2048, u32::MAX].into_iter().cycle()) {
            let (mut places, mut all) = (Places::default(), Vec::<u32>::new());
            let mut random = seed;
            for _ in 0..2000 {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let hash = (random >> 3) % hashes;
                if random >> 30 == 0 && !all.is_empty() {
                    let place = hash as usize % all.len();
                    let last = all.len() - 1;
                    places.remove(all[place], place, |at| all[at]);
                    if place != last {
                        places.change(all[last], last, place);
                    }
                    all.swap_remove(place);
                } else {
                    if !places.has_room_for(all.len() + 1) {
                        places = Places::with_room(all.len() + 1);
                        (0..).zip(&all).for_each(|(place, &hash)| places.put(hash, place));
                    }
                    places.put(hash, all.len());
                    all.push(hash);
                }
                let held = places.cells.iter().filter(|&&cell| cell != NONE).count();
                assert_eq!(held, all.len());
            }
            for (place, &hash) in all.iter().enumerate() {
                assert_eq!(places.find(hash, |at| at == place), Some(place));
                assert_eq!(places.find(hash, |at| at == all.len()), None);
            }
        }
    }
}
