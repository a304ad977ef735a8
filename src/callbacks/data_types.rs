//! The callbacks of the data types, with which the server handles their values. A value is an entry of the store, or an
//! [`Unnamed`] one that was loaded from an RDB or copied by COPY.
//!
//! `free` may run on another thread, while the next data set is being loaded: it uses nothing but an `Unnamed` of its own.

use std::ffi::CStr;

use module_api::keys::data_type::{self, DataType};
use module_api::keys::defrag::Mover;
use module_api::keys::io::{Digest, Io, KeyNames};
use module_api::keys::value_handle::ValueHandle;
use module_api::{Ctx, Refused};
use mylog_core::value::Kind;

use super::{defrag, value_encoding};
use crate::engine::value_handle::{Unnamed, entry_of, with_value};
use crate::engine::{self, lazyfree};
use crate::keyspace::native_effects;
use crate::lifecycle::startup;

/// Registers the types. In OnLoad only.
pub(crate) fn register(ctx: Ctx<'_>) -> Result<(), Refused> {
    data_type::register::<Durable>(ctx)
}

/// The types of durable keys.
struct Durable;

impl DataType for Durable {
    type Unnamed = Unnamed;

    /// The version of the values in an RDB. Older versions stay readable for ever.
    const ENCODING: i32 = 1;

    fn name(kind: Kind) -> &'static CStr {
        match kind {
            Kind::Str => c"mylog-str",
            Kind::Hash => c"mylog-hsh",
            Kind::List => c"mylog-lst",
            Kind::Set => c"mylog-set",
            Kind::ZSet => c"mylog-zst",
        }
    }

    fn load(io: Io<'_>, kind: Kind, encoding: i32) -> Option<Unnamed> {
        if encoding != Self::ENCODING {
            return None;
        }
        let value = value_encoding::load(io, kind)?;
        native_effects::expect_loaded();
        Some(Unnamed::Value(value))
    }

    fn save(io: Io<'_>, value: ValueHandle) {
        let saved = with_value(value, |value| value_encoding::save(io, value));
        // A value without a body would end the server at its next start.
        if saved.is_none() {
            io.save_bytes(&[]);
        }
    }

    fn emit(io: Io<'_>, key: &[u8], value: ValueHandle) {
        with_value(value, |value| value_encoding::emit(io, key, value));
    }

    fn memory(value: ValueHandle) -> usize {
        with_value(value, |value| value.memory()).unwrap_or(0)
    }

    fn digest(state: Digest<'_>, value: ValueHandle) {
        with_value(value, |value| value_encoding::digest(state, value));
    }

    fn free(value: Unnamed) {
        if let Unnamed::Value(value) = value {
            lazyfree::give_back_value(value);
        }
    }

    /// The store frees its values itself, so a `free` on another thread has nothing to do. But this number also decides which
    /// values the server defragments in parts.
    fn free_effort(value: ValueHandle) -> usize {
        with_value(value, |value| value.free_effort()).unwrap_or(1)
    }

    fn unlink(names: KeyNames<'_>, value: ValueHandle) {
        if let Some(id) = entry_of(value) {
            native_effects::unlinked(names.db(), names.key(), id);
        }
    }

    fn copy(names: KeyNames<'_>, value: ValueHandle) -> Option<Unnamed> {
        let copy = match entry_of(value) {
            // Without an entry there is no copy, and COPY replies with an error.
            Some(id) => engine::with(|engine| engine.store.entry(id).is_some())
                .filter(|&is_there| is_there)
                .map(|_| Unnamed::CopyOf(names.db(), names.key().to_vec())),
            None => with_value(value, |value| value.to_value()).map(Unnamed::Value),
        }?;
        native_effects::expect_loaded();
        Some(copy)
    }

    fn relocate(number: u64, mover: &mut Mover<'_>) -> u64 {
        defrag::entry(number, mover)
    }

    fn relocate_unnamed(value: &mut Unnamed, mover: &mut Mover<'_>) -> u64 {
        defrag::unnamed(value, mover)
    }

    fn aux_save(io: Io<'_>) {
        startup::aux_save(io);
    }

    fn aux_load(io: Io<'_>) -> bool {
        startup::aux_load(io).is_some()
    }
}
