//! Settings of the server that are other ones while replies wait: what CONFIG REWRITE writes is what was set, however it comes,
//! and what is set meanwhile counts.

use std::fs;
use std::time::Duration;

use crate::support::client::encode;
use crate::support::io_threads::{is_gated, set_to_work};
use crate::support::other_module::OtherModule;
use crate::support::rewriting::info_text;
use crate::support::slow_disk::words;
use crate::support::sync_gate::{SyncGate, wait_held};
use crate::support::{Client, Server, wait_for};

/// Each way in which a CONFIG may come.
fn ways() -> Vec<Vec<Vec<String>>> {
    let script = "return redis.call('CALLER.AS_NOBODY','CONFIG','REWRITE')";
    let eval = ["EVAL", script, "0"].map(str::to_owned).to_vec();
    vec![
        vec![words("CONFIG REWRITE")],
        vec![words("MULTI"), words("CONFIG REWRITE"), words("EXEC")],
        vec![
            words("MULTI"),
            words("SET native v"),
            words("config rewrite"),
            words("exec"),
        ],
        vec![eval.clone()],
        vec![words("MULTI"), eval, words("EXEC")],
        vec![words("CALLER.AS_NOBODY CONFIG REWRITE")],
    ]
}

struct Stage {
    server: Server,
    other: Client,
    _module: OtherModule,
}

impl Stage {
    fn new(threads: &str, config: &[(&str, &str)]) -> Self {
        let module = OtherModule::new();
        let build = module
            .beside(Server::build())
            .mylog("appendfsync", "always")
            .config("io-threads", threads);
        let server = config
            .iter()
            .fold(build, |build, (name, value)| build.config(name, value))
            .start();
        let mut other = server.client();
        other.ok("MYLOG.SET warm up");
        set_to_work(&mut other);
        other.ok("ACL SETUSER denied on nopass ~* &* +@all -config");
        Self {
            server,
            other,
            _module: module,
        }
    }

    /// The file is written anew in each way, and has this line.
    fn is_written(&mut self, line: &str) {
        let file = self.server.config_file();
        let name = line.split(' ').next().unwrap();
        let sets = |written: &&str| written.split(' ').next() == Some(name);
        for (way, in_one_go) in ways()
            .into_iter()
            .flat_map(|way| [(way.clone(), true), (way, false)])
        {
            let mut text = fs::read_to_string(&file).unwrap();
            text = text
                .lines()
                .filter(|line| !sets(line))
                .flat_map(|line| [line, "\n"])
                .collect();
            fs::write(&file, format!("{text}{name} other\n")).unwrap();
            let replies = match in_one_go {
                true => self.other.pipeline(&way),
                false => way.iter().map(|line| self.other.cmd(line)).collect(),
            };
            text = fs::read_to_string(&file).unwrap();
            assert_eq!(text.lines().find(sets), Some(line), "{way:?}: {replies:?}");
        }
    }
}

#[test]
fn timeout_is_written_as_it_was_set_while_a_client_waits() {
    let mut stage = Stage::new("1", &[("timeout", "1000")]);
    let mut waiting = stage.server.client();
    let gate = SyncGate::shut(&stage.server);
    waiting.send(["MYLOG.SET", "k", "v"]);
    let aside = |client: &mut Client| client.config("timeout") == "0";
    wait_for("it is set aside", || aside(&mut stage.other));
    stage.is_written("timeout 1000");
    wait_for("it is set aside again", || aside(&mut stage.other));
    assert_eq!(info_text(&mut stage.other, "settings_aside"), "timeout=1000");
    gate.open();
    assert!(waiting.recv().is_ok());
    wait_for("it is put back", || stage.other.config("timeout") == "1000");
    assert_eq!(info_text(&mut stage.other, "settings_aside"), "");
}

/// A server that has `appendfsync` set aside; `None` for one that needs none of that.
fn beside_threads(config: &[(&str, &str)]) -> Option<Stage> {
    let mut stage = Stage::new("4", config);
    let is_valkey = stage.other.info("server").contains_key("valkey_version");
    assert!(!is_valkey || is_gated(&mut stage.other));
    is_valkey.then_some(stage)
}

#[test]
fn appendfsync_is_written_as_it_was_set() {
    let Some(mut stage) = beside_threads(&[("appendfsync", "no")]) else {
        return;
    };
    for policy in ["no", "everysec", "always", "no"] {
        stage.other.ok(&format!("CONFIG SET appendfsync {policy}"));
        assert_eq!(stage.other.config("appendfsync"), "always");
        stage.is_written(&format!("appendfsync {policy}"));
        assert_eq!(stage.other.config("appendfsync"), "always");
        assert_eq!(info_text(&mut stage.other, "gate"), "on");
    }
}

