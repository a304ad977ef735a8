//! Slow scripts, loads and yields of other modules: the server serves others inside of them, and protects their clients itself
//! meanwhile. What ends that protection must not end ours.
//!
//! Told from one trace of the server's syncs and replies, as `early_replies` does.

use std::time::{Duration, Instant};

use super::early_replies::judge;
use crate::support::io_threads::{is_gated, on_one_and_on_four};
use crate::support::other_module::OtherModule;
use crate::support::slow_disk::SlowDisk;
use crate::support::witness::{Witness, change, plain};
use crate::support::{Client, Reply, Server, wait_for};

type Line = (Vec<String>, Option<String>);

/// Shorter than any slow script here: what is written before one is on disk in its middle.
const SHORT: Duration = Duration::from_millis(30);
/// Longer than all of a situation.
const LONG: Duration = Duration::from_millis(500);

/// A script of 60 ms.
const SLOW: &str = "local t = redis.call('TIME') local e = t[1] * 1000000 + t[2] + 60000 \
    repeat t = redis.call('TIME') until t[1] * 1000000 + t[2] > e";

/// The same without a call, which no filter sees.
const DEAF: &str = "local n = 0 for i = 1, 15000000 do n = n + i end";

fn eval(code: &str) -> Line {
    (["EVAL", code, "0"].map(str::to_owned).to_vec(), None)
}

fn writing(n: usize, behind: &str) -> Line {
    let code = format!("redis.call('MYLOG.SET', 'key:{n}!', 'value:{n}!') {behind}");
    let line = ["EVAL", &code, "0"];
    (line.map(str::to_owned).to_vec(), Some(format!("value:{n}!")))
}

fn set(n: usize) -> Line {
    change(&format!("MYLOG.SET key:{n}! value:{n}!"), &format!("value:{n}!"))
}

struct Stage {
    disk: SlowDisk,
    server: Server,
    other: Client,
    /// It goes with the server.
    _module: OtherModule,
}

impl Stage {
    /// `None` where there is no gate beside I/O threads.
    fn on(delay: Duration, threads: &str) -> Option<Self> {
        let disk = SlowDisk::traced(delay);
        let module = OtherModule::new();
        let server = module
            .beside(disk.build())
            .mylog("auto-rewrite-percentage", "0")
            .config("busy-reply-threshold", "20")
            .config("io-threads", threads)
            .start();
        let mut other = server.client();
        other.ok("MYLOG.SET warm up");
        is_gated(&mut other).then_some(Self {
            disk,
            server,
            other,
            _module: module,
        })
    }

    fn field(&mut self, name: &str, field: &str) -> String {
        let list = self.other.run("CLIENT LIST").text();
        let is_it = |line: &&str| line.contains(&format!(" name={name} "));
        let line = list.lines().find(is_it).expect("a client of this name");
        let word = line
            .split(' ')
            .find_map(|word| word.strip_prefix(field)?.strip_prefix('='));
        word.expect("a field of CLIENT LIST").to_owned()
    }

    fn wait_blocked(&mut self, name: &str) {
        wait_for("it is blocked", || self.field(name, "flags").contains('b'));
    }

    /// Both clients block, the witness behind `before`, and are woken in one turn: the witness runs `behind`, the other one a slow
    /// script.
    fn block_both(
        &mut self,
        witness: &mut Witness,
        slow: &mut Witness,
        n: usize,
        before: &[Line],
        behind: &[Line],
    ) {
        slow.send(&[plain(&format!("BLPOP slow:{n} 0")), eval(SLOW)]);
        self.wait_blocked("slow");
        let block = plain(&format!("BLPOP list:{n} 0"));
        witness.send(&[before, &[block], behind].concat());
        self.wait_blocked("witness");
        let push = |list| vec!["RPUSH".to_owned(), format!("{list}:{n}"), "x".to_owned()];
        self.other.pipeline(&[push("list"), push("slow")]);
    }

