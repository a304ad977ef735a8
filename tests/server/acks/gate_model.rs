//! What a connection of `gate_mix` sends, and what it has to be answered: its keys are its own, so that is determined.

use std::collections::{HashMap, VecDeque};

use fastrand::Rng;

use crate::support::Reply;

/// A script that changes a durable key and a native one.
const SCRIPT: &str = "redis.call('MYLOG.SET',KEYS[1],ARGV[1]) return {redis.call('INCR',KEYS[2]),ARGV[1]}";

/// Counters that all share.
pub fn counters() -> [&'static str; 2] {
    ["shared:durable", "shared:native"]
}

/// A command and what its reply is checked by.
pub struct Op {
    pub words: Vec<String>,
    pub what: What,
}

#[derive(Debug, Clone)]
pub enum What {
    Incr(String),
    Set(String, String),
    Get(String),
    Del(String),
    Expire(String),
    Push(String, String),
    Pop(String),
    Range(String),
    Large,
    Echo(String),
    Script(String, String, String),
    /// A pop that nobody serves.
    InVain,
    /// A pop that another connection serves, from this key.
    Served(String),
    Shared(usize),
    Publish(u64),
    Multi,
    Exec,
}

impl What {
    /// Bytes of the large value.
    pub const LARGE: usize = 100_000;

    /// The shared counter that it counts.
    pub fn counter(&self) -> Option<usize> {
        match self {
            Self::Shared(which) => Some(*which),
            _ => None,
        }
    }

    pub fn blocks(&self) -> bool {
        matches!(self, Self::InVain | Self::Served(_))
    }
}

/// What others have to know of the replies.
#[derive(Default)]
pub struct Told {
    pub given: Vec<(usize, i64)>,
    pub published: Vec<u64>,
}

/// The keys of one connection, as the replies so far have left them.
pub struct Model {
    pub name: String,
    sent: u64,
    counts: HashMap<String, i64>,
    strings: HashMap<String, String>,
    lists: HashMap<String, VecDeque<String>>,
    served: u64,
    /// In MULTI: what is queued, and whether something was refused.
    queued: Option<(Vec<What>, bool)>,
}

impl Model {
    pub fn new(name: String) -> Self {
        Self {
            name,
            sent: 0,
            counts: HashMap::new(),
            strings: HashMap::new(),
            lists: HashMap::new(),
            served: 0,
            queued: None,
        }
    }

    pub fn served_key(&self) -> String {
        format!("cap:served:{}", self.name)
    }

    /// The server was busy with a script.
    pub fn refused(&mut self, what: &What) {
        match (what, &mut self.queued) {
            (What::Exec, queued) => *queued = None,
            (_, Some((_, refused))) => *refused = true,
            _ => {}
        }
    }

    /// Checks a reply, and takes what it tells into the model.
    pub fn check(&mut self, what: &What, reply: Reply) -> Result<Told, String> {
        let mut told = Told::default();
        if let What::Exec = what {
            let Some((queued, false)) = self.queued.take() else {
                return match reply.is_error("ERR EXEC without MULTI") {
                    true => Ok(told),
                    false => Err(format!("EXEC without MULTI: {reply:?}")),
                };
            };
            let Reply::Array(replies) = reply else {
                return Err(format!("EXEC: {reply:?}"));
            };
            if replies.len() != queued.len() {
                return Err(format!("EXEC: {} for {queued:?}", replies.len()));
            }
            for (what, reply) in queued.iter().zip(replies) {
                self.check_one(what, reply, &mut told)?;
            }
            return Ok(told);
        }
        if let Some((queued, _)) = &mut self.queued {
            queued.push(what.clone());
            return match reply == Reply::Simple(b"QUEUED".to_vec()) {
                true => Ok(told),
                false => Err(format!("in MULTI: {reply:?}")),
            };
        }
        self.check_one(what, reply, &mut told)?;
        Ok(told)
    }

    fn check_one(&mut self, what: &What, reply: Reply, told: &mut Told) -> Result<(), String> {
        match what {
            What::Shared(which) => {
                let Reply::Int(number) = reply else {
                    return Err(format!("{reply:?}"));
                };
                told.given.push((*which, number));
                return Ok(());
            }
            What::Publish(number) => told.published.push(*number),
            What::Large => {
                let Reply::Bulk(bytes) = &reply else {
                    return Err(format!("{reply:?}"));
                };
                return match bytes.len() == What::LARGE && bytes.iter().all(|byte| *byte == b'v') {
                    true => Ok(()),
                    false => Err(format!("{reply:?}")),
                };
            }
            _ => {}
        }
        let expected = self.expected(what);
        match reply == expected {
            true => Ok(()),
            false => Err(format!("{reply:?} instead of {expected:?}")),
        }
    }

