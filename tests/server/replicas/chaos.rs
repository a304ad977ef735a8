//! A primary and a replica under random commands while connections break, servers die and change roles: both come to
//! have the same, in memory and each in its own log.
//!
//! `CHAOS_ROUNDS` says for how many rounds, `CHAOS_SEED` with which seed; both are printed.

use std::time::Duration;

use fastrand::Rng;
use nix::sys::signal::Signal;

use super::replica::{agree, caught_up};
use crate::support::keyspace::{all_is_written, durable, picture, same};
use crate::support::wait::holds_within;
use crate::support::{Client, KeySpace, Reply, Server, soak, wait_for};

const ROUNDS: u64 = 10;
const DATABASES: u32 = 3;
/// An expire time that no test lives to see, in ms from now.
const FAR: u64 = 10_000_000;

/// Random commands.
struct Commands {
    rng: Rng,
}

impl Commands {
    fn key(&mut self) -> String {
        // Names under `c` are captured.
        let kind = ["d", "c", "n"][self.rng.usize(0..3)];
        format!("{kind}{}", self.rng.u32(0..5))
    }

    /// Most expire times have passed before the next look; some pass while a server is down; the rest never.
    fn ttl(&mut self) -> String {
        let ms = match self.rng.u32(0..10) {
            0..=2 => self.rng.u64(1..40),
            3..=4 => self.rng.u64(200..1500),
            _ => FAR + self.rng.u64(0..1000),
        };
        ms.to_string()
    }

    /// The command by our name, or by the native one, which makes a durable key of a captured name alone.
    fn name(&mut self, native: &str, key: &str) -> String {
        let own = key.starts_with('d') || self.rng.u32(0..4) == 0;
        format!("{}{native}", if own { "MYLOG." } else { "" })
    }

    fn one(&mut self) -> Vec<String> {
        let (key, other) = (self.key(), self.key());
        let (ttl, value) = (self.ttl(), self.rng.u32(0..20).to_string());
        let (db, to) = (self.rng.u32(0..DATABASES), self.rng.u32(0..DATABASES));
        let (db, to) = (db.to_string(), to.to_string());
        let (which, seldom) = (self.rng.u32(0..44), self.rng.u32(0..20) == 0);
        let mut own = |name: &str, words: &[&str]| {
            let mut all = vec![self.name(name, words[0])];
            all.extend(words.iter().map(|word| (*word).to_owned()));
            all
        };
        let native = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        match which {
            0 => own("SET", &[&key, &value]),
            1 => own("SET", &[&key, &value, "PX", &ttl]),
            2 => own("SET", &[&key, &value, "KEEPTTL"]),
            3 => own("SET", &[&key, &value, "XX", "GET", "PX", &ttl]),
            4 => own("GETEX", &[&key, "PX", &ttl]),
            5 => own("GETEX", &[&key, "PERSIST"]),
            6 => own("GETDEL", &[&key]),
            7 => own("PSETEX", &[&key, &ttl, &value]),
            8 => own("INCRBY", &[&key, &value]),
            9 => own("APPEND", &[&key, &value]),
            10 | 11 => own("HSET", &[&key, &value, &ttl]),
            12 => own("HDEL", &[&key, &value]),
            13 | 14 => own("RPUSH", &[&key, &value, &ttl]),
            15 => own("LPOP", &[&key]),
            16 => own("LMOVE", &[&key, &other, "LEFT", "RIGHT"]),
            17 | 18 => own("SADD", &[&key, &value, &ttl]),
            19 => own("SPOP", &[&key]),
            20 => own("SUNIONSTORE", &[&key, &other, &key]),
            21 | 22 => own("ZADD", &[&key, &value, &ttl]),
            23 => own("ZUNIONSTORE", &[&key, "2", &other, &key]),
            24 => own("SORT", &[&key, "ALPHA", "STORE", &other]),
            25 | 26 => native(&["PEXPIRE", &key, &ttl]),
            27 => own("PEXPIRE", &[&key, &ttl]),
            28 => native(&["PEXPIRE", &key, &ttl, "GT"]),
            29 => native(&["PERSIST", &key]),
            30 => own("PERSIST", &[&key]),
            31 => native(&["RENAME", &key, &other]),
            32 => own("RENAME", &[&key, &other]),
            33 => native(&["RENAMENX", &key, &other]),
            34 => native(&["COPY", &key, &other, "DB", &db, "REPLACE"]),
            35 => native(&["COPY", &key, &other]),
            36 => native(&["MOVE", &key, &db]),
            37 => native(&["SWAPDB", &db, &to]),
            38 => native(&["DEL", &key, &other]),
            39 => native(&["UNLINK", &key]),
            40 => native(&["SET", &key, &value, "PX", &ttl]),
            41 => own("BITOP", &["OR", &key, &other]),
            42 if seldom => native(&["FLUSHDB"]),
            42 => native(&["SETRANGE", &key, "3", &value]),
            _ => {
                const SCRIPT: &str = "redis.call('MYLOG.SADD', KEYS[1], ARGV[1]) \
                    redis.call('PEXPIRE', KEYS[1], ARGV[2]) \
                    redis.call('RENAME', KEYS[1], KEYS[2]) \
                    return redis.call('MYLOG.RPUSH', KEYS[1], ARGV[1])";
                native(&["EVAL", SCRIPT, "2", &key, &other, &value, &ttl])
            }
        }
    }

