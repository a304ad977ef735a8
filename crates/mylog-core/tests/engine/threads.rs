//! The switch with its real threads: the writer, catching up beside it, and the event loop that goes on
//! submitting all the while.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use mylog_core::effect::NEVER;
use mylog_core::format::header::Identity;
use mylog_core::group::{Group, GroupBuilder};
use mylog_core::io::Fs;
use mylog_core::io::sim::SimFs;
use mylog_core::log::commit::Listener;
use mylog_core::log::failure::Failure;
use mylog_core::log::file::LogFile;
use mylog_core::log::names;
use mylog_core::log::policy::FsyncPolicy;
use mylog_core::log::writer::{WaitOutcome, Writer, WriterConfig};
use mylog_core::rewrite::cancel_flag::CancelFlag;
use mylog_core::rewrite::entry_records::{Sizes, entry_records};
use mylog_core::rewrite::residual::Residual;
use mylog_core::rewrite::snapshot_file::SnapshotFile;
use mylog_core::rewrite::switch;
use mylog_core::rewrite::switch_outcome::SwitchOutcome;
use mylog_core::rewrite::switch_plan::SwitchPlan;
use mylog_core::store::Store;

use crate::model::{Model, Op, Plain};
use crate::oracle::{dir, open};
use crate::server::live;

struct Failures(Sender<Failure>);

impl Listener for Failures {
    fn on_durable(&self, _: u64) {}

    fn on_failure(&self, failure: &Failure) {
        let _ = self.0.send(failure.clone());
    }

    fn on_recovered(&self) {}
}

/// The event loop's side: what is written goes to the store and to a group.
struct Loop {
    store: Store,
    model: Model,
    groups: GroupBuilder,
}

impl Loop {
    fn write(&mut self, n: u64, bytes: usize) -> Arc<Group> {
        let name = (0, format!("k{}", n % 50).into_bytes());
        let op = Op::Put(name, Plain::Str(vec![n as u8; bytes]), NEVER);
        self.model.apply(&op);
        op.with_effect(|effect| {
            self.store.apply(effect).unwrap();
            self.groups.append(effect);
        });
        Arc::new(self.groups.seal(1).unwrap())
    }
}

/// A child's file of the store as it is now.
fn snapshot(fs: &dyn Fs, store: &Store, identity: &Identity, base_seq: u64) -> SwitchPlan {
    let temp = dir().join(names::rewrite(identity.epoch));
    let mut out = SnapshotFile::create(fs, &temp, identity, 7, 1).unwrap();
    for entry in store.entries() {
        let db = store.db_of(entry);
        entry_records(db, entry, Sizes::default(), |record| {
            out.append_records(record, 1)
        })
        .unwrap();
    }
    let report = out.finish(base_seq, store.len() as u64, 1).unwrap();
    SwitchPlan {
        fs: Arc::new(SimFs::new()),
        temp,
        live: live(),
        history: None,
        identity: *identity,
        run: 7,
        report,
        residual: Arc::new(Residual::new([])),
        exclusive_bytes: switch::EXCLUSIVE_BYTES,
        cancel: Arc::new(CancelFlag::default()),
    }
}

#[test]
fn groups_submitted_during_a_switch_are_in_the_new_log_once_and_in_order() {
    let sim = SimFs::new();
    let fs: Arc<dyn Fs> = Arc::new(sim.clone());
    let (recovered, store) = open(fs.as_ref()).unwrap();
    let mut identity = recovered.identity;
    let mut file = LogFile::new(recovered.file, identity, 7, recovered.end, recovered.next_seq).unwrap();
    file.begin_run(7, 0, 1).unwrap();
    let (failed, failures) = channel();
    let config = WriterConfig {
        fs: Arc::clone(&fs),
        live: live(),
        file,
        policy: FsyncPolicy::Always,
        claim: None,
    };
    let writer = Writer::spawn(config, Arc::new(Failures(failed))).unwrap();
    let mut server = Loop {
        store,
        model: Model::default(),
        groups: GroupBuilder::new(1),
    };
    let mut n = 0;
    for _ in 0..8 {
        for _ in 0..10 {
            n += 1;
            assert!(writer.submit(server.write(n, 100)));
        }
        identity.epoch += 1;
        let mut plan = snapshot(fs.as_ref(), &server.store, &identity, n);
        plan.fs = Arc::clone(&fs);
        let residual = Arc::clone(&plan.residual);
        // More than the last step takes at once, so that there is something to catch up with.
        for _ in 0..60 {
            n += 1;
            let group = server.write(n, 10_000);
            assert!(residual.push(Arc::clone(&group)));
            assert!(writer.submit(group));
        }
        let (done, outcome) = channel();
        let on_done = Box::new(move |outcome| drop(done.send(outcome)));
        switch::start(plan, Arc::clone(writer.queue()), on_done);
        let outcome = loop {
            // The simulated disk keeps all that it was ever given.
            if n > writer.watermarks().durable() + 16 {
                thread::yield_now();
            } else {
                n += 1;
                let group = server.write(n, 500);
                residual.push(Arc::clone(&group));
                assert!(writer.submit(group));
            }
            if let Ok(outcome) = outcome.try_recv() {
                break outcome;
            }
        };
        assert!(matches!(outcome, SwitchOutcome::Switched(_)), "{outcome:?}");
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    assert_eq!(writer.wait_durable(n, deadline), WaitOutcome::Durable);
    assert!(failures.try_recv().is_err());
    let (recovered, store) = open(&sim.fork()).unwrap();
    assert_eq!((recovered.durable_seq, recovered.identity), (n, identity));
    assert!(Model::of(&store) == server.model);
}
