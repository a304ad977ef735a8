//! Floors look down only: a file may use its own room and the floors below, never a floor above nor another room of its
//! own floor. The table has the floors.

use super::Finding;
use super::imports::Imports;
use super::tree::Tree;

/// A room: its floor, and the files or folders that are in it. Of two that fit, the longer one is meant.
struct Room {
    floor: u32,
    name: &'static str,
    paths: &'static [&'static str],
}

/// The module, then the crates below it. What a crate may use of another one is held by cargo.
const ROOMS: &[Room] = &[
    Room {
        floor: 9,
        name: "door",
        paths: &["src/lib.rs"],
    },
    Room {
        floor: 8,
        name: "callbacks",
        paths: &["src/callbacks/"],
    },
    Room {
        floor: 7,
        name: "lifecycle",
        paths: &["src/lifecycle/"],
    },
    Room {
        floor: 7,
        name: "filter",
        paths: &["src/filter/"],
    },
    Room {
        floor: 7,
        name: "commands",
        paths: &["src/commands/"],
    },
    Room {
        floor: 6,
        name: "adopt",
        paths: &["src/adopt/", "src/release/"],
    },
    Room {
        floor: 6,
        name: "rewrite",
        paths: &["src/rewrite/"],
    },
    Room {
        floor: 6,
        name: "execute",
        paths: &["src/execute/"],
    },
    Room {
        floor: 5,
        name: "keyspace",
        paths: &["src/keyspace/"],
    },
    Room {
        floor: 4,
        name: "acks",
        paths: &["src/acks/"],
    },
    Room {
        floor: 3,
        name: "engine",
        paths: &["src/engine/"],
    },
    Room {
        floor: 2,
        name: "settings",
        paths: &["src/settings/"],
    },
    Room {
        floor: 1,
        name: "module-api",
        paths: &["crates/module-api/"],
    },
    Room {
        floor: 1,
        name: "redis-grammar",
        paths: &["crates/redis-grammar/"],
    },
    Room {
        floor: 1,
        name: "check",
        paths: &["crates/mylog-check/"],
    },
    Room {
        floor: 6,
        name: "core",
        paths: &["crates/mylog-core/src/lib.rs"],
    },
    Room {
        floor: 5,
        name: "core rewrite",
        paths: &["crates/mylog-core/src/rewrite/"],
    },
    Room {
        floor: 4,
        name: "core log",
        paths: &["crates/mylog-core/src/log/", "crates/mylog-core/src/group.rs"],
    },
    Room {
        floor: 3,
        name: "core values",
        paths: &[
            "crates/mylog-core/src/value/",
            "crates/mylog-core/src/effect/",
            "crates/mylog-core/src/store/",
            "crates/mylog-core/src/changes.rs",
            "crates/mylog-core/src/split.rs",
        ],
    },
    Room {
        floor: 2,
        name: "core format",
        paths: &["crates/mylog-core/src/format/"],
    },
    Room {
        floor: 1,
        name: "core io",
        paths: &["crates/mylog-core/src/io/"],
    },
    Room {
        floor: 1,
        name: "core relocate",
        paths: &["crates/mylog-core/src/relocate.rs"],
    },
    Room {
        floor: 1,
        name: "core varint",
        paths: &["crates/mylog-core/src/varint.rs"],
    },
];

fn room(file: &str) -> Option<&'static Room> {
    let fits = |path: &&str| file.starts_with(*path);
    let longest = |room: &&Room| {
        room.paths
            .iter()
            .filter(|path| fits(path))
            .map(|path| path.len())
            .max()
    };
    ROOMS
        .iter()
        .filter(|room| longest(room).is_some())
        .max_by_key(longest)
}

/// Files without a room, and what they use that is not below them.
pub fn upward(tree: &Tree, imports: &Imports) -> Vec<Finding> {
    let mut found = Vec::new();
    for (file, used) in imports {
        let Some(own) = room(file) else {
            found.push(Finding {
                rule: "room",
                place: file.clone(),
                count: 1,
                detail: "has no room in tests/tidy/floors.rs".to_owned(),
            });
            continue;
        };
        for other in used {
            let Some(theirs) = room(other) else { continue };
            if theirs.name != own.name && theirs.floor >= own.floor {
                found.push(Finding {
                    rule: "floor",
                    place: format!("{file} -> {other}"),
                    count: 1,
                    detail: format!("`{}` may not use `{}`", own.name, theirs.name),
                });
            }
        }
    }
    for room in ROOMS {
        let empty = |path: &&&str| tree.ending(".rs").all(|(file, _)| !file.starts_with(**path));
        // The folders to come.
        for path in room
            .paths
            .iter()
            .filter(empty)
            .filter(|path| !path.ends_with('/'))
        {
            found.push(Finding {
                rule: "room",
                place: (*path).to_owned(),
                count: 1,
                detail: "is in tests/tidy/floors.rs and nowhere else".to_owned(),
            });
        }
    }
    found
}