    /// Sends some, alone and in transactions; what does not fit is an error on both sides.
    fn send(&mut self, client: &mut Client) {
        for _ in 0..self.rng.u32(10..150) {
            match self.rng.u32(0..30) {
                0 => {
                    client.ok(&format!("SELECT {}", self.rng.u32(0..DATABASES)));
                }
                1 => {
                    let key = self.key();
                    if let Some(dump) = client.cmd(["DUMP", &*key]).bytes() {
                        let (to, ttl) = (self.key(), self.ttl());
                        client.cmd([b"RESTORE", to.as_bytes(), ttl.as_bytes(), &dump, b"REPLACE"]);
                    }
                }
                2..=4 => {
                    client.ok("MULTI");
                    for _ in 0..self.rng.u32(1..5) {
                        let command = self.one();
                        client.cmd(command);
                    }
                    client.run("EXEC");
                }
                5 if self.rng.u32(0..10) == 0 => {
                    client.run("MYLOG.REWRITE");
                }
                _ => {
                    let command = self.one();
                    client.cmd(command);
                }
            }
        }
    }
}

/// Two servers, of which one follows the other.
struct Pair {
    servers: [Server; 2],
    leads: usize,
    random: Rng,
}

impl Pair {
    fn start(mut random: Rng) -> Self {
        // Where a full sync is loaded from.
        let load = ["disabled", "on-empty-db", "swapdb"][random.usize(0..3)];
        eprintln!("repl-diskless-load {load}");
        let build = || {
            Server::build()
                .mylog("appendfsync", "everysec")
                .mylog("capture", "c")
                .mylog("flush-policy", "flush")
                .mylog("auto-rewrite-min-size", "100kb")
                .config("repl-diskless-sync-delay", "0")
                .config("repl-backlog-size", "1mb")
                .config("repl-diskless-load", load)
                .with_port()
                .start()
        };
        let pair = Self {
            servers: [build(), build()],
            leads: 0,
            random,
        };
        pair.follow();
        let port = pair.primary().port();
        pair.replica().client().ok(&format!("REPLICAOF 127.0.0.1 {port}"));
        pair
    }

    fn primary(&self) -> &Server {
        &self.servers[self.leads]
    }

    fn replica(&self) -> &Server {
        &self.servers[1 - self.leads]
    }

    /// Whom each follows from its next start on.
    fn follow(&self) {
        for (at, server) in self.servers.iter().enumerate() {
            let file = std::fs::read_to_string(server.config_file()).unwrap();
            let kept = file.lines().filter(|line| !line.starts_with("replicaof "));
            let mut file: Vec<String> = kept.map(str::to_owned).collect();
            if at != self.leads {
                file.push(format!("replicaof 127.0.0.1 {}", self.primary().port()));
            }
            std::fs::write(server.config_file(), file.join("\n") + "\n").unwrap();
        }
    }

    /// Ends a server in one way or another and starts it again.
    fn restart(&mut self, at: usize) {
        let server = &mut self.servers[at];
        if self.random.bool() {
            server.kill9();
        } else {
            server.term();
        }
        server.restart();
    }

