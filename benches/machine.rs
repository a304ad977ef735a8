//! The machine of a run: without it no number means anything.

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;
use std::time::Instant;

use crate::rounds::median;
use crate::support::artifacts::server_binary;

/// One fact a line.
pub fn describe() -> Vec<String> {
    let folder = env::temp_dir();
    let cores = available_parallelism().map_or(0, usize::from);
    vec![
        format!("date: {}", said_by("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        format!(
            "processor: {}, {cores} cores",
            value_in("/proc/cpuinfo", "model name")
        ),
        format!("memory: {}", value_in("/proc/meminfo", "MemTotal")),
        format!("system: Linux {}", line_of("/proc/sys/kernel/osrelease")),
        format!("load average at the start: {}", line_of("/proc/loadavg")),
        format!(
            "server: {}",
            said_by(&server_binary().to_string_lossy(), &["--version"])
        ),
        format!("load generator: {}", said_by("redis-benchmark", &["--version"])),
        format!(
            "disk: {} on {}, an append of 4 kB with fdatasync takes {:.0} us",
            file_system(&folder),
            folder.display(),
            fdatasync_us(&folder)
        ),
    ]
}

fn said_by(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    output.map_or_else(
        |why| format!("{program}: {why}"),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

fn line_of(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn value_in(path: &str, name: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.split_once(':'));
    value.map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
}

/// Type of the file system that holds a folder: on one in memory, fsync costs nothing.
fn file_system(folder: &Path) -> String {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let around = mounts.filter(|(place, _)| folder.starts_with(place));
    around
        .max_by_key(|(place, _)| place.len())
        .map_or_else(|| "unknown".to_owned(), |(_, kind)| kind.to_owned())
}

fn fdatasync_us(folder: &Path) -> f64 {
    let path = tempfile::NamedTempFile::new_in(folder)
        .expect("a temporary file")
        .into_temp_path();
    let mut file = File::create(&path).expect("a temporary file");
    let took = |_| {
        let start = Instant::now();
        file.write_all(&[7; 4096]).expect("a write");
        file.sync_data().expect("fdatasync");
        start.elapsed().as_secs_f64() * 1e6
    };
    median(&(0..50).map(took).collect::<Vec<_>>())
}
