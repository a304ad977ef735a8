//! A key of the server's keyspace, opened.

use std::ffi::c_int;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;

use mylog_core::effect::{ExpireAt, NEVER};
use mylog_core::value::Kind;
use redis_module::raw;

use super::data_type;
use super::value_handle::ValueHandle;
use crate::{Ctx, Refused, Str, api, ok};

/// How a key is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To read: counts as a hit or miss and as a use.
    Read,
    /// To read without a trace in the key's age.
    ReadNoTouch,
    /// To write: an expired key is deleted first, with its notification.
    Write,
    /// As `Write`, without a trace in the key's age.
    WriteNoTouch,
}

/// What a key contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// Nothing.
    Nothing,
    /// A value of ours.
    Ours(Kind, ValueHandle),
    /// A value of the server's or of another module's.
    Foreign,
}

/// An open key. It must not outlive the command, nor a deletion of the key by other means.
pub struct Key<'c> {
    /// Null for a key that is missing and was opened to read.
    raw: *mut raw::RedisModuleKey,
    scope: PhantomData<&'c ()>,
}

impl<'c> Key<'c> {
    /// Opens a key of the context's database.
    pub fn open(ctx: Ctx<'c>, name: Str<'_>, mode: Mode) -> Self {
        let mode = match mode {
            Mode::Read => raw::REDISMODULE_READ,
            Mode::ReadNoTouch => raw::REDISMODULE_READ | raw::REDISMODULE_OPEN_KEY_NOTOUCH,
            Mode::Write => raw::REDISMODULE_READ | raw::REDISMODULE_WRITE,
            Mode::WriteNoTouch => {
                raw::REDISMODULE_READ | raw::REDISMODULE_WRITE | raw::REDISMODULE_OPEN_KEY_NOTOUCH
            }
        };
        // SAFETY: context and name are alive; the server keeps its own share of the name.
        let raw = unsafe { api!(RedisModule_OpenKey)(ctx.raw(), name.raw(), mode as c_int) };
        Self {
            raw,
            scope: PhantomData,
        }
    }

    /// A key that the server has opened, and closes itself.
    ///
    /// # Safety
    /// `raw` is null or open for as long as the result is used.
    pub(crate) unsafe fn lent(raw: *mut raw::RedisModuleKey) -> ManuallyDrop<Self> {
        ManuallyDrop::new(Self {
            raw,
            scope: PhantomData,
        })
    }

    /// The handle, for the rest of this folder.
    pub(crate) fn raw(&self) -> *mut raw::RedisModuleKey {
        self.raw
    }

    /// The handle for a call that changes the key, and that follows it without a look: null is refused here.
    pub(crate) fn to_change(&self, call: &'static str) -> Result<*mut raw::RedisModuleKey, Refused> {
        match self.raw.is_null() {
            true => Err(Refused { call }),
            false => Ok(self.raw),
        }
    }

    /// What it holds.
    pub fn contents(&self) -> Contents {
        // SAFETY: the handle is null or open; the calls allow both. The value is one of a key of ours.
        unsafe {
            match api!(RedisModule_KeyType)(self.raw) as isize {
                raw::REDISMODULE_KEYTYPE_EMPTY => Contents::Nothing,
                raw::REDISMODULE_KEYTYPE_MODULE => {
                    match data_type::kind_of(api!(RedisModule_ModuleTypeGetType)(self.raw)) {
                        Some(kind) => {
                            let value = api!(RedisModule_ModuleTypeGetValue)(self.raw);
                            Contents::Ours(kind, ValueHandle::from_raw(value))
                        }
                        None => Contents::Foreign,
                    }
                }
                _ => Contents::Foreign,
            }
        }
    }

    /// Gives the key a value of ours, by its number. What it held is deleted first, with its end and its callbacks.
    pub fn set_number(&self, kind: Kind, number: u64) -> Result<(), Refused> {
        const CALL: &str = "RedisModule_ModuleTypeSetValue";
        let (key, value) = (self.to_change(CALL)?, ValueHandle::of_number(number).raw());
        // SAFETY: the handle is open, to write or it is refused; the value is never followed by the server, only by the
        // type's callbacks, which know an odd word from a pointer.
        let status = unsafe { api!(RedisModule_ModuleTypeSetValue)(key, data_type::of(kind), value) };
        ok(status, CALL)
    }

    /// Puts a number in place of the value there, of the same type; no callback runs, the end stays. Returns what was
    /// in the old value's box, if it was one, which is now the caller's.
    pub fn replace_with_number<U: 'static>(
        &self,
        kind: Kind,
        number: u64,
    ) -> Result<Option<Box<U>>, Refused> {
        const CALL: &str = "RedisModule_ModuleTypeReplaceValue";
        let (key, value) = (self.to_change(CALL)?, ValueHandle::of_number(number).raw());
        let mut old = std::ptr::null_mut();
        // SAFETY: as in `set_number`; `old` is written by the call.
        let status =
            unsafe { api!(RedisModule_ModuleTypeReplaceValue)(key, data_type::of(kind), value, &mut old) };
        ok(status, CALL)?;
        // SAFETY: the old value was this key's and is no key's any more: nobody else takes it.
        Ok(unsafe { ValueHandle::from_raw(old).take::<U>() })
    }

    /// Deletes the key; one that is missing stays so.
    pub fn delete(&self) -> Result<(), Refused> {
        const CALL: &str = "RedisModule_DeleteKey";
        let key = self.to_change(CALL)?;
        // SAFETY: the handle is open, to write or it is refused, and is left empty, ready for a new value.
        ok(unsafe { api!(RedisModule_DeleteKey)(key) }, CALL)
    }

    /// The key's end, `NEVER` without one or without a key.
    pub fn expire_at(&self) -> ExpireAt {
        // SAFETY: the handle is null or open; the call allows both.
        let empty = unsafe { api!(RedisModule_KeyType)(self.raw) } as isize == raw::REDISMODULE_KEYTYPE_EMPTY;
        // Redis 8.2 follows the value of a key opened to write though there is none.
        if empty {
            return NEVER;
        }
        // SAFETY: the handle is open and has a value.
        unsafe { api!(RedisModule_GetAbsExpire)(self.raw) }
    }

    /// Sets the key's end, `NEVER` to take it away. Nobody is notified.
    pub fn set_expire_at(&self, expire_at: ExpireAt) -> Result<(), Refused> {
        const CALL: &str = "RedisModule_SetAbsExpire";
        let key = self.to_change(CALL)?;
        // SAFETY: the handle is open, to write or it is refused; NEVER is REDISMODULE_NO_EXPIRE.
        ok(unsafe { api!(RedisModule_SetAbsExpire)(key, expire_at) }, CALL)
    }
}

impl Drop for Key<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is null or open, and closed once.
        unsafe { api!(RedisModule_CloseKey)(self.raw) }
    }
}

#[cfg(test)]
mod tests;