/// It is set aside while anybody waits or may wait, and no longer.
#[test]
fn appendfsync_is_put_back_when_nobody_can_wait() {
    let Some(mut stage) = beside_threads(&[]) else {
        return;
    };
    let mut waiting = stage.server.client();
    let gate = SyncGate::shut(&stage.server);
    waiting.send(["MYLOG.SET", "k", "v"]);
    wait_held(&mut stage.other, 1);
    stage.other.ok("CONFIG SET mylog.appendfsync everysec");
    assert_eq!(stage.other.config("appendfsync"), "always");
    assert!(!waiting.has_come());
    gate.open();
    assert!(waiting.recv().is_ok());
    wait_for("it is put back", || {
        stage.other.config("appendfsync") == "everysec"
    });
    stage.other.ok("CONFIG SET mylog.always-prefixes k");
    assert_eq!(stage.other.config("appendfsync"), "always");
    let none = ["CONFIG", "SET", "mylog.always-prefixes", ""];
    assert!(stage.other.cmd(none).is_ok());
    wait_for("it is put back", || {
        stage.other.config("appendfsync") == "everysec"
    });
}

/// An AOF keeps its policy: where that is another one there is no gate.
#[test]
fn an_aof_that_comes_and_goes_keeps_its_policy() {
    let Some(mut stage) = beside_threads(&[]) else {
        return;
    };
    let mut writer = stage.server.client();
    for _ in 0..2 {
        writer.ok("MYLOG.SET k v");
        stage.other.ok("CONFIG SET appendonly yes");
        assert_eq!(stage.other.config("appendfsync"), "everysec");
        assert_eq!(info_text(&mut stage.other, "gate"), "fallback");
        let reason = info_text(&mut stage.other, "gate_fallback_reason");
        assert!(
            reason.ends_with("appendonly is yes and appendfsync is not always"),
            "{reason}"
        );
        writer.ok("MYLOG.SET k w");
        stage.other.ok("CONFIG SET appendfsync always");
        assert_eq!(info_text(&mut stage.other, "gate"), "on");
        writer.ok("MYLOG.SET k x");
        stage.other.ok("CONFIG SET appendfsync everysec");
        assert_eq!(info_text(&mut stage.other, "gate"), "fallback");
        stage.is_written("appendonly yes");
        stage.other.ok("CONFIG SET appendonly no");
        assert_eq!(info_text(&mut stage.other, "gate"), "on");
        assert_eq!(stage.other.config("appendfsync"), "always");
        assert_eq!(
            info_text(&mut stage.other, "settings_aside"),
            "appendfsync=everysec"
        );
    }
}

fn send_behind_a_change(client: &mut Client, lines: &[&str]) {
    let mut bytes = Vec::new();
    for line in ["MYLOG.SET l v"].iter().chain(lines) {
        encode(words(line), &mut bytes);
    }
    client.try_send_bytes(&bytes).unwrap();
}

/// A disk that hangs for longer than the server may wait: the policy is not put back under clients whose replies wait.
#[test]
fn while_the_disk_hangs_nobody_is_let_go_by_a_config() {
    let Some(mut stage) = beside_threads(&[]) else {
        return;
    };
    stage.other.ok("CONFIG SET mylog.max-wait 100");
    for lines in [
        &["CONFIG REWRITE"] as &[&str],
        &["MULTI", "CONFIG REWRITE", "EXEC"],
        &["CONFIG SET appendfsync no"],
        &["CONFIG SET appendonly maybe"],
    ] {
        let mut waiting = stage.server.client();
        let gate = SyncGate::shut(&stage.server);
        waiting.send(["MYLOG.SET", "k", "v"]);
        wait_held(&mut stage.other, 1);
        // Behind it in the same connection: it is the one whose replies would leave with what it is told of the CONFIG.
        let mut second = stage.server.client();
        send_behind_a_change(&mut second, lines);
        // What is refused ends with no unit.
        let mut denied = stage.server.client();
        denied.ok("AUTH denied any");
        send_behind_a_change(&mut denied, lines);
        wait_held(&mut stage.other, 3);
        for line in lines {
            stage.other.run(line);
        }
        wait_for("time has passed", || {
            std::thread::sleep(Duration::from_millis(1));
            let early = [&waiting, &second, &denied].map(Client::has_come);
            assert_eq!(early, [false; 3], "{lines:?}");
            stage.other.info_u64("mylog", "mylog_oldest_unsynced_age_ms") > 300
        });
        gate.open();
        assert!(waiting.recv().is_ok());
        assert!(second.recv().is_ok());
        for _ in lines {
            second.recv();
        }
        stage.other.ok("CONFIG SET appendfsync everysec");
        assert_eq!(stage.other.config("appendfsync"), "always");
    }
}
