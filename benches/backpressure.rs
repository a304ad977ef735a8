//! A disk that stops answering for a minute under everysec: what the log keeps in memory, what it refuses, and what the
//! cache notices.

use std::thread;
use std::time::{Duration, Instant};

use crate::contender::Ours;
use crate::editions::{self, Edition};
use crate::fill::fill;
use crate::generator::Generator;
use crate::memory;
use crate::paced::{Answers, Paced};
use crate::probe::Probe;
use crate::report::{Section, count, megabytes, two};
use crate::rounds::median;
use crate::scale::Scale;
use crate::settings;
use crate::stall::Stall;
use crate::support::wait::holds_within;
use crate::support::{Client, Server};
use crate::targets::Limit::{AtLeast, AtMost};

const READERS: u32 = 30;
/// Durable writes: so many a second by each of so many clients, of so many bytes.
const PACE: u64 = 1_000;
const WRITERS: u64 = 4;
const WRITE_BYTES: usize = 8 << 10;
/// They go to few keys, so that the data does not grow.
const KEYS: u64 = 500;
/// What allocators and sockets may take beside the bound.
const ALLOWED_BESIDE: f64 = 32e6;

/// What was seen of one server.
struct Stalled {
    bound: f64,
    grown: f64,
    told_peak: Option<u64>,
    answers: Answers,
    rate: f64,
    rate_before: f64,
    longest_ms: f64,
    longest_ms_before: f64,
    back_after: Option<Duration>,
}

/// Measures it on each server.
pub fn section(scale: &Scale) -> Section {
    let about = format!(
        "{WRITERS} clients write {} values of {} kB a second under everysec, {READERS} GET cache keys. Then the log's next\n\
         write or sync does not return for {:.0} s. Memory is what the server takes beyond what it had before; `told` is its\n\
         own gauge of unwritten bytes at its peak. Waits are the longest of a prober that sends PING 2000 times a second.",
        PACE * WRITERS,
        WRITE_BYTES >> 10,
        stall_time(scale).as_secs_f64(),
    );
    let head = [
        "server",
        "bound",
        "told",
        "memory",
        "writes",
        "refused",
        "GET/s before",
        "during",
        "ratio",
        "wait ms before",
        "during",
        "back after s",
    ];
    let mut section = Section::new("A disk that stalls", &about, &head);
    let edition = editions::own();
    match measure(scale, &edition) {
        Ok(seen) => tell(&mut section, scale, &edition.name, &seen),
        Err(why) => {
            section.unmeasured(&[&edition.name], &why);
            targets(&mut section, scale, &edition.name, [None; 2]);
        }
    }
    section
}

fn stall_time(scale: &Scale) -> Duration {
    Duration::from_secs(if scale.quick { 5 } else { 60 })
}

fn bound(scale: &Scale) -> u64 {
    if scale.quick { 16 << 20 } else { 64 << 20 }
}

/// What the memory is held against, in MB.
fn limit_mb(scale: &Scale) -> f64 {
    (bound(scale) as f64 + ALLOWED_BESIDE) / 1e6
}