    fn judge(self, witnesses: Vec<Witness>, situation: &str) {
        let told: usize = witnesses.iter().map(Witness::acknowledgements).sum();
        assert!(told > 0);
        assert_eq!(judge(self.server, &self.disk, witnesses, situation), told);
    }
}

/// What the server ends its protection behind, with what is gated for.
fn forms(n: usize) -> Vec<(&'static str, Vec<Line>)> {
    let yielding = format!("CALLER.AND_YIELD 60 MYLOG.SET key:{n}! value:{n}!");
    vec![
        ("a change, then a slow script", vec![set(n), eval(SLOW)]),
        ("a slow script without a call", vec![set(n), eval(DEAF)]),
        ("a slow script that changes", vec![writing(n, SLOW)]),
        (
            "slow in EXEC",
            vec![
                plain("MULTI"),
                writing(n, SLOW),
                change("EXEC", &format!("value:{n}!")),
            ],
        ),
        ("a load", vec![set(n), plain("DEBUG RELOAD")]),
        (
            "another module yields",
            vec![change(&yielding, &format!("value:{n}!"))],
        ),
    ]
}

/// What is told behind the own slow command is not sent in the middle of the next client's, in the same turn. Both are woken
/// together: who comes by his socket in the middle of a slow command is answered that the server is busy.
fn two_slow_commands_of_two_clients_in_one_turn(threads: &str) {
    for (at, (name, _)) in forms(0).into_iter().enumerate() {
        let Some(mut stage) = Stage::on(SHORT, threads) else {
            return;
        };
        let mut witness = Witness::new(&stage.server, "witness");
        let mut slow = Witness::new(&stage.server, "slow");
        for n in 0..2 {
            let (_, lines) = forms(n).swap_remove(at);
            stage.block_both(&mut witness, &mut slow, n, &[], &lines);
            slow.read_all();
            witness.read_all();
        }
        stage.judge(vec![witness], name);
    }
}

/// A client that is gated is blocked, woken, and slow before another one is.
fn a_client_gated_before_is_woken_and_slow(threads: &str) {
    let Some(mut stage) = Stage::on(LONG, threads) else {
        return;
    };
    let mut witness = Witness::new(&stage.server, "witness");
    let mut slow = Witness::new(&stage.server, "slow");
    for n in 0..2 {
        stage.block_both(&mut witness, &mut slow, n, &[set(n)], &[eval(SLOW)]);
        slow.read_all();
        witness.read_all();
    }
    stage.judge(vec![witness], "gated, woken, slow");
}

/// Two commands that were put off are both slow: from 7.2 on nothing of ours is asked between them.
fn two_slow_scripts_that_were_put_off(threads: &str) {
    let Some(mut stage) = Stage::on(SHORT, threads) else {
        return;
    };
    let mut witness = Witness::new(&stage.server, "witness");
    let mut slow = Witness::new(&stage.server, "slow");
    for n in 0..4 {
        stage.other.ok("CLIENT PAUSE 60000 WRITE");
        witness.send(&[writing(n, SLOW)]);
        stage.wait_blocked("witness");
        slow.send(&[eval(if n % 2 == 0 { SLOW } else { DEAF })]);
        stage.wait_blocked("slow");
        stage.other.ok("CLIENT UNPAUSE");
        witness.read_all();
        slow.read_all();
    }
    stage.judge(vec![witness], "two that were put off");
}

fn lines_behind(n: usize) -> Vec<Line> {
    (1..11).map(|behind| set(100 * (n + 1) + behind)).collect()
}

/// Nothing tells of it while the server is busy.
fn wait_for_a_sync() {
    let began = Instant::now();
    wait_for("a sync has ended", || began.elapsed() > SHORT * 3);
}

