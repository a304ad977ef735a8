//! The server's entry into a command.

use std::ffi::c_int;

use redis_module::raw;

use crate::string::Args;
use crate::{Ctx, api};

/// A key of a command: its place among the arguments, and its REDISMODULE_CMD_KEY_ bits.
pub type KeyPlace = (usize, u32);

/// A command of the module: a type without a value, for which the server's entry is made.
pub trait Command {
    /// Tells the places of the keys. The server asks a command with the flag `getkeys-api` before it runs it; of others it
    /// knows no more than the first key, the last and the step, whatever else it was told.
    const KEYS: Option<fn(Ctx<'_>, Args<'_>) -> Vec<KeyPlace>> = None;

    /// Runs the command, its name first among the arguments.
    fn run(ctx: Ctx<'_>, args: Args<'_>);
}

/// What the server calls for a command.
type Callback =
    unsafe extern "C" fn(*mut raw::RedisModuleCtx, *mut *mut raw::RedisModuleString, c_int) -> c_int;

/// The server's entry into a command.
#[derive(Clone, Copy)]
pub struct Entry(Callback);

impl Entry {
    /// The entry into this command.
    pub const fn of<C: Command>() -> Self {
        Self(enter::<C>)
    }

    /// The function, for the server.
    pub(super) fn raw(self) -> Callback {
        self.0
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn enter<C: Command>(
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: the server hands a command's context and arguments, alive until this returns, and holds the global lock.
    let (ctx, args) = unsafe { (Ctx::from_raw(ctx), Args::from_raw(argv, argc)) };
    match C::KEYS {
        Some(places) if asks_for_keys(ctx) => tell_keys(ctx, args, places(ctx, args)),
        _ => C::run(ctx, args),
    }
    0
}

/// True where the server asks a command for its keys instead of running it.
fn asks_for_keys(ctx: Ctx<'_>) -> bool {
    // SAFETY: the context is alive.
    unsafe { api!(RedisModule_IsKeysPositionRequest)(ctx.raw()) != 0 }
}

/// The server follows each place without a look at the number of arguments, which another module may ask about before the
/// server has compared it with the arity.
fn tell_keys(ctx: Ctx<'_>, args: Args<'_>, places: Vec<KeyPlace>) {
    for (place, flags) in places.into_iter().filter(|(place, _)| *place < args.len()) {
        // SAFETY: the context asks for keys; the place is one of an argument.
        unsafe { api!(RedisModule_KeyAtPosWithFlags)(ctx.raw(), place as c_int, flags as c_int) };
    }
}
