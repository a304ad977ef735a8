//! The commands, and the table by which the server knows them.

mod admin;
mod admin_table;
mod adopt;
#[cfg(test)]
mod agreement;
mod bit;
mod bit_table;
mod bitfield;
mod bitop;
mod blocking;
mod blocking_table;
mod by_key;
mod checked;
mod copy_db;
mod counted_keys;
mod encoding;
mod expiry;
mod forward;
mod forward_table;
mod hash;
mod hash_random;
mod hash_read;
mod hash_table;
mod keyspace;
mod keyspace_table;
mod lcs;
mod lifetime;
mod list;
mod list_move;
mod list_read;
mod list_table;
mod new_name;
mod number;
mod overwritten;
mod past;
mod random;
mod range;
mod release;
mod rename;
mod set;
mod sets;
mod sets_combine;
mod sets_random;
mod sets_read;
mod sets_table;
mod sort;
mod sort_order;
mod sort_pattern;
mod sort_table;
mod string;
mod string_table;
mod table;
mod wait;
mod zset;
mod zset_bounds;
mod zset_combine;
mod zset_pop;
mod zset_query_table;
mod zset_range;
mod zset_read;
mod zset_store;
mod zset_table;

use crate::api::command::Spec;
use crate::api::{Ctx, Refused};
use crate::edition::Edition;
use crate::embedded;

/// What our names have before the native ones.
const PREFIX: &[u8] = b"MYLOG.";

/// All of them, by families.
const FAMILIES: [&[Spec]; 12] = [
    string_table::STRING,
    bit_table::BIT,
    hash_table::HASH,
    list_table::LIST,
    blocking_table::BLOCKING,
    sets_table::SET,
    zset_table::ZSET,
    zset_query_table::ZSET_QUERY,
    sort_table::SORT,
    forward_table::FORWARD,
    keyspace_table::KEYSPACE,
    admin_table::ADMIN,
];

/// Registers every command. In OnLoad only.
pub(crate) fn register(ctx: Ctx<'_>) -> Result<(), Refused> {
    let specs = FAMILIES.iter().copied().flatten();
    specs.into_iter().try_for_each(|spec| ctx.register_command(spec))
}

/// This is the server. In OnLoad.
pub(crate) fn on(edition: Edition) {
    past::on(edition);
    overwritten::on(edition);
    embedded::on(edition);
}

/// The ACL categories of a command of our own for which there is no native one, by its name without the prefix.
pub(crate) fn categories_of_own(name: &[u8]) -> Option<&'static [u8]> {
    let is_it = |spec: &&Spec| {
        let behind = spec.name.to_bytes().split_at_checked(PREFIX.len());
        behind.is_some_and(|(_, own)| own.eq_ignore_ascii_case(name))
    };
    admin_table::ADMIN
        .iter()
        .find(is_it)
        .map(|spec| spec.categories.to_bytes())
}
