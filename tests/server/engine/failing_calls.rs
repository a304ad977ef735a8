//! Every call on the log failing at its nth turn, on a real server: the writer's, the child's and the switch's.
//! A short script of writes with a rewrite in it runs under each fault; then the server is killed, at once or
//! after it has healed itself, and started again. What was acknowledged is there, and no unit is there by half.
//!
//! strace counts the calls of each thread: the nth call of the writer, of the catch-up thread and of the child
//! fail in the same run, each as far as it gets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::support::client::is_the_end;
use crate::support::inject::Fault;
use crate::support::rewriting::info;
use crate::support::{Client, Reply, Server, leftovers, log_check, wait_for};

/// What there should be: keys and their values as text.
type State = BTreeMap<String, String>;

/// What one client was told, in order.
struct Book {
    /// The state after each change that was made in memory; the first is what was found at the start.
    states: Vec<State>,
    /// The last of them that was acknowledged.
    acked: usize,
    next: u64,
}

impl Book {
    fn new(found: State) -> Self {
        Self {
            states: vec![found],
            acked: 0,
            next: 0,
        }
    }

    fn now(&self) -> State {
        self.states.last().unwrap().clone()
    }

    fn push(&mut self, state: State, acked: bool) {
        self.states.push(state);
        if acked {
            self.acked = self.states.len() - 1;
        }
    }

    /// One write, and a native one beside it. `client` may be closed over it and is a new one then.
    fn write(&mut self, server: &Server, client: &mut Client, bytes: usize) {
        self.next += 1;
        let (key, value) = (
            format!("s:{}", self.next % 3),
            format!("{}:{}", self.next, "v".repeat(bytes)),
        );
        let reply = client.answer_to(["MYLOG.SET", &key, &value]);
        if reply.is_none() {
            *client = server.client();
        }
        if !reply.as_ref().is_some_and(|reply| reply.is_error("MYLOGDOWN ")) {
            let acked = reply.as_ref().is_some_and(Reply::is_ok);
            assert!(acked || reply.is_none(), "{reply:?}");
            let mut state = self.now();
            state.insert(key, value);
            self.push(state, acked);
        }
        client.ok(&format!("SET native {}", self.next));
        assert_eq!(client.run("GET native").text(), self.next.to_string());
    }

    /// A unit of three new keys. `client` may be cut off by it and is a new one then.
    fn write_unit(&mut self, server: &Server, client: &mut Client) {
        self.next += 1;
        let keys: Vec<String> = (0..3).map(|part| format!("u:{}:{part}", self.next)).collect();
        let mut exec = || {
            client.try_cmd(["MULTI"])?;
            for key in &keys {
                client.try_cmd(["MYLOG.SET", key, "part"])?;
            }
            client.try_cmd(["EXEC"])
        };
        let told = exec();
        if let Err(why) = &told {
            assert!(is_the_end(why), "{why}");
            *client = server.client();
        }
        // Parts may have been refused one by one: what is in memory is the unit.
        let mut state = self.now();
        for key in keys {
            if client.run(&format!("EXISTS {key}")).int() == 1 {
                state.insert(key, "part".to_owned());
            }
        }
        if state != self.now() {
            self.push(state, told.is_ok_and(|reply| matches!(reply, Reply::Array(_))));
        }
    }

    /// Compares with a server that was started again: it has one of the states, none older than what was
    /// acknowledged.
    fn settle(&mut self, client: &mut Client, what: &str) {
        let found = read(client);
        let at = self.states.iter().rposition(|state| *state == found);
        let Some(at) = at else {
            let names = |state: &State| state.keys().cloned().collect::<Vec<_>>().join(" ");
            panic!(
                "{what}: no state that there was: {}\nlast: {}",
                names(&found),
                names(&self.now())
            );
        };
        assert!(
            at >= self.acked,
            "{what}: {} acknowledged writes lost",
            self.acked - at
        );
        self.states = vec![found];
        self.acked = 0;
    }
}

fn read(client: &mut Client) -> State {
    let Reply::Array(keys) = client.run("KEYS *") else {
        panic!("no keys");
    };
    let keys = keys.into_iter().map(Reply::text).filter(|key| key != "native");
    keys.map(|key| {
        let value = client.cmd(["MYLOG.GET", &key]).text();
        (key, value)
    })
    .collect()
}

/// On which of the log's files calls fail. The server's own are never touched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    All,
    /// The file that the rewrite makes.
    New,
    Folder,
}

/// A fault, and the script under it.
#[derive(Clone, Copy)]
struct Case {
    /// As strace has them; `{n}` is the call.
    faults: &'static [&'static str],
    on: On,
    /// Calls that fail at least, one by one.
    least: usize,
    /// Where the child is held, and whether the fault is put in only then: it is for the switch.
    held_at: &'static str,
    late: bool,
    /// Bytes written while it is held: some 300 KB are more than is left to the switch's last step.
    residual: usize,
}

const EARLY: Case = Case {
    faults: &[],
    on: On::All,
    least: 1,
    held_at: "answered",
    late: false,
    residual: 300_000,
};
const IN_CATCH_UP: Case = Case {
    on: On::New,
    held_at: "reporting",
    late: true,
    ..EARLY
};
const IN_LAST_STEP: Case = Case {
    residual: 10,
    ..IN_CATCH_UP
};

impl Case {
    fn put(self, server: &Server, n: usize) -> Fault {
        let faults: Vec<String> = self
            .faults
            .iter()
            .map(|fault| fault.replace("{n}", &n.to_string()))
            .collect();
        let folder = server.log_dir();
        let epoch = info(&mut server.client(), "epoch");
        let new = (epoch..epoch + 20).map(|epoch| folder.join(format!("rewrite-{epoch}.mylog")));
        let paths: Vec<PathBuf> = match self.on {
            On::Folder => vec![folder],
            On::New => new.collect(),
            On::All => {
                let others = [
                    folder.clone(),
                    folder.join("current.mylog"),
                    folder.join("probe.mylog"),
                ];
                others.into_iter().chain(new).collect()
            }
        };
        let paths: Vec<_> = paths.iter().map(PathBuf::as_path).collect();
        Fault::put(server, &faults, &paths)
    }

