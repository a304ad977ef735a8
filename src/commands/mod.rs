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
use crate::embedded;

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
    let specs = FAMILIES.iter().copied().flatten();
    specs.into_iter().try_for_each(|spec| ctx.register_command(spec))
}

/// This is the server. In OnLoad.
pub(crate) fn on(edition: Edition) {
    shared::past::on(edition);
    shared::overwritten::on(edition);
    embedded::on(edition);
}

/// The ACL categories of a command of our own for which there is no native one, by its name without the prefix.
pub(crate) fn categories_of_own(name: &[u8]) -> Option<&'static [u8]> {
    let is_it = |spec: &&Spec| {
        let behind = spec.name.to_bytes().split_at_checked(PREFIX.len());
        behind.is_some_and(|(_, own)| own.eq_ignore_ascii_case(name))
    };
    admin::table::ADMIN
        .iter()
        .find(is_it)
        .map(|spec| spec.categories.to_bytes())
}
