//! How long the long loops run. CI and `make test` run a twentieth of what `make soak` runs.
//!
//! `SOAK` is the factor: 1 without it, 20 under `make soak`. A loop whose length has a variable of its own
//! (`SEQUENCES`, `FUZZ_RESTORE`, `GENERIC_SEEDS`, `KILLS`) takes that one first. Each loop prints its seeds while it runs and one
//! line that begins with `SOAK` at its end, which `make soak` shows once more.

use std::env;

/// A number in an environment variable; `None` without it.
pub fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}: a number, not {text:?}")),
    )
}

/// How often a loop runs: what `variable` says, or its usual number times `SOAK`.
pub fn times(variable: &str, usual: u64) -> u64 {
    number(variable).unwrap_or_else(|| usual * number("SOAK").unwrap_or(1))
}

/// The seeds of a loop: the one in `variable`, or as many new ones.
pub fn seeds(variable: &str, count: u64) -> Vec<u64> {
    match number(variable) {
        Some(seed) => vec![seed],
        None => (0..count).map(|_| fastrand::u64(..)).collect(),
    }
}

/// Tells what a loop has done. Only what is complete is told: a loop that fails panics before.
pub fn total(of: &str, done: &str) {
    eprintln!("SOAK {of}: {done}");
}
