//! Folders with names that the log needs: named with what to do, and stepped over.

use std::fs;

use crate::support::inject::Fault;
use crate::support::rewriting::{self, info, info_text};
use crate::support::{Server, wait_for};

#[test]
fn a_folder_that_has_the_name_of_a_rewrite_is_named_and_stepped_over() {
    let mut server = Server::build().mylog("auto-rewrite-percentage", "0").start();
    let mut client = server.client();
    client.ok("MYLOG.SET a v");
    let epoch = info(&mut client, "epoch");
    let folder = server.log_dir().join(format!("rewrite-{}.mylog", epoch + 1));
    fs::create_dir(&folder).unwrap();
    assert!(!client.run("MYLOG.REWRITE").is_error(""));
    wait_for("it has failed", || info(&mut client, "rewrite_failures") == 1);
    let told = |server: &Server, word: &str| {
        let log = server.log();
        let named = |line: &&str| line.contains(&*folder.to_string_lossy());
        log.lines().filter(named).any(|line| line.contains(word))
    };
    assert!(told(&server, "remove it"), "{}", server.log());
    rewriting::run(&mut client);
    assert_eq!(info(&mut client, "epoch"), epoch + 2);
    assert!(folder.is_dir());
    server.kill9();
    server.restart();
    assert_eq!(server.client().run("MYLOG.GET a").text(), "v");
    assert!(told(&server, "can't be swept away"), "{}", server.log());
}

#[test]
fn a_folder_that_has_the_name_of_the_probe_keeps_no_log_from_healing() {
    let server = Server::build()
        .mylog("appendfsync", "everysec")
        .mylog("auto-rewrite-percentage", "0")
        .start();
    let mut client = server.client();
    let names = ["probe.mylog", "probe-2.mylog"].map(|name| server.log_dir().join(name));
    names.iter().for_each(|name| fs::create_dir(name).unwrap());
    let fault = Fault::put(&server, &["inject=fdatasync:error=EIO".to_owned()], &[]);
    client.ok("MYLOG.SET a v");
    wait_for("the sync has failed", || {
        info_text(&mut client, "last_fsync_status") == "err"
    });
    fault.take_out();
    // Both names are taken: it says so.
    wait_for("it tells what is in the way", || {
        let told = info_text(&mut client, "last_error");
        told.contains(&*names[0].to_string_lossy()) && told.contains("remove")
    });
    assert!(client.run("MYLOG.SET b v").is_error("MYLOGDOWN"));
    fs::remove_dir(&names[1]).unwrap();
    wait_for("the log works again", || client.run("MYLOG.SET b v").is_ok());
    assert!(names[0].is_dir());
}
