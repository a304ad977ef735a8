//! What other clients get of the server while 20 clients write durable keys.

use crate::beside_writers::{Round, round};
use crate::contender::{Ours, POLICIES, Stock};
use crate::plot;
use crate::report::{Section, count, two};
use crate::rounds::{median, ratio};
use crate::scale::Scale;

const WRITERS: u32 = 20;
const READERS: u32 = 20;

/// Measures it.
pub fn section(scale: &Scale) -> Section {
    let mut section = Section::new(
        "Readers beside writers",
        "20 clients GET cache keys while 20 others write durable ones (AOF: SET) as fast as they get answers. Who writes\n\
         more leaves less to readers, so the writes are shown, too.",
        &[
            "policy",
            "GET/s ours",
            "GET/s AOF",
            "ratio",
            "p99 ms ours",
            "p99 ms AOF",
            "ratio p99",
            "writes/s ours",
            "writes/s AOF",
        ],
    );
    let (mut rates, mut tails) = (Vec::new(), Vec::new());
    for policy in POLICIES {
        let (ours, stock) = measure(scale, policy);
        let of =
            |rounds: &[Round], number: fn(&Round) -> f64| rounds.iter().map(number).collect::<Vec<f64>>();
        let gets = [of(&ours, |r| r.gets), of(&stock, |r| r.gets)];
        let p99 = [of(&ours, |r| r.p99_ms), of(&stock, |r| r.p99_ms)];
        section.row([
            policy.to_owned(),
            count(median(&gets[0])),
            count(median(&gets[1])),
            two(ratio(&gets[0], &gets[1])),
            two(median(&p99[0])),
            two(median(&p99[1])),
            two(ratio(&p99[0], &p99[1])),
            count(median(&of(&ours, |r| r.writes))),
            count(median(&of(&stock, |r| r.writes))),
        ]);
        rates.push((policy.to_owned(), gets.iter().map(|each| median(each)).collect()));
        tails.push((policy.to_owned(), p99.iter().map(|each| median(each)).collect()));
    }
    let names = ["beside MYLOG.SET", "beside SET with AOF"];
    section.plot(
        "readers-rate",
        plot::bars("GET a second while 20 clients write", &names, &rates),
    );
    section.plot("readers-p99", plot::bars("p99 of those GET, ms", &names, &tails));
    section
}

fn measure(scale: &Scale, policy: &str) -> (Vec<Round>, Vec<Round>) {
    let both = [Ours, Stock].map(|who| (who, who.start(policy)));
    let mut rounds = (Vec::new(), Vec::new());
    for turns in 0..scale.rounds {
        for turn in 0..2 {
            let (who, server) = &both[(turns + turn) % 2];
            let seen = round(scale, *who, server, READERS, WRITERS);
            if *who == Ours {
                &mut rounds.0
            } else {
                &mut rounds.1
            }
            .push(seen);
        }
    }
    rounds
}
