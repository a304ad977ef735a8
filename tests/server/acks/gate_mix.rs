//! No reply is lost, doubled or out of order: many connections send a random mix in pipelines of 1 to 64 commands under
//! `always`, and each reply is checked against what the connection knows its own keys to hold, while others are killed, unblocked
//! and paused, read late, leave early, and a script runs until it is killed.
//!
//! `GATE_MIX_SEED` chooses the mix, `GATE_MIX` how many pipelines each connection sends in a round.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use super::gate_model::{Model, Op, What, counters, random_pipeline, slow_reader};
use crate::support::client::encode;
use crate::support::io_threads::set_to_work;
use crate::support::slow_disk::SlowDisk;
use crate::support::sync_gate::wait_held;
use crate::support::{Client, Reply, Server, soak, wait_for};

const WORKERS: usize = 64;
const ROUNDS: usize = 2;
const CHANNELS: usize = 4;
const FEEDERS: usize = 8;

/// What the connections of a round know of each other.
struct Round<'s> {
    server: &'s Server,
    seed: u64,
    number: usize,
    pipelines: u64,
    /// Ids of those who work.
    ids: Mutex<HashMap<usize, i64>>,
    killed: Mutex<HashSet<i64>>,
    unblocked: Mutex<HashSet<i64>>,
    /// Numbers that the shared counters gave out, and how many requests for one stayed without an answer.
    given: [Mutex<Vec<i64>>; 2],
    unanswered: [AtomicU64; 2],
    published: Mutex<Vec<(String, u64)>>,
    scripts_ran_long: AtomicBool,
    at_work: AtomicUsize,
    checked: AtomicU64,
}

impl<'s> Round<'s> {
    fn new(server: &'s Server, seed: u64, number: usize, pipelines: u64) -> Self {
        Self {
            server,
            seed,
            number,
            pipelines,
            ids: Mutex::default(),
            killed: Mutex::default(),
            unblocked: Mutex::default(),
            given: Default::default(),
            unanswered: Default::default(),
            published: Mutex::default(),
            scripts_ran_long: AtomicBool::new(false),
            at_work: AtomicUsize::new(WORKERS),
            checked: AtomicU64::new(0),
        }
    }

    fn was(&self, set: &Mutex<HashSet<i64>>, id: i64) -> bool {
        set.lock().unwrap().contains(&id)
    }
}

/// One who works, with a connection and keys of its own; with new ones after it was killed.
struct Worker<'r> {
    round: &'r Round<'r>,
    feeds: Vec<Sender<String>>,
    number: usize,
    lives: usize,
    client: Client,
    id: i64,
    model: Model,
}

impl<'r> Worker<'r> {
    fn new(round: &'r Round<'r>, feeds: Vec<Sender<String>>, number: usize, lives: usize) -> Self {
        let mut client = round.server.client();
        let id = loop {
            match client.run("CLIENT ID") {
                Reply::Int(id) => break id,
                busy => assert!(busy.is_error("BUSY"), "{busy:?}"),
            }
        };
        round.ids.lock().unwrap().insert(number, id);
        let name = format!("{}.{number}.{lives}", round.number);
        Self {
            round,
            feeds,
            number,
            lives,
            client,
            id,
            model: Model::new(name),
        }
    }

    fn work(mut self) {
        let seed = self.round.seed ^ ((self.round.number * WORKERS + self.number) as u64) << 20;
        let mut random = fastrand::Rng::with_seed(seed);
        for pipeline in 0..self.round.pipelines {
            let reads_late = random.u8(..8) == 0;
            let ops = match reads_late {
                true => slow_reader(&mut self.model, &mut random),
                false => random_pipeline(&mut self.model, &mut random),
            };
            if let Err(left) = self.run(ops, reads_late, pipeline) {
                left.iter().filter_map(|what| what.counter()).for_each(|which| {
                    self.round.unanswered[which].fetch_add(1, Ordering::Relaxed);
                });
                self = Self::new(self.round, self.feeds, self.number, self.lives + 1);
            }
        }
        self.round.ids.lock().unwrap().remove(&self.number);
        self.round.at_work.fetch_sub(1, Ordering::Relaxed);
    }

