//! The commands, and the tables from which they are registered.

#![forbid(unsafe_code)]

mod admin;
#[cfg(test)]
mod agreement;
mod bits;
mod blocking;
mod hash;
mod keyspace;
mod list;
#[cfg(test)]
mod reference;
mod set;
mod shared;
mod sort;
mod string;
mod zset;

use module_api::commands::spec::Spec;
use module_api::{Ctx, Refused};

use crate::engine::string_encoding;
use crate::execute::permission;
use crate::execute::twins::ROUTED;
use crate::settings::server_version::Edition;

/// The tables, each with the title of its section in `docs/commands.md`.
const FAMILIES: [(&str, &[Spec]); 12] = [
    ("Strings", string::table::STRING),
    ("Bits of strings", bits::table::BIT),
    ("Hashes", hash::table::HASH),
    ("Lists", list::table::LIST),
    ("Blocking pops", blocking::table::BLOCKING),
    ("Sets", set::table::SET),
    ("Sorted sets", zset::table::ZSET),
    (
        "Sorted sets: unions, intersections, differences",
        zset::query_table::ZSET_QUERY,
    ),
    ("Sorting", sort::table::SORT),
    ("Keys of any type", keyspace::forward_table::FORWARD),
    ("What captured keys are", keyspace::table::KEYSPACE),
    ("Administration", admin::table::ADMIN),
];

/// Registers every command. In OnLoad only.
pub(crate) fn register(ctx: Ctx<'_>) -> Result<(), Refused> {
    for spec in admin::table::ADMIN {
        let name = spec.name.to_bytes().get(ROUTED.len()..).unwrap_or_default();
        permission::note_own(name, spec.is_admin());
    }
    FAMILIES
        .iter()
        .flat_map(|(_, specs)| specs.iter())
        .try_for_each(|spec| ctx.register_command(spec))
}

/// Notes which server this is. In OnLoad.
pub(crate) fn on(edition: Edition) {
    shared::past::on(edition);
    shared::overwritten::on(edition);
    string_encoding::on(edition);
}
