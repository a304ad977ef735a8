//! The bitmap commands as the server knows them.

use module_api::commands::command::{Arg, ArgKind, Spec};
use module_api::commands::table_words::{KEY, OVERWRITE, READ, READ_UPDATE, arg, key_at, keys_from, token};

use super::{bitfield, bitop};
use crate::commands::bits;
use crate::execute::run::entry;

/// How the ends of a range are counted.
const UNIT: Arg = arg(
    c"unit",
    ArgKind::OneOf(&[token(c"byte", c"BYTE"), token(c"bit", c"BIT")]),
)
.optional();
/// A field's type and place.
const ENCODING: Arg = arg(c"encoding", ArgKind::String);
const OFFSET: Arg = arg(c"offset", ArgKind::Integer);
/// A field that is read.
const GET: Arg = arg(c"get-block", ArgKind::Block(&[ENCODING, OFFSET])).after(c"GET");

/// The table.
pub(in crate::commands) static BIT: &[Spec] = &[
    Spec {
        name: c"mylog.setbit",
        entry: entry!(Write, bits::setbit),
        flags: c"write deny-oom",
        categories: c"write bitmap slow",
        arity: 4,
        keys: &[key_at(1, READ_UPDATE)],
        args: &[KEY, OFFSET, arg(c"value", ArgKind::Integer)],
        summary: c"Set or clear a bit of the value of a key",
        complexity: c"O(1)",
        tips: None,
    },
    Spec {
        name: c"mylog.getbit",
        entry: entry!(Read, bits::getbit),
        flags: c"readonly fast",
        categories: c"read bitmap fast",
        arity: 3,
        keys: &[key_at(1, READ)],
        args: &[KEY, OFFSET],
        summary: c"Get a bit of the value of a key",
        complexity: c"O(1)",
        tips: None,
    },
    Spec {
        name: c"mylog.bitcount",
        entry: entry!(Read, bits::bitcount),
        flags: c"readonly",
        categories: c"read bitmap slow",
        arity: -2,
        keys: &[key_at(1, READ)],
        args: &[
            KEY,
            arg(
                c"range",
                ArgKind::Block(&[
                    arg(c"start", ArgKind::Integer),
                    arg(c"end", ArgKind::Integer),
                    UNIT,
                ]),
            )
            .optional(),
        ],
        summary: c"Count the set bits of a string",
        complexity: c"O(N)",
        tips: None,
    },
    Spec {
        name: c"mylog.bitpos",
        entry: entry!(Read, bits::bitpos),
        flags: c"readonly",
        categories: c"read bitmap slow",
        arity: -3,
        keys: &[key_at(1, READ)],
        args: &[
            KEY,
            arg(c"bit", ArgKind::Integer),
            arg(
                c"range",
                ArgKind::Block(&[
                    arg(c"start", ArgKind::Integer),
                    arg(
                        c"end-unit-block",
                        ArgKind::Block(&[arg(c"end", ArgKind::Integer), UNIT]),
                    )
                    .optional(),
                ]),
            )
            .optional(),
        ],
        summary: c"Find the first set or clear bit of a string",
        complexity: c"O(N)",
        tips: None,
    },
    Spec {
        name: c"mylog.bitop",
        entry: entry!(Write, bitop::bitop),
        flags: c"write deny-oom",
        categories: c"write bitmap slow",
        arity: -4,
        keys: &[key_at(2, OVERWRITE), keys_from(3, 1, READ)],
        args: &[
            arg(
                c"operation",
                ArgKind::OneOf(&[
                    token(c"and", c"AND"),
                    token(c"or", c"OR"),
                    token(c"xor", c"XOR"),
                    token(c"not", c"NOT"),
                ]),
            ),
            arg(c"destkey", ArgKind::Key(0)),
            arg(c"key", ArgKind::Key(1)).multiple(),
        ],
        summary: c"Put strings together bit by bit",
        complexity: c"O(N)",
        tips: None,
    },
    Spec {
        name: c"mylog.bitfield",
        entry: entry!(Write, bitfield::bitfield),
        flags: c"write deny-oom",
        categories: c"write bitmap slow",
        arity: -2,
        keys: &[key_at(1, READ_UPDATE)],
        args: &[
            KEY,
            arg(
                c"operation",
                ArgKind::OneOf(&[
                    GET,
                    arg(
                        c"write",
                        ArgKind::Block(&[
                            arg(
                                c"overflow-block",
                                ArgKind::OneOf(&[
                                    token(c"wrap", c"WRAP"),
                                    token(c"sat", c"SAT"),
                                    token(c"fail", c"FAIL"),
                                ]),
                            )
                            .after(c"OVERFLOW")
                            .optional(),
                            arg(
                                c"write-operation",
                                ArgKind::OneOf(&[
                                    arg(
                                        c"set-block",
                                        ArgKind::Block(&[ENCODING, OFFSET, arg(c"value", ArgKind::Integer)]),
                                    )
                                    .after(c"SET"),
                                    arg(
                                        c"incrby-block",
                                        ArgKind::Block(&[
                                            ENCODING,
                                            OFFSET,
                                            arg(c"increment", ArgKind::Integer),
                                        ]),
                                    )
                                    .after(c"INCRBY"),
                                ]),
                            ),
                        ]),
                    ),
                ]),
            )
            .optional()
            .multiple(),
        ],
        summary: c"Get, set and increment integers of any width inside a string",
        complexity: c"O(1) for each subcommand",
        tips: None,
    },
    Spec {
        name: c"mylog.bitfield_ro",
        entry: entry!(Read, bitfield::bitfield_ro),
        flags: c"readonly fast",
        categories: c"read bitmap fast",
        arity: -2,
        keys: &[key_at(1, READ)],
        args: &[KEY, GET.optional().multiple()],
        summary: c"Get integers of any width inside a string",
        complexity: c"O(1) for each subcommand",
        tips: None,
    },
];
