//! The native commands that the filter knows by itself: those with a twin, and those that take keys of any type. All other
//! commands that write are found in the server's own table.

/// Where the keys of a command are among its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// Argument `n` alone.
    At(usize),
    /// Arguments 1 and 2.
    Two,
    /// Every argument from the second on.
    FromSecond,
    /// Every argument.
    All,
    /// Every second argument from the first.
    Pairs,
    /// From the second argument on, as many as the first argument says.
    Counted,
    /// From the third argument on, as many as the second argument says.
    CountedLater,
    /// Every argument but the last.
    AllButLast,
    /// The first argument; and from the third on, as many as the second says.
    Store,
    /// The first argument, and the one after the word STORE.
    Sort,
    /// Argument 3, or all arguments after the word KEYS; none with COPY, which deletes no key here.
    TakenAway,
    /// No argument is a key: the command affects all keys of its databases.
    Everything,
    /// Argument 2, if the first is ENCODING. The other subcommands of OBJECT work for keys of any type.
    Encoded,
    /// No argument is a key: SCAN lists the keys, and with TYPE only those of one type.
    Listed,
    /// No argument is a key: DEBUG POPULATE makes up its keys.
    Populated,
}

/// How a native command runs on captured keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twin {
    /// It runs as its twin: `MYLOG.` and its name.
    Runs,
    /// It is checked before it runs.
    Checked,
    /// It runs as it is, on keys of any type.
    Native,
}

/// A native command that the filter handles.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Lower-case name.
    pub name: &'static str,
    /// The arity as the server counts it: the name included, negative for "at least".
    pub arity: i32,
    /// Where its keys are.
    pub keys: Keys,
    /// How it runs on captured keys.
    pub twin: Twin,
    /// It changes keys of any type: it may mix captured keys with others.
    pub generic_write: bool,
    /// It changes or replaces keys of any type: it is refused on durable keys while the log is down.
    pub overwrites: bool,
}

impl Route {
    /// True for a number of arguments (the name included) that the server accepts. A command with another number is left to the
    /// native command, which has the right error.
    pub fn accepts(&self, argc: usize) -> bool {
        let least = self.arity.unsigned_abs() as usize;
        if self.arity < 0 {
            // Without the last value of a pair, a value would be taken for a key.
            let whole = self.keys != Keys::Pairs || argc % 2 == 1;
            argc >= least && whole
        } else {
            argc == least
        }
    }

    /// True if this many keys fit into this many arguments. The arity includes one key, and so any argument that has to
    /// follow the keys.
    pub fn has_room_for(&self, keys: usize, argc: usize) -> bool {
        let least = self.arity.unsigned_abs() as usize;
        argc >= least.saturating_add(keys.saturating_sub(1))
    }
}

const fn twin(name: &'static str, arity: i32, keys: Keys) -> Route {
    Route {
        name,
        arity,
        keys,
        twin: Twin::Runs,
        generic_write: false,
        overwrites: false,
    }
}

const fn generic(name: &'static str, arity: i32, keys: Keys) -> Route {
    Route {
        name,
        arity,
        keys,
        twin: Twin::Runs,
        generic_write: true,
        overwrites: true,
    }
}

const fn over(mut route: Route) -> Route {
    route.overwrites = true;
    route
}

/// A command that changes keys of any type and is never routed.
const fn native(name: &'static str, arity: i32, keys: Keys) -> Route {
    Route {
        name,
        arity,
        keys,
        twin: Twin::Native,
        generic_write: false,
        overwrites: true,
    }
}

/// A command that changes no existing key.
const fn unchanging(name: &'static str, arity: i32, keys: Keys) -> Route {
    Route {
        overwrites: false,
        ..native(name, arity, keys)
    }
}

/// A command that makes a key of any type, from a given value.
const fn checked(name: &'static str, arity: i32, keys: Keys) -> Route {
    Route {
        twin: Twin::Checked,
        ..native(name, arity, keys)
    }
}

const FIRST: Keys = Keys::At(1);

