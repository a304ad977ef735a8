//! Child or server ended at every stage of a rewrite: the live log is whole, the server goes on or comes up
//! again with all that it had, and no file, descriptor or process is left.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::rewriting::{self, STAGES, hold, info, info_text, release};
use crate::support::{Client, Reply, Server, leftovers, log_check, wait_for};

/// A server with some keys, and what it has open without clients or a rewrite.
struct Scene {
    server: Server,
    open_files: Vec<String>,
}

impl Scene {
    fn new(policy: &str) -> Self {
        let server = Server::build()
            .mylog("auto-rewrite-percentage", "0")
            .mylog("appendfsync", policy)
            .start();
        let open_files = leftovers::open_files_without_clients(server.pid());
        write(&mut server.client(), "before", 200);
        Self { server, open_files }
    }

    fn child(&self) -> Pid {
        let children = leftovers::children(self.server.pid());
        assert_eq!(children.len(), 1, "{children:?}");
        Pid::from_raw(children[0].try_into().unwrap())
    }

    /// The server is as it was before any rewrite, and the next one is a good one.
    fn assert_unharmed(&self, at: &str) {
        let mut client = self.server.client();
        write(&mut client, "after", 100);
        release(&mut client);
        rewriting::run(&mut client);
        drop(client);
        self.assert_nothing_left(at);
    }

    fn assert_nothing_left(&self, at: &str) {
        let left = leftovers::files(&self.server.log_dir());
        assert_eq!(left, ["LOCK", "current.mylog"], "{at}");
        leftovers::wait_open_files(self.server.pid(), &self.open_files);
        assert!(leftovers::children(self.server.pid()).is_empty(), "{at}");
    }

    /// Starts the ended server again: it has what it had.
    fn restart(&mut self, at: &str, digest: &Reply) {
        log_check::assert_clean(&self.server.log_dir());
        self.server.restart();
        assert_eq!(self.server.client().run("MYLOG.DEBUG DIGEST"), *digest, "{at}");
        self.assert_nothing_left(at);
    }
}

fn write(client: &mut Client, name: &str, keys: usize) {
    let commands: Vec<_> = (0..keys)
        .map(|n| {
            vec![
                "MYLOG.HSET".to_owned(),
                format!("{name}:{n}"),
                "field".into(),
                "v".repeat(300),
            ]
        })
        .collect();
    assert!(
        client
            .pipeline(&commands)
            .iter()
            .all(|reply| *reply == Reply::Int(1) || *reply == Reply::Int(0))
    );
}

#[test]
fn a_child_killed_at_any_stage_harms_nothing() {
    let mut scene = Scene::new("always");
    for stage in STAGES {
        let mut client = scene.server.client();
        hold(&mut client, stage);
        write(&mut client, stage, 50);
        kill(scene.child(), Signal::SIGKILL).unwrap();
        wait_for("the failure is counted", || {
            info(&mut client, "rewrite_in_progress") == 0
        });
        assert_eq!(info(&mut client, "rewrite_failures"), 1, "{stage}");
        assert_eq!(info_text(&mut client, "last_rewrite_status"), "err", "{stage}");
        drop(client);
        wait_for("its file is removed", || {
            leftovers::files(&scene.server.log_dir()).len() == 2
        });
        scene.assert_unharmed(stage);
        let digest = scene.server.client().run("MYLOG.DEBUG DIGEST");
        scene.server.kill9();
        scene.restart(stage, &digest);
    }
}

#[test]
fn a_child_stopped_at_any_stage_is_ended_by_the_timeout() {
    let scene = Scene::new("everysec");
    for (failures, stage) in STAGES.iter().enumerate() {
        let mut client = scene.server.client();
        client.ok("CONFIG SET mylog.rewrite-timeout 600");
        hold(&mut client, stage);
        kill(scene.child(), Signal::SIGSTOP).unwrap();
        write(&mut client, stage, 50);
        client.ok("CONFIG SET mylog.rewrite-timeout 1");
        wait_for("it is given up", || info(&mut client, "rewrite_in_progress") == 0);
        assert_eq!(
            info(&mut client, "rewrite_failures"),
            failures as u64 + 1,
            "{stage}"
        );
        wait_for("its file is removed", || {
            leftovers::files(&scene.server.log_dir()).len() == 2
        });
    }
    let mut client = scene.server.client();
    client.ok("CONFIG SET mylog.rewrite-timeout 600");
    drop(client);
    scene.assert_unharmed("timeout");
}

#[test]
fn a_server_killed_at_any_stage_has_everything_and_takes_its_child_along() {
    let mut scene = Scene::new("always");
    for stage in STAGES {
        let mut client = scene.server.client();
        hold(&mut client, stage);
        write(&mut client, stage, 50);
        let digest = client.run("MYLOG.DEBUG DIGEST");
        let child = u32::try_from(scene.child().as_raw()).unwrap();
        scene.server.kill9();
        wait_for("the child dies with it", || !leftovers::alive(child));
        assert_eq!(leftovers::files(&scene.server.log_dir()).len(), 3, "{stage}");
        scene.restart(stage, &digest);
    }
    scene.assert_unharmed("all");
}

#[test]
fn a_shutdown_at_any_stage_seals_the_log_and_takes_the_child_along() {
    let mut scene = Scene::new("no");
    for stage in STAGES {
        let mut client = scene.server.client();
        hold(&mut client, stage);
        write(&mut client, stage, 50);
        let digest = client.run("MYLOG.DEBUG DIGEST");
        let child = u32::try_from(scene.child().as_raw()).unwrap();
        assert!(scene.server.term().success(), "{stage}");
        wait_for("the child ends with it", || !leftovers::alive(child));
        assert_eq!(
            leftovers::files(&scene.server.log_dir()),
            ["LOCK", "current.mylog"],
            "{stage}"
        );
        let (_, said) = log_check::check(&scene.server.log_dir());
        assert!(said.contains(", sealed"), "{stage}: {said}");
        scene.restart(stage, &digest);
    }
}
