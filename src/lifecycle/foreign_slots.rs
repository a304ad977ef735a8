//! Durable keys of slots that another node of the cluster serves by now. A node that ended while it gave a slot away finds
//! keys of that slot in its log again. Redis from 8.4 on, and Valkey, delete such keys of their own files at the start, before
//! the durable keys enter the keyspace: so durable ones are deleted here. Otherwise they would be on two nodes, and mix with
//! the keys of the slot when it comes back. Older servers keep such keys for CLUSTER SETSLOT, and durable keys stay with them.
//!
//! A slot that no node serves is no reason for a deletion: a node that has lost its cluster file keeps all of its keys.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};

use module_api::context::Flags;
use module_api::keys::key::{Key, Mode};
use module_api::server::log;
use module_api::{Ctx, OwnedStr};
use mylog_core::effect::Change;

use crate::engine;
use crate::engine::own_change;

/// Number of slots in a cluster.
const SLOTS: u16 = 16_384;

static DELETES: AtomicBool = AtomicBool::new(false);

/// Notes whether the server deletes such keys itself.
pub(crate) fn are_deleted_by_the_server(deletes: bool) {
    DELETES.store(deletes, Ordering::Relaxed);
}

/// Deletes the keys of other nodes' slots from the store and the keyspace.
pub(super) fn drop_those_of_others(ctx: Ctx<'_>) {
    if !DELETES.load(Ordering::Relaxed) || !Flags::of_server().any(Flags::CLUSTER) {
        return;
    }
    let Some(nodes) = ctx.call(c"CLUSTER", "", &[b"NODES"]) else {
        return;
    };
    let slots = slots_of_others(&String::from_utf8_lossy(nodes.whole().bytes()));
    if slots.is_empty() {
        return;
    }
    let is_anothers = |name: &[u8]| {
        let slot = slot_of(name);
        slots.iter().any(|range| range.contains(&slot))
    };
    let names = engine::with(|engine| {
        let entries = engine.store.entries().filter(|entry| is_anothers(entry.key()));
        let names = entries.map(|entry| (engine.store.db_of(entry), entry.key().to_vec()));
        names.collect::<Vec<_>>()
    });
    let names = names.unwrap_or_default();
    for (db, name) in &names {
        engine::with(|engine| {
            let _ = engine.commit(&Change::Del.of(*db, name));
        });
        if ctx.select_db(*db).is_ok() {
            let _own = own_change::own_op();
            let _ = Key::open(ctx, OwnedStr::new(name).lend(), Mode::Write).delete();
        }
    }
    let _ = ctx.select_db(0);
    if !names.is_empty() {
        log::warning(&format!(
            "{} durable keys are deleted: they are of slots that other nodes of the cluster serve",
            names.len()
        ));
    }
}

/// The slots that CLUSTER NODES shows for other nodes than this one and its primary.
fn slots_of_others(nodes: &str) -> Vec<RangeInclusive<u16>> {
    let fields = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let nodes: Vec<_> = nodes.lines().map(fields).collect();
    let is_own = |node: &[String]| node.get(2).is_some_and(|flags| flags.contains("myself"));
    let own = nodes.iter().find(|node| is_own(node));
    let primary = own.and_then(|own| own.get(3)).map_or("-", String::as_str);
    let others = nodes
        .iter()
        .filter(|node| !is_own(node) && node.first().is_none_or(|id| id != primary));
    let slots = others.flat_map(|node| node.iter().skip(8));
    // A slot that is being migrated is in brackets, and in the ranges as well.
    slots.filter_map(|slots| range(slots)).collect()
}

fn range(slots: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = slots.split_once('-').unwrap_or((slots, slots));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

/// The slot of a key: that of its hash tag in braces, if it has one that is not empty.
fn slot_of(name: &[u8]) -> u16 {
    let tag = name.iter().position(|&byte| byte == b'{').and_then(|open| {
        let behind = name.get(open + 1..)?;
        let close = behind.iter().position(|&byte| byte == b'}')?;
        behind.get(..close).filter(|tag| !tag.is_empty())
    });
    crc16(tag.unwrap_or(name)) % SLOTS
}

/// CRC-16/XMODEM, the hash that assigns keys to slots.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, &byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| match crc & 0x8000 {
            0 => crc << 1,
            _ => (crc << 1) ^ 0x1021,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{slot_of, slots_of_others};

    #[test]
    fn a_name_has_the_slot_that_the_cluster_gives_it() {
        for (name, slot) in [
            ("123456789", 12_739),
            ("foo", 12_182),
            ("{foo}bar", 12_182),
            ("a{foo}{bar}", 12_182),
            ("", 0),
        ] {
            assert_eq!(slot_of(name.as_bytes()), slot, "{name}");
        }
        assert_eq!(slot_of(b"{}foo"), slot_of(b"{}foo"));
        assert_ne!(slot_of(b"{}foo"), slot_of(b"{}bar"));
        assert_ne!(slot_of(b"foo{"), slot_of(b"foo"));
    }

    #[test]
    fn the_slots_of_others_are_neither_ones_own_nor_those_of_ones_primary() {
        let nodes = "aa 127.0.0.1:1@2 myself,slave bb 0 0 1 connected\n\
            bb 127.0.0.1:3@4 master - 0 0 2 connected 0-10 12\n\
            cc 127.0.0.1:5@6 master - 0 0 3 connected 20-30 77 [78-<-bb]\n\
            dd 127.0.0.1:7@8 slave cc 0 0 3 connected\n";
        assert_eq!(slots_of_others(nodes), [20..=30, 77..=77]);
        let alone = "aa :1@2 myself,master - 0 0 1 connected 0-16383\n";
        assert!(slots_of_others(alone).is_empty());
    }
}
