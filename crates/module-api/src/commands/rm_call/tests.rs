//! Calls of the server's commands beside a server of the unit tests.

use super::*;
use crate::commands::filter::{Filter, Filtered};
use crate::mock::{self, Answer};

#[test]
fn a_reply_is_read_and_freed() {
    let server = mock::start();
    let elements = vec![Answer::Bulk(b"a\0".to_vec()), Answer::Int(-3), Answer::Null];
    server.answer("config", Answer::Array(elements));
    let context = server.context();
    let reply = context.ctx().call(c"CONFIG", "E", &[b"GET", b""]).unwrap();
    assert_eq!(server.calls(), [[&b"CONFIG"[..], b"Ev", b"GET", b""]]);
    assert_eq!(reply.whole().kind(), ReplyType::Array);
    assert_eq!(reply.whole().len(), 3);
    let part = |place| reply.element(place).unwrap();
    assert_eq!(
        (part(0).kind(), part(0).bytes()),
        (ReplyType::String, &b"a\0"[..])
    );
    assert_eq!((part(1).kind(), part(1).int()), (ReplyType::Integer, -3));
    assert_eq!((part(2).kind(), part(2).bytes()), (ReplyType::Null, &b""[..]));
    assert!(reply.element(3).is_none());
    assert!(part(0).element(0).is_none());
    assert_eq!(reply.proto(), b"*3\r\n$2\r\na\0\r\n:-3\r\n$-1\r\n");
    assert_eq!((server.replies_alive(), server.strings_alive()), (1, 0));
    drop(reply);
    assert_eq!(server.replies_alive(), 0);
}

#[test]
fn what_the_server_would_not_run_has_no_reply() {
    let server = mock::start();
    assert!(server.context().ctx().call(c"NOTHING", "", &[]).is_none());
    assert_eq!(server.strings_alive(), 0);
}

#[test]
fn a_call_of_ours_is_known_to_the_filter_while_it_runs() {
    let server = mock::start();
    assert!(!is_own());
    // The state is as before even where the server runs nothing.
    let _ = server.context().ctx().call(c"NOTHING", "", &[]);
    assert!(!is_own());
    UNFILTERED.store(ALL, Ordering::Relaxed);
    assert!(is_own() && is_own());
    // Of a client's command only itself is: what it runs is not.
    UNFILTERED.store(NEXT, Ordering::Relaxed);
    assert!(is_own() && !is_own());
}

#[test]
fn a_reply_to_keep_outlives_the_command() {
    let server = mock::start();
    server.answer("ping", Answer::Status("PONG".into()));
    let own = server.context().ctx().detached();
    let kept = own.call_to_keep(c"PING", "", &[]).unwrap();
    let context = server.context();
    context.ctx().reply_with(kept.get());
    assert_eq!(context.replies(), [mock::Reply::Called(b"+PONG\r\n".to_vec())]);
    drop(kept);
    assert_eq!(server.replies_alive(), 0);
}

#[test]
fn a_filter_tells_own_calls_from_others() {
    struct Counts;
    static SEEN: AtomicU8 = AtomicU8::new(0);
    impl Filter for Counts {
        fn see(_command: Filtered<'_>) {
            if !is_own() {
                SEEN.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    let server = mock::start();
    server.context().ctx().register_filter::<Counts>().unwrap();
    server.command(&[b"get"]).filter();
    UNFILTERED.store(ALL, Ordering::Relaxed);
    server.command(&[b"get"]).filter();
    UNFILTERED.store(NOTHING, Ordering::Relaxed);
    assert_eq!(SEEN.load(Ordering::Relaxed), 1);
}