    /// Something goes wrong. Returns what.
    fn event(&mut self) -> &'static str {
        let (leads, follows) = (self.leads, 1 - self.leads);
        let mut client = self.servers[leads].client();
        let mut own = self.servers[follows].client();
        match self.random.u32(0..14) {
            0 => "nothing",
            1 | 2 => {
                self.restart(follows);
                "the replica is restarted"
            }
            3 => {
                self.restart(leads);
                "the primary is restarted"
            }
            4 => {
                wait_for("SAVE", || client.run("SAVE").is_ok());
                self.restart(leads);
                "the primary saves and is restarted"
            }
            5 => {
                own.run("SAVE");
                self.restart(follows);
                "the replica saves and is restarted"
            }
            6 => {
                client.run("CLIENT KILL TYPE replica");
                "the link breaks at the primary"
            }
            7 => {
                own.run("CLIENT KILL TYPE master");
                "the link breaks at the replica"
            }
            8 => {
                client.run("DEBUG CHANGE-REPL-ID");
                client.run("CLIENT KILL TYPE replica");
                "a full sync"
            }
            9 => {
                own.ok("REPLICAOF NO ONE");
                own.run("MYLOG.SET d0 of-its-own PX 20");
                own.run("MYLOG.RPUSH d1 of-its-own");
                own.run("DEL d2 d3 c1 c2");
                own.ok(&format!("REPLICAOF 127.0.0.1 {}", self.primary().port()));
                "the replica is a primary for a while"
            }
            10 => {
                self.restart(follows);
                self.restart(leads);
                "both are restarted"
            }
            11 => {
                caught_up(self.replica(), self.primary());
                own.ok("REPLICAOF NO ONE");
                self.leads = follows;
                self.follow();
                self.restart(leads);
                "the replica takes over"
            }
            12 => {
                own.run("DEBUG RELOAD");
                "the replica reloads itself"
            }
            _ => {
                own.run("MYLOG.REWRITE");
                client.run("MYLOG.REWRITE");
                "both rewrite their logs"
            }
        }
    }
}

fn digest(client: &mut Client) -> Reply {
    client.run("MYLOG.DEBUG DIGEST")
}

/// Waits until all that ends soon is gone, here and in the stream.
fn expires(client: &mut Client) {
    for db in 0..DATABASES {
        client.ok(&format!("SELECT {db}"));
        wait_for("no key ends soon", || {
            // It deletes what has expired.
            client.run("SCAN 0 COUNT 1000");
            let keys = client.run("KEYS *").items();
            let ends_soon = |key: Reply| {
                let left = client.run(&format!("PTTL {}", key.text())).int();
                left != -1 && left < i64::try_from(FAR / 2).unwrap()
            };
            let count = keys.len();
            !keys.into_iter().any(ends_soon) && usize::try_from(client.run("DBSIZE").int()).unwrap() == count
        });
    }
    client.ok("SELECT 0");
}

/// What a server of its own makes of a copy of this one's log.
fn alone(server: &Server) -> (Reply, KeySpace) {
    all_is_written(&mut server.client());
    let mut copy = Server::build().start();
    copy.kill9();
    const LOG: &str = "current.mylog";
    std::fs::copy(server.log_dir().join(LOG), copy.log_dir().join(LOG)).unwrap();
    copy.restart();
    let mut client = copy.client();
    (digest(&mut client), durable(&picture(&mut client)))
}

fn round(pair: &mut Pair, commands: &mut Commands, what: &str) {
    commands.send(&mut pair.primary().client());
    let stopped = pair.random.u32(0..6) == 0;
    if stopped {
        pair.replica().signal(Signal::SIGSTOP);
        commands.send(&mut pair.primary().client());
        pair.replica().signal(Signal::SIGCONT);
    }
    let event = pair.event();
    eprintln!("{what}: {event}");
    commands.send(&mut pair.primary().client());
    let mut client = pair.primary().client();
    expires(&mut client);
    agree(pair.replica(), pair.primary());
    let wanted = digest(&mut client);
    for server in &pair.servers {
        let mut found = (Reply::Nil, KeySpace::new());
        let its_log_has_it = || {
            found = alone(server);
            found.0 == wanted
        };
        if !holds_within(Duration::from_secs(5), its_log_has_it) {
            eprintln!("{what}, {event}: the log of {} is wrong", server.port());
            same(&found.1, &durable(&picture(&mut client)));
            assert_eq!(found.0, wanted);
        }
    }
}

#[test]
fn a_primary_and_its_replica_have_the_same_in_memory_and_log_whatever_happens_to_them() {
    let seed = soak::number("CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..));
    let rounds = soak::times("CHAOS_ROUNDS", ROUNDS);
    eprintln!("CHAOS_SEED={seed} CHAOS_ROUNDS={rounds}");
    let mut rng = Rng::with_seed(seed);
    let mut commands = Commands { rng: rng.fork() };
    let mut pair = Pair::start(rng);
    for at in 0..rounds {
        round(&mut pair, &mut commands, &format!("seed {seed}, round {at}"));
    }
    soak::total("replica under chaos", &format!("{rounds} rounds, seed {seed}"));
}
