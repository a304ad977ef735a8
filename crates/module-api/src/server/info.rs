//! The module's part of INFO.

use std::ffi::{CStr, c_int};
use std::marker::PhantomData;

use redis_module::raw;

use crate::{Ctx, Refused, api, ok};

/// The INFO reply being built. Fields of a section that nobody asked for are dropped by the server.
#[derive(Clone, Copy)]
pub struct Info<'c> {
    raw: *mut raw::RedisModuleInfoCtx,
    scope: PhantomData<&'c ()>,
}

impl Info<'_> {
    /// Wraps what the server handed to the callback.
    ///
    /// # Safety
    /// `raw` stays alive for the lifetime chosen.
    unsafe fn from_raw(raw: *mut raw::RedisModuleInfoCtx) -> Self {
        Self {
            raw,
            scope: PhantomData,
        }
    }

    /// Opens a section; empty for the one with the module's name. False if nobody asked for it.
    pub fn section(self, name: &CStr) -> bool {
        // SAFETY: info context and name are alive; the name is copied.
        unsafe { api!(RedisModule_InfoAddSection)(self.raw, name.as_ptr()) == 0 }
    }

    /// A number. The server puts the module's name before the field's.
    pub fn number(self, field: &CStr, value: u64) {
        // SAFETY: info context and name are alive; the name is copied.
        unsafe { api!(RedisModule_InfoAddFieldULongLong)(self.raw, field.as_ptr(), value) };
    }

    /// A fraction.
    pub fn fraction(self, field: &CStr, value: f64) {
        // SAFETY: as in `number`.
        unsafe { api!(RedisModule_InfoAddFieldDouble)(self.raw, field.as_ptr(), value) };
    }

    /// A text of one line.
    pub fn text(self, field: &CStr, value: &CStr) {
        // SAFETY: as in `number`; the value is copied.
        unsafe { api!(RedisModule_InfoAddFieldCString)(self.raw, field.as_ptr(), value.as_ptr()) };
    }
}

/// What fills the module's part of INFO: a type without a value, for which the server's callback is made.
pub trait InfoSource {
    /// Fills it. In the server's crash report it must take no lock.
    fn fill(info: Info<'_>, in_crash_report: bool);
}

// SAFETY: only the server calls it: under its global lock or in its crash report, with pointers alive during the call.
unsafe extern "C" fn fill<S: InfoSource>(info: *mut raw::RedisModuleInfoCtx, in_crash_report: c_int) {
    // SAFETY: the server hands the reply being built, alive during the call.
    let info = unsafe { Info::from_raw(info) };
    S::fill(info, in_crash_report != 0);
}

impl Ctx<'_> {
    /// Registers the module's part of INFO.
    pub fn register_info<S: InfoSource>(self) -> Result<(), Refused> {
        // SAFETY: the context carries the module; the callback lives as long as the library.
        ok(
            unsafe { api!(RedisModule_RegisterInfoFunc)(self.raw(), Some(fill::<S>)) },
            "RedisModule_RegisterInfoFunc",
        )
    }
}
