"""Two builds of a small service side by side, from request to report: real git, real backends, real load."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from loadtest.backend.stop import stop_backend
from loadtest.errors import NotRunError
from loadtest.gate.records.verdicts import Verdict
from loadtest.load.control.run import find_live_load
from loadtest.load.models import LoadResult
from loadtest.pipeline.side_by_side import check_sides, send_in_turns, start_sides
from loadtest.pipeline.stages import open_run, run_once
from loadtest.planning.models import Trigger, TriggerKind
from loadtest.planning.request import MERGE_BASE, Request
from loadtest.run_folder import RunFolder
from loadtest.settings import settings
from loadtest.vocabulary import Outcome, RunStatus
from tests.builds.repositories import commit, git, new_repository
from tests.support.small_include import TOY, build_include, write
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(400)  # two builds take turns for the better part of a minute

SLOW = TOY.read_text().replace("time.sleep((", 'time.sleep((40 * (self.path == "/items") + ')


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))
    include = build_include(tmp_path)
    command = [sys.executable, "toy.py", "{port}", "--delay-ms", "10"]
    backend = {"command": command, "working_dir": ".", "start_timeout": "5s"}
    write(include / "environments/made.yaml", {"backend": backend, "builds": {"repository": "service"}, "health_timeout": "3s"})
    profile = {"purpose": "test", "users": 3, "spawn_rate": 3, "duration": "36s", "host_probe": False}
    write(include / "profiles/side_by_side.yaml", profile)
    folder = new_repository(tmp_path / "service")
    commit(folder, {"toy.py": TOY.read_text()})
    return folder


def request(sha: str, against: str = MERGE_BASE) -> Request:
    asked = Trigger(kind=TriggerKind.PUSH, commit=sha)
    return Request(scenario="toy", environment="made", profile="side_by_side", against=against, trigger=asked)


def refused(sha: str, against: str) -> tuple[str, RunFolder]:
    with pytest.raises(NotRunError) as error:
        run_once(request(sha, against), settings())
    folder = next(settings().runs_root.glob("*/*/*/*/verdict.json")).parent
    return str(error.value), RunFolder(folder)


def test_a_slower_build_fails_and_every_file_shows_both(service: Path) -> None:
    base = git(service, "rev-parse", "main")
    sha = commit(service, {"toy.py": SLOW})
    outcome = run_once(request(sha), settings())
    verdict, folder = outcome.verdict, outcome.folder
    assert verdict.outcome is Outcome.FAIL, verdict.sentence
    assert (verdict.commit, verdict.comparison.against) == (sha, base)
    assert f"base {base[:10]}" in verdict.sentence and "GET /items" in verdict.sentence
    summary = folder.summary.read_text()
    assert "### Endpoints, base → candidate" in summary and "90 % interval" in summary
    table = summary.split("### Endpoints, base → candidate")[1]
    line = next(line for line in table.splitlines() if line.startswith("| `GET /items` "))
    assert line.count("→") == 4
    report = folder.report.read_text()
    assert f"Orange, dashed: the base, commit {base[:10]}" in report and "base 1" in report


def test_a_base_that_does_not_start_names_itself_and_gets_no_load(service: Path) -> None:
    broken = commit(service, {"toy.py": "raise SystemExit('no such table')"})
    sha = commit(service, {"toy.py": TOY.read_text()})
    sentence, folder = refused(sha, broken)
    assert sentence.startswith(f"The base, commit {broken[:10]}, does not start: ") and "no such table" in sentence
    assert Verdict.read(folder.verdict).status is RunStatus.NOT_RUN and not folder.attempts()


@pytest.mark.slow
def test_who_comes_back_rejoins_both_loads(service: Path) -> None:
    sha = commit(service, {"README": "words"})
    plan, folder = open_run(request(sha), settings())
    start_sides(plan, folder, lambda _: None)
    check_sides(folder, lambda _: None)
    left = threading.Event()

    try:
        first = threading.Thread(target=lambda: send_in_turns(folder, lambda _: left.set()))
        first.start()
        until(left.is_set, "the load runs")
        assert find_live_load(folder) and find_live_load(folder.base)
        results: list[LoadResult] = list(send_in_turns(folder, lambda _: None))
        first.join()
    finally:
        stop_backend(folder)
        stop_backend(folder.base)
    assert [result.attempt for result in results] == [1, 1]
    assert all(result.samples for result in results)
