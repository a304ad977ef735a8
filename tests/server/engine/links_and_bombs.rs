//! Files in the log's folder that are not what they seem: a `LOCK` or a log that leads elsewhere, and a log that
//! makes gigabytes of a few hundred bytes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use mylog_core::effect::{Change, Effect};
use mylog_core::format::header::Identity;
use mylog_core::group::Group;
use mylog_core::io::Fs as _;
use mylog_core::io::os::OsFs;
use mylog_core::log::create::empty_log;
use mylog_core::log::file::LogFile;

use crate::support::{Server, ServerBuilder};

fn build(dir: &Path) -> ServerBuilder {
    Server::build().mylog("dir", dir.to_str().unwrap())
}

fn assert_refused(server: ServerBuilder, words: &[&str]) {
    let refused = server.try_start().err().expect("a server that does not start");
    for word in words {
        assert!(refused.log.contains(word), "{word:?} is not in {refused}");
    }
}

#[test]
fn a_lock_that_leads_to_another_file_is_refused_and_that_file_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, victim) = (folder.path().join("log"), folder.path().join("victim"));
    fs::create_dir(&dir).unwrap();
    fs::write(&victim, "precious").unwrap();
    let lock = dir.join("LOCK");
    symlink(&victim, &lock).unwrap();
    assert_refused(build(&dir), &["LOCK: it is a symbolic link", "remove it"]);
    fs::remove_file(&lock).unwrap();
    fs::hard_link(&victim, &lock).unwrap();
    assert_refused(
        build(&dir),
        &["LOCK: it is a file with several names", "remove it"],
    );
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    fs::remove_file(&lock).unwrap();
    build(&dir).start().client().ok("MYLOG.SET key value");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn a_log_that_is_a_link_is_not_opened_and_other_names_lead_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, victim) = (folder.path().join("log"), folder.path().join("victim"));
    let mut first = build(&dir).start();
    first.client().ok("MYLOG.SET key value");
    assert!(first.term().success());
    let live = dir.join("current.mylog");
    fs::rename(&live, &victim).unwrap();
    symlink(&victim, &live).unwrap();
    let before = fs::read(&victim).unwrap();
    assert_refused(build(&dir), &["current.mylog: opening: is a symbolic link"]);
    assert!(fs::read(&victim).unwrap() == before);
    fs::remove_file(&live).unwrap();
    fs::copy(&victim, &live).unwrap();
    for name in ["current.mylog.new", "probe.mylog", "rewrite-2.mylog"] {
        symlink(&victim, dir.join(name)).unwrap();
    }
    let server = build(&dir).start();
    let mut client = server.client();
    assert_eq!(client.run("MYLOG.GET key").text(), "value");
    crate::support::rewriting::run(&mut client);
    assert!(fs::read(&victim).unwrap() == before);
}

/// A log in `dir` with these records, and right checksums.
fn write_log(dir: &Path, effects: &[Effect<'_>]) {
    fs::create_dir(dir).unwrap();
    let identity = Identity {
        uuid: *b"a log of a bomb.",
        epoch: 1,
        salt: 3,
    };
    let path = dir.join("current.mylog");
    let empty = empty_log(&identity, 7, 1);
    fs::write(&path, &empty).unwrap();
    let file = OsFs.open(&path).unwrap();
    let mut log = LogFile::new(file, identity, 7, empty.len() as u64, 1).unwrap();
    let mut payload = Vec::new();
    for effect in effects {
        effect.encode(&mut payload);
    }
    let count = u32::try_from(effects.len()).unwrap();
    let group = Group::new(1, count, 1, payload);
    log.append(&[std::sync::Arc::new(group)], 0).unwrap();
    log.vouch(1, 1).unwrap();
}

/// Half a gigabyte of one byte at its end, and so many copies of it.
fn bomb(copies: u8) -> Vec<Effect<'static>> {
    const NAMES: [u8; 32] = *b"abcdefghijklmnopqrstuvwxyzABCDEF";
    static KEYS: [u8; 32] = NAMES;
    let far = Change::StrRange {
        offset: (500 << 20) - 1,
        bytes: b"x",
    }
    .of(0, b"far");
    let copies = (0..usize::from(copies)).map(|n| {
        Change::Copy {
            to_db: 0,
            to: &KEYS[n..=n],
        }
        .of(0, b"far")
    });
    std::iter::once(far).chain(copies).collect()
}

#[test]
fn a_log_that_makes_gigabytes_of_a_few_bytes_is_refused_before_the_memory_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("log");
    write_log(&dir, &bomb(18));
    let bytes = fs::metadata(dir.join("current.mylog")).unwrap().len();
    assert!(bytes < 1000, "{bytes}");
    let words = [
        "current.mylog",
        "corrupt at 160",
        "seq 1",
        "start with a higher maxmemory",
        "mylog-check check",
    ];
    assert_refused(build(&dir).config("maxmemory", "1200mb"), &words);
    // What the server has room for is loaded: it may be what somebody has meant.
    fs::remove_dir_all(&dir).unwrap();
    write_log(&dir, &bomb(1));
    let server = build(&dir).config("maxmemory", "1200mb").start();
    assert_eq!(server.client().run("MYLOG.STRLEN a").int(), 500 << 20);
}

#[test]
fn a_string_longer_than_the_server_allows_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("log");
    let mut effects = bomb(0);
    effects.push(
        Change::StrRange {
            offset: (900 << 20) - 1,
            bytes: b"x",
        }
        .of(0, b"far"),
    );
    write_log(&dir, &effects);
    assert_refused(
        build(&dir),
        &["proto-max-bulk-len allows 536870912", "corrupt at 160", "seq 1"],
    );
    let server = build(&dir).config("proto-max-bulk-len", "1gb").start();
    assert_eq!(server.client().run("MYLOG.STRLEN far").int(), 900 << 20);
}
