//! A server whose every sync is held up before it begins, as by a slow disk: the same for ours and for the AOF.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// A program that runs a server with slow syncs. It must outlive the server.
pub struct SlowSyncs {
    folder: TempDir,
}

impl SlowSyncs {
    /// An error where there is no strace.
    pub fn new(server: &Path, delay: Duration) -> Result<Self, String> {
        strace_is_there()?;
        let folder = tempfile::Builder::new().prefix("mylog-slow-").tempdir();
        let folder = folder.map_err(|why| why.to_string())?;
        // -D: the tracer is a grandchild, so that the process started here is the server. --seccomp-bpf: nothing
        // but a sync stops for it. An AOF syncs with fdatasync on Linux, as ours does.
        let script = format!(
            "#!/bin/sh\nexec strace -D -f --seccomp-bpf -qq -o /dev/null -e trace=fdatasync,fsync \
             -e inject=fdatasync,fsync:delay_enter={} {} \"$@\"\n",
            delay.as_micros(),
            server.display()
        );
        let slow = Self { folder };
        fs::write(slow.program(), script).map_err(|why| why.to_string())?;
        fs::set_permissions(slow.program(), fs::Permissions::from_mode(0o755))
            .map_err(|why| why.to_string())?;
        Ok(slow)
    }

    /// To be started instead of the server.
    pub fn program(&self) -> PathBuf {
        self.folder.path().join("server")
    }
}

/// An error that says what to do where there is no strace.
pub fn strace_is_there() -> Result<(), String> {
    let found = Command::new("strace")
        .arg("-V")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match found {
        Ok(status) if status.success() => Ok(()),
        _ => Err("There is no strace: run `make deps`.".to_owned()),
    }
}
