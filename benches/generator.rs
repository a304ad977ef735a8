//! redis-benchmark, the load generator: one measured run, or an endless one in the background.

use std::process::{Child, Command, Stdio};

use crate::support::Server;

/// Bytes of a value in every measurement.
pub const VALUE_BYTES: usize = 100;

/// A value that no compression makes smaller: an RDB preamble would shrink a run of one letter to nothing.
pub fn value(random: &mut fastrand::Rng) -> String {
    (0..VALUE_BYTES).map(|_| random.alphanumeric()).collect()
}

/// A load: so many clients that send one command with random keys.
#[derive(Clone)]
pub struct Generator {
    clients: u32,
    pipeline: u32,
    keys: u64,
    command: Vec<String>,
}

/// What a run of it saw.
pub struct Seen {
    /// Commands a second.
    pub rate: f64,
    /// 99th percentile of the latency, in ms.
    pub p99_ms: f64,
}

/// A load that goes on until this is dropped.
pub struct Endless(Child);

impl Generator {
    /// `__rand_int__` in the command stands for one of `keys` numbers, `__value__` for a value.
    pub fn new(clients: u32, pipeline: u32, keys: u64, command: &str) -> Self {
        let value = value(&mut fastrand::Rng::with_seed(1));
        let words = command.split(' ');
        let command = words.map(|word| {
            if word == "__value__" {
                value.clone()
            } else {
                word.to_owned()
            }
        });
        Self {
            clients,
            pipeline,
            keys,
            command: command.collect(),
        }
    }

    /// Sends so many commands, and waits for their replies.
    pub fn run(&self, server: &Server, requests: u64) -> Seen {
        let output = self.process(server, requests).output().unwrap_or_else(missing);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        seen(&text).unwrap_or_else(|| panic!("redis-benchmark {:?} said: {text}{errors}", self.command))
    }

    /// Sends commands until the result is dropped.
    pub fn start(&self, server: &Server) -> Endless {
        let mut process = self.process(server, 2_000_000_000);
        let process = process.stdout(Stdio::null()).stderr(Stdio::null());
        Endless(process.spawn().unwrap_or_else(missing))
    }

    fn process(&self, server: &Server, requests: u64) -> Command {
        let mut process = Command::new("redis-benchmark");
        process
            .arg("-s")
            .arg(server.socket())
            .arg("--csv")
            .stdin(Stdio::null());
        for (flag, value) in [
            ("-c", u64::from(self.clients)),
            ("-P", u64::from(self.pipeline)),
            ("-n", requests),
            ("-r", self.keys),
        ] {
            process.arg(flag).arg(value.to_string());
        }
        process.args(&self.command);
        process
    }
}

fn missing<T>(why: std::io::Error) -> T {
    panic!("redis-benchmark: {why}. Run `make deps`.")
}

/// The last line: the command, then rate, average, minimum, p50, p95, p99 and maximum, all quoted.
fn seen(csv: &str) -> Option<Seen> {
    let line = csv.lines().rfind(|line| line.starts_with('"'))?;
    let mut from_end = line
        .trim()
        .rsplit(',')
        .map(|field| field.trim_matches('"').parse::<f64>());
    let p99_ms = from_end.nth(1)?.ok()?;
    let rate = from_end.nth(4)?.ok()?;
    Some(Seen { rate, p99_ms })
}

impl Drop for Endless {
    fn drop(&mut self) {
        // It may have ended by itself with its server.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
