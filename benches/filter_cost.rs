//! What the cache pays for the module: its commands all pass the command filter.

use crate::apart::Apart;
use crate::contender::Ours;
use crate::fill::fill;
use crate::generator::Generator;
use crate::plot;
use crate::report::{Section, count, two};
use crate::rounds::{Cell, Sample, median, ratio_of_pairs, there_and_back};
use crate::scale::Scale;
use crate::support::Server;
use crate::targets::Limit;

const PREFIXES: &str = "session: queue: lock: counter: idem: job: token: seat:";
/// One prefix, one pattern.
const EXCLUSIONS: &str = "!queue:e: !seat:?v:*";
const COMMANDS: [&str; 9] = [
    "SET page:",
    "SET cache:",
    "GET page:",
    "GET cache:",
    "MGET page:",
    "SET queue:e:",
    "GET seat:ev:",
    "XADD cache:x:",
    "PFADD cache:h:",
];
/// A write of another module, on the servers that have one built in.
const MODULE_WRITE: &str = "VADD cache:v:";
/// Commands that have no durable form: on captured keys they are refused, by the server's own table.
const UNROUTED: [&str; 3] = ["XADD", "PFADD", "VADD"];
/// Keys of those rows: so few that each is as large as it gets before it is measured. A stream that still grows costs
/// more from turn to turn.
const GROWN: u64 = 64;
/// Of all cache keys.
const CACHED: [&str; 4] = ["page:", "cache:", "queue:e:", "seat:ev:"];

/// Length of a turn, as a part of the length of a measurement elsewhere.
const TURN: f64 = 0.075;
/// How often the turns go there and back before the servers are started anew.
const TIMES: usize = 4;

/// What all servers of one place (no module, no module again, module, prefixes) took, turn by turn.
#[derive(Default)]
struct Taken {
    /// Time of a command in all, in microseconds: what the rate is made of.
    wall_us: Vec<f64>,
    cpu_us: Vec<f64>,
}

/// Measures it.
pub fn section(scale: &Scale) -> Section {
    let mut section = heading(scale);
    let commands = commands();
    let mut taken: Vec<[Taken; 4]> = commands.iter().map(|_| Default::default()).collect();
    for _ in 0..scale.rounds {
        measure(scale, &commands, &mut taken);
    }
    let mut groups = Vec::new();
    let mut lowest = Lowest::default();
    for (command, taken) in commands.iter().zip(&taken) {
        let rate = |taken: &Taken| 1e6 / median(&taken.wall_us);
        let rates = [&taken[0], &taken[2], &taken[3]].map(rate);
        section.row(row(command, taken, rates, &mut lowest));
        groups.push(((*command).to_owned(), rates.to_vec()));
    }
    lowest.judge(&mut section);
    let names = ["no module", "module", "module, 8 prefixes"];
    section.plot("filter", plot::bars("Native commands a second", &names, &groups));
    section
}

fn heading(scale: &Scale) -> Section {
    let about = format!(
        "Native commands on cache keys, 50 clients, pipeline of 16, no log: without the module, with it, and with\n\
         `mylog.capture` set to `{PREFIXES} {EXCLUSIONS}`, beside as many durable keys.\n\
         `cache:` shares its first byte with a captured prefix, `page:` does not; `queue:e:` and `seat:ev:` are excluded.\n\
         XADD, PFADD and, where a server has it built in, VADD of another module have no durable form.\n\
         \n\
         The servers take short turns of {:.0} ms, there and back: A B C D, D C B A. One such there and back gives one\n\
         ratio: the sum of a server's two times of a command to that of the server without the module. The ratios are medians\n\
         over {}, {TIMES} of each of {} sets of servers: where a process has its memory is worth some percent, so new ones are\n\
         started. With two cores and more the event loops have one of their own. `again` is the same measurement of a second\n\
         server without the module: it is 1 but for what this measurement can't tell apart. `cpu` is the time that the event\n\
         loop ran per command, in microseconds; its ratios are of that time, so more than 1 is a cost.",
        1000.0 * scale.seconds * TURN,
        scale.rounds * TIMES,
        scale.rounds,
    );
    Section::new(
        "What the cache pays",
        &about,
        &[
            "command",
            "no module",
            "module",
            "8 prefixes",
            "ratio again",
            "ratio module",
            "ratio prefixes",
            "cpu none",
            "cpu ratio again",
            "cpu ratio module",
            "cpu ratio prefixes",
        ],
    )
}

