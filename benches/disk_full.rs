//! A disk that is full for a while: what the cache notices of it, and how soon durable writes are served again.

use std::time::{Duration, Instant};

use crate::contender::{Ours, Stock};
use crate::editions::{self, Edition};
use crate::fill::fill;
use crate::generator::{Generator, Seen, VALUE_BYTES};
use crate::paced::{Answers, Paced};
use crate::report::{Section, count, two};
use crate::rounds::{median, ratio};
use crate::scale::Scale;
use crate::small_disk::SmallDisk;
use crate::support::wait::holds_within;
use crate::support::{Client, Server, wait_for};
use crate::targets::Limit::{AtLeast, AtMost};

/// Clients of the native load.
const CLIENTS: u32 = 30;
/// Durable writes and reads a second, each. They are paced: commands that are refused at full speed would take
/// the event loop's time as any others do.
const PACE: u64 = 500;
/// Durable keys that are on disk before it is full, and those that change while it gets so.
const SETTLED: u64 = 1_000;
const CHANGED: u64 = 100;
const DISK_MB: u32 = 48;
const SETTLED_PREFIX: &str = "settled:";
const CHANGED_PREFIX: &str = "changed:";
const COMMANDS: [&str; 2] = ["GET cache:__rand_int__", "SET cache:__rand_int__ __value__"];

/// One native command: with a full disk and the module's load, and on another server without either.
#[derive(Default)]
struct Pairs {
    with: Vec<Seen>,
    without: Vec<Seen>,
}

/// What was seen of one server.
struct Seen30 {
    commands: [Pairs; 2],
    native: u64,
    native_failed: u64,
    writes: Answers,
    /// Reads of keys whose last change was on disk before it was full.
    reads: Answers,
    /// Reads of those that changed in the last moment before a write was refused.
    late_reads: Answers,
    /// From freeing the space to the first write that is served.
    back_after: Option<Duration>,
    lost: u64,
    stock: Answers,
}

/// Measures it on each server.
pub fn section(scale: &Scale) -> Section {
    let about = format!(
        "The log is on a full disk for {:.0} s of this load: {CLIENTS} clients run a native command as fast as they get\n\
         answers, beside {PACE} durable writes and {PACE} reads a second of durable keys that were on disk before, and as many\n\
         of keys that changed in the last moment, which are promised `NOTDURABLE`. `without`: the same clients on a second\n\
         server with the module, a disk with space, and no durable commands; the two take turns.",
        full_seconds(scale)
    );
    let head = [
        "server",
        "command",
        "a second",
        "without",
        "ratio",
        "p99 ms",
        "without",
        "ratio p99",
    ];
    let mut section = Section::new("A full disk", &about, &head);
    for edition in editions::compared() {
        match edition {
            Ok(edition) => match measure(scale, &edition) {
                Ok(seen) => tell(&mut section, &edition.name, &seen),
                Err(why) => unmeasured(&mut section, &edition.name, &why),
            },
            Err((name, why)) => unmeasured(&mut section, name, &why),
        }
    }
    section
}

fn full_seconds(scale: &Scale) -> f64 {
    if scale.quick { 3.0 } else { 30.0 }
}

fn measure(scale: &Scale, edition: &Edition) -> Result<Seen30, String> {
    let disk = SmallDisk::new(DISK_MB)?;
    let folder = disk.path().join("log");
    let build = Ours.build(&edition.binary, "everysec");
    let mut server = build
        .mylog("dir", folder.to_str().expect("a temporary path"))
        .start();
    let healthy = Ours.build(&edition.binary, "everysec").start();
    for server in [&server, &healthy] {
        fill(server, "SET", "cache:", scale.keys.min(20_000));
    }
    fill(&server, Ours.set(), SETTLED_PREFIX, SETTLED);
    let mut client = server.client();
    client.run("MYLOG.WAIT 0");
    let before = native_calls(&mut client);
    disk.fill_up();
    wait_for("a durable write is refused", || {
        (0..CHANGED).any(|n| write(&mut client, n).is_error("MYLOGDOWN"))
    });
    let mut seen = take_turns(scale, &server, &healthy);
    let after = native_calls(&mut client);
    seen.native = after.0 - before.0;
    seen.native_failed = after.1 - before.1;
    disk.free();
    seen.back_after = time_to_service(&mut client);
    wait_for("all is durable", || {
        client.info_u64("mylog", "mylog_durable_seq") == client.info_u64("mylog", "mylog_queued_seq")
    });
    let digest = client.run("MYLOG.DEBUG DIGEST");
    server.kill9();
    server.restart();
    seen.lost = u64::from(server.client().run("MYLOG.DEBUG DIGEST") != digest);
    drop(server);
    drop(disk);
    seen.stock = stock(edition)?;
    Ok(seen)
}

