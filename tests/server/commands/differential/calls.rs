//! A native command, and how the durable side is asked for it: by its twin's name, or by its own on captured keys.

use std::fmt;

use fastrand::Rng;

use super::{blocking, sorts};
use crate::server::commands::parity_commands::{Command, NAMES_BEGIN, pick};
use crate::server::commands::{
    parity_commands, parity_lists, parity_random, parity_sets, parity_strings, zset_commands,
};

/// What names begin with on the durable side, which captures them. As long as the native beginning, so that a
/// reply that names keys differs in these bytes alone.
pub const DURABLE_NAMES_BEGIN: &[u8] = b"dur:";

/// Names that any command may meet, beside those of its own type.
const COMMON: [&[u8]; 9] = [
    b"nat:s0",
    b"nat:s1",
    b"nat:h0",
    b"nat:h1",
    b"nat:l0",
    b"nat:e0",
    b"nat:z1",
    b"nat:z2",
    b"nat:big0",
];

/// A command for both sides.
#[derive(Clone)]
pub struct Call {
    /// As the native side runs it.
    pub command: Command,
    /// The durable side asks for the twin; else for the native command, which is routed.
    pub by_twin: bool,
    lower_case: bool,
}

/// What a sequence is made of.
#[derive(Debug, Clone, Copy)]
pub struct Taste {
    /// Half of its commands are of this family.
    family: u8,
    /// How many names of a kind there are.
    names: u8,
    /// Native names run the twins.
    captured: bool,
}

impl Taste {
    pub fn any(rng: &mut Rng, captured: bool) -> Self {
        Self {
            family: rng.u8(..7),
            names: pick(rng, &[1, 1, 2, 2, 3, 5]),
            captured,
        }
    }
}

/// Commands that tell what there is, of whatever type.
fn about_keys(rng: &mut Rng) -> Command {
    const KINDS: [&str; 7] = ["string", "hash", "list", "set", "zset", "STREAM", "none"];
    let key = pick(rng, &COMMON).to_vec();
    match rng.u8(..3) {
        0 => Command::with_twin("TYPE", vec![key]),
        1 => {
            // The server itself refuses a part that native OBJECT does not have.
            let what = pick(rng, &["ENCODING", "encoding", "REFCOUNT"]);
            Command::with_twin("OBJECT", vec![what.into(), key])
        }
        _ => {
            let words = ["0", "COUNT", "100000", "TYPE", pick(rng, &KINDS)];
            Command::with_twin("SCAN", words.map(Vec::from).to_vec())
        }
    }
}

/// Commands without a twin: they run as they are, and tell what is there.
fn onlooker(rng: &mut Rng, captured: bool) -> Command {
    // A key of a type that has no durable form; captured, there can be none.
    let stream = ["nat:stream", "1-1", "f", "v"].map(|word| word.as_bytes().to_vec());
    let mut command = match rng.u8(..if captured { 3 } else { 4 }) {
        0 => Command::with_twin(
            "EXISTS",
            vec![pick(rng, &COMMON).to_vec(), pick(rng, &COMMON).to_vec()],
        ),
        1 => Command::with_twin("TOUCH", vec![pick(rng, &COMMON).to_vec()]),
        2 => Command::with_twin("DBSIZE", Vec::new()),
        _ => Command::with_twin("XADD", stream.to_vec()),
    };
    command.has_twin = false;
    command
}

fn of_family(rng: &mut Rng, family: u8) -> Command {
    match family {
        0 => zset_commands::any(rng),
        1 => parity_strings::any(rng),
        2 => parity_lists::any(rng),
        3 => parity_sets::any(rng),
        4 => match rng.u8(..3) {
            0 => sorts::any(rng),
            _ => blocking::any(rng),
        },
        _ => parity_commands::of_any_type(rng),
    }
}