fn measure(scale: &Scale, edition: &Edition) -> Result<Stalled, String> {
    let bound = bound(scale);
    let server = Ours.build(&edition.binary, "everysec").start();
    let mut client = server.client();
    settings::set(&mut client, "mylog.max-unwritten", &bound.to_string())?;
    fill(&server, "SET", "cache:", scale.keys.min(20_000));
    let read = Generator::new(READERS, 1, scale.keys.min(20_000), "GET cache:__rand_int__");
    let writers: Vec<Paced> = (0..WRITERS)
        .map(|writer| {
            let value = "v".repeat(WRITE_BYTES);
            Paced::start(&server, PACE, move |n| {
                let key = format!("durable:{writer}:{}", n % KEYS);
                vec!["MYLOG.SET".to_owned(), key, value.clone()]
            })
        })
        .collect();
    let probe = Probe::start(&server);
    // The first runs also fill the keys, so that memory has grown to what the load needs.
    let requests = ((read.run(&server, 20_000).rate * scale.seconds) as u64).max(2_000);
    let begin = Instant::now();
    let before: Vec<f64> = (0..scale.rounds)
        .map(|_| read.run(&server, requests).rate)
        .collect();
    let resident = memory::resident(server.pid());
    let stall = Stall::start(&server)?;
    let start = Instant::now();
    let (during, peak) = watch(scale, &server, &read, requests);
    let end = Instant::now();
    drop(stall);
    let back_after = holds_within(Duration::from_secs(60), || caught_up(&mut client)).then(|| end.elapsed());
    let pings = probe.stop();
    let answers = writers
        .into_iter()
        .fold(Answers::default(), |sum, writer| sum.and(writer.stop()));
    let told = client.info("mylog");
    Ok(Stalled {
        bound: bound as f64,
        grown: peak.saturating_sub(resident) as f64,
        told_peak: told
            .get("mylog_unwritten_bytes_peak")
            .and_then(|peak| peak.parse().ok()),
        answers,
        rate: median(&during),
        rate_before: median(&before),
        longest_ms: pings.longest_ms(start, end),
        longest_ms_before: pings.longest_ms(begin, start),
        back_after,
    })
}

/// Reads until the stall has lasted its time: the rates, and the most that the server took meanwhile.
fn watch(scale: &Scale, server: &Server, read: &Generator, requests: u64) -> (Vec<f64>, u64) {
    let (start, pid) = (Instant::now(), server.pid());
    let (mut rates, mut peak) = (Vec::new(), 0);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut peak = 0;
            while start.elapsed() < stall_time(scale) {
                peak = peak.max(memory::resident(pid));
                thread::sleep(Duration::from_millis(20));
            }
            peak
        });
        while start.elapsed() < stall_time(scale) {
            rates.push(read.run(server, requests).rate);
        }
        peak = watcher.join().expect("the watcher");
    });
    (rates, peak)
}

/// A durable write is served again, and what was kept back is on disk.
fn caught_up(client: &mut Client) -> bool {
    client.run("MYLOG.SET durable:after value").is_ok()
        && client.info_u64("mylog", "mylog_oldest_unwritten_age_ms") < 1_000
}

fn tell(section: &mut Section, scale: &Scale, server: &str, seen: &Stalled) {
    let back = seen.back_after.map(|time| time.as_secs_f64());
    let speed = seen.rate / seen.rate_before;
    section.row([
        server.to_owned(),
        megabytes(seen.bound),
        seen.told_peak
            .map_or_else(|| "-".to_owned(), |peak| megabytes(peak as f64)),
        megabytes(seen.grown),
        count((seen.answers.good + seen.answers.not_good()) as f64),
        count(seen.answers.refused as f64),
        count(seen.rate_before),
        count(seen.rate),
        two(speed),
        two(seen.longest_ms_before),
        two(seen.longest_ms),
        back.map_or_else(|| "not within 60".to_owned(), two),
    ]);
    let failed = seen.answers.not_good() - seen.answers.refused;
    if failed > 0 {
        section.note(format!(
            "{server}: {} durable writes failed otherwise than refused.",
            failed
        ));
    }
    let figures = [seen.grown / 1e6, seen.answers.refused as f64].map(Some);
    targets(section, scale, server, figures);
}

/// Memory in MB, refused writes.
fn targets(section: &mut Section, scale: &Scale, server: &str, figures: [Option<f64>; 2]) {
    let beside = ALLOWED_BESIDE / 1e6;
    for ((what, limit), figure) in [
        (
            format!("MB of memory; the limit is the bound and {beside:.0} MB"),
            AtMost(limit_mb(scale)),
        ),
        ("durable writes that were refused".to_owned(), AtLeast(1.0)),
    ]
    .into_iter()
    .zip(figures)
    {
        section.target(format!("stalled disk: {what} ({server})"), limit, figure);
    }
}