    /// Writes, a rewrite with a residual, and writes again, with the nth call failing. The fault is still in.
    fn run(self, book: &mut Book, server: &Server, n: usize) -> Fault {
        let early = (!self.late).then(|| self.put(server, n));
        let mut client = server.client();
        book.write(server, &mut client, 10);
        book.write_unit(server, &mut client);
        client.ok(&format!("MYLOG.DEBUG REWRITE-PAUSE {}", self.held_at));
        client.run("MYLOG.REWRITE");
        wait_for("the child is held, or has failed", || {
            client.run("MYLOG.DEBUG REWRITE-PAUSE").text() == self.held_at
                || info(&mut client, "rewrite_in_progress") == 0
        });
        let fault = early.unwrap_or_else(|| self.put(server, n));
        book.write(server, &mut client, self.residual);
        book.write_unit(server, &mut client);
        client.ok("MYLOG.DEBUG REWRITE-PAUSE off");
        wait_for("the rewrite has ended", || {
            info(&mut client, "rewrite_in_progress") == 0
        });
        book.write(server, &mut client, 10);
        fault
    }
}

fn heals(book: &mut Book, server: &Server, what: &str) {
    let mut client = server.client();
    wait_for(&format!("{what}: durable writes are taken again"), || {
        let before = book.acked;
        book.write(server, &mut client, 10);
        book.acked > before
    });
    assert_eq!(book.acked, book.states.len() - 1);
    book.write_unit(server, &mut client);
    assert_eq!(
        book.acked,
        book.states.len() - 1,
        "{what}: a unit after the healing"
    );
}

/// Runs the script with the first call failing, with the second ... until none fails.
fn each_call(case: Case) {
    let mut server = Server::build()
        .config("hz", "100")
        .mylog("appendfsync", "always")
        // Some heal in time, some don't.
        .mylog("max-wait", "300")
        .mylog("auto-rewrite-percentage", "0")
        .start();
    let mut book = Book::new(State::new());
    for n in 1..100 {
        let what = format!("call {n} of {:?} ({})", case.faults, case.held_at);
        let fault = case.run(&mut book, &server, n);
        // Every second server is given the time to heal.
        let fired = if n % 2 == 0 {
            let fired = fault.take_out();
            heals(&mut book, &server, &what);
            server.kill9();
            fired
        } else {
            server.kill9();
            fault.take_out()
        };
        let (status, said) = log_check::check(&server.log_dir());
        assert!(status <= 1, "{what}: {said}");
        server.restart();
        book.settle(&mut server.client(), &what);
        let left = leftovers::files(&server.log_dir());
        let unfinished = left
            .iter()
            .find(|name| name.starts_with("rewrite-") || *name == "probe.mylog");
        assert_eq!(unfinished, None, "{what}");
        if fired == 0 {
            assert!(n > case.least, "{what}: none fails");
            return;
        }
    }
    panic!("{:?}: it fails without end", case.faults);
}

/// Each case has a server of its own; they mostly wait.
fn each(cases: &[Case]) {
    std::thread::scope(|scope| {
        for case in cases {
            scope.spawn(|| each_call(*case));
        }
    });
}

#[test]
fn no_failing_write_loses_what_was_acknowledged() {
    let early = |faults| Case {
        faults,
        least: 5,
        ..EARLY
    };
    let full = &["inject=pwritev:error=ENOSPC:when={n}"];
    each(&[
        early(full),
        early(&["inject=pwritev:error=EIO:when={n}"]),
        early(&["inject=pwritev:error=EDQUOT:when={n}+"]),
        // The bytes of the failed write can't be cut off either.
        early(&[
            "inject=pwritev:error=ENOSPC:when={n}",
            "inject=ftruncate:error=EIO:when=1",
        ]),
        Case {
            faults: full,
            ..IN_CATCH_UP
        },
        // The slice, and the frame that vouches for it.
        Case {
            faults: full,
            least: 2,
            ..IN_LAST_STEP
        },
    ]);
}

#[test]
fn no_failing_sync_loses_what_was_acknowledged() {
    let (once, for_good) = (
        &["inject=fdatasync:error=EIO:when={n}"],
        &["inject=fdatasync:error=EIO:when={n}+"],
    );
    let case = |faults, least, case| Case {
        faults,
        least,
        ..case
    };
    each(&[
        case(once, 5, EARLY),
        case(for_good, 5, EARLY),
        case(once, 1, IN_CATCH_UP),
        case(once, 1, IN_LAST_STEP),
        // Of the folder.
        case(&["inject=fsync:error=EIO:when={n}"], 1, EARLY),
    ]);
}

#[test]
fn no_failing_rename_or_open_loses_what_was_acknowledged() {
    let case = |faults, on, case| Case { faults, on, ..case };
    let open = &["inject=openat:error=EIO:when={n}"];
    each(&[
        case(&["inject=rename:error=EIO:when={n}"], On::All, EARLY),
        case(&["inject=rename:error=ENOSPC:when={n}+"], On::All, EARLY),
        // The child's file, made; the same, opened for the switch; the folder, opened to be synced.
        case(open, On::New, EARLY),
        case(open, On::New, IN_CATCH_UP),
        case(open, On::Folder, EARLY),
        case(&["inject=openat:error=EMFILE:when={n}+"], On::All, EARLY),
    ]);
}
