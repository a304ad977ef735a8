//! A child that says what no child says, or leaves as no child leaves, at every stage of a rewrite: the rewrite
//! has failed, nothing of it is left behind, and the next one is a good one.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use mylog_core::io::FileId;
use mylog_core::rewrite::wire::{REPORT_BYTES, Report};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::rewriting::{self, hold, info, info_text, release, wait_idle};
use crate::support::{AckPipe, Client, Reply, Server, leftovers, wait_for};

/// A server whose cron runs often: it is what hears of a child's end.
fn server() -> Server {
    Server::build()
        .mylog("auto-rewrite-percentage", "0")
        .config("hz", "100")
        .start()
}

fn write(client: &mut Client, name: &str, bytes: usize) {
    let commands: Vec<_> = (0..50)
        .map(|n| vec!["MYLOG.SET".to_owned(), format!("{name}:{n}"), "v".repeat(bytes)])
        .collect();
    assert!(client.pipeline(&commands).iter().all(Reply::is_ok));
}

fn child(server: &Server) -> u32 {
    let children = leftovers::children(server.pid());
    assert_eq!(children.len(), 1, "{children:?}");
    children[0]
}

/// The rewrite that ran has failed as the `failures`-th one, and nothing of it is left.
fn assert_failed(server: &Server, client: &mut Client, failures: u64, what: &str) {
    wait_for(&format!("{what}: the failure is counted"), || {
        info(client, "rewrite_failures") == failures
    });
    wait_idle(client);
    assert_eq!(info(client, "rewrite_failures"), failures, "{what}");
    assert_eq!(info_text(client, "last_rewrite_status"), "err", "{what}");
    assert_eq!(info(client, "rewrite_backlog_bytes"), 0, "{what}");
    wait_for(&format!("{what}: child and file are gone"), || {
        leftovers::children(server.pid()).is_empty()
            && leftovers::files(&server.log_dir()) == ["LOCK", "current.mylog"]
    });
}

/// The next rewrite is a good one, and so is a start on what it leaves.
fn assert_recovers(mut server: Server, mut client: Client, open_files: &[String]) {
    release(&mut client);
    rewriting::run(&mut client);
    let digest = client.run("MYLOG.DEBUG DIGEST");
    drop(client);
    leftovers::wait_open_files(server.pid(), open_files);
    server.kill9();
    server.restart();
    assert_eq!(server.client().run("MYLOG.DEBUG DIGEST"), digest);
}

/// The report that a held child is going to make, as far as the parent looks at it.
fn report(server: &Server, client: &mut Client) -> Report {
    let names = leftovers::files(&server.log_dir());
    let name = names.iter().find(|name| name.starts_with("rewrite-")).unwrap();
    let meta = fs::metadata(server.log_dir().join(name)).unwrap();
    Report {
        base_seq: info(client, "queued_seq"),
        bytes: meta.len(),
        file: FileId {
            dev: meta.dev(),
            ino: meta.ino(),
        },
        records: 50,
        entries: 50,
        absorbed: 0,
        emitted: 0,
        rounds: 0,
    }
}

/// What is said in the child's stead. Then the child goes on: its own words come on top.
enum Say {
    Bytes(Vec<u8>),
    Babble,
}

fn before_the_question(report: Report) -> Vec<(&'static str, Say)> {
    vec![
        ("a wrong byte", Say::Bytes(b"x".to_vec())),
        ("the question twice", Say::Bytes(b"!!".to_vec())),
        ("the question before its time", Say::Bytes(b"!".to_vec())),
        ("a report that nobody asked for", Say::Bytes(report.encode())),
        ("more than the pipe holds", Say::Babble),
    ]
}

