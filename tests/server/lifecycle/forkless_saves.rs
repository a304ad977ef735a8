//! Valkey 9.2 saves without a child, and forks nothing meanwhile. No package of it is here: the system call that forks
//! fails as the server's function does then.

use std::time::{Duration, Instant};

use crate::support::inject::Fault;
use crate::support::{Reply, Server, wait_for};

fn refusals(server: &Server) -> usize {
    server.log().matches("Can't fork for module").count()
}

#[test]
fn a_rewrite_that_meets_a_save_without_a_child_is_scheduled_and_has_not_failed() {
    let server = Server::build().mylog("appendfsync", "always").start();
    let mut client = server.client();
    client.ok("MYLOG.SET key D");
    let fault = Fault::put(&server, &["inject=clone:error=EALREADY".to_owned()], &[]);
    let begun = Instant::now();
    assert_eq!(
        client.run("MYLOG.REWRITE"),
        Reply::Simple(b"Background log rewrite scheduled".to_vec())
    );
    // The server has a line for each refusal: it is not asked in every turn of the event loop.
    wait_for("it is tried again", || refusals(&server) == 3);
    assert!(begun.elapsed() > Duration::from_millis(1900));
    let info = client.info("mylog");
    assert_eq!(info["mylog_rewrite_scheduled"], "1");
    assert_eq!(info["mylog_rewrite_failures"], "0");
    assert_eq!(info["mylog_last_rewrite_status"], "ok");
    client.ok("MYLOG.SET key D2");
    drop(fault);
    wait_for("the rewrite", || client.info_u64("mylog", "mylog_rewrites") == 1);
    assert_eq!(client.info_u64("mylog", "mylog_rewrite_failures"), 0);
}

#[test]
fn a_rewrite_that_can_not_fork_for_want_of_memory_has_failed() {
    let server = Server::build().start();
    let mut client = server.client();
    client.ok("MYLOG.SET key D");
    let fault = Fault::put(&server, &["inject=clone:error=ENOMEM".to_owned()], &[]);
    assert!(client.run("MYLOG.REWRITE").is_error("ERR"));
    assert_eq!(client.info_u64("mylog", "mylog_rewrite_failures"), 1);
    drop(fault);
}