/// All routes, sorted by name.
pub const ROUTES: &[Route] = &[
    twin("append", 3, FIRST),
    twin("bitcount", -2, FIRST),
    twin("bitfield", -2, FIRST),
    twin("bitfield_ro", -2, FIRST),
    over(twin("bitop", -4, Keys::FromSecond)),
    twin("bitpos", -3, FIRST),
    twin("blmove", 6, Keys::Two),
    twin("blmpop", -5, Keys::CountedLater),
    twin("blpop", -3, Keys::AllButLast),
    twin("brpop", -3, Keys::AllButLast),
    twin("brpoplpush", 4, Keys::Two),
    twin("bzmpop", -5, Keys::CountedLater),
    twin("bzpopmax", -3, Keys::AllButLast),
    twin("bzpopmin", -3, Keys::AllButLast),
    generic("copy", -3, Keys::Two),
    unchanging("debug", -2, Keys::Populated),
    twin("decr", 2, FIRST),
    twin("decrby", 3, FIRST),
    generic("del", -2, Keys::All),
    generic("expire", -3, FIRST),
    generic("expireat", -3, FIRST),
    twin("get", 2, FIRST),
    twin("getbit", 3, FIRST),
    twin("getdel", 2, FIRST),
    twin("getex", -2, FIRST),
    twin("getrange", 4, FIRST),
    twin("getset", 3, FIRST),
    twin("hdel", -3, FIRST),
    twin("hexists", 3, FIRST),
    twin("hget", 3, FIRST),
    twin("hgetall", 2, FIRST),
    twin("hincrby", 4, FIRST),
    twin("hincrbyfloat", 4, FIRST),
    twin("hkeys", 2, FIRST),
    twin("hlen", 2, FIRST),
    twin("hmget", -3, FIRST),
    twin("hmset", -4, FIRST),
    twin("hrandfield", -2, FIRST),
    twin("hscan", -3, FIRST),
    twin("hset", -4, FIRST),
    twin("hsetnx", 4, FIRST),
    twin("hstrlen", 3, FIRST),
    twin("hvals", 2, FIRST),
    twin("incr", 2, FIRST),
    twin("incrby", 3, FIRST),
    twin("incrbyfloat", 3, FIRST),
    twin("lcs", -3, Keys::Two),
    twin("lindex", 3, FIRST),
    twin("linsert", 5, FIRST),
    twin("llen", 2, FIRST),
    twin("lmove", 5, Keys::Two),
    twin("lmpop", -4, Keys::Counted),
    twin("lpop", -2, FIRST),
    twin("lpos", -3, FIRST),
    twin("lpush", -3, FIRST),
    twin("lpushx", -3, FIRST),
    twin("lrange", 4, FIRST),
    twin("lrem", 4, FIRST),
    twin("lset", 4, FIRST),
    twin("ltrim", 4, FIRST),
    twin("mget", -2, Keys::All),
    native("migrate", -6, Keys::TakenAway),
    native("move", 3, FIRST),
    over(twin("mset", -3, Keys::Pairs)),
    twin("msetnx", -3, Keys::Pairs),
    twin("object", 3, Keys::Encoded),
    generic("persist", 2, FIRST),
    generic("pexpire", -3, FIRST),
    generic("pexpireat", -3, FIRST),
    over(twin("psetex", 4, FIRST)),
    generic("rename", 3, Keys::Two),
    generic("renamenx", 3, Keys::Two),
    checked("restore", -4, FIRST),
    checked("restore-asking", -4, FIRST),
    twin("rpop", -2, FIRST),
    twin("rpoplpush", 3, Keys::Two),
    twin("rpush", -3, FIRST),
    twin("rpushx", -3, FIRST),
    twin("sadd", -3, FIRST),
    twin("scan", -4, Keys::Listed),
    twin("scard", 2, FIRST),
    twin("sdiff", -2, Keys::All),
    over(twin("sdiffstore", -3, Keys::All)),
    over(twin("set", -3, FIRST)),
    twin("setbit", 4, FIRST),
    over(twin("setex", 4, FIRST)),
    twin("setnx", 3, FIRST),
    twin("setrange", 4, FIRST),
    twin("sinter", -2, Keys::All),
    twin("sintercard", -3, Keys::Counted),
    over(twin("sinterstore", -3, Keys::All)),
    twin("sismember", 3, FIRST),
    twin("smembers", 2, FIRST),
    twin("smismember", -3, FIRST),
    twin("smove", 4, Keys::Two),
    over(twin("sort", -2, Keys::Sort)),
    twin("sort_ro", -2, Keys::Sort),
    twin("spop", -2, FIRST),
    twin("srandmember", -2, FIRST),
    twin("srem", -3, FIRST),
    twin("sscan", -3, FIRST),
    twin("strlen", 2, FIRST),
    twin("substr", 4, FIRST),
    twin("sunion", -2, Keys::All),
    over(twin("sunionstore", -3, Keys::All)),
    native("swapdb", 3, Keys::Everything),
    twin("type", 2, FIRST),
    generic("unlink", -2, Keys::All),
    twin("zadd", -4, FIRST),
    twin("zcard", 2, FIRST),
    twin("zcount", 4, FIRST),
    twin("zdiff", -3, Keys::Counted),
    over(twin("zdiffstore", -4, Keys::Store)),
    twin("zincrby", 4, FIRST),
    twin("zinter", -3, Keys::Counted),
    twin("zintercard", -3, Keys::Counted),
    over(twin("zinterstore", -4, Keys::Store)),
    twin("zlexcount", 4, FIRST),
    twin("zmpop", -4, Keys::Counted),
    twin("zmscore", -3, FIRST),
    twin("zpopmax", -2, FIRST),
    twin("zpopmin", -2, FIRST),
    twin("zrandmember", -2, FIRST),
    twin("zrange", -4, FIRST),
    twin("zrangebylex", -4, FIRST),
    twin("zrangebyscore", -4, FIRST),
    over(twin("zrangestore", -5, Keys::Two)),
    twin("zrank", -3, FIRST),
    twin("zrem", -3, FIRST),
    twin("zremrangebylex", 4, FIRST),
    twin("zremrangebyrank", 4, FIRST),
    twin("zremrangebyscore", 4, FIRST),
    twin("zrevrange", -4, FIRST),
    twin("zrevrangebylex", -4, FIRST),
    twin("zrevrangebyscore", -4, FIRST),
    twin("zrevrank", -3, FIRST),
    twin("zscan", -3, FIRST),
    twin("zscore", 3, FIRST),
    twin("zunion", -3, Keys::Counted),
    over(twin("zunionstore", -4, Keys::Store)),
];

