//! Random lives of a server, one after the other on one disk: writes, rewrites, flushes, failing syncs, kills,
//! stops and power cuts. `SEED=n` runs one seed alone.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use mylog_core::effect::NEVER;
use mylog_core::io::sim::SimFs;

use crate::model::{Op, Plain, Rng, Shape};
use crate::oracle::Oracle;
use crate::rewrite::{Course, Ended, rewrite};
use crate::server::{POLICIES, Server};

const LIVES: u64 = 3;

/// Runs one seed, or all of these. The hashes of the store differ from run to run, and with them the order of
/// slots after a flush: one seed is run several times.
fn each_seed(seeds: Range<u64>, run: impl Fn(u64)) {
    match std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => (0..20).for_each(|_| run(seed)),
        None => seeds.for_each(run),
    }
}

/// What a kind of life has of what.
#[derive(Clone, Copy)]
struct Kind {
    shape: Shape,
    turns: u64,
    /// Bytes of two values that stand there from the first; more than a record of a snapshot.
    large: usize,
    /// Images that are started on, after each power cut.
    images: usize,
}

/// Writes and rewrites until the server stops or dies. Returns the ops on the disk around the switches.
fn live(server: &RefCell<Server>, sim: &SimFs, kind: Kind) -> Vec<Range<usize>> {
    let mut switches = Vec::new();
    for _ in 0..kind.turns {
        server.borrow_mut().turn();
        if server.borrow_mut().rng.one_in(60) {
            sim.fail_sync_data(1);
        }
        let wanted = server.borrow_mut().rng.one_in(kind.turns / 3) || server.borrow().is_down();
        if wanted && server.borrow().switching.is_none() {
            let killed_one_in = server.borrow_mut().rng.one_in(8).then_some(10);
            let course = Course {
                busy: true,
                killed_one_in,
            };
            while let Ended::Aborted = rewrite(server, course) {}
        }
        let before = sim.op_count();
        if server.borrow().dead {
            break;
        }
        if server.borrow().switching.is_some() && server.borrow_mut().rng.one_in(3) {
            server.borrow_mut().step();
            switches.push(before..sim.op_count() + 1);
        }
    }
    switches
}

fn large_values(server: &mut Server, bytes: usize) {
    let fields = (0..bytes as u32 / 100).map(|i| (i.to_le_bytes().to_vec(), vec![1; 90]));
    server.write(&Op::Put((0, b"k0".to_vec()), Plain::Hash(fields.collect()), 7));
    server.write(&Op::Put((1, b"k1".to_vec()), Plain::Str(vec![9; bytes]), NEVER));
}

fn lives(seed: u64, kind: Kind) {
    let mut rng = Rng::new(seed);
    let mut sim = SimFs::new();
    let mut oracle = Oracle::new();
    let mut least = 0;
    for life in 0..LIVES {
        let what = format!("seed {seed}, life {life}");
        let found = oracle.check(&sim, least, &what);
        let policy = POLICIES[rng.below(3) as usize];
        let fs = Arc::new(sim.clone());
        let began = sim.op_count();
        let mut server = Server::start(fs, &sim, found, oracle, policy, rng.next());
        server.shape = kind.shape;
        if kind.large > 0 && life == 0 {
            large_values(&mut server, kind.large);
        }
        let server = RefCell::new(server);
        let switches = live(&server, &sim, kind);
        let mut server = server.into_inner();
        let stopped = !server.dead && rng.one_in(3);
        if stopped {
            server.stop(true);
        }
        sim.fail_sync_data(0);
        let written = server.queue.watermarks().written();
        oracle = server.oracle.clone();
        // The file that no power cut touched.
        let (recovered, _) = oracle.check(&sim.fork(), written, &format!("{what}, killed"));
        assert_eq!(recovered.durable_seq, written, "{what}: written, and not there");
        let cut = power_cuts(&server, &sim, began, &mut rng, &switches, kind.images, &what);
        (sim, least) = if rng.one_in(2) { (sim.fork(), written) } else { cut };
    }
}

/// Starts on states that a power cut can leave: at random points, and at every point of the switches. Returns
/// one of them.
fn power_cuts(
    server: &Server,
    sim: &SimFs,
    began: usize,
    rng: &mut Rng,
    switches: &[Range<usize>],
    images: usize,
    what: &str,
) -> (SimFs, u64) {
    let ops = sim.op_count();
    let mut points: Vec<usize> = (0..6)
        .map(|_| began + rng.below((ops - began) as u64 + 1) as usize)
        .collect();
    points.extend(switches.iter().cloned().flatten().filter(|at| *at <= ops));
    points.push(ops);
    let mut next = None;
    for (nth, at) in points.into_iter().enumerate() {
        let least = server.heard.durable_at(at);
        let here = sim.crash_images_from(at).take_while(|image| image.at == at);
        let skip = rng.below(3) as usize;
        let few = here.skip(skip).step_by(1 + skip).take(images);
        for image in few {
            let what = format!(
                "{what}, power cut after {at} of {ops} operations, {:?}",
                image.loss
            );
            let copy = image.fs.fork();
            server.oracle.check(&image.fs, least, &what);
            if next.is_none() || rng.one_in(nth as u64 + 2) {
                next = Some((copy, least));
            }
        }
    }
    next.unwrap_or((sim.fork(), server.queue.watermarks().written()))
}

fn small(seed: u64, databases: bool) -> Kind {
    let mut rng = Rng::new(seed ^ 0xfeed);
    Kind {
        shape: Shape {
            names: 1 + rng.below(40),
            value_bytes: 1 + rng.below(120),
            fields: 20,
            databases,
        },
        turns: 30 + rng.below(60),
        large: 0,
        images: 4,
    }
}

#[test]
fn acked_survives_every_power_cut_and_what_loads_is_a_group_boundary() {
    each_seed(0..400, |seed| lives(seed, small(seed, false)));
}

#[test]
fn flushes_and_swaps_abort_a_rewrite_and_lose_nothing() {
    each_seed(1000..1150, |seed| lives(seed, small(seed, true)));
}

#[test]
fn rewrites_of_many_rounds_lose_nothing() {
    each_seed(2000..2012, |seed| {
        let shape = Shape {
            names: 120,
            value_bytes: 2500,
            fields: 20,
            databases: false,
        };
        let kind = Kind {
            shape,
            turns: 90,
            large: 0,
            images: 2,
        };
        lives(seed, kind);
    });
}

#[test]
fn values_written_in_parts_lose_nothing() {
    each_seed(3000..3012, |seed| {
        let shape = Shape {
            names: 4,
            value_bytes: 60,
            fields: 20,
            databases: false,
        };
        let kind = Kind {
            shape,
            turns: 24,
            large: 600_000,
            images: 3,
        };
        lives(seed, kind);
    });
}
