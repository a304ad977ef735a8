//! The string commands as the server knows them.

use module_api::commands::spec::{Spec, all_in};
use module_api::commands::table_words::{
    ADD, INSERT, KEY, LOOK, OVERWRITE, READ, READ_UPDATE, TAKE, UPDATE, block, double, integer, key, key_at,
    keys_from, keys_of, one_of, string, token, unix_time,
};

use super::{lcs, range, set};
use crate::commands::string;
use crate::execute::run::command;

/// The table.
pub(in crate::commands) static STRING: &[Spec] = &all_in(
    &["string"],
    [
        command!(Write, c"mylog.set", set::set)
            .deny_oom()
            .keys(&[key_at(1, OVERWRITE)])
            .args(&[
                KEY,
                string(c"value"),
                one_of(c"condition", &[token(c"nx", c"NX"), token(c"xx", c"XX")]).optional(),
                token(c"get", c"GET").optional(),
                one_of(
                    c"expiration",
                    &[
                        integer(c"seconds").after(c"EX"),
                        integer(c"milliseconds").after(c"PX"),
                        unix_time(c"unix-time-seconds").after(c"EXAT"),
                        unix_time(c"unix-time-milliseconds").after(c"PXAT"),
                        token(c"keepttl", c"KEEPTTL"),
                    ],
                )
                .optional(),
            ])
            .about(c"Set the string value of a key"),
        command!(Read, c"mylog.get", string::get)
            .fast()
            .about(c"Get the value of a key"),
        command!(Write, c"mylog.mset", string::mset)
            .deny_oom()
            .keys(&[keys_from(1, 2, OVERWRITE)])
            .args(&[block(c"key-value", &[KEY, string(c"value")]).multiple()])
            .about(c"Set multiple keys to multiple values")
            .costs(c"O(N) where N is the number of keys to set")
            .tips(c"request_policy:multi_shard response_policy:all_succeeded"),
        command!(Read, c"mylog.mget", string::mget)
            .fast()
            .keys(&[keys_from(1, 1, READ)])
            .args(&[KEY.multiple()])
            .about(c"Get the values of all the given keys")
            .costs(c"O(N) where N is the number of keys to retrieve")
            .tips(c"request_policy:multi_shard"),
        command!(Write, c"mylog.append", string::append)
            .fast()
            .deny_oom()
            .keys(&[key_at(1, ADD)])
            .args(&[KEY, string(c"value")])
            .about(c"Append a value to a key")
            .costs(c"O(1), amortized"),
        command!(Read, c"mylog.strlen", string::strlen)
            .fast()
            .keys(&[key_at(1, LOOK)])
            .about(c"Get the length of the value stored in a key"),
        command!(Write, c"mylog.incr", string::incr)
            .fast()
            .deny_oom()
            .keys(&[key_at(1, READ_UPDATE)])
            .about(c"Increment the integer value of a key by one"),
        command!(Write, c"mylog.decr", string::decr)
            .fast()
            .deny_oom()
            .keys(&[key_at(1, READ_UPDATE)])
            .about(c"Decrement the integer value of a key by one"),
        command!(Write, c"mylog.incrby", string::incrby)
            .fast()
            .deny_oom()
            .keys(&[key_at(1, READ_UPDATE)])
            .args(&[KEY, integer(c"increment")])
            .about(c"Increment the integer value of a key by the given amount"),
        command!(Write, c"mylog.decrby", string::decrby)
            .fast()
            .deny_oom()
            .keys(&[key_at(1, READ_UPDATE)])
            .args(&[KEY, integer(c"decrement")])
            .about(c"Decrement the integer value of a key by the given number"),
        command!(Write, c"mylog.incrbyfloat", string::incrbyfloat)
            .fast()
            .deny_oom()
            .keys(&[key_at(1, READ_UPDATE)])
            .args(&[KEY, double(c"increment")])
            .about(c"Increment the float value of a key by the given amount"),
        command!(Write, c"mylog.getdel", set::getdel)
            .fast()
            .keys(&[key_at(1, TAKE)])
            .about(c"Get the value of a key and delete the key"),
        command!(Write, c"mylog.getex", set::getex)
            .fast()
            .keys(&[key_at(1, READ_UPDATE)])
            .args(&[
                KEY,
                one_of(
                    c"expiration",
                    &[
                        integer(c"seconds").after(c"EX"),
                        integer(c"milliseconds").after(c"PX"),
                        unix_time(c"unix-time-seconds").after(c"EXAT"),
                        unix_time(c"unix-time-milliseconds").after(c"PXAT"),
                        token(c"persist", c"PERSIST"),
                    ],
                )
                .optional(),
            ])
            .about(c"Get the value of a key and optionally set its expiration"),
        command!(Write, c"mylog.getset", set::getset)
            .fast()
            .deny_oom()
            .keys(&[key_at(1, READ_UPDATE)])
            .args(&[KEY, string(c"value")])
            .about(c"Set the string value of a key and return its old value"),
        command!(Write, c"mylog.setnx", set::setnx)
            .fast()
            .deny_oom()
            .keys(&[key_at(1, INSERT)])
            .args(&[KEY, string(c"value")])
            .about(c"Set the string value of a key, only if the key does not exist"),
        command!(Write, c"mylog.setex", set::setex)
            .deny_oom()
            .keys(&[key_at(1, OVERWRITE)])
            .args(&[KEY, integer(c"seconds"), string(c"value")])
            .about(c"Set the string value and the expiration in seconds of a key"),
        command!(Write, c"mylog.psetex", set::psetex)
            .deny_oom()
            .keys(&[key_at(1, OVERWRITE)])
            .args(&[KEY, integer(c"milliseconds"), string(c"value")])
            .about(c"Set the string value and the expiration in milliseconds of a key"),
        command!(Write, c"mylog.msetnx", string::msetnx)
            .deny_oom()
            .keys(&[keys_from(1, 2, INSERT)])
            .args(&[block(c"key-value", &[KEY, string(c"value")]).multiple()])
            .about(c"Set multiple keys to multiple values, only if none of the keys exist")
            .costs(c"O(N) where N is the number of keys to set"),
        command!(Read, c"mylog.getrange", range::getrange)
            .args(&[KEY, integer(c"start"), integer(c"end")])
            .about(c"Get a part of the value of a key")
            .costs(c"O(N) where N is the length of the part"),
        command!(Read, c"mylog.substr", range::getrange)
            .args(&[KEY, integer(c"start"), integer(c"end")])
            .about(c"Get a part of the value of a key, as GETRANGE does")
            .costs(c"O(N) where N is the length of the part"),
        command!(Write, c"mylog.setrange", range::setrange)
            .deny_oom()
            .keys(&[key_at(1, UPDATE)])
            .args(&[KEY, integer(c"offset"), string(c"value")])
            .about(c"Overwrite a part of the value of a key from an offset on")
            .costs(c"O(N) where N is the length of the part"),
        command!(Read, c"mylog.lcs", lcs::lcs)
            .keys(&[keys_of(1, 2, READ)])
            .args(&[
                key(c"key1", 0),
                key(c"key2", 0),
                token(c"len", c"LEN").optional(),
                token(c"idx", c"IDX").optional(),
                integer(c"min-match-len").after(c"MINMATCHLEN").optional(),
                token(c"withmatchlen", c"WITHMATCHLEN").optional(),
            ])
            .about(c"Find the longest common subsequence of two strings")
            .costs(c"O(N*M) where N and M are the lengths of the strings"),
    ],
);
