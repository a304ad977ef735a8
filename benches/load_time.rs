//! How long a start takes, from the process to the first PONG, with many keys in a rewritten log.

use std::time::Instant;

use crate::contender::{Ours, Stock};
use crate::fill::fill;
use crate::plot;
use crate::report::{Section, count, megabytes, two};
use crate::rounds::{median, ratio};
use crate::scale::Scale;

/// Measures it.
pub fn section(scale: &Scale) -> Section {
    let keys = count(scale.durable_keys as f64);
    let about = format!(
        "{keys} strings of 100 bytes in a log that was just rewritten (AOF: with its RDB preamble), from the start of the\n\
         process to the first PONG. The files are in the page cache. Of ours, `log` is what reading it took; most of the\n\
         rest is the keys' way into the keyspace."
    );
    let head = ["log", "s to PONG", "ratio to AOF", "log s", "size"];
    let mut section = Section::new("Time to load", &about, &head);
    let mut both = [Ours, Stock].map(|who| {
        let server = who.start("everysec");
        fill(&server, who.set(), "durable:", scale.durable_keys);
        who.rewrite_and_wait(&mut server.client());
        (who, server, Vec::new())
    });
    let mut reading = Vec::new();
    for _ in 0..scale.rounds {
        for (who, server, seconds) in &mut both {
            server.term();
            let start = Instant::now();
            server.restart();
            seconds.push(start.elapsed().as_secs_f64());
            let mut client = server.client();
            assert_eq!(client.run("DBSIZE").int().unsigned_abs(), scale.durable_keys);
            if *who == Ours {
                reading.push(client.info_u64("mylog", "mylog_last_load_msec") as f64 / 1000.0);
            }
        }
    }
    let [(_, ours, took_ours), (_, stock, took_stock)] = &both;
    section.row([
        "ours".to_owned(),
        two(median(took_ours)),
        two(ratio(took_ours, took_stock)),
        two(median(&reading)),
        megabytes(Ours.log_bytes(ours) as f64),
    ]);
    section.row([
        "AOF".to_owned(),
        two(median(took_stock)),
        two(1.0),
        "-".to_owned(),
        megabytes(Stock.log_bytes(stock) as f64),
    ]);
    let groups = [(
        format!("{keys} keys"),
        vec![median(took_ours), median(took_stock)],
    )];
    section.plot(
        "load",
        plot::bars("Seconds from start to PONG", &["ours", "AOF"], &groups),
    );
    section
}
