"""An installation whose history holds a made-up past."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loadtest.history.database import writing
from loadtest.history.models import HistoryStatus, MetricRow, RunEntry, RunRow, Source
from loadtest.history.store import upsert
from loadtest.vocabulary import Outcome

UNTIL = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday
ENDPOINTS = tuple(f"GET /api/v1/{name}" for name in ("students", "courses", "grades", "rooms", "teachers", "exams"))


@pytest.fixture(autouse=True)
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    monkeypatch.setenv("LOADTEST_INCLUDE", str(tmp_path / "include"))
    monkeypatch.setenv("LOADTEST_RUNS_ROOT", str(tmp_path / "runs"))
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.delenv("LOADTEST_DATABASE_URL", raising=False)
    scenario = tmp_path / "include" / "scenarios" / "example"
    scenario.mkdir(parents=True)
    (scenario / "scenario.yaml").write_text("purpose: for tests\n")
    (scenario / "locustfile.py").write_text("")
    (scenario / "targets.yaml").write_text("{}\n")
    return tmp_path


@pytest.fixture
def past(installation: Path):
    """Fill the history with weekly runs. `factor(week, endpoint)`: how much slower than at the beginning."""

    def past(
        weeks: int = 26,
        factor: Callable[[int, str], float] = lambda week, endpoint: 1.0,
        *,
        endpoints: tuple[str, ...] = ENDPOINTS,
        profile: str = "medium",
        change: Callable[[int], dict] = lambda week: {},
        noise: float = 0.04,
        seed: int = 3,
    ) -> None:
        rng = random.Random(seed)
        with writing() as session:
            for week in range(weeks):
                started_at = UNTIL.replace(hour=2) - timedelta(weeks=weeks - 1 - week)
                fields = {
                    "run_id": f"{profile}-{week:03d}",
                    "status": HistoryStatus.JUDGED,
                    "outcome": Outcome.PASS,
                    "digest": "d1",
                    "host_class": "h1",
                    "commit": f"{week:08x}" + "0" * 32,
                    "trigger_kind": "scheduled",
                    "source": Source.RUN_FOLDER,
                    "started_at": started_at,
                } | change(week)
                host = rng.gauss(0, noise)
                metrics = []
                for number, endpoint in enumerate(endpoints):
                    p50 = (10 + 5 * number) * factor(week, endpoint) * 2.718281828 ** (host + rng.gauss(0, noise))
                    for metric, value in (("p50_ms", p50), ("p95_ms", 2.5 * p50)):
                        metrics.append(MetricRow(endpoint=endpoint, metric=metric, value=value, n=1000))
                run = RunRow(scenario="example", environment="staging", profile=profile, **fields)
                upsert(session, RunEntry(run=run, metrics=tuple(metrics)))

    return past
