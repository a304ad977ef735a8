//! Under `everysec` and `no` the log is written while a sync runs: kill -9 then takes what was not handed to the
//! kernel, and not what a sync holds up.

use nix::sys::signal::Signal;

use crate::support::inject::Fault;
use crate::support::rewriting::info;
use crate::support::{Client, Server, log_check, wait_for};

const KEYS: u64 = 300;

fn write_acknowledged(client: &mut Client, from: u64) {
    for n in from..from + KEYS {
        client.ok(&format!("MYLOG.SET key:{n} value:{n}"));
    }
}

fn wait_written(client: &mut Client) {
    wait_for("all is handed to the kernel", || {
        info(client, "written_seq") == info(client, "queued_seq")
    });
    assert_eq!(info(client, "oldest_unwritten_age_ms"), 0);
}

fn assert_all_there(server: &Server, count: u64) {
    let mut client = server.client();
    for n in 0..count {
        assert_eq!(
            client.run(&format!("MYLOG.GET key:{n}")).text(),
            format!("value:{n}")
        );
    }
}

/// A client asks for a sync under `no`; under `everysec` it comes by itself.
fn ask_for_a_sync(server: &Server) {
    let mut client = server.client();
    client.ok("MYLOG.SET asked for");
    client.send(["MYLOG.WAIT", "1"]);
}

#[test]
fn acknowledged_writes_survive_a_kill_while_a_sync_hangs() {
    for policy in ["everysec", "no"] {
        let mut server = Server::build()
            .mylog("appendfsync", policy)
            .mylog("auto-rewrite-percentage", "0")
            .mylog("read-mode", "latest")
            .start();
        let mut client = server.client();
        write_acknowledged(&mut client, 0);
        let hung = Fault::stall(&server, "fdatasync");
        client.ok("MYLOG.SET other value");
        ask_for_a_sync(&server);
        // Under `everysec` a second is normal.
        wait_for("a sync hangs", || {
            info(&mut client, "oldest_unsynced_age_ms") > 1500
        });
        let durable = info(&mut client, "durable_seq");
        write_acknowledged(&mut client, KEYS);
        wait_written(&mut client);
        assert_eq!(info(&mut client, "durable_seq"), durable, "the sync still hangs");
        assert!(info(&mut client, "oldest_unsynced_age_ms") > 0);
        server.signal(Signal::SIGKILL);
        // Its tracer keeps it from ending, and the call that is held up never begins.
        drop(hung);
        server.wait_exit();
        let (status, said) = log_check::check(&server.log_dir());
        assert!(status <= 1, "{policy}: {said}");
        server.restart();
        assert_all_there(&server, 2 * KEYS);
    }
}

#[test]
fn a_sync_that_fails_beside_the_writing_refuses_writes_and_is_healed_by_a_new_file() {
    let mut server = Server::build()
        .mylog("appendfsync", "everysec")
        .mylog("auto-rewrite-percentage", "0")
        .start();
    let mut client = server.client();
    write_acknowledged(&mut client, 0);
    // Only the log's thread that syncs: the first of its calls.
    let fault = Fault::put(
        &server,
        &["inject=fdatasync:error=EIO:when=1".to_owned()],
        &[&server.log_dir().join("current.mylog")],
    );
    client.ok("MYLOG.SET other value");
    wait_for("the sync fails", || fault.fired() > 0);
    wait_for("a new log is made", || info(&mut client, "rewrites") == 1);
    wait_for("durable writes are taken", || {
        client.run("MYLOG.SET after value").is_ok()
    });
    fault.take_out();
    wait_for("all is on disk", || {
        info(&mut client, "durable_seq") == info(&mut client, "queued_seq")
    });
    server.kill9();
    log_check::assert_clean(&server.log_dir());
    server.restart();
    assert_all_there(&server, KEYS);
}
