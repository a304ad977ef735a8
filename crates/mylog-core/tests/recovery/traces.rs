//! Random lives of a log under its real writer, with a power cut at every point of each, and the next life
//! going on from one of the states that the cut can leave.

use std::path::Path;
use std::sync::Arc;

use mylog_core::group::Group;
use mylog_core::io::Fs;
use mylog_core::io::sim::SimFs;
use mylog_core::log::file::LogFile;

use super::image::Seen;
use super::noise::Rng;
use super::starts::start;

/// What one life of the server did to the disk.
struct Life {
    /// Every group that was appended, those that this life found included.
    groups: Vec<Seen>,
    /// After so many calls, so many of them were durable.
    durable: Vec<(usize, usize)>,
}

impl Life {
    /// Groups that a power cut after `calls` calls must leave.
    fn least(&self, calls: usize) -> usize {
        self.durable
            .iter()
            .filter(|(at, _)| *at <= calls)
            .map(|(_, groups)| *groups)
            .max()
            .unwrap_or(0)
    }
}

/// `known` of the groups in `before` must be found: they were durable.
fn live(fs: &SimFs, rng: &mut Rng, run: u64, before: &[Seen], known: usize) -> Life {
    let began = fs.op_count();
    let (recovered, seen) = start(fs).unwrap();
    assert!(before.starts_with(&seen.groups));
    let durable = vec![(began, known), (fs.op_count(), seen.groups.len())];
    let mut life = Life {
        durable,
        groups: seen.groups,
    };
    let (end, next_seq) = (recovered.end, recovered.next_seq);
    let mut file = LogFile::new(recovered.file, recovered.identity, run, end, next_seq).unwrap();
    let mut durable_seq = recovered.durable_seq;
    file.begin_run(run, durable_seq, 5).unwrap();
    for _ in 0..2 + rng.next() % 6 {
        match rng.next() % 8 {
            0..4 => append(&mut file, rng, durable_seq, &mut life),
            4..6 => {
                file.sync().unwrap();
                durable_seq = file.last_seq();
                life.durable.push((fs.op_count(), life.groups.len()));
            }
            6 => drop(file.vouch(durable_seq, 5).unwrap()),
            _ => {
                fs.fail_sync_data(1);
                file.sync().unwrap_err();
                // Nothing is written to the file any more; the server is restarted.
                return life;
            }
        }
    }
    if rng.next() % 2 == 0 {
        file.sync().unwrap();
        life.durable.push((fs.op_count(), life.groups.len()));
        file.seal(5).unwrap();
        file.sync().unwrap();
    }
    life
}

fn append(file: &mut LogFile, rng: &mut Rng, durable_seq: u64, life: &mut Life) {
    let mut next_seq = file.next_seq();
    let mut groups = Vec::new();
    for _ in 0..1 + rng.next() % 3 {
        let len = 8 + rng.next() as usize % 900;
        let (count, payload) = (1 + rng.next() as u32 % 8, rng.bytes(len));
        life.groups.push(Seen {
            first_seq: next_seq,
            count,
            payload: payload.clone(),
        });
        groups.push(Arc::new(Group::new(next_seq, count, 5, payload)));
        next_seq += u64::from(count);
    }
    file.append(&groups, durable_seq).unwrap();
}

#[test]
fn what_was_durable_survives_every_power_cut_and_what_is_loaded_is_a_prefix() {
    for seed in 1..=200 {
        let mut rng = Rng(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
        let mut fs = SimFs::new();
        fs.create_dir(Path::new("/data")).unwrap();
        fs.settle();
        let (mut before, mut known) = (Vec::new(), 0);
        for run in 1..=3 {
            let began = fs.op_count();
            let life = live(&fs, &mut rng, run, &before, known);
            known = life.least(usize::MAX);
            let (mut states, mut next) = (0, None);
            for image in fs.crash_images_from(began) {
                let what = format!(
                    "seed {seed}, run {run}, after {} calls, {:?}",
                    image.at, image.loss
                );
                let copy = image.fs.fork();
                let (_, seen) = start(&image.fs).unwrap_or_else(|e| panic!("{what}: {e}"));
                assert!(life.groups.starts_with(&seen.groups), "{what}: not a prefix");
                let least = life.least(image.at);
                assert!(
                    seen.groups.len() >= least,
                    "{what}: {} of {least} groups",
                    seen.groups.len()
                );
                states += 1;
                if rng.next() % states == 0 {
                    next = Some((copy, least));
                }
            }
            before = life.groups;
            // Half of the restarts are without a power cut: the page cache has everything, synced or not.
            if rng.next() % 2 == 0 {
                (fs, known) = next.unwrap();
            }
        }
    }
}
