//! Memory of a key by its type: what `used_memory` of the server grows by, natively and as `MYLOG.X`.

use crate::contender::Ours;
use crate::report::{Section, count, two};
use crate::scale::Scale;
use crate::support::client::encode;
use crate::support::{Client, wait_for};
use crate::targets::Limit;

/// A value whose memory is measured.
struct Shape {
    name: &'static str,
    command: &'static str,
    /// Elements, fields or members; of a string its bytes.
    size: usize,
    /// The module set itself a target for it.
    target: bool,
}

const SHAPES: [Shape; 12] = [
    shape("string of 10 bytes", "SET", 10, false),
    shape("string of 100 bytes", "SET", 100, true),
    shape("string of 1000 bytes", "SET", 1000, false),
    shape("hash of 10 fields", "HSET", 10, true),
    shape("list of 100 elements", "RPUSH", 100, true),
    shape("set of 100 members", "SADD", 100, true),
    shape("sorted set of 100 members", "ZADD", 100, true),
    shape("hash of 1000 fields", "HSET", 1000, false),
    shape("list of 1000 elements", "RPUSH", 1000, false),
    shape("set of 1000 members", "SADD", 1000, false),
    shape("sorted set of 1000 members", "ZADD", 1000, false),
    shape("set of 100 integers", "SADD INT", 100, true),
];

const fn shape(name: &'static str, command: &'static str, size: usize, target: bool) -> Shape {
    Shape {
        name,
        command,
        size,
        target,
    }
}

/// Bytes of elements, about, that one measurement writes.
const VOLUME: usize = 24 << 20;
/// Bytes of an element, about.
const ELEMENT: usize = 15;
/// Most of memory that a key of ours may take, to a native one.
const LIMIT: f64 = 1.35;

/// Measures it.
pub fn section(scale: &Scale) -> Section {
    let about = "Growth of the server's `used_memory` by key, with keys of 16 bytes: members and elements of 15 bytes, fields of 10\n\
        with values of 10. Each figure is that of a server of its own, with the module; `MYLOG` includes the key in the\n\
        store, and nothing that waits for the disk.";
    let mut section = Section::new(
        "Memory of a key",
        about,
        &["value", "keys", "native", "MYLOG", "ratio"],
    );
    for shape in &SHAPES {
        let keys = shape.keys(scale);
        let [native, ours] = ["", "MYLOG."].map(|family| grown(shape, family, keys));
        let ratio = ours / native;
        section.row([
            shape.name.to_owned(),
            count(keys as f64),
            count(native),
            count(ours),
            two(ratio),
        ]);
        if shape.target {
            let what = format!("memory of a {}, to native", shape.name);
            section.target(what, Limit::AtMost(LIMIT), Some(ratio));
        }
    }
    section
}

impl Shape {
    fn keys(&self, scale: &Scale) -> usize {
        let bytes = match self.command {
            "SET" => self.size,
            _ => self.size * ELEMENT,
        };
        let volume = if scale.quick { VOLUME / 8 } else { VOLUME };
        (volume / bytes).clamp(100, 100_000)
    }

    /// The command that makes the key of this number.
    fn words(&self, family: &str, key: usize) -> Vec<String> {
        let (name, integers) = match self.command.split_once(' ') {
            Some((name, _)) => (name, true),
            None => (self.command, false),
        };
        let mut words = vec![format!("{family}{name}"), format!("key:{key:012}")];
        if name == "SET" {
            let text = format!("{key:x}");
            let filled = text.bytes().chain(std::iter::repeat(b'x'));
            words.push(filled.take(self.size).map(char::from).collect());
            return words;
        }
        for number in 0..self.size {
            match name {
                "HSET" => words.extend([format!("field:{number:04}"), format!("value:{number:04}")]),
                "ZADD" => words.extend([number.to_string(), format!("member:{:08}", number * 7919)]),
                _ if integers => words.push((key * 3 + number).to_string()),
                _ => words.push(format!("member:{:08}", number * 7919)),
            }
        }
        words
    }
}

/// Bytes by which the server grows for one key.
fn grown(shape: &Shape, family: &str, keys: usize) -> f64 {
    let server = Ours.start("no");
    let mut client = server.client();
    let before = used(&mut client);
    let mut bytes = Vec::new();
    let mut asked = 0;
    for key in 0..keys {
        encode(shape.words(family, key), &mut bytes);
        asked += 1;
        if bytes.len() > 64 << 10 || key + 1 == keys {
            client.try_send_bytes(&bytes).expect("a live connection");
            (0..asked).for_each(|_| assert!(!client.recv().is_error(""), "{}", shape.name));
            bytes.clear();
            asked = 0;
        }
    }
    let after = used(&mut client);
    (after - before) / keys as f64
}

/// Memory of the server once nothing waits for the disk. A new connection's buffers are smaller than the writer's.
fn used(client: &mut Client) -> f64 {
    wait_for("nothing waits to be written", || {
        let info = client.info("mylog");
        info["mylog_queued_seq"] == info["mylog_written_seq"]
    });
    // What a connection took for its buffers shrinks after two seconds of rest only: both sides have the same.
    client.info_u64("memory", "used_memory") as f64
}
