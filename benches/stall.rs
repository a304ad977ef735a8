//! A disk that stops answering: the log's next write or sync does not return before this is dropped.

use std::fs;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::slow_syncs::strace_is_there;
use crate::support::{Server, wait_for};

/// The thread that alone writes and syncs the live log.
const WRITER: &str = "mylog-writer";
const CALLS: &str = "write,pwrite64,writev,pwritev,pwritev2,fdatasync,fsync";

/// The stall. Only the writer thread is traced, so nothing else of the server is slower for it.
pub struct Stall(Child);

impl Stall {
    /// An error where there is no strace, or no such thread.
    pub fn start(server: &Server) -> Result<Self, String> {
        strace_is_there()?;
        let tasks = format!("/proc/{}/task", server.pid());
        let writer = fs::read_dir(&tasks)
            .map_err(|why| format!("{tasks}: {why}"))?
            .flatten()
            .map(|task| task.path())
            .find(|task| fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == WRITER))
            .ok_or_else(|| format!("The server has no thread {WRITER}."))?;
        let tracer = Command::new("strace")
            .args(["-qq", "-o", "/dev/null", "-e", &format!("trace={CALLS}")])
            // As good as for ever: it ends with the tracer.
            .args(["-e", &format!("inject={CALLS}:delay_enter=2000000000:when=1")])
            .arg("-p")
            .arg(writer.file_name().unwrap_or_default())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|why| format!("strace: {why}"))?;
        let stall = Self(tracer);
        wait_for("the writer thread is traced", || {
            let status = fs::read_to_string(writer.join("status")).unwrap_or_default();
            !status.contains("TracerPid:\t0\n")
        });
        Ok(stall)
    }
}

impl Drop for Stall {
    fn drop(&mut self) {
        // It lets go of the thread on SIGTERM; SIGKILL would leave that to the kernel.
        if let Ok(pid) = i32::try_from(self.0.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let _ = self.0.wait();
    }
}
