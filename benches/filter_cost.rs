//! What the cache pays for the module: its commands all pass the command filter.

use crate::contender::Ours;
use crate::generator::Generator;
use crate::plot;
use crate::report::{Section, count, two};
use crate::rounds::{Cell, ratio, take_turns};
use crate::scale::Scale;
use crate::support::Server;
use crate::targets::Limit;

const PREFIXES: &str = "session: queue: lock: counter: idem: job: token: seat:";

/// Measures it.
pub fn section(scale: &Scale) -> Section {
    let about = format!(
        "Native commands on cache keys, 50 clients, pipeline of 16, no log: without the module, with it, and with\n\
         `mylog.capture` set to `{PREFIXES}`.\n\
         `cache:` shares its first byte with a captured prefix, `page:` does not.\n\
         Microseconds are the time that the event loop ran per command."
    );
    let mut section = Section::new(
        "What the cache pays",
        &about,
        &[
            "command",
            "no module",
            "module",
            "8 prefixes",
            "ratio module",
            "ratio prefixes",
            "cpu none",
            "cpu module",
            "cpu prefixes",
        ],
    );
    let none = Server::stock().start();
    let (plain, captured) = (Ours.start("everysec"), Ours.start("everysec"));
    let reply = captured
        .client()
        .cmd(["CONFIG", "SET", "mylog.capture", PREFIXES]);
    assert!(reply.is_ok(), "{reply:?}");
    let commands = ["SET page:", "SET cache:", "GET page:", "GET cache:", "MGET page:"];
    let mut cells = Vec::new();
    for command in commands {
        let rest = match command.split(' ').next() {
            Some("SET") => " __value__",
            Some("MGET") => " cache:__rand_int__ page:__rand_int__",
            _ => "",
        };
        for server in [&none, &plain, &captured] {
            let command = format!("{command}__rand_int__{rest}");
            cells.push(Cell::new(server, Generator::new(50, 16, scale.keys, &command)));
        }
    }
    take_turns(&mut cells, scale);
    let mut groups = Vec::new();
    let mut lowest = [f64::INFINITY; 2];
    for (command, cells) in commands.iter().zip(cells.chunks(3)) {
        let rates: Vec<Vec<f64>> = cells.iter().map(|cell| cell.each(|sample| sample.rate)).collect();
        let medians: Vec<f64> = cells
            .iter()
            .map(|cell| cell.median(|sample| sample.rate))
            .collect();
        let mut row = vec![(*command).to_owned()];
        row.extend(medians.iter().map(|&rate| count(rate)));
        for (lowest, with) in lowest.iter_mut().zip(&rates[1..]) {
            let ratio = ratio(with, &rates[0]);
            *lowest = lowest.min(ratio);
            row.push(two(ratio));
        }
        row.extend(cells.iter().map(|cell| two(cell.median(|sample| sample.cpu_us))));
        section.row(row);
        groups.push(((*command).to_owned(), medians));
    }
    let [module, prefixes] = lowest.map(Some);
    section.target(
        "cache beside the module, nothing captured: rate to that without it, lowest",
        Limit::AtLeast(0.98),
        module,
    );
    section.target(
        "cache beside the module, 8 prefixes: rate to that without it, lowest",
        Limit::AtLeast(0.95),
        prefixes,
    );
    let names = ["no module", "module", "module, 8 prefixes"];
    section.plot("filter", plot::bars("Native commands a second", &names, &groups));
    section
}
