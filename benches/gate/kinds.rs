//! What one round of a writer is: the commands that a client sends in one go, and waits for.

use std::time::Duration;

use super::load::Crowd;
use crate::generator::value;
use crate::support::Server;
use crate::support::client::encode;

/// Durable keys that writers choose from.
const KEYS: u64 = 20_000;
/// Cache keys that are there to be read.
pub const CACHE_KEYS: u64 = 2_000;
const PIPELINE: usize = 16;
/// Stands for the digits of a key in a template; as long as these.
const DIGITS: &str = "<<number!>>>";
const SCRIPT: &str = "redis.call('SET', KEYS[1], ARGV[1]) redis.call('SET', KEYS[2], ARGV[1]) return 1";

/// How a client writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One SET.
    Single,
    /// MULTI, two SETs and EXEC, in one send.
    Exec,
    /// Sixteen SETs in one send.
    Pipeline,
    /// A script of two SETs.
    Script,
    /// Half of the clients LPUSH, each to a list of its own, and the others BLPOP from these.
    Pop,
    /// Each client does one of the above after the other.
    Mix,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Single,
        Self::Exec,
        Self::Pipeline,
        Self::Script,
        Self::Pop,
        Self::Mix,
    ];

    /// True if the targets are about it.
    pub fn judged(self) -> bool {
        !matches!(self, Self::Pop | Self::Mix)
    }

    /// For a table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "SET",
            Self::Exec => "EXEC",
            Self::Pipeline => "pipeline",
            Self::Script => "script",
            Self::Pop => "pop",
            Self::Mix => "mix",
        }
    }
}

/// A round, ready to be sent again and again with other keys.
pub struct Round {
    bytes: Vec<u8>,
    /// Where the digits of keys are.
    keys: Vec<usize>,
    among: u64,
    /// Replies that end it.
    pub replies: usize,
    /// True if it may wait for what another client pushes.
    pub pops: bool,
}

impl Round {
    fn of(commands: &[Vec<&str>], among: u64) -> Self {
        let mut bytes = Vec::new();
        for command in commands {
            encode(command, &mut bytes);
        }
        let at = |place: &usize| bytes[*place..].starts_with(DIGITS.as_bytes());
        Self {
            keys: (0..bytes.len()).filter(at).collect(),
            replies: commands.len(),
            pops: commands.iter().any(|command| command[0] == "BLPOP"),
            bytes,
            among,
        }
    }

    /// The bytes to send, with keys by chance.
    pub fn next(&mut self, random: &mut fastrand::Rng) -> &[u8] {
        for &place in &self.keys {
            let mut number = random.u64(..self.among);
            for digit in self.bytes[place..place + DIGITS.len()].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        &self.bytes
    }
}

/// Before the keys of ours that are captured.
pub const DURABLE: &str = "durable:";
/// Before keys that are nobody's.
pub const NATIVE: &str = "native:";

/// What each of so many writers does to keys that begin so, round by round.
pub fn writers(server: &Server, kind: Kind, count: u32, prefix: &str) -> Vec<Vec<Round>> {
    let sha = server.client().cmd(["SCRIPT", "LOAD", SCRIPT]).text();
    let value = value(&mut fastrand::Rng::with_seed(1));
    // No list of an earlier measurement, which may have kept something.
    let queues = fastrand::u32(..);
    (0..count)
        .map(|client| {
            let queue = format!("{prefix}queue:{queues}:{}", client / 2);
            let key = format!("{prefix}{DIGITS}");
            let round = |kind| round(kind, client % 2 == 0, [&key, &queue], &sha, &value);
            match kind {
                Kind::Mix => Kind::ALL
                    .into_iter()
                    .filter(|&each| each != Kind::Mix)
                    .map(round)
                    .collect(),
                kind => vec![round(kind)],
            }
        })
        .collect()
}

fn round(kind: Kind, pushes: bool, [key, queue]: [&str; 2], sha: &str, value: &str) -> Round {
    let set = vec!["SET", key, value];
    let commands = match kind {
        Kind::Single | Kind::Mix => vec![set],
        Kind::Exec => vec![vec!["MULTI"], set.clone(), set, vec!["EXEC"]],
        Kind::Pipeline => vec![set; PIPELINE],
        Kind::Script => vec![vec!["EVALSHA", sha, "2", key, key, value]],
        Kind::Pop if pushes => vec![vec!["LPUSH", queue, value]],
        Kind::Pop => vec![vec!["BLPOP", queue, "0"]],
    };
    Round::of(&commands, KEYS)
}

/// What each of so many readers does.
pub fn readers(count: u32) -> Crowd {
    let key = format!("cache:{DIGITS}");
    let get = || vec![Round::of(&[vec!["GET", &key]], CACHE_KEYS)];
    Crowd {
        clients: (0..count).map(|_| get()).collect(),
        every: Duration::ZERO,
    }
}
