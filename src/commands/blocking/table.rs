//! The blocking commands as the server knows them.

use module_api::commands::command::{Arg, ArgKind, Keys, Spec};
use module_api::commands::table_words::{ADD, KEY, TAKE, arg, key_at, keys_counted_at, keys_from, token};

use crate::commands::blocking;
use crate::commands::shared::counted_keys::counted;
use crate::execute::run::entry;

const TIMEOUT: Arg = arg(c"timeout", ArgKind::Double);
const NUMKEYS: Arg = arg(c"numkeys", ArgKind::Integer);
const COUNT: Arg = arg(c"count", ArgKind::Integer).after(c"COUNT").optional();
const SIDES: ArgKind = ArgKind::OneOf(&[token(c"left", c"LEFT"), token(c"right", c"RIGHT")]);
const ENDS: ArgKind = ArgKind::OneOf(&[token(c"min", c"MIN"), token(c"max", c"MAX")]);
/// All arguments but the last.
const KEYS: Keys = Keys {
    last: -2,
    ..keys_from(1, 1, TAKE)
};

const TAKE_COUNTED: &[Keys] = &[keys_counted_at(2, TAKE)];

/// The table.
pub(in crate::commands) static BLOCKING: &[Spec] = &[
    Spec {
        name: c"mylog.blpop",
        entry: entry!(Write, blocking::blpop),
        flags: c"write blocking",
        categories: c"write list slow blocking",
        arity: -3,
        keys: &[KEYS],
        args: &[KEY.multiple(), TIMEOUT],
        summary: c"Take an element from the front of the first list that is there, or wait for one",
        complexity: c"O(N) for N keys",
        tips: None,
    },
    Spec {
        name: c"mylog.brpop",
        entry: entry!(Write, blocking::brpop),
        flags: c"write blocking",
        categories: c"write list slow blocking",
        arity: -3,
        keys: &[KEYS],
        args: &[KEY.multiple(), TIMEOUT],
        summary: c"Take an element from the end of the first list that is there, or wait for one",
        complexity: c"O(N) for N keys",
        tips: None,
    },
    Spec {
        name: c"mylog.blmpop",
        entry: counted!(Write, blocking::blmpop, TAKE_COUNTED),
        flags: c"write blocking getkeys-api",
        categories: c"write list slow blocking",
        arity: -5,
        keys: TAKE_COUNTED,
        args: &[TIMEOUT, NUMKEYS, KEY.multiple(), arg(c"where", SIDES), COUNT],
        summary: c"Take elements from an end of the first list that is there, or wait for some",
        complexity: c"O(N + M) for N keys and M elements",
        tips: None,
    },
    Spec {
        name: c"mylog.blmove",
        entry: entry!(Write, blocking::blmove),
        flags: c"write deny-oom blocking",
        categories: c"write list slow blocking",
        arity: 6,
        keys: &[key_at(1, TAKE), key_at(2, ADD)],
        args: &[
            arg(c"source", ArgKind::Key(0)),
            arg(c"destination", ArgKind::Key(1)),
            arg(c"wherefrom", SIDES),
            arg(c"whereto", SIDES),
            TIMEOUT,
        ],
        summary: c"Move an element from an end of a list to an end of another, or wait for one",
        complexity: c"O(1)",
        tips: None,
    },
    Spec {
        name: c"mylog.brpoplpush",
        entry: entry!(Write, blocking::brpoplpush),
        flags: c"write deny-oom blocking",
        categories: c"write list slow blocking",
        arity: 4,
        keys: &[key_at(1, TAKE), key_at(2, ADD)],
        args: &[
            arg(c"source", ArgKind::Key(0)),
            arg(c"destination", ArgKind::Key(1)),
            TIMEOUT,
        ],
        summary: c"Move an element from the end of a list to the front of another, or wait for one",
        complexity: c"O(1)",
        tips: None,
    },
    Spec {
        name: c"mylog.bzpopmin",
        entry: entry!(Write, blocking::bzpopmin),
        flags: c"write fast blocking",
        categories: c"write sortedset fast blocking",
        arity: -3,
        keys: &[KEYS],
        args: &[KEY.multiple(), TIMEOUT],
        summary:
            c"Remove the member of the lowest score from the first sorted set that is there, or wait for one",
        complexity: c"O(log(N)) for N members",
        tips: None,
    },
    Spec {
        name: c"mylog.bzpopmax",
        entry: entry!(Write, blocking::bzpopmax),
        flags: c"write fast blocking",
        categories: c"write sortedset fast blocking",
        arity: -3,
        keys: &[KEYS],
        args: &[KEY.multiple(), TIMEOUT],
        summary:
            c"Remove the member of the highest score from the first sorted set that is there, or wait for one",
        complexity: c"O(log(N)) for N members",
        tips: None,
    },
    Spec {
        name: c"mylog.bzmpop",
        entry: counted!(Write, blocking::bzmpop, TAKE_COUNTED),
        flags: c"write blocking getkeys-api",
        categories: c"write sortedset slow blocking",
        arity: -5,
        keys: TAKE_COUNTED,
        args: &[TIMEOUT, NUMKEYS, KEY.multiple(), arg(c"where", ENDS), COUNT],
        summary: c"Pop members from the first of several sorted sets that has any, or wait for some",
        complexity: c"O(K) + O(M*log(N)), K being the keys, and M of N members being popped",
        tips: None,
    },
];
