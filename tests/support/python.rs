//! Applications in Python, as processes of a test.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::artifacts;
use super::wait::wait_for;

/// A running application, by one of the scripts beside the tests. It never outlives its test.
pub struct Application {
    process: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
}

impl Application {
    /// Starts one; `package` is what it imports.
    pub fn start<A: AsRef<std::ffi::OsStr>>(package: &str, script: &str, args: &[A]) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
        let mut process = Command::new(artifacts::python_with(package))
            .arg(folder.join(script))
            .args(args)
            .envs(artifacts::packages_of(package).map(|folder| ("PYTHONPATH", folder)))
            // The scripts' folder is not for what Python compiles.
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("python");
        let lines = lines_of(process.stdout.take().expect("its output"));
        let errors = lines_of(process.stderr.take().expect("its errors"));
        Self {
            process,
            lines,
            errors,
        }
    }

    /// What it has said since the last call.
    pub fn said(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    /// True until it has ended.
    pub fn runs(&mut self) -> bool {
        self.process.try_wait().expect("its state").is_none()
    }

    /// Waits for its end and returns what else it said; panics with its errors unless it went well.
    pub fn finish(mut self) -> Vec<String> {
        wait_for("the application ends", || !self.runs());
        let status = self.process.wait().expect("its end");
        let errors: Vec<_> = self.errors.iter().collect();
        assert!(status.success(), "{status}\n{}", errors.join("\n"));
        self.lines.iter().collect()
    }

    /// Kills it, and returns what else it had said.
    pub fn kill(mut self) -> Vec<String> {
        self.process.kill().expect("a signal");
        self.process.wait().expect("its end");
        self.lines.iter().collect()
    }

    /// Asks it to end, and waits for that.
    pub fn stop(mut self) {
        let id = Pid::from_raw(self.process.id().try_into().expect("a pid"));
        kill(id, Signal::SIGTERM).expect("a signal");
        wait_for("the application ends", || !self.runs());
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            self.errors.try_iter().for_each(|line| eprintln!("{line}"));
        }
    }
}

/// Runs one to its end.
pub fn run<A: AsRef<std::ffi::OsStr>>(package: &str, script: &str, args: &[A]) -> Vec<String> {
    Application::start(package, script, args).finish()
}

/// Reads on while it writes, or a full pipe would stop it.
fn lines_of(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            if line.is_ok_and(|line| sender.send(line).is_err()) {
                return;
            }
        }
    });
    lines
}
