//! The rewrite child against the plain model: random writes go on while it runs, through a pipe that is
//! small, slow and cut anywhere.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Model, Op, Plain, Rng, Shape};
use mylog_core::effect::NEVER;
use mylog_core::format::header::Identity;
use mylog_core::group::{Group, GroupBuilder};
use mylog_core::io::Fs;
use mylog_core::io::sim::SimFs;
use mylog_core::log::damage::{BadRecords, Verdict};
use mylog_core::log::replay::Replay;
use mylog_core::log::scan::scan;
use mylog_core::rewrite::backlog::Backlog;
use mylog_core::rewrite::child::{Child, ChildError, Got, ParentLink, Stage};
use mylog_core::rewrite::entry_records::Sizes;
use mylog_core::rewrite::snapshot_file::SnapshotFile;
use mylog_core::rewrite::wire::{Report, group_header};
use mylog_core::store::{Bounds, Store};

/// The parent: its store, the model beside it, the backlog and the pipe.
pub struct Parent {
    pub rng: Rng,
    shape: Shape,
    pub model: Model,
    pub store: Store,
    pub groups: GroupBuilder,
    backlog: Option<Backlog>,
    pipe: VecDeque<u8>,
    pub pipe_bytes: usize,
    /// Effects still to come while the rewrite runs.
    writes_left: u32,
    answer: Option<u64>,
    pub residual: VecDeque<Arc<Group>>,
    closed: bool,
    /// What counts as large in the child.
    pub sizes: Sizes,
    /// Writes that come while the rewrite runs, once the child has looked at the pipe so often.
    pub later: VecDeque<Op>,
    pub later_at: usize,
    looks: usize,
}

impl Parent {
    pub fn write(&mut self, op: &Op) {
        self.model.apply(op);
        op.with_effect(|effect| {
            self.store.apply(effect).unwrap();
            self.groups.append(effect);
        });
    }

    pub fn seal(&mut self) {
        let Some(group) = self.groups.seal(0) else { return };
        let group = Arc::new(group);
        match &mut self.backlog {
            Some(backlog) => backlog.push(group, u64::MAX).unwrap(),
            None => self.residual.push_back(group),
        }
    }

    /// A turn of the event loop: some writes, and the pipe takes some bytes.
    fn turn(&mut self) {
        if self.rng.one_in(2) {
            for _ in 0..self.rng.below(6).min(u64::from(self.writes_left)) {
                let op = self.model.random(&mut self.rng, self.shape);
                self.write(&op);
                self.writes_left -= 1;
            }
            self.seal();
        }
        self.looks += 1;
        if self.looks > self.later_at {
            // All of them are in the stream before the child asks for its end.
            for op in std::mem::take(&mut self.later) {
                self.write(&op);
                self.seal();
            }
        }
        let room = self.pipe_bytes - self.pipe.len();
        let most = self.rng.below(room as u64 + 1) as usize;
        let Some(backlog) = &mut self.backlog else { return };
        if most > 0 {
            let pipe = &mut self.pipe;
            let send = |slices: &[io::IoSlice<'_>]| {
                let before = pipe.len();
                pipe.extend(slices.iter().flat_map(|slice| slice.iter()).take(most));
                Ok(pipe.len() - before)
            };
            backlog.send(send).unwrap();
        }
    }
}

struct Link<'a>(&'a RefCell<Parent>);

