//! The bitmap commands as the server knows them.

use module_api::commands::arguments::Arg;
use module_api::commands::spec::{Spec, all_in};
use module_api::commands::table_words::{
    KEY, OVERWRITE, READ, READ_UPDATE, block, integer, key, key_at, keys_from, one_of, string, token,
};

use super::{bitfield, bitop};
use crate::commands::bits;
use crate::execute::run::command;

/// How the ends of a range are counted.
const UNIT: Arg = one_of(c"unit", &[token(c"byte", c"BYTE"), token(c"bit", c"BIT")]).optional();
/// A field's type and place.
const ENCODING: Arg = string(c"encoding");
const OFFSET: Arg = integer(c"offset");
/// A field that is read.
const GET: Arg = block(c"get-block", &[ENCODING, OFFSET]).after(c"GET");

/// The table.
pub(in crate::commands) static BIT: &[Spec] = &all_in(
    &["bitmap"],
    [
        command!(Write, c"mylog.setbit", bits::setbit)
            .deny_oom()
            .keys(&[key_at(1, READ_UPDATE)])
            .args(&[KEY, OFFSET, integer(c"value")])
            .about(c"Set or clear a bit of the value of a key"),
        command!(Read, c"mylog.getbit", bits::getbit)
            .fast()
            .args(&[KEY, OFFSET])
            .about(c"Get a bit of the value of a key"),
        command!(Read, c"mylog.bitcount", bits::bitcount)
            .args(&[
                KEY,
                block(c"range", &[integer(c"start"), integer(c"end"), UNIT]).optional(),
            ])
            .about(c"Count the set bits of a string")
            .costs(c"O(N)"),
        command!(Read, c"mylog.bitpos", bits::bitpos)
            .args(&[
                KEY,
                integer(c"bit"),
                block(
                    c"range",
                    &[
                        integer(c"start"),
                        block(c"end-unit-block", &[integer(c"end"), UNIT]).optional(),
                    ],
                )
                .optional(),
            ])
            .about(c"Find the first set or clear bit of a string")
            .costs(c"O(N)"),
        command!(Write, c"mylog.bitop", bitop::bitop)
            .deny_oom()
            .keys(&[key_at(2, OVERWRITE), keys_from(3, 1, READ)])
            .args(&[
                one_of(
                    c"operation",
                    &[
                        token(c"and", c"AND"),
                        token(c"or", c"OR"),
                        token(c"xor", c"XOR"),
                        token(c"not", c"NOT"),
                    ],
                ),
                key(c"destkey", 0),
                key(c"key", 1).multiple(),
            ])
            .about(c"Put strings together bit by bit")
            .costs(c"O(N)"),
        command!(Write, c"mylog.bitfield", bitfield::bitfield)
            .deny_oom()
            .keys(&[key_at(1, READ_UPDATE)])
            .args(&[
                KEY,
                one_of(
                    c"operation",
                    &[
                        GET,
                        block(
                            c"write",
                            &[
                                one_of(
                                    c"overflow-block",
                                    &[
                                        token(c"wrap", c"WRAP"),
                                        token(c"sat", c"SAT"),
                                        token(c"fail", c"FAIL"),
                                    ],
                                )
                                .after(c"OVERFLOW")
                                .optional(),
                                one_of(
                                    c"write-operation",
                                    &[
                                        block(c"set-block", &[ENCODING, OFFSET, integer(c"value")])
                                            .after(c"SET"),
                                        block(c"incrby-block", &[ENCODING, OFFSET, integer(c"increment")])
                                            .after(c"INCRBY"),
                                    ],
                                ),
                            ],
                        ),
                    ],
                )
                .optional()
                .multiple(),
            ])
            .about(c"Get, set and increment integers of any width inside a string")
            .costs(c"O(1) for each subcommand"),
        command!(Read, c"mylog.bitfield_ro", bitfield::bitfield_ro)
            .fast()
            .args(&[KEY, GET.optional().multiple()])
            .about(c"Get integers of any width inside a string")
            .costs(c"O(1) for each subcommand"),
    ],
);
