//! The gate beside the server's I/O threads, which read from clients and send to them: what each server needs for it.
//!
//! Redis 7.0: the module has the main thread send all that may be sent (`gate`), so nothing is left for the threads.
//!
//! Valkey hands a client's replies to a thread right after the client's commands, unless the server's own `appendfsync` is
//! `always`, whatever `appendonly` is. With `always` all replies are handed over at the end of the turn, where the server
//! checks whether a client is protected. So the module sets `appendfsync always` while there is a gate. It does not change
//! the policy of an AOF: with an AOF under another policy there is no gate.
//!
//! Redis 8 moves clients between threads that do not check for protection: no gate.
//!
//! Valkey throws away what a thread has read for a client that was protected meanwhile. So only a client whose command is
//! running is gated: no thread reads for it. If the client is not known, or a thread has not reported yet what it has sent
//! to the client, the event loop waits for the disk at the end of the unit.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use module_api::clients;
use module_api::server::server_settings;

use super::author::Author;
use super::gate_client::gate_client;
use super::set_aside::SetAside;
use super::{execution_unit, gated};
use crate::engine;
use crate::settings::always_keys;
use crate::settings::server_version::Edition;

/// The user's `appendfsync`, kept here while the gate needs `always`.
pub(super) static APPEND_FSYNC: SetAside = SetAside::new(c"appendfsync");

/// There is a gate, and I/O threads read from clients and send to them.
static SHARED: AtomicBool = AtomicBool::new(false);
/// The user's `appendfsync` is in force until the end of this unit.
static FOR_A_WHILE: AtomicBool = AtomicBool::new(false);

/// What [`place`] decides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) server: Edition,
    /// Which of the functions that the gate needs the server has.
    pub(super) functions: Functions,
    /// `io-threads`; 0 if the server does not report it.
    pub(super) threads: i64,
    /// `appendonly`.
    pub(super) aof: bool,
    /// The user's `appendfsync` is `always`.
    pub(super) always: bool,
}

/// The functions that a server has for the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Functions {
    None,
    /// `protectClient` and those that go with it.
    Protect,
    /// Also `clientHasPendingIO`: whether a thread is at work for a client.
    PendingIo,
}

/// Where replies wait for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In their clients' output buffers.
    Gate,
    /// In the output buffers as well; I/O threads send them, under `appendfsync always`.
    Shared,
    /// There is no gate, for this reason.
    Fallback(&'static str),
}

/// The versions of Valkey whose I/O threads were read in the source, up to the last line that checks a client's state.
const KNOWN: [Edition; 3] = [
    Edition::Valkey((8, 0)),
    Edition::Valkey((8, 1)),
    Edition::Valkey((9, 1)),
];

/// Decides where replies wait.
pub(super) fn place(standing: Standing) -> Place {
    let Standing {
        server,
        functions,
        threads,
        aof,
        always,
    } = standing;
    if functions == Functions::None {
        return Place::Fallback("this server has no protectClient");
    }
    match server {
        _ if threads == 1 => Place::Gate,
        Edition::Redis((7, 0)) => Place::Gate,
        _ if threads < 1 => Place::Fallback("the server does not tell its io-threads"),
        Edition::Redis(_) => Place::Fallback("io-threads is more than 1"),
        _ if !KNOWN.contains(&server) => {
            Place::Fallback("io-threads is more than 1, and it is not known what those of this version do")
        }
        // Valkey before 9.0 processes what a thread has sent before it runs the client's next command, so it needs no such
        // function.
        Edition::Valkey((9, _)) if functions != Functions::PendingIo => {
            Place::Fallback("io-threads is more than 1, and this server has no clientHasPendingIO")
        }
        _ if aof && !always => {
            Place::Fallback("io-threads is more than 1, appendonly is yes and appendfsync is not always")
        }
        Edition::Valkey(_) => Place::Shared,
    }
}

/// The properties of this server.
pub(super) fn standing() -> Standing {
    Standing {
        server: Edition::this(),
        functions: match (clients::can_be_protected(), clients::tell_pending_io()) {
            (false, _) => Functions::None,
            (true, false) => Functions::Protect,
            (true, true) => Functions::PendingIo,
        },
        threads: server_settings::io_threads(),
        aof: server_settings::keeps_aof(),
        always: server_settings::syncs_aof_always() && !APPEND_FSYNC.is_aside(),
    }
}

/// Puts the decision of [`place`] into force: `shared` is true for [`Place::Shared`].
pub(super) fn set_shared(shared: bool) {
    SHARED.store(shared, Ordering::Relaxed);
    settle();
}

/// True beside I/O threads: there is a gate, and threads read from clients and send to them.
#[inline]
pub(super) fn are_shared() -> bool {
    SHARED.load(Ordering::Relaxed)
}

