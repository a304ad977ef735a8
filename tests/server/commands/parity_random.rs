//! Commands whose outcome is left to chance: of the same shape as the native one's, of members that there are.

use std::collections::BTreeSet;

use super::parity_commands::Command;
use crate::support::{Client, Reply};

/// True for a command that may well answer something else than the native one.
pub fn leaves_it_to_chance(command: &Command) -> bool {
    matches!(&*command.name, "SPOP" | "SRANDMEMBER")
}

/// Kind and length of a reply, without what is in it.
fn shape(reply: &Reply) -> Reply {
    let blank = |items: &[Reply]| vec![Reply::Nil; items.len()];
    match reply {
        Reply::Bulk(_) => Reply::Bulk(Vec::new()),
        Reply::Array(items) => Reply::Array(blank(items)),
        Reply::Set(items) => Reply::Set(blank(items)),
        other => other.clone(),
    }
}

fn members_of(reply: Reply) -> Vec<Vec<u8>> {
    match reply {
        Reply::Bulk(member) => vec![member],
        Reply::Array(_) | Reply::Set(_) => {
            let members = reply.items().into_iter().filter_map(Reply::bytes);
            members.collect()
        }
        _ => Vec::new(),
    }
}

fn all(client: &mut Client, prefix: &str, key: &[u8]) -> BTreeSet<Vec<u8>> {
    let name = format!("{prefix}SMEMBERS");
    members_of(client.cmd([name.as_bytes(), key]))
        .into_iter()
        .collect()
}

/// Runs it on both sides, on the durable one in these words. Afterwards both have the same members again.
pub fn compare(command: &Command, native: &mut Client, twin: &mut Client, words: Vec<Vec<u8>>) -> Reply {
    let key = command.args.first().expect("a key");
    let twin_key = words.get(1).cloned().expect("a key");
    // Both sides are looked at alike: a look at a key that is not there is an event.
    let before = all(native, "", key);
    assert_eq!(all(twin, "MYLOG.", &twin_key), before, "{command:?}");
    let (left, right) = (native.cmd(command.native()), twin.cmd(words));
    let context = || format!("{command:?}\nnative {left:?}\ntwin   {right:?}");
    assert_eq!(shape(&left), shape(&right), "{}", context());
    let shown = members_of(right.clone());
    let different: BTreeSet<_> = shown.iter().cloned().collect();
    assert!(different.is_subset(&before), "{}", context());
    let may_repeat = command.args.get(1).is_some_and(|count| count.starts_with(b"-"));
    assert!(may_repeat || different.len() == shown.len(), "{}", context());
    let left_over = match &*command.name {
        "SPOP" => &before - &different,
        _ => before.clone(),
    };
    assert_eq!(all(twin, "MYLOG.", &twin_key), left_over, "{}", context());
    all(native, "", key);
    if command.name == "SPOP" && !shown.is_empty() && !left_over.is_empty() {
        for (client, prefix, key) in [(native, "", key), (twin, "MYLOG.", &twin_key)] {
            let [del, sadd] = ["DEL", "SADD"].map(|name| format!("{prefix}{name}").into_bytes());
            assert_eq!(client.cmd([&*del, key]).int(), 1);
            let members = left_over.iter().map(Vec::as_slice);
            let args: Vec<&[u8]> = [&*sadd, key].into_iter().chain(members).collect();
            assert_eq!(client.cmd(args).int(), left_over.len() as i64);
        }
    }
    right
}
