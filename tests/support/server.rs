//! A running server: its process, its folder, and the ways it may end.
//!
//! A server never outlives its test: it is killed by its pid and reaped when it goes out of scope.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::client::Client;
use super::reply::Reply;
use super::server_builder::ServerBuilder;
use super::wait::wait_for;

/// A server of a test. `restart` keeps its folder.
pub struct Server {
    binary: PathBuf,
    home: TempDir,
    port: u16,
    process: Option<Child>,
    /// Where the log of the present process begins: earlier lines are of its predecessors.
    log_start: usize,
}

/// A server that left before it answered.
#[derive(Debug)]
pub struct Refused {
    /// How it left.
    pub status: ExitStatus,
    /// What it wrote before it left.
    pub log: String,
}

impl Server {
    /// Settings for a server with the module.
    pub fn build() -> ServerBuilder {
        ServerBuilder::new()
    }

    /// Settings for a server without it.
    pub fn stock() -> ServerBuilder {
        ServerBuilder::stock()
    }

    pub(super) fn launch(binary: PathBuf, home: TempDir, port: u16) -> Result<Self, Refused> {
        let mut server = Self {
            binary,
            home,
            port,
            process: None,
            log_start: 0,
        };
        server.try_restart().map(|()| server)
    }

    /// Starts it again on the same folder; panics when it does not come up.
    pub fn restart(&mut self) {
        self.try_restart().unwrap_or_else(|refused| panic!("{refused}"));
    }

    /// Starts it again on the same folder, or tells why it left before it answered.
    pub fn try_restart(&mut self) -> Result<(), Refused> {
        assert!(self.process.is_none(), "end the server before starting it again");
        self.log_start = self.whole_log().len();
        let mut spawned = Err(io::ErrorKind::ExecutableFileBusy.into());
        // A script just written is busy while another test's thread starts a process that has inherited it.
        wait_for("the program can be started", || {
            spawned = Command::new(&self.binary)
                .arg(self.home().join("server.conf"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::from(self.stderr_file().expect("a file for stderr")))
                .spawn();
            !matches!(&spawned, Err(why) if why.kind() == io::ErrorKind::ExecutableFileBusy)
        });
        let child = spawned
            .unwrap_or_else(|why| panic!("{}: {why}. Set SERVER to a server binary.", self.binary.display()));
        self.process = Some(child);
        let mut left = None;
        wait_for("the server answers PING", || {
            left = self
                .process
                .as_mut()
                .expect("just started")
                .try_wait()
                .expect("its state");
            left.is_some() || self.answers()
        });
        match left {
            None => Ok(()),
            Some(status) => {
                self.process = None;
                Err(Refused {
                    status,
                    log: self.log() + &self.stderr(),
                })
            }
        }
    }

    fn answers(&self) -> bool {
        let pong = Reply::Simple(b"PONG".to_vec());
        Client::unix(&self.socket())
            .and_then(|mut c| c.try_cmd(["PING"]))
            .is_ok_and(|reply| reply == pong)
    }

    /// A new connection.
    pub fn client(&self) -> Client {
        Client::unix(&self.socket()).unwrap_or_else(|why| panic!("connecting: {why}\n{}", self.log()))
    }

    /// The unix socket it listens on.
    pub fn socket(&self) -> PathBuf {
        self.home().join("socket")
    }

    /// The loopback port it listens on; 0 unless it was built `with_port`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("a running server").id()
    }

    /// The server's own folder (`dir`).
    pub fn data_dir(&self) -> PathBuf {
        self.home().join("data")
    }

    /// The folder of the durable log, at its default place.
    pub fn log_dir(&self) -> PathBuf {
        self.data_dir().join("mylogdir")
    }

    /// The configuration file, to be changed between two starts.
    pub fn config_file(&self) -> PathBuf {
        self.home().join("server.conf")
    }

    fn home(&self) -> &Path {
        self.home.path()
    }

    /// Sends SIGKILL and reaps: what the kernel was not given yet is gone.
    pub fn kill9(&mut self) {
        let mut process = self.process.take().expect("a running server");
        process.kill().expect("SIGKILL");
        process.wait().expect("its end");
    }

    /// Asks it to shut down and waits for its end.
    pub fn term(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait_exit()
    }

    /// Waits until it ends by itself.
    pub fn wait_exit(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("a running server");
        let mut status = None;
        wait_for("the server ends", || {
            status = process.try_wait().expect("its state");
            status.is_some()
        });
        status.expect("it ended")
    }

    /// Sends a signal: SIGSTOP, SIGCONT and the like.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid().try_into().expect("a pid")), signal).expect("a signal");
    }

    /// What the present process has written to its log.
    pub fn log(&self) -> String {
        self.whole_log().split_off(self.log_start)
    }

    fn whole_log(&self) -> String {
        let bytes = fs::read(self.home().join("server.log")).unwrap_or_default();
        // Lossy, but of one byte for one: `log_start` stays an offset.
        bytes
            .iter()
            .map(|b| if b.is_ascii() { char::from(*b) } else { '?' })
            .collect()
    }

    fn stderr_file(&self) -> io::Result<fs::File> {
        fs::File::create(self.home().join("stderr"))
    }

    fn stderr(&self) -> String {
        fs::read_to_string(self.home().join("stderr")).unwrap_or_default()
    }

    /// Keeps the folder when the server goes out of scope, and tells where it is.
    pub fn keep_folder(&mut self) -> &Path {
        self.home.disable_cleanup(true);
        self.home.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // A stopped or dead process is no reason to panic while another panic unwinds.
            let _ = process.kill();
            let _ = process.wait();
        }
        if thread::panicking() {
            let log = self.whole_log();
            let from = log.len().saturating_sub(6000);
            eprintln!(
                "--- end of {}\n{}{}",
                self.home().join("server.log").display(),
                &log[from..],
                self.stderr()
            );
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the server did not come up ({}); its log:\n{}",
            self.status, self.log
        )
    }
}
