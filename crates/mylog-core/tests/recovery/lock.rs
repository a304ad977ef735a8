//! The lock of the folder, between processes: POSIX locks don't conflict within one.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use mylog_core::log::lock::{FolderLock, LockError};

const DIR: &str = "MYLOG_TEST_LOCK_DIR";

fn folder(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("mylog-lock-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir(&dir).unwrap();
    dir
}

/// The other process: this very test binary, running only the test below.
fn holder(dir: &PathBuf) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "lock::hold_the_lock_for_another_test",
            "--ignored",
            "--nocapture",
        ])
        .env(DIR, dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Kept by the caller: the harness of the other process must be able to print its result.
    let mut out = BufReader::new(child.stdout.take().unwrap());
    assert!(
        out.by_ref()
            .lines()
            .any(|line| line.unwrap().contains("the lock is held"))
    );
    (child, out)
}

#[test]
#[ignore = "the other process of the tests here"]
fn hold_the_lock_for_another_test() {
    let dir = std::env::var_os(DIR).expect("only run by the other tests");
    let lock = FolderLock::take(dir.as_ref()).unwrap();
    // Not println: the harness would hold it back.
    std::io::stdout().write_all(b"the lock is held\n").unwrap();
    std::io::stdout().flush().unwrap();
    // Until the test closes the pipe, or dies.
    assert_eq!(std::io::stdin().read_line(&mut String::new()).unwrap(), 0);
    drop(lock);
}

#[test]
fn a_second_server_is_refused_and_told_who_has_the_folder() {
    let dir = folder("second");
    let (mut child, _out) = holder(&dir);
    let error = FolderLock::take(&dir).unwrap_err();
    let LockError::Held { pid, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(*pid, Some(child.id() as i32));
    let text = error.to_string();
    assert!(
        text.contains(&format!("process {}", child.id())) && text.contains("LOCK"),
        "{text}"
    );
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    FolderLock::take(&dir).unwrap();
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_killed_server_keeps_nobody_out_and_its_id_is_replaced() {
    let dir = folder("killed");
    let (mut child, _out) = holder(&dir);
    child.kill().unwrap();
    child.wait().unwrap();
    let lock = FolderLock::take(&dir).unwrap();
    let pid = std::fs::read_to_string(dir.join("LOCK")).unwrap();
    assert_eq!(pid, format!("{}\n", std::process::id()));
    drop(lock);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_missing_folder_is_an_error_that_names_the_file() {
    let dir = folder("missing").join("deeper");
    let error = FolderLock::take(&dir).unwrap_err();
    assert!(
        matches!(
            error,
            LockError::Io {
                action: "opening",
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("deeper/LOCK"));
    std::fs::remove_dir_all(dir.parent().unwrap()).unwrap();
}
