//! SORT and SORT_RO as the server knows them.

use module_api::Ctx;
use module_api::commands::arguments::Arg;
use module_api::commands::entry::{Command, KeyPlace};
use module_api::commands::spec::{Spec, all_in};
use module_api::commands::table_words::{
    KEY, LIMIT, OVERWRITE, READ, key, key_at, keys_unknown, one_of, pattern, token,
};
use module_api::string::Args;
use redis_grammar::sort_clauses::destination;

use crate::commands::sort::{sort, sort_ro};
use crate::execute::invocation::Access;
use crate::execute::run::{self, Handler};

const BY: Arg = pattern(c"by-pattern").after(c"BY").optional();
const GET: Arg = pattern(c"get-pattern").after(c"GET").optional().multiple();
const ORDER: Arg = one_of(c"order", &[token(c"asc", c"ASC"), token(c"desc", c"DESC")]).optional();
const ALPHA: Arg = token(c"sorting", c"ALPHA").optional();
const STORE: Arg = key(c"destination", 2).after(c"STORE").optional();

fn store_place(args: Args<'_>) -> Option<usize> {
    destination(|place| args.get(place), args.len())
}

fn keys(_: Ctx<'_>, args: Args<'_>) -> Vec<KeyPlace> {
    let store = store_place(args).map(|place| (place, OVERWRITE));
    std::iter::once((1, READ)).chain(store).collect()
}

/// Runs a command that sorts: one that only reads waits for no disk and is never refused.
fn run(ctx: Ctx<'_>, args: Args<'_>, handler: Handler) {
    let access = match store_place(args) {
        Some(_) => Access::Write,
        None => Access::Read,
    };
    run::run(ctx, args, access, handler);
}

/// MYLOG.SORT
struct Sort;

impl Command for Sort {
    const KEYS: Option<fn(Ctx<'_>, Args<'_>) -> Vec<KeyPlace>> = Some(keys);

    fn run(ctx: Ctx<'_>, args: Args<'_>) {
        run(ctx, args, sort);
    }
}

/// MYLOG.SORT_RO
struct SortReadOnly;

impl Command for SortReadOnly {
    const KEYS: Option<fn(Ctx<'_>, Args<'_>) -> Vec<KeyPlace>> = Some(keys);

    fn run(ctx: Ctx<'_>, args: Args<'_>) {
        run(ctx, args, sort_ro);
    }
}

/// The table.
pub(in crate::commands) static SORT: &[Spec] = &all_in(
    &["set", "sortedset", "list", "dangerous"],
    [
        Spec::of::<Sort>(c"mylog.sort")
            .writes()
            .deny_oom()
            .keys(&[key_at(1, READ), keys_unknown(READ), keys_unknown(OVERWRITE)])
            .args(&[KEY, BY, LIMIT, GET, ORDER, ALPHA, STORE])
            .about(c"Sort the elements of a list, a set or a sorted set, and store them if asked to")
            .costs(c"O(N+M*log(M)) for N elements of which M are returned"),
        Spec::of::<SortReadOnly>(c"mylog.sort_ro")
            .reads()
            .keys(&[key_at(1, READ), keys_unknown(READ)])
            .args(&[KEY, BY, LIMIT, GET, ORDER, ALPHA])
            .about(c"Sort the elements of a list, a set or a sorted set")
            .costs(c"O(N+M*log(M)) for N elements of which M are returned"),
    ],
);
