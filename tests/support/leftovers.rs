//! What a server has open, has started, or has left in a folder: for "nothing is left behind".

use std::fs;
use std::path::Path;

use super::wait::{DEADLINE, holds_within, wait_for};

/// Names in a folder and below it, sorted; folders end with `/`. Empty when it does not exist.
pub fn files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    collect(folder, "", &mut names);
    names.sort();
    names
}

fn collect(folder: &Path, below: &str, names: &mut Vec<String>) {
    // A file may vanish between the listing and the look at it.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&entry.path(), &format!("{name}/"), names);
            names.push(format!("{name}/"));
        } else {
            names.push(name);
        }
    }
}

/// What the open descriptors of a process point to, sorted; a socket or pipe without its number.
pub fn open_files(pid: u32) -> Vec<String> {
    let mut targets: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .map(|target| {
            target
                .to_string_lossy()
                .split(":[")
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    targets.sort();
    targets
}

/// What a server without a port has open once its last client is gone and only the socket it listens on is left.
pub fn open_files_without_clients(pid: u32) -> Vec<String> {
    wait_for("the clients are gone", || {
        open_files(pid).iter().filter(|file| *file == "socket").count() == 1
    });
    open_files(pid)
}

/// Waits until exactly these are open; panics with what is.
pub fn wait_open_files(pid: u32, wanted: &[String]) {
    if !holds_within(DEADLINE, || open_files(pid) == wanted) {
        assert_eq!(open_files(pid), wanted, "the open files are not what they were");
    }
}

/// The children of a process, zombies included.
pub fn children(pid: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok());
    pids.filter(|child| state_and_parent(*child).is_some_and(|(_, parent)| parent == pid))
        .collect()
}

/// Whether a process exists and is no zombie.
pub fn alive(pid: u32) -> bool {
    state_and_parent(pid).is_some_and(|(state, _)| state != "Z" && state != "X")
}

fn state_and_parent(pid: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may itself hold brackets and spaces.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}
