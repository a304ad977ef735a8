//! The pipe on which a rewrite child talks to its server, in a third hand: what is said here the server takes
//! for the child's words.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Its writing end.
pub struct AckPipe(File);

impl AckPipe {
    /// Opens that of a child which is held or stopped. It is the one pipe that the child can write to and of
    /// which the server has the reading end alone.
    pub fn of(server: u32, child: u32) -> Self {
        let (read, written) = (pipes(server), pipes(child));
        let ours = written.iter().find_map(|(pipe, ends)| {
            let (fd, _) = ends.iter().find(|(_, writes)| *writes)?;
            let server_ends = read.get(pipe)?;
            server_ends.iter().all(|(_, writes)| !writes).then_some(fd)
        });
        let fd = ours.unwrap_or_else(|| panic!("no ack pipe: server {read:?}, child {written:?}"));
        let mut options = OpenOptions::new();
        options.write(true).custom_flags(nix::libc::O_NONBLOCK);
        Self(options.open(fd).unwrap())
    }

    /// Says it all; panics if the server does not listen.
    pub fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Says more than the pipe holds, or as much as the server listens to.
    pub fn babble(&mut self, byte: u8) {
        let many = [byte; 4096];
        for _ in 0..1000 {
            match self.0.write(&many) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return,
                _ => {}
            }
        }
    }
}

/// The pipes that a process has open, by their names: each end as a path, and whether it writes.
fn pipes(pid: u32) -> BTreeMap<String, Vec<(PathBuf, bool)>> {
    let mut pipes: BTreeMap<String, Vec<(PathBuf, bool)>> = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten() {
        let Ok(target) = fs::read_link(entry.path()) else {
            continue;
        };
        let name = target.to_string_lossy().into_owned();
        if !name.starts_with("pipe:") {
            continue;
        }
        let number = entry.file_name().to_string_lossy().into_owned();
        let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
        let writes = flags.is_some_and(|flags| flags & 3 != 0);
        pipes.entry(name).or_default().push((entry.path(), writes));
    }
    pipes
}
