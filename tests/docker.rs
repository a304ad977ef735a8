//! The image of docker/Dockerfile under docker/compose.yaml: run by `make docker-test`, which builds the image.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod support;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use support::wait::holds_within;
use support::{Client, Ledger, Load, Workload, wait_for};

/// Durable keys beside those of the load.
const PRELOADED: usize = 50_000;
/// Kills, each with the child held at another stage of its rewrite.
const STAGES: [&str; 3] = ["start", "walked", "answered"];

/// A compose project of our own, removed with its volume at the end.
struct Project {
    name: String,
    port: u16,
}

impl Project {
    fn new() -> Self {
        let port = TcpListener::bind(("127.0.0.1", 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        Self {
            name: format!("mylog-test-{}", std::process::id()),
            port,
        }
    }

    /// The plugin where it is installed, else the program that came before it.
    fn compose(&self, args: &[&str]) -> Output {
        let plugin = Command::new("docker").args(["compose", "version"]).output();
        let mut command = if plugin.is_ok_and(|out| out.status.success()) {
            let mut docker = Command::new("docker");
            docker.arg("compose");
            docker
        } else {
            Command::new("docker-compose")
        };
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        command
            .arg("-f")
            .arg(root.join("docker/compose.yaml"))
            // Allows DEBUG, by which the child is held until the kill.
            .arg("-f")
            .arg(root.join("tests/compose.debug.yaml"))
            .args(["-p", &self.name])
            .args(args)
            .env("MYLOG_PORT", self.port.to_string());
        command.output().expect("docker compose")
    }

    fn up(&self) {
        let out = self.compose(&["up", "-d", "--no-build"]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        // A first connection may meet a port that is published while the server still loads.
        wait_for("the server in the container answers", || {
            Client::tcp(self.port)
                .and_then(|mut c| c.try_cmd(["PING"]))
                .is_ok_and(|pong| pong.text() == "PONG")
        });
    }

    fn container(&self) -> String {
        let out = self.compose(&["ps", "-q"]);
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }

    fn client(&self) -> Client {
        Client::tcp(self.port).expect("a connection")
    }

    fn health(&self) -> String {
        docker(&["inspect", "-f", "{{.State.Health.Status}}", &self.container()])
            .trim()
            .to_owned()
    }

    /// Names in the folder of the log; works on a container that is not running.
    fn log_files(&self) -> String {
        let out = Command::new("sh")
            .arg("-c")
            .arg("docker cp \"$0\":/data/mylogdir - | tar -t")
            .arg(self.container())
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let logs = self.compose(&["logs", "--tail", "60"]);
            eprintln!("{}", String::from_utf8_lossy(&logs.stdout));
        }
        self.compose(&["down", "-v", "-t", "1"]);
    }
}

fn docker(args: &[&str]) -> String {
    let out = Command::new("docker").args(args).output().expect("docker");
    assert!(
        out.status.success(),
        "docker {args:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).unwrap()
}

fn preload(client: &mut Client) {
    let set = |n: usize| vec!["MYLOG.SET".to_owned(), format!("bulk:{n}"), "v".repeat(100)];
    client.ok("CONFIG SET mylog.appendfsync everysec");
    for from in (0..PRELOADED).step_by(10_000) {
        let replies = client.pipeline(&(from..from + 10_000).map(set).collect::<Vec<_>>());
        assert!(replies.iter().all(support::Reply::is_ok), "{:?}", replies.first());
    }
    client.ok("CONFIG SET mylog.appendfsync always");
}

#[test]
fn a_container_killed_during_a_rewrite_loses_nothing_acknowledged() {
    let project = Project::new();
    project.up();
    preload(&mut project.client());
    let ledger = Arc::new(Ledger::new(Workload::default()));
    for stage in STAGES {
        let mut client = project.client();
        client.ok(&format!("MYLOG.DEBUG REWRITE-PAUSE {stage}"));
        let load = Load::over(|| project.client(), &ledger);
        load.wait_acked(200);
        assert_eq!(
            client.run("MYLOG.REWRITE").text(),
            "Background log rewrite started"
        );
        wait_for("the child is held", || {
            client.run("MYLOG.DEBUG REWRITE-PAUSE").text() == stage
        });
        docker(&["kill", "-s", "KILL", &project.container()]);
        load.join();
        assert!(
            project.log_files().contains("/rewrite-"),
            "the kill came after the rewrite"
        );
        project.up();
        let mut client = project.client();
        assert_eq!(client.config("mylog.appendfsync"), "always");
        let cut = ledger.settle(&mut client);
        assert_eq!(cut.lost, 0, "{cut:?}");
        assert_eq!(
            client
                .cmd(["MYLOG.STRLEN", &format!("bulk:{}", PRELOADED - 1)])
                .int(),
            100
        );
        let files = project.log_files();
        assert!(!files.contains("/rewrite-"), "a leftover was not swept: {files}");
    }
    assert!(
        holds_within(support::wait::DEADLINE, || project.health() == "healthy"),
        "{}",
        project.health()
    );
}
