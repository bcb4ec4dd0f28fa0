"""All looks at an installation, one after the other; each finds what it finds, whatever the others did."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import httpx

from loadtest.airflow_api.client import AirflowClient
from loadtest.diagnosis import machine, places, scheduler, tokens
from loadtest.diagnosis.calibration import calibration
from loadtest.diagnosis.checks import Check, looked_at, note
from loadtest.settings import Settings


def examine(settings: Settings, client: AirflowClient | None, *, with_calibration: bool = True) -> Iterator[Check]:
    """`client`: of the Airflow to look at, None where there is none."""
    for name, look in (
        ("versions", machine.versions),
        ("processors", machine.processors_and_memory),
        ("disk", partial(machine.disk, settings)),
        ("ports", machine.listening),
        ("limits", machine.limits),
        ("clock", machine.clock),
        ("/proc", machine.kernel_facts),
        ("database", partial(places.database, settings)),
        ("storage", partial(places.storage, settings)),
        ("schedules", partial(places.schedules, settings)),
        ("Airflow", partial(_airflow, client, settings)),
        ("Slack token", tokens.slack),
        ("GitHub token", tokens.github),
        *((("generator", calibration),) if with_calibration else ()),
    ):
        yield from looked_at(name, look)


def _airflow(client: AirflowClient | None, settings: Settings) -> Iterator[Check]:
    if client is None:
        remedy = "start one with `loadtest airflow up`, or name one with --airflow-url"
        yield note("Airflow", "none runs here, and none was named", remedy)
        return
    yield from scheduler.airflow(client, settings)
    answer = httpx.get(f"{client.url}/api/v2/version", timeout=10)
    yield from scheduler.clock_beside(answer.headers.get("date"))
