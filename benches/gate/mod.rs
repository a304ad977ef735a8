//! Clients that wait for the disk in every way that a client can write, and those beside them that never write.

mod kinds;
mod load;
pub mod readers;
mod replies;
mod sides;
pub mod writers;

use crate::editions;
use crate::report::Section;
use crate::scale::{Scale, is_wanted};
use sides::{Case, Condition, Sides, take_turns};

/// What was measured on one server under one condition; no cases if that could not be.
struct Measured {
    server: String,
    /// True on the first server, which the plots show.
    first: bool,
    condition: Condition,
    cases: Vec<Case>,
}

/// Measures the cases of each condition on each server: those of the other parts, and Redis 8.6. What could not be
/// measured has a row already when `tell` hears of it.
fn on_each(
    scale: &Scale,
    section: &mut Section,
    conditions: &[Condition],
    cases: fn(Condition) -> Vec<Case>,
    mut tell: impl FnMut(&mut Section, &Measured),
) {
    let editions = editions::compared_and(&[("redis-8.6", "Redis 8.6.")]);
    for (place, edition) in editions.into_iter().enumerate() {
        let name = edition.as_ref().map_or_else(|why| why.0, |edition| &edition.name);
        if !is_wanted("SERVERS", name) {
            continue;
        }
        for &condition in conditions
            .iter()
            .filter(|each| is_wanted("CONDITIONS", &each.name()))
        {
            let (server, measured) = match &edition {
                Ok(edition) => {
                    let sides = Sides::start(edition, condition);
                    let measured = sides.map(|sides| {
                        let mut cases = cases(condition);
                        cases.retain(|case| case.kind.is_none() || is_wanted("KINDS", case.name()));
                        take_turns(scale, &sides, condition, &mut cases);
                        cases
                    });
                    (edition.name.as_str(), measured)
                }
                Err((name, why)) => (*name, Err(why.clone())),
            };
            let cases = measured.unwrap_or_else(|why| {
                section.unmeasured(&[server, condition.policy, condition.disk()], &why);
                Vec::new()
            });
            let measured = Measured {
                server: server.to_owned(),
                first: place == 0,
                condition,
                cases,
            };
            tell(section, &measured);
        }
    }
}

/// How much is measured of each row.
fn length(scale: &Scale) -> String {
    format!("Turns of {} s, {} of each.", scale.gate_seconds, scale.gate_turns)
}

/// Figures of several rows that have one target: it is kept by the worst.
#[derive(Default)]
struct Figures(Vec<(String, f64)>);

impl Figures {
    fn add(&mut self, row: String, figure: f64) {
        self.0.push((row, figure));
    }

    /// `lowest (ROW)` and the figure; `None`: nothing was measured.
    fn lowest(&self) -> (String, Option<f64>) {
        let lowest = self.0.iter().min_by(|a, b| a.1.total_cmp(&b.1));
        named("lowest", lowest)
    }

    /// `highest (ROW)` and the figure.
    fn highest(&self) -> (String, Option<f64>) {
        let highest = self.0.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        named("highest", highest)
    }
}

/// Where all are zero none is to be named.
fn named(which: &str, row: Option<&(String, f64)>) -> (String, Option<f64>) {
    let figure = row.map(|row| row.1);
    match row {
        Some((row, figure)) if *figure != 0.0 => (format!("{which} ({row})"), Some(*figure)),
        _ => (which.to_owned(), figure),
    }
}
