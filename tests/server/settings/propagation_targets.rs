//! Commands that are replicated as others, on a server that nobody has listened to: from the moment on at which somebody
//! does, he gets what has happened, and not what was asked for.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::server::replicas::replica::{agree, primary, replica_of};
use crate::support::{Client, Server, wait_for};

const SETS: usize = 50;

/// Large sets, and a server that has had the time to find out that nobody listens: it looks once a second.
fn alone(server: &Server) -> Client {
    let mut client = server.client();
    client.ok("CONFIG SET mylog.appendfsync everysec");
    for set in 0..SETS {
        let members = (0..500).map(|member| format!("{member}"));
        let words = ["MYLOG.SADD".to_owned(), format!("set:{set}")];
        client.cmd(words.into_iter().chain(members));
    }
    let began = client.info_u64("server", "uptime_in_seconds");
    wait_for("two looks", || {
        client.info_u64("server", "uptime_in_seconds") > began + 2
    });
    client
}

/// Changes whose outcome is not in the command.
fn change(client: &mut Client, round: usize) {
    let set = round % SETS;
    client.run(&format!("MYLOG.SPOP set:{set}"));
    client.run(&format!("MYLOG.SPOP set:{set} 2"));
    client.run(&format!("MYLOG.SET end:{set} v EX {}", 1000 + round));
    client.run(&format!("MYLOG.INCRBYFLOAT sum:{set} 0.1"));
}

#[test]
fn a_replica_that_comes_while_members_are_popped_has_what_its_primary_has() {
    let primary = primary();
    let mut client = alone(&primary);
    let done = AtomicBool::new(false);
    let replica = std::thread::scope(|scope| {
        let popping = scope.spawn(|| {
            let mut client = primary.client();
            let mut round = 0;
            while !done.load(Ordering::Relaxed) {
                change(&mut client, round);
                round += 1;
                if round % 1000 == 0 {
                    client.run("MYLOG.SADD set:0 a b c d e f g");
                }
            }
            round
        });
        let sent = || primary.client().info_u64("stats", "total_commands_processed");
        let before = sent();
        wait_for("pops before the sync", || sent() > before + 200);
        let replica = replica_of_busy(&primary);
        let before = sent();
        wait_for("pops behind the sync", || sent() > before + 200);
        done.store(true, Ordering::Relaxed);
        assert!(popping.join().expect("the pops") > 100);
        replica
    });
    agree(&replica, &primary);
    // And one that has lost its only replica may get another one.
    drop(replica);
    change(&mut client, 1);
    agree(&replica_of(&primary), &primary);
}

/// A replica of a primary that goes on changing.
fn replica_of_busy(primary: &Server) -> Server {
    let replica = Server::build().mylog("appendfsync", "everysec").start();
    let mut client = replica.client();
    client.ok(&format!("REPLICAOF 127.0.0.1 {}", primary.port()));
    wait_for("the sync", || {
        client.info("replication")["master_link_status"] == "up"
    });
    replica
}

#[test]
fn an_aof_that_is_turned_on_has_what_was_popped() {
    let server = Server::build().start();
    let mut client = alone(&server);
    client.run("MULTI");
    client.run("MYLOG.SPOP set:0");
    client.run("CONFIG SET appendonly yes");
    client.run("MYLOG.SPOP set:1");
    assert!(!client.run("EXEC").is_error(""));
    client.run("MYLOG.SPOP set:2");
    let folder = server.data_dir().join("appendonlydir");
    wait_for("the AOF", || {
        let info = client.info("persistence");
        info["aof_rewrite_in_progress"] == "0" && info["aof_rewrite_scheduled"] == "0" && folder.exists()
    });
    client.run("MYLOG.SPOP set:3");
    client.ok("CONFIG SET appendfsync always");
    client.run("MYLOG.SPOP set:4 3");
    let files = std::fs::read_dir(folder).expect("its folder");
    let changes: Vec<u8> = files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.to_string_lossy().ends_with(".incr.aof"))
        .flat_map(|path| std::fs::read(path).expect("a file"))
        .collect();
    let changes = String::from_utf8_lossy(&changes).to_lowercase();
    assert_eq!(changes.matches("mylog.spop").count(), 0, "{changes}");
    assert!(changes.matches("mylog.srem").count() >= 2, "{changes}");
}