fn behind_the_answer(report: Report) -> Vec<(&'static str, Say)> {
    let mut longer = report.encode();
    longer.push(b'R');
    let half = report.encode()[..REPORT_BYTES / 2].to_vec();
    let other_h = Report {
        base_seq: report.base_seq + 1,
        ..report
    };
    let other_size = Report {
        bytes: report.bytes + 1,
        ..report
    };
    let other_file = Report {
        file: FileId {
            ino: report.file.ino + 1,
            ..report.file
        },
        ..report
    };
    vec![
        ("a wrong byte", Say::Bytes(b"x".to_vec())),
        ("the question once more", Say::Bytes(b"!".to_vec())),
        ("a report of another state", Say::Bytes(other_h.encode())),
        ("a report of another size", Say::Bytes(other_size.encode())),
        ("a report of another file", Say::Bytes(other_file.encode())),
        ("a report and a byte more", Say::Bytes(longer)),
        ("half a report", Say::Bytes(half)),
        ("more than the pipe holds", Say::Babble),
    ]
}

#[test]
fn garbage_from_the_child_at_any_stage_fails_the_rewrite_and_nothing_else() {
    let server = server();
    let open_files = leftovers::open_files_without_clients(server.pid());
    let mut client = server.client();
    write(&mut client, "before", 100);
    let mut failures = 0;
    for stage in rewriting::STAGES {
        for turn in 0.. {
            hold(&mut client, stage);
            write(&mut client, stage, 100);
            let report = report(&server, &mut client);
            let says = match stage {
                "answered" | "reporting" => behind_the_answer(report),
                _ => before_the_question(report),
            };
            let last = turn + 1 == says.len();
            let (name, say) = says.into_iter().nth(turn).unwrap();
            let mut pipe = AckPipe::of(server.pid(), child(&server));
            match say {
                Say::Bytes(bytes) => pipe.say(&bytes),
                Say::Babble => pipe.babble(b'!'),
            }
            drop(pipe);
            release(&mut client);
            failures += 1;
            assert_failed(&server, &mut client, failures, &format!("{stage}: {name}"));
            if last {
                break;
            }
        }
    }
    assert_eq!(info(&mut client, "rewrites"), 0);
    assert_recovers(server, client, &open_files);
}

#[test]
fn a_child_that_dies_behind_its_report_has_failed() {
    let server = server();
    let open_files = leftovers::open_files_without_clients(server.pid());
    let mut client = server.client();
    write(&mut client, "before", 100);
    for (failures, signal) in [Signal::SIGKILL, Signal::SIGUSR1].into_iter().enumerate() {
        hold(&mut client, "reporting");
        let report = report(&server, &mut client);
        let child = child(&server);
        let before = info(&mut client, "last_rewrite_child_usec");
        AckPipe::of(server.pid(), child).say(&report.encode());
        wait_for("the report is taken", || {
            info(&mut client, "last_rewrite_child_usec") != before
        });
        kill(Pid::from_raw(child.try_into().unwrap()), signal).unwrap();
        assert_failed(&server, &mut client, failures as u64 + 1, signal.as_str());
    }
    assert_recovers(server, client, &open_files);
}

/// The child's next write "succeeds" and goes nowhere: it takes its report for made, and exits with 0.
#[test]
fn a_child_that_exits_well_without_its_report_has_failed() {
    let server = server();
    let open_files = leftovers::open_files_without_clients(server.pid());
    let mut client = server.client();
    write(&mut client, "before", 100);
    hold(&mut client, "reporting");
    let child = child(&server);
    let mut tracer = Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "-e", "trace=write", "-e"])
        .arg(format!("inject=write:retval={REPORT_BYTES}:when=1"))
        .args(["-p", &child.to_string()])
        .stderr(Stdio::null())
        .spawn()
        .expect("strace. Run `make deps` first.");
    wait_for("the child is traced", || {
        fs::read_to_string(format!("/proc/{child}/status"))
            .is_ok_and(|status| !status.contains("TracerPid:\t0\n"))
    });
    release(&mut client);
    assert_failed(&server, &mut client, 1, "no report");
    tracer.wait().unwrap();
    assert!(
        info_text(&mut client, "last_rewrite_error").contains("exit code 0, signal 0"),
        "{}",
        info_text(&mut client, "last_rewrite_error")
    );
    assert_recovers(server, client, &open_files);
}

