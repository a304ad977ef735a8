"""Every command of redis-py for the five types, on a captured prefix and on another one: the same answers."""

import sys

import redis

socket = sys.argv[1]
r = redis.Redis(unix_socket_path=socket, decode_responses=True)


def strings(call, k):
    call("set", k("a"), "one")
    call("set", k("a"), "two", xx=True, get=True, ex=100_000)
    call("set", k("a"), "no", nx=True)
    call("set", k("a"), "two", keepttl=True)
    call("get", k("a"))
    call("mset", {k("b"): "1", k("c"): "2"})
    call("msetnx", {k("d"): "3", k("a"): "x"})
    call("mget", [k("a"), k("b"), k("none")])
    call("setex", k("d"), 100_000, "short")
    call("psetex", k("d"), 100_000_000, "long")
    call("setnx", k("d"), "no")
    call("getset", k("d"), "got")
    call("getex", k("d"), ex=100_000)
    call("getex", k("d"), persist=True)
    call("append", k("d"), " and more")
    call("getrange", k("d"), 1, -2)
    call("substr", k("d"), 0, 2)
    call("setrange", k("d"), 4, "AND")
    call("strlen", k("d"))
    call("incr", k("b"), 41)
    call("incrby", k("b"), 2)
    call("incrbyfloat", k("b"), 0.5)
    call("decr", k("c"), 5)
    call("decrby", k("c"), 1)
    call("incr", k("d"))
    call("getdel", k("c"))
    call("lcs", k("a"), k("d"), idx=True, withmatchlen=True) if hasattr(r, "lcs") else None
    call("setbit", k("bits"), 9, 1)
    call("getbit", k("bits"), 9)
    call("bitcount", k("bits"), 0, 1)
    call("bitpos", k("bits"), 1)
    call("bitop", "XOR", k("xor"), k("bits"), k("d"))
    field = r.bitfield(k("bits"))
    call.note("bitfield", field.set("i5", 3, -4).incrby("u8", "#2", 300).get("i5", 3).execute())
    call("get", k("xor"))


def hashes(call, k):
    call("hset", k("h"), "f", "v", mapping={"g": "1", "i": "w"})
    call("hsetnx", k("h"), "f", "no")
    call("hmset", k("h"), {"m": "1"})
    call("hget", k("h"), "f")
    call("hmget", k("h"), ["f", "g", "none"])
    call("hincrby", k("h"), "g", 5)
    call("hincrbyfloat", k("h"), "g", 0.25)
    call("hincrby", k("h"), "f")
    call("hexists", k("h"), "f")
    call("hstrlen", k("h"), "f")
    call("hdel", k("h"), "i", "none")
    call("hlen", k("h"))
    call("hkeys", k("h"))
    call("hvals", k("h"))
    call("hgetall", k("h"))
    call("hrandfield", k("h"), 10, withvalues=True)
    call("hscan", k("h"), match="[fg]", count=100)
    call.note("hscan_iter", sorted(r.hscan_iter(k("h"))))


def lists(call, k):
    call("rpush", k("l"), "a", "b", "c", "b")
    call("lpush", k("l"), "z")
    call("lpushx", k("none"), "x")
    call("rpushx", k("l"), "y")
    call("llen", k("l"))
    call("lindex", k("l"), -2)
    call("linsert", k("l"), "BEFORE", "c", "before")
    call("lset", k("l"), 0, "set")
    call("lset", k("l"), 99, "set")
    call("lpos", k("l"), "b", rank=-1, count=0, maxlen=10)
    call("lmove", k("l"), k("m"), "LEFT", "RIGHT")
    call("rpoplpush", k("l"), k("m"))
    call("lmpop", 2, k("none"), k("m"), direction="RIGHT", count=1)
    call("lpop", k("l"), 2)
    call("rpop", k("l"))
    call("lrem", k("l"), -1, "b")
    call("ltrim", k("l"), 0, 2)
    call("lrange", k("l"), 0, -1)
    call("sort", k("l"), alpha=True, desc=True)
    call("sort", k("l"), alpha=True, store=k("sorted"))
    call("lrange", k("sorted"), 0, -1)
    call("sort", k("l"), by="nosort", get=["#", k("h*")], start=0, num=2, groups=True)


def sets(call, k):
    call("sadd", k("s"), "a", "b", "c", "1")
    call("sadd", k("t"), "b", "c", "d")
    call("sadd", k("one"), "only")
    call("scard", k("s"))
    call("sismember", k("s"), "a")
    call("smismember", k("s"), ["a", "x"])
    call("smove", k("s"), k("t"), "a")
    call("smembers", k("t"))
    for name in ("sdiff", "sinter", "sunion"):
        call(name, k("s"), k("t"))
        call(name + "store", k("u"), k("s"), k("t"))
    call("sintercard", 2, [k("s"), k("t")], limit=1)
    call("srem", k("t"), "d", "x")
    call("srandmember", k("one"), -3)
    call("spop", k("one"))
    call.note("sscan_iter", sorted(r.sscan_iter(k("u"))))