/// Makes a value that a rewrite takes for a large one: what changes of it then is written as deltas. Its fields and
/// members are those that the commands know, and some more.
fn large(rng: &mut Rng) -> Command {
    let (name, key) = pick(
        rng,
        &[
            ("HSET", "nat:h0"),
            ("RPUSH", "nat:l0"),
            ("SADD", "nat:e0"),
            ("ZADD", "nat:z1"),
        ],
    );
    let long = vec![b'x'; pick(rng, &[30, 600])];
    let each = |n: u8| {
        let named = |first: char| format!("{first}{n}").into_bytes();
        let far = [named('n'), long.clone()].concat();
        match name {
            "ZADD" => vec![vec![b'0' + n % 7], far, vec![b'1'], named('m')],
            _ => vec![named('f'), far],
        }
    };
    let args = (0..150).flat_map(each);
    Command::with_twin(name, [vec![key.as_bytes().to_vec()], args.collect()].concat())
}

impl Call {
    /// One that makes a large value.
    pub fn large(rng: &mut Rng) -> Self {
        Self {
            command: large(rng),
            by_twin: true,
            lower_case: false,
        }
    }

    /// Any command.
    pub fn any(rng: &mut Rng, taste: Taste) -> Self {
        let mut command = match rng.u8(..40) {
            0 => onlooker(rng, taste.captured),
            1 | 2 => about_keys(rng),
            3..=20 => of_family(rng, taste.family),
            _ => {
                let family = rng.u8(..7);
                of_family(rng, family)
            }
        };
        if taste.captured && command.name == "XADD" {
            command = onlooker(rng, true);
        }
        let has_twin = command.has_twin;
        for arg in &mut command.args {
            narrow(rng, arg, taste.names);
        }
        Self {
            command,
            by_twin: has_twin && (!taste.captured || rng.bool()),
            lower_case: rng.u8(..8) == 0,
        }
    }

    /// Any whose outcome both sides can only agree on.
    pub fn any_certain(rng: &mut Rng, taste: Taste) -> Self {
        loop {
            let call = Self::any(rng, taste);
            if call.command.name != "SPOP" {
                return call;
            }
        }
    }

    /// For the native side.
    pub fn native(&self) -> Vec<Vec<u8>> {
        self.command.native()
    }

    /// For the durable side.
    pub fn durable(&self) -> Vec<Vec<u8>> {
        self.on_durable_names().words(self.by_twin)
    }

    fn words(&self, by_twin: bool) -> Vec<Vec<u8>> {
        let mut words = match by_twin {
            true => self.command.twin(),
            false => self.command.native(),
        };
        if self.lower_case {
            words[0].make_ascii_lowercase();
        }
        words
    }

    fn on_durable_names(&self) -> Self {
        let mut call = self.clone();
        for arg in &mut call.command.args {
            *arg = durable_name(arg);
        }
        call
    }

    /// The first of its keys.
    pub fn first_key(&self) -> Option<&[u8]> {
        let args = self.command.args.iter().map(Vec::as_slice);
        args.into_iter().find(|arg| arg.starts_with(NAMES_BEGIN))
    }

    /// True if the reply is left to chance, within what the command promises.
    pub fn draws(&self) -> bool {
        parity_random::leaves_it_to_chance(&self.command)
            // How a value is kept is the server's own business.
            || matches!(&*self.command.name, "HRANDFIELD" | "ZRANDMEMBER" | "OBJECT")
    }
}

/// The same name on the durable side; what is no name stays as it is.
pub fn durable_name(arg: &[u8]) -> Vec<u8> {
    match arg.strip_prefix(NAMES_BEGIN) {
        Some(rest) => [DURABLE_NAMES_BEGIN, rest].concat(),
        None => arg.to_vec(),
    }
}

/// Makes few names of many, and now and then another one: so that commands meet each other.
fn narrow(rng: &mut Rng, arg: &mut Vec<u8>, names: u8) {
    // Sets whose members have one score have names of their own: in others an order by name is not defined.
    if !arg.starts_with(NAMES_BEGIN) || arg.starts_with(b"nat:lex") {
        return;
    }
    if rng.u8(..25) == 0 {
        *arg = pick(rng, &COMMON).to_vec();
    } else if let Some(digit) = arg.last_mut().filter(|last| last.is_ascii_digit()) {
        *digit = b'0' + (*digit - b'0') % names;
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = if self.by_twin { "MYLOG." } else { "" };
        write!(f, "{form}{:?}", self.command)
    }
}
