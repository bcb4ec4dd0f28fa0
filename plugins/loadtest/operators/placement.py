"""Where the tasks of a run are executed that share a host: backend, load and confirmations find each other through its loopback
and its scratch folder. With Celery they go to a queue of their own (LOADTEST_LOADGEN_QUEUE), which load generators read; other
executors run every task where they like, or on the one host there is."""

from __future__ import annotations

import os
from typing import Any

LOAD_POOL = "load_generator"
QUEUE_VARIABLE = "LOADTEST_LOADGEN_QUEUE"


def on_load_generator() -> dict[str, Any]:
    """Arguments of a task that belongs onto the load generator. Read while Airflow parses the DAG: every component must be told
    the same."""
    queue = os.environ.get(QUEUE_VARIABLE)
    return {"queue": queue} if queue else {}
