//! Damaged logs at the start: a torn tail is cut off, saved aside and reported, or refused; damage to what was
//! durable is refused with file, offset, reason and what to do. Never a wrong value.

use std::fs;
use std::path::PathBuf;

use crate::support::rewriting::{self, info, info_text};
use crate::support::{Client, Reply, Server, leftovers, log_check, wait_for};

/// Units of a pair each: half of one would show as two different numbers.
const UNITS: usize = 20;

/// A log with a snapshot and `UNITS` groups behind it, the server ended by kill -9.
fn scene(server: &mut Server) -> (PathBuf, Vec<u8>, u64) {
    let mut client = server.client();
    client.ok("MYLOG.SET in-snapshot value");
    rewriting::run(&mut client);
    let base = info(&mut client, "base_size");
    for n in 1..=UNITS {
        client.ok("MULTI");
        client.cmd(["MYLOG.SET", "a", &n.to_string()]);
        client.cmd(["MYLOG.SET", "b", &n.to_string()]);
        assert_eq!(client.run("EXEC").items().len(), 2);
    }
    wait_for("all is durable", || {
        info(&mut client, "durable_seq") == info(&mut client, "queued_seq")
    });
    server.kill9();
    let path = server.log_dir().join("current.mylog");
    let bytes = fs::read(&path).unwrap();
    (path, bytes, base)
}

fn put_back(server: &Server, bytes: &[u8]) {
    for name in leftovers::files(&server.log_dir()) {
        fs::remove_file(server.log_dir().join(name)).unwrap();
    }
    fs::write(server.log_dir().join("current.mylog"), bytes).unwrap();
}

/// The whole units that are there; panics at half a one.
fn units(client: &mut Client) -> usize {
    let (a, b) = (client.run("MYLOG.GET a"), client.run("MYLOG.GET b"));
    assert_eq!(a, b, "half a unit");
    assert_eq!(client.run("MYLOG.GET in-snapshot").text(), "value");
    if a == Reply::Nil {
        0
    } else {
        a.text().parse().unwrap()
    }
}

/// The line with the refusal has all that is needed to go on.
fn assert_refused(server: &mut Server, parts: &[&str]) -> String {
    let refused = server.try_restart().expect_err("it came up");
    assert!(!refused.status.success());
    let line = refused
        .log
        .lines()
        .find(|line| line.contains("not loaded: "))
        .unwrap_or_default()
        .to_owned();
    let check = format!(
        "mylog-check check {}",
        server.log_dir().join("current.mylog").display()
    );
    for part in parts.iter().copied().chain([check.as_str()]) {
        assert!(line.contains(part), "{part:?} is not in: {line}\n{refused}");
    }
    line
}

#[test]
fn a_cut_tail_is_saved_aside_reported_and_leaves_whole_units() {
    let mut server = Server::build()
        .mylog("appendfsync", "always")
        .mylog("auto-rewrite-percentage", "0")
        .start();
    let (path, bytes, base) = scene(&mut server);
    let base = usize::try_from(base).unwrap();
    let step = (bytes.len() - base) / 23;
    let mut last = 0;
    for cut in (base..bytes.len()).step_by(step).chain([bytes.len() - 1]) {
        put_back(&server, &bytes[..cut]);
        let (status, said) = log_check::check(&server.log_dir());
        assert!(status <= 1, "cut at {cut}: {said}");
        server.restart();
        let mut client = server.client();
        let found = units(&mut client);
        assert!(
            found >= last && found <= UNITS,
            "cut at {cut}: {found} units after {last}"
        );
        last = found;
        let torn = info(&mut client, "load_truncated_bytes");
        assert_eq!(status == 1, torn > 0, "cut at {cut}: {said}");
        let saved: Vec<_> = leftovers::files(&server.log_dir())
            .into_iter()
            .filter(|name| name != "LOCK" && name != "current.mylog")
            .collect();
        if torn > 0 {
            assert_eq!(info_text(&mut client, "last_load_status"), "truncated");
            assert!(server.log().contains("a torn tail of"), "{}", server.log());
            let kept = fs::read(server.log_dir().join(&saved[0])).unwrap();
            let from = cut - usize::try_from(torn).unwrap();
            assert_eq!(kept, &bytes[from..cut]);
        } else {
            assert_eq!(saved, Vec::<String>::new());
        }
        client.ok("MYLOG.SET goes on");
        server.kill9();
        log_check::assert_clean(&path);
    }
    assert!(last >= UNITS - 1);
}

#[test]
fn a_cut_tail_is_refused_where_load_truncated_is_no() {
    let mut server = Server::build()
        .mylog("load-truncated", "no")
        .mylog("appendfsync", "always")
        .start();
    let (path, bytes, _) = scene(&mut server);
    // The last group is vouched for by an empty frame behind it: cut into that one, and into the group.
    for cut in [bytes.len() - 1, bytes.len() - 150] {
        put_back(&server, &bytes[..cut]);
        assert_refused(
            &mut server,
            &[path.to_str().unwrap(), "torn at ", "load-truncated"],
        );
        assert_eq!(fs::read(&path).unwrap(), &bytes[..cut], "it must not be touched");
    }
    put_back(&server, &bytes);
    server.restart();
    assert_eq!(units(&mut server.client()), UNITS);
}

#[test]
fn a_cut_or_flipped_header_or_snapshot_is_refused() {
    let mut server = Server::build().mylog("appendfsync", "always").start();
    let (path, bytes, base) = scene(&mut server);
    let base = usize::try_from(base).unwrap();
    for cut in [1, 63, 64, base / 2, base - 1] {
        put_back(&server, &bytes[..cut]);
        assert_refused(&mut server, &[path.to_str().unwrap()]);
        assert_eq!(fs::read(&path).unwrap(), &bytes[..cut]);
    }
    for at in [0, 20, 63, 70, base / 2, base - 10] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 4;
        put_back(&server, &flipped);
        assert_refused(&mut server, &[path.to_str().unwrap()]);
        assert_eq!(fs::read(&path).unwrap(), flipped);
    }
}

#[test]
fn a_flipped_bit_in_what_was_durable_is_refused_and_says_where() {
    let mut server = Server::build().mylog("appendfsync", "always").start();
    let (path, bytes, base) = scene(&mut server);
    let base = usize::try_from(base).unwrap();
    // All but the last groups are vouched for by those behind them.
    let vouched = base + (bytes.len() - base) * 8 / 10;
    for at in (base..vouched).step_by(97) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x20;
        put_back(&server, &flipped);
        let line = assert_refused(&mut server, &[path.to_str().unwrap(), "corrupt at "]);
        assert!(line.contains("seq"), "{line}");
        let (status, said) = log_check::check(&path);
        assert_eq!(status, 2, "{said}");
    }
}

#[test]
fn bytes_of_another_log_behind_the_end_are_no_part_of_it() {
    let mut server = Server::build().mylog("appendfsync", "always").start();
    let (_, first, base) = scene(&mut server);
    let mut other = Server::build().mylog("appendfsync", "always").start();
    let (_, second, _) = scene(&mut other);
    let mut both = first.clone();
    both.extend_from_slice(&second[usize::try_from(base).unwrap()..]);
    put_back(&server, &both);
    server.restart();
    let mut client = server.client();
    assert_eq!(units(&mut client), UNITS);
    assert!(info(&mut client, "load_truncated_bytes") > 0);
}
