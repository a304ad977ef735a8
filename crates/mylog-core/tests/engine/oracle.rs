//! What a start may find: the model at every group boundary, and what was reported as durable when.

use std::collections::BTreeMap;
use std::path::Path;

use mylog_core::format::snapshot_end::SnapshotEnd;
use mylog_core::io::Fs;
use mylog_core::io::sim::SimFs;
use mylog_core::log::commit::Listener;
use mylog_core::log::damage::BadRecords;
use mylog_core::log::failure::Failure;
use mylog_core::log::names;
use mylog_core::log::recover::{RecoverError, Recovered, Start, recover, sweep};
use mylog_core::log::replay::Replay;
use mylog_core::store::{Bounds, Store};
use parking_lot::Mutex;

use crate::model::{Model, Op};

pub fn dir() -> &'static Path {
    Path::new("/log")
}

/// The history as it should be.
#[derive(Debug, Clone)]
pub struct Oracle {
    pub model: Model,
    /// The model as of the last record of each group. A seq that is not in it is inside a group.
    pub states: BTreeMap<u64, Model>,
}

impl Oracle {
    pub fn new() -> Self {
        Self {
            model: Model::default(),
            states: BTreeMap::from([(0, Model::default())]),
        }
    }

    pub fn apply(&mut self, op: &Op) {
        self.model.apply(op);
    }

    pub fn sealed(&mut self, last_seq: u64) {
        self.states.insert(last_seq, self.model.clone());
    }

    /// What came after `seq` was lost: the history goes on from there.
    pub fn go_back_to(&mut self, seq: u64) {
        self.states.retain(|at, _| *at <= seq);
        self.model = self.states[&seq].clone();
    }

    /// Starts on this disk and checks what is there: the state as of a group boundary, not before `least`,
    /// and nothing unfinished left over.
    pub fn check(&self, fs: &dyn Fs, least: u64, what: &str) -> (Recovered, Store) {
        let (recovered, store) = open(fs).unwrap_or_else(|error| panic!("{what}: {error}"));
        let seq = recovered.durable_seq;
        assert_eq!(recovered.next_seq, seq + 1, "{what}");
        assert!(seq >= least, "{what}: ends at seq {seq}, but {least} was durable");
        let Some(model) = self.states.get(&seq) else {
            panic!("{what}: ends at seq {seq}, inside a group");
        };
        assert!(Model::of(&store) == *model, "{what}: not the state at seq {seq}");
        sweep(fs, dir()).unwrap_or_else(|error| panic!("{what}: {error}"));
        for name in fs.list(dir()).unwrap() {
            let known = name == names::CURRENT || name == names::HISTORY || names::is_torn(&name);
            assert!(known, "{what}: {name:?}");
        }
        (recovered, store)
    }
}

/// Starts on a disk.
pub fn open(fs: &dyn Fs) -> Result<(Recovered, Store), RecoverError> {
    let start = Start {
        load_truncated: true,
        run: 1,
        wall_ms: 1,
    };
    let mut loaded = Loaded(Store::new());
    let recovered = recover(fs, dir(), start, &mut loaded)?;
    Ok((recovered, loaded.0))
}

struct Loaded(Store);

impl Replay for Loaded {
    fn snapshot(&mut self, payload: &[u8], count: u32) -> Result<(), BadRecords> {
        self.0
            .load_snapshot(payload, count, &mut Bounds::none())
            .map_err(BadRecords::new)
    }

    fn snapshot_end(&mut self, totals: &SnapshotEnd) -> Result<(), BadRecords> {
        if totals.keys == self.0.len() as u64 {
            Ok(())
        } else {
            Err(BadRecords::new("the number of keys is another"))
        }
    }

    fn group(&mut self, _: u64, count: u32, payload: &[u8], _: u64) -> Result<(), BadRecords> {
        self.0
            .load_group(payload, count, &mut Bounds::none())
            .map_err(BadRecords::new)
    }
}

/// Hears what is durable, and after how many operations on the disk it was said.
#[derive(Debug)]
pub struct Heard {
    sim: SimFs,
    marks: Mutex<Vec<(usize, u64)>>,
}

impl Heard {
    /// `known` was durable before anything else.
    pub fn new(sim: SimFs, known: u64) -> Self {
        Self {
            sim,
            marks: Mutex::new(vec![(0, known)]),
        }
    }

    /// What a power cut after `ops` operations must leave.
    pub fn durable_at(&self, ops: usize) -> u64 {
        let marks = self.marks.lock();
        let known = marks.iter().filter(|(at, _)| *at <= ops).map(|(_, seq)| *seq);
        known.max().unwrap_or(0)
    }
}

impl Listener for Heard {
    fn on_durable(&self, seq: u64) {
        self.marks.lock().push((self.sim.op_count(), seq));
    }

    fn on_failure(&self, _: &Failure) {}

    fn on_recovered(&self) {}
}
