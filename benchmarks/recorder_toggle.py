"""Locust file of bench_recorder: switches the recorder on and off many times a minute in one saturated process.

What other tenants of the machine do to a slice they also do to its neighbor, so the ratio of neighbors tells the cost where
the throughput of whole runs only tells the noise. Prints one JSON line: microseconds of CPU per request, by pairs of slices.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from itertools import count
from pathlib import Path

import gevent
from geventhttpclient.client import HTTPClient
from locust import FastHttpUser, constant, events, task

from loadtest.load.agent import LOCUST_LISTENER
from loadtest.load.recorder import Recorder
from loadtest.load.self_observation import NAP_S, SelfObservation
from loadtest.load.tracing import trace_requests

numbers = count()


class Reader(FastHttpUser):
    wait_time = constant(0)

    @task(3)
    def student(self):
        self.client.get(f"/api/v1/students/{next(numbers) % 1000}?skip=3", name="/api/v1/students/[id]")

    @task
    def courses(self):
        self.client.get("/api/v1/courses")


class Switch:
    """`on`: recorder, traces, self-observation and flushes; off: Locust as it is."""

    def __init__(self, environment, runner) -> None:
        self.stats, self.runner = environment.stats, runner
        self.handlers = environment.events.request._handlers
        self.locust_handlers = list(self.handlers)
        folder = Path(tempfile.mkdtemp()) / "streams"
        self.recorder = Recorder(folder, worker="local/0", patterns=[], stats=environment.stats)
        self.plain_build = HTTPClient._build_request
        trace_requests(self.recorder, environment.host)
        self.traced_build = HTTPClient._build_request
        self.is_on = False

    def turn(self, on: bool) -> None:
        self.recorder.drain()
        self.is_on = on
        others = [handler for handler in self.locust_handlers if handler.__qualname__ != LOCUST_LISTENER]
        self.handlers[:] = [*others, self.recorder.on_request] if on else self.locust_handlers
        HTTPClient._build_request = self.traced_build if on else self.plain_build

    def observe(self) -> None:
        observation, next_second = SelfObservation(), time.monotonic() + 1
        while True:
            before = time.perf_counter()
            gevent.sleep(NAP_S if self.is_on else 0.2)
            if not self.is_on:
                continue
            observation.napped(time.perf_counter() - before)
            self.recorder.users = self.runner.user_count
            if time.monotonic() >= next_second:
                next_second = time.monotonic() + 1
                self.recorder.fact(observation.second())
                self.recorder.flush()

    def measure(self, pairs: int, slice_s: float) -> None:
        gevent.sleep(3)
        found = []
        for pair in range(pairs):
            cost = {}
            for on in (True, False) if pair % 2 else (False, True):
                self.turn(on)
                gevent.sleep(0.05)
                requests, cpu_s = self.stats.total.num_requests, time.process_time()
                gevent.sleep(slice_s)
                self.recorder.drain()
                cost[on] = (time.process_time() - cpu_s) / (self.stats.total.num_requests - requests) * 1e6
            found.append((cost[True], cost[False]))
        print(json.dumps(found), flush=True)
        os._exit(0)


@events.init.add_listener
def start(environment, runner, **_) -> None:
    switch = Switch(environment, runner)
    gevent.spawn(switch.observe)
    gevent.spawn(switch.measure, int(os.environ["PAIRS"]), float(os.environ["SLICE_S"]))
