//! Moving what a store holds to other blocks of memory, so that the allocator can give back the pages that hold little
//! of it. Values, names and numbers stay as they are: nothing but addresses changes.
//!
//! Whoever owns the allocator says which blocks are worth it, and how much of it is done at once.

use std::sync::Arc;

/// Moves blocks, or leaves them where they are.
pub trait Relocate {
    /// Moves the block of a box.
    fn boxed<T>(&mut self, block: Box<T>) -> Box<T>;
    /// Moves a block of bytes.
    fn bytes(&mut self, block: Box<[u8]>) -> Box<[u8]>;
    /// Moves a vector's items. Neither length nor capacity changes.
    fn items<T>(&mut self, items: Vec<T>) -> Vec<T>;
    /// Moves bytes that these two own, and nobody else.
    fn shared(&mut self, one: &mut Arc<[u8]>, other: &mut Arc<[u8]>);
    /// True if enough is done for now. Asked every `STEP` blocks or so.
    fn should_stop(&mut self) -> bool;
}

/// Blocks that are moved before `should_stop` is asked again, about.
pub(crate) const STEP: usize = 64;

/// Moves the block of a box in place.
pub(crate) fn bytes(block: &mut Box<[u8]>, by: &mut impl Relocate) {
    *block = by.bytes(std::mem::take(block));
}

/// Moves a vector's items in place.
pub(crate) fn items<T>(items: &mut Vec<T>, by: &mut impl Relocate) {
    *items = by.items(std::mem::take(items));
}
