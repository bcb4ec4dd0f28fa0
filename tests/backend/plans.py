"""Plans for backends that behave well or badly, and which processes they leave."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path

import psutil

from loadtest.backend.stop import RUN_MARK, run_mark
from loadtest.planning.models import BackendCommand, Environment, HostClass, Plan, Scenario, Trigger, TriggerKind
from loadtest.planning.profiles import Profile
from loadtest.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
TINY = Path(__file__).parent / "tiny_backend.py"


def make_plan(environment: Environment, *, slowdown: str | None = None, base_url: str | None = None) -> Plan:
    return Plan(
        run_id="run-1",
        scenario=Scenario(name="school", folder="school"),
        profile=Profile(name="smoke", purpose="a try", users=1, duration="1s"),
        environment=environment,
        base_url=base_url,
        trigger=Trigger(kind=TriggerKind.CLI),
        slowdown=slowdown,
        created_at=datetime.now(UTC),
        digest="0",
        host_class=HostClass(cpu_model="x", cores=1, memory_gib=1, os="x", python="3.11", locust="2", executor="cli"),
    )


def tiny(*arguments: str, **fields: object) -> Plan:
    """A plan whose backend is `tiny_backend.py` with these arguments after the port."""
    return command_plan("{python}", str(TINY), "{port}", *arguments, **fields)


def command_plan(*command: str, health_timeout_s: float = 5, slowdown: str | None = None, **fields: object) -> Plan:
    base_url = fields.pop("base_url", None)
    backend = BackendCommand(command=command, **fields)
    environment = Environment(
        name="staging", backend=backend, base_url=base_url, health_timeout_s=health_timeout_s, allows_slowdown=True
    )
    return make_plan(environment, slowdown=slowdown)


def processes_of(folder: RunFolder) -> list[psutil.Process]:
    """All live processes that were started for this run, children included."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(RUN_MARK) == run_mark(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