    /// Sends them in one go and checks each reply. Gives back what was not answered if the connection was killed.
    fn run(&mut self, ops: Vec<Op>, reads_late: bool, pipeline: u64) -> Result<(), Vec<What>> {
        let mut bytes = Vec::new();
        for op in &ops {
            encode(&op.words, &mut bytes);
            if let What::Served(_) = op.what {
                self.feeds[self.number % FEEDERS]
                    .send(self.model.served_key())
                    .unwrap();
            }
        }
        let mut whats: Vec<What> = ops.into_iter().map(|op| op.what).collect();
        if let Err(why) = self.client.try_send_bytes(&bytes) {
            assert!(self.round.was(&self.round.killed, self.id), "sending: {why}");
            return Err(whats);
        }
        if reads_late {
            thread::sleep(Duration::from_millis(40));
        }
        for n in 0..whats.len() {
            match self.client.try_recv() {
                Ok(reply) => self.check(&whats[n], reply, n, pipeline),
                Err(why) => {
                    let where_ = format!("{}, pipeline {pipeline}, reply {n}", self.model.name);
                    assert!(self.round.was(&self.round.killed, self.id), "{where_}: {why}");
                    return Err(whats.split_off(n));
                }
            }
        }
        Ok(())
    }

    fn check(&mut self, what: &What, reply: Reply, n: usize, pipeline: u64) {
        self.round.checked.fetch_add(1, Ordering::Relaxed);
        let where_ = format!("{}, pipeline {pipeline}, reply {n}, to {what:?}", self.model.name);
        if reply.is_error("BUSY") || reply.is_error("EXECABORT") {
            assert!(
                self.round.scripts_ran_long.load(Ordering::Relaxed),
                "{where_}: {reply:?}"
            );
            return self.model.refused(what);
        }
        let may_be_unblocked = self.round.was(&self.round.unblocked, self.id);
        if what.blocks() && may_be_unblocked && (reply == Reply::Nil || reply.is_error("UNBLOCKED")) {
            return;
        }
        let told = self
            .model
            .check(what, reply)
            .unwrap_or_else(|why| panic!("{where_}: {why}"));
        for (which, number) in told.given {
            self.round.given[which].lock().unwrap().push(number);
        }
        for number in told.published {
            let by = self.model.name.clone();
            self.round.published.lock().unwrap().push((by, number));
        }
    }
}

/// Pushes what others wait for, one for each time that it is asked.
fn feed(server: &Server, asked: &Receiver<String>) {
    let mut client = server.client();
    let mut counts: HashMap<String, u64> = HashMap::new();
    while let Ok(key) = asked.recv() {
        let count = counts.entry(key.clone()).or_default();
        loop {
            match client.cmd(["RPUSH", &key, &count.to_string()]) {
                Reply::Int(_) => break,
                busy => assert!(busy.is_error("BUSY"), "{busy:?}"),
            }
        }
        *count += 1;
    }
}

/// What a subscriber has heard, by who published it.
type Heard = BTreeMap<String, Vec<u64>>;

/// Hears a channel until the last message.
fn listen(mut client: Client, ready: &Sender<()>) -> Heard {
    let mut heard = Heard::new();
    assert_eq!(client.recv().items().len(), 3);
    ready.send(()).unwrap();
    loop {
        let message = client.recv().items().pop().unwrap().text();
        let Some((by, number)) = message.split_once('/') else {
            return heard;
        };
        let (numbers, number) = (heard.entry(by.to_owned()).or_default(), number.parse().unwrap());
        assert!(numbers.last() < Some(&number), "{by}: {numbers:?}, then {number}");
        numbers.push(number);
    }
}

