//! That a unit waits for the disk shows nowhere else.

use crate::support::{Reply, Server, wait_for};

#[test]
fn a_flush_inside_a_unit_saves_an_rdb_that_loads() {
    for unit in ["MULTI", "script"] {
        let mut server = Server::build()
            .config("save", "3600 1")
            .mylog("appendfsync", "always")
            .mylog("flush-policy", "flush")
            .start();
        let mut client = server.client();
        client.ok("MYLOG.SET before 1");
        if unit == "MULTI" {
            client.ok("MULTI");
            for line in ["MYLOG.SET a 2", "FLUSHALL", "MYLOG.SET after 3"] {
                client.run(line);
            }
            assert!(!matches!(client.run("EXEC"), Reply::Error(_)));
        } else {
            let script = "redis.call('MYLOG.SET','a','2') redis.call('FLUSHALL') return redis.call('MYLOG.SET','after','3')";
            client.cmd(["EVAL", script, "0"]);
        }
        client.ok("SET native 1");
        client.run("SAVE");
        wait_for("the key space is what it should be", || {
            client.run("DBSIZE").int() == 2
        });
        server.kill9();
        server.restart();
        let mut client = server.client();
        assert_eq!(client.run("MYLOG.GET after").text(), "3", "{unit}");
        assert_eq!(client.run("DBSIZE").int(), 2, "{unit}");
    }
}

#[test]
fn a_unit_that_waits_for_the_disk_finds_its_own_keys_and_no_other() {
    let server = Server::build().mylog("appendfsync", "always").start();
    let mut client = server.client();
    client.ok("MYLOG.SET before 1");
    client.ok("MULTI");
    for line in [
        "MYLOG.SET a 2",
        "DEL before",
        "DBSIZE",
        "KEYS *",
        "RANDOMKEY",
        "SCAN 0",
    ] {
        client.run(line);
    }
    let seen = client.run("EXEC").items().split_off(2);
    let name = || Reply::Bulk(b"a".to_vec());
    let names = || Reply::Array(vec![name()]);
    let scanned = Reply::Array(vec![Reply::Bulk(b"0".to_vec()), names()]);
    assert_eq!(seen, [Reply::Int(1), names(), name(), scanned]);
    let script = "redis.call('MYLOG.SET','b','1') return {redis.call('DBSIZE'), #redis.call('KEYS','*')}";
    assert_eq!(
        client.cmd(["EVAL", script, "0"]).items(),
        [Reply::Int(2), Reply::Int(2)]
    );
    assert_eq!(client.run("DBSIZE").int(), 2);
}
