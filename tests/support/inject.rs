//! Faults in the system calls of a server that runs, by strace: a call fails or is held up from the moment the
//! fault is put in until it is taken out.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::server::Server;
use super::wait::{holds_within, wait_for};

/// Longer than any test: a call held up goes on when the fault is taken out.
const FOR_EVER_USEC: u64 = 3_600_000_000;

/// A fault that is in. Dropped, it is taken out, and calls that are held up go on.
pub struct Fault {
    strace: Child,
    folder: TempDir,
}

impl Fault {
    /// Holds up every call of that name, in all threads and in children to come, before it begins.
    pub fn stall(server: &Server, call: &str) -> Self {
        Self::put(
            server,
            &[format!("inject={call}:delay_enter={FOR_EVER_USEC}")],
            &[],
        )
    }

    /// Puts faults in, each as strace's option `-e` has it: `inject=fdatasync:error=EIO:when=3`. The nth call is
    /// counted for each thread from now on. With `paths`, only calls on these files count.
    pub fn put(server: &Server, faults: &[String], paths: &[&Path]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("mylog-fault-")
            .tempdir()
            .expect("a folder");
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-p", &server.pid().to_string()]);
        command.arg("-o").arg(folder.path().join("trace"));
        let calls: Vec<&str> = faults
            .iter()
            .filter_map(|fault| fault.strip_prefix("inject=")?.split(':').next())
            .collect();
        command.args(["-e", &format!("trace={}", calls.join(","))]);
        for fault in faults {
            command.args(["-e", fault]);
        }
        for path in paths {
            command.arg("-P").arg(path);
        }
        let strace = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("no strace. Run `make deps` first");
        let mut fault = Self { strace, folder };
        wait_for("strace holds all threads of the server", || {
            let left = fault.strace.try_wait().expect("its state");
            assert!(left.is_none(), "strace left: is ptrace allowed here?");
            all_traced(server.pid())
        });
        fault
    }

    /// How many calls were made to fail, or held up, so far.
    pub fn fired(&self) -> usize {
        let trace = fs::read_to_string(self.folder.path().join("trace")).unwrap_or_default();
        trace.matches("(INJECTED)").count() + trace.matches("(DELAYED)").count()
    }

    /// Takes the fault out, and says how often it has fired in all.
    pub fn take_out(mut self) -> usize {
        self.end();
        self.fired()
    }

    fn end(&mut self) {
        let pid = Pid::from_raw(self.strace.id().try_into().expect("a pid"));
        let _ = kill(pid, Signal::SIGTERM);
        // A tracer that does not leave by itself is killed: the kernel lets its tracees go.
        let left = holds_within(std::time::Duration::from_secs(20), || {
            !matches!(self.strace.try_wait(), Ok(None))
        });
        if !left {
            let _ = self.strace.kill();
            let _ = self.strace.wait();
        }
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        if matches!(self.strace.try_wait(), Ok(None)) {
            self.end();
        }
    }
}

fn all_traced(pid: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    let mut states = tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("status")).ok())
        .peekable();
    states.peek().is_some() && states.all(|state| !state.contains("TracerPid:\t0\n"))
}
