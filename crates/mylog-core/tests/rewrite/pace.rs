//! The walk beside a stream that comes as fast as it can be applied, and beside none.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::model::Op;
use mylog_core::format::header::Identity;
use mylog_core::group::GroupBuilder;
use mylog_core::io::Fs;
use mylog_core::io::sim::SimFs;
use mylog_core::rewrite::child::{Child, Got, ParentLink, Stage};
use mylog_core::rewrite::snapshot_file::SnapshotFile;
use mylog_core::rewrite::wire::group_header;
use mylog_core::store::Store;

const KEYS: u64 = 4000;
const VALUE_BYTES: usize = 1000;
/// Time that one read of the pipe takes, with what is in it.
const READ: Duration = Duration::from_millis(1);
/// Time between two looks at the pipe: the child reports its progress at each.
const WORK: Duration = Duration::from_millis(1);

/// A parent whose pipe is never found empty or always is, and the time.
struct Torrent {
    silent: bool,
    groups: GroupBuilder,
    store: Store,
    pipe: VecDeque<u8>,
    now: Duration,
    reads: u64,
    looks: u64,
    pauses: u64,
    answer: Option<u64>,
    /// Reads and looks when the walk was over.
    walked: Option<(u64, u64)>,
}

impl Torrent {
    fn write(&mut self, number: u64) {
        let key = format!("key:{number}").into_bytes();
        let op = Op::StrSet((0, key), None, vec![b'v'; VALUE_BYTES]);
        op.with_effect(|effect| {
            self.store.apply(effect).unwrap();
            self.groups.append(effect);
        });
    }

    fn send(&mut self) {
        if let Some(group) = self.groups.seal(0) {
            self.pipe.extend(group_header(&group));
            self.pipe.extend(group.payload());
        }
    }
}

struct Link<'a>(&'a RefCell<Torrent>);

impl ParentLink for Link<'_> {
    fn read_diffs(&mut self, buf: &mut [u8]) -> io::Result<Got> {
        let torrent = &mut *self.0.borrow_mut();
        torrent.now += READ;
        torrent.reads += 1;
        while !torrent.silent && torrent.answer.is_none() && torrent.pipe.len() < buf.len() {
            torrent.write(torrent.reads % KEYS);
            torrent.send();
        }
        let n = buf.len().min(torrent.pipe.len());
        for (to, from) in buf.iter_mut().zip(torrent.pipe.drain(..n)) {
            *to = from;
        }
        Ok(if n == 0 { Got::Nothing } else { Got::Bytes(n) })
    }

    fn ask(&mut self) -> io::Result<()> {
        let torrent = &mut *self.0.borrow_mut();
        torrent.answer = Some(torrent.groups.last_seq());
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

    fn pause(&mut self) {
        self.0.borrow_mut().pauses += 1;
    }

    fn now(&self) -> Duration {
        self.0.borrow().now
    }

    fn progress(&mut self, _done: f64) {
        let torrent = &mut *self.0.borrow_mut();
        torrent.now += WORK;
        torrent.looks += 1;
    }

    fn stage(&mut self, stage: Stage) {
        let torrent = &mut *self.0.borrow_mut();
        if stage == Stage::Walked {
            torrent.walked = Some((torrent.reads, torrent.looks));
        }
    }
}

/// Runs a rewrite of all the keys.
fn rewrite(silent: bool) -> Torrent {
    let torrent = RefCell::new(Torrent {
        silent,
        groups: GroupBuilder::new(1),
        store: Store::new(),
        pipe: VecDeque::new(),
        now: Duration::ZERO,
        reads: 0,
        looks: 0,
        pauses: 0,
        answer: None,
        walked: None,
    });
    (0..KEYS).for_each(|number| torrent.borrow_mut().write(number));
    torrent.borrow_mut().groups.seal(0);
    let fork_seq = torrent.borrow().groups.last_seq();
    let mut copy = torrent.borrow().store.clone();
    let fs = SimFs::new();
    let path = Path::new("/log/rewrite-2.mylog");
    fs.create_dir(Path::new("/log")).unwrap();
    let identity = Identity {
        uuid: [7; 16],
        epoch: 2,
        salt: 9,
    };
    let out = SnapshotFile::create(&fs, path, &identity, 1, 0).unwrap();
    Child::new(&mut copy, fork_seq, Link(&torrent), out)
        .run(0)
        .unwrap();
    torrent.into_inner()
}

#[test]
fn a_stream_as_fast_as_it_is_applied_does_not_starve_the_walk() {
    let (reads, looks) = rewrite(false).walked.unwrap();
    assert!(looks > 100, "the walk looked at the pipe {looks} times");
    // A look may take three times what was done before it, and some reads more to notice.
    assert!(reads <= looks * 8, "{reads} reads at {looks} looks");
}

#[test]
fn beside_a_silent_parent_the_child_gives_way_between_the_pieces_of_its_work() {
    let torrent = rewrite(true);
    let (_, looks) = torrent.walked.unwrap();
    assert!(
        looks > 100 && torrent.pauses >= looks,
        "{} pauses at {looks} looks",
        torrent.pauses
    );
}

#[test]
fn beside_a_parent_that_sends_as_fast_as_it_can_the_child_never_gives_way() {
    assert_eq!(rewrite(false).pauses, 0);
}
