//! The server's active defragmentation: it says which blocks of its allocator are worth moving, and moves them.

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, align_of, size_of};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mylog_core::relocate::Relocate;
use redis_module::raw;

use crate::{Ctx, MALLOC_ALIGN, later};

/// Bytes before those that an `Arc` of bytes leads to: its two counters.
const COUNTERS: usize = 2 * size_of::<usize>();

/// What moves the blocks, while a callback of the defragmentation runs.
pub struct Mover<'c> {
    raw: *mut raw::RedisModuleDefragCtx,
    /// When to stop whatever the server says.
    until: Option<Instant>,
    scope: PhantomData<&'c ()>,
}

impl Mover<'_> {
    /// Wraps what the server handed to a callback.
    ///
    /// # Safety
    /// `raw` is the context of the running callback, alive for the lifetime.
    pub(crate) unsafe fn from_raw(raw: *mut raw::RedisModuleDefragCtx) -> Self {
        Self {
            raw,
            until: None,
            scope: PhantomData,
        }
    }

    /// For a callback that the server gives no end.
    fn stops_after(mut self, time: Duration) -> Self {
        self.until = Instant::now().checked_add(time);
        self
    }

    /// Where an earlier call of this callback stopped; 0 if there was none.
    pub fn cursor(&self) -> u64 {
        let mut cursor = 0;
        let got = later!(RedisModule_DefragCursorGet)
            // SAFETY: contract of `from_raw`, and the number is written before the call returns.
            .map(|get| unsafe { get(self.raw, &mut cursor) });
        if got == Some(0) { cursor } else { 0 }
    }

    /// Where this call stops, for the next one. False if the server does not keep it.
    pub(crate) fn set_cursor(&self, cursor: u64) -> bool {
        // SAFETY: contract of `from_raw`.
        let set = later!(RedisModule_DefragCursorSet).map(|set| unsafe { set(self.raw, cursor) });
        set == Some(0)
    }

    /// Where a block is now.
    ///
    /// # Safety
    /// `block` came from the server's allocator, and nobody uses the old address any more if there is a new one.
    unsafe fn moved<T>(&self, block: *mut T) -> *mut T {
        let new = later!(RedisModule_DefragAlloc)
            // SAFETY: contract of `from_raw` and of this function.
            .and_then(|defrag| NonNull::new(unsafe { defrag(self.raw, block.cast::<c_void>()) }));
        new.map_or(block, |new| new.as_ptr().cast())
    }
}

/// True if the server's allocator made the block of such items as it is: none without bytes has one, and one that has
/// to be aligned further lies within another.
fn is_block_of_server<T>() -> bool {
    size_of::<T>() > 0 && align_of::<T>() <= MALLOC_ALIGN
}

impl Relocate for Mover<'_> {
    fn boxed<T>(&mut self, block: Box<T>) -> Box<T> {
        if !is_block_of_server::<T>() {
            return block;
        }
        // SAFETY: the box owned a block that `ServerAlloc` took from the server as it is. The server copies all of it to
        // one of the same size class, and so of the same alignment, and frees the old one: a move, as any of Rust's.
        unsafe { Box::from_raw(self.moved(Box::into_raw(block))) }
    }

    fn bytes(&mut self, block: Box<[u8]>) -> Box<[u8]> {
        // Without bytes there is no block.
        if block.is_empty() {
            return block;
        }
        let len = block.len();
        // SAFETY: as in `boxed`; the new block holds the same bytes, as many.
        unsafe {
            let new = self.moved(Box::into_raw(block).cast::<u8>());
            Box::from_raw(ptr::slice_from_raw_parts_mut(new, len))
        }
    }

    fn items<T>(&mut self, items: Vec<T>) -> Vec<T> {
        if items.capacity() == 0 || !is_block_of_server::<T>() {
            return items;
        }
        let mut items = ManuallyDrop::new(items);
        let (len, capacity) = (items.len(), items.capacity());
        // SAFETY: as in `boxed`; the items moved with their block, and their old owner is forgotten.
        unsafe { Vec::from_raw_parts(self.moved(items.as_mut_ptr()), len, capacity) }
    }

    fn shared(&mut self, one: &mut Arc<[u8]>, other: &mut Arc<[u8]>) {
        let len = one.len();
        let are_its_owners =
            Arc::ptr_eq(one, other) && Arc::strong_count(one) == 2 && Arc::weak_count(one) == 0;
        if len == 0 || !are_its_owners {
            return;
        }
        // SAFETY: an `Arc`'s block has two counters before what it holds (`an_arc_has_two_counters_before_its_bytes`
        // of the core's tests asks the library that this is built with): all these addresses are in it.
        unsafe {
            let block = Arc::as_ptr(one).cast::<u8>().sub(COUNTERS).cast_mut();
            // The weak counter counts all strong ones as one. Were anything else there, the block would stay.
            if block.cast::<[usize; 2]>().read() != [2, 1] {
                return;
            }
            let new = self.moved(block);
            if new == block {
                return;
            }
            // Its two owners are at hand, nobody else has the address: both get the new one, and the old ones, which lead
            // nowhere, are forgotten. The counters came along.
            let bytes = ptr::slice_from_raw_parts(new.add(COUNTERS).cast_const(), len);
            ptr::write(one, Arc::from_raw(bytes));
            ptr::write(other, Arc::from_raw(bytes));
        }
    }

    fn should_stop(&mut self) -> bool {
        // SAFETY: contract of `from_raw`.
        let server = later!(RedisModule_DefragShouldStop).map(|stop| unsafe { stop(self.raw) });
        server.is_some_and(|stop| stop != 0) || self.until.is_some_and(|until| Instant::now() >= until)
    }
}

/// What the module keeps in no key, and wants defragmented too.
pub trait Tables {
    /// Longest time of a call, where the server gives it no end.
    const LONGEST: Duration;

    /// Goes on moving, from where the last call stopped. True once all is done.
    fn relocate(mover: &mut Mover<'_>) -> bool;
}

/// Has what is in no key defragmented in each cycle: in parts where the server calls again, in one call elsewhere. In OnLoad
/// only.
pub fn register<T: Tables>(ctx: Ctx<'_>) {
    if let Some(register) = later!(RedisModule_RegisterDefragFunc2) {
        // SAFETY: the context is alive, and the function is there for as long as the module is.
        unsafe { register(ctx.raw(), Some(tables_again::<T>)) };
    } else if let Some(register) = later!(RedisModule_RegisterDefragFunc) {
        // SAFETY: as above.
        unsafe { register(ctx.raw(), Some(tables_once::<T>)) };
    }
}

// SAFETY: only the server calls it: with a context that is alive during the call. It calls again while it gets 1.
unsafe extern "C" fn tables_again<T: Tables>(ctx: *mut raw::RedisModuleDefragCtx) -> c_int {
    // SAFETY: the server hands the context of this callback.
    let mut mover = unsafe { Mover::from_raw(ctx) };
    c_int::from(!T::relocate(&mut mover))
}

// SAFETY: only the server calls it: with a context that is alive during the call.
unsafe extern "C" fn tables_once<T: Tables>(ctx: *mut raw::RedisModuleDefragCtx) {
    // SAFETY: the server hands the context of this callback.
    let mut mover = unsafe { Mover::from_raw(ctx) }.stops_after(T::LONGEST);
    T::relocate(&mut mover);
}