#[test]
fn fifty_failed_rewrites_leave_no_descriptor_thread_or_memory_behind() {
    const FAILURES: u64 = 50;
    let server = server();
    let open_files = leftovers::open_files_without_clients(server.pid());
    let mut client = server.client();
    let threads = |server: &Server| {
        fs::read_dir(format!("/proc/{}/task", server.pid()))
            .unwrap()
            .count()
    };
    let fail = |client: &mut Client, failures| {
        hold(client, "walked");
        write(client, "key", 4000);
        kill(Pid::from_raw(child(&server).try_into().unwrap()), Signal::SIGKILL).unwrap();
        assert_failed(&server, client, failures, "killed");
    };
    // What is there once is there for good: buffers, a thread that frees.
    (1..=5).for_each(|failures| fail(&mut client, failures));
    let settled = |client: &mut Client| {
        wait_for("all is written", || {
            info(client, "written_seq") == info(client, "queued_seq")
        });
        client.info_u64("memory", "used_memory")
    };
    let (memory, count) = (settled(&mut client), threads(&server));
    (6..=5 + FAILURES).for_each(|failures| fail(&mut client, failures));
    // A backlog that was kept would be some 200 KB each time.
    let grown = settled(&mut client).saturating_sub(memory);
    assert!(grown < 2 << 20, "{grown} bytes more after {FAILURES} failures");
    wait_for("the threads are gone", || threads(&server) == count);
    assert_recovers(server, client, &open_files);
}

/// A batch job for the processors, and the last of those who are served at all for the disk.
#[test]
fn the_child_has_a_lower_priority_than_the_server() {
    let server = server();
    let mut client = server.client();
    write(&mut client, "before", 100);
    hold(&mut client, "start");
    let child = child(&server);
    let policy = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        fields[38].parse::<i32>().unwrap()
    };
    if policy(server.pid()) != nix::libc::SCHED_IDLE {
        assert_eq!(policy(child), nix::libc::SCHED_BATCH);
    }
    assert_ne!(
        policy(server.pid()),
        nix::libc::SCHED_BATCH,
        "the child's is its own"
    );
    let class = |pid: u32| {
        let said = Command::new("ionice")
            .args(["-p", &pid.to_string()])
            .output()
            .unwrap();
        String::from_utf8(said.stdout).unwrap().trim().to_owned()
    };
    if class(server.pid()) != "idle" {
        assert_eq!(class(child), "best-effort: prio 7");
    }
    assert_ne!(
        class(server.pid()),
        "best-effort: prio 7",
        "the child's is its own"
    );
    release(&mut client);
    wait_idle(&mut client);
    assert_eq!(info(&mut client, "rewrites"), 1);
}

#[test]
fn progress_goes_from_nothing_to_all_and_never_back() {
    let server = server();
    let mut client = server.client();
    let mut writer = server.client();
    for part in 0..40 {
        write(&mut client, &format!("part{part}"), 10_000);
    }
    let progress = |client: &mut Client| info_text(client, "rewrite_progress").parse::<f64>().unwrap();
    assert_eq!(progress(&mut client), 0.0);
    hold(&mut client, "start");
    assert_eq!(progress(&mut client), 0.0);
    client.ok("MYLOG.DEBUG REWRITE-PAUSE walked");
    let (mut last, mut part) = (0.0, 0);
    wait_for("the walk is done", || {
        // New keys: the child gets more to do while it is at work.
        write(&mut writer, &format!("new{part}"), 1000);
        part += 1;
        let now = progress(&mut client);
        assert!((last..=1.0).contains(&now), "{now} after {last}");
        last = now;
        client.run("MYLOG.DEBUG REWRITE-PAUSE").text() == "walked"
    });
    assert_eq!(progress(&mut client), 1.0);
    release(&mut client);
    wait_for("the rewrite is done", || {
        let now = progress(&mut client);
        let running = info(&mut client, "rewrite_in_progress") == 1;
        assert!(now == 1.0 || !running, "{now}");
        !running
    });
    assert_eq!(progress(&mut client), 0.0);
    assert_eq!(info(&mut client, "rewrites"), 1);
}
