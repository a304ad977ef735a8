//! A small disk of our own, filled up and freed at will.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A tmpfs. It goes with its last user.
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// An error where a tmpfs can't be mounted.
    pub fn new(megabytes: u32) -> Result<Self, String> {
        let disk = Self(tempfile::tempdir().map_err(|why| why.to_string())?);
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(disk.path());
        match mount.status() {
            Ok(status) if status.success() => Ok(disk),
            _ => Err("A tmpfs could not be mounted: run it as root.".to_owned()),
        }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the space that is left.
    pub fn fill_up(&self) {
        let mut ballast = File::create(self.ballast()).expect("a file on the small disk");
        // Ever smaller pieces: the last page counts.
        for size in [1 << 20, 1 << 12, 1] {
            let piece = vec![0; size];
            loop {
                match ballast.write(&piece) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(why) if why.kind() == ErrorKind::StorageFull => break,
                    Err(why) => panic!("filling up the small disk: {why}"),
                }
            }
        }
    }

    /// Gives that space back.
    pub fn free(&self) {
        fs::remove_file(self.ballast()).expect("the ballast");
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a server may still be on it.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}
