//! The command filter: sees every command before it runs, and may change its arguments.

use std::ffi::c_int;
use std::marker::PhantomData;

use redis_module::raw;

use crate::{Ctx, OwnedStr, Refused, Str, api, later, ok};

/// The command that a filter looks at. It has no context.
#[derive(Clone, Copy)]
pub struct Filtered<'c> {
    raw: *mut raw::RedisModuleCommandFilterCtx,
    scope: PhantomData<&'c ()>,
}

#[expect(clippy::len_without_is_empty, reason = "a command has its name at least")]
impl<'c> Filtered<'c> {
    /// Wraps what the server handed to a filter.
    ///
    /// # Safety
    /// `raw` stays alive for `'c`.
    pub(crate) unsafe fn from_raw(raw: *mut raw::RedisModuleCommandFilterCtx) -> Self {
        Self {
            raw,
            scope: PhantomData,
        }
    }

    /// Number of arguments, the command's name counted.
    pub fn len(self) -> usize {
        // SAFETY: the filter context is alive. The number is never negative.
        unsafe { api!(RedisModule_CommandFilterArgsCount)(self.raw) as usize }
    }

    /// The bytes of an argument. They must not be used after a change of it.
    pub fn arg(self, index: usize) -> Option<&'c [u8]> {
        let index = c_int::try_from(index).ok()?;
        // SAFETY: the filter context is alive; null past the end.
        let arg = unsafe { api!(RedisModule_CommandFilterArgGet)(self.raw, index) };
        // SAFETY: the string is alive until it is replaced, which the caller watches.
        (!arg.is_null()).then(|| unsafe { Str::from_raw(arg) }.bytes())
    }

    /// All arguments. None of them must be used after a change of it.
    pub fn args(self) -> Vec<&'c [u8]> {
        (0..self.len()).filter_map(|index| self.arg(index)).collect()
    }

    /// The id of the client whose command it is, where the server tells.
    pub fn client_id(self) -> Option<u64> {
        let client_id = later!(RedisModule_CommandFilterGetClientId)?;
        // SAFETY: the filter context is alive.
        Some(unsafe { client_id(self.raw) })
    }

    /// The pointers of all arguments.
    pub(crate) fn strings(self) -> Vec<*mut raw::RedisModuleString> {
        let len = c_int::try_from(self.len()).unwrap_or(0);
        // SAFETY: the filter context is alive, and has so many arguments.
        let get = |index| unsafe { api!(RedisModule_CommandFilterArgGet)(self.raw, index) };
        (0..len).map(get).collect()
    }

    /// Puts another argument in the place of one.
    pub fn replace(self, index: usize, arg: OwnedStr) -> Result<(), Refused> {
        let index = c_int::try_from(index).unwrap_or(c_int::MAX);
        // SAFETY: the filter context and the string are alive.
        let status = unsafe { api!(RedisModule_CommandFilterArgReplace)(self.raw, index, arg.lend().raw()) };
        taken_over(status, arg, "CommandFilterArgReplace")
    }

    /// Puts an argument before one.
    pub fn insert(self, index: usize, bytes: &[u8]) -> Result<(), Refused> {
        let index = c_int::try_from(index).unwrap_or(c_int::MAX);
        let arg = OwnedStr::new(bytes);
        // SAFETY: as in `replace`.
        let status = unsafe { api!(RedisModule_CommandFilterArgInsert)(self.raw, index, arg.lend().raw()) };
        taken_over(status, arg, "CommandFilterArgInsert")
    }
}

/// The server has taken over the share of an argument, unless it refuses.
fn taken_over(status: c_int, arg: OwnedStr, call: &'static str) -> Result<(), Refused> {
    ok(status, call)?;
    arg.into_raw();
    Ok(())
}

/// A filter of commands: a type without a value, for which the server's callback is made.
pub trait Filter {
    /// Sees a command before it runs, this module's own calls too (`rm_call::is_own`).
    fn see(command: Filtered<'_>);
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn see<F: Filter>(raw: *mut raw::RedisModuleCommandFilterCtx) {
    // SAFETY: the server hands what it is about to run, alive during the call.
    F::see(unsafe { Filtered::from_raw(raw) });
}

impl Ctx<'_> {
    /// Registers the filter. Do it last in OnLoad: 7.0 does not take it back when the load fails.
    pub fn register_filter<F: Filter>(self) -> Result<(), Refused> {
        // SAFETY: the context carries the module; the callback lives as long as the library.
        let made = unsafe { api!(RedisModule_RegisterCommandFilter)(self.raw(), Some(see::<F>), 0) };
        if made.is_null() {
            Err(Refused {
                call: "RedisModule_RegisterCommandFilter",
            })
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
