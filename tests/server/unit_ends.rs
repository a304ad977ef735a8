//! The end of a unit is heard of by means that must not show anywhere else.

use crate::support::{Reply, Server, wait_for};

/// On 7.0 a flush inside a unit saves an RDB while the hidden key that marks the unit's end is there: the
/// RDB had a value without a body, and no start got past it.
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