/// Native load on both servers by turns; the module's load while the full one has its turn.
fn take_turns(scale: &Scale, full: &Server, healthy: &Server) -> Seen30 {
    let mut commands = [Pairs::default(), Pairs::default()];
    let [mut writes, mut reads, mut late_reads] = [Answers::default(); 3];
    let slices = (full_seconds(scale) / 1.5).ceil().max(2.0) as usize;
    let slice = full_seconds(scale) / slices as f64;
    let loads = COMMANDS.map(|command| Generator::new(CLIENTS, 1, scale.keys.min(20_000), command));
    let requests = [0, 1].map(|place: usize| {
        let rough = loads[place].run(healthy, 10_000).rate;
        ((rough * slice) as u64).max(1_000)
    });
    for turn in 0..slices {
        let place = turn % 2;
        let without = || loads[place].run(healthy, requests[place] / 2);
        let mut with = || {
            let writer = Paced::start(full, PACE, |n| words(&set(n)));
            let reader = Paced::start(full, PACE, |n| words(&get(SETTLED_PREFIX, n % SETTLED)));
            let late_reader = Paced::start(full, PACE, |n| words(&get(CHANGED_PREFIX, n % CHANGED)));
            let seen = loads[place].run(full, requests[place]);
            writes = writes.and(writer.stop());
            reads = reads.and(reader.stop());
            late_reads = late_reads.and(late_reader.stop());
            seen
        };
        // Neither always comes first.
        let (with, without) = if turn / 2 % 2 == 0 {
            let with = with();
            (with, without())
        } else {
            let without = without();
            (with(), without)
        };
        commands[place].with.push(with);
        commands[place].without.push(without);
    }
    Seen30 {
        commands,
        native: 0,
        native_failed: 0,
        writes,
        reads,
        late_reads,
        back_after: None,
        lost: 0,
        stock: Answers::default(),
    }
}

fn set(n: u64) -> String {
    format!(
        "MYLOG.SET {CHANGED_PREFIX}{:012} {}",
        n % CHANGED,
        "v".repeat(VALUE_BYTES)
    )
}

