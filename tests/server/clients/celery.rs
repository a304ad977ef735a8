//! Celery, unchanged, on captured prefixes: a task that was sent is done, whatever becomes of the server.

use std::collections::BTreeSet;
use std::fs;

use crate::support::python::{self, Application};
use crate::support::{Client, Server, wait_for};

fn start() -> Server {
    Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "celery _kombu unacked")
        .start()
}

fn args(server: &Server, action: &str) -> [String; 3] {
    let path = |path: std::path::PathBuf| path.to_str().expect("a path").to_owned();
    [
        action.to_owned(),
        path(server.socket()),
        path(server.data_dir().join("marks")),
    ]
}

fn application(server: &Server, action: &str) -> Application {
    Application::start("celery", "celery_jobs.py", &args(server, action))
}

fn numbers<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<u32> {
    let lines = lines.into_iter();
    lines.map(|line| line.parse().expect("a number")).collect()
}

/// Tasks that its worker has at a time, as it is configured: done, perhaps, and not acknowledged.
const TAKEN: usize = 1;

/// The tasks that were done, as often as they were.
fn done(server: &Server) -> Vec<u32> {
    let marks = fs::read_to_string(server.data_dir().join("marks")).unwrap_or_default();
    numbers(marks.lines())
}

/// Tasks in the queue, and those that a worker has taken and not acknowledged.
fn waiting(client: &mut Client) -> (i64, i64) {
    (client.run("LLEN celery").int(), client.run("HLEN unacked").int())
}

#[test]
fn tasks_that_celery_has_sent_are_done_though_the_server_is_killed_twice() {
    let mut server = start();
    let sender = application(&server, "send");
    let mut sent = Vec::new();
    wait_for("some tasks are sent", || {
        sent.extend(sender.said());
        sent.len() >= 150
    });
    server.kill9();
    sent.extend(sender.finish());
    server.restart();
    let sent: BTreeSet<u32> = numbers(sent.iter().map(String::as_str)).into_iter().collect();
    let queued = waiting(&mut server.client()).0;
    // The last one may be in the queue though nobody was told.
    assert!(
        (sent.len() as i64..=sent.len() as i64 + 1).contains(&queued),
        "{queued}"
    );
    let worker = application(&server, "work");
    wait_for("some tasks are done", || done(&server).len() > 20);
    server.kill9();
    // Its Celery at times reconnects and takes nothing any more, whatever the broker (celery #9054): it is replaced, as its
    // keeper would do.
    drop(worker);
    server.restart();
    let worker = application(&server, "work");
    wait_for("the queue is empty", || waiting(&mut server.client()).0 == 0);
    python::run("celery", "celery_jobs.py", &args(&server, "restore"));
    wait_for("all is done and acknowledged", || {
        waiting(&mut server.client()) == (0, 0)
    });
    worker.stop();
    let done = done(&server);
    let once: BTreeSet<u32> = done.iter().copied().collect();
    let lost: Vec<_> = sent.difference(&once).collect();
    // Between taking a task and noting that it is not acknowledged the library has it in its worker alone.
    assert!(lost.len() <= 1, "lost: {lost:?}");
    // And what the worker had done and could not acknowledge any more is done again: of no more than it had taken.
    assert!(
        done.len() <= once.len() + TAKEN,
        "{} of {}",
        once.len(),
        done.len()
    );
}
