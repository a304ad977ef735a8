//! What comes behind a script in its turn of the event loop, before it is answered, and what ends a server in the middle
//! of one.

use crate::support::{Client, Reply, Server, wait_for};

const PUT: &str = "return redis.call('MYLOG.SET', KEYS[1], ARGV[1])";
/// Rounds, since a busy machine may give the two commands a turn each.
const ROUNDS: usize = 5;

fn server() -> Server {
    Server::build()
        .mylog("appendfsync", "always")
        .config("busy-reply-threshold", "20")
        .start()
}

/// Sends a script and, most likely in the same turn, what another one sends behind it; what that one
/// is answered.
fn in_one_turn(server: &Server, script: &mut Client, value: &str, line: &str) -> Reply {
    let (mut sleeper, mut other) = (server.client(), server.client());
    // Accepted by then.
    assert_eq!(sleeper.run("PING").text(), "PONG");
    assert_eq!(other.run("PING").text(), "PONG");
    sleeper.send(["DEBUG", "SLEEP", "0.1"]);
    script.send(["EVAL", PUT, "1", "key", value]);
    other.send(line.split(' '));
    sleeper.recv();
    other.recv()
}

/// The server ends itself if anything is replicated, or goes into its AOF, while writes are paused.
#[test]
fn a_script_and_a_pause_in_one_turn_harm_nobody() {
    let server = Server::build()
        .mylog("appendfsync", "always")
        .config("appendonly", "yes")
        .start();
    let mut client = server.client();
    for round in 0..ROUNDS {
        let value = format!("{round}");
        let reply = in_one_turn(&server, &mut client, &value, "CLIENT PAUSE 100000 WRITE");
        assert!(reply.is_ok(), "{reply:?}");
        let mut other = server.client();
        other.run("GET native");
        other.ok("CLIENT UNPAUSE");
        assert!(client.recv().is_ok());
        assert_eq!(other.run("MYLOG.GET key").text(), value);
    }
}

#[test]
fn a_script_of_a_user_that_is_deleted_harms_nobody() {
    let server = server();
    for round in 0..ROUNDS {
        server.client().ok("ACL SETUSER user on nopass ~* +@all");
        let mut client = server.client();
        client.ok("AUTH user any");
        let value = format!("{round}");
        let reply = in_one_turn(&server, &mut client, &value, "ACL DELUSER user");
        assert_eq!(reply, Reply::Int(1));
        // Closed, or refused, or done before: never as somebody else.
        let _ = client.try_recv();
        server.client().ok("MYLOG.SET goes-on v");
    }
}

/// SHUTDOWN NOSAVE is the way out of a script that has written and does not end.
#[test]
fn a_script_that_a_shutdown_cuts_off_leaves_no_half_behind() {
    const HALF: &str = "redis.call('MYLOG.SET', 'first', 'v') while ARGV[1] == 'turn' do end \
        redis.call('MYLOG.SET', 'second', 'v') return 1";
    for policy in ["everysec", "always"] {
        let mut server = server();
        let mut client = server.client();
        client.ok(&format!("CONFIG SET mylog.appendfsync {policy}"));
        client.ok("MYLOG.SET before v");
        client.send(["EVAL", HALF, "0", "turn"]);
        let mut other = server.client();
        wait_for("the script is busy", || other.run("GET native").is_error("BUSY"));
        other.send(["SHUTDOWN", "NOSAVE"]);
        server.wait_exit();
        server.restart();
        let found = server.client().run("EXISTS before first second");
        assert_eq!(found, Reply::Int(1), "{policy}");
    }
}
