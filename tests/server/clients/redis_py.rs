//! Other people's client, unchanged, on a captured prefix: what it was told is there after a kill -9.

use crate::support::python::{self, Application};
use crate::support::{Server, keyspace, wait_for};

fn run(server: &Server, phase: &str) {
    python::run(
        "redis",
        "redis_py.py",
        &[phase.as_ref(), server.socket().as_os_str()],
    );
}

#[test]
fn redis_py_on_a_captured_prefix_is_durable_without_a_change() {
    let mut server = Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "order:")
        .start();
    run(&server, "write");
    server.kill9();
    server.restart();
    run(&server, "check");
}

#[test]
fn redis_py_on_a_prefix_captured_at_run_time_is_durable_too() {
    let mut server = Server::build().mylog("appendfsync", "always").start();
    server.client().ok("CONFIG SET mylog.capture order:");
    server.client().ok("CONFIG REWRITE");
    run(&server, "write");
    server.kill9();
    server.restart();
    run(&server, "check");
}

#[test]
fn every_type_command_of_redis_py_answers_as_on_native_keys() {
    let mut server = Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "order:")
        .start();
    python::run("redis", "redis_py_types.py", &[server.socket()]);
    keyspace::survives_kill9(&mut server);
}

fn guarding() -> Server {
    Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "lock: limit:")
        .start()
}

#[test]
fn a_lock_that_is_held_is_held_after_kill9() {
    let mut server = guarding();
    let socket = server.socket();
    let run = |phase: &str| python::run("redis", "guards.py", &[phase.as_ref(), socket.as_os_str()]);
    run("hold");
    server.kill9();
    server.restart();
    run("held");
}

/// What was allowed is counted: a client whose answer was lost may have used up one, nobody gets one more.
#[test]
fn rate_limiters_allow_no_more_and_no_less_over_a_kill9() {
    const LIMIT: u64 = 400;
    const CLIENTS: u64 = 4;
    let mut server = guarding();
    let socket = server.socket();
    let spend = || Application::start("redis", "guards.py", &["spend".as_ref(), socket.as_os_str()]);
    let taken = |said: Vec<String>| -> Vec<u64> {
        let line = said.first().expect("a line");
        line.split(' ')
            .map(|count| count.parse().expect("a count"))
            .collect()
    };
    let before = spend();
    let mut client = server.client();
    wait_for("a part of it is spent", || {
        client.run("MYLOG.ZCARD limit:sliding").int() > 100
    });
    server.kill9();
    let before = taken(before.finish());
    assert!(
        before.iter().all(|&taken| taken > 90 && taken < LIMIT),
        "{before:?}"
    );
    server.restart();
    let after = taken(spend().finish());
    for (before, after) in before.into_iter().zip(after) {
        let taken = before + after;
        assert!(taken <= LIMIT && taken + CLIENTS >= LIMIT, "{before} and {after}");
    }
}
