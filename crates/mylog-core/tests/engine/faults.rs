//! Every call on the disk failing, once and for good, through writes, a rewrite, the switch, and the rewrite
//! that heals. What was reported as durable is there after a kill and after a power cut.

use std::cell::RefCell;
use std::sync::Arc;

use mylog_core::io::Fs;
use mylog_core::io::fault::{Fault, FaultFs, OpKind};
use mylog_core::io::sim::SimFs;
use mylog_core::log::names;
use mylog_core::log::policy::FsyncPolicy;
use nix::errno::Errno;

use crate::model::{Rng, Shape};
use crate::oracle::{Oracle, dir};
use crate::rewrite::{Course, rewrite};
use crate::server::Server;

const BUSY: Course = Course {
    busy: true,
    killed_one_in: None,
};

fn some_turns(server: &RefCell<Server>, turns: u32) {
    for _ in 0..turns {
        server.borrow_mut().turn();
    }
}

/// Writes, two rewrites with their switches, and whatever more it takes until the log is well.
fn trace(server: &RefCell<Server>) {
    for _ in 0..2 {
        some_turns(server, 6);
        rewrite(server, BUSY);
        some_turns(server, 6);
    }
    let mut server = server.borrow_mut();
    server.sleep(2000);
    server.step();
    server.sync();
}

fn start(faulty: &FaultFs<SimFs>, policy: FsyncPolicy, seed: u64) -> RefCell<Server> {
    let oracle = Oracle::new();
    let found = oracle.check(faulty, 0, "the first start");
    let fs: Arc<dyn Fs> = Arc::new(faulty.clone());
    let mut server = Server::start(fs, faulty.inner(), found, oracle, policy, seed);
    faulty.create_dir(&dir().join(names::HISTORY)).unwrap();
    faulty.sync_dir(dir()).unwrap();
    server.keeps_history = true;
    server.shape = Shape {
        names: 12,
        value_bytes: 200,
        fields: 20,
        databases: false,
    };
    RefCell::new(server)
}

/// After the trace, with the fault or healed: a kill, power cuts at the end, and power cuts on the way.
fn nothing_reported_is_lost(server: &Server, sim: &SimFs, what: &str) {
    let ops = sim.op_count();
    let mut rng = Rng::new(ops as u64);
    let durable = server.heard.durable_at(ops);
    server
        .oracle
        .check(&sim.fork(), durable, &format!("{what}, killed"));
    let on_the_way = (0..3).map(|_| rng.below(ops as u64) as usize);
    for at in on_the_way.chain([ops]) {
        let least = server.heard.durable_at(at);
        let here = sim.crash_images_from(at).take_while(|image| image.at == at);
        for image in here.take(6) {
            let what = format!(
                "{what}, power cut after {at} of {ops} operations, {:?}",
                image.loss
            );
            server.oracle.check(&image.fs, least, &what);
        }
    }
}

/// Loops over n until the nth call of the kind is never made.
fn every_nth(kind: OpKind, fault: Fault, policy: FsyncPolicy) -> u64 {
    for nth in 1.. {
        let what = format!("{kind:?} {nth} {fault:?} {policy:?}");
        let sim = SimFs::new();
        let faulty = FaultFs::new(sim.clone());
        let server = start(&faulty, policy, 5);
        faulty.fail(kind, nth, fault);
        trace(&server);
        nothing_reported_is_lost(&server.borrow(), &sim, &what);
        if faulty.fired() == 0 {
            return nth - 1;
        }
        heals(&server, &faulty, &what);
        nothing_reported_is_lost(&server.borrow(), &sim, &format!("{what}, healed"));
    }
    0
}

/// Once the disk is well, at most one more rewrite makes everything durable.
fn heals(server: &RefCell<Server>, faulty: &FaultFs<SimFs>, what: &str) {
    faulty.heal();
    server.borrow_mut().sleep(3000);
    server.borrow_mut().step();
    if server.borrow().is_down() {
        rewrite(server, BUSY);
        server.borrow_mut().step();
    }
    let mut server = server.borrow_mut();
    server.sleep(3000);
    assert!(server.sync(), "{what}: still not durable: {:?}", server.outcome);
    assert!(!server.is_down(), "{what}");
}

fn each_kind(fault: impl Fn(Errno) -> Fault, policy: FsyncPolicy) {
    let mut calls = 0;
    for kind in OpKind::ALL {
        for errno in [Errno::EIO, Errno::ENOSPC] {
            calls += every_nth(kind, fault(errno), policy);
        }
    }
    assert!(calls > 100, "{calls}");
}

#[test]
fn no_call_that_fails_once_loses_what_was_reported_durable() {
    each_kind(Fault::Once, FsyncPolicy::Always);
}

#[test]
fn no_call_that_fails_for_good_loses_what_was_reported_durable() {
    each_kind(Fault::Forever, FsyncPolicy::Always);
}

#[test]
fn no_failing_call_loses_what_was_reported_durable_under_everysec() {
    each_kind(Fault::Once, FsyncPolicy::EverySec);
}

#[test]
fn no_short_write_loses_anything() {
    for most in [1, 60, 700] {
        every_nth(OpKind::WriteAt, Fault::Short(most), FsyncPolicy::Always);
    }
}