fn get(prefix: &str, n: u64) -> String {
    format!("MYLOG.GET {prefix}{n:012}")
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn write(client: &mut Client, n: u64) -> crate::support::Reply {
    client.cmd(words(&set(n)))
}

/// GETs and SETs so far, and how many of them were refused or failed.
fn native_calls(client: &mut Client) -> (u64, u64) {
    let (mut calls, mut bad) = (0, 0);
    let stats = client.info("commandstats");
    for line in ["cmdstat_get", "cmdstat_set"]
        .iter()
        .filter_map(|name| stats.get(*name))
    {
        for (name, value) in line.split(',').filter_map(|field| field.split_once('=')) {
            let value: u64 = value.parse().unwrap_or(0);
            match name {
                "calls" => calls += value,
                "rejected_calls" | "failed_calls" => bad += value,
                _ => {}
            }
        }
    }
    (calls, bad)
}

fn time_to_service(client: &mut Client) -> Option<Duration> {
    let freed = Instant::now();
    holds_within(Duration::from_secs(60), || write(client, 1).is_ok()).then(|| freed.elapsed())
}

/// What SETs of a stock server with its AOF on the same full disk are answered.
fn stock(edition: &Edition) -> Result<Answers, String> {
    let disk = SmallDisk::new(DISK_MB)?;
    let folder = disk.path().to_str().expect("a temporary path").to_owned();
    let server = Stock
        .build(&edition.binary, "everysec")
        .config("dir", &folder)
        .start();
    disk.fill_up();
    let load = Paced::start(&server, PACE, |n| words(&set(n).replace("MYLOG.", "")));
    // Its AOF is written at the end of each turn, and looked at once a second.
    std::thread::sleep(Duration::from_secs(2));
    let answers = load.stop();
    drop(server);
    Ok(answers)
}

fn tell(section: &mut Section, server: &str, seen: &Seen30) {
    let mut slowest: Option<f64> = None;
    for (command, pairs) in COMMANDS.iter().zip(&seen.commands) {
        let of = |each: &[Seen], number: fn(&Seen) -> f64| each.iter().map(number).collect::<Vec<_>>();
        let rates = [
            of(&pairs.with, |seen| seen.rate),
            of(&pairs.without, |seen| seen.rate),
        ];
        let p99 = [
            of(&pairs.with, |seen| seen.p99_ms),
            of(&pairs.without, |seen| seen.p99_ms),
        ];
        let speed = ratio(&rates[0], &rates[1]);
        slowest = Some(slowest.map_or(speed, |slowest| slowest.min(speed)));
        section.row([
            server.to_owned(),
            command.split(' ').next().unwrap_or_default().to_owned(),
            count(median(&rates[0])),
            count(median(&rates[1])),
            two(speed),
            two(median(&p99[0])),
            two(median(&p99[1])),
            two(ratio(&p99[0], &p99[1])),
        ]);
    }
    let back = seen.back_after.map(|time| time.as_secs_f64());
    section.note(format!(
        "{server}: of {} native commands {} failed; of {} reads of durable keys that were on disk {}; of {} reads of keys that \
         changed after what is on disk {} were answered NOTDURABLE and {} failed otherwise; of {} durable writes {} were refused \
         and {} failed otherwise. Back in service {} after space was freed. After a kill -9 and a restart the data is {}.",
        count(seen.native as f64),
        seen.native_failed,
        seen.reads.good + seen.reads.not_good(),
        seen.reads.not_good(),
        seen.late_reads.good + seen.late_reads.not_good(),
        seen.late_reads.not_durable,
        seen.late_reads.refused + seen.late_reads.failed,
        seen.writes.good + seen.writes.not_good(),
        seen.writes.refused,
        seen.writes.failed + seen.writes.not_durable,
        back.map_or_else(|| "NOT within 60 s".to_owned(), |seconds| format!("{seconds:.2} s")),
        if seen.lost == 0 { "the same" } else { "NOT the same" },
    ));
    section.note(format!(
        "{server}, stock, its AOF on the same full disk: {} of {} SETs failed in the first 2 s.",
        seen.stock.failed,
        seen.stock.failed + seen.stock.good
    ));
    targets(
        section,
        server,
        [
            Some(seen.native_failed as f64),
            Some((seen.reads.not_good() + seen.late_reads.refused + seen.late_reads.failed) as f64),
            slowest,
            back.or(Some(f64::INFINITY)),
        ],
    );
}

fn unmeasured(section: &mut Section, server: &str, why: &str) {
    section.unmeasured(&[server], why);
    targets(section, server, [None; 4]);
}

/// Native commands that failed, durable reads that failed, other than with NOTDURABLE where that is promised, native rate to that without, seconds to service.
fn targets(section: &mut Section, server: &str, figures: [Option<f64>; 4]) {
    for ((what, limit), figure) in [
        ("native commands that failed", AtMost(0.0)),
        ("durable reads that failed", AtMost(0.0)),
        (
            "native rate to that without the module's writes, GET or SET, the slower",
            AtLeast(0.9),
        ),
        ("seconds from freeing space to service", AtMost(5.0)),
    ]
    .into_iter()
    .zip(figures)
    {
        section.target(format!("full disk: {what} ({server})"), limit, figure);
    }
}
