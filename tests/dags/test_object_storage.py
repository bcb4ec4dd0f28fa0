"""The DAG with its runs, baselines and trends in object storage (real servers on loopback), which may be away for a while."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import threading
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loadtest.baselines.promotion import promote_answered
from loadtest.baselines.store import baseline_path, read_baselines
from loadtest.gate.records.verdicts import RegressionReport
from loadtest.load.models import LoadResult
from loadtest.retention.sweep import carry_out, plan_sweep
from loadtest.run_folder import RunFolder
from loadtest.settings import settings
from loadtest.storage import StoredPath
from loadtest.vocabulary import Outcome
from tests.support.storages import Storage, storage, storage_server  # noqa: F401 (fixtures)
from tests.support.waiting import until

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(900)]
STEADY = {"environment": "steady", "profile": "light", "duration": "3s"}
STEADY_REQUEST = {"scenario": "toy", "environment": "steady", "profile": "light", "duration_s": "3s"}
WHERE = ("toy", "steady", "light")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def stored(storage: Storage, airflow_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Storage:  # noqa: F811
    root = f"{storage.url}/runs"
    values = {"LOADTEST_RUNS_ROOT": root, "LOADTEST_BASELINES": f"{root}/_baselines", "LOADTEST_SCRATCH": str(tmp_path)}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return storage


def test_a_storage_that_is_away_while_load_is_sent_and_when_it_ends_loses_nothing(run_dag, stored: Storage, tmp_path) -> None:
    scratch = tmp_path / "loads"

    def away() -> None:
        until(lambda: any(json.loads(path.read_text())["requests"] for path in scratch.glob("*/1/progress.json")), "it sends")
        stored.stop()
        until(lambda: any(scratch.glob("*/1/load.json")), "the load has ended, and cannot be stored")
        stored.start()

    watcher = threading.Thread(target=away)
    watcher.start()
    ended = run_dag(duration="6s")
    watcher.join()
    assert isinstance(ended.folder.path, StoredPath)
    assert ended.state == "success" and ended.verdict.outcome in (Outcome.PASS, Outcome.WARN), ended.verdict.sentence  # if busy
    load = LoadResult.read(ended.folder.load)
    assert load.samples > 0 and load.lost_samples == 0
    assert ended.folder.samples.exists() and ended.folder.attempt(1).samples.exists()
    assert not any(scratch.glob("*/1/samples.parquet")), "nothing waits any more"


@pytest.mark.slow
def test_baseline_confirmation_artifacts_trends_and_retention(run_dag) -> None:
    first = collect(runs=4)
    accepted, notes = promote_answered(*WHERE, by="ada", reason="first", overrule=True)
    assert accepted is not None, notes
    spread_over_days()
    slowed = run_dag(**STEADY, slowdown="GET /items=+20ms")
    assert slowed.tasks["regression.confirm_1"] == "success", slowed.verdict.sentence
    assert slowed.verdict.comparison.compared
    assert RegressionReport.read(slowed.folder.regression_report).confirmation_runs
    assert {"report.html", "samples.parquet", "verdict.json"} <= archive_of(slowed.folder)
    trends = [sys.executable, "-c", "from loadtest.cli import main; main()", "trends"]
    assert subprocess.run(trends, cwd=ROOT, capture_output=True, text=True, check=False).returncode == 0
    assert any(name.endswith(".html") for name in (settings().runs_root / "_trends").files_below())
    assert first.samples.exists() and first.report.exists()
    carry_out(plan_sweep(now=datetime.now(UTC) + timedelta(days=100)))
    assert not first.samples.exists() and not first.report.exists()
    assert first.verdict.exists() and first.metrics.exists()


def collect(*, runs: int) -> RunFolder:
    """The task that collects, on a plan of its own: that of the first run."""
    from loadtest.operators.baseline import CollectBaselineOperator
    from loadtest.pipeline.stages import open_run
    from loadtest.planning.models import Trigger, TriggerKind
    from loadtest.planning.request import Request

    trigger = Trigger(kind=TriggerKind.MANUAL)
    request = Request.of(**STEADY_REQUEST, trigger=trigger, run_id="collect")
    _, folder = open_run(request, settings())
    CollectBaselineOperator(task_id="collect", run_folder=str(folder.path), runs=runs, spacing="0s").execute({})
    return folder


def spread_over_days() -> None:
    """As if collected over days and builds, since a baseline of minutes may only warn."""
    path = baseline_path(*WHERE)
    assert isinstance(path, StoredPath)
    data = json.loads(path.read_text())
    for number, each in enumerate(data["versions"][-1]["runs"]):
        started = datetime.fromisoformat(each["started_at"]) - timedelta(days=number)
        each |= {"started_at": started.isoformat(), "commit": f"{number:07x}"}
    data["versions"][-1]["runs"].sort(key=lambda each: each["started_at"])
    path.write_text(json.dumps(data))
    assert read_baselines(*WHERE).anchor is not None


def archive_of(folder: RunFolder) -> set[str]:
    """Names of the files in the archive that the web app makes of a run."""
    from loadtest.web.app import create_app

    route = next(route for route in create_app().routes if getattr(route, "path", "").endswith("/artifacts.zip"))
    answer = route.endpoint(folder.run_id, samples=True)

    async def body() -> bytes:
        return b"".join([chunk async for chunk in answer.body_iterator])

    return set(zipfile.ZipFile(io.BytesIO(asyncio.run(body()))).namelist())
