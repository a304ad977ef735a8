//! What /proc tells of a process: its memory, and how long its main thread ran.

use std::fs;

/// Time that the main thread has run, in ns.
pub fn main_thread_ns(pid: u32) -> u64 {
    let path = format!("/proc/{pid}/task/{pid}/schedstat");
    let text = fs::read_to_string(&path).unwrap_or_else(|why| panic!("{path}: {why}"));
    text.split(' ')
        .next()
        .and_then(|ns| ns.parse().ok())
        .expect("a number")
}

/// Resident memory in bytes; 0 when the process is gone.
pub fn resident(pid: u32) -> u64 {
    kilobytes(&format!("/proc/{pid}/status"), &["VmRSS:"])
}

/// Memory that a process shares with nobody, in bytes: of a fork child, the pages that it or its parent
/// changed since. 0 when the process is gone.
pub fn private(pid: u32) -> u64 {
    kilobytes(
        &format!("/proc/{pid}/smaps_rollup"),
        &["Private_Dirty:", "Private_Clean:"],
    )
}

fn kilobytes(path: &str, fields: &[&str]) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text
        .lines()
        .filter(|line| fields.iter().any(|field| line.starts_with(field)));
    let sizes = lines.filter_map(|line| line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok());
    sizes.sum::<u64>() * 1024
}
