//! Moving a store's memory: nothing but addresses changes, and nothing is left where it was.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

#[cfg(test)]
mod model;

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};

use model::{Model, Rng, Shape};
use mylog_core::changes::Changes;
use mylog_core::effect::{Change, Effect, NEVER, Ttl};
use mylog_core::relocate::Relocate;
use mylog_core::store::{SlotId, Store, TablesPlace};
use mylog_core::value::Side;

/// A length that nothing else here has.
const LEN: usize = 987_654;
/// The last block of about that length.
static LONG_BLOCK: AtomicUsize = AtomicUsize::new(0);
/// Blocks that there are.
static BLOCKS: AtomicIsize = AtomicIsize::new(0);

struct Counting;

// SAFETY: each call is passed on to the system's allocator with the caller's own arguments; the counters beside it
// touch no block.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BLOCKS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: contract of GlobalAlloc.
        let block = unsafe { System.alloc(layout) };
        if (LEN..LEN + 64).contains(&layout.size()) {
            LONG_BLOCK.store(block as usize, Ordering::Relaxed);
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BLOCKS.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: contract of GlobalAlloc.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: contract of GlobalAlloc.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Moves every block that it has not moved yet, and stops when it pleases.
struct MovesAll {
    /// Blocks that it has made.
    made: HashSet<usize>,
    rng: Rng,
    /// It stops once in so many times that it is asked.
    stops: u64,
}

impl MovesAll {
    fn new(seed: u64, stops: u64) -> Self {
        Self {
            made: HashSet::new(),
            rng: Rng::new(seed),
            stops,
        }
    }

    fn is_made(&self, block: *const u8) -> bool {
        self.made.contains(&(block as usize))
    }

    fn makes(&mut self, block: *const u8) {
        self.made.insert(block as usize);
    }
}

impl Relocate for MovesAll {
    fn boxed<T>(&mut self, block: Box<T>) -> Box<T> {
        if self.is_made((&raw const *block).cast()) {
            return block;
        }
        let moved = Box::new(*block);
        self.makes((&raw const *moved).cast());
        moved
    }

    fn bytes(&mut self, block: Box<[u8]>) -> Box<[u8]> {
        if block.is_empty() || self.is_made(block.as_ptr()) {
            return block;
        }
        let moved: Box<[u8]> = (&*block).into();
        self.makes(moved.as_ptr());
        moved
    }

    fn items<T>(&mut self, items: Vec<T>) -> Vec<T> {
        if items.capacity() == 0 || self.is_made(items.as_ptr().cast()) {
            return items;
        }
        let mut moved = Vec::with_capacity(items.capacity());
        moved.extend(items);
        self.makes(moved.as_ptr().cast());
        moved
    }

    fn shared(&mut self, one: &mut Arc<[u8]>, other: &mut Arc<[u8]>) {
        assert!(Arc::ptr_eq(one, other), "they don't own the same");
        assert_eq!(Arc::strong_count(one), 2);
        if self.is_made(one.as_ptr()) {
            return;
        }
        *one = (&**one).into();
        *other = Arc::clone(one);
        self.makes(one.as_ptr());
    }

    fn should_stop(&mut self) -> bool {
        self.rng.one_in(self.stops)
    }
}

/// Moves all there is, however often it stops.
fn move_all(store: &mut Store, by: &mut MovesAll) {
    let ids: Vec<SlotId> = store.entries().map(|entry| id_of(store, entry)).collect();
    for id in ids {
        let mut from = 0;
        loop {
            from = store.relocate(id, from, by);
            if from == 0 {
                break;
            }
        }
    }
    let mut place = TablesPlace::default();
    while !store.relocate_tables(&mut place, by) {}
}

fn id_of(store: &Store, entry: mylog_core::store::Entry<'_>) -> SlotId {
    store.find(store.db_of(entry), entry.key()).unwrap()
}

fn random_effects_between_moves() {
    for seed in 0..40 {
        let mut rng = Rng::new(seed);
        let large = rng.one_in(4);
        let shape = Shape {
            names: 1 + rng.below(20),
            value_bytes: 1 + rng.below(300),
            fields: if large { 1500 } else { 40 },
            databases: true,
        };
        let (mut model, mut store) = (Model::default(), Store::new());
        let mut place = TablesPlace::default();
        for step in 0..200 {
            let op = model.random(&mut rng, shape);
            model.apply(&op);
            op.with_effect(|effect| store.apply(effect))
                .unwrap_or_else(|error| panic!("seed {seed} step {step} {op:?}: {error}"));
            let mut by = MovesAll::new(rng.next(), 1 + rng.below(5));
            // From the beginning, from where any other value had stopped, or from nowhere at all.
            let mut from = [0, rng.next(), rng.below(2000), 1 << 63 | rng.below(2000)][rng.below(4) as usize];
            let id = SlotId {
                slot: rng.below(30) as u32,
                generation: 0,
            };
            let id = store
                .entries()
                .nth(rng.below(8) as usize)
                .map_or(id, |entry| id_of(&store, entry));
            for _ in 0..rng.below(4) {
                from = store.relocate(id, from, &mut by);
            }
            store.relocate_tables(&mut place, &mut by);
        }
        assert_eq!(Model::of(&store), model, "seed {seed}");
        move_all(&mut store, &mut MovesAll::new(seed, 1 + seed % 7));
        assert_eq!(Model::of(&store), model, "seed {seed}");
        for (db, key) in model.keys.keys() {
            assert!(store.get(*db, key).is_some(), "seed {seed}");
        }
    }
}

/// All types, small and large, of keys short and long, in two databases, with ends and holes.
fn store_of_all_forms() -> Store {
    let mut store = Store::new();
    let mut apply = |effect: Effect<'_>| {
        store.apply(&effect).unwrap();
    };
    let text = |number: usize, len: usize| format!("{number:0len$}").into_bytes();
    for (number, len) in (0..3000).zip([8, 40, 300, 900, 20_000].into_iter().cycle()) {
        let key = text(number, if number % 3 == 0 { 300 } else { 8 });
        let (db, value) = ((number % 2) as u32, text(number, len));
        apply(
            Change::StrSet {
                ttl: if number % 5 == 0 {
                    Ttl::Set(1 << 41)
                } else {
                    Ttl::Keep
                },
                value: &value,
            }
            .of(db, &key),
        );
    }
    for count in [1, 100, 700, 20_000] {
        let members: Vec<Vec<u8>> = (0..count).map(|number| text(number, 7)).collect();
        let refs: Vec<&[u8]> = members.iter().map(|member| &**member).collect();
        let pairs: Vec<_> = refs.iter().map(|member| (*member, *member)).collect();
        let scores: Vec<_> = (0..)
            .zip(&refs)
            .map(|(score, member)| (f64::from(score % 900), *member))
            .collect();
        let key = |kind: &str| format!("{kind}{count}").into_bytes();
        apply(Change::HashSet { pairs: pairs.into() }.of(0, &key("hash")));
        apply(
            Change::SetAdd {
                members: refs.clone().into(),
            }
            .of(1, &key("set")),
        );
        apply(
            Change::ZSetSet {
                members: scores.into(),
            }
            .of(1, &key("zset")),
        );
        apply(
            Change::ListPush {
                side: Side::Tail,
                elements: refs.into(),
            }
            .of(0, &key("list")),
        );
    }
    for number in (0..3000).filter(|number| number % 4 == 1) {
        let key = text(number, if number % 3 == 0 { 300 } else { 8 });
        apply(Change::Del.of((number % 2) as u32, &key));
    }
    store
}

