//! A disk that does as the test says: while the gate is shut, no sync of the log's writer begins, however long
//! that takes. Nothing depends on time. Needs strace and leave to trace the server.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};

use super::client::Client;
use super::reply::Reply;
use super::server::Server;
use super::wait::wait_for;

/// Far beyond any test.
const FOR_EVER: &str = "delay_enter=1000000000";

const WRITES: &str = "write,writev,pwrite64,pwritev,pwritev2";

/// What stands between the writer and the disk. It opens when it goes out of scope.
pub struct SyncGate(Child);

impl SyncGate {
    /// From now on no sync begins.
    pub fn shut(server: &Server) -> Self {
        Self::between(server, "fdatasync", FOR_EVER)
    }

    /// From now on not even a write begins. Without this the log is written while a sync hangs, and after a kill it has that.
    pub fn shut_to_writes(server: &Server) -> Self {
        Self::between(server, WRITES, FOR_EVER)
    }

    /// From now on every write finds the disk full.
    pub fn full(server: &Server) -> Self {
        Self::between(server, WRITES, "error=ENOSPC")
    }

    /// The next sync fails, after time enough to do something meanwhile.
    pub fn failing(server: &Server) -> Self {
        Self::between(server, "fdatasync", "error=EIO:delay_enter=5000000")
    }

    fn between(server: &Server, calls: &str, what: &str) -> Self {
        let mut tracer = Command::new("strace")
            .args(["-o", "/dev/null", "-e", &format!("trace={calls}"), "-e"])
            .arg(format!("inject={calls}:{what}"))
            .args(
                THREADS
                    .iter()
                    .flat_map(|name| ["-p".to_owned(), thread_of(server.pid(), name).to_string()]),
            )
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("no strace. Run `make deps` first.");
        // It says so once a thread can't run another call unseen.
        let mut stderr = BufReader::new(tracer.stderr.take().expect("its stderr"));
        for _ in THREADS {
            let mut said = String::new();
            stderr.read_line(&mut said).expect("a line");
            assert!(said.contains("attached"), "strace: {said}");
        }
        Self(tracer)
    }

    /// What waits goes on, the sync that was held up included.
    pub fn open(self) {
        drop(self);
    }
}

impl Drop for SyncGate {
    fn drop(&mut self) {
        // The kernel lets go of what a dead tracer held.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The log's threads: under `always` the first one syncs itself.
const THREADS: [&str; 2] = ["mylog-writer", "mylog-sync"];

fn thread_of(pid: u32, name: &str) -> u32 {
    let find = || {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
        let is_it = |task: &fs::DirEntry| {
            fs::read_to_string(task.path().join("comm")).is_ok_and(|found| found.trim() == name)
        };
        tasks.flatten().find(is_it)?.file_name().to_str()?.parse().ok()
    };
    let mut writer = None;
    // A thread gives itself its name.
    wait_for("the writer runs", || {
        writer = find();
        writer.is_some()
    });
    writer.expect("just found")
}

/// Waits until the server's event loop stands still, waiting for the writer.
pub fn wait_until_it_stands_still(server: &Server) {
    let path = format!("/proc/{0}/task/{0}/syscall", server.pid());
    let futex = libc::SYS_futex.to_string();
    wait_for("the event loop waits for the disk", || {
        fs::read_to_string(&path).is_ok_and(|call| call.split(' ').next() == Some(&*futex))
    });
}

/// A reply that is to come, or not to come, later.
pub struct Later {
    came: Receiver<io::Result<Reply>>,
    reader: JoinHandle<Client>,
}

impl Later {
    /// Sends a command; its reply is read on another thread.
    pub fn send(mut client: Client, line: &str) -> Self {
        client.send(line.split_ascii_whitespace());
        Self::of(client)
    }

    /// Reads the next reply of a client.
    pub fn of(mut client: Client) -> Self {
        let (sender, came) = channel();
        let reader = thread::spawn(move || {
            let _ = sender.send(client.try_recv());
            client
        });
        Self { came, reader }
    }

    /// Panics if the reply is there.
    pub fn is_not_there(&self, what: &str) {
        if let Ok(reply) = self.came.try_recv() {
            panic!("{what}: answered early with {reply:?}");
        }
    }

    /// The reply, or how the connection ended, and the client.
    pub fn outcome(self) -> (io::Result<Reply>, Client) {
        let reply = self.came.recv().expect("the reader's message");
        (reply, self.reader.join().expect("the reader"))
    }

    /// The reply; panics if the connection ended.
    pub fn reply(self) -> Reply {
        self.outcome().0.expect("a reply")
    }
}

/// Clients whose acknowledgement waits.
pub fn held(client: &mut Client) -> u64 {
    client.info_u64("mylog", "mylog_acks_waiting")
}

/// Waits until so many are held.
pub fn wait_held(client: &mut Client, count: u64) {
    wait_for("so many clients are held", || held(client) == count);
}
