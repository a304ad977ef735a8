//! The program as it is run: output, exit status, and that it never writes.

#![expect(clippy::expect_used, reason = "a helper of a test fails the test")]

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mylog_core::effect::{Change, NEVER, Ttl};
use mylog_core::format::frame::{FrameHeader, Kind};
use mylog_core::format::header::Identity;
use mylog_core::format::padding;
use mylog_core::format::snapshot_end::SnapshotEnd;
use mylog_core::group::Group;
use mylog_core::log::create::empty_log;

const ID: Identity = Identity {
    uuid: [0xab; 16],
    epoch: 3,
    salt: 1,
};

/// A folder of its own for a test, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("mylog-check-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).expect("a folder for the test");
        Self(dir)
    }

    fn with_log(name: &str, bytes: &[u8]) -> Self {
        let folder = Self::new(name);
        fs::write(folder.0.join("current.mylog"), bytes).expect("a log for the test");
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn frame(kind: Kind, seq: u64, count: u32, durable_seq: u64, payload: &[u8]) -> Vec<u8> {
    let payload_crc = Group::new(seq, count, 0, payload.to_vec()).payload_crc();
    let header = FrameHeader {
        kind,
        continues: false,
        part: 0,
        payload_len: payload.len() as u32,
        record_count: count,
        seq,
        durable_seq,
        wall_ms: 0,
        run: 9,
        payload_crc,
    };
    let mut bytes = header.encode(ID.seed()).to_vec();
    bytes.extend_from_slice(payload);
    bytes.resize(bytes.len() + padding(payload.len() as u64) as usize, 0);
    bytes
}

/// A record of 8 bytes for each of these keys.
fn records(keys: &[&[u8]]) -> Vec<u8> {
    let mut payload = Vec::new();
    for key in keys {
        Change::StrSet {
            ttl: Ttl::Set(NEVER),
            value: b"v",
        }
        .of(0, key)
        .encode(&mut payload);
    }
    payload
}

/// Two groups, the first of which was durable.
fn log() -> Vec<u8> {
    let mut bytes = empty_log(&ID, 9, 0);
    bytes.extend(frame(Kind::Data, 1, 2, 0, &records(&[b"a", b"b"])));
    bytes.extend(frame(Kind::Data, 3, 1, 2, &records(&[b"c"])));
    bytes
}

fn run(args: &[&str], path: &Path) -> (Option<i32>, String, String) {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_mylog-check"))
        .args(args)
        .arg(path)
        .output()
        .expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("ASCII");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_clean_log_is_0_and_shows_its_sections() {
    let bytes = log();
    let folder = Folder::with_log("clean", &bytes);
    let (code, out, err) = run(&["check"], &folder.0);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(
        lines,
        [
            "header: uuid abababababababababababababababab, epoch 3",
            "snapshot: 0 records, 0 keys, 160 bytes, base_seq 0",
            "data: 2 groups, 3 records, seq 1..3, durable_seq 2, not sealed",
            "ok",
        ]
    );
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(run(&["check"], &folder.0.join("current.mylog")).1, out);
    assert_eq!(
        fs::read(folder.0.join("current.mylog")).expect("still there"),
        bytes
    );
    assert_eq!(fs::read_dir(&folder.0).expect("still there").count(), 1);
}

#[test]
fn a_torn_log_is_1() {
    let bytes = log();
    let folder = Folder::with_log("torn", &bytes[..bytes.len() - 1]);
    let (code, out, _) = run(&["check"], &folder.0);
    assert_eq!(code, Some(1));
    assert!(
        out.contains("torn at 232: 1 frames, 1 records not known durable"),
        "{out}"
    );
}

#[test]
fn a_corrupt_log_is_2_and_shows_what_was_lost() {
    let mut bytes = log();
    bytes[160 + 56] ^= 1;
    let folder = Folder::with_log("corrupt", &bytes);
    let (code, out, _) = run(&["check"], &folder.0);
    assert_eq!(code, Some(2));
    assert!(
        out.contains("corrupt at 160: seq 1..2 were durable, next good frame at 232"),
        "{out}"
    );
}

#[test]
fn records_that_no_server_could_load_are_2_though_every_checksum_is_right() {
    let mut bytes = log();
    bytes.extend(frame(Kind::Data, 4, 2, 2, b"\xff no record"));
    let folder = Folder::with_log("records", &bytes);
    let (code, out, _) = run(&["check"], &folder.0);
    assert_eq!(code, Some(2));
    let at = log().len();
    assert!(
        out.contains(&format!("corrupt at {at}: ")) && out.contains("record 0 of its group"),
        "{out}"
    );
}

#[test]
fn keys_that_the_end_record_counts_but_nobody_wrote_are_2() {
    let mut bytes = empty_log(&ID, 9, 0);
    bytes.truncate(64);
    let totals = SnapshotEnd {
        base_seq: 0,
        records: 0,
        keys: 1,
        bytes: 64,
        crc_of_crcs: 0,
    };
    bytes.extend(frame(Kind::SnapshotEnd, 0, 0, 0, &totals.encode()));
    let folder = Folder::with_log("keys", &bytes);
    let (code, out, _) = run(&["check"], &folder.0);
    assert_eq!(code, Some(2));
    assert!(out.contains("counts 1 keys, the records make 0"), "{out}");
}

#[test]
fn json_says_the_same() {
    let folder = Folder::with_log("json", &log());
    let (code, out, _) = run(&["check", "--json"], &folder.0);
    let value: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(
        (code, &value["verdict"], &value["exit"]),
        (Some(0), &"ok".into(), &0.into())
    );
    assert_eq!(value["data"]["last_seq"], 3);
    assert_eq!(value["header"]["epoch"], 3);
    assert_eq!(value["snapshot"]["base_seq"], 0);

    let mut bytes = log();
    bytes[160 + 56] ^= 1;
    let folder = Folder::with_log("json-corrupt", &bytes);
    let (code, out, _) = run(&["check", "--json"], &folder.0);
    let value: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &value["verdict"]), (Some(2), &"corrupt".into()));
    assert_eq!(
        (&value["detail"]["last_lost_seq"], &value["detail"]["resync"]),
        (&2.into(), &232.into())
    );
}

#[test]
fn what_is_no_log_or_not_there_is_2_with_the_name_in_the_error() {
    let folder = Folder::with_log("nolog", b"hello");
    let (code, out, _) = run(&["check"], &folder.0);
    assert_eq!(code, Some(2));
    assert!(out.starts_with("header: unusable\ncorrupt at 0: "), "{out}");

    let empty = Folder::new("empty");
    fs::write(empty.0.join("rewrite-4.mylog"), b"x").expect("a file for the test");
    let (code, out, err) = run(&["check"], &empty.0);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(
        err.contains("current.mylog: opening: ") && err.contains("rewrite-4.mylog"),
        "{err}"
    );
    let (_, out, _) = run(&["check", "--json"], &empty.0);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&out).expect("JSON")["verdict"],
        "error"
    );

    let (code, _, err) = run(&["repair"], &empty.0);
    assert_eq!(code, Some(2));
    assert!(err.contains("repair") && err.contains("--help"), "{err}");
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let folder = Folder::with_log("pipe", &log());
    let (reader, writer) = UnixStream::pair().expect("a pair of sockets");
    drop(reader);
    let status = Command::new(env!("CARGO_BIN_EXE_mylog-check"))
        .arg("check")
        .arg(&folder.0)
        .stdout(Stdio::from(OwnedFd::from(writer)))
        .status()
        .expect("the program runs");
    assert_eq!(status.code(), Some(0));
}
