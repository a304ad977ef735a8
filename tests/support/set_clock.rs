//! A clock that a test can set back: the time of day of one server, not of its machine.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::artifacts;
use super::server::Server;
use super::server_builder::ServerBuilder;
use super::wait::wait_for;

/// What stands before the C library's: the time of day, less as many seconds as the file says.
const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long *back; /* little-endian, as all machines that it runs on */

__attribute__((constructor)) static void begin(void) {
    int file = open(getenv("SET_CLOCK"), O_RDONLY);
    void *found = mmap(0, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
    if (found == MAP_FAILED) abort();
    back = found;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int failed = (int)syscall(SYS_clock_gettime, clock, time);
    if (!failed && clock == CLOCK_REALTIME && back) time->tv_sec -= *back;
    return failed;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}
"#;

/// A program that runs the server with a clock of its own. It must outlive the server.
pub struct SetClock(TempDir);

impl SetClock {
    /// Panics where there is no C compiler.
    pub fn new() -> Self {
        let clock = Self(tempfile::tempdir().expect("a folder"));
        fs::write(clock.path("clock.c"), SOURCE).expect("a source");
        fs::write(clock.path("back"), 0i64.to_le_bytes()).expect("a file");
        let made = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(clock.path("clock.so"))
            .arg(clock.path("clock.c"))
            .status();
        assert!(
            made.is_ok_and(|status| status.success()),
            "no C compiler. Run `make deps` first."
        );
        let script = format!(
            "#!/bin/sh\nSET_CLOCK={} LD_PRELOAD={} exec {} \"$@\"\n",
            clock.path("back").display(),
            clock.path("clock.so").display(),
            artifacts::server_binary().display()
        );
        fs::write(clock.path("server"), script).expect("a script");
        fs::set_permissions(clock.path("server"), fs::Permissions::from_mode(0o755)).expect("its mode");
        clock
    }

    /// Settings of a server with this clock.
    pub fn build(&self) -> ServerBuilder {
        ServerBuilder::new().binary(self.path("server"))
    }

    /// Sets the clock back by so many seconds, counted from the machine's.
    pub fn set_back(&self, seconds: i64) {
        // The server has this file mapped: it must never lack its bytes.
        let file = File::options().write(true).open(self.path("back"));
        let written = file.expect("the file").write_all_at(&seconds.to_le_bytes(), 0);
        written.expect("its bytes");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// Waits until the server is in the middle of DEBUG SLEEP.
pub fn wait_until_it_sleeps(server: &Server) {
    let path = format!("/proc/{0}/task/{0}/syscall", server.pid());
    let calls = [libc::SYS_nanosleep, libc::SYS_clock_nanosleep].map(|call| call.to_string());
    wait_for("the server sleeps in a command", || {
        let text = fs::read_to_string(&path).unwrap_or_default();
        calls.iter().any(|call| text.split(' ').next() == Some(call))
    });
}
