//! A load generator for rounds of several commands: all clients of a load on one thread, which leaves the server its
//! core on a machine of two. redis-benchmark can send nothing whose replies differ in number from what it sends.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{io, thread};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use super::kinds::Round;
use super::replies;
use crate::support::Server;
use crate::support::wait::{DEADLINE, holds_within};

/// The longest sleep of a load: so late it sees that it is to go on.
const TICK: Duration = Duration::from_millis(2);
/// So long at most a load waits for the last replies: what a server still does would be the next measurement's.
const DRAIN: Duration = Duration::from_millis(100);

/// What a load saw while it was measured.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    /// Rounds a second of all clients together.
    pub rate: f64,
    /// 99th percentile of a round's latency, in ms.
    pub p99_ms: f64,
}

/// How long a measurement is.
#[derive(Debug, Clone, Copy)]
pub struct Length {
    /// Before it.
    pub settle: Duration,
    /// Itself.
    pub measure: Duration,
}

/// Clients of one thread.
pub struct Crowd {
    /// The rounds of each.
    pub clients: Vec<Vec<Round>>,
    /// From one round of a client to its next, at least; the clients are spread over that time. Zero: they never rest.
    pub every: Duration,
}

/// The steps that loads beside each other take together.
#[derive(Default)]
struct Steps {
    step: AtomicU8,
    /// Loads whose clients have each had a round.
    begun: AtomicUsize,
    /// Loads that have seen a round for each client while they are measured.
    enough: AtomicUsize,
}

const MEASURE: u8 = 1;
const END: u8 = 2;

/// Runs loads beside each other, and measures all of them in the same time, which is longer where everything stands still.
pub fn measure<const N: usize>(server: &Server, loads: [Crowd; N], length: Length) -> [Seen; N] {
    let steps = Steps::default();
    thread::scope(|scope| {
        let loads = loads.map(|load| {
            let load = Load::new(server, load);
            scope.spawn(|| load.run(&steps))
        });
        let all = |count: &AtomicUsize| {
            holds_within(DEADLINE, || {
                count.load(Ordering::Relaxed) == N || loads.iter().any(|load| load.is_finished())
            })
        };
        let begun = all(&steps.begun);
        thread::sleep(length.settle);
        steps.step.store(MEASURE, Ordering::Relaxed);
        thread::sleep(length.measure);
        let enough = begun && all(&steps.enough);
        steps.step.store(END, Ordering::Relaxed);
        let seen = loads.map(|load| load.join().expect("a load"));
        assert!(enough, "there were no replies within {DEADLINE:?}");
        seen
    })
}

/// The clients of one thread.
struct Load {
    clients: Vec<Client>,
    every: Duration,
    random: fastrand::Rng,
    /// Latencies of the rounds that ended, in microseconds.
    took: Vec<u32>,
    buffer: Vec<u8>,
}

struct Client {
    stream: UnixStream,
    rounds: Vec<Round>,
    /// Which of them is under way, or comes next.
    place: usize,
    /// Replies that are still to come; 0 when nothing is under way.
    wanted: usize,
    /// When it was sent.
    sent: Instant,
    /// When the next one is to be sent.
    due: Instant,
    /// What has come of a reply that is not whole.
    input: Vec<u8>,
    /// True once a round has ended.
    begun: bool,
}

impl Load {
    fn new(server: &Server, crowd: Crowd) -> Self {
        let (now, count) = (Instant::now(), crowd.clients.len() as u32);
        let connect = |(place, rounds)| {
            let stream = UnixStream::connect(server.socket()).expect("a connection");
            stream
                .set_nonblocking(true)
                .expect("a socket that does not block");
            Client {
                stream,
                rounds,
                place: 0,
                wanted: 0,
                sent: now,
                due: now + crowd.every * place as u32 / count,
                input: Vec::new(),
                begun: false,
            }
        };
        Self {
            clients: crowd.clients.into_iter().enumerate().map(connect).collect(),
            every: crowd.every,
            random: fastrand::Rng::with_seed(3),
            took: Vec::new(),
            buffer: vec![0; 65_536],
        }
    }

