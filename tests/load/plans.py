"""Plans built by hand for load tests."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from upath import UPath

from loadtest.planning.models import Environment, HostClass, Plan, Scenario, Trigger, TriggerKind
from loadtest.planning.profiles import Profile
from loadtest.run_folder import RunFolder

SIMPLE = """
from locust import FastHttpUser, constant, task


class Reader(FastHttpUser):
    wait_time = constant({wait_s})

    @task(3)
    def student(self):
        self.client.get("/api/v1/students/17?skip=3")

    @task
    def courses(self):
        self.client.get("/api/v1/courses")
"""


def write_scenario(folder: Path, text: str | None = None, *, wait_s: float = 0.05) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "locustfile.py"
    path.write_text(text if text is not None else SIMPLE.format(wait_s=wait_s))
    return path


def plan_of(
    locustfile: Path,
    base_url: str | None,
    run_id: str = "run-1",
    scenario: dict | None = None,
    environment: dict | None = None,
    **profile: object,
) -> Plan:
    settings = {"name": "test", "purpose": "test", "users": 3, "spawn_rate": 10, "duration_s": 2, "host_probe": False} | profile
    return Plan(
        run_id=run_id,
        scenario=Scenario(name="simple", folder=str(locustfile.parent), locustfile=locustfile.name, **(scenario or {})),
        profile=Profile.model_validate(settings),
        environment=Environment(name="local", base_url=base_url, **(environment or {})),
        base_url=base_url,
        trigger=Trigger(kind=TriggerKind.CLI),
        created_at=datetime.now(UTC),
        digest="0" * 12,
        host_class=HostClass(cpu_model="x", cores=1, memory_gib=1, os="linux", python="3.11", locust="2.47", executor="local"),
    )


def folder_of(root: Path, run_id: str = "run-1") -> RunFolder:
    return RunFolder.of(UPath(root), "simple", "local", "test", run_id)
