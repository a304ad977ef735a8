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
use crate::support::sync_gate::{SyncGate, wait_held};
use crate::support::{Reply, Server};

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

/// Pipelines longer than the query buffer, while no sync ends: nothing comes early, all comes in order.
#[test]
fn long_pipelines_over_tls_wait() {
    let folder = certificate();
    let port = free_port();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let server = Server::build()
        .config("tls-port", &port.to_string())
        .config("tls-cert-file", &path("certificate"))
        .config("tls-key-file", &path("key"))
        .config("tls-auth-clients", "no")
        .mylog("appendfsync", "always")
        .try_start();
    let server = match server {
        Err(refused) if refused.log.contains("TLS support") => {
            eprintln!("{} has no TLS: nothing to test", server_binary().display());
            return;
        }
        server => server.unwrap_or_else(|refused| panic!("{refused}")),
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
