//! The gate over TLS: a gated client may have sent more than a record of TLS holds, and what was decrypted lies in the library.

use std::io::{BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::artifacts::server_binary;
use crate::support::client::encode;
use crate::support::neighbour::{Service, nobody_pays};
use crate::support::python::Application;
use crate::support::sync_gate::{SyncGate, wait_held};
use crate::support::{Reply, Server, ServerBuilder, wait_for};

/// A certificate for both sides.
fn certificate() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=mylog",
        ])
        .arg("-keyout")
        .arg(folder.path().join("key"))
        .arg("-out")
        .arg(folder.path().join("certificate"))
        .stderr(Stdio::null())
        .status();
    assert!(
        made.is_ok_and(|status| status.success()),
        "no openssl. Run `make deps` first."
    );
    folder
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A client that speaks TLS. Its replies come on a channel.
struct Secure {
    program: Child,
    input: ChildStdin,
    replies: Receiver<Reply>,
}

impl Secure {
    fn new(port: u16) -> Self {
        let mut program = Command::new("openssl")
            .args(["s_client", "-quiet", "-connect", &format!("127.0.0.1:{port}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = program.stdin.take().unwrap();
        let mut output = BufReader::new(program.stdout.take().unwrap());
        let (sender, replies) = channel();
        thread::spawn(move || {
            while let Ok(reply) = Reply::read(&mut output, &mut Vec::new()) {
                let _ = sender.send(reply);
            }
        });
        Self {
            program,
            input,
            replies,
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.input.write_all(bytes).unwrap();
        self.input.flush().unwrap();
    }

    fn recv(&self) -> Reply {
        self.replies
            .recv_timeout(Duration::from_secs(30))
            .expect("a reply")
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// A server that listens for TLS on a port, with the certificate's folder; none if this server has no TLS.
fn start(settings: impl Fn(ServerBuilder) -> ServerBuilder) -> Option<(Server, u16, TempDir)> {
    let (folder, port) = (certificate(), free_port());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let server = settings(Server::build())
        .config("tls-port", &port.to_string())
        .config("tls-cert-file", &path("certificate"))
        .config("tls-key-file", &path("key"))
        .config("tls-auth-clients", "no")
        .mylog("appendfsync", "always")
        .try_start();
    match server {
        Err(refused) if refused.log.contains("TLS support") => {
            eprintln!("{} has no TLS: nothing to test", server_binary().display());
            None
        }
        server => Some((server.unwrap_or_else(|refused| panic!("{refused}")), port, folder)),
    }
}

/// Many clients that speak TLS, in one program.
struct Crowd {
    program: Application,
    said: Vec<String>,
}

impl Crowd {
    /// Connects them; they send what they have to send. `also`: the server's process, and a command in the middle.
    fn new(port: u16, count: usize, also: &[&str]) -> Self {
        let (port, count) = (port.to_string(), count.to_string());
        let args: Vec<&str> = [&*port, &*count]
            .into_iter()
            .chain(also.iter().copied())
            .collect();
        Self {
            program: Application::start("ssl", "tls_clients.py", &args),
            said: Vec::new(),
        }
    }

    fn has_said(&mut self, word: &str) -> bool {
        self.said.extend(self.program.said());
        self.said.iter().any(|said| said == word)
    }

    fn wait(&mut self, word: &str) {
        wait_for(&format!("the clients say that they are {word}"), || {
            assert!(self.program.runs(), "the clients ended: a reply was wrong");
            self.has_said(word)
        });
    }
}

/// Pipelines longer than the query buffer, while no sync ends: nothing comes early, all comes in order.
#[test]
fn long_pipelines_over_tls_wait() {
    let Some((server, port, _folder)) = start(|server| server) else {
        return;
    };
    let mut other = server.client();
    let mut clients: Vec<Secure> = (0..4).map(|_| Secure::new(port)).collect();
    for client in &mut clients {
        let mut ping = Vec::new();
        encode(["PING"], &mut ping);
        client.send(&ping);
        assert_eq!(client.recv().text(), "PONG");
    }
    let gate = SyncGate::shut(&server);
    let value = "v".repeat(1000);
    for (n, client) in clients.iter_mut().enumerate() {
        let mut bytes = Vec::new();
        for line in 0..100 {
            encode(["MYLOG.SET", &format!("key:{n}:{line}"), &value], &mut bytes);
            encode(["ECHO", &line.to_string()], &mut bytes);
        }
        client.send(&bytes);
    }
    wait_held(&mut other, clients.len() as u64);
    for client in &clients {
        assert!(client.replies.try_recv().is_err(), "early");
    }
    gate.open();
    for client in &clients {
        for line in 0..100 {
            assert!(client.recv().is_ok());
            assert_eq!(client.recv().text(), line.to_string());
        }
    }
    wait_held(&mut other, 0);
}

/// The server reads a long argument to its end, and runs what TLS has decrypted behind it when the turn is over.
#[test]
fn who_was_served_is_told_of_it_whoever_ends_the_wait_over_tls() {
    let Some((server, port, _folder)) = start(|server| server.mylog("capture", "q:")) else {
        return;
    };
    let (mut client, mut other, mut secure) = (server.client(), server.client(), Secure::new(port));
    // Whoever waits for the disk is not read.
    assert!(other.run("CONFIG SET mylog.appendfsync everysec").is_ok());
    let id = client.run("CLIENT ID").int().to_string();
    for turn in 0..50 {
        client.send(["BLPOP", "q:l", "0"]);
        wait_for("it is blocked", || {
            other.info_u64("clients", "blocked_clients") == 1
        });
        let mut bytes = Vec::new();
        encode(["RPUSH", "q:l", &"v".repeat(33_000 + turn * 500)], &mut bytes);
        encode(["CLIENT", "UNBLOCK", &id, "ERROR"], &mut bytes);
        secure.send(&bytes);
        assert_eq!(secure.recv(), Reply::Int(1));
        assert_eq!(secure.recv(), Reply::Int(0), "turn {turn}");
        assert_eq!(client.recv().items().len(), 2, "turn {turn}");
    }
}

/// Each time the loop of the server would have a reason not to sleep: what TLS has decrypted and, on some servers, what lies in the
/// sockets.
#[test]
fn hundreds_of_long_pipelines_over_tls_wait_for_a_hung_sync_and_nobody_pays_for_it() {
    const CLIENTS: usize = 300;
    let Some((server, port, _folder)) = start(|server| server) else {
        return;
    };
    let mut other = server.client();
    other.ok("SET native v");
    let (mut waiting, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let gate = SyncGate::shut(&server);
        let mut crowd = Crowd::new(port, CLIENTS, &[]);
        crowd.wait("sent");
        wait_held(&mut other, CLIENTS as u64);
        waiting.push(Service::of(&server, &mut other, "native"));
        assert!(!crowd.has_said("answered"), "early");
        gate.open();
        crowd.wait("done");
        wait_held(&mut other, 0);
        idle.push(Service::of(&server, &mut other, "native"));
    }
    nobody_pays(&waiting, &idle);
}

/// What TLS has decrypted of a client is read while the client waits. What it runs must not have others answered who are read as well.
#[test]
fn slow_scripts_among_what_tls_has_decrypted_have_nobody_answered_early() {
    const CLIENTS: usize = 8;
    let Some((server, port, _folder)) = start(|server| server.config("busy-reply-threshold", "10")) else {
        return;
    };
    let mut other = server.client();
    other.ok("MYLOG.SET first v");
    let gate = SyncGate::shut(&server);
    let slow = "local n = 0 for i = 1, 5e6 do n = n + i end return 1";
    let server_id = server.pid().to_string();
    let mut crowd = Crowd::new(port, CLIENTS, &[&*server_id, "EVAL", slow, "0"]);
    crowd.wait("sent");
    wait_for("all scripts have run", || {
        assert!(!crowd.has_said("answered"), "early");
        // While one runs others are told that the server is busy.
        let stats = other.run("INFO commandstats");
        let calls = format!("cmdstat_eval:calls={CLIENTS},");
        !stats.is_error("BUSY") && stats.text().contains(&calls)
    });
    wait_held(&mut other, CLIENTS as u64);
    assert!(!crowd.has_said("answered"), "early");
    gate.open();
    crowd.wait("done");
    wait_held(&mut other, 0);
}
