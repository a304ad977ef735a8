//! The encodings that OBJECT ENCODING tells of durable values: what the server would have for such data of its own,
//! with its defaults.

use std::ffi::CStr;

use mylog_core::value::{Set, ValueRef};

use super::number::integer;
use crate::api::Ctx;

/// A longer string has its bytes in a block of its own. Redis 8 counts the name of the key in.
const EMBEDDED: usize = 44;
/// The longest text of a 64-bit integer.
const DIGITS: usize = 20;
/// A larger set of integers is hashed.
const INTEGERS: usize = 512;

/// The name of the encoding.
pub(super) fn of(value: ValueRef<'_>) -> &'static CStr {
    // Lists and sets have listpacks since 7.2.
    let packs_all = Ctx::hears_unit_ends();
    match value {
        ValueRef::Str(bytes) if bytes.len() <= DIGITS && integer(bytes).is_some() => c"int",
        ValueRef::Str(bytes) if bytes.len() <= EMBEDDED => c"embstr",
        ValueRef::Str(_) => c"raw",
        ValueRef::Hash(hash) if hash.is_small() => c"listpack",
        ValueRef::Hash(_) => c"hashtable",
        ValueRef::List(list) if packs_all && list.is_small() => c"listpack",
        ValueRef::List(_) => c"quicklist",
        ValueRef::Set(set) if is_of_integers(set) => c"intset",
        ValueRef::Set(set) if packs_all && set.is_small() => c"listpack",
        ValueRef::Set(_) => c"hashtable",
        ValueRef::ZSet(zset) if zset.is_small() => c"listpack",
        ValueRef::ZSet(_) => c"skiplist",
    }
}

fn is_of_integers(set: &Set) -> bool {
    set.len() <= INTEGERS && set.iter().all(|member| integer(&member).is_some())
}
