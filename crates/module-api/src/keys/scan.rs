//! Walks over the key space and over the server's own collections, by cursors that may be kept from one turn to
//! the next: what is there all the time is visited, perhaps twice.

use std::ffi::c_void;
use std::ptr::NonNull;

use mylog_core::value::Kind;
use redis_module::raw;

use super::key::Key;
use crate::{Ctx, Str, api};

/// A place in a walk.
pub struct Cursor(NonNull<raw::RedisModuleScanCursor>);

impl Cursor {
    /// The beginning; `None` only where the server has no memory left.
    pub fn new() -> Option<Self> {
        // SAFETY: takes nothing; the cursor is ours to destroy.
        NonNull::new(unsafe { api!(RedisModule_ScanCursorCreate)() }).map(Self)
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        // SAFETY: the cursor is ours, destroyed once.
        unsafe { api!(RedisModule_ScanCursorDestroy)(self.0.as_ptr()) }
    }
}

/// What a name of the key space holds, to a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A value of the server's own, of a type that has a durable form.
    Native(Kind),
    /// A value of ours.
    Durable,
    /// Another one: a stream, or another module's.
    Other,
}

type VisitName<'v> = &'v mut dyn FnMut(&[u8], Found);
type VisitElement<'v> = &'v mut dyn FnMut(&[u8], &[u8]);

impl Ctx<'_> {
    /// Visits a few names of the context's database. False at its end. `visit` must not change the key space.
    pub fn scan(self, cursor: &Cursor, mut visit: VisitName<'_>) -> bool {
        let data: *mut VisitName<'_> = &mut visit;
        // SAFETY: context and cursor are alive; `name` gets back what it is given here, during the call.
        unsafe { api!(RedisModule_Scan)(self.raw(), cursor.0.as_ptr(), Some(name), data.cast()) != 0 }
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn name(
    _ctx: *mut raw::RedisModuleCtx,
    name: *mut raw::RedisModuleString,
    key: *mut raw::RedisModuleKey,
    visit: *mut c_void,
) {
    // SAFETY: the server hands a name and its open key, alive during the call; `scan` gave the visitor.
    unsafe {
        let found = Key::lent(key).found();
        (*visit.cast::<VisitName<'_>>())(Str::from_raw(name).bytes(), found);
    }
}

impl Key<'_> {
    /// Visits a few elements of a hash, set or sorted set: field and value, member and nothing, member and score.
    /// False at its end.
    pub fn scan(&self, cursor: &Cursor, mut visit: VisitElement<'_>) -> bool {
        let data: *mut VisitElement<'_> = &mut visit;
        // SAFETY: the key is open and of one of these types, or refused; `element` gets back what it is given here.
        unsafe { api!(RedisModule_ScanKey)(self.raw(), cursor.0.as_ptr(), Some(element), data.cast()) != 0 }
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn element(
    _key: *mut raw::RedisModuleKey,
    field: *mut raw::RedisModuleString,
    value: *mut raw::RedisModuleString,
    visit: *mut c_void,
) {
    // SAFETY: the server hands strings that are alive during the call, no value for a set; `scan` gave the visitor.
    unsafe {
        let value = if value.is_null() {
            &[]
        } else {
            Str::from_raw(value).bytes()
        };
        (*visit.cast::<VisitElement<'_>>())(Str::from_raw(field).bytes(), value);
    }
}
