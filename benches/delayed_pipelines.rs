//! Every fdatasync takes 20 ms more: writes a second of pipelines of 16 under `always`.

use crate::contender::{Contender, Ours, Stock};
use crate::delayed_readers::{DELAY, WRITERS};
use crate::editions::{self, Edition};
use crate::generator::Generator;
use crate::report::{Section, count, two};
use crate::rounds::{median, ratio};
use crate::scale::Scale;
use crate::slow_syncs::SlowSyncs;
use crate::targets::Limit::AtLeast;

const PIPELINE: u32 = 16;
/// Name and side of each row.
const CASES: [(&str, Contender); 2] = [("ours, always", Ours), ("AOF, always", Stock)];

/// Writes a second in each round.
type Rates = Vec<f64>;

/// Measures it on each server.
pub fn section(scale: &Scale) -> Section {
    let about = format!(
        "{WRITERS} clients write with a pipeline of {PIPELINE} under `always`; every fdatasync of either server is held up for\n\
         {} ms before it begins. The bound is one pipeline of each client a sync.",
        DELAY.as_millis()
    );
    let head = ["server", "log", "writes/s", "to AOF", "bound"];
    let mut section = Section::new("A slow disk: pipelines", &about, &head);
    for edition in editions::compared() {
        match edition {
            Ok(edition) => match measure(scale, &edition) {
                Ok(rates) => rows(&mut section, &edition.name, &rates),
                Err(why) => unmeasured(&mut section, &edition.name, &why),
            },
            Err((name, why)) => unmeasured(&mut section, name, &why),
        }
    }
    section
}

fn measure(scale: &Scale, edition: &Edition) -> Result<[Rates; 2], String> {
    let slow = SlowSyncs::new(&edition.binary, DELAY)?;
    let [ours, stock] = [Ours, Stock].map(|who| who.build(&slow.program(), "always").start());
    let mut rates: [Rates; 2] = [Vec::new(), Vec::new()];
    for turns in 0..scale.slow_rounds {
        for turn in 0..CASES.len() {
            let place = (turns + turn) % CASES.len();
            let (_, who) = CASES[place];
            let server = if who == Ours { &ours } else { &stock };
            let command = format!("{} durable:__rand_int__ __value__", who.set());
            let load = Generator::new(WRITERS, PIPELINE, scale.keys, &command);
            let rough = load.run(server, u64::from(WRITERS * PIPELINE)).rate;
            let seen = load.run(
                server,
                ((rough * scale.seconds) as u64).max(u64::from(WRITERS * PIPELINE)),
            );
            rates[place].push(seen.rate);
        }
    }
    Ok(rates)
}

fn rows(section: &mut Section, server: &str, rates: &[Rates; 2]) {
    let [ours, stock] = rates;
    let bound = f64::from(WRITERS * PIPELINE) / DELAY.as_secs_f64();
    for ((name, _), rates) in CASES.iter().zip(rates) {
        section.row([
            server.to_owned(),
            (*name).to_owned(),
            count(median(rates)),
            two(ratio(rates, stock)),
            count(bound),
        ]);
    }
    target(section, server, Some(ratio(ours, stock)));
}

fn unmeasured(section: &mut Section, server: &str, why: &str) {
    section.unmeasured(&[server], why);
    target(section, server, None);
}

fn target(section: &mut Section, server: &str, to_stock: Option<f64>) {
    section.target(
        format!("slow disk: writes/s, pipeline of 16, to stock `always` ({server})"),
        AtLeast(1.0),
        to_stock,
    );
}