/// Gates the client of a command until `seq` is durable, if it can be gated; otherwise the event loop waits at the end of
/// the unit. `unknown` counts commands whose client is not known.
pub(super) fn gate(author: Author, seq: u64, unknown: &AtomicU64) {
    match author {
        Author::None => return,
        Author::Client(id) if can_be_gated(id) && gate_client(id, seq) => {
            engine::with(|engine| engine.ask_sync(seq));
        }
        Author::Client(_) => execution_unit::wait_at_end(seq),
        Author::Unknown => {
            unknown.fetch_add(1, Ordering::Relaxed);
            execution_unit::wait_at_end(seq);
        }
    }
    // After a slow script the server ends its protection: at the end of the unit the clients are protected again.
    execution_unit::hear_end();
}

/// True for a client that can be gated while its command runs: its replies are handed to a thread only at the end of the
/// turn, and no thread is at work for it.
fn can_be_gated(id: u64) -> bool {
    server_settings::syncs_aof_always() && !clients::has_pending_io(id)
}

/// Sets `appendfsync` to `always` while the gate needs that, and to the user's value otherwise.
pub(super) fn settle() {
    if FOR_A_WHILE.load(Ordering::Relaxed) {
        return;
    }
    let is_needed = are_shared() && (always_keys::anything() || gated::count() > 0);
    if !is_needed {
        APPEND_FSYNC.put_back();
    } else if !server_settings::syncs_aof_always() {
        APPEND_FSYNC.set_aside(b"always");
    }
}

/// For a command that has to find the user's `appendfsync`: puts it back until the end of the unit. Until then the server
/// would send replies that are not durable, so all gated clients wait first. If that fails, nothing is put back.
pub(super) fn put_back_for_a_while() {
    if !APPEND_FSYNC.is_aside() || !gated::all_are_durable() {
        return;
    }
    FOR_A_WHILE.store(true, Ordering::Relaxed);
    APPEND_FSYNC.put_back();
    execution_unit::hear_end();
}

/// True after [`put_back_for_a_while`], until the unit has ended.
#[inline]
pub(super) fn is_put_back_for_a_while() -> bool {
    FOR_A_WHILE.load(Ordering::Relaxed)
}

/// Ends what [`put_back_for_a_while`] began: its unit has ended, or never began.
pub(super) fn set_aside_again() {
    if FOR_A_WHILE.swap(false, Ordering::Relaxed) {
        settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REDIS_7_0: Edition = Edition::Redis((7, 0));
    const REDIS_8_6: Edition = Edition::Redis((8, 6));
    const VALKEY_8_1: Edition = Edition::Valkey((8, 1));
    const VALKEY_9_1: Edition = Edition::Valkey((9, 1));

    /// The letters: `a` for `appendonly yes`, `s` for the user's `appendfsync always`.
    fn at(server: Edition, functions: Functions, threads: i64, letters: &str) -> Place {
        place(Standing {
            server,
            functions,
            threads,
            aof: letters.contains('a'),
            always: letters.contains('s'),
        })
    }

    fn why(place: Place) -> &'static str {
        match place {
            Place::Fallback(why) => why,
            _ => "",
        }
    }

    #[test]
    fn each_server_has_its_place() {
        use Functions::{PendingIo, Protect};
        for server in [
            REDIS_7_0,
            REDIS_8_6,
            VALKEY_8_1,
            VALKEY_9_1,
            Edition::Valkey((9, 9)),
        ] {
            for letters in ["", "a", "s", "as"] {
                assert_eq!(at(server, Protect, 1, letters), Place::Gate, "{server}");
                assert_eq!(
                    why(at(server, Functions::None, 1, letters)),
                    "this server has no protectClient"
                );
                let threads = at(server, PendingIo, 4, letters);
                match server {
                    REDIS_7_0 => assert_eq!(threads, Place::Gate),
                    VALKEY_8_1 | VALKEY_9_1 if letters != "a" => assert_eq!(threads, Place::Shared),
                    _ => assert!(why(threads).starts_with("io-threads is more than 1"), "{server}"),
                }
            }
        }
    }

    #[test]
    fn what_is_not_known_is_no_gate() {
        use Functions::{PendingIo, Protect};
        assert_eq!(at(VALKEY_8_1, Protect, 4, ""), Place::Shared);
        assert!(why(at(VALKEY_9_1, Protect, 4, "")).contains("clientHasPendingIO"));
        assert!(why(at(Edition::Valkey((9, 0)), PendingIo, 4, "")).contains("not known"));
        assert!(why(at(Edition::Valkey((9, 2)), PendingIo, 4, "")).contains("not known"));
        for server in [REDIS_8_6, VALKEY_8_1, VALKEY_9_1] {
            assert!(why(at(server, PendingIo, 0, "")).contains("does not tell"));
        }
        assert_eq!(at(REDIS_7_0, Protect, 0, ""), Place::Gate);
    }

    #[test]
    fn an_aof_of_another_policy_keeps_it() {
        let place = |letters| at(VALKEY_9_1, Functions::PendingIo, 4, letters);
        assert!(why(place("a")).contains("appendonly is yes"));
        assert_eq!(place("as"), Place::Shared);
        assert_eq!(place("s"), Place::Shared);
        assert_eq!(place(""), Place::Shared);
    }
}