/// Does to others what may be done to them, until all have worked.
fn disturb(round: &Round<'_>) {
    let mut random = fastrand::Rng::with_seed(round.seed ^ 0xd157);
    let mut control = round.server.client();
    while round.at_work.load(Ordering::Relaxed) > 0 {
        let ids: Vec<i64> = round.ids.lock().unwrap().values().copied().collect();
        let Some(id) = random.choice(ids).map(|id| id.to_string()) else {
            continue;
        };
        match random.u8(..12) {
            0 => {
                round.killed.lock().unwrap().insert(id.parse().unwrap());
                control.cmd(["CLIENT", "KILL", "ID", &id]);
            }
            1..4 => {
                // Redis 7.0 and Valkey 8.0 answer a client that a pause has put off, or end, without any module as well.
                assert!(control.run("CLIENT UNPAUSE").is_ok());
                round.unblocked.lock().unwrap().insert(id.parse().unwrap());
                control.cmd([
                    "CLIENT",
                    "UNBLOCK",
                    &id,
                    random.choice(["TIMEOUT", "ERROR"]).unwrap(),
                ]);
            }
            4..6 => {
                let (ms, which) = (
                    random.u8(1..30).to_string(),
                    random.choice(["WRITE", "ALL"]).unwrap(),
                );
                assert!(control.cmd(["CLIENT", "PAUSE", &ms, which]).is_ok());
            }
            6..8 => leave_while_gated(round.server, random.usize(1..64)),
            8 => run_long(round),
            _ => {}
        }
        thread::sleep(Duration::from_millis(random.u64(..10)));
    }
}

/// Sends changes and is gone before they can be durable.
fn leave_while_gated(server: &Server, commands: usize) {
    let mut bytes = Vec::new();
    for _ in 0..commands {
        encode(["MYLOG.INCR", "left"], &mut bytes);
    }
    server.client().try_send_bytes(&bytes).unwrap();
}

/// A gated client's script runs until it is killed; what was sent behind it is run.
fn run_long(round: &Round<'_>) {
    round.scripts_ran_long.store(true, Ordering::Relaxed);
    let mut client = round.server.client();
    let mut bytes = Vec::new();
    encode(["MYLOG.SET", "long", "v"], &mut bytes);
    encode(["EVAL", "while true do end", "0"], &mut bytes);
    for n in 0..10 {
        encode(["ECHO", &n.to_string()], &mut bytes);
    }
    client.try_send_bytes(&bytes).unwrap();
    let (set, killed) = thread::scope(|scope| {
        let replies = scope.spawn(|| (client.recv(), client.recv()));
        wait_for("the script is killed", || {
            kill_script(round.server);
            replies.is_finished()
        });
        replies.join().unwrap()
    });
    assert!(set.is_ok());
    assert!(
        killed.is_error("") && killed.clone().text().contains("killed"),
        "{killed:?}"
    );
    for n in 0..10 {
        assert_eq!(client.recv().text(), n.to_string());
    }
}

