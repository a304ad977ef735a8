//! Commands that write and have no route, with what is known of them: those that run natively on purpose, with the reason, and
//! those that delete or change keys but never make one. A command that writes and is in neither list is treated as one that
//! may make, change or replace any of its keys.

/// The command changes no key.
const NO_KEY: &str = "it changes no key";
/// The command works on existing streams only.
const STREAMS: &str = "it makes no stream, and a durable key is of another type to it";
/// The command works on existing vector sets only.
const VECTORS: &str = "it makes no vector set, and a durable key is of another type to it";
/// The filter routes the command to its twin before this table is used.
const FLUSH: &str = "the filter leads it past mylog.flush-policy";
/// The command deletes the keys of a slot.
const SLOTS: &str = "it takes away whole slots, of which the types' callbacks tell";

/// A command of a module that reports no key. A module has to report the keys that it opens: permissions and clusters need them.
pub(super) const TELLS_OF_NO_KEY: &str = "it tells of no key, and what it calls is looked at by itself";

/// Sorted by name; a sub-command is named after its container and a bar.
const NATIVE: &[(&str, &str)] = &[
    ("cluster|flushslot", SLOTS),
    ("flushall", FLUSH),
    ("flushdb", FLUSH),
    ("function|delete", NO_KEY),
    ("function|flush", NO_KEY),
    ("function|load", NO_KEY),
    ("function|restore", NO_KEY),
    ("trimslots", SLOTS),
    ("vrem", VECTORS),
    ("vsetattr", VECTORS),
    ("xack", STREAMS),
    ("xackdel", STREAMS),
    ("xautoclaim", STREAMS),
    ("xcfgset", STREAMS),
    ("xclaim", STREAMS),
    ("xdel", STREAMS),
    ("xdelex", STREAMS),
    ("xgroup|createconsumer", STREAMS),
    ("xgroup|delconsumer", STREAMS),
    ("xgroup|destroy", STREAMS),
    ("xgroup|setid", STREAMS),
    ("xidmprecord", STREAMS),
    ("xreadgroup", STREAMS),
    ("xsetid", STREAMS),
    ("xtrim", STREAMS),
];

/// Sorted by name. These commands are refused on durable keys; on a missing key they reply as natively.
const MAKE_NO_KEY: &[&str] = &[
    "delex",
    "delifeq",
    "hexpire",
    "hexpireat",
    "hgetdel",
    "hgetex",
    "hpersist",
    "hpexpire",
    "hpexpireat",
    "pfdebug",
];

/// Why the command of this name, in lower case, runs natively with any keys.
pub(super) fn native(name: &str) -> Option<&'static str> {
    let place = NATIVE.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    NATIVE.get(place).map(|(_, reason)| *reason)
}

/// True if the command of this name, in lower case, never makes a key that does not exist.
pub(super) fn makes_no_key(name: &str) -> bool {
    MAKE_NO_KEY.binary_search(&name).is_ok()
}

/// True for the reason of the commands that delete whole slots.
pub(super) fn takes_slots(reason: &str) -> bool {
    reason == SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_found() {
        for (name, reason) in NATIVE {
            assert_eq!(native(name), Some(*reason), "{name}");
        }
        for name in MAKE_NO_KEY {
            assert!(makes_no_key(name) && native(name).is_none(), "{name}");
        }
        assert!(native("xadd").is_none() && !makes_no_key("xadd"));
    }
}
