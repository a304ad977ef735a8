//! How a server of a test is set up: its folder, its socket, its configuration file.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process;
use std::sync::{Mutex, PoisonError};

use super::artifacts;
use super::server::{Refused, Server};

/// Settings of a server that is still to be started.
#[derive(Clone)]
pub struct ServerBuilder {
    binary: PathBuf,
    module: Option<PathBuf>,
    port: u16,
    before_seven: bool,
    lines: Vec<String>,
}

impl ServerBuilder {
    /// A server with the module, without persistence of its own, that allows DEBUG and MODULE.
    pub fn new() -> Self {
        Self {
            binary: artifacts::server_binary(),
            module: Some(artifacts::module()),
            port: 0,
            before_seven: false,
            // A busy machine's disk may need longer than the defaults: then clients are cut off or refused, rightly.
            lines: vec![
                "mylog.max-wait 30000".to_owned(),
                "mylog.max-unsynced-age 0".to_owned(),
            ],
        }
    }

    /// A stock server, without the module.
    pub fn stock() -> Self {
        Self {
            binary: artifacts::server_binary(),
            module: None,
            port: 0,
            before_seven: false,
            lines: Vec::new(),
        }
    }

    /// Another server binary than the one the tests run on.
    pub fn binary(mut self, path: impl Into<PathBuf>) -> Self {
        self.binary = path.into();
        self
    }

    /// One more line of the server's own configuration.
    pub fn config(mut self, name: &str, value: &str) -> Self {
        self.lines.push(format!("{name} {}", quoted(value)));
        self
    }

    /// One of the module's parameters, named without `mylog.`.
    pub fn mylog(mut self, name: &str, value: &str) -> Self {
        self.lines.push(format!("mylog.{name} {}", quoted(value)));
        self
    }

    /// Also listens on a free loopback port: for replicas, clusters and other people's clients.
    pub fn with_port(mut self) -> Self {
        self.port = free_port();
        self
    }

    /// The binary is older than Redis 7.0, which has no switches for DEBUG and MODULE.
    pub fn before_seven(mut self) -> Self {
        self.before_seven = true;
        self
    }

    /// Starts it and waits until it answers; panics with the server's log when it does not.
    pub fn start(self) -> Server {
        self.try_start().unwrap_or_else(|refused| panic!("{refused}"))
    }

    /// Starts it, or tells why the server left before it answered.
    pub fn try_start(self) -> Result<Server, Refused> {
        let home = tempfile::Builder::new()
            .prefix("mylog-test-")
            .tempdir()
            .expect("a temporary folder");
        fs::create_dir(home.path().join("data")).expect("data folder");
        fs::write(
            home.path().join("server.conf"),
            self.file(&home.path().display().to_string()),
        )
        .expect("configuration file");
        Server::launch(self.binary, home, self.port)
    }

    fn file(&self, home: &str) -> String {
        let mut file = format!(
            "port {}\nbind 127.0.0.1\nunixsocket {home}/socket\ndir {home}/data\nlogfile {home}/server.log\n\
             save \"\"\ndaemonize no\n",
            self.port
        );
        if !self.before_seven {
            file.push_str("enable-debug-command yes\nenable-module-command yes\n");
        }
        if let Some(module) = &self.module {
            file.push_str(&format!("loadmodule {}\n", module.display()));
        }
        for line in &self.lines {
            file.push_str(line);
            file.push('\n');
        }
        file
    }
}

/// An empty value needs its quotes; one of several words (`900 1`) stays several.
fn quoted(value: &str) -> String {
    if value.is_empty() {
        "\"\"".to_owned()
    } else {
        value.to_owned()
    }
}

/// The ports of servers. Below those that the kernel gives to outgoing connections, as is the cluster bus of each.
const PORTS: std::ops::Range<u16> = 11_000..21_000;

/// How far a server's cluster bus is above its port.
const TO_BUS: u16 = 10_000;

/// A port that no other test has, nor will have while this process lives: tests that run beside each other would
/// otherwise find the same one free. What is claimed is claimed on another loopback address, which stays bound.
fn free_port() -> u16 {
    static CLAIMS: Mutex<Vec<TcpListener>> = Mutex::new(Vec::new());
    let mut claims = CLAIMS.lock().unwrap_or_else(PoisonError::into_inner);
    let anywhere = RandomState::new().hash_one(process::id()) % u64::from(TO_BUS);
    let first = usize::try_from(anywhere).expect("a small number");
    let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
    for port in PORTS.cycle().skip(first).take(PORTS.len()) {
        let Ok(claim) = TcpListener::bind(("127.0.0.2", port)) else {
            continue;
        };
        if is_free(port) && is_free(port + TO_BUS) {
            claims.push(claim);
            return port;
        }
    }
    panic!("no port of {PORTS:?} is free");
}
