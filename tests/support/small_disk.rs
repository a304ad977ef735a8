//! A small disk of a test's own: a tmpfs. Needs leave to mount.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A disk that is unmounted when it goes out of scope.
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// An empty disk of that size: `8m`.
    pub fn new(size: &str) -> Self {
        let disk = Self(tempfile::tempdir().unwrap());
        let options = format!("size={size}");
        let path = disk.path().to_owned();
        mount(&["-t", "tmpfs", "-o", &options, "tmpfs"], &path);
        disk
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes room away: a file that stands in the way of everybody else.
    pub fn take_room(&self, bytes: usize) {
        fs::write(self.ballast(), vec![0; bytes]).unwrap();
    }

    /// Takes all the room there is.
    pub fn fill(&self) {
        use std::io::Write;
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.ballast())
            .unwrap();
        while file.write(&[0; 4096]).is_ok_and(|n| n > 0) {}
    }

    /// Gives that room back.
    pub fn give_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    /// Makes it larger or smaller.
    pub fn resize(&self, size: &str) {
        mount(&["-o", &format!("remount,size={size}")], self.path());
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a server may still be on it, and goes with the test.
        unmount(self.0.path());
    }
}

/// A folder under which nothing can be made, removed or renamed, for as long as this lives. Files that are
/// open for writing stay so.
pub struct ReadOnly(PathBuf);

impl ReadOnly {
    /// Makes it so for everybody, root as well.
    pub fn make(folder: &Path) -> Self {
        mount(&["--bind", folder.to_str().unwrap()], folder);
        let made = Self(folder.to_owned());
        mount(&["-o", "remount,ro,bind"], folder);
        made
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        unmount(&self.0);
    }
}

fn mount(args: &[&str], at: &Path) {
    let mounted = Command::new("mount").args(args).arg(at).status();
    assert!(
        mounted.is_ok_and(|status| status.success()),
        "mount {args:?}: run the tests as root"
    );
}

fn unmount(at: &Path) {
    let _ = Command::new("umount").arg("-l").arg(at).status();
}
