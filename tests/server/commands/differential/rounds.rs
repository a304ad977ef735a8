//! A round: settings, some sequences, and after each of them another way to lose or rebuild what they left.

use std::fs;

use fastrand::Rng;

use super::contents::{self, Contents, contents};
use super::sides::{Answered, DURABLE_DB, NATIVE_DB, Sides};
use super::steps::{Step, sequence};
use crate::server::commands::parity_commands::pick;
use crate::support::keyspace::all_is_written;
use crate::support::rewriting::{self, STAGES};
use crate::support::{Client, Server};

/// Sequences of a round.
pub const SEQUENCES: u32 = 3;

/// What comes after a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Reload,
    /// With a stage, the child is held there while the second half of the sequence runs.
    Rewrite(Option<&'static str>),
    /// SIGKILL and a new start; beside the RDB that the reload has left, whose durable keys are old, or without.
    Kill {
        rdb: bool,
    },
}

/// From an empty keyspace to a kill.
#[derive(Debug, Clone)]
pub struct Round {
    pub settings: Vec<(&'static str, &'static str)>,
    pub parts: Vec<(Vec<Step>, End)>,
}

impl Round {
    /// The round of that number, whatever ran before it.
    pub fn new(seed: u64, protocol: u8, number: u32) -> Self {
        let place = u64::from(number) << 8 | u64::from(protocol);
        // An odd factor spreads them: the rounds of two seeds must not be the same in another order.
        let mut rng = Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ place);
        let rng = &mut rng;
        let settings = settings(rng);
        let captured = settings
            .iter()
            .any(|(name, value)| *name == "mylog.capture" && !value.is_empty());
        let stage = (rng.u8(..4) > 0).then(|| pick(rng, &STAGES[..2]));
        let mut ends = [End::Reload, End::Rewrite(stage), End::Kill { rdb: rng.bool() }];
        // What a rewrite has made small is not replayed, so it comes first as often as second.
        if rng.bool() {
            ends.swap(0, 1);
        }
        let parts = ends.map(|end| (sequence(rng, captured), end)).to_vec();
        Self { settings, parts }
    }

    /// Runs it on a server that is up, and leaves one that is up. Panics at the first difference.
    pub fn run(&self, server: &mut Server, protocol: u8, mut each: impl FnMut(Answered)) {
        let mut sides = Sides::connect(server, protocol);
        for (name, value) in &self.settings {
            assert!(
                sides.native.cmd(["CONFIG", "SET", name, value]).is_ok(),
                "{name} {value}"
            );
        }
        sides.native.ok("FLUSHALL");
        let mut subscriber = server.client();
        subscriber.run("PSUBSCRIBE __keyevent@*__:*");
        for (steps, end) in &self.parts {
            let mut answered = Answered::default();
            let (before, behind) = steps.split_at(steps.len() / 2);
            for step in before {
                sides.run(step, &mut answered);
            }
            if let End::Rewrite(Some(stage)) = end {
                rewriting::hold(&mut sides.others[1], stage);
            }
            for step in behind {
                sides.run(step, &mut answered);
            }
            each(answered);
            let [native, durable] = &mut sides.others;
            let native = contents(native, false);
            let durable = contents(durable, true);
            contents::agree(&native, &durable);
            events_agree(&mut subscriber, &mut sides.others[0]);
            self.end(*end, server, &mut sides, &durable, protocol);
        }
    }

    fn end(&self, end: End, server: &mut Server, sides: &mut Sides, before: &Contents, protocol: u8) {
        let client = &mut sides.others[1];
        let digest = client.run("MYLOG.DEBUG DIGEST");
        match end {
            End::Reload => {
                client.ok("DEBUG RELOAD");
                sides.reloaded = true;
            }
            End::Rewrite(None) => rewriting::run(client),
            End::Rewrite(Some(_)) => {
                rewriting::release(client);
                rewriting::wait_idle(client);
                assert_eq!(rewriting::info_text(client, "last_rewrite_status"), "ok");
            }
            End::Kill { rdb } => {
                self.all_is_safe(client);
                server.kill9();
                let file = server.data_dir().join("dump.rdb");
                if !rdb {
                    fs::remove_file(&file).expect("the reload's RDB");
                }
                server.restart();
                let _ = fs::remove_file(&file);
                *sides = Sides::connect(server, protocol);
            }
        }
        let client = &mut sides.others[1];
        let after = contents(client, true);
        // Streams are native: a kill takes them, and an RDB may bring them back.
        let kept: Contents = match end {
            End::Kill { .. } => before
                .clone()
                .into_iter()
                .filter(|(_, held)| held.is_durable())
                .collect(),
            _ => before.clone(),
        };
        let after = after
            .into_iter()
            .filter(|(name, held)| held.is_durable() || kept.contains_key(name))
            .collect();
        contents::unchanged(&after, &kept, &format!("{end:?}"));
        assert_eq!(client.run("MYLOG.DEBUG DIGEST"), digest, "after {end:?}");
    }

    /// What was answered under `always` needs no more; another policy is asked first.
    fn all_is_safe(&self, client: &mut Client) {
        match self
            .settings
            .iter()
            .find(|(name, _)| *name == "mylog.appendfsync")
        {
            Some((_, "always")) => {}
            Some((_, "everysec")) => drop(client.run("MYLOG.WAIT 0").items()),
            _ => all_is_written(client),
        }
    }
}

