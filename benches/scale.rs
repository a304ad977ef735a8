//! How much is measured: the full run, or with `QUICK=1` one that only shows that all of it works.

use std::env;
use std::path::{Path, PathBuf};

/// True if the list in this variable of the environment names it, or names nothing: a run of a few rows.
pub fn is_wanted(variable: &str, name: &str) -> bool {
    let list = env::var(variable).unwrap_or_default();
    list.is_empty() || list.split(',').any(|wanted| name.starts_with(wanted))
}

/// Sizes of a run.
pub struct Scale {
    /// A short run: its numbers are rough.
    pub quick: bool,
    /// Times that everything is measured.
    pub rounds: usize,
    /// Length of one measurement.
    pub seconds: f64,
    /// Keys that writers choose from.
    pub keys: u64,
    /// Keys in the data set of a rewrite under load.
    pub rewrite_keys: u64,
    /// Times that a rewrite under load is measured.
    pub rewrite_rounds: usize,
    /// Times that each row of the gate is measured. It has many: turns are short.
    pub gate_turns: usize,
    /// Length of one of these measurements.
    pub gate_seconds: f64,
    /// Durable keys of a load, and of the comparison beside a cache.
    pub durable_keys: u64,
    /// Cache keys of that comparison.
    pub cache_keys: u64,
    /// Fields of a huge hash, and keys of a huge keyspace.
    pub huge: u64,
    /// Megabytes of a huge string.
    pub huge_megabytes: u64,
}

impl Scale {
    /// The full run, unless `QUICK` is 1.
    pub fn of_environment() -> Self {
        let quick = env::var("QUICK").is_ok_and(|value| value == "1");
        let turns = env::var("TURNS").ok().and_then(|turns| turns.parse().ok());
        if quick {
            Self {
                quick,
                rounds: 3,
                seconds: 0.35,
                keys: 20_000,
                rewrite_keys: 60_000,
                rewrite_rounds: 1,
                gate_turns: turns.unwrap_or(1),
                gate_seconds: 0.04,
                durable_keys: 200_000,
                cache_keys: 1_000_000,
                huge: 500_000,
                huge_megabytes: 25,
            }
        } else {
            Self {
                quick,
                rounds: 5,
                seconds: 1.0,
                keys: 100_000,
                rewrite_keys: 500_000,
                rewrite_rounds: 3,
                gate_turns: turns.unwrap_or(5),
                gate_seconds: 0.16,
                durable_keys: 1_000_000,
                cache_keys: 5_000_000,
                huge: 5_000_000,
                huge_megabytes: 256,
            }
        }
    }

    /// Where the results go: only a whole, full run replaces those of the repository.
    pub fn folder(&self, whole: bool) -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let rows = ["SERVERS", "CONDITIONS", "KINDS", "TURNS"].map(env::var_os);
        if whole && !self.quick && rows.iter().all(Option::is_none) {
            return root.join("docs/bench");
        }
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        target.join("bench")
    }
}
