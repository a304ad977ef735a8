//! Blocking pops beside the native ones: who is woken, by what, in which order, and what he is told.

use super::blocking_scenes::{AT_ONCE, ENDED, Scene, WOKEN};
use super::blocking_stage::{play, server};
use crate::support::Reply;

fn play_all(policy: &str, scenes: &[Scene]) {
    let server = server(policy);
    for (name, steps) in scenes {
        for protocol in [2, 3] {
            play(&server, protocol, name, steps);
        }
    }
}

#[test]
fn at_once_they_answer_as_the_native_ones() {
    play_all("everysec", AT_ONCE);
}

#[test]
fn they_are_woken_as_the_native_ones() {
    play_all("everysec", WOKEN);
}

#[test]
fn they_are_woken_as_the_native_ones_when_their_answers_wait_for_the_disk() {
    play_all("always", WOKEN);
    play_all("always", AT_ONCE);
}

#[test]
fn their_wait_ends_as_that_of_the_native_ones() {
    play_all("everysec", ENDED);
    play_all("always", ENDED);
}

#[test]
fn their_keys_and_flags_are_those_of_the_native_ones() {
    let server = server("everysec");
    let mut client = server.client();
    for line in [
        "BLPOP a b 0",
        "BRPOP a 0",
        "BLMOVE a b LEFT LEFT 0",
        "BRPOPLPUSH a b 0",
        "BLMPOP 0 2 a b LEFT",
        "BZPOPMIN a b c 0",
        "BZPOPMAX a 0",
        "BZMPOP 0 2 a b MIN",
    ] {
        let mut keys = |name: &str| client.run(&format!("COMMAND GETKEYSANDFLAGS {name}{line}"));
        let native = keys("");
        assert_eq!(keys("MYLOG."), native, "{line}");
        let mut flags = |name: &str| {
            let command = line.split(' ').next().expect("a name");
            let info = client.run(&format!("COMMAND INFO {name}{command}"));
            let info = info.items().remove(0).items();
            let flags = info[2].clone().items();
            let flags: Vec<_> = flags.into_iter().map(Reply::text).collect();
            // The server's own, which a module can't set or has its own way for.
            let own = ["noscript", "movablekeys", "module"];
            let flags: Vec<_> = flags.into_iter().filter(|flag| !own.contains(&&**flag)).collect();
            (info[1].clone(), flags)
        };
        let native = flags("");
        assert_eq!(flags("MYLOG."), native, "{line}");
    }
}
