//! The filter beside a server of the unit tests.

use super::*;
use crate::mock;

/// Leads `get` to another name, and puts an argument into `set`.
struct Leads;

impl Filter for Leads {
    fn see(command: Filtered<'_>) {
        match command.arg(0) {
            Some(b"get") => command.replace(0, OwnedStr::new(b"other")).unwrap(),
            Some(b"set") => command.insert(1, b"between").unwrap(),
            _ => {}
        }
    }
}

/// Says what it sees.
struct Sees;

impl Filter for Sees {
    fn see(command: Filtered<'_>) {
        assert_eq!(command.client_id(), Some(7));
        assert_eq!(command.args().len(), command.len());
        assert_eq!(command.arg(command.len()), None);
        assert_eq!(command.arg(usize::MAX), None);
        assert_eq!(
            command.replace(command.len(), OwnedStr::new(b"")),
            refused("CommandFilterArgReplace")
        );
    }
}

fn refused(call: &'static str) -> Result<(), Refused> {
    Err(Refused { call })
}

#[test]
fn a_filter_sees_a_command_and_changes_it() {
    let server = mock::start();
    server.context().ctx().register_filter::<Leads>().unwrap();
    for (words, after) in [
        (vec!["get", "k"], vec!["other", "k"]),
        (vec!["set", "k", "v"], vec!["set", "between", "k", "v"]),
        (vec!["ping"], vec!["ping"]),
    ] {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let command = server.command(&words);
        command.filter();
        assert_eq!(
            command.words(),
            after.iter().map(|word| word.as_bytes()).collect::<Vec<_>>()
        );
    }
    assert_eq!(server.strings_alive(), 0);
}

#[test]
fn what_is_not_there_is_none_and_is_not_replaced() {
    let server = mock::start();
    server.context().ctx().register_filter::<Sees>().unwrap();
    let command = server.command(&[b"get", b"k"]);
    command.filter();
    drop(command);
    assert_eq!(server.strings_alive(), 0);
}

#[test]
fn a_server_that_does_not_tell_has_no_client_s_id() {
    struct Asks;
    impl Filter for Asks {
        fn see(command: Filtered<'_>) {
            assert_eq!(command.client_id(), None);
        }
    }
    let server = mock::start();
    server.lack("RedisModule_CommandFilterGetClientId");
    server.context().ctx().register_filter::<Asks>().unwrap();
    server.command(&[b"get"]).filter();
}

#[test]
fn a_filter_that_is_refused_sees_nothing() {
    let server = mock::start();
    server.refuse("RedisModule_RegisterCommandFilter");
    let made = server.context().ctx().register_filter::<Leads>();
    assert_eq!(made, refused("RedisModule_RegisterCommandFilter"));
    let command = server.command(&[b"get"]);
    command.filter();
    assert_eq!(command.words(), [b"get"]);
}
