//! The keys of a command, as the server finds them when it is asked: for those whose places no description tells.

use std::ffi::c_int;
use std::ptr::null_mut;

use redis_module::raw;

use super::filter::Filtered;
use crate::string::Args;
use crate::{Ctx, api};

/// A key among the arguments of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundKey {
    /// Its place among the arguments, the name being 0.
    pub place: usize,
    /// The command only reads it. False where the server does not tell.
    pub reads: bool,
}

/// The keys of this command, its name first. None for a command that the server does not know, or would not run with so
/// many arguments.
///
/// # Safety
/// The strings are alive.
unsafe fn keys_of(ctx: Ctx<'_>, args: &mut [*mut raw::RedisModuleString]) -> Vec<FoundKey> {
    let (mut count, mut flags) = (0, null_mut());
    let len = c_int::try_from(args.len()).unwrap_or(c_int::MAX);
    // SAFETY: the context is alive, and by the contract of this function the strings are, `len` of them.
    let places = unsafe {
        api!(RedisModule_GetCommandKeysWithFlags)(ctx.raw(), args.as_mut_ptr(), len, &mut count, &mut flags)
    };
    if places.is_null() || flags.is_null() {
        return Vec::new();
    }
    let many = usize::try_from(count).unwrap_or(0);
    // SAFETY: the server has made two arrays of so many numbers.
    let (found, uses) = unsafe {
        (
            std::slice::from_raw_parts(places, many),
            std::slice::from_raw_parts(flags, many),
        )
    };
    let keys = found.iter().zip(uses).filter_map(|(&place, &flags)| {
        Some(FoundKey {
            place: usize::try_from(place).ok()?,
            reads: flags & raw::REDISMODULE_CMD_KEY_RO as c_int != 0,
        })
    });
    let keys = keys.collect();
    // SAFETY: both arrays are ours to free, once.
    unsafe {
        api!(RedisModule_Free)(places.cast());
        api!(RedisModule_Free)(flags.cast());
    }
    keys
}

impl Filtered<'_> {
    /// Its keys, as the server finds them.
    pub fn keys(self, ctx: Ctx<'_>) -> Vec<FoundKey> {
        // SAFETY: the arguments of a command that is filtered are alive.
        unsafe { keys_of(ctx, &mut self.strings()) }
    }
}

impl Args<'_> {
    /// The keys of the command that these are, as the server finds them.
    pub fn keys(self, ctx: Ctx<'_>) -> Vec<FoundKey> {
        // SAFETY: the arguments are alive.
        unsafe { keys_of(ctx, &mut self.raw().to_vec()) }
    }
}
