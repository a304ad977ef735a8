//! Commands that write and have no route, and what is known of them: those that run natively on purpose, each with
//! its reason, and those that take away or change and never make a key. Whatever writes and is not here is taken
//! for one that may make, change or replace any of its keys.

/// It changes no key.
const NO_KEY: &str = "it changes no key";
/// It works on streams that are there.
const STREAMS: &str = "it makes no stream, and a durable key is of another type to it";
/// It works on vector sets that are there.
const VECTORS: &str = "it makes no vector set, and a durable key is of another type to it";
/// It goes by another way.
const FLUSH: &str = "the filter leads it past mylog.flush-policy";
/// It takes the keys of a slot away.
const SLOTS: &str = "it takes away whole slots, of which the types' callbacks tell";

/// A module's, which has to tell the server of the keys that it opens: permissions and clusters go by that.
pub(super) const TELLS_OF_NO_KEY: &str = "it tells of no key, and what it calls is looked at by itself";

/// Sorted by name, sub-commands behind a bar.
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

/// Sorted by name. Durable keys are refused to them; where there is no key they answer as natively.
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

/// Why a command of this name, in lower case, runs natively whatever its keys hold.
pub(super) fn native(name: &str) -> Option<&'static str> {
    let place = NATIVE.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    NATIVE.get(place).map(|(_, reason)| *reason)
}

/// True if a command of this name, in lower case, never makes a key that is not there.
pub(super) fn makes_no_key(name: &str) -> bool {
    MAKE_NO_KEY.binary_search(&name).is_ok()
}

/// True for a command that takes whole slots away.
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
