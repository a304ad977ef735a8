//! The encodings that OBJECT ENCODING shows for durable values: those that the server with its default settings would use for
//! the same data.

use std::ffi::CStr;

use module_api::Ctx;
use module_api::keys::value_handle::ValueHandle;
use mylog_core::effect::{ExpireAt, NEVER};
use mylog_core::store::Form;
use mylog_core::value::integer;
use mylog_core::value::{Set, ValueRef};

use crate::engine::value_handle::{entry_of, with_value};
use crate::engine::{self, string_encoding};

/// The largest set of integers that is an intset.
const INTEGERS: usize = 512;

/// The name of the encoding of the value of this handle, under this key.
pub(super) fn of_handle(handle: ValueHandle, key: &[u8]) -> Option<&'static CStr> {
    match entry_of(handle) {
        Some(id) => engine::with(|engine| {
            let entry = engine.store.entry(id)?;
            Some(of(entry.value(), key, entry.expire_at(), entry.form()))
        })?,
        None => with_value(handle, |value| of(value, key, NEVER, Form::Whole)),
    }
}

fn of(value: ValueRef<'_>, key: &[u8], end: ExpireAt, form: Form) -> &'static CStr {
    // Small lists and sets are listpacks since 7.2.
    let packs_all = Ctx::hears_unit_ends();
    match value {
        ValueRef::Str(bytes) if string_encoding::is_integer(bytes, form) => c"int",
        ValueRef::Str(bytes) if string_encoding::is_embedded(key, bytes, end, form) => c"embstr",
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
