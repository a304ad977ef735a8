//! Counts what the filter allocates, with stand-ins for the server's functions.

use allocation_counter::measure;
use module_api::mock::{self, Server};
use redis_grammar::prefixes;

use super::register;
use crate::settings::captured_keys;

/// The name of the command after the filter has run, and the number of allocations in the filter.
fn filtered(server: &Server, command: &str) -> (String, u64) {
    let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
    let command = server.command(&words);
    let allocations = measure(|| command.filter()).count_total;
    let name = command.words().swap_remove(0);
    (String::from_utf8(name).unwrap(), allocations)
}

#[test]
fn the_filter_allocates_nothing_for_the_cache_nor_for_captured_keys() {
    let server = mock::start();
    register(server.context().ctx()).unwrap();
    let cache = [
        "PING",
        "GET page:1",
        "GET other:1",
        "SET page:1 v EX 10",
        "SET other:1 v",
        "MGET page:1 other:2 page:3",
        "MSET page:1 v other:2 v",
        "SORT page:1 BY w:* GET # STORE other:1",
        "ZUNIONSTORE page:1 2 page:2 page:3 WEIGHTS 1 2",
        "SCAN 0 MATCH * COUNT 10",
        "EVAL code 1 page:1",
        "FLUSHALL ASYNC",
        "NO-SUCH-COMMAND-OF-THE-SERVER page:1 other:1",
    ];
    for text in [
        "",
        "order: queue: quota:",
        "order: queue: !queue:*:e quota: !quota:2",
    ] {
        captured_keys::set_words(&prefixes::Words::parse(text.as_bytes()).unwrap());
        for command in cache {
            let name = command.split(' ').next().unwrap_or_default();
            assert_eq!(
                filtered(&server, command),
                (name.to_owned(), 0),
                "{command}, {text}"
            );
        }
    }
    // With the exclusions of the last round above.
    for command in ["GET quota:2:1", "XADD queue:1:e * f v", "MGET queue:1:e quota:2"] {
        let name = command.split(' ').next().unwrap_or_default();
        assert_eq!(filtered(&server, command), (name.to_owned(), 0), "{command}");
    }
    for (command, twin) in [
        ("SET order:1 v", "MYLOG.set"),
        ("set order:1 v EX 10", "MYLOG.set"),
        ("GET quota:1", "MYLOG.get"),
        ("BLPOP queue:1 queue:2 0", "MYLOG.blpop"),
        ("MSET order:1 v order:2 v", "MYLOG.mset"),
        ("RENAME page:1 order:1", "MYLOG.rename"),
        ("ZUNION 2 order:1 order:2", "MYLOG.zunion"),
        ("SCAN 0 TYPE string", "MYLOG.scan"),
    ] {
        // Twice: the end of the first command must leave the twin's name usable for the next.
        for _ in 0..2 {
            assert_eq!(filtered(&server, command), (twin.to_owned(), 0), "{command}");
        }
    }
    captured_keys::set_words(&prefixes::Words::default());
}
