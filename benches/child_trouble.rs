//! A rewrite child that is stopped, slow, or killed again and again: what GETs of the cache notice of it.

use std::time::Duration;

use crate::child_cases::{self, CACHE_KEYS, PACE, Round, View, writer};
use crate::generator::Generator;
use crate::report::{Section, count};
use crate::scale::Scale;
use crate::support::Server;
use crate::trouble::Trouble;

const READERS: u32 = 30;
/// Between two rewrites.
const PERIOD: Duration = Duration::from_millis(200);

/// Measures it on each server.
pub fn section(scale: &Scale) -> Section {
    let about = format!(
        "{READERS} clients GET cache keys, beside {PACE} durable writes a second, while the child of a rewrite of {} keys\n\
         misbehaves. Ratios are to `no rewrite`, which is measured twice; the noise is the largest ratio of the two p99 in\n\
         any round. Rewrites begin 200 ms apart: good ones, and killed ones, fork anew; a stopped child does not. The generator and the server leave\n\
         no processor idle on a machine of two: there whatever else runs shows. `a spinner` is a process that has nothing to\n\
         do with either and runs for as long, and as a batch job too.",
        count(scale.rewrite_keys as f64)
    );
    let view = View {
        title: "A child that misbehaves",
        about,
        target: ": GET p99",
        rates: true,
    };
    let read = Generator::new(READERS, 1, CACHE_KEYS, "GET cache:__rand_int__");
    let requests = |server: &Server| ((read.run(server, 20_000).rate * scale.seconds) as u64).max(2_000);
    child_cases::section(scale, &view, requests, |server, requests, fate| {
        let writer = writer(server, scale.rewrite_keys);
        let trouble = fate.map(|fate| Trouble::start(server, fate, PERIOD));
        let seen = read.run(server, *requests);
        let children = trouble.map_or(0, Trouble::stop);
        let answers = writer.stop();
        assert_eq!(answers.not_good(), 0, "{answers:?}");
        Round {
            rate: Some(seen.rate),
            p99_ms: seen.p99_ms,
            children,
        }
    })
}
