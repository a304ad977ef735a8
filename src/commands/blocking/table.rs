//! The blocking commands as the server knows them.

use module_api::commands::arguments::{Arg, ArgKind, Keys};
use module_api::commands::spec::{Spec, all_in};
use module_api::commands::table_words::{
    ADD, KEY, TAKE, arg, double, integer, key, key_at, keys_counted_at, keys_from, token,
};

use crate::commands::blocking;
use crate::commands::shared::counted_keys::counted;
use crate::execute::run::command;

const TIMEOUT: Arg = double(c"timeout");
const NUMKEYS: Arg = integer(c"numkeys");
const COUNT: Arg = integer(c"count").after(c"COUNT").optional();
const SIDES: ArgKind = ArgKind::OneOf(&[token(c"left", c"LEFT"), token(c"right", c"RIGHT")]);
const ENDS: ArgKind = ArgKind::OneOf(&[token(c"min", c"MIN"), token(c"max", c"MAX")]);
/// All arguments but the last.
const KEYS: Keys = Keys {
    last: -2,
    ..keys_from(1, 1, TAKE)
};

const TAKE_COUNTED: &[Keys] = &[keys_counted_at(2, TAKE)];

/// The table.
pub(in crate::commands) static BLOCKING: &[Spec] = &all_in(&["list"], [
    command!(Write, c"mylog.blpop", blocking::blpop)
        .blocking()
        .keys(&[KEYS])
        .args(&[KEY.multiple(), TIMEOUT])
        .about(c"Take an element from the front of the first list that is there, or wait for one")
        .costs(c"O(N) for N keys"),
    command!(Write, c"mylog.brpop", blocking::brpop)
        .blocking()
        .keys(&[KEYS])
        .args(&[KEY.multiple(), TIMEOUT])
        .about(c"Take an element from the end of the first list that is there, or wait for one")
        .costs(c"O(N) for N keys"),
    counted!(Write, c"mylog.blmpop", blocking::blmpop, TAKE_COUNTED)
        .blocking()
        .args(&[TIMEOUT, NUMKEYS, KEY.multiple(), arg(c"where", SIDES), COUNT])
        .about(c"Take elements from an end of the first list that is there, or wait for some")
        .costs(c"O(N + M) for N keys and M elements"),
    command!(Write, c"mylog.blmove", blocking::blmove)
        .deny_oom()
        .blocking()
        .keys(&[key_at(1, TAKE), key_at(2, ADD)])
        .args(&[
            key(c"source", 0),
            key(c"destination", 1),
            arg(c"wherefrom", SIDES),
            arg(c"whereto", SIDES),
            TIMEOUT,
        ])
        .about(c"Move an element from an end of a list to an end of another, or wait for one"),
    command!(Write, c"mylog.brpoplpush", blocking::brpoplpush)
        .deny_oom()
        .blocking()
        .keys(&[key_at(1, TAKE), key_at(2, ADD)])
        .args(&[
            key(c"source", 0),
            key(c"destination", 1),
            TIMEOUT,
        ])
        .about(c"Move an element from the end of a list to the front of another, or wait for one"),
    command!(Write, c"mylog.bzpopmin", blocking::bzpopmin)
        .fast()
        .blocking()
        .keys(&[KEYS])
        .args(&[KEY.multiple(), TIMEOUT])
        .in_categories(&["sortedset"])
        .about(c"Remove the member of the lowest score from the first sorted set that is there, or wait for one")
        .costs(c"O(log(N)) for N members"),
    command!(Write, c"mylog.bzpopmax", blocking::bzpopmax)
        .fast()
        .blocking()
        .keys(&[KEYS])
        .args(&[KEY.multiple(), TIMEOUT])
        .in_categories(&["sortedset"])
        .about(c"Remove the member of the highest score from the first sorted set that is there, or wait for one")
        .costs(c"O(log(N)) for N members"),
    counted!(Write, c"mylog.bzmpop", blocking::bzmpop, TAKE_COUNTED)
        .blocking()
        .args(&[TIMEOUT, NUMKEYS, KEY.multiple(), arg(c"where", ENDS), COUNT])
        .in_categories(&["sortedset"])
        .about(c"Pop members from the first of several sorted sets that has any, or wait for some")
        .costs(c"O(K) + O(M*log(N)), K being the keys, and M of N members being popped"),
]);