/// The sync ends in the middle of the client's own slow script: it is let go behind that, with all its replies.
fn a_sync_ends_in_the_middle_of_the_own_slow_script(threads: &str) {
    let Some(mut stage) = Stage::on(SHORT, threads) else {
        return;
    };
    let mut witness = Witness::new(&stage.server, "witness");
    for n in 0..3 {
        let code = SLOW.replace("60000", "600000");
        let mut lines = vec![set(n)];
        if n > 0 {
            // It is gated in an earlier turn.
            lines.push(plain(&format!("BLPOP list:{n} 0")));
        }
        match n {
            2 => lines.push(plain("CALLER.AND_YIELD 600 SET native v")),
            _ => lines.push(eval(&code)),
        }
        lines.extend(lines_behind(n));
        witness.send(&lines);
        if n > 0 {
            stage.wait_blocked("witness");
            stage.other.run(&format!("RPUSH list:{n} x"));
        }
        wait_for("others hear that it is slow", || {
            matches!(stage.other.run("GET native"), Reply::Error(_))
        });
        // Were it read in the middle of its own command, this would be answered that the server is busy.
        wait_for_a_sync();
        witness.send(&[set(100 * (n + 1) + 50)]);
        witness.read_all();
    }
    wait_for("nobody is gated", || {
        stage.other.info_u64("mylog", "mylog_acks_waiting") == 0
    });
    stage.judge(vec![witness], "in the middle of the own script");
}

/// As above, and the script is killed.
fn a_sync_ends_in_the_middle_of_a_script_that_is_killed(threads: &str) {
    let Some(mut stage) = Stage::on(SHORT, threads) else {
        return;
    };
    let mut witness = Witness::new(&stage.server, "witness");
    for n in 0..2 {
        let block = plain(&format!("BLPOP list:{n} 0"));
        let lines = [vec![set(n), block, eval("while true do end")], lines_behind(n)].concat();
        witness.send(&lines);
        stage.wait_blocked("witness");
        stage.other.run(&format!("RPUSH list:{n} x"));
        wait_for("it is slow", || {
            matches!(stage.other.run("GET native"), Reply::Error(_))
        });
        wait_for_a_sync();
        stage.other.ok("SCRIPT KILL");
        witness.read();
        witness.read();
        assert!(witness.read_error().text().contains("killed"));
        witness.read_all();
    }
    stage.judge(vec![witness], "killed");
}

/// As above, and the peer goes.
fn a_sync_ends_in_the_middle_of_a_script_whose_peer_has_gone(threads: &str) {
    let Some(mut stage) = Stage::on(SHORT, threads) else {
        return;
    };
    let code = SLOW.replace("60000", "600000");
    for n in 0..3 {
        let mut witness = Witness::new(&stage.server, "witness");
        let block = plain(&format!("BLPOP list:{n} 0"));
        witness.send(&[vec![set(n), block, eval(&code)], lines_behind(n)].concat());
        stage.wait_blocked("witness");
        stage.other.run(&format!("RPUSH list:{n} x"));
        wait_for("it is slow", || {
            matches!(stage.other.run("GET native"), Reply::Error(_))
        });
        drop(witness);
        wait_for("it has gone", || {
            let list = stage.other.run("CLIENT LIST");
            matches!(list, Reply::Bulk(_) | Reply::Verbatim(_)) && list.text().lines().count() == 1
        });
        let last = stage.other.run(&format!("MYLOG.GET key:{}!", 100 * (n + 1) + 10));
        assert_eq!(last.text(), format!("value:{}!", 100 * (n + 1) + 10));
    }
    assert_eq!(stage.other.info_u64("mylog", "mylog_acks_waiting"), 0);
}

on_one_and_on_four! {
    two_slow_commands_of_two_clients_in_one_turn
    a_client_gated_before_is_woken_and_slow
    two_slow_scripts_that_were_put_off
    a_sync_ends_in_the_middle_of_the_own_slow_script
    a_sync_ends_in_the_middle_of_a_script_that_is_killed
    a_sync_ends_in_the_middle_of_a_script_whose_peer_has_gone
}
