//! A disk whose every sync takes at least `DELAY`: a reply that comes sooner can't have waited for one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::artifacts;
use super::client::{Client, encode};
use super::reply::Reply;
use super::server_builder::ServerBuilder;
use super::trace;

/// Time that each fdatasync is held up before it begins.
pub const DELAY: Duration = Duration::from_millis(20);

/// A program that runs the server with slow syncs. It must outlive the server.
pub struct SlowDisk {
    folder: TempDir,
}

impl SlowDisk {
    /// Panics where there is no strace.
    pub fn new() -> Self {
        let found = Command::new("strace")
            .arg("-V")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(
            found.is_ok_and(|status| status.success()),
            "no strace. Run `make deps` first."
        );
        let folder = tempfile::Builder::new()
            .prefix("mylog-slow-disk-")
            .tempdir()
            .expect("a folder");
        let server = artifacts::server_binary();
        // -D: the tracer is a grandchild, so that the process started here is the server.
        let script = format!(
            "#!/bin/sh\nexec strace -D -f --seccomp-bpf -qq -o /dev/null -e trace=fdatasync \
             -e inject=fdatasync:delay_enter={} {} \"$@\"\n",
            DELAY.as_micros(),
            server.display()
        );
        let path = folder.path().join("server");
        fs::write(&path, script).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
        Self { folder }
    }

    /// A disk whose syncs take `delay`, with a trace of what the server does to its log and its sockets.
    pub fn traced(delay: Duration) -> Self {
        Self::tracing(delay, trace::CALLS)
    }

    /// The same, and where a turn of the event loop begins.
    pub fn traced_with_turns(delay: Duration) -> Self {
        Self::tracing(delay, &format!("{},{}", trace::CALLS, trace::TURNS))
    }

    fn tracing(delay: Duration, calls: &str) -> Self {
        let disk = Self::new();
        // Every byte is shown: what was sent is read from the trace.
        let strace = format!(
            "strace -D -f --seccomp-bpf -q -y -s 2000000 -o {} -e trace={} -e inject=fdatasync:delay_enter={}",
            disk.trace().display(),
            calls,
            delay.as_micros()
        );
        let server = artifacts::server_binary();
        let script = format!("#!/bin/sh\nexec {strace} {} \"$@\"\n", server.display());
        fs::write(disk.path(), script).expect("a script");
        disk
    }

    /// Where the trace of a traced disk is.
    pub fn trace(&self) -> PathBuf {
        self.folder.path().join("trace")
    }

    /// Settings of a server on this disk, under `always`.
    pub fn build(&self) -> ServerBuilder {
        ServerBuilder::new()
            .binary(self.path())
            .mylog("appendfsync", "always")
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("server")
    }
}

/// Sends commands in one write; returns the time from then to the first reply, and the replies.
pub fn timed<A: AsRef<[u8]>>(client: &mut Client, commands: &[Vec<A>]) -> (Duration, Vec<Reply>) {
    let mut bytes = Vec::new();
    for command in commands {
        encode(command, &mut bytes);
    }
    let sent = Instant::now();
    client.try_send_bytes(&bytes).expect("a live connection");
    let first = client.recv();
    let took = sent.elapsed();
    let rest = commands.iter().skip(1).map(|_| client.recv());
    (took, std::iter::once(first).chain(rest).collect())
}

/// A line as the words of a command.
pub fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}
