//! The table of generic commands on durable keys, and the three ways in which a client can send them.
//!
//! A case is written once for both servers: ours with durable keys, and a stock one, where the same lines
//! without `MYLOG.` make native keys. So the stock server says what must come of it.

use crate::support::{Client, Reply};

/// An end far away.
const FAR: &str = "4102444800123";

/// One idea: keys that are there, and what is done to them.
///
/// `@a` is a key of the case's own named `a`; `@other` the other database; `@far` an end far away; `@dump:a`
/// the DUMP of `@a`.
pub struct Case {
    pub name: &'static str,
    pub setup: &'static [&'static str],
    pub act: &'static [&'static str],
}

const fn case(name: &'static str, setup: &'static [&'static str], act: &'static [&'static str]) -> Case {
    Case { name, setup, act }
}

const STR: &str = "MYLOG.SET @a D1 PXAT @far";
const HASH: &str = "MYLOG.HSET @h D 1 f 2";
const OTHER: &str = "MYLOG.SET @b D2";
const NATIVE: &str = "SET @n n";

/// Every generic command of the durable types.
pub const CASES: &[Case] = &[
    case("del", &[STR, HASH, OTHER], &["DEL @a @missing @h"]),
    case("unlink", &[STR, HASH, OTHER], &["UNLINK @h @a"]),
    case("del of both kinds", &[STR, NATIVE], &["DEL @n @a"]),
    case("expire", &[OTHER], &["EXPIRE @b 100000"]),
    case("pexpire of a hash", &[HASH], &["PEXPIRE @h 100000123"]),
    case("expireat", &[OTHER], &["EXPIREAT @b 4102444800"]),
    case(
        "pexpireat",
        &[OTHER, HASH],
        &["PEXPIREAT @b @far", "PEXPIREAT @h @far"],
    ),
    case(
        "expire again",
        &[STR],
        &["PEXPIREAT @a 4102444800124", "PEXPIREAT @a 4102444800125"],
    ),
    case(
        "expire nx",
        &[STR, OTHER],
        &["EXPIREAT @a 4102444801 NX", "EXPIREAT @b 4102444801 NX"],
    ),
    case(
        "expire xx gt lt",
        &[STR, OTHER],
        &[
            "EXPIREAT @b 5102444800 XX",
            "EXPIREAT @a 4102444801 GT",
            "EXPIREAT @a 4102444900 LT",
        ],
    ),
    case(
        "expire in the past",
        &[STR, HASH, OTHER],
        &["EXPIRE @a -1", "PEXPIREAT @h 1"],
    ),
    case(
        "expireat zero",
        &[STR, OTHER],
        &["EXPIREAT @a 0", "PEXPIRE @b -5"],
    ),
    case(
        "expire of nothing",
        &[OTHER],
        &["EXPIRE @missing 10", "EXPIRE @b nonsense"],
    ),
    case(
        "persist",
        &[STR, OTHER],
        &["PERSIST @a", "PERSIST @b", "PERSIST @missing"],
    ),
    case("rename", &[STR, HASH], &["RENAME @a @x", "RENAME @h @y"]),
    case("rename onto a durable key", &[STR, OTHER], &["RENAME @a @b"]),
    case("rename onto another type", &[STR, HASH], &["RENAME @h @a"]),
    case("rename onto a native key", &[STR, NATIVE], &["RENAME @a @n"]),
    case(
        "rename of a native key onto a durable one",
        &[STR, NATIVE],
        &["RENAME @n @a"],
    ),
    case("rename onto itself", &[STR], &["RENAME @a @a"]),
    case("rename there and back", &[STR], &["RENAME @a @x", "RENAME @x @a"]),
    case(
        "rename in a circle",
        &[STR, OTHER],
        &["RENAME @a @x", "RENAME @b @a", "RENAME @x @b"],
    ),
    case("rename of nothing", &[OTHER], &["RENAME @missing @b"]),
    case(
        "renamenx",
        &[STR, OTHER, NATIVE],
        &["RENAMENX @a @b", "RENAMENX @a @n", "RENAMENX @a @x"],
    ),
    case("copy", &[STR, HASH], &["COPY @a @x", "COPY @h @y"]),
    case(
        "copy onto a key",
        &[STR, OTHER],
        &["COPY @a @b", "COPY @a @b REPLACE"],
    ),
    case(
        "copy onto a native key",
        &[STR, NATIVE],
        &["COPY @a @n", "COPY @a @n REPLACE"],
    ),
    case("copy of a native key", &[STR, NATIVE], &["COPY @n @a REPLACE"]),
    case(
        "copy to a database",
        &[STR, HASH],
        &["COPY @a @a DB @other", "COPY @h @y DB @other REPLACE"],
    ),
    case(
        "copy, then change the first",
        &[OTHER, HASH],
        &["COPY @b @x", "APPEND-D @b more", "COPY @h @y", "HSET-D @h f 3"],
    ),
    case(
        "move",
        &[STR, HASH],
        &["MOVE @a @other", "MOVE @h @other", "MOVE @missing @other"],
    ),
    case(
        "move and rename",
        &[STR],
        &["MOVE @a @other", "COPY @h @a", "PERSIST @a"],
    ),
    case(
        "restore",
        &[STR, HASH],
        &[
            "RESTORE @x 0 @dump:a",
            "RESTORE @y @far @dump:h ABSTTL",
            "RESTORE @z 100000123 @dump:h",
        ],
    ),
    case(
        "restore onto a key",
        &[STR, OTHER],
        &["RESTORE @b 0 @dump:a", "RESTORE @b 0 @dump:a REPLACE"],
    ),
    case(
        "restore onto another type",
        &[STR, HASH],
        &["RESTORE @a @far @dump:h REPLACE ABSTTL"],
    ),
    case(
        "restore onto a native key",
        &[STR, NATIVE],
        &["RESTORE @n 0 @dump:a REPLACE"],
    ),
    case(
        "restore of a native key",
        &[STR, NATIVE],
        &["RESTORE @a 0 @dump:n REPLACE"],
    ),
    case(
        "restore in the past",
        &[STR, OTHER],
        &[
            "RESTORE @b 1 @dump:a REPLACE ABSTTL",
            "RESTORE @x 1 @dump:a ABSTTL",
        ],
    ),
    case(
        "restore of what was deleted",
        &[STR, HASH],
        &[
            "DEL @a",
            "RESTORE @a 0 @dump:a",
            "UNLINK @h",
            "RESTORE @h 0 @dump:h",
        ],
    ),
    case(
        "restore of nonsense",
        &[STR],
        &["RESTORE @a 0 nonsense REPLACE", "RESTORE @x 0 nonsense"],
    ),
    case(
        "delete and make again",
        &[STR, HASH],
        &["DEL @a", "SET-D @a D9", "DEL @h", "HSET-D @h D 5"],
    ),
    case(
        "rename and make again",
        &[STR],
        &[
            "RENAME @a @x",
            "SET-D @a D9",
            "EXPIREAT @a 4102444800",
            "COPY @a @y",
        ],
    ),
    case(
        "rename onto what was deleted",
        &[STR, OTHER],
        &["DEL @b", "RENAME @a @b", "PERSIST @b"],
    ),
    case("set", &[STR, HASH], &["SET @a n", "SET @h n"]),
    case(
        "setex psetex",
        &[STR, HASH],
        &["SETEX @a 100000 n", "PSETEX @h 100000123 n"],
    ),
    case("mset", &[STR, HASH, NATIVE], &["MSET @a n1 @n n2 @h n3"]),
    case("sort store", &[STR, "RPUSH @l 3 1 2"], &["SORT @l STORE @a"]),
    case("sort store of nothing", &[STR], &["SORT @missing STORE @a"]),
    case(
        "sunionstore",
        &[STR, HASH, "SADD @s m"],
        &["SUNIONSTORE @a @s", "SDIFFSTORE @h @s @s"],
    ),
    case("zunionstore", &[STR, "ZADD @s 1 m"], &["ZUNIONSTORE @a 1 @s"]),
    case("bitop", &[STR, NATIVE], &["BITOP NOT @a @n"]),
    case(
        "set, then durable again",
        &[STR],
        &["SET @a n", "DEL @a", "SET-D @a D9"],
    ),
    case(
        "set, then rename onto it",
        &[STR, OTHER],
        &["SET @a n", "RENAME @b @a"],
    ),
    case(
        "set, then restore onto it",
        &[STR],
        &["SET @a n", "RESTORE @a 0 @dump:a REPLACE"],
    ),
    case(
        "flushdb of nothing durable is no matter",
        &[STR],
        &["EXISTS @a", "TOUCH @a"],
    ),
];

/// Where a case runs: what its keys are called, and in which database.
pub struct Place {
    pub label: String,
    pub db: u32,
    pub other: u32,
}

/// How a client sends what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Plain,
    Multi,
    Lua,
    /// A script in MULTI.
    LuaInMulti,
}

/// Which names it uses for generic commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    Native,
    /// The held forms, where there is one.
    Held,
    /// A stock server: no name of ours at all.
    Stock,
}

