"""What an application does with redis-py: `write` first, `check` after the server was killed."""

import sys

import redis

phase, socket = sys.argv[1:]
r = redis.Redis(unix_socket_path=socket, decode_responses=True)

SCRIPT = """
local stock = tonumber(redis.call('GET', KEYS[1]) or '0')
if stock < tonumber(ARGV[1]) then return redis.error_reply('SOLD OUT') end
redis.call('DECRBY', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[2], 'taken', ARGV[1])
return stock - tonumber(ARGV[1])
"""


def write():
    assert r.set("order:1", "open") is True
    assert r.set("order:1", "other", nx=True) is None
    assert r.set("order:2", "closed", ex=100_000) is True
    assert r.get("order:1") == "open"
    assert [r.incr("order:count") for _ in range(3)] == [1, 2, 3]
    assert r.incrbyfloat("order:total", 1.5) == 1.5
    assert r.hset("order:h", mapping={"a": "1", "b": "2"}) == 2
    assert r.hset("order:h", "c", "3") == 1
    assert r.hincrby("order:h", "a", 4) == 5
    assert r.hgetall("order:h") == {"a": "5", "b": "2", "c": "3"}
    assert r.expire("order:h", 100_000) is True
    assert 99_000 < r.ttl("order:h") <= 100_000
    assert r.mset({"order:m1": "x", "order:m2": "y"}) is True
    assert r.mget("order:m1", "order:m2", "order:none") == ["x", "y", None]
    for transaction in (True, False):
        with r.pipeline(transaction=transaction) as pipe:
            pipe.set(f"order:p{transaction}", "1").incr("order:count").hset("order:hp", "f", "v").expire("order:hp", 5000)
            pipe.get(f"order:p{transaction}").delete("order:m1").set("cache:x", "y")
            replies = pipe.execute()
        assert replies[0] is True and replies[4] == "1" and replies[6] is True, replies
    with r.pipeline() as pipe:
        pipe.watch("order:count")
        count = int(pipe.get("order:count"))
        pipe.multi()
        pipe.set("order:watched", count)
        pipe.execute()
    with r.pipeline() as pipe:
        pipe.watch("order:count")
        r.incr("order:count")
        pipe.multi()
        pipe.set("order:watched", "never")
        try:
            pipe.execute()
            raise SystemExit("a watched key changed, and nobody said so")
        except redis.WatchError:
            pass
    take = r.register_script(SCRIPT)
    r.set("order:stock", 10)
    assert take(keys=["order:stock", "order:taken"], args=[4]) == 6
    try:
        take(keys=["order:stock", "order:taken"], args=[7])
        raise SystemExit("more was taken than there was")
    except redis.ResponseError as error:
        assert "SOLD OUT" in str(error), error
    lock = r.lock("order:lock", timeout=100)
    assert lock.acquire(blocking=False)
    assert not r.lock("order:lock", timeout=100).acquire(blocking=False)
    assert lock.extend(50)
    lock.release()
    assert r.exists("order:lock") == 0
    assert r.lock("order:kept-lock", timeout=100_000).acquire(blocking=False)
    assert r.type("order:1") == "string" and r.type("cache:x") == "string"
    # A dump begins with a byte that tells a module's value.
    raw = redis.Redis(unix_socket_path=socket)
    assert raw.dump("order:1")[0] == 7 and raw.dump("cache:x")[0] != 7
    assert r.rename("order:m2", "order:renamed") is True


def check():
    assert sorted(r.keys()) == sorted([
        "order:1", "order:2", "order:count", "order:total", "order:h", "order:pTrue", "order:pFalse", "order:hp",
        "order:watched", "order:stock", "order:taken", "order:kept-lock", "order:renamed",
    ]), r.keys()
    assert r.get("order:1") == "open" and r.get("order:2") == "closed"
    assert 90_000 < r.ttl("order:2") <= 100_000 and r.ttl("order:1") == -1
    assert r.get("order:count") == "6" and float(r.get("order:total")) == 1.5
    assert r.hgetall("order:h") == {"a": "5", "b": "2", "c": "3"} and 90_000 < r.ttl("order:h")
    assert r.hgetall("order:hp") == {"f": "v"} and 4_000 < r.ttl("order:hp") <= 5_000
    assert r.get("order:watched") == "5"
    assert r.get("order:stock") == "6" and r.hget("order:taken", "taken") == "4"
    assert not r.lock("order:kept-lock", timeout=1).acquire(blocking=False)
    assert r.get("order:renamed") == "y"


{"write": write, "check": check}[phase]()