def sorted_sets(call, k):
    call("zadd", k("z"), {"a": 1, "b": 2, "c": 3, "d": 4})
    call("zadd", k("z"), {"d": 9, "e": 5}, gt=True, ch=True)
    call("zadd", k("z"), {"a": 0.5}, incr=True)
    call("zadd", k("y"), {"b": 0, "c": 0, "x": 0}, nx=True)
    call("zcard", k("z"))
    call("zcount", k("z"), 2, "+inf")
    call("zincrby", k("z"), 0.5, "a")
    call("zlexcount", k("y"), "[b", "(x")
    call("zrange", k("z"), 0, -1, withscores=True)
    call("zrange", k("z"), "(2", "+inf", byscore=True, offset=0, num=2)
    call("zrevrange", k("z"), 0, 1, withscores=True)
    call("zrangebylex", k("y"), "-", "[c", start=1, num=1)
    call("zrevrangebylex", k("y"), "+", "-")
    call("zrangebyscore", k("z"), 2, 9, start=1, num=1, withscores=True)
    call("zrevrangebyscore", k("z"), 9, 2)
    call("zrangestore", k("to"), k("z"), 0, 1)
    call("zrank", k("z"), "b")
    call("zrevrank", k("z"), "b")
    call("zscore", k("z"), "a")
    call("zmscore", k("z"), ["a", "x"])
    call("zrandmember", k("y"), 10)
    call("zpopmin", k("z"))
    call("zpopmax", k("z"), 1)
    call("zmpop", 2, [k("none"), k("z")], min=True)
    for name in ("zunion", "zinter", "zdiff"):
        call(name, [k("z"), k("y")], withscores=True)
        call(name + "store", k("to"), [k("z"), k("y")])
        call("zrange", k("to"), 0, -1, withscores=True)
    call("zunion", {k("z"): 2, k("y"): 0.5}, aggregate="MAX", withscores=True)
    call("zintercard", 2, [k("z"), k("y")])
    call("zrem", k("z"), "b", "x")
    call("zremrangebylex", k("y"), "[b", "[b")
    call("zremrangebyrank", k("y"), 0, 0)
    call("zremrangebyscore", k("z"), 0, 100)
    call.note("zscan_iter", sorted(r.zscan_iter(k("y"))))


def blocking(call, k):
    call("rpush", k("l"), "a", "b", "c", "d", "e", "f")
    call("zadd", k("z"), {"a": 1, "b": 2, "c": 3, "d": 4})
    call("blpop", [k("none"), k("l")], timeout=0)
    call("brpop", k("l"), timeout=0)
    call("blmove", k("l"), k("m"), 0, "LEFT", "RIGHT")
    call("brpoplpush", k("l"), k("m"))
    call("blmpop", 0, 2, k("none"), k("l"), direction="LEFT", count=9)
    call("bzpopmin", [k("none"), k("z")], timeout=0)
    call("bzpopmax", k("z"), timeout=0)
    call("bzmpop", 0, 2, [k("none"), k("z")], max=True, count=1)
    call("blpop", k("none"), timeout=0.01)
    call("bzpopmin", k("none"), timeout=0.01)
    call("lrange", k("m"), 0, -1)


def generic(call, k):
    call("set", k("v"), "w")
    call("copy", k("v"), k("copy"), replace=True)
    call("rename", k("copy"), k("renamed"))
    call("renamenx", k("renamed"), k("v"))
    call("expireat", k("v"), 4_102_444_800)
    call("pexpireat", k("v"), 4_102_444_800_123, gt=True)
    call("pexpiretime", k("v"))
    call("persist", k("v"))
    call("touch", k("v"), k("none"))
    call("exists", k("v"), k("none"))
    call("unlink", k("renamed"), k("none"))


class Caller:
    def __init__(self, prefix):
        self.prefix = prefix
        self.seen = []

    def note(self, what, answer):
        if isinstance(answer, (set, frozenset)):
            answer = sorted(answer)
        self.seen.append(f"{what}: {answer!r}".replace(self.prefix, ""))

    def __call__(self, name, *args, **options):
        try:
            answer = getattr(r, name)(*args, **options)
        except redis.ResponseError as error:
            answer = f"{type(error).__name__}: {error}"
        if name == "zrandmember":
            answer.sort()
        self.note(name, answer)


def application(prefix):
    call = Caller(prefix)
    for part in (strings, hashes, lists, sets, sorted_sets, blocking, generic):
        part(call, lambda name: f"{prefix}{part.__name__}:{name}")
    return call.seen


durable, native = application("order:"), application("plain:")
assert len(durable) > 130, len(durable)
for pair in zip(durable, native):
    assert pair[0] == pair[1], pair
assert len(durable) == len(native)
kinds = {r.type(key) for key in r.scan_iter("order:*")}
assert kinds == {"string", "hash", "list", "set", "zset"}, kinds
# A dump begins with a byte that tells a module's value.
assert all(r.dump(key)[0] == 7 for key in r.scan_iter("order:*"))