impl ParentLink for Link<'_> {
    fn read_diffs(&mut self, buf: &mut [u8]) -> io::Result<Got> {
        let mut parent = self.0.borrow_mut();
        parent.turn();
        if parent.pipe.is_empty() {
            return Ok(if parent.closed { Got::Closed } else { Got::Nothing });
        }
        let most = 1 + parent.rng.below(buf.len() as u64) as usize;
        let n = most.min(parent.pipe.len());
        for (to, from) in buf.iter_mut().zip(parent.pipe.drain(..n)) {
            *to = from;
        }
        Ok(Got::Bytes(n))
    }

    fn ask(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn answer(&mut self) -> io::Result<Option<u64>> {
        let mut parent = self.0.borrow_mut();
        parent.turn();
        if parent.answer.is_none() && parent.rng.one_in(4) {
            let (h, residual) = parent.backlog.take().unwrap().stop();
            parent.residual = residual;
            parent.answer = Some(h);
        }
        Ok(parent.answer)
    }

    fn wait(&mut self) -> io::Result<()> {
        self.0.borrow_mut().turn();
        Ok(())
    }

    fn nap(&mut self) -> io::Result<()> {
        self.wait()
    }

    fn pause(&mut self) {}

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn progress(&mut self, done: f64) {
        assert!((0.0..=1.0).contains(&done));
    }

    fn stage(&mut self, _stage: Stage) {
        self.0.borrow_mut().turn();
    }
}

const IDENTITY: Identity = Identity {
    uuid: [7; 16],
    epoch: 2,
    salt: 9,
};

pub fn parent(seed: u64, shape: Shape, before: u32, during: u32) -> Parent {
    let mut rng = Rng::new(seed);
    let pipe_bytes = 1 + rng.below(4000) as usize;
    let mut parent = Parent {
        rng,
        shape,
        model: Model::default(),
        store: Store::new(),
        groups: GroupBuilder::new(1),
        backlog: None,
        pipe: VecDeque::new(),
        pipe_bytes,
        writes_left: during,
        answer: None,
        residual: VecDeque::new(),
        closed: false,
        sizes: Sizes::default(),
        later: VecDeque::new(),
        later_at: 0,
        looks: 0,
    };
    for _ in 0..before {
        let op = parent.model.random(&mut parent.rng, shape);
        parent.write(&op);
    }
    parent.groups.seal(0);
    parent
}

/// Forks: the child gets a copy of the store, the parent a backlog. Returns the report and what the file holds.
pub fn rewrite(parent: &RefCell<Parent>) -> Result<(Report, Store), ChildError> {
    let fork_seq = parent.borrow().groups.last_seq();
    let mut copy = parent.borrow().store.clone();
    parent.borrow_mut().backlog = Some(Backlog::new(fork_seq));
    let fs = SimFs::new();
    let path = Path::new("/log/rewrite-2.mylog");
    fs.create_dir(Path::new("/log")).unwrap();
    let out = SnapshotFile::create(&fs, path, &IDENTITY, 1, 0).unwrap();
    let sizes = parent.borrow().sizes;
    let child = Child::new(&mut copy, fork_seq, Link(parent), out);
    let report = child.with_sizes(sizes).run(0)?;
    let mut loaded = Loaded(Store::new());
    let read = scan(fs.open_read(path).unwrap().as_ref(), &mut loaded).unwrap();
    assert!(matches!(read.verdict, Verdict::Eof { .. }), "{:?}", read.verdict);
    let end = read.summary.unwrap().snapshot_end.unwrap();
    assert_eq!(end.base_seq, report.base_seq);
    assert_eq!(end.keys, loaded.0.len() as u64);
    Ok((report, loaded.0))
}

struct Loaded(Store);

impl Replay for Loaded {
    fn snapshot(&mut self, payload: &[u8], count: u32) -> Result<(), BadRecords> {
        self.0
            .load_snapshot(payload, count, &mut Bounds::none())
            .map_err(BadRecords::new)
    }

    fn snapshot_end(&mut self, _: &mylog_core::format::snapshot_end::SnapshotEnd) -> Result<(), BadRecords> {
        Ok(())
    }

    fn group(&mut self, _: u64, count: u32, payload: &[u8], _: u64) -> Result<(), BadRecords> {
        self.0
            .load_group(payload, count, &mut Bounds::none())
            .map_err(BadRecords::new)
    }
}

fn file_and_residual_are_the_state(seed: u64, shape: Shape, before: u32, during: u32) {
    check(seed, parent(seed, shape, before, during));
}

