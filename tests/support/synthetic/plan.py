"""The plan of a made-up run, and when its phases are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from loadtest.planning.build import Build
from loadtest.planning.criteria import Criteria, Target
from loadtest.planning.models import Environment, HostClass, Plan, Scenario, Trigger, TriggerKind
from loadtest.planning.profiles import Profile
from loadtest.vocabulary import Evidence
from tests.support.synthetic.endpoints import (
    base_p50_ms,
)

HOST_CLASS = HostClass(
    cpu_model="Intel Xeon 2.60GHz", cores=4, memory_gib=16, os="Linux", python="3.11", locust="2.47", executor="local"
)

STARTED_AT = datetime(2026, 11, 23, 2, 0, 8, tzinfo=UTC)

STEADY_START_S, STEADY_END_S, LOAD_END_S = 10.0, 190.0, 193.0


def make_plan(
    run_id: str,
    scenario: str,
    environment: str,
    profile: str,
    names: Sequence[str],
    started_at: datetime,
    commit: str | None,
    branch: str | None,
    pull_request: int | None,
    repository: str | None,
    airflow_url: str | None,
) -> Plan:
    targets = tuple(
        Target(endpoint=name, metric="p95_ms", limit=round(base_p50_ms(index) * 8, 1))
        for index, name in enumerate(names)
        if index % 3 != 2
    )
    return Plan(
        run_id=run_id,
        scenario=Scenario(
            name=scenario,
            purpose="Students browse, enroll and log in",
            folder=f"include/scenarios/{scenario}",
            targets=(*targets, Target(endpoint=None, metric="error_rate", limit=0.01)),
            criteria=Criteria(),
            files_digest="f" * 16,
        ),
        profile=Profile(
            name=profile,
            purpose="An ordinary working day",
            users=50,
            spawn_rate=5,
            duration=LOAD_END_S - 3,
            workers=2,
            evidence=Evidence.INDICATIVE if profile == "smoke" else Evidence.CONCLUSIVE,
        ),
        environment=Environment(name=environment, purpose="Our own backend, like production", base_url="http://127.0.0.1:18080"),
        base_url="http://127.0.0.1:18080",
        trigger=Trigger(
            kind=TriggerKind.PUSH if pull_request else TriggerKind.MANUAL,
            by="ada",
            reason="weekly check",
            commit=commit,
            branch=branch,
            repository=repository,
            pull_request=pull_request,
            airflow_url=airflow_url,
        ),
        build=Build(version=commit) if commit else Build(problem="nobody says"),
        created_at=started_at - timedelta(seconds=6),
        digest="3f9c1e7a5b2d4860",
        host_class=HOST_CLASS,
        versions={"loadtest": "0.1.0", "locust": "2.47.0", "python": "3.11.2"},
    )
