//! The states that a power cut can leave. Durable is what a sync that returned covers; of the rest any part may
//! have arrived, in any order. The images are the corners of that: nothing, everything, one change alone there,
//! one alone missing, and every write torn at every sector.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use super::SimFs;
use super::disk::{Change, Disk, Op};

/// Bytes that a disk writes whole or not at all.
const SECTOR: u64 = 512;

/// Which of the changes that no sync covered arrived. The numbers count these changes, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// None arrived.
    AllLost,
    /// All arrived.
    AllKept,
    /// Only this one arrived.
    OnlyKept(usize),
    /// Only this one did not.
    OnlyLost(usize),
    /// The older ones arrived, of this write the first `bytes`, and none later.
    TornFront {
        /// Which write.
        write: usize,
        /// Bytes of it that arrived.
        bytes: usize,
    },
    /// All arrived, but of this write the first `bytes` are missing.
    TornBack {
        /// Which write.
        write: usize,
        /// Bytes of it that did not arrive.
        bytes: usize,
    },
}

/// One state that a power cut can leave.
#[derive(Debug)]
pub struct CrashImage {
    /// Operations that had been issued. All up to there were issued, none beyond.
    pub at: usize,
    /// Which of those that no sync covered arrived.
    pub loss: Loss,
    /// What the next start finds, all of it durable.
    pub fs: SimFs,
}

/// Iterator over [`CrashImage`]s; made by [`SimFs::crash_images`].
#[derive(Debug)]
pub struct CrashImages {
    ops: Vec<Op>,
    /// Operations applied to `disk` so far.
    at: usize,
    disk: Platter,
    /// Images of this `at` still to yield.
    losses: VecDeque<Loss>,
}

/// The disk itself, behind all caches.
#[derive(Debug)]
struct Platter {
    durable: Disk,
    /// Changes that no sync covered, oldest first. Every one may or may not be in the next image.
    pending: Vec<Pending>,
}

#[derive(Debug, Clone)]
struct Pending {
    change: Change,
    /// A sync of it failed: no later sync covers it, only a later change of the same bytes ends it.
    stuck: bool,
}

impl SimFs {
    /// Every state that a power cut can leave, at every point of what was recorded. See [`Loss`] for which.
    pub fn crash_images(&self) -> CrashImages {
        self.crash_images_from(0)
    }

    /// As [`SimFs::crash_images`], for power cuts after the first `at` operations only.
    pub fn crash_images_from(&self, at: usize) -> CrashImages {
        let state = self.state.lock();
        CrashImages::new(state.base.clone(), state.ops.clone(), at)
    }
}

impl CrashImages {
    pub(super) fn new(base: Disk, ops: Vec<Op>, from: usize) -> Self {
        let disk = Platter {
            durable: base,
            pending: Vec::new(),
        };
        let mut images = Self {
            ops,
            at: 0,
            disk,
            losses: VecDeque::new(),
        };
        while images.at < from && images.advance() {}
        images.losses = images.disk.losses();
        images
    }

    fn advance(&mut self) -> bool {
        let Some(op) = self.ops.get(self.at) else {
            return false;
        };
        self.disk.apply(op);
        self.at += 1;
        true
    }
}

impl Iterator for CrashImages {
    type Item = CrashImage;

    fn next(&mut self) -> Option<CrashImage> {
        loop {
            if let Some(loss) = self.losses.pop_front() {
                let fs = SimFs::over(self.disk.image(loss));
                return Some(CrashImage {
                    at: self.at,
                    loss,
                    fs,
                });
            }
            if !self.advance() {
                return None;
            }
            self.losses = self.disk.losses();
        }
    }
}

impl Platter {
    fn apply(&mut self, op: &Op) {
        match op {
            Op::Change(change) => self.pending.push(Pending {
                change: change.clone(),
                stuck: false,
            }),
            Op::SyncData { ino } => self.sync_data(*ino),
            Op::FailedSync { ino } => {
                for pending in self
                    .pending
                    .iter_mut()
                    .filter(|p| file_of(&p.change) == Some(*ino))
                {
                    pending.stuck = true;
                }
            }
            Op::SyncDir { path } => self.sync_dir(path),
        }
    }

    fn sync_data(&mut self, ino: u64) {
        let mut left: Vec<Pending> = Vec::new();
        for pending in std::mem::take(&mut self.pending) {
            if file_of(&pending.change) != Some(ino) || pending.stuck {
                left.push(pending);
                continue;
            }
            self.durable.apply(&pending.change);
            // What is durable now must not be overwritten by an older change that is stuck.
            left = left
                .into_iter()
                .flat_map(|older| older.without(&pending.change))
                .collect();
        }
        self.pending = left;
    }

