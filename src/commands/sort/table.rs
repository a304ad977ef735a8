//! SORT and SORT_RO as the server knows them.

use std::ffi::c_int;

use module_api::commands::command::{Arg, ArgKind, Spec, tells_keys};
use module_api::commands::table_words::{KEY, LIMIT, OVERWRITE, READ, arg, key_at, keys_unknown, token};
use module_api::string::Args;
use redis_grammar::sort_clauses::destination;
use redis_module::raw;

use crate::commands::sort::{sort, sort_ro};
use crate::execute::invocation::{self, Access, Handler};

const BY: Arg = arg(c"by-pattern", ArgKind::Pattern).after(c"BY").optional();
const GET: Arg = arg(c"get-pattern", ArgKind::Pattern)
    .after(c"GET")
    .optional()
    .multiple();
const ORDER: Arg = arg(
    c"order",
    ArgKind::OneOf(&[token(c"asc", c"ASC"), token(c"desc", c"DESC")]),
)
.optional();
const ALPHA: Arg = token(c"sorting", c"ALPHA").optional();
const STORE: Arg = arg(c"destination", ArgKind::Key(2)).after(c"STORE").optional();

fn store_place(args: Args<'_>) -> Option<usize> {
    destination(|place| args.get(place), args.len())
}

fn keys(args: Args<'_>) -> Vec<(usize, u32)> {
    let store = store_place(args).map(|place| (place, OVERWRITE));
    std::iter::once((1, READ)).chain(store).collect()
}

/// Tells the server the keys, or runs the command: one that only reads waits for no disk and is never refused.
///
/// # Safety
/// The pointers are those that the server gave to the entry, which returns after this.
unsafe fn tell_or_run(
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
    handler: Handler,
) -> c_int {
    // SAFETY: contract of this function.
    unsafe {
        if tells_keys(ctx, argv, argc, keys) {
            return 0;
        }
        let access = match store_place(Args::from_raw(argv, argc)) {
            Some(_) => Access::Write,
            None => Access::Read,
        };
        invocation::run(ctx, argv, argc, access, handler)
    }
}

/// The server's entry into a command that sorts.
macro_rules! sorting {
    ($handler:path) => {{
        // SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
        unsafe extern "C" fn sorting(
            ctx: *mut raw::RedisModuleCtx,
            argv: *mut *mut raw::RedisModuleString,
            argc: c_int,
        ) -> c_int {
            // SAFETY: the server hands a command's context and arguments, alive while it runs.
            unsafe { tell_or_run(ctx, argv, argc, $handler) }
        }
        sorting
    }};
}

/// The table.
pub(in crate::commands) static SORT: &[Spec] = &[
    Spec {
        name: c"mylog.sort",
        entry: sorting!(sort),
        flags: c"write deny-oom getkeys-api",
        categories: c"write set sortedset list slow dangerous",
        arity: -2,
        keys: &[key_at(1, READ), keys_unknown(READ), keys_unknown(OVERWRITE)],
        args: &[KEY, BY, LIMIT, GET, ORDER, ALPHA, STORE],
        summary: c"Sort the elements of a list, a set or a sorted set, and store them if asked to",
        complexity: c"O(N+M*log(M)) for N elements of which M are returned",
        tips: None,
    },
    Spec {
        name: c"mylog.sort_ro",
        entry: sorting!(sort_ro),
        flags: c"readonly getkeys-api",
        categories: c"read set sortedset list slow dangerous",
        arity: -2,
        keys: &[key_at(1, READ), keys_unknown(READ)],
        args: &[KEY, BY, LIMIT, GET, ORDER, ALPHA],
        summary: c"Sort the elements of a list, a set or a sorted set",
        complexity: c"O(N+M*log(M)) for N elements of which M are returned",
        tips: None,
    },
];
