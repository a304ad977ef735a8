//! The server's first call into the library. What the server hands to it has types that only the server can make: so the
//! module's entry needs no `unsafe` but for its name.

use std::ffi::{CStr, c_int};

use redis_module::raw;

use crate::Ctx;
use crate::string::Args;

/// The version of the module API, the only one there is.
const API_VERSION: c_int = 1;

/// The context of `RedisModule_OnLoad`.
#[repr(transparent)]
pub struct LoadCtx(*mut raw::RedisModuleCtx);

/// The load arguments of `RedisModule_OnLoad`.
#[repr(transparent)]
pub struct LoadArgs(*mut *mut raw::RedisModuleString);

/// How many load arguments there are.
#[repr(transparent)]
pub struct LoadArgCount(c_int);

/// Makes the API ready and runs `load`, which says whether the module is loaded. Gives what `RedisModule_OnLoad` returns.
/// Nothing may be allocated before this: the allocator is the server's.
pub fn enter(
    (ctx, args, count): (LoadCtx, LoadArgs, LoadArgCount),
    name: &CStr,
    version: c_int,
    load: fn(Ctx<'_>, Args<'_>) -> bool,
) -> c_int {
    // SAFETY: the context is the server's, alive during the call; the name ends with NUL.
    if unsafe { raw::Export_RedisModule_Init(ctx.0, name.as_ptr(), version, API_VERSION) } != 0 {
        return 1;
    }
    // SAFETY: context and arguments are the server's, alive during the call, and it holds its global lock.
    let (ctx, args) = unsafe { (Ctx::from_raw(ctx.0), Args::from_raw(args.0, count.0)) };
    c_int::from(!load(ctx, args))
}
