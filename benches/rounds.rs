//! Rounds of measurements that take turns, and what is told of them.

use crate::generator::Generator;
use crate::memory;
use crate::support::Server;

/// One measurement of a load.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Commands a second.
    pub rate: f64,
    /// Time that the server's event loop ran per command, in microseconds: noise of other processes touches
    /// it far less than the rate.
    pub cpu_us: f64,
}

/// A load on a server, measured once a round.
pub struct Cell<'s> {
    server: &'s Server,
    generator: Generator,
    /// Commands that fill the time of one measurement; 0 until the first.
    requests: u64,
    samples: Vec<Sample>,
}

impl<'s> Cell<'s> {
    /// Not measured yet.
    pub fn new(server: &'s Server, generator: Generator) -> Self {
        Self {
            server,
            generator,
            requests: 0,
            samples: Vec::new(),
        }
    }

    fn warm_up(&mut self, seconds: f64) {
        let mut requests = 2_000;
        // A first run is too slow to tell: connections are made, tables grow.
        for share in [0.2, 1.0] {
            let seen = self.generator.run(self.server, requests);
            requests = ((seen.rate * seconds * share) as u64).max(1_000);
        }
        self.requests = requests;
    }

    fn run(&mut self) {
        self.generator.run(self.server, self.requests);
    }

    fn measure(&mut self) {
        let before = memory::main_thread_ns(self.server.pid());
        let seen = self.generator.run(self.server, self.requests);
        let ns = memory::main_thread_ns(self.server.pid()) - before;
        self.samples.push(Sample {
            rate: seen.rate,
            cpu_us: ns as f64 / 1000.0 / self.requests as f64,
        });
    }

    /// One number of each round.
    pub fn each(&self, of: impl Fn(&Sample) -> f64) -> Vec<f64> {
        self.samples.iter().map(of).collect()
    }
}

/// Measures the cells in short turns, there and back, so many times: A B C, C B A. Both turns of each cell lie around
/// the same moment, so whatever gets faster or slower evenly meanwhile meets all alike. Each leg begins with a turn of its
/// last cell that is not measured: a server that has just run finds its memory in the caches, and that one and the first
/// would be the only ones that ever do.
pub fn there_and_back(cells: &mut [Cell<'_>], times: usize, seconds: f64) {
    for cell in cells.iter_mut() {
        cell.warm_up(seconds);
    }
    for _ in 0..times {
        cells.last_mut().into_iter().for_each(Cell::run);
        cells.iter_mut().for_each(Cell::measure);
        cells.first_mut().into_iter().for_each(Cell::run);
        cells.iter_mut().rev().for_each(Cell::measure);
    }
}

/// Median; 0 of nothing.
pub fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

/// Median of the rounds' own ratios.
pub fn ratio(of: &[f64], to: &[f64]) -> f64 {
    let each: Vec<f64> = of.iter().zip(to).map(|(of, to)| of / to).collect();
    median(&each)
}

/// As [`ratio`] of times, of turns that went [`there_and_back`]: each pair of turns counts once, with its sum.
pub fn ratio_of_pairs(of: &[f64], to: &[f64]) -> f64 {
    let sums = |times: &[f64]| -> Vec<f64> { times.chunks(2).map(|pair| pair.iter().sum()).collect() };
    ratio(&sums(of), &sums(to))
}