    fn run(mut self, steps: &Steps) -> Seen {
        let at = |step| steps.step.load(Ordering::Relaxed) >= step;
        let mut begun = false;
        while !at(MEASURE) {
            self.turn(true);
            if !begun && self.clients.iter().all(|client| client.begun) {
                begun = true;
                steps.begun.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.took.clear();
        let start = Instant::now();
        let mut enough = false;
        while !at(END) {
            self.turn(true);
            if !enough && self.took.len() >= self.clients.len() {
                enough = true;
                steps.enough.fetch_add(1, Ordering::Relaxed);
            }
        }
        let seen = seen(&mut self.took, start.elapsed());
        let end = Instant::now();
        while end.elapsed() < DRAIN && self.clients.iter().any(Client::is_owed) {
            self.turn(false);
        }
        seen
    }

    /// Takes what has come. Whose round has ended sends the next one in its time, if it is to go on.
    fn turn(&mut self, go_on: bool) {
        let (now, mut sleep) = (Instant::now(), TICK);
        for client in self
            .clients
            .iter_mut()
            .filter(|client| client.wanted == 0 && go_on)
        {
            match client.due.checked_duration_since(now) {
                Some(rest) if !rest.is_zero() => sleep = sleep.min(rest),
                _ => client.send(&mut self.random),
            }
        }
        let event = |client: &Client| {
            if client.wanted > 0 {
                PollFlags::POLLIN
            } else {
                PollFlags::empty()
            }
        };
        let mut waiting: Vec<PollFd<'_>> = self
            .clients
            .iter()
            .map(|client| PollFd::new(client.stream.as_fd(), event(client)))
            .collect();
        ppoll(&mut waiting, Some(TimeSpec::from_duration(sleep)), None).expect("poll");
        let ready: Vec<bool> = waiting.iter().map(|fd| fd.any() == Some(true)).collect();
        for (client, _) in self.clients.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
            if client.receive(&mut self.buffer) {
                self.took
                    .push(client.sent.elapsed().as_micros().try_into().unwrap_or(u32::MAX));
                client.due = client.sent + self.every;
                if go_on && self.every.is_zero() {
                    client.send(&mut self.random);
                }
            }
        }
    }
}

impl Client {
    /// True if replies are sure to come: whoever pops may wait for an element that nobody pushes any more.
    fn is_owed(&self) -> bool {
        self.wanted > 0 && !self.rounds[self.place].pops
    }

    fn send(&mut self, random: &mut fastrand::Rng) {
        let round = &mut self.rounds[self.place];
        self.wanted = round.replies;
        self.sent = Instant::now();
        // Some kilobytes at most, and nothing else is under way: the socket takes them whole.
        self.stream
            .write_all(round.next(random))
            .expect("a live connection");
    }

    /// True if the round has ended.
    fn receive(&mut self, buffer: &mut [u8]) -> bool {
        let length = match self.stream.read(buffer) {
            Ok(0) => panic!("the server has closed a connection"),
            Ok(length) => length,
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => return false,
            Err(why) => panic!("a connection: {why}"),
        };
        self.input.extend_from_slice(&buffer[..length]);
        let mut taken = 0;
        while let Some(bytes) = replies::first(&self.input[taken..]) {
            taken += bytes;
            self.wanted -= 1;
        }
        self.input.drain(..taken);
        if self.wanted > 0 {
            return false;
        }
        self.place = (self.place + 1) % self.rounds.len();
        self.begun = true;
        true
    }
}

fn seen(took: &mut [u32], time: Duration) -> Seen {
    took.sort_unstable();
    let place = took.len().saturating_sub(1) * 99 / 100;
    Seen {
        rate: took.len() as f64 / time.as_secs_f64(),
        p99_ms: took.get(place).map_or(0.0, |&us| f64::from(us) / 1000.0),
    }
}