fn every_block_of_a_store_is_moved() {
    for stops in [2, u64::MAX] {
        let twin = store_of_all_forms();
        let before = BLOCKS.load(Ordering::Relaxed);
        let mut store = store_of_all_forms();
        drop(store.take_discarded());
        let held = BLOCKS.load(Ordering::Relaxed) - before;
        let mut by = MovesAll::new(1, stops);
        move_all(&mut store, &mut by);
        assert!(store.same_contents(&twin));
        assert_eq!(by.made.len() as isize, held, "blocks stayed where they were");
    }
}

fn every_block_of_the_changes_is_moved() {
    let before = BLOCKS.load(Ordering::Relaxed);
    let mut changes = Changes::default();
    for slot in 0..200_000 {
        let id = SlotId { slot, generation: 0 };
        let effect = Change::Expire { expire_at: NEVER }.of(0, b"key");
        changes.note(&effect, Some(id), u64::from(slot) + 1, 0);
    }
    let held = BLOCKS.load(Ordering::Relaxed) - before;
    let mut by = MovesAll::new(1, 2);
    let mut from = Some(0);
    while let Some(at) = from {
        from = changes.relocate(at, &mut by);
    }
    assert_eq!(by.made.len() as isize, held, "blocks stayed where they were");
    assert!((0..200_000).all(|slot| changes.of_entry(0, slot) == u64::from(slot) + 1));
}

/// The module moves the block of an `Arc` by its address, which no function of the library tells.
fn an_arc_has_two_counters_before_its_bytes() {
    let bytes = vec![7; LEN];
    let one: Arc<[u8]> = bytes.as_slice().into();
    let block = LONG_BLOCK.load(Ordering::Relaxed);
    assert_eq!(one.as_ptr() as usize, block + 2 * size_of::<usize>());
    let _other = Arc::clone(&one);
    // SAFETY: the counters are there, as the line above says, and nobody else uses them.
    let counters = unsafe { (block as *const [usize; 2]).read() };
    assert_eq!(counters, [2, 1]);
}

/// One test: the blocks that another one makes meanwhile would be counted.
#[test]
fn moving_memory_changes_nothing_but_addresses_and_leaves_nothing_behind() {
    an_arc_has_two_counters_before_its_bytes();
    every_block_of_a_store_is_moved();
    every_block_of_the_changes_is_moved();
    random_effects_between_moves();
}
