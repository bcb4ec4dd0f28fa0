"""Two runs at the same time, each sent from a load generator of its own, and judged on a third machine: each machine is a
process with a scratch folder of its own, and only the runs root is common to all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from loadtest.analysis.analyze import analyze
from loadtest.analysis.data_contract import check_contract
from loadtest.backend.models import BackendState
from loadtest.gate.verdict import conclude
from loadtest.load.attempts import sendings_of
from loadtest.pipeline.publishing import publish
from loadtest.pipeline.stages import judge, open_run
from loadtest.planning.request import Request
from loadtest.run_folder import RunFolder
from loadtest.settings import settings
from loadtest.vocabulary import Outcome
from tests.support.small_include import build_include

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
# What the tasks do that share a machine; it waits where told to, so that both loads begin together.
LOAD_GENERATOR = """
import sys
from upath import UPath
from loadtest.backend.stop import stop_backend
from loadtest.load.control.run import start_load, wait_for_load
from loadtest.pipeline.stages import SilentWatcher, start_and_check_backend
from loadtest.planning.load_generators import check_load_generator
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder

folder = RunFolder(UPath(sys.argv[1]))
plan = Plan.read(folder.plan)
check_load_generator(plan.environment.load_generator)
url = start_and_check_backend(plan, folder, SilentWatcher())
print("ready", flush=True)
sys.stdin.readline()
wait_for_load(start_load(plan, folder, url))
stop_backend(folder)
"""


@contextmanager
def load_generator(name: str, folder: RunFolder, scratch: Path) -> Iterator[subprocess.Popen[str]]:
    """The machine `name` at work on a run; it has only what it needs."""
    machine = {"LOADTEST_SCRATCH": str(scratch), "LOADTEST_LOAD_GENERATOR": name, "PYTHONPATH": str(ROOT / "plugins")}
    command = [sys.executable, "-c", LOAD_GENERATOR, str(folder.path)]
    with subprocess.Popen(
        command, env=os.environ | machine, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_two_runs_on_two_load_generators_do_not_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    include = build_include(tmp_path, duration="4s")
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "anywhere"))
    healthy = (include / "environments/healthy.yaml").read_text()
    folders = {}
    for name in ("eu", "us"):
        (include / f"environments/{name}.yaml").write_text(f"{healthy}load_generator: {name}\n")
        _, folders[name] = open_run(Request(scenario="toy", environment=name, profile="smoke"), settings())
    with (
        load_generator("eu", folders["eu"], tmp_path / "eu") as eu,
        load_generator("us", folders["us"], tmp_path / "us") as us,
    ):
        for process in (eu, us):
            assert process.stdout and process.stdout.readline() == "ready\n", process.stderr and process.stderr.read()
        begin(eu, us)
        said = [process.communicate(timeout=90) for process in (eu, us)]
    assert [process.returncode for process in (eu, us)] == [0, 0], said
    for folder in folders.values():
        analyze(folder)
        judge(folder)
        check_contract(folder)
        verdict = conclude(folder)
        assert publish(folder) == []
        assert verdict.outcome is Outcome.PASS, verdict.reasons
        assert folder.report.exists()
    one, other = (sendings_of(folder)[0] for folder in folders.values())
    assert one.overlaps(other), "both loads were sent at the same time"
    backends = [BackendState.read(folder.backend_state) for folder in folders.values()]
    assert backends[0].machine.scratch_id != backends[1].machine.scratch_id
    assert not any(backend.machine.is_here for backend in backends)
    for folder, backend in zip(folders.values(), backends, strict=True):
        assert pq.read_metadata(str(folder.samples)).num_rows > 0
        assert backend.stopped_at is not None
    assert not (tmp_path / "anywhere" / "loads").exists(), "nothing of a load is needed where it is judged"


def test_a_run_of_another_load_generator_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    include = build_include(tmp_path)
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    (include / "environments/eu.yaml").write_text((include / "environments/healthy.yaml").read_text() + "load_generator: eu\n")
    _, folder = open_run(Request(scenario="toy", environment="eu", profile="smoke"), settings())
    with load_generator("us", folder, tmp_path / "us") as us:
        _, said = us.communicate(timeout=60)
    assert "wants its load sent from load generator 'eu', and this machine is load generator 'us'" in said
    assert not folder.backend_state.exists()


def begin(*processes: subprocess.Popen[str]) -> None:
    """Both are ready: let them go at once."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
