//! Huge values made, copied, deleted, overwritten, expired and flushed: how long the event loop stands still for each,
//! durable beside native in one server.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::contender::Ours;
use crate::editions;
use crate::huge_values::{DURABLE, Kind, NATIVE, Shape, build, good};
use crate::plot;
use crate::probe::Probe;
use crate::report::{Section, count, two};
use crate::scale::Scale;
use crate::settings;
use crate::support::wait::holds_within;
use crate::support::{Client, Server, wait_for};

/// Watched after a step: what goes on behind it can hold the event loop up as well.
const AFTER: Duration = Duration::from_millis(200);
/// Past this a keyspace is said not to expire.
const EXPIRES_WITHIN: Duration = Duration::from_secs(40);

/// What was seen of a step.
#[derive(Clone, Copy)]
struct Step {
    longest_ms: f64,
    seconds: f64,
}

/// Steps by name, or why they could not be taken.
type Steps = Vec<(&'static str, Result<Step, String>)>;

/// Measures it on the own server.
pub fn section(scale: &Scale) -> Section {
    let edition = editions::own();
    let about = format!(
        "A hash of {} fields, a string of {} MB, {} small keys, durable ones and native ones in databases of one server\n\
         ({}), under everysec. Waits are the longest of a prober that sends PING 2000 times a second, while the step runs\n\
         and for {} ms after it; seconds are those of the step. Each step is taken once. COPY is as long as the value is\n\
         in both.",
        count(scale.huge as f64),
        scale.huge_megabytes,
        count(scale.huge as f64),
        edition.name,
        AFTER.as_millis()
    );
    let head = ["value", "step", "wait ms", "native", "ratio", "s", "native s"];
    let mut section = Section::new("Huge values", &about, &head);
    let mut bars = Vec::new();
    for (name, shape) in [
        ("hash", Shape::Hash),
        ("string", Shape::Text),
        ("keys", Shape::Keys),
    ] {
        let server = Ours
            .build(&edition.binary, "everysec")
            .mylog("flush-policy", "flush")
            .start();
        allow_much(&mut server.client());
        let [ours, native] = [DURABLE, NATIVE].map(|kind| match shape {
            Shape::Keys => keyspace(scale, &server, kind),
            _ => one_value(scale, &server, kind, shape),
        });
        for ((step, ours), (_, native)) in ours.into_iter().zip(native) {
            match (ours, native) {
                (Ok(ours), Ok(native)) => {
                    section.row([
                        name.to_owned(),
                        step.to_owned(),
                        two(ours.longest_ms),
                        two(native.longest_ms),
                        two(ours.longest_ms / native.longest_ms),
                        two(ours.seconds),
                        two(native.seconds),
                    ]);
                    bars.push((
                        format!("{name}, {step}"),
                        vec![ours.longest_ms, native.longest_ms],
                    ));
                }
                (Err(why), _) | (_, Err(why)) => section.unmeasured(&[name, step], &why),
            }
        }
    }
    let title = "Longest wait of a PING, ms";
    section.plot("huge", plot::bars(title, &["durable", "native"], &bars));
    section
}

/// What is measured here is the event loop: no bound of the log is to refuse what a slow disk takes its time for. A
/// build without these bounds refuses nothing.
pub fn allow_much(client: &mut Client) {
    for (name, value) in [("mylog.max-unwritten", "8gb"), ("mylog.max-unsynced-age", "600")] {
        if let Err(why) = settings::set(client, name, value) {
            println!("{why}");
        }
    }
}

fn one_value(scale: &Scale, server: &Server, kind: Kind, shape: Shape) -> Steps {
    let mut client = kind.client(server);
    let mut steps = Steps::new();
    steps.push((
        "built",
        step(server, || build(shape, kind, &mut client, scale, "base", None)),
    ));
    let copy = format!("COPY base victim DB {} REPLACE", kind.spare);
    steps.push(("copied", step(server, || kind.run(&mut client, &copy))));
    let mut spare = kind.client(server);
    spare.ok(&format!("SELECT {}", kind.spare));
    let mut first = true;
    for (name, line) in [
        ("DEL", "DEL victim"),
        ("UNLINK", "UNLINK victim"),
        ("overwritten by SET", "SET victim x"),
        ("expired", "PEXPIRE victim 20"),
        ("FLUSHDB", "FLUSHDB"),
        ("FLUSHDB ASYNC", "FLUSHDB ASYNC"),
    ] {
        let copied = if first {
            Ok(())
        } else {
            kind.run(&mut client, &copy)
        };
        first = false;
        settle(&mut client);
        let seen = copied.and_then(|()| {
            step(server, || {
                kind.run(&mut spare, line)?;
                if name == "expired" {
                    gone(&mut spare, Duration::from_secs(10))?;
                }
                Ok(())
            })
        });
        steps.push((name, seen));
    }
    steps.push((
        "base, UNLINK",
        step(server, || kind.run(&mut client, "UNLINK base")),
    ));
    steps
}

fn keyspace(scale: &Scale, server: &Server, kind: Kind) -> Steps {
    let mut client = kind.client(server);
    let mut steps = Steps::new();
    let built = step(server, || build(Shape::Keys, kind, &mut client, scale, "", None));
    settle(&mut client);
    let took = built.as_ref().map_or(0.0, |built| built.seconds);
    steps.push(("built", built));
    steps.push((
        "FLUSHDB ASYNC",
        step(server, || kind.run(&mut client, "FLUSHDB ASYNC")),
    ));
    settle(&mut client);
    // They all expire in the same moment, which must not come before the last is there.
    let deadline = unix_ms() + (took * 2000.0) as u64 + 1_000;
    let filled = build(Shape::Keys, kind, &mut client, scale, "", Some(deadline));
    settle(&mut client);
    steps.push((
        "expired",
        filled.and_then(|()| {
            thread::sleep(Duration::from_millis(deadline.saturating_sub(unix_ms())));
            step(server, || gone(&mut client, EXPIRES_WITHIN))
        }),
    ));
    // Whatever expiry has left is not the next one's.
    if let Err(why) = good(&format!("{}FLUSHDB ASYNC", kind.prefix), &mut client) {
        println!("{why}");
    }
    steps
}

/// Takes a step beside a prober.
fn step(server: &Server, action: impl FnOnce() -> Result<(), String>) -> Result<Step, String> {
    let probe = Probe::start(server);
    let start = Instant::now();
    let taken = action();
    let end = Instant::now();
    thread::sleep(AFTER);
    let pings = probe.stop();
    taken.map(|()| Step {
        longest_ms: pings.longest_ms(start, end + AFTER),
        seconds: (end - start).as_secs_f64(),
    })
}

/// Waits until a database is empty, without touching a key of it: that would expire it.
fn gone(client: &mut Client, within: Duration) -> Result<(), String> {
    let empty = holds_within(within, || client.run("DBSIZE").int() == 0);
    if empty {
        Ok(())
    } else {
        Err(format!("Not all had expired within {} s.", within.as_secs()))
    }
}

/// Waits until nothing of the step before is under way: neither the log's writes nor a release in the background.
fn settle(client: &mut Client) {
    wait_for("the log is written", || {
        client.info_u64("mylog", "mylog_written_seq") == client.info_u64("mylog", "mylog_queued_seq")
    });
    wait_for("what was freed is free", || {
        client.info_u64("memory", "lazyfree_pending_objects") == 0
    });
}

fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis() as u64)
}