    fn sync_dir(&mut self, dir: &Path) {
        for pending in std::mem::take(&mut self.pending) {
            match pending.change {
                Change::Name { set, unset } => {
                    let (set_now, set_later) = split(set, |(path, _)| path.parent() == Some(dir));
                    let (unset_now, unset_later) = split(unset, |path| path.parent() == Some(dir));
                    self.durable.apply(&Change::Name {
                        set: set_now,
                        unset: unset_now,
                    });
                    if set_later.is_some() || unset_later.is_some() {
                        let change = Change::Name {
                            set: set_later,
                            unset: unset_later,
                        };
                        self.pending.push(Pending { change, stuck: false });
                    }
                }
                Change::Dir { path } if path.parent() == Some(dir) => {
                    self.durable.apply(&Change::Dir { path });
                }
                change => self.pending.push(Pending {
                    change,
                    stuck: pending.stuck,
                }),
            }
        }
    }

    fn losses(&self) -> VecDeque<Loss> {
        let mut losses = VecDeque::from([Loss::AllLost]);
        if self.pending.is_empty() {
            return losses;
        }
        losses.push_back(Loss::AllKept);
        for (i, pending) in self.pending.iter().enumerate() {
            if self.pending.len() > 1 {
                losses.push_back(Loss::OnlyKept(i));
                losses.push_back(Loss::OnlyLost(i));
            }
            if let Change::Write { at, data, .. } = &pending.change {
                let first = SECTOR - at % SECTOR;
                let cuts = (first..data.len() as u64)
                    .step_by(SECTOR as usize)
                    .map(|cut| cut as usize);
                for bytes in cuts {
                    losses.push_back(Loss::TornFront { write: i, bytes });
                    losses.push_back(Loss::TornBack { write: i, bytes });
                }
            }
        }
        losses
    }

    fn image(&self, loss: Loss) -> Disk {
        let mut disk = self.durable.clone();
        for (i, pending) in self.pending.iter().enumerate() {
            let change = &pending.change;
            match loss {
                Loss::TornFront { write, bytes } if i == write => disk.apply(&torn(change, 0..bytes)),
                Loss::TornBack { write, bytes } if i == write => disk.apply(&torn(change, bytes..usize::MAX)),
                Loss::AllLost => {}
                Loss::OnlyKept(only) if i != only => {}
                Loss::OnlyLost(only) if i == only => {}
                Loss::TornFront { write, .. } if i > write => {}
                _ => disk.apply(change),
            }
        }
        disk.drop_unreachable();
        disk
    }
}

impl Pending {
    /// What a stuck change can still do once `newer` is durable.
    fn without(self, newer: &Change) -> Vec<Pending> {
        let Change::Write { ino, at, data } = &self.change else {
            return vec![self];
        };
        let end = at + data.len() as u64;
        let covered = match newer {
            Change::Write { ino: file, at, data } if file == ino => *at..at + data.len() as u64,
            Change::Truncate { ino: file, len } if file == ino => *len..u64::MAX,
            _ => return vec![self],
        };
        let before = 0..covered.start.saturating_sub(*at).min(end - at) as usize;
        let after = covered.end.saturating_sub(*at).min(end - at) as usize..data.len();
        [before, after]
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(|part| Pending {
                change: torn(&self.change, part),
                stuck: self.stuck,
            })
            .collect()
    }
}

/// The part `range` of a write; any other change is not torn.
fn torn(change: &Change, range: std::ops::Range<usize>) -> Change {
    let Change::Write { ino, at, data } = change else {
        return change.clone();
    };
    let part = data
        .get(range.start..range.end.min(data.len()))
        .unwrap_or_default();
    Change::Write {
        ino: *ino,
        at: at + range.start as u64,
        data: Arc::from(part),
    }
}

fn file_of(change: &Change) -> Option<u64> {
    match change {
        Change::Write { ino, .. } | Change::Truncate { ino, .. } => Some(*ino),
        Change::Name { .. } | Change::Dir { .. } => None,
    }
}

fn split<T>(part: Option<T>, now: impl Fn(&T) -> bool) -> (Option<T>, Option<T>) {
    match part {
        Some(part) if now(&part) => (Some(part), None),
        part => (None, part),
    }
}