fn settings(rng: &mut Rng) -> Vec<(&'static str, &'static str)> {
    let small = rng.u8(..3) == 0;
    let capture = pick(rng, &["dur:", "dur:", "dur:", ""]);
    let mut settings = vec![
        ("notify-keyspace-events", "AKE"),
        ("mylog.appendfsync", pick(rng, &["always", "everysec", "no"])),
        ("mylog.read-mode", pick(rng, &["committed", "latest"])),
        (
            "mylog.always-prefixes",
            pick(rng, &["", "", "dur:", "dur:l dur:z"]),
        ),
        ("mylog.capture", capture),
    ];
    // Native values leave their small form early: replies must not depend on it.
    for (name, usual) in [
        ("hash-max-listpack-entries", "128"),
        ("zset-max-listpack-entries", "128"),
        ("list-max-listpack-size", "-2"),
        ("set-max-intset-entries", "512"),
    ] {
        settings.push((name, if small { "2" } else { usual }));
    }
    settings
}

/// Panics unless both sides had the same events in the same order.
fn events_agree(subscriber: &mut Client, client: &mut Client) {
    client.ok("SELECT 7");
    client.ok("SET fence 1");
    client.run("DEL fence");
    client.ok(&format!("SELECT {NATIVE_DB}"));
    let mut events = [Vec::new(), Vec::new()];
    loop {
        let message = subscriber.recv().items();
        let (channel, key) = (
            message[2].clone().text(),
            message[3].clone().bytes().expect("a key"),
        );
        let (db, event) = channel
            .trim_start_matches("__keyevent@")
            .split_once("__:")
            .expect("a channel");
        let name = key.get(4..).unwrap_or_default().escape_ascii().to_string();
        match db.parse() {
            Ok(NATIVE_DB) => events[0].push((event.to_owned(), name)),
            Ok(DURABLE_DB) => events[1].push((event.to_owned(), name)),
            _ if event == "del" => break,
            _ => {}
        }
    }
    let [native, durable] = events;
    let first = native
        .iter()
        .zip(&durable)
        .position(|(left, right)| left != right);
    if let Some(first) = first {
        panic!(
            "event {first}: native {:?}, durable {:?}",
            native[first], durable[first]
        );
    }
    assert_eq!(
        durable.len(),
        native.len(),
        "events: native {native:?}, durable {durable:?}"
    );
}
