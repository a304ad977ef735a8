//! The Rust client, unchanged: every command that it offers for the five types, on a captured prefix and on another
//! one of the same server. What the application sees is the same, but for the type's name; what it was told is there
//! after a kill -9.

use std::num::NonZeroUsize;

use redis::{
    Commands, Connection, ConnectionAddr, ConnectionInfo, CopyOptions, Direction, ExistenceCheck, Expiry,
    IntoConnectionInfo, LposOptions, Pipeline, RedisResult, Script, SetExpiry, SetOptions,
    SortedSetAddOptions, UpdateCheck, Value,
};

use crate::support::{Server, keyspace};

/// The application's keys, under this prefix, and what it was answered.
struct Application {
    con: Connection,
    prefix: &'static str,
    seen: Vec<String>,
}

impl Application {
    fn new(server: &Server, prefix: &'static str) -> Self {
        let address = ConnectionAddr::Unix(server.socket());
        let info: ConnectionInfo = address.into_connection_info().expect("an address");
        let client = redis::Client::open(info).expect("a client");
        Self {
            con: client.get_connection().expect("a connection"),
            prefix,
            seen: Vec::new(),
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn keys<const N: usize>(&self, names: [&str; N]) -> Vec<String> {
        names.iter().map(|name| self.key(name)).collect()
    }

    /// Notes an answer, without the prefix that names of keys have in it.
    fn note(&mut self, what: &str, answer: RedisResult<Value>) {
        let answer = format!("{what}: {answer:?}").replace(self.prefix, "");
        self.seen.push(answer);
    }
}

/// Answers that have no order of their own.
fn unordered(answer: RedisResult<Value>) -> RedisResult<Value> {
    answer.map(|value| match value {
        Value::Array(mut items) | Value::Set(mut items) => {
            items.sort_by_key(|item| format!("{item:?}"));
            Value::Array(items)
        }
        other => other,
    })
}

/// Runs commands one behind the other and notes what they answer.
macro_rules! run {
    ($app:ident: $($command:ident($($arg:expr),* $(,)?);)*) => {
        $({
            let answer = $app.con.$command($($arg),*);
            $app.note(stringify!($command), answer);
        })*
    };
}

/// As `run`, of commands whose answer has no order.
macro_rules! run_unordered {
    ($app:ident: $($command:ident($($arg:expr),* $(,)?);)*) => {
        $({
            let answer = $app.con.$command($($arg),*);
            $app.note(stringify!($command), unordered(answer));
        })*
    };
}

fn strings(app: &mut Application) {
    let [a, b, c, d, bits] = ["s:a", "s:b", "s:c", "s:d", "s:bits"].map(|name| app.key(name));
    let options = SetOptions::default()
        .conditional_set(ExistenceCheck::XX)
        .get(true)
        .with_expiration(SetExpiry::EX(100_000));
    run! { app:
        set(&a, "one");
        set_options(&a, "two", options);
        set_options(&a, "never", SetOptions::default().conditional_set(ExistenceCheck::NX));
        get(&a);
        mset(&[(&b, "1"), (&c, "2")]);
        mget(&[&a, &b, &c, &d]);
        mset_nx(&[(&d, "3"), (&a, "x")]);
        set_ex(&d, "short", 100_000);
        pset_ex(&d, "long", 100_000_000);
        set_nx(&d, "no");
        getset(&d, "got");
        persist(&d);
        append(&d, " and more");
        getrange(&d, 1, -2);
        setrange(&d, 4, "AND");
        strlen(&d);
        incr(&b, 41);
        incr(&b, 0.5);
        decr(&c, 5);
        incr(&d, 1);
        get_ex(&c, Expiry::EX(100_000));
        get_ex(&c, Expiry::PERSIST);
        get_del(&c);
        setbit(&bits, 9, true);
        setbit(&bits, 17, true);
        getbit(&bits, 9);
        bitcount(&bits);
        bitcount_range(&bits, 0, 1);
    }
    let [and, or, xor, not] = ["s:and", "s:or", "s:xor", "s:not"].map(|name| app.key(name));
    let both = app.keys(["s:bits", "s:d"]);
    run! { app:
        bit_and(&and, &both);
        bit_or(&or, &both);
        bit_xor(&xor, &both);
        bit_not(&not, &bits);
        mget(&[&and, &or, &xor, &not]);
    }
}

fn generic(app: &mut Application) {
    let [a, b, c, d] = ["g:a", "g:b", "g:c", "g:d"].map(|name| app.key(name));
    run! { app:
        set(&a, "v");
        set(&b, "w");
        exists(&[&a, &b, &c]);
        expire(&a, 100_000);
        expire_at(&a, 4_102_444_800);
        ttl(&b);
        expire_time(&a);
        pexpire(&a, 100_000_000);
        pexpire_at(&a, 4_102_444_800_123);
        pexpire_time(&a);
        copy(&a, &c, CopyOptions::default().replace(true));
        rename(&c, &d);
        rename_nx(&d, &b);
        unlink(&[&b, &c]);
        rename_nx(&d, &c);
        del(&[&a, &b]);
        get(&c);
    }
}

fn hashes(app: &mut Application) {
    let [h, none] = ["h:h", "h:none"].map(|name| app.key(name));
    run! { app:
        hset(&h, "f", "v");
        hset_multiple(&h, &[("g", "1"), ("i", "w")]);
        hset_nx(&h, "f", "no");
        hget(&h, "f");
        hget(&h, "none");
        hmget(&h, &["f", "g", "none"]);
        hincr(&h, "g", 5);
        hincr(&h, "g", 0.25);
        hincr(&h, "f", 1);
        hexists(&h, "f");
        hdel(&h, &["i", "none"]);
        hlen(&h);
        hkeys(&h);
        hvals(&h);
        hgetall(&h);
        hgetall(&none);
    }
    let pairs: Vec<(String, String)> = app
        .con
        .hscan_match(&h, "[fg]")
        .expect("a scan")
        .collect::<RedisResult<_>>()
        .expect("pairs");
    app.seen.push(format!("{pairs:?}"));
}

fn lists(app: &mut Application) {
    let [l, m, none] = ["l:l", "l:m", "l:none"].map(|name| app.key(name));
    let two = NonZeroUsize::new(2);
    let search = LposOptions::default().count(0).rank(-1).maxlen(10);
    run! { app:
        rpush(&l, &["a", "b", "c", "b"]);
        lpush(&l, "z");
        lpush_exists(&none, "x");
        rpush_exists(&l, "y");
        lpush_exists(&l, "w");
        rpush_exists(&none, "x");
        llen(&l);
        lindex(&l, -2);
        linsert_before(&l, "c", "before");
        linsert_after(&l, "c", "after");
        lset(&l, 0, "set");
        lset(&l, 99, "set");
        lpos(&l, "b", search);
        lrange(&l, 0, -1);
        lmove(&l, &m, Direction::Left, Direction::Right);
        rpoplpush(&l, &m);
        lmpop(2, &[&none, &m], Direction::Right, 1);
        lpop(&l, two);
        rpop(&l, None);
        lrem(&l, -1, "b");
        ltrim(&l, 0, 2);
        lrange(&l, 0, -1);
        lrange(&m, 0, -1);
    }
}

fn sets(app: &mut Application) {
    let [s, t, u, one] = ["t:s", "t:t", "t:u", "t:one"].map(|name| app.key(name));
    let both = app.keys(["t:s", "t:t"]);
    run! { app:
        sadd(&s, &["a", "b", "c", "1"]);
        sadd(&t, &["b", "c", "d"]);
        sadd(&one, "only");
        scard(&s);
        sismember(&s, "a");
        smismember(&s, &["a", "x"]);
        smove(&s, &t, "a");
        sdiffstore(&u, &both);
        sinterstore(&u, &both);
        sunionstore(&u, &both);
        srem(&t, &["d", "x"]);
        srandmember(&one);
        srandmember_multiple(&one, -3);
        spop(&one);
        spop(&one);
    }
    run_unordered! { app:
        smembers(&u);
        sdiff(&both);
        sinter(&both);
        sunion(&both);
    }
    let mut members: Vec<String> = app
        .con
        .sscan(&u)
        .expect("a scan")
        .collect::<RedisResult<_>>()
        .expect("members");
    members.sort();
    app.seen.push(format!("{members:?}"));
}

fn sorted_sets(app: &mut Application) {
    let [z, y, one] = ["z:z", "z:y", "z:one"].map(|name| app.key(name));
    let greater = SortedSetAddOptions::add_or_update(Some(UpdateCheck::GT)).include_changed_count();
    run! { app:
        zadd(&z, "a", 1);
        zadd(&one, "only", 2.5);
        zadd_multiple(&z, &[(2, "b"), (3, "c"), (4, "d")]);
        zadd_options(&z, "a", 0, &greater);
        zadd_multiple_options(&z, &[(9, "d"), (5, "e")], &greater);
        zadd_multiple(&y, &[(0, "b"), (0, "c"), (0, "x")]);
        zcard(&z);
        zcount(&z, 2, "+inf");
        zincr(&z, "a", 0.5);
        zlexcount(&y, "[b", "(x");
        zrange(&z, 0, -1);
        zrange_withscores(&z, 0, 1);
        zrangebylex(&y, "-", "[c");
        zrangebylex_limit(&y, "-", "+", 1, 1);
        zrevrangebylex(&y, "+", "-");
        zrevrangebylex_limit(&y, "+", "-", 1, 1);
        zrangebyscore(&z, 2, 9);
        zrangebyscore_withscores(&z, 2, 9);
        zrangebyscore_limit(&z, 2, 9, 1, 1);
        zrangebyscore_limit_withscores(&z, 2, 9, 1, 1);
        zrevrange(&z, 0, 1);
        zrevrange_withscores(&z, 0, 1);
        zrevrangebyscore(&z, 9, 2);
        zrevrangebyscore_withscores(&z, 9, 2);
        zrevrangebyscore_limit(&z, 9, 2, 0, 1);
        zrevrangebyscore_limit_withscores(&z, 9, 2, 0, 1);
        zrank(&z, "b");
        zrevrank(&z, "b");
        zscore(&z, "a");
        zscore_multiple(&z, &["a", "x"]);
        zrandmember(&one, None);
        zrandmember(&one, Some(-2));
        zrandmember_withscores(&one, 3);
        zpopmin(&z, 1);
        zpopmax(&z, 1);
        zmpop_min(&[&one, &z], 1);
        zmpop_max(&[&one, &z], 1);
    }
    combined_sorted_sets(app);
    run! { app:
        zrem(&z, &["b", "x"]);
        zrembylex(&y, "[b", "[b");
        zremrangebyrank(&y, 0, 0);
        zrembyscore(&z, 0, 100);
        zcard(&z);
    }
    let members: Vec<(String, f64)> = app
        .con
        .zscan(&y)
        .expect("a scan")
        .collect::<RedisResult<_>>()
        .expect("members");
    app.seen.push(format!("{members:?}"));
}

fn combined_sorted_sets(app: &mut Application) {
    let to = app.key("z:to");
    let both = app.keys(["z:z", "z:y"]);
    let weighted: Vec<(&str, f64)> = both.iter().map(String::as_str).zip([2.0, 0.5]).collect();
    macro_rules! stored {
        ($($command:ident($keys:expr);)*) => {
            $(run! { app:
                $command(&to, $keys);
                zrange_withscores(&to, 0, -1);
            })*
        };
    }
    stored! {
        zinterstore(&both);
        zinterstore_min(&both);
        zinterstore_max(&both);
        zinterstore_weights(&weighted);
        zinterstore_min_weights(&weighted);
        zinterstore_max_weights(&weighted);
        zunionstore(&both);
        zunionstore_min(&both);
        zunionstore_max(&both);
        zunionstore_weights(&weighted);
        zunionstore_min_weights(&weighted);
        zunionstore_max_weights(&weighted);
    }
}

/// Pops that find something, and those that wait in vain.
fn blocking(app: &mut Application) {
    let [l, m, z, none] = ["b:l", "b:m", "b:z", "b:none"].map(|name| app.key(name));
    run! { app:
        rpush(&l, &["a", "b", "c", "d", "e", "f"]);
        zadd_multiple(&z, &[(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e")]);
        blpop(&[&none, &l], 0.0);
        brpop(&[&none, &l], 0.0);
        blmove(&l, &m, Direction::Left, Direction::Right, 0.0);
        blmpop(0.0, 2, &[&none, &l], Direction::Left, 2);
        brpoplpush(&l, &m, 0.0);
        bzpopmin(&[&none, &z], 0.0);
        bzpopmax(&[&none, &z], 0.0);
        bzmpop_min(0.0, &[&none, &z], 1);
        bzmpop_max(0.0, &[&none, &z], 1);
        blpop(&none, 0.01);
        blmove(&none, &m, Direction::Left, Direction::Right, 0.01);
        bzmpop_min(0.01, &none, 1);
        lrange(&m, 0, -1);
    }
}

/// Pipelines, transactions that watch, scripts, and a command that the client has no method for.
fn units(app: &mut Application) {
    let [count, list, log] = ["u:count", "u:list", "u:log"].map(|name| app.key(name));
    for atomic in [false, true] {
        let mut pipe = Pipeline::new();
        if atomic {
            pipe.atomic();
        }
        pipe.incr(&count, 1)
            .rpush(&list, "x")
            .ignore()
            .get(&count)
            .hset(&log, "k", "v");
        let answer = pipe.query(&mut app.con);
        app.note("pipe", answer);
    }
    let answer = redis::transaction(&mut app.con, std::slice::from_ref(&count), |con, pipe| {
        let old: i64 = con.get(&count)?;
        pipe.set(&count, old * 10).ignore().get(&count).query(con)
    });
    app.note("transaction", answer);
    let script = Script::new(
        "redis.call('RPUSH', KEYS[2], ARGV[1]); return {redis.call('INCR', KEYS[1]), redis.call('LLEN', KEYS[2])}",
    );
    for _ in 0..3 {
        let answer = script.key(&count).key(&list).arg("scripted").invoke(&mut app.con);
        app.note("script", answer);
    }
    let answer = redis::cmd("SORT")
        .arg(&list)
        .arg("ALPHA")
        .arg("DESC")
        .query(&mut app.con);
    app.note("sort", answer);
}

fn application(server: &Server, prefix: &'static str) -> Vec<String> {
    let mut app = Application::new(server, prefix);
    for part in [
        strings,
        generic,
        hashes,
        lists,
        sets,
        sorted_sets,
        blocking,
        units,
    ] {
        part(&mut app);
    }
    app.seen
}

#[test]
fn redis_rs_sees_no_difference_on_a_captured_prefix_and_loses_nothing() {
    let mut server = Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "order:")
        .start();
    let (durable, native) = (application(&server, "order:"), application(&server, "plain:"));
    assert!(durable.len() > 180, "{}", durable.len());
    for (durable, native) in durable.iter().zip(&native) {
        assert_eq!(durable, native);
    }
    assert_eq!(durable.len(), native.len());
    let kept = keyspace::survives_kill9(&mut server);
    let held = kept.keys().filter(|(_, key)| key.starts_with("order:")).count();
    assert_eq!(held, kept.len());
    assert!(held > 15, "{held}");
}
