//! The global allocator of the module: the server's own, so that `maxmemory` and `INFO memory` see what we
//! hold.
//!
//! The binding crate's allocator knows neither realloc nor calloc, so every growing buffer would be copied
//! and every zeroed one written, and it aligns nothing: a type of 64-byte alignment (parking_lot has one) is
//! right only by luck of the server's size classes. Nothing may be allocated before `RedisModule_Init`.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::null_mut;

use redis_module::raw;

use crate::MALLOC_ALIGN;

/// The server's allocator.
pub struct ServerAlloc;

/// Without the server's allocator nothing can be said, not even why: an abort is all that is left.
fn gone() -> ! {
    std::process::abort()
}

fn malloc(size: usize) -> *mut u8 {
    // SAFETY: the pointers are written once, by RedisModule_Init, before any Rust code of ours allocates.
    match unsafe { raw::RedisModule_Alloc } {
        // SAFETY: any size is allowed; the server ends the process when memory is out.
        Some(alloc) => unsafe { alloc(size) }.cast(),
        None => gone(),
    }
}

fn calloc(size: usize) -> *mut u8 {
    // SAFETY: as in `malloc`.
    match unsafe { raw::RedisModule_Calloc } {
        // SAFETY: as in `malloc`.
        Some(calloc) => unsafe { calloc(1, size) }.cast(),
        None => gone(),
    }
}

/// Gives back what `malloc`, `calloc` or `realloc` gave.
///
/// # Safety
/// `block` came from one of them and was not given back.
unsafe fn free(block: *mut u8) {
    // SAFETY: as in `malloc`.
    match unsafe { raw::RedisModule_Free } {
        // SAFETY: contract of this function.
        Some(free) => unsafe { free(block.cast()) },
        None => gone(),
    }
}

/// Grows or shrinks a block.
///
/// # Safety
/// As for `free`; the old pointer is not used again.
unsafe fn realloc(block: *mut u8, size: usize) -> *mut u8 {
    // SAFETY: as in `malloc`.
    match unsafe { raw::RedisModule_Realloc } {
        // SAFETY: contract of this function.
        Some(realloc) => unsafe { realloc(block.cast(), size) }.cast(),
        None => gone(),
    }
}

/// The word before an over-aligned block holds the block that malloc gave for it.
fn over_aligned(layout: Layout) -> *mut u8 {
    let Some(size) = layout.size().checked_add(layout.align() + size_of::<*mut u8>()) else {
        return null_mut();
    };
    let base = malloc(size);
    if base.is_null() {
        return base;
    }
    let gap = size_of::<*mut u8>();
    let offset = (base as usize + gap).next_multiple_of(layout.align()) - base as usize;
    // SAFETY: `offset` is between a word and a word plus the alignment: inside the block of `size` bytes
    // both for the word before it and for the layout's bytes behind it.
    unsafe {
        let block = base.add(offset);
        block.cast::<*mut u8>().sub(1).write_unaligned(base);
        block
    }
}

// SAFETY: blocks come from the server's malloc, which aligns to MALLOC_ALIGN; above that `over_aligned` does.
// Which way a block was made follows from its layout alone, so it is given back the same way.
unsafe impl GlobalAlloc for ServerAlloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= MALLOC_ALIGN {
            malloc(layout.size())
        } else {
            over_aligned(layout)
        }
    }

    // SAFETY: the contract of GlobalAlloc, as for all of these.
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: contract of GlobalAlloc: `block` was made by `alloc` with this layout.
        unsafe {
            let base = match layout.align() <= MALLOC_ALIGN {
                true => block,
                false => block.cast::<*mut u8>().sub(1).read_unaligned(),
            };
            free(base);
        }
    }

    // SAFETY: as above.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= MALLOC_ALIGN {
            return calloc(layout.size());
        }
        let block = over_aligned(layout);
        if !block.is_null() {
            // SAFETY: the block holds the layout's bytes.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    // SAFETY: as above.
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if layout.align() <= MALLOC_ALIGN {
            // SAFETY: contract of GlobalAlloc.
            return unsafe { realloc(block, new_size) };
        }
        // SAFETY: contract of GlobalAlloc: `new_size` fits the alignment; both blocks hold the bytes copied.
        unsafe {
            let new = over_aligned(Layout::from_size_align_unchecked(new_size, layout.align()));
            if !new.is_null() {
                new.copy_from_nonoverlapping(block, layout.size().min(new_size));
                self.dealloc(block, layout);
            }
            new
        }
    }
}