/// Generic commands with a held form.
const HELD: &[&str] = &[
    "DEL",
    "UNLINK",
    "EXPIRE",
    "PEXPIRE",
    "EXPIREAT",
    "PEXPIREAT",
    "PERSIST",
    "RENAME",
    "RENAMENX",
    "COPY",
    "FLUSHALL",
    "FLUSHDB",
];

/// One line as words, for this place and these names.
pub fn words(client: &mut Client, place: &Place, names: Names, line: &str) -> Vec<Vec<u8>> {
    line.split(' ')
        .enumerate()
        .map(|(at, word)| self::word(client, place, names, at, word))
        .collect()
}

fn word(client: &mut Client, place: &Place, names: Names, at: usize, word: &str) -> Vec<u8> {
    if at == 0 {
        return command(names, word).into_bytes();
    }
    match word {
        "@far" => FAR.into(),
        "@other" => place.other.to_string().into_bytes(),
        word => match (word.strip_prefix("@dump:"), word.strip_prefix('@')) {
            (Some(key), _) => client
                .cmd(["DUMP", &format!("{}:{key}", place.label)])
                .bytes()
                .expect("a key to dump"),
            (None, Some(key)) => format!("{}:{key}", place.label).into_bytes(),
            (None, None) => word.into(),
        },
    }
}

