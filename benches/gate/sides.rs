//! Ours and stock under the same policy on the same server, and the measurements that they take turns at.

use std::time::{Duration, Instant};

use super::kinds::{self, CACHE_KEYS, DURABLE, Kind, NATIVE};
use super::load::{Crowd, Length, Seen, measure};
use crate::contender::{Contender, Ours, Stock};
use crate::editions::Edition;
use crate::fill::fill;
use crate::rounds::{median, ratio};
use crate::scale::Scale;
use crate::slow_syncs::SlowSyncs;
use crate::support::Server;

/// Added to each sync of the slow disk.
const DELAY: Duration = Duration::from_millis(5);

/// What the log is written under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// Of both sides.
    pub policy: &'static str,
    slow: bool,
}

/// The disk as it is.
pub const ALWAYS: Condition = Condition {
    policy: "always",
    slow: false,
};
/// Each sync takes longer.
pub const SLOW: Condition = Condition {
    policy: "always",
    slow: true,
};
pub const EVERYSEC: Condition = Condition {
    policy: "everysec",
    slow: false,
};
pub const NO: Condition = Condition {
    policy: "no",
    slow: false,
};

impl Condition {
    /// The disk, for a table.
    pub fn disk(self) -> &'static str {
        if self.slow { "+5 ms" } else { "real" }
    }

    /// True if clients wait for the disk.
    pub fn is_strict(self) -> bool {
        self.policy == ALWAYS.policy
    }

    /// Both, for a target or a plot.
    pub fn name(self) -> String {
        if self.slow {
            format!("{} {}", self.policy, self.disk())
        } else {
            self.policy.to_owned()
        }
    }
}

/// The two servers.
pub struct Sides {
    ours: Server,
    stock: Server,
    /// Outlives them.
    _program: Option<SlowSyncs>,
}

impl Sides {
    /// An error where syncs can't be made slow.
    pub fn start(edition: &Edition, condition: Condition) -> Result<Self, String> {
        let slow = condition.slow;
        let slow = slow.then(|| SlowSyncs::new(&edition.binary, DELAY)).transpose()?;
        let program = slow
            .as_ref()
            .map_or_else(|| edition.binary.clone(), SlowSyncs::program);
        let [ours, stock] = [Ours, Stock].map(|who| {
            let build = who.build(&program, condition.policy);
            let server = match who {
                Ours => build.mylog("capture", DURABLE).start(),
                Stock => build.start(),
            };
            fill(&server, "SET", "cache:", CACHE_KEYS);
            server
        });
        Ok(Self {
            ours,
            stock,
            _program: slow,
        })
    }

    fn of(&self, who: Contender) -> &Server {
        if who == Ours { &self.ours } else { &self.stock }
    }
}

/// One row's load, and what was seen of it.
pub struct Case {
    /// How the writers write; `None`: there are none.
    pub kind: Option<Kind>,
    /// Clients that write.
    pub writers: u32,
    readers: u32,
    ours: Vec<Turn>,
    stock: Vec<Turn>,
    /// Readers of ours beside native writers.
    native: Vec<Seen>,
}

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    pub writers: Seen,
    pub readers: Seen,
    /// Microseconds a second that the event loop of ours waited for the disk.
    pub waited_us: f64,
}

impl Case {
    pub fn new(kind: Option<Kind>, writers: u32, readers: u32) -> Self {
        Self {
            kind,
            writers,
            readers,
            ours: Vec::new(),
            stock: Vec::new(),
            native: Vec::new(),
        }
    }

    /// How the writers write, for a table.
    pub fn name(&self) -> &'static str {
        self.kind.map_or("none", Kind::name)
    }

    /// A number of each turn of one side.
    pub fn each(&self, who: Contender, of: fn(&Turn) -> f64) -> Vec<f64> {
        let turns = if who == Ours { &self.ours } else { &self.stock };
        turns.iter().map(of).collect()
    }

    /// Median of a number of one side.
    pub fn median(&self, who: Contender, of: fn(&Turn) -> f64) -> f64 {
        median(&self.each(who, of))
    }

    /// Ours to stock's.
    pub fn ratio(&self, of: fn(&Turn) -> f64) -> f64 {
        ratio(&self.each(Ours, of), &self.each(Stock, of))
    }

    /// The most that the event loop waited in any turn.
    pub fn waited_us(&self) -> f64 {
        self.each(Ours, |turn| turn.waited_us)
            .into_iter()
            .fold(0.0, f64::max)
    }

    /// p99 of the readers of ours beside native writers, of each turn.
    pub fn native_p99_ms(&self) -> Vec<f64> {
        self.native.iter().map(|seen| seen.p99_ms).collect()
    }

    /// Measures readers beside clients that write as often as those of the last turn of ours, but to keys of which no log hears,
    /// and never all at once.
    fn measure_native(&mut self, server: &Server, length: Length) {
        let (Some(kind), Some(turn)) = (self.kind, self.ours.last()) else {
            return;
        };
        let writers = Crowd {
            clients: kinds::writers(server, kind, self.writers, NATIVE),
            every: Duration::from_secs_f64(f64::from(self.writers) / turn.writers.rate),
        };
        let [_, readers] = measure(server, [writers, kinds::readers(self.readers)], length);
        self.native.push(readers);
    }

    fn measure(&mut self, who: Contender, server: &Server, length: Length) {
        let writers = self.kind.map(|kind| Crowd {
            clients: kinds::writers(server, kind, self.writers, DURABLE),
            every: Duration::ZERO,
        });
        let readers = (self.readers > 0).then(|| kinds::readers(self.readers));
        let (start, before) = (Instant::now(), waited_us(who, server));
        let none = Seen::default();
        let [writers, readers] = match (writers, readers) {
            (Some(writers), Some(readers)) => measure(server, [writers, readers], length),
            (Some(writers), None) => [measure(server, [writers], length)[0], none],
            (None, Some(readers)) => [none, measure(server, [readers], length)[0]],
            (None, None) => [none, none],
        };
        let took = start.elapsed().as_secs_f64();
        let waited = (waited_us(who, server) - before) as f64;
        let turns = if who == Ours {
            &mut self.ours
        } else {
            &mut self.stock
        };
        turns.push(Turn {
            writers,
            readers,
            waited_us: waited / took,
        });
    }
}

fn waited_us(who: Contender, server: &Server) -> u64 {
    match who {
        Ours => server.client().info_u64("mylog", "mylog_event_loop_waited_usec"),
        Stock => 0,
    }
}

/// Measures all cases in every turn: both sides right behind each other, either of them first in its turn. On a slow disk
/// readers are measured beside native writers as well.
pub fn take_turns(scale: &Scale, sides: &Sides, condition: Condition, cases: &mut [Case]) {
    let length = Length {
        settle: Duration::from_secs_f64(scale.gate_seconds / 5.0),
        measure: Duration::from_secs_f64(scale.gate_seconds),
    };
    for turn in 0..scale.gate_turns {
        for (place, case) in cases.iter_mut().enumerate() {
            let mut order = [Ours, Stock];
            order.rotate_left((turn + place) % 2);
            for who in order {
                case.measure(who, sides.of(who), length);
            }
            if condition == SLOW && case.readers > 0 {
                case.measure_native(&sides.ours, length);
            }
        }
    }
}
