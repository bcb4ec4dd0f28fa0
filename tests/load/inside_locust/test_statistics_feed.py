"""Locust's statistics are the same whether fed by us in batches or by Locust request by request."""

from __future__ import annotations

import json
import subprocess
import sys

# In a process of its own: importing Locust patches sockets.
SCRIPT = """
import json, random
from locust.stats import RequestStats
from loadtest.load.inside_locust.statistics_feed import Requests, StatisticsFeed

random.seed(7)
ours, theirs = RequestStats(), RequestStats()
feed = StatisticsFeed(ours)
for batch in range(20):
    for _ in range(64):
        name = random.choice(["/a", "/b", "/c"])
        took_ms = random.choice([None, random.lognormvariate(3, 2)])
        length = random.choice([None, random.randrange(10_000)])
        group = feed.pending.setdefault(name, Requests("GET", name))
        group.times_ms.append(took_ms)
        group.lengths.append(length)
        theirs.log_request("GET", name, took_ms, length or 0)
    feed.feed()
odd = Requests("GET", "/odd")
odd.times_ms, odd.lengths = [1.0, "soon", 3.0], [1, 2, 3]
feed.pending["odd"] = odd
feed.feed()
for took_ms, length in ((1.0, 1), (3.0, 3)):
    theirs.log_request("GET", "/odd", took_ms, length)

def shown(stats):
    names = ("num_none_requests", "total_content_length", "min_response_time", "max_response_time")
    return {
        entry.name: [getattr(entry, name) for name in names]
        + [round(entry.total_response_time, 6), sorted(entry.response_times.items())]
        for entry in (stats.total, *stats.entries.values())
        if entry.name != "/odd" and entry is not stats.total
    } | {
        "total": round(stats.total.total_response_time, 6),
        "n": [stats.entries[name, "GET"].num_requests for name in ("/a", "/b", "/c")],
    }

print(json.dumps([shown(ours), shown(theirs)]))
"""


def test_batches_and_single_requests_add_up_to_the_same() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    ours, theirs = json.loads(done.stdout.splitlines()[-1])
    assert ours == theirs
