//! The commands, and the table by which the server knows them.

mod admin;
#[cfg(test)]
mod agreement;
mod bits;
mod blocking;
mod hash;
mod keyspace;
mod list;
mod set;
mod shared;
mod sort;
mod string;
mod zset;

use crate::api::command::Spec;
use crate::api::{Ctx, Refused};
use crate::edition::Edition;
use crate::{embedded, permission};

/// What our names have before the native ones.
const PREFIX: &[u8] = b"MYLOG.";

/// All of them, by families.
const FAMILIES: [&[Spec]; 12] = [
    string::table::STRING,
    bits::table::BIT,
    hash::table::HASH,
    list::table::LIST,
    blocking::table::BLOCKING,
    set::table::SET,
    zset::table::ZSET,
    zset::query_table::ZSET_QUERY,
    sort::table::SORT,
    keyspace::forward_table::FORWARD,
    keyspace::table::KEYSPACE,
    admin::table::ADMIN,
];

/// Registers every command. In OnLoad only.
pub(crate) fn register(ctx: Ctx<'_>) -> Result<(), Refused> {
    for spec in admin::table::ADMIN {
        let name = spec.name.to_bytes().get(PREFIX.len()..).unwrap_or_default();
        let mut categories = spec.categories.to_bytes().split(|byte| *byte == b' ');
        permission::note_own(name, categories.any(|word| word == b"admin"));
    }
    let specs = FAMILIES.iter().copied().flatten();
    specs.into_iter().try_for_each(|spec| ctx.register_command(spec))
}

/// This is the server. In OnLoad.
pub(crate) fn on(edition: Edition) {
    shared::past::on(edition);
    shared::overwritten::on(edition);
    embedded::on(edition);
}