/// `-D` marks what makes a durable value.
pub fn command(names: Names, name: &str) -> String {
    let durable = name.strip_suffix("-D").or_else(|| name.strip_prefix("MYLOG."));
    match (durable, names) {
        (Some(native), Names::Stock) => native.to_owned(),
        (Some(native), _) => format!("MYLOG.{native}"),
        (None, Names::Held) if HELD.contains(&name) => format!("MYLOG.{name}"),
        (None, _) => name.to_owned(),
    }
}

/// Runs a case's setup and act; returns the replies of the act.
pub fn run(client: &mut Client, place: &Place, way: Way, names: Names, case: &Case) -> Vec<Reply> {
    client.ok(&format!("SELECT {}", place.db));
    for line in case.setup {
        let words = words(client, place, names, line);
        let reply = client.cmd(&words);
        assert!(
            !matches!(reply, Reply::Error(_)),
            "{}: {line}: {reply:?}",
            case.name
        );
    }
    let act: Vec<Vec<Vec<u8>>> = case
        .act
        .iter()
        .map(|line| words(client, place, names, line))
        .collect();
    send(client, way, &act)
}

/// Sends commands in one of the ways, and returns a reply for each.
pub fn send(client: &mut Client, way: Way, commands: &[Vec<Vec<u8>>]) -> Vec<Reply> {
    match way {
        Way::Plain => commands.iter().map(|words| client.cmd(words)).collect(),
        Way::Multi => {
            client.ok("MULTI");
            for words in commands {
                let queued = client.cmd(words);
                assert_eq!(queued, Reply::Simple(b"QUEUED".to_vec()), "{words:?}");
            }
            client.run("EXEC").items()
        }
        Way::Lua => client.cmd(script(commands)).items(),
        Way::LuaInMulti => {
            client.ok("MULTI");
            client.cmd(script(commands));
            client.run("EXEC").items().remove(0).items()
        }
    }
}

/// An EVAL that calls these commands.
fn script(commands: &[Vec<Vec<u8>>]) -> Vec<Vec<u8>> {
    let mut args = vec![b"EVAL".to_vec(), SCRIPT.as_bytes().to_vec(), b"0".to_vec()];
    for words in commands {
        args.push(words.len().to_string().into_bytes());
        args.extend(words.iter().cloned());
    }
    args
}

const SCRIPT: &str = "local replies, at = {}, 1
while at <= #ARGV do
  local words = {}
  for i = 1, tonumber(ARGV[at]) do words[i] = ARGV[at + i] end
  at = at + 1 + #words
  replies[#replies + 1] = redis.pcall(unpack(words))
end
return replies";
