"""The build that was asked for is the build that is measured, from a request to its verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.analysis.models import RunMetrics
from loadtest.errors import ConfigurationError, NotRunError
from loadtest.gate.records.verdicts import Verdict
from loadtest.history.record import entry_of
from loadtest.pipeline.stages import Outcome as Run
from loadtest.pipeline.stages import run_once
from loadtest.planning.models import Plan, Trigger, TriggerKind
from loadtest.planning.request import Request
from loadtest.run_folder import RunFolder
from loadtest.settings import settings
from loadtest.vocabulary import Outcome, RunStatus
from tests.builds.repositories import commit, git, new_repository
from tests.support.http_server import CountingServer, counting_server
from tests.support.small_include import TOY, build_include, write

SHA = "6a1d209c4e5f60718293a4b5c6d7e8f901234567"
OTHER = "b" * 40


@pytest.fixture
def server():
    with counting_server() as running:
        running.control.headers = {"X-Version": SHA}
        yield running


@pytest.fixture
def include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.delenv("LOADTEST_COMMIT", raising=False)
    return build_include(tmp_path)


def deployed(include: Path, server: CountingServer, **more: object) -> None:
    known = {"base_url": server.base_url, "build": {"from": "header", "header": "X-Version"}}
    write(include / "environments/there.yaml", known | more)


def run(sha: str | None, environment: str = "there", **more: object) -> Run:
    asked = Trigger(kind=TriggerKind.PUSH, commit=sha)
    return run_once(Request(scenario="toy", environment=environment, trigger=asked, **more), settings(), confirm=False)


def the_folder(include: Path) -> RunFolder:
    return RunFolder(next((include.parent / "runs").glob("*/*/*/*/plan.json")).parent)


@pytest.mark.parametrize(
    "asked", [pytest.param(SHA, marks=pytest.mark.slow), SHA[:10], pytest.param(None, marks=pytest.mark.slow)]
)
def test_the_deployed_build_is_what_every_file_speaks_of(include: Path, server: CountingServer, asked: str | None) -> None:
    deployed(include, server)
    outcome = run(asked)
    assert outcome.verdict.outcome is Outcome.PASS, outcome.verdict.sentence
    assert (outcome.verdict.commit, outcome.verdict.asked_commit) == (SHA, None)
    row = entry_of(outcome.folder).run
    assert row.commit == SHA
    assert f"commit {SHA[:10]}" in outcome.folder.summary.read_text().replace("`", "")


def test_another_build_than_the_one_asked_for_is_not_measured(include: Path, server: CountingServer) -> None:
    deployed(include, server)
    with pytest.raises(NotRunError, match=f"Commit {OTHER} was asked for, but environment there runs {SHA}"):
        run(OTHER)
    folder = the_folder(include)
    verdict = Verdict.read(folder.verdict)
    assert verdict.status is RunStatus.NOT_RUN and OTHER in verdict.sentence and SHA in verdict.sentence
    assert not folder.attempts() and server.total == 0


@pytest.mark.slow
def test_any_build_is_measured_on_request_and_the_verdict_is_its_own(include: Path, server: CountingServer) -> None:
    deployed(include, server)
    verdict = run(OTHER, any_build=True).verdict
    assert (verdict.outcome, verdict.commit, verdict.asked_commit) == (Outcome.PASS, SHA, OTHER)
    assert f"commit {OTHER} was asked for, but build {SHA} ran" in verdict.sentence


def test_where_the_build_is_not_known_the_verdict_says_so_and_claims_no_commit(include: Path, server: CountingServer) -> None:
    write(include / "environments/there.yaml", {"base_url": server.base_url})
    outcome = run(OTHER)
    assert (outcome.verdict.commit, outcome.verdict.asked_commit) == (None, OTHER)
    assert "the build that ran is not known (environment there does not say how" in outcome.verdict.sentence
    assert "the build that ran is not known" in outcome.folder.summary.read_text()


def test_a_deployment_in_the_middle_of_a_run_is_invalid(include: Path, server: CountingServer) -> None:
    deployed(include, server)

    def deploy(_method: str, path: str) -> float:
        if path != "/health":
            server.control.headers = {"X-Version": OTHER}
        return 0.0

    server.control.latency_s = deploy
    verdict = run(None).verdict
    assert verdict.outcome is Outcome.INVALID
    assert f"another build was deployed during the run: {SHA} before the load, {OTHER} after it" in verdict.sentence


def test_a_push_waits_for_its_build(include: Path, server: CountingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.builds.measured.ASK_AGAIN_S", 0.05)
    deployed(include, server, wait_for_build="30s")
    server.control.headers = {"X-Version": "v1"}

    def deploy(_method: str, _path: str) -> float:
        if server.counts["GET", "/health"] >= 4:
            server.control.headers = {"X-Version": OTHER}
        return 0.0

    server.control.latency_s = deploy
    assert run(OTHER).verdict.commit == OTHER
    deployed(include, server, wait_for_build="1s")
    with pytest.raises(NotRunError, match=f"runs {OTHER} after 1s of waiting"):
        run(SHA)


@pytest.mark.slow
def test_a_tag_and_the_hash_of_one_commit_are_one_build(include: Path, server: CountingServer) -> None:
    sha = commit(new_repository(include.parent / "service"), {"x": "1"})
    git(include.parent / "service", "tag", "v1.2")
    server.control.headers = {"X-Version": "v1.2"}
    deployed(include, server, builds={"repository": "service"})
    assert run(sha).verdict.commit == sha


def test_where_builds_are_made_the_commit_asked_for_is_really_measured(include: Path) -> None:
    service = new_repository(include.parent / "service")
    slow = commit(service, {"toy.py": TOY.read_text().replace("options.delay_ms +", "60 + options.delay_ms +")}, "slow")
    fast = commit(service, {"toy.py": TOY.read_text()}, "fast")
    (service / "toy.py").write_text("raise SystemExit('not the commit')")
    backend = {"command": ["{python}", "toy.py", "{port}"], "working_dir": "."}
    write(include / "environments/made.yaml", {"backend": backend, "builds": {"repository": "service"}})
    runs = [run(sha[:8], "made") for sha in (slow, fast)]
    assert [each.verdict.commit for each in runs] == [slow, fast]
    medians_ms = [RunMetrics.read(each.folder.metrics).total.p50_ms for each in runs]
    assert medians_ms[0] > 60 > medians_ms[1]
    assert Plan.read(runs[0].folder.plan).build.version == slow
    with pytest.raises(ConfigurationError, match="is no branch, tag or commit"):
        run("deadbeef", "made")
