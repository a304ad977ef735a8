//! BullMQ, unchanged, on one captured prefix: no job that it has acknowledged is lost, whatever becomes of the server, and
//! none is run twice but those that a worker held.
//!
//! Its events are a stream, which has no durable form: it is excluded.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::python::{self, Application};
use crate::support::{Server, wait_for};

fn start() -> Server {
    Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "bull: !bull:*:events rq: !rq:results:")
        .start()
}

fn application(server: &Server, words: &[&str]) -> Application {
    let socket = server.socket();
    let (what, rest) = words.split_first().expect("what it does");
    let mut args = vec![what.as_ref(), socket.as_os_str()];
    args.extend(rest.iter().map(|word| std::ffi::OsStr::new(*word)));
    Application::start("bullmq", "bullmq_jobs.py", &args)
}

/// Numbers of jobs, by what was said of them.
#[derive(Default)]
struct Said(BTreeMap<String, Vec<u32>>);

impl Said {
    fn take(&mut self, lines: Vec<String>) {
        for line in lines {
            let (what, number) = line.split_once(' ').expect("a word and a number");
            let number = number.parse().expect("a number");
            self.0.entry(what.to_owned()).or_default().push(number);
        }
    }

    fn of(&self, what: &str) -> &[u32] {
        self.0.get(what).map_or(&[], Vec::as_slice)
    }

    fn set(&self, what: &str) -> BTreeSet<u32> {
        self.of(what).iter().copied().collect()
    }
}

/// How many jobs the library knows at each place.
fn places(server: &Server) -> BTreeMap<String, usize> {
    let socket = server.socket();
    let lines = python::run(
        "bullmq",
        "bullmq_jobs.py",
        &["state".as_ref(), socket.as_os_str()],
    );
    let pair = |line: &String| {
        let (place, count) = line.split_once(' ').expect("a place");
        (place.to_owned(), count.parse().expect("a count"))
    };
    lines.iter().map(pair).collect()
}

#[test]
fn jobs_that_bullmq_has_acknowledged_survive_kill9_under_load_and_none_is_run_twice_but_those_a_worker_held()
{
    let mut server = start();
    let mut said = Said::default();
    let workers = [application(&server, &["work"]), application(&server, &["work"])];
    let producers = [
        application(&server, &["enqueue", "0", "100000"]),
        application(&server, &["enqueue", "100000", "100000"]),
    ];
    wait_for("some jobs are done, and more are queued", || {
        workers
            .iter()
            .chain(&producers)
            .for_each(|one| said.take(one.said()));
        said.of("done").len() >= 100 && said.of("queued").len() >= 300
    });
    server.kill9();
    for one in workers.into_iter().chain(producers) {
        said.take(one.kill());
    }
    let (queued, done) = (said.set("queued"), said.set("done"));
    let held: BTreeSet<_> = said.set("begun").difference(&done).copied().collect();
    assert!(held.len() <= 8, "two workers of four jobs each: {held:?}");
    server.restart();
    let workers = [application(&server, &["work"]), application(&server, &["work"])];
    let mut known = 0;
    wait_for("all jobs are done", || {
        let places = places(&server);
        known = places.values().sum();
        places["completed"] == known
    });
    for worker in workers {
        said.take(worker.kill());
    }
    let lost: Vec<_> = queued.difference(&said.set("begun")).copied().collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    // Those of which nobody was told may be there, too: one of each producer.
    assert!(
        (queued.len()..=queued.len() + 2).contains(&known),
        "{known} of {}",
        queued.len()
    );
    let mut once = BTreeSet::new();
    let twice: BTreeSet<_> = said
        .of("begun")
        .iter()
        .copied()
        .filter(|job| !once.insert(*job))
        .collect();
    assert!(twice.is_subset(&held), "run twice: {twice:?}, held: {held:?}");
    // What it says of its jobs is a stream of the cache's own.
    let mut client = server.client();
    assert_eq!(client.run("TYPE bull:jobs:events").text(), "stream");
    assert!(client.info_u64("mylog", "mylog_keys") as usize > known);
}