/// Length of the longest name in the table.
const LONGEST: usize = 17;

/// The names of the routes that may have a key after their first argument.
pub fn with_later_keys() -> impl Iterator<Item = &'static str> {
    let later = ROUTES.iter().filter(|route| !matches!(route.keys, Keys::At(1)));
    later.map(|route| route.name)
}

/// An index of the routes by the length and first letter of their names. Names with the same length and letter are a chain.
struct Places {
    /// One more than the place of the last route in a chain; 0 for an empty chain.
    last: [[u8; 32]; LONGEST + 1],
    /// For each route, one more than the place of the route before it in its chain; 0 for the first.
    before: [u8; ROUTES.len()],
}

/// The compiler computes the index, so an index out of bounds would be a compile error.
#[allow(clippy::indexing_slicing, reason = "runs in the compiler only")]
const fn places_of(routes: &[Route]) -> Places {
    assert!(routes.len() < u8::MAX as usize, "a place fits into a byte");
    let mut places = Places {
        last: [[0; 32]; LONGEST + 1],
        before: [0; ROUTES.len()],
    };
    let mut at = 0;
    while at < routes.len() {
        let name = routes[at].name.as_bytes();
        let last = &mut places.last[name.len()][(name[0] & 31) as usize];
        places.before[at] = *last;
        *last = at as u8 + 1;
        at += 1;
    }
    places
}

static PLACES: Places = places_of(ROUTES);

/// The place of a command's route, by its name in any case.
pub fn place(name: &[u8]) -> Option<usize> {
    let alike = PLACES.last.get(name.len())?;
    let mut next = alike.get(usize::from(name.first()? & 31));
    loop {
        let at = usize::from(*next?).checked_sub(1)?;
        if at_place(at)?.name.as_bytes().eq_ignore_ascii_case(name) {
            return Some(at);
        }
        next = PLACES.before.get(at);
    }
}

/// The route at a place.
pub fn at_place(place: usize) -> Option<&'static Route> {
    ROUTES.get(place)
}

/// The names of all routes, in the order of their places.
pub fn names() -> impl Iterator<Item = &'static str> {
    ROUTES.iter().map(|route| route.name)
}

/// The route of a command, by its name in any case.
pub fn find(name: &[u8]) -> Option<&'static Route> {
    place(name).and_then(at_place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found_under_its_name() {
        for route in ROUTES {
            assert!(route.name.len() <= LONGEST);
            assert_eq!(
                find(route.name.to_uppercase().as_bytes()).map(|found| found.name),
                Some(route.name)
            );
        }
        assert!(find(b"ping").is_none());
        assert!(find(&[b'x'; 40]).is_none());
    }

    #[test]
    fn a_wrong_number_of_arguments_is_left_to_the_native_command() {
        let accepts = |name: &[u8], argc| find(name).map(|route| route.accepts(argc));
        assert_eq!(accepts(b"get", 2), Some(true));
        assert_eq!(accepts(b"get", 3), Some(false));
        assert_eq!(accepts(b"set", 2), Some(false));
        assert_eq!(accepts(b"set", 9), Some(true));
        assert_eq!(accepts(b"msetnx", 4), Some(false));
        assert_eq!(accepts(b"msetnx", 5), Some(true));
    }

    #[test]
    fn more_keys_than_arguments_are_left_to_the_native_command() {
        let fits = |name: &[u8], keys, argc| find(name).map(|route| route.has_room_for(keys, argc));
        assert_eq!(fits(b"lmpop", 2, 5), Some(true));
        assert_eq!(fits(b"lmpop", 2, 4), Some(false));
        assert_eq!(fits(b"zunion", 2, 4), Some(true));
        assert_eq!(fits(b"zunionstore", 2, 4), Some(false));
        assert_eq!(fits(b"zunionstore", usize::MAX, 9), Some(false));
    }
}
