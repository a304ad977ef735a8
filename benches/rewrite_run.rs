//! One rewrite under a write load, watched from outside: the writes, the event loop, the memory, the disk.

use std::thread;
use std::time::{Duration, Instant};

use crate::contender::Contender;
use crate::generator::Generator;
use crate::memory;
use crate::probe::Probe;
use crate::support::{Client, Server, leftovers};

/// How often the server is asked how far it is.
const LOOK: Duration = Duration::from_millis(20);
/// A wait that begins so shortly before the end was seen, or until so shortly after it, is counted to the end.
const AROUND_END: Duration = Duration::from_millis(150);
/// Past this a rewrite is said not to end.
const GIVE_UP: Duration = Duration::from_secs(50);

/// What was seen.
pub struct Watched {
    /// `ok`, or what went wrong.
    pub status: String,
    /// From the command's reply until the server says that it is over.
    pub seconds: f64,
    /// Writes a second before, while, and after.
    pub rates: [f64; 3],
    /// Longest waits of a PING before it, while it ran, and around its end, in ms.
    pub waits_ms: [f64; 3],
    /// Most that parent and child had together above what the parent had before, in bytes.
    pub extra_memory: f64,
    /// All files of the log when it was over.
    pub log_bytes: f64,
    /// Writes a second by time, from one watched second before its start on.
    pub timeline: Vec<(f64, f64)>,
}

/// What the watching gathers.
struct Watch<'s> {
    who: Contender,
    server: &'s Server,
    client: Client,
    resident_before: u64,
    child: Option<u32>,
    extra: u64,
    /// Writes so far, by time.
    writes: Vec<(Instant, u64)>,
}

/// Runs one, under a load or without. `around` is how long the load is watched before and after it.
pub fn watch(who: Contender, server: &Server, load: Option<&Generator>, around: Duration) -> Watched {
    let _load = load.map(|load| load.start(server));
    let mut watch = Watch {
        who,
        server,
        client: server.client(),
        resident_before: 0,
        child: None,
        extra: 0,
        writes: Vec::new(),
    };
    // The load's first moments, while its connections are made, are not what it is.
    watch.for_a_while(around / 2);
    watch.writes.clear();
    let probe = Probe::start(server);
    let begin = Instant::now();
    watch.for_a_while(around);
    watch.resident_before = memory::resident(server.pid());
    watch.extra = 0;
    let start = Instant::now();
    who.rewrite(&mut watch.client);
    let status = watch.until_over();
    let end = Instant::now();
    let log_bytes = who.log_bytes(server) as f64;
    watch.for_a_while(around);
    let last = Instant::now();
    let pings = probe.stop();
    Watched {
        status,
        seconds: (end - start).as_secs_f64(),
        rates: [
            watch.rate(begin, start),
            watch.rate(start, end),
            watch.rate(end, last),
        ],
        waits_ms: [
            pings.longest_ms(begin, start),
            pings.longest_ms(start, end),
            pings.longest_ms(end - AROUND_END, end + AROUND_END),
        ],
        extra_memory: watch.extra as f64,
        log_bytes,
        timeline: watch.timeline(),
    }
}

impl Watch<'_> {
    fn look(&mut self) {
        let writes = self.who.sets(&mut self.client);
        self.writes.push((Instant::now(), writes));
        let pid = self.server.pid();
        if self.child.is_none_or(|child| !leftovers::alive(child)) {
            self.child = leftovers::children(pid).first().copied();
        }
        let child = self.child.map_or(0, memory::private);
        let grown = memory::resident(pid).saturating_sub(self.resident_before);
        self.extra = self.extra.max(child + grown);
        thread::sleep(LOOK);
    }

    fn for_a_while(&mut self, time: Duration) {
        let start = Instant::now();
        while start.elapsed() < time {
            self.look();
        }
    }

    fn until_over(&mut self) -> String {
        let start = Instant::now();
        while self.who.rewriting(&mut self.client) {
            if start.elapsed() > GIVE_UP {
                return format!("not over after {} s", GIVE_UP.as_secs());
            }
            self.look();
        }
        self.who.rewrite_status(&mut self.client)
    }

    fn rate(&self, from: Instant, to: Instant) -> f64 {
        let mut within = self.writes.iter().filter(|(at, _)| *at >= from && *at <= to);
        let (first, last) = (within.next(), within.next_back());
        match (first, last) {
            (Some((t0, w0)), Some((t1, w1))) => (w1 - w0) as f64 / (*t1 - *t0).as_secs_f64(),
            _ => 0.0,
        }
    }

    fn timeline(&self) -> Vec<(f64, f64)> {
        let Some((zero, _)) = self.writes.first() else {
            return Vec::new();
        };
        // Several looks make a point: a single one is shorter than a turn of a busy event loop.
        let points: Vec<&(Instant, u64)> = self.writes.iter().step_by(4).collect();
        let point = |pair: &[&(Instant, u64)]| {
            let rate = (pair[1].1 - pair[0].1) as f64 / (pair[1].0 - pair[0].0).as_secs_f64();
            ((pair[1].0 - *zero).as_secs_f64(), rate)
        };
        points.windows(2).map(point).collect()
    }
}
