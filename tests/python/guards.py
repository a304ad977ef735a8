"""A lock and two rate limiters in Lua, as applications write them for redis-py. Phases, with the server killed between them.

`hold` and `held`: a lock that is held outlives the server, and its owner alone gives it back.
`spend`: four clients take what two limiters allow, until they allow no more or the server is gone; says how much that was.
"""

import sys
import threading
import time

import redis
from redis.lock import Lock

LIMIT = 400

FIXED_WINDOW = """
local used = redis.call('INCR', KEYS[1])
if used == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if used > tonumber(ARGV[1]) then return 0 end
return 1
"""

SLIDING_WINDOW = """
local now, window = tonumber(ARGV[3]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now, ARGV[4])
redis.call('PEXPIRE', KEYS[1], window)
return 1
"""

COMPARE_AND_DELETE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"

phase, socket = sys.argv[1:3]
WINDOW_MS = 3_600_000


def connect():
    return redis.Redis(unix_socket_path=socket, decode_responses=True)


def hold():
    r = connect()
    assert r.set("lock:plain", "mine", nx=True, px=WINDOW_MS) is True
    assert r.set("lock:short", "mine", nx=True, px=1) is True
    lock = Lock(r, "lock:class", timeout=3600, thread_local=False)
    assert lock.acquire(blocking=False, token="owner")
    gone = Lock(r, "lock:gone", timeout=3600)
    assert gone.acquire(blocking=False)
    gone.release()


def held():
    r = connect()
    # Nobody else gets what is held, and nobody else gives it back.
    assert r.set("lock:plain", "yours", nx=True, px=1000) is None
    assert r.eval(COMPARE_AND_DELETE, 1, "lock:plain", "yours") == 0
    assert 0 < r.pttl("lock:plain") <= WINDOW_MS
    other = Lock(r, "lock:class", timeout=3600)
    assert not other.acquire(blocking=False)
    other.local.token = b"other"
    try:
        other.release()
        raise SystemExit("a lock was given back by somebody who did not hold it")
    except redis.exceptions.LockNotOwnedError:
        pass
    # What was given back, or has come to its end, stays so.
    assert r.set("lock:gone", "yours", nx=True) is True
    assert r.set("lock:short", "yours", nx=True) is True
    # The owner does.
    owner = Lock(r, "lock:class", timeout=3600)
    owner.local.token = b"owner"
    owner.extend(10)
    owner.release()
    assert r.eval(COMPARE_AND_DELETE, 1, "lock:plain", "mine") == 1
    assert other.acquire(blocking=False, token="next")
    assert r.set("lock:plain", "yours", nx=True, px=1000) is True


def spend():
    taken = [0, 0]
    mutex = threading.Lock()

    def client(number):
        r = connect()
        fixed, sliding = r.register_script(FIXED_WINDOW), r.register_script(SLIDING_WINDOW)
        limiters = [
            lambda n: fixed(keys=["limit:fixed"], args=[LIMIT, WINDOW_MS]),
            lambda n: sliding(keys=["limit:sliding"], args=[LIMIT, WINDOW_MS, int(time.time() * 1000), f"{time.time()}:{number}:{n}"]),
        ]
        allowed = [True, True]
        n = 0
        while any(allowed):
            n += 1
            for at, limiter in enumerate(limiters):
                try:
                    allowed[at] = limiter(n) == 1
                except redis.ConnectionError:
                    return
                with mutex:
                    taken[at] += allowed[at]

    threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(*taken)


{"hold": hold, "held": held, "spend": spend}[phase]()
