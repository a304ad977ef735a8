//! Which commands have run, and which should have: the server tells.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write as _};

use super::sides::Answered;
use crate::support::Client;

/// One sequence in so many has to have had an answer of each command, by each of its names.
const RARELY: u32 = 400;
/// Fewer sequences prove nothing about that.
const ENOUGH: u32 = 450;

/// Commands of our own that are no native command's twin, and the rewrite and the wait, with which rounds end.
const NO_TWINS: [&str; 12] = [
    "ADOPT",
    "APPLY",
    "CHECKED",
    "CHECKEDFORALL",
    "COPYDB",
    "COPYFORALL",
    "DEBUG",
    "REFUSE",
    "REJECT",
    "RELEASE",
    "REWRITE",
    "WAIT",
];
/// Twins that the steps themselves are made of.
const IN_STEPS: [&str; 2] = ["FLUSHALL", "FLUSHDB"];

/// The native commands of the groups whose every command is looked for.
const GROUPS: [&str; 6] = ["string", "bitmap", "hash", "list", "set", "sortedset"];

/// Native commands of these groups that have no twin, as docs/limits.md says.
const LEFT_OUT: [&str; 16] = [
    // Ends of single fields, from Redis 7.4 on.
    "HEXPIRE",
    "HEXPIREAT",
    "HEXPIRETIME",
    "HGETDEL",
    "HGETEX",
    "HPERSIST",
    "HPEXPIRE",
    "HPEXPIREAT",
    "HPEXPIRETIME",
    "HPTTL",
    "HSETEX",
    "HTTL",
    // Strings compared and set together, from Redis 8.4 on.
    "DELEX",
    "DIGEST",
    "MSETEX",
    // Of Valkey, from 9.0 on.
    "DELIFEQ",
];

/// How many sequences had an answer of a command that was no error.
#[derive(Debug)]
pub struct Coverage {
    twins: BTreeSet<String>,
    natives: BTreeSet<String>,
    by_twin: BTreeMap<String, u32>,
    by_name: BTreeMap<String, u32>,
}

impl Coverage {
    pub fn new(client: &mut Client) -> Self {
        let mut names = |filter: &str| -> BTreeSet<String> {
            let names = client.run(format!("COMMAND LIST {filter}").trim_end()).items();
            names.into_iter().map(|name| name.text().to_uppercase()).collect()
        };
        let all = names("");
        let twins = names("FILTERBY MODULE mylog");
        let twins = twins.iter().filter_map(|name| name.strip_prefix("MYLOG."));
        // However few sequences run.
        let is_known = |name: &&str| NO_TWINS.contains(name) || all.contains(*name);
        let unknown: Vec<&str> = twins.clone().filter(|name| !is_known(name)).collect();
        assert!(
            unknown.is_empty(),
            "no native command's twin, and not said to be none: {unknown:?}"
        );
        let natives = GROUPS
            .iter()
            .flat_map(|group| names(&format!("FILTERBY ACLCAT {group}")));
        Self {
            natives: natives.filter(|name| !name.contains('.')).collect(),
            twins: twins.map(str::to_owned).collect(),
            by_twin: BTreeMap::new(),
            by_name: BTreeMap::new(),
        }
    }

    /// Counts what one sequence has run.
    pub fn add(&mut self, answered: &Answered) {
        for (counts, names) in [
            (&mut self.by_twin, &answered.by_twin),
            (&mut self.by_name, &answered.by_name),
        ] {
            for name in names {
                *counts.entry(name.clone()).or_default() += 1;
            }
        }
    }

    /// Shows the list, and panics if a command is missing in it.
    pub fn judge(&self, of: &str, sequences: u32) {
        let (mut missing, mut least) = (Vec::new(), u32::MAX);
        let mut list = format!(
            "{sequences} sequences, {of}: with an answer of each twin, by its name and by the native one\n"
        );
        let compared = self
            .twins
            .iter()
            .filter(|name| !NO_TWINS.contains(&name.as_str()) && !IN_STEPS.contains(&name.as_str()));
        for (at, name) in compared.enumerate() {
            let counts = [&self.by_twin, &self.by_name].map(|counts| counts.get(name).copied().unwrap_or(0));
            let text = format!("{name} {} {}", counts[0], counts[1]);
            let _ = write!(list, "{text:<26}{}", if at % 5 == 4 { "\n" } else { "" });
            least = counts.into_iter().fold(least, u32::min);
            if sequences >= ENOUGH && counts.iter().any(|count| *count < sequences / RARELY) {
                missing.push(text);
            }
        }
        let without_twin: Vec<_> = self.natives.difference(&self.twins).collect();
        let _ = writeln!(
            list,
            "\nat least {least} of each; without a twin: {without_twin:?}"
        );
        // Past the harness, which shows nothing of a test that passes.
        let _ = io::stderr().write_all(list.as_bytes());
        assert!(missing.is_empty(), "hardly ever run: {missing:?}");
        let unexplained: Vec<_> = without_twin
            .into_iter()
            .filter(|name| !LEFT_OUT.contains(&name.as_str()))
            .collect();
        assert!(
            unexplained.is_empty(),
            "native commands without a twin, and not said to be left out: {unexplained:?}"
        );
    }
}