/// Whoever is gated when a script begins is heard at its end. So each try has a connection of its own, and none waits.
fn kill_script(server: &Server) {
    let mut stream = UnixStream::connect(server.socket()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    stream.write_all(b"SCRIPT KILL\r\n").unwrap();
    let _ = stream.read(&mut [0; 100]);
}

/// Everything that was sent is answered: nobody is gated, protected, missing or left over.
fn is_at_rest(control: &mut Client, clients: usize) {
    wait_held(control, 0);
    let mut list = String::new();
    wait_for("every client is read, and none is left over", || {
        list = control.run("CLIENT LIST").text();
        let is_read = |line: &str| {
            let events = line.split(' ').find_map(|word| word.strip_prefix("events="));
            events.is_some_and(|events| events.contains('r'))
        };
        list.lines().count() == clients && list.lines().all(is_read)
    });
    assert_eq!(control.info_u64("clients", "blocked_clients"), 0);
}

fn one_round(server: &Server, seed: u64, number: usize, pipelines: u64) -> u64 {
    let mut control = server.client();
    let round = Round::new(server, seed, number, pipelines);
    let before = counters().map(|name| {
        let text = control.run(&format!(
            "{} {name}",
            if name == "shared:durable" {
                "MYLOG.GET"
            } else {
                "GET"
            }
        ));
        text.text().parse().unwrap_or(0)
    });
    let (feeds, asked): (Vec<Sender<String>>, Vec<Receiver<String>>) =
        (0..FEEDERS).map(|_| channel()).unzip();
    let (ready, is_ready) = channel();
    let heard: Vec<Heard> = thread::scope(|scope| {
        let listeners: Vec<_> = (0..CHANNELS)
            .map(|n| {
                let mut client = server.client();
                client.send(["SUBSCRIBE", &format!("channel:{n}")]);
                let ready = ready.clone();
                let listener = scope.spawn(move || listen(client, &ready));
                is_ready.recv().unwrap();
                listener
            })
            .collect();
        for asked in asked {
            scope.spawn(move || feed(server, &asked));
        }
        let round = &round;
        let workers: Vec<_> = (0..WORKERS)
            .map(|n| {
                let feeds = feeds.clone();
                scope.spawn(move || Worker::new(round, feeds, n, 0).work())
            })
            .collect();
        drop(feeds);
        let disturber = scope.spawn(move || disturb(round));
        let done: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        round.at_work.store(0, Ordering::Relaxed);
        disturber.join().unwrap();
        for n in 0..CHANNELS {
            assert_eq!(control.run(&format!("PUBLISH channel:{n} end")).int(), 1);
        }
        let heard = listeners
            .into_iter()
            .map(|listener| listener.join().unwrap())
            .collect();
        done.into_iter().for_each(|done| done.expect("a worker"));
        heard
    });
    is_at_rest(&mut control, 1);
    for (by, number) in round.published.lock().unwrap().iter() {
        let found = heard.iter().any(|heard| {
            heard
                .get(by)
                .is_some_and(|numbers| numbers.binary_search(number).is_ok())
        });
        assert!(found, "message {number} of {by} was lost");
    }
    for (which, before) in before.into_iter().enumerate() {
        given_out_once(&round, which, before);
    }
    round.checked.load(Ordering::Relaxed)
}

/// No number twice, and none missing but for connections that were killed before they were told.
fn given_out_once(round: &Round<'_>, which: usize, before: i64) {
    let mut given = round.given[which].lock().unwrap().clone();
    given.sort_unstable();
    assert!(
        given.windows(2).all(|two| two[0] < two[1]),
        "a number was given out twice"
    );
    let last = given.last().copied().unwrap_or(before);
    let missing = (last - before) - given.len() as i64;
    let unanswered = round.unanswered[which].load(Ordering::Relaxed);
    assert!(given.first().is_none_or(|first| *first > before));
    assert!(
        (0..=unanswered as i64).contains(&missing),
        "{missing} numbers are missing, {unanswered} requests were not answered"
    );
}

fn mix(build: crate::support::ServerBuilder, what: &str) {
    let seed = soak::number("GATE_MIX_SEED").unwrap_or(10);
    let pipelines = soak::times("GATE_MIX", 8);
    eprintln!("{what}: GATE_MIX_SEED={seed}");
    let server = build
        .mylog("appendfsync", "always")
        .mylog("capture", "cap:")
        .config("busy-reply-threshold", "10")
        .start();
    let mut client = server.client();
    client.cmd(["MYLOG.SET", "large", &"v".repeat(What::LARGE)]);
    set_to_work(&mut client);
    let gate = client.info("mylog")["mylog_gate"] == "on";
    drop(client);
    // Without the gate every command, and every unit of all clients together, takes a sync of its own.
    let pipelines = match gate || !what.contains("slow disk") {
        true => pipelines,
        false => pipelines.div_ceil(4),
    };
    let rounds = (0..ROUNDS).map(|number| one_round(&server, seed, number, pipelines));
    let checked: u64 = rounds.sum();
    let mut client = server.client();
    // Beside I/O threads it waits where it is not known whose command it is.
    if gate && client.config("io-threads") == "1" {
        assert_eq!(client.info_u64("mylog", "mylog_event_loop_waited_usec"), 0);
    }
    soak::total(what, &format!("{checked} replies checked, seed {seed}"));
}

#[test]
fn a_mix_on_one_thread() {
    mix(Server::build(), "gate mix");
}

#[test]
fn a_mix_on_four_threads() {
    mix(
        Server::build().config("io-threads", "4"),
        "gate mix, io-threads 4",
    );
}

#[test]
fn a_mix_on_a_slow_disk() {
    let disk = SlowDisk::new();
    mix(disk.build(), "gate mix, slow disk");
}

#[test]
fn a_mix_on_a_slow_disk_and_four_threads() {
    let disk = SlowDisk::new();
    mix(
        disk.build().config("io-threads", "4"),
        "gate mix, slow disk, io-threads 4",
    );
}