/// A line of the table: the rates of a command, and its ratios to the server without the module.
fn row(command: &str, taken: &[Taken; 4], rates: [f64; 3], lowest: &mut Lowest) -> Vec<String> {
    let [none, others @ ..] = taken;
    let mut row = vec![command.to_owned()];
    row.extend(rates.map(count));
    let ratios = others
        .each_ref()
        .map(|other| ratio_of_pairs(&none.wall_us, &other.wall_us));
    lowest.take(command, ratios);
    row.extend(ratios.map(three));
    row.push(two(median(&none.cpu_us)));
    let cpu = |other: &Taken| three(ratio_of_pairs(&other.cpu_us, &none.cpu_us));
    row.extend(others.iter().map(cpu));
    row
}

/// The lowest ratios of all commands.
struct Lowest {
    /// Of the second server without the module, the module, and the module with prefixes.
    routed: [f64; 3],
    /// Of both servers with the module, over the commands without a durable form.
    unrouted: f64,
}

impl Default for Lowest {
    fn default() -> Self {
        Self {
            routed: [f64::INFINITY; 3],
            unrouted: f64::INFINITY,
        }
    }
}

impl Lowest {
    fn take(&mut self, command: &str, ratios: [f64; 3]) {
        if is_unrouted(command) {
            self.unrouted = ratios[1..].iter().copied().fold(self.unrouted, f64::min);
            return;
        }
        for (lowest, ratio) in self.routed.iter_mut().zip(ratios) {
            *lowest = lowest.min(ratio);
        }
    }

    fn judge(&self, section: &mut Section) {
        let [again, module, prefixes] = self.routed;
        section.target(
            "cache beside the module, nothing captured: rate to that without it, lowest",
            Limit::AtLeast(0.98),
            Some(module),
        );
        section.target(
            "cache beside the module, 8 prefixes: rate to that without it, lowest",
            Limit::AtLeast(0.95),
            Some(prefixes),
        );
        section.target(
            "cache beside the module, commands without a durable form: rate to that without it, lowest",
            Limit::AtLeast(0.95),
            Some(self.unrouted),
        );
        section.note(format!(
            "The lowest ratio of the second server without the module: {}.",
            three(again)
        ));
    }
}

fn is_unrouted(command: &str) -> bool {
    UNROUTED.iter().any(|name| command.starts_with(name))
}

/// What is measured on this server.
fn commands() -> Vec<&'static str> {
    let mut commands = COMMANDS.to_vec();
    let server = Server::stock().start();
    let named = server.client().cmd(["COMMAND", "INFO", "VADD"]);
    if format!("{named:?}").to_lowercase().contains("vadd") {
        commands.push(MODULE_WRITE);
    }
    commands
}

/// Adds the turns of a new set of servers.
fn measure(scale: &Scale, commands: &[&str], taken: &mut [[Taken; 4]]) {
    let servers = [
        Server::stock().start(),
        Server::stock().start(),
        Ours.start("everysec"),
        Ours.start("everysec"),
    ];
    let reply = servers[3].client().cmd([
        "CONFIG",
        "SET",
        "mylog.capture",
        &format!("{PREFIXES} {EXCLUSIONS}"),
    ]);
    assert!(reply.is_ok(), "{reply:?}");
    for server in &servers {
        for prefix in CACHED {
            fill(server, "SET", prefix, scale.keys);
        }
    }
    fill(&servers[3], "MYLOG.SET", "session:", scale.keys);
    let _apart = Apart::of(&servers);
    for (command, taken) in commands.iter().zip(taken) {
        let rest = match command.split(' ').next() {
            Some("SET") => " __value__",
            Some("XADD") => " MAXLEN 16 * f __value__",
            Some("PFADD") => " __rand_int__",
            Some("VADD") => " VALUES 3 1 0 0 e",
            Some("MGET") => " cache:__rand_int__ page:__rand_int__",
            _ => "",
        };
        let keys = match is_unrouted(command) {
            true => GROWN,
            false => scale.keys,
        };
        let load = Generator::new(50, 16, keys, &format!("{command}__rand_int__{rest}"));
        let mut cells: Vec<Cell<'_>> = servers
            .iter()
            .map(|server| Cell::new(server, load.clone()))
            .collect();
        there_and_back(&mut cells, TIMES, scale.seconds * TURN);
        for (taken, cell) in taken.iter_mut().zip(&cells) {
            taken.wall_us.extend(cell.each(|sample| 1e6 / sample.rate));
            taken.cpu_us.extend(cell.each(|sample: &Sample| sample.cpu_us));
        }
    }
}

/// A ratio near 1.
fn three(number: f64) -> String {
    format!("{number:.3}")
}
