//! RQ, unchanged, on captured prefixes: a job that the library has taken is done once, whatever becomes of the server.
//!
//! Its results are streams, which have no durable form: they are excluded.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use crate::support::python::{self, Application};
use crate::support::{Server, wait_for};

const CAPTURE: &str = "rq: !rq:results:";

fn start() -> Server {
    Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", CAPTURE)
        .start()
}

/// Where the jobs leave their marks.
fn marks(server: &Server) -> PathBuf {
    server.data_dir().join("marks")
}

fn enqueue(server: &Server, count: &str) -> Application {
    let (socket, marks) = (server.socket(), marks(server));
    let args = [
        "enqueue".as_ref(),
        socket.as_os_str(),
        marks.as_os_str(),
        "0".as_ref(),
        count.as_ref(),
    ];
    Application::start("rq", "rq_jobs.py", &args)
}

fn work(server: &Server, burst: &str) -> Application {
    let socket = server.socket();
    Application::start(
        "rq",
        "rq_jobs.py",
        &["work".as_ref(), socket.as_os_str(), burst.as_ref()],
    )
}

fn numbers(lines: &[String]) -> Vec<u32> {
    lines.iter().map(|line| line.parse().expect("a number")).collect()
}

/// The jobs that were run, as often as they were.
fn done(server: &Server) -> Vec<u32> {
    let marks = fs::read_to_string(marks(server)).unwrap_or_default();
    marks
        .lines()
        .map(|line| line.parse().expect("a number"))
        .collect()
}

/// The jobs at each place that the library knows.
fn places(server: &Server) -> BTreeMap<String, BTreeSet<u32>> {
    let socket = server.socket();
    let mut places = BTreeMap::<_, BTreeSet<_>>::new();
    for line in python::run("rq", "rq_jobs.py", &["state".as_ref(), socket.as_os_str()]) {
        let (place, number) = line.split_once(' ').expect("a place");
        let fresh = places
            .entry(place.to_owned())
            .or_default()
            .insert(number.parse().expect("a number"));
        assert!(fresh, "twice: {line}");
    }
    places
}

fn once(numbers: &[u32]) -> BTreeSet<u32> {
    let all: BTreeSet<_> = numbers.iter().copied().collect();
    assert_eq!(all.len(), numbers.len(), "a job ran twice: {numbers:?}");
    all
}

#[test]
fn jobs_that_rq_has_queued_are_done_once_after_kill9() {
    let mut server = start();
    let producer = enqueue(&server, "100000");
    let mut queued = Vec::new();
    wait_for("some jobs are queued", || {
        queued.extend(producer.said());
        queued.len() >= 40
    });
    server.kill9();
    queued.extend(producer.finish());
    server.restart();
    let workers = [work(&server, "burst"), work(&server, "burst")];
    workers.into_iter().for_each(|worker| drop(worker.finish()));
    let (done, queued) = (once(&done(&server)), once(&numbers(&queued)));
    let lost: Vec<_> = queued.difference(&done).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    // The last one may be in the queue though nobody was told.
    assert!(done.len() <= queued.len() + 1, "{done:?}");
    let places = places(&server);
    assert_eq!(places["finished"], done);
    assert!(!places.contains_key("queued") && !places.contains_key("failed"));
}

/// The server and the worker end in the midst of it. RQ takes a job from its queue
/// before it notes that it has begun: one that is on this way belongs to its worker alone.
#[test]
fn jobs_of_a_worker_that_loses_its_server_are_done_once() {
    let mut server = start();
    let mut client = server.client();
    let worker = work(&server, "wait");
    wait_for("the worker waits", || {
        client.info_u64("clients", "blocked_clients") == 1
    });
    let producer = enqueue(&server, "60");
    wait_for("some jobs are done", || done(&server).len() >= 20);
    server.kill9();
    drop(worker);
    let queued = once(&numbers(&producer.finish()));
    server.restart();
    let left = places(&server);
    let (first, empty) = (once(&done(&server)), BTreeSet::new());
    let at = |place: &str| left.get(place).unwrap_or(&empty);
    assert!(at("known").is_superset(&queued) && at("known").len() <= queued.len() + 1);
    let again: Vec<_> = first.intersection(at("queued")).collect();
    assert!(again.is_empty(), "done, and in the queue: {again:?}");
    assert!(at("finished").is_subset(&first), "{left:?}");
    drop(work(&server, "burst").finish());
    let all = once(&done(&server));
    let missing: BTreeSet<_> = queued.difference(&all).copied().collect();
    // What was begun, or on its way, is for whoever looks after jobs that have failed: it is not done again by itself.
    assert!(
        missing.is_disjoint(at("queued")) && missing.len() <= 1,
        "{missing:?}"
    );
    assert!(!places(&server).contains_key("queued"));
}
