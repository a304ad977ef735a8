//! A stage for clients that wait: the same steps are played with native keys and with captured ones, on one
//! server, and what every client was told, byte for byte, and every event must be the same.
//!
//! A step is a command of the director, or begins with who it is about:
//! `a> CMD` a sends it and is blocked; `a! CMD` a sends it and is answered; `a?` a's next reply; `a.` a is blocked
//! still. `@` begins a key, `#a` is the id of a's connection, `~` a space inside an argument, `%` the last string
//! that a step beginning with `-` has brought, which is not compared.

use std::collections::BTreeMap;

use crate::support::reply::Reply;
use crate::support::{Client, Server, wait_for};

/// Keys of the two plays. Of one length, so that replies are.
const NATIVE: &str = "nat:";
const CAPTURED: &str = "cap:";

/// A server for plays.
pub fn server(policy: &str) -> Server {
    Server::build()
        .mylog("appendfsync", policy)
        .mylog("capture", CAPTURED)
        .mylog("flush-policy", "flush")
        .config("notify-keyspace-events", "KEA")
        .start()
}

/// Plays the steps with native keys, then with captured ones, and compares.
pub fn play(server: &Server, protocol: u8, name: &str, steps: &[&str]) {
    let native = Play::new(server, protocol, NATIVE).run(steps);
    let captured = Play::new(server, protocol, CAPTURED).run(steps);
    for (native, captured) in native.iter().zip(&captured) {
        assert_eq!(captured, native, "{name}, RESP{protocol}");
    }
    assert_eq!(captured.len(), native.len(), "{name}, RESP{protocol}");
}

struct Actor {
    client: Client,
    id: i64,
}

struct Play<'s> {
    server: &'s Server,
    protocol: u8,
    prefix: &'static str,
    director: Client,
    events: Client,
    actors: BTreeMap<String, Actor>,
    kept: Vec<u8>,
    told: Vec<String>,
}

impl<'s> Play<'s> {
    fn new(server: &'s Server, protocol: u8, prefix: &'static str) -> Self {
        let mut events = server.client();
        events.cmd(["PSUBSCRIBE", &format!("__keyspace@*__:{prefix}*")]);
        Self {
            server,
            protocol,
            prefix,
            director: connect(server, protocol),
            events,
            actors: BTreeMap::new(),
            kept: Vec::new(),
            told: Vec::new(),
        }
    }

    fn run(mut self, steps: &[&str]) -> Vec<String> {
        for step in steps {
            self.step(step);
        }
        self.note_events();
        self.director.ok("FLUSHALL");
        self.told
    }

    fn step(&mut self, step: &str) {
        let (head, rest) = step.split_once(' ').unwrap_or((step, ""));
        if let Some(name) = head.strip_suffix('>') {
            let words = self.words(rest);
            self.actor(name).client.send(words);
            wait_for("it is blocked", || self.is_blocked(name));
        } else if let Some(name) = head.strip_suffix('!') {
            let words = self.words(rest);
            let reply = self.actor(name).client.raw(words);
            self.note(step, &reply.1);
        } else if let Some(name) = head.strip_suffix('?') {
            let reply = self.actor(name).client.recv_raw();
            self.note(step, &reply.1);
        } else if let Some(name) = head.strip_suffix('.') {
            assert!(self.is_blocked(name), "{step}: {name} is not blocked");
        } else if head == "-" {
            let words = self.words(rest);
            self.kept = self.director.cmd(words).bytes().unwrap_or_default();
        } else {
            let words = self.words(step);
            let reply = self.director.raw(words);
            self.note(step, &reply.1);
        }
    }

    fn actor(&mut self, name: &str) -> &mut Actor {
        let (server, protocol) = (self.server, self.protocol);
        self.actors.entry(name.to_owned()).or_insert_with(|| {
            let mut client = connect(server, protocol);
            let id = client.run("CLIENT ID").int();
            Actor { client, id }
        })
    }

    fn is_blocked(&mut self, name: &str) -> bool {
        let id = self.actor(name).id;
        let line = self.director.run(&format!("CLIENT LIST ID {id}")).text();
        let flags = line.split(' ').find_map(|word| word.strip_prefix("flags="));
        flags.is_some_and(|flags| flags.contains('b'))
    }

    fn words(&mut self, line: &str) -> Vec<Vec<u8>> {
        let prefix = self.prefix;
        let word = |word: &str| match word.strip_prefix('#') {
            Some(name) if self.actors.contains_key(name) => self.actors[name].id.to_string().into_bytes(),
            _ if word == "%" => self.kept.clone(),
            _ => word.replace('@', prefix).replace('~', " ").into_bytes(),
        };
        line.split(' ').map(word).collect()
    }

    fn note(&mut self, step: &str, raw: &[u8]) {
        let shown = raw.escape_ascii().to_string();
        self.told
            .push(format!("{step}: {}", shown.replace(self.prefix, "@")));
    }

    fn note_events(&mut self) {
        self.director
            .run(&format!("PUBLISH __keyspace@0__:{} end", self.prefix));
        loop {
            let parts = self.events.recv().items();
            let text = |part: &Reply| part.clone().text();
            let (channel, event) = (text(&parts[2]), text(&parts[3]));
            if event == "end" {
                return;
            }
            // Only 8.2 and its like tell of these, and of the server's own types differently.
            if !matches!(&*event, "new" | "overwritten" | "type_changed") {
                self.told
                    .push(format!("{event} {}", channel.replace(self.prefix, "@")));
            }
        }
    }
}

fn connect(server: &Server, protocol: u8) -> Client {
    let mut client = server.client();
    assert!(!client.run(&format!("HELLO {protocol}")).is_error(""));
    client
}
