"""redis-py in its Sentinel mode, as `tests/sentinel_clients.rs` wants it: LIST ADDRESS..., a line for each thing that happened."""
import os
import sys
import threading
import time

import redis
from redis.sentinel import MasterNotFoundError, Sentinel


def say(*words):
    print(*words, flush=True)


def end_with_standard_input():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_standard_input, daemon=True).start()
key = sys.argv[1]
sentinel = Sentinel([tuple(a.rsplit(":", 1)) for a in sys.argv[2:]], socket_timeout=2)
say("master", "%s:%s" % sentinel.discover_master("cache"))
say("replicas", *sorted("%s:%s" % replica for replica in sentinel.discover_slaves("cache")))
# The first address is dead: the client has asked the next one.
peers = sentinel.sentinels[0].sentinel_sentinels("cache")
say("sentinels", *sorted("%s:%s" % (peer["ip"], peer["port"]) for peer in peers))

master = sentinel.master_for("cache", socket_timeout=2)
replica = sentinel.slave_for("cache", socket_timeout=2)
say("read", replica.get("lab:flows").decode())
number = 0
while True:
    number += 1
    try:
        master.rpush(key, number)
        say("written", number)
    except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, MasterNotFoundError,
            redis.exceptions.ReadOnlyError) as e:
        say("failed", number, type(e).__name__, e)
    time.sleep(0.005)
