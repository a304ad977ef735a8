//! Other people's client, unchanged, on a captured prefix: what it was told is there after a kill -9.

use std::process::Command;

use crate::support::{Server, artifacts};

fn run(server: &Server, phase: &str) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/server/redis_py.py");
    let run = Command::new(artifacts::python())
        .arg(script)
        .arg(phase)
        .arg(server.socket())
        .output()
        .expect("python");
    assert!(
        run.status.success(),
        "{phase}: {}{}",
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr)
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
