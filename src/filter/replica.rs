//! The commands that the filter routes on a replica: reads, which only clients send. A command from the primary writes, and
//! the primary has already replicated it in the form in which it has to run.

use redis_grammar::routes::{ROUTES, Route};

/// The routed commands that read, sorted.
const READS: &[&str] = &[
    "bitcount",
    "bitfield_ro",
    "bitpos",
    "get",
    "getbit",
    "getrange",
    "hexists",
    "hget",
    "hgetall",
    "hkeys",
    "hlen",
    "hmget",
    "hrandfield",
    "hscan",
    "hstrlen",
    "hvals",
    "lcs",
    "lindex",
    "llen",
    "lpos",
    "lrange",
    "mget",
    "object",
    "scan",
    "scard",
    "sdiff",
    "sinter",
    "sintercard",
    "sismember",
    "smembers",
    "smismember",
    "sort_ro",
    "srandmember",
    "sscan",
    "strlen",
    "substr",
    "sunion",
    "type",
    "zcard",
    "zcount",
    "zdiff",
    "zinter",
    "zintercard",
    "zlexcount",
    "zmscore",
    "zrandmember",
    "zrange",
    "zrangebylex",
    "zrangebyscore",
    "zrank",
    "zrevrange",
    "zrevrangebylex",
    "zrevrangebyscore",
    "zrevrank",
    "zscan",
    "zscore",
    "zunion",
];

/// Runs in the compiler, where an index out of bounds is a compile error.
#[allow(clippy::indexing_slicing, reason = "runs in the compiler only")]
const fn is_among(name: &[u8], names: &[&str]) -> bool {
    let mut at = 0;
    while at < names.len() {
        let other = names[at].as_bytes();
        let mut same = 0;
        while same < name.len() && same < other.len() && name[same] == other[same] {
            same += 1;
        }
        if same == name.len() && same == other.len() {
            return true;
        }
        at += 1;
    }
    false
}

#[allow(clippy::indexing_slicing, reason = "as above")]
const fn reads_of<const N: usize>(routes: &[Route]) -> [bool; N] {
    let mut reads = [false; N];
    let mut at = 0;
    while at < routes.len() {
        reads[at] = is_among(routes[at].name.as_bytes(), READS);
        at += 1;
    }
    reads
}

static READING: [bool; ROUTES.len()] = reads_of(ROUTES);

/// True for the place of a route that reads.
pub(super) fn leads(place: usize) -> bool {
    READING.get(place) == Some(&true)
}

#[cfg(test)]
mod tests {
    use redis_grammar::routes::{self, Twin};

    use super::*;

    #[test]
    fn every_name_is_that_of_a_route_with_a_twin_and_no_write_is_among_them() {
        for name in READS {
            let place = routes::place(name.as_bytes()).unwrap();
            assert!(
                leads(place) && routes::at_place(place).unwrap().twin == Twin::Runs,
                "{name}"
            );
        }
        let found = ROUTES
            .iter()
            .filter(|route| is_among(route.name.as_bytes(), READS));
        assert!(
            found
                .into_iter()
                .all(|route| !route.overwrites && !route.generic_write)
        );
        assert_eq!(
            (0..ROUTES.len()).filter(|&place| leads(place)).count(),
            READS.len()
        );
        for name in [
            "set", "getex", "getdel", "spop", "sort", "bitfield", "blpop", "lmpop", "hset",
        ] {
            assert!(!leads(routes::place(name.as_bytes()).unwrap()), "{name}");
        }
    }
}