/// Rewrites, and compares file and residual with the model.
pub fn check(seed: u64, parent: Parent) -> Report {
    let parent = RefCell::new(parent);
    let (report, mut loaded) = rewrite(&parent).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let mut parent = parent.into_inner();
    parent.seal();
    let mut seq = report.base_seq;
    for group in &parent.residual {
        assert_eq!(group.first_seq(), seq + 1, "seed {seed}");
        loaded
            .load_group(group.payload(), group.count(), &mut Bounds::none())
            .unwrap();
        seq = group.last_seq();
    }
    assert_eq!(seq, parent.groups.last_seq(), "seed {seed}");
    assert_eq!(Model::of(&loaded), parent.model, "seed {seed}");
    assert!(loaded.same_contents(&parent.store), "seed {seed}");
    report
}

#[test]
fn rewrite_under_random_writes_is_the_state_at_h() {
    for seed in 0..600 {
        let mut rng = Rng::new(seed ^ 0xabcdef);
        let shape = Shape {
            names: 1 + rng.below(40),
            value_bytes: 1 + rng.below(100),
            fields: 20,
            databases: false,
        };
        file_and_residual_are_the_state(seed, shape, rng.below(200) as u32, rng.below(600) as u32);
    }
}

/// Enough names and bytes for several rounds, with the stream taken in between: a name that is deleted, made
/// again and deleted once more before the walk comes to it must not stay in the file.
#[test]
fn rewrite_of_many_rounds_is_the_state_at_h() {
    for seed in 0..40 {
        let shape = Shape {
            names: 150,
            value_bytes: 3000,
            fields: 20,
            databases: false,
        };
        file_and_residual_are_the_state(seed, shape, 500, 4000);
    }
}

#[test]
fn rewrite_of_values_written_in_parts_is_the_state_at_h() {
    for seed in 0..12 {
        let parent = RefCell::new(parent(
            seed,
            Shape {
                names: 3,
                value_bytes: 50,
                fields: 20,
                databases: false,
            },
            20,
            300,
        ));
        {
            let mut parent = parent.borrow_mut();
            parent.pipe_bytes = 64 << 10;
            let large = Plain::Hash(
                (0..6000u32)
                    .map(|i| (i.to_le_bytes().to_vec(), vec![1; 100]))
                    .collect(),
            );
            parent.write(&Op::Put((0, b"k0".to_vec()), large, 7));
            parent.write(&Op::Put((1, b"k1".to_vec()), Plain::Str(vec![9; 900_000]), NEVER));
            parent.groups.seal(0);
        }
        let (_, mut loaded) = rewrite(&parent).unwrap();
        let mut parent = parent.into_inner();
        parent.seal();
        for group in &parent.residual {
            loaded
                .load_group(group.payload(), group.count(), &mut Bounds::none())
                .unwrap();
        }
        assert_eq!(Model::of(&loaded), parent.model, "seed {seed}");
    }
}

#[test]
fn a_counter_raised_all_the_while_is_one_record() {
    let parent = RefCell::new(parent(
        1,
        Shape {
            names: 1,
            value_bytes: 1,
            fields: 20,
            databases: false,
        },
        0,
        0,
    ));
    let counter = |n: u32| Op::StrSet((0, b"counter".to_vec()), None, n.to_string().into_bytes());
    parent.borrow_mut().write(&counter(0));
    parent.borrow_mut().groups.seal(0);
    parent.borrow_mut().pipe_bytes = 1 << 16;
    let fork_seq = parent.borrow().groups.last_seq();
    parent.borrow_mut().backlog = Some(Backlog::new(fork_seq));
    for n in 1..=20_000 {
        parent.borrow_mut().write(&counter(n));
        parent.borrow_mut().seal();
    }
    let mut copy = Store::new();
    let mut record = Vec::new();
    counter(0).with_effect(|effect| effect.encode(&mut record));
    copy.load_group(&record, 1, &mut Bounds::none()).unwrap();
    let fs = SimFs::new();
    let path = Path::new("/rewrite-2.mylog");
    let out = SnapshotFile::create(&fs, path, &IDENTITY, 1, 0).unwrap();
    let report = Child::new(&mut copy, fork_seq, Link(&parent), out)
        .run(0)
        .unwrap();
    assert_eq!(report.absorbed, 20_000 - parent.borrow().residual.len() as u64);
    assert!(report.bytes < 400, "{report:?}");
}

