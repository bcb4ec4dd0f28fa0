"""An `include/` of tiny loads and of backends that misbehave, for tests of whole runs."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

TOY = Path(__file__).with_name("toy_backend.py")
BACKENDS = {
    "healthy": [],
    "steady": ["--delay-ms", "20"],
    "broken": ["--exit", "3"],
    "unhealthy": ["--unhealthy"],
    "failing": ["--errors"],
    "dying": ["--die-after", "40"],
}
LOCUSTFILE = """
from locust import FastHttpUser, constant, task

class Visitor(FastHttpUser):
    wait_time = constant(0.02)

    @task(3)
    def list_items(self):
        self.client.get("/items")

    @task
    def one_item(self):
        self.client.get("/items/17")
"""


def build_include(root: Path, *, duration: str = "2s") -> Path:
    """`<root>/include` with profile `smoke`/`light`, an environment per misbehavior, and the scenarios `toy`, `nobody`."""
    include = root / "include"
    for name in ("profiles", "environments", "baselines", "scenarios/toy", "scenarios/nobody"):
        (include / name).mkdir(parents=True, exist_ok=True)
    for name, evidence in (("smoke", "indicative"), ("light", "conclusive")):
        profile = {"purpose": "test", "users": 2, "spawn_rate": 2, "duration": duration, "evidence": evidence}
        write(include / f"profiles/{name}.yaml", profile | {"host_probe": False})
    for name, options in BACKENDS.items():
        command = [sys.executable, str(TOY), "{port}", *options]
        backend = {"command": command, "start_timeout": "10s", "env": {"TOY_SLOWDOWN": "{slowdown}"}}
        rules = {"health_timeout": "3s", "allows_slowdown": True}
        write(include / f"environments/{name}.yaml", {"backend": backend} | rules)
    write(
        include / "environments/guarded.yaml",
        {"base_url_variable": "TOY_URL", "needs_approval": True, "approval_timeout": "60s", "allowed_profiles": ["smoke"]},
    )
    (include / "scenarios/toy/scenario.yaml").write_text("purpose: tests\n")
    (include / "scenarios/toy/locustfile.py").write_text(LOCUSTFILE)
    write(include / "scenarios/toy/targets.yaml", {"endpoints": {"GET /items": {"p95_ms": 500}}, "total": {"error_rate": "1%"}})
    (include / "scenarios/nobody/scenario.yaml").write_text("purpose: a scenario without users\n")
    (include / "scenarios/nobody/locustfile.py").write_text("import locust\n")
    return include


def build_schedules(include: Path, **crons: str) -> None:
    """A schedule of the toy scenario a name."""
    (include / "schedules").mkdir(exist_ok=True)
    for name, cron in crons.items():
        toy = {"scenario": "toy", "environment": "healthy", "profile": "smoke", "cron": cron}
        write(include / f"schedules/{name}.yaml", toy)


def write(path: Path, data: object) -> None:
    path.write_text(yaml.safe_dump(data, sort_keys=False))
