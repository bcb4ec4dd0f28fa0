"""Where the tasks of a run are executed that share a machine: backend, load and confirmations find each other through its
loopback and its scratch folder. With Celery they go to a queue of their own, which load generators read: LOADTEST_LOADGEN_QUEUE,
or that of the load generator that the run's environment names (`loadtest.deployment.load_generators`). Other executors run every
task where they like, or on the one host there is."""

from __future__ import annotations

import os
from typing import Any

from loadtest.planning.load_generators import LOAD_POOL, named_load_generators
from loadtest.settings import settings

QUEUE_VARIABLE = "LOADTEST_LOADGEN_QUEUE"


def on_load_generator(*, waits: bool = True) -> dict[str, Any]:
    """Arguments of a task that belongs onto the load generator. Read while Airflow parses the DAG: every component must be told
    the same. `waits`: until no other run's task is at work there, so that nothing disturbs a load."""
    queue = os.environ.get(QUEUE_VARIABLE)
    return ({"queue": queue} if queue else {}) | ({"pool": LOAD_POOL} if waits else {})


def runs_at_once() -> int:
    """Of one DAG: one on each load generator. Where two of them meet on one, what is nearer its end goes first."""
    return 1 + len(named_load_generators(settings()))
