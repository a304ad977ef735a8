//! What a simulated disk holds, and the changes to it. One function applies a change, for what reads see and
//! for what a power cut leaves, so that the two can't differ in anything but which changes arrived.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Names and contents.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    /// Which file a path leads to. Its folder is in `dirs`.
    pub(super) names: BTreeMap<PathBuf, u64>,
    pub(super) dirs: BTreeSet<PathBuf>,
    /// Contents, those of files without a name too: a handle may still hold one.
    pub(super) files: BTreeMap<u64, Arc<Vec<u8>>>,
}

/// One change. It arrives on the disk whole or not at all, except that a write can be torn.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Write {
        ino: u64,
        at: u64,
        data: Arc<[u8]>,
    },
    Truncate {
        ino: u64,
        len: u64,
    },
    /// Creation (`set`), link (`set`), rename (both) and removal (`unset`).
    Name {
        set: Option<(PathBuf, u64)>,
        unset: Option<PathBuf>,
    },
    Dir {
        path: PathBuf,
    },
}

/// What is recorded: changes, and the syncs that make them durable.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Change(Change),
    SyncData {
        ino: u64,
    },
    /// The sync failed: what it was for is now clean in the page cache, and maybe nowhere else.
    FailedSync {
        ino: u64,
    },
    SyncDir {
        path: PathBuf,
    },
}

impl Disk {
    pub(super) fn empty() -> Self {
        Self {
            names: BTreeMap::new(),
            dirs: BTreeSet::from([PathBuf::from("/")]),
            files: BTreeMap::new(),
        }
    }

    pub(super) fn highest_ino(&self) -> u64 {
        self.files
            .keys()
            .chain(self.names.values())
            .copied()
            .max()
            .unwrap_or(0)
    }

    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::Write { ino, at, data } => {
                let bytes = Arc::make_mut(self.files.entry(*ino).or_default());
                let from = *at as usize;
                let end = from + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                if let Some(range) = bytes.get_mut(from..end) {
                    range.copy_from_slice(data);
                }
            }
            Change::Truncate { ino, len } => {
                Arc::make_mut(self.files.entry(*ino).or_default()).resize(*len as usize, 0);
            }
            Change::Name { set, unset } => {
                if let Some(path) = unset {
                    self.names.remove(path);
                }
                if let Some((path, ino)) = set {
                    self.names.insert(path.clone(), *ino);
                    self.files.entry(*ino).or_default();
                }
            }
            Change::Dir { path } => {
                self.dirs.insert(path.clone());
            }
        }
    }

    /// Drops what nobody can reach after a power cut: names in a folder that was lost, files without a name.
    pub(super) fn drop_unreachable(&mut self) {
        let dirs = std::mem::take(&mut self.dirs);
        let whole = |path: &Path| {
            path.ancestors()
                .all(|at| at.as_os_str().is_empty() || dirs.contains(at))
        };
        self.names.retain(|path, _| path.parent().is_some_and(whole));
        let named: BTreeSet<u64> = self.names.values().copied().collect();
        self.files.retain(|ino, _| named.contains(ino));
        self.dirs = dirs.iter().filter(|path| whole(path)).cloned().collect();
    }
}