    fn expected(&mut self, what: &What) -> Reply {
        let bulk = |text: &str| Reply::Bulk(text.as_bytes().to_vec());
        let maybe = |text: Option<&String>| text.map_or(Reply::Nil, |text| bulk(text));
        let ok = || Reply::Simple(b"OK".to_vec());
        match what {
            What::Incr(key) => {
                let count = self.counts.entry(key.clone()).or_default();
                *count += 1;
                Reply::Int(*count)
            }
            What::Set(key, value) => {
                self.strings.insert(key.clone(), value.clone());
                ok()
            }
            What::Get(key) => maybe(self.strings.get(key)),
            What::Del(key) => Reply::Int(i64::from(self.strings.remove(key).is_some())),
            What::Expire(key) => Reply::Int(i64::from(self.strings.contains_key(key))),
            What::Push(key, value) => {
                let list = self.lists.entry(key.clone()).or_default();
                list.push_back(value.clone());
                Reply::Int(list.len() as i64)
            }
            What::Pop(key) => maybe(self.lists.entry(key.clone()).or_default().pop_front().as_ref()),
            What::Range(key) => {
                let list = self.lists.entry(key.clone()).or_default();
                Reply::Array(list.iter().map(|text| bulk(text)).collect())
            }
            What::Echo(text) => bulk(text),
            What::Script(key, counter, value) => {
                self.strings.insert(key.clone(), value.clone());
                let count = self.counts.entry(counter.clone()).or_default();
                *count += 1;
                Reply::Array(vec![Reply::Int(*count), bulk(value)])
            }
            What::InVain => Reply::Nil,
            What::Served(key) => {
                self.served += 1;
                Reply::Array(vec![bulk(key), bulk(&(self.served - 1).to_string())])
            }
            What::Publish(_) => Reply::Int(1),
            What::Multi => {
                self.queued = Some((Vec::new(), false));
                ok()
            }
            What::Large | What::Shared(_) | What::Exec => unreachable!("checked before"),
        }
    }
}

fn op(words: &[&str], what: What) -> Op {
    Op {
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        what,
    }
}

impl Model {
    /// A command that may stand in MULTI.
    fn simple(&mut self, random: &mut Rng) -> Op {
        self.sent += 1;
        let (me, n) = (&self.name, self.sent.to_string());
        let (native, durable, captured) = (
            format!("native:{me}:"),
            format!("dur:{me}:"),
            format!("cap:{me}:"),
        );
        let (native_n, captured_n, durable_n) = (
            format!("{native}n"),
            format!("{captured}n"),
            format!("{durable}n"),
        );
        let list = match random.bool() {
            true => format!("{captured}l"),
            false => format!("{native}l"),
        };
        let text = match random.bool() {
            true => format!("{captured}s"),
            false => format!("{native}s"),
        };
        let string = format!("{durable}s");
        match random.u8(..22) {
            0 => op(&["INCR", &native_n], What::Incr(native_n.clone())),
            1 => op(&["INCR", &captured_n], What::Incr(captured_n.clone())),
            2 | 3 => op(&["MYLOG.INCR", &durable_n], What::Incr(durable_n.clone())),
            4 => op(&["SET", &text, &n], What::Set(text.clone(), n.clone())),
            5 => op(&["GET", &text], What::Get(text.clone())),
            6 | 7 => op(&["MYLOG.SET", &string, &n], What::Set(string.clone(), n.clone())),
            8 => op(&["MYLOG.GET", &string], What::Get(string.clone())),
            9 => op(&["DEL", &string], What::Del(string.clone())),
            10 => op(&["EXPIRE", &string, "1000"], What::Expire(string.clone())),
            11 | 12 => op(&["RPUSH", &list, &n], What::Push(list.clone(), n.clone())),
            13 => op(&["LPOP", &list], What::Pop(list.clone())),
            14 => op(&["LRANGE", &list, "0", "-1"], What::Range(list.clone())),
            15 => op(
                &["EVAL", SCRIPT, "2", &string, &native_n, &n],
                What::Script(string.clone(), native_n.clone(), n.clone()),
            ),
            16 => op(&["MYLOG.INCR", counters()[0]], What::Shared(0)),
            17 => op(&["INCR", counters()[1]], What::Shared(1)),
            18 => {
                let channel = format!("channel:{}", random.u8(..4));
                let message = format!("{me}/{n}");
                op(&["PUBLISH", &channel, &message], What::Publish(self.sent))
            }
            19 => op(&["MYLOG.GET", "large"], What::Large),
            _ => {
                let text = format!("{me}.{n}");
                op(&["ECHO", &text], What::Echo(text.clone()))
            }
        }
    }

    fn unit(&mut self, random: &mut Rng, ops: &mut Vec<Op>) {
        ops.push(op(&["MULTI"], What::Multi));
        for _ in 0..random.u8(1..6) {
            ops.push(self.simple(random));
        }
        ops.push(op(&["EXEC"], What::Exec));
    }
}

/// A pipeline of 1 to 64 commands, or a few more where it ends in a transaction.
pub fn random_pipeline(model: &mut Model, random: &mut Rng) -> Vec<Op> {
    let len = match random.bool() {
        true => random.usize(1..=4),
        false => random.usize(1..=64),
    };
    let mut ops = Vec::new();
    while ops.len() < len {
        match random.u8(..24) {
            0..3 => model.unit(random, &mut ops),
            3 => {
                let key = format!("{}never:{}", random.choice(["cap:", ""]).unwrap(), model.name);
                ops.push(op(&["BLPOP", &key, "0.01"], What::InVain));
            }
            4 => {
                let key = model.served_key();
                ops.push(op(&["BLPOP", &key, "20"], What::Served(key.clone())));
            }
            _ => ops.push(model.simple(random)),
        }
    }
    ops
}

/// Much to read, among changes.
pub fn slow_reader(model: &mut Model, random: &mut Rng) -> Vec<Op> {
    let mut ops = Vec::new();
    for _ in 0..random.usize(8..48) {
        ops.push(op(&["MYLOG.GET", "large"], What::Large));
        if random.bool() {
            ops.push(model.simple(random));
        }
    }
    ops
}
