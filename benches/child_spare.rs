//! The same children beside a server that has time to spare: what a client notices that does not itself take all there is.

use std::thread;
use std::time::Duration;

use crate::child_cases::{self, CACHE_KEYS, PACE, Round, View, writer};
use crate::paced::Paced;
use crate::probe::Probe;
use crate::report::{Section, count};
use crate::scale::Scale;
use crate::trouble::Trouble;

/// GETs of cache keys a second.
const READS: u64 = 5_000;
/// Between two rewrites: after a failure the module itself waits for a second. Each fork stops the server for the time
/// that it takes, and a client that does not wait for the others' replies would see five of them a second in its p99.
const PERIOD: Duration = Duration::from_secs(1);

/// Measures it on each server.
pub fn section(scale: &Scale) -> Section {
    let about = format!(
        "{} GETs of cache keys and {PACE} durable writes a second, and a prober that sends PING 2000 times a second, whose p99\n\
         this is: a server that has time to spare, as most have. Rewrites begin a second apart. Everything else as above.",
        count(READS as f64)
    );
    let view = View {
        title: "A child that misbehaves, with time to spare",
        about,
        target: ", time to spare: p99",
        rates: false,
    };
    child_cases::section(
        scale,
        &view,
        |_| (),
        |server, (), fate| {
            let reader = Paced::start(server, READS, |n| {
                vec!["GET".to_owned(), format!("cache:{:012}", n % CACHE_KEYS)]
            });
            let writer = writer(server, scale.rewrite_keys);
            let trouble = fate.map(|fate| Trouble::start(server, fate, PERIOD));
            let probe = Probe::start(server);
            thread::sleep(Duration::from_secs_f64(scale.seconds * 2.0));
            let p99_ms = probe.stop().p99_ms();
            let children = trouble.map_or(0, Trouble::stop);
            for answers in [reader.stop(), writer.stop()] {
                assert_eq!(answers.not_good(), 0, "{answers:?}");
            }
            Round {
                rate: None,
                p99_ms,
                children,
            }
        },
    )
}
