//! The module's data types as the server knows them.

use std::ffi::CStr;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use mylog_core::value::Kind;
use redis_module::raw;

use crate::{Ctx, Refused, api};

/// The server's handle for each of `Kind::ALL`, in that order; null until created.
static TYPES: [AtomicPtr<raw::RedisModuleType>; Kind::ALL.len()] =
    [const { AtomicPtr::new(null_mut()) }; Kind::ALL.len()];

/// Creates the type of a kind. In OnLoad only. `name` has nine characters.
pub fn create(
    ctx: Ctx,
    kind: Kind,
    name: &CStr,
    encver: i32,
    mut methods: raw::RedisModuleTypeMethods,
) -> Result<(), Refused> {
    // SAFETY: the context is alive, the name ends with NUL, and the server copies the methods.
    let created = unsafe { api!(RedisModule_CreateDataType)(ctx.raw(), name.as_ptr(), encver, &mut methods) };
    if created.is_null() {
        return Err(Refused {
            call: "RedisModule_CreateDataType",
        });
    }
    if let Some(slot) = Kind::ALL
        .iter()
        .position(|&of| of == kind)
        .and_then(|place| TYPES.get(place))
    {
        slot.store(created, Ordering::Relaxed);
    }
    Ok(())
}

/// The server's handle for a kind.
pub(crate) fn of(kind: Kind) -> *mut raw::RedisModuleType {
    let place = Kind::ALL.iter().position(|&of| of == kind);
    place
        .and_then(|place| TYPES.get(place))
        .map_or(null_mut(), |slot| slot.load(Ordering::Relaxed))
}

/// The kind of a handle; `None` if the type is not ours.
pub(crate) fn kind_of(handle: *mut raw::RedisModuleType) -> Option<Kind> {
    let place = TYPES
        .iter()
        .position(|slot| slot.load(Ordering::Relaxed) == handle)?;
    Kind::ALL.get(place).copied().filter(|_| !handle.is_null())
}