#[test]
fn a_child_whose_parent_closed_the_pipe_gives_up() {
    let parent = RefCell::new(parent(
        1,
        Shape {
            names: 5,
            value_bytes: 5,
            fields: 20,
            databases: false,
        },
        50,
        0,
    ));
    parent.borrow_mut().closed = true;
    assert!(matches!(rewrite(&parent), Err(ChildError::ParentGone)));
}

/// A parent that adds new keys faster than the child writes them, for as long as the stream lasts.
struct Flood {
    groups: GroupBuilder,
    store: Store,
    pipe: VecDeque<u8>,
    looks: u32,
    answer: Option<u64>,
}

impl Flood {
    fn add(&mut self) {
        let key = format!("key:{}", self.groups.last_seq());
        let op = Op::StrSet((0, key.into_bytes()), None, vec![b'v'; 2000]);
        op.with_effect(|effect| {
            self.store.apply(effect).unwrap();
            self.groups.append(effect);
        });
        let group = self.groups.seal(0).unwrap();
        self.pipe.extend(group_header(&group));
        self.pipe.extend(group.payload());
    }
}

struct Flooded<'a>(&'a RefCell<Flood>);

impl ParentLink for Flooded<'_> {
    fn read_diffs(&mut self, buf: &mut [u8]) -> io::Result<Got> {
        let mut flood = self.0.borrow_mut();
        flood.looks += 1;
        assert!(flood.looks < 20_000, "the child goes on without end");
        if flood.answer.is_none() {
            // A look at the pipe ends when it is empty: some 80 KB come at each.
            if flood.looks % 40 == 0 && flood.pipe.is_empty() {
                return Ok(Got::Nothing);
            }
            flood.add();
        } else if flood.pipe.is_empty() {
            return Ok(Got::Nothing);
        }
        let n = buf.len().min(flood.pipe.len());
        for (to, from) in buf.iter_mut().zip(flood.pipe.drain(..n)) {
            *to = from;
        }
        Ok(Got::Bytes(n))
    }

    fn ask(&mut self) -> io::Result<()> {
        let mut flood = self.0.borrow_mut();
        flood.answer = Some(flood.groups.last_seq());
        Ok(())
    }

    fn answer(&mut self) -> io::Result<Option<u64>> {
        Ok(self.0.borrow().answer)
    }

    fn wait(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn nap(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn pause(&mut self) {}

    fn now(&self) -> Duration {
        // Each look takes a millisecond.
        Duration::from_millis(self.0.borrow().looks.into())
    }

    fn progress(&mut self, done: f64) {
        assert!((0.0..=1.0).contains(&done));
    }

    fn stage(&mut self, _stage: Stage) {}
}

#[test]
fn a_child_whose_parent_adds_keys_faster_than_it_writes_ends_all_the_same() {
    let flood = RefCell::new(Flood {
        groups: GroupBuilder::new(1),
        store: Store::new(),
        pipe: VecDeque::new(),
        looks: 0,
        answer: None,
    });
    (0..100).for_each(|_| flood.borrow_mut().add());
    flood.borrow_mut().pipe.clear();
    let fork_seq = flood.borrow().groups.last_seq();
    let mut copy = flood.borrow().store.clone();
    let fs = SimFs::new();
    let path = Path::new("/log/rewrite-2.mylog");
    fs.create_dir(Path::new("/log")).unwrap();
    let out = SnapshotFile::create(&fs, path, &IDENTITY, 1, 0).unwrap();
    let report = Child::new(&mut copy, fork_seq, Flooded(&flood), out)
        .run(0)
        .unwrap();
    assert!(report.rounds <= 16, "{report:?}");
    let mut loaded = Loaded(Store::new());
    scan(fs.open_read(path).unwrap().as_ref(), &mut loaded).unwrap();
    assert!(loaded.0.same_contents(&flood.borrow().store));
}
