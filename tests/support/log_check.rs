//! `mylog-check` as tests run it: what a log on disk is worth, seen from outside the server.

use std::path::Path;
use std::process::Command;

use super::artifacts;

/// Runs `mylog-check check` on a folder or file: its exit status, and all that it said.
pub fn check(path: &Path) -> (i32, String) {
    let output = Command::new(artifacts::check_tool())
        .arg("check")
        .arg(path)
        .output()
        .expect("mylog-check");
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    (output.status.code().expect("an exit status"), said)
}

/// Panics unless the log is whole.
pub fn assert_clean(path: &Path) {
    let (status, said) = check(path);
    assert_eq!(status, 0, "{}: {said}", path.display());
}
