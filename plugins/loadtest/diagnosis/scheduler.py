"""Airflow, as its REST API shows it: reachable, its DAGs loaded and awake, pools, connections, the clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from loadtest.airflow_api.client import AirflowClient
from loadtest.diagnosis.checks import Check, note, ok, wrong
from loadtest.planning.load_generators import named_load_generators, place_of
from loadtest.planning.schedules import LOAD_TEST, all_schedules
from loadtest.settings import Settings

UPKEEP = ("load_test_watch", "load_test_trends", "load_test_retention")
CONNECTIONS = ("loadtest_slack", "loadtest_github")
MOST_APART_S = 5.0


def airflow(client: AirflowClient, settings: Settings) -> Iterator[Check]:
    health = client.get_json("/api/v2/monitor/health")
    for part in ("metadatabase", "scheduler", "dag_processor"):
        state = (health.get(part) or {}).get("status")
        if state == "healthy":
            yield ok(f"Airflow {part}", "healthy")
        else:
            yield wrong(f"Airflow {part}", f"{state or 'unknown'} at {client.url}", "look into its log and start it again")
    yield from _dags(client, settings)
    for name in (None, *named_load_generators(settings)):
        yield _pool(client, place_of(name))
    for connection in CONNECTIONS:
        there = client.get_json(f"/api/v2/connections/{connection}", missing=True) is not None
        if there:
            yield ok(f"connection {connection}", "is there")
        else:
            yield note(f"connection {connection}", "not there", "nobody is told there; docs/notifications.md says how to add it")


def _dags(client: AirflowClient, settings: Settings) -> Iterator[Check]:
    broken = client.import_errors()
    for file, trace in broken.items():
        yield wrong("DAG file", f"{file}: {trace.strip().splitlines()[-1]}", "correct it; until then its DAGs stand still")
    for dag_id in (LOAD_TEST, *(one.dag_id for one in all_schedules(settings)), *UPKEEP):
        dag = client.get_json(f"/api/v2/dags/{dag_id}", missing=True)
        if dag is None:
            yield wrong(f"DAG {dag_id}", "Airflow does not know it", "wait for the DAG processor, or see the import errors")
        elif dag.get("is_paused"):
            yield wrong(f"DAG {dag_id}", "is paused", f"unpause it: airflow dags unpause {dag_id}")
        else:
            yield ok(f"DAG {dag_id}", "loaded and awake")


def _pool(client: AirflowClient, name: str) -> Check:
    pool = client.get_json(f"/api/v2/pools/{name}", missing=True)
    if pool is None:
        return wrong(
            f"pool {name}", "not there: load tasks would wait for ever", f'airflow pools set {name} 1 "" --include-deferred'
        )
    found = f"{pool.get('slots')} slots, {pool.get('queued_slots', 0)} tasks wait, {pool.get('running_slots', 0)} run"
    if pool.get("slots") != 1:
        return note(f"pool {name}", found, "one slot keeps two loads from disturbing each other")
    return ok(f"pool {name}", found)


def clock_beside(date_header: str | None) -> Iterator[Check]:
    """Our clock beside Airflow's, from the Date of an answer."""
    if not date_header:
        return
    apart_s = abs((datetime.now(UTC) - parsedate_to_datetime(date_header)).total_seconds())
    if apart_s > MOST_APART_S:
        yield wrong("clocks", f"this one and Airflow's are {apart_s:.0f} s apart", "run chrony or systemd-timesyncd on both")
    else:
        yield ok("clocks", "this one and Airflow's agree")
