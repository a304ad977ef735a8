//! A walk over the table of the server that runs: each command that writes is routed, native on purpose, or refused on a
//! captured key. A command that a later server brings is one of these, or this fails by its name.

use std::collections::BTreeMap;

use crate::support::keyspace::kind;
use crate::support::{Client, Reply, Server};

/// Where a native key must not come to be.
const NEW: &str = "walk:new";
/// A durable key, of a type that most commands are no use of.
const DURABLE: &str = "walk:durable";

/// An entry of the table that writes.
struct Writer {
    name: String,
    /// Words of a command of that name with `K` for its key; none where the server tells of no key.
    line: Option<Vec<String>>,
}

fn words(reply: Reply) -> Vec<String> {
    match reply {
        Reply::Set(items) | Reply::Array(items) => items.into_iter().map(Reply::text).collect(),
        other => panic!("{other:?}"),
    }
}

fn field(map: Reply, name: &str) -> Reply {
    let items = map.items();
    let place = (0..items.len())
        .step_by(2)
        .find(|&place| items[place].clone().text() == name)
        .unwrap_or_else(|| panic!("{name} in {items:?}"));
    items[place + 1].clone()
}

/// Puts a key where this description has one, and ones around it.
fn put_key(line: &mut Vec<String>, spec: Reply) -> bool {
    let (begin, find) = (field(spec.clone(), "begin_search"), field(spec, "find_keys"));
    let kind_of = |part: &Reply| field(part.clone(), "type").text();
    let number = |part: &Reply, name| field(field(part.clone(), "spec"), name).int();
    let first = match kind_of(&begin).as_str() {
        "index" => usize::try_from(number(&begin, "index")).unwrap(),
        "keyword" => {
            let from = usize::try_from(number(&begin, "startfrom")).unwrap_or(line.len());
            let place = from.max(line.len());
            line.resize(place, "1".to_owned());
            line.push(field(field(begin, "spec"), "keyword").text());
            place + 1
        }
        _ => return false,
    };
    let place = match kind_of(&find).as_str() {
        "range" => first,
        "keynum" => {
            let count = first + usize::try_from(number(&find, "keynumidx")).unwrap();
            line.resize(line.len().max(count + 1), "1".to_owned());
            line[count] = "1".to_owned();
            first + usize::try_from(number(&find, "firstkey")).unwrap()
        }
        _ => return false,
    };
    line.resize(line.len().max(place + 1), "1".to_owned());
    line[place] = "K".to_owned();
    true
}

fn read(info: Reply, writers: &mut Vec<Writer>) {
    let info = info.items();
    let (name, arity) = (info[0].clone().text().to_lowercase(), info[1].clone().int());
    let flags = words(info[2].clone());
    for sub in info[9].clone().items() {
        read(sub, writers);
    }
    if !flags.contains(&"write".to_owned()) || name.starts_with("mylog.") {
        return;
    }
    let mut line: Vec<String> = name.split('|').map(str::to_owned).collect();
    line.resize(
        usize::try_from(arity.abs()).unwrap().max(line.len()),
        "1".to_owned(),
    );
    let mut has_key = false;
    // Descriptions with a word of their own come last: they are for options.
    for spec in info[8].clone().items() {
        has_key |= put_key(&mut line, spec);
    }
    if name.starts_with("restore") {
        line.push("REPLACE".to_owned());
    }
    writers.push(Writer {
        name,
        line: has_key.then_some(line),
    });
}

fn writers(client: &mut Client) -> Vec<Writer> {
    let mut writers = Vec::new();
    for info in client.run("COMMAND").items() {
        read(info, &mut writers);
    }
    writers.sort_by(|a, b| a.name.cmp(&b.name));
    writers
}

/// What becomes of each by the module's own word: its first word, and the reason.
fn treatments(client: &mut Client) -> BTreeMap<String, (String, String)> {
    let lines = client
        .run("MYLOG.DEBUG COMMANDS")
        .items()
        .into_iter()
        .map(Reply::text);
    let parts = lines.map(|line| {
        let mut words = line.splitn(3, ' ').map(str::to_owned);
        let mut next = || words.next().unwrap_or_default();
        (next(), (next(), next()))
    });
    parts.collect()
}

fn send(client: &mut Client, line: &[String], key: &str) -> Reply {
    client.cmd(line.iter().map(|word| if word == "K" { key } else { word }))
}

fn calls_of_twin(client: &mut Client, name: &str) -> bool {
    let stats = client.run("INFO commandstats").text();
    stats
        .lines()
        .any(|line| line.starts_with(&format!("cmdstat_mylog.{name}:")))
}

fn judge(client: &mut Client, writer: &Writer, treatment: &str, reason: &str) -> Result<(), String> {
    let Some(line) = &writer.line else {
        // Without a key there is nothing to send; it must be known why that harms no durable key.
        return match treatment {
            "native" if !reason.is_empty() => Ok(()),
            "routed" => Ok(()),
            _ => Err("tells of no key and is not listed".to_owned()),
        };
    };
    client.ok("CONFIG RESETSTAT");
    client.ok(&format!("SET {DURABLE} value"));
    let on_new = send(client, line, NEW);
    let new = kind(client, NEW.as_bytes());
    if !(new == "none" || new.starts_with("mylog-")) {
        return Err(format!("made a key of type {new}: {on_new:?}"));
    }
    let on_durable = send(client, line, DURABLE);
    let durable = kind(client, DURABLE.as_bytes());
    match treatment {
        // One with another key beside it does nothing.
        "routed" if !(calls_of_twin(client, &writer.name) || on_new.is_error("ERR '")) => {
            Err(format!("did not come to its form: {on_new:?}"))
        }
        "refused" => {
            let refused = |reply: &Reply| {
                reply.is_error("ERR '")
                    && reply
                        .clone()
                        .text()
                        .contains("has no durable form for a key that mylog.capture holds by 'walk:'")
            };
            let value = client.run(&format!("GET {DURABLE}")).text();
            (refused(&on_durable) && value == "value")
                .then_some(())
                .ok_or_else(|| format!("is not refused: {on_durable:?}, then {value}"))
        }
        "native" if reason.is_empty() => Err("is native without a reason".to_owned()),
        // It took the key away, or left it durable.
        _ if durable == "none" || durable.starts_with("mylog-") => Ok(()),
        _ => Err(format!("made a key of type {durable}: {on_durable:?}")),
    }
}

#[test]
#[allow(
    clippy::print_stdout,
    reason = "the list is what a reader of the tests' output looks for"
)]
fn each_command_that_writes_is_routed_native_on_purpose_or_refused() {
    let server = Server::build().mylog("capture", "walk:").start();
    let mut client = server.client();
    let treatments = treatments(&mut client);
    let (mut lists, mut wrong) = (BTreeMap::<_, Vec<String>>::new(), Vec::new());
    for writer in writers(&mut client) {
        let name = &writer.name;
        let Some((treatment, reason)) = treatments.get(name) else {
            wrong.push(format!("{name} is not in the module's table"));
            continue;
        };
        if let Err(what) = judge(&mut client, &writer, treatment, reason) {
            wrong.push(format!("{name}, {treatment}: {what}"));
        }
        client.run(&format!("DEL {NEW} {DURABLE}"));
        let entry = match reason.is_empty() {
            true => name.clone(),
            false => format!("{name} ({reason})"),
        };
        lists.entry(treatment.clone()).or_default().push(entry);
    }
    for (treatment, names) in &lists {
        println!("{} {treatment}: {}", names.len(), names.join(", "));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(
        lists["routed"].len() > 70 && lists["refused"].len() > 10,
        "{lists:?}"
    );
}
