"""Airflow's Celery configuration: workers that have imported what tasks need, and a file that a living worker touches: its
health check needs no process of its own.

`AIRFLOW__CELERY__CELERY_CONFIG_OPTIONS=loadtest.deployment.celery_config.CONFIG`. Asking a worker with `celery inspect ping`
starts a whole Airflow each time, seconds of CPU beside the load that is being measured.
"""

from __future__ import annotations

import os
from pathlib import Path

from airflow.providers.celery.executors.default_celery import DEFAULT_CELERY_CONFIG
from celery.signals import heartbeat_sent, worker_init

from loadtest.deployment.warm_workers import import_what_tasks_need

ALIVE = Path(os.environ.get("LOADTEST_WORKER_ALIVE") or "/tmp/celery-worker-alive")  # noqa: S108 (inside its container)
CONFIG = dict(DEFAULT_CELERY_CONFIG)


@worker_init.connect(weak=False)
def warm_up(**_: object) -> None:
    """Before the pool is forked, in the worker only: the scheduler reads this module, too."""
    import_what_tasks_need()


@heartbeat_sent.connect(weak=False)
def touch(**_: object) -> None:
    """Every two seconds, from the loop that takes tasks from the broker; it stops when that loop does."""
    ALIVE.touch()
