"""`loadtest baseline propose` against a stub of GitHub that checks each request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from loadtest.baselines.candidates import Candidate
from loadtest.baselines.promotion import promote
from loadtest.cli.baseline_proposal import propose
from loadtest.errors import ConfigurationError
from tests.notifications.github.github_stub import REPOSITORY, GitHubStub
from tests.notifications.http_server import serve
from tests.support.run_folders import make_baseline_runs

PLACE = "load-testing/include/baselines/example/staging-medium.json"


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubStub]:
    with serve(GitHubStub()) as stub:
        monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
        monkeypatch.setenv("LOADTEST_GITHUB_TOKEN", "ghp_test")
        monkeypatch.setenv("LOADTEST_GITHUB_API_URL", stub.url)
        yield stub
        assert stub.problems == []


def call(*arguments: str) -> str:
    app = typer.Typer()
    app.command()(propose)
    usual = ["--scenario", "example", "--environment", "staging", "--profile", "medium", "--folder", "load-testing/"]
    result = CliRunner().invoke(app, ["--repository", REPOSITORY, *usual, *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def accept(reason: str) -> None:
    candidate = Candidate(scenario="example", environment="staging", profile="medium", runs=make_baseline_runs())
    promote(candidate, by="ada", reason=reason)


def test_the_accepted_baseline_becomes_one_pull_request(github: GitHubStub, tmp_path: Path) -> None:
    accept("after the new index")
    assert "/pull/" in call()
    accept("after the new cache")
    assert "Proposed version 2" in call()
    (pull,) = github.pulls
    assert pull["base"] == {"ref": "main"} and "example/staging/medium" in pull["title"]
    proposed = github.files[("loadtest-baseline/example-staging-medium", PLACE)]
    assert proposed == (tmp_path / "include/baselines/example/staging-medium.json").read_text()


def test_what_is_missing_is_one_sentence(github: GitHubStub, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="no accepted baseline"):
        call()
    accept("why not")
    with pytest.raises(ConfigurationError, match="owner/name"):
        call("--repository", "../x")
    monkeypatch.delenv("LOADTEST_GITHUB_TOKEN")
    with pytest.raises(ConfigurationError, match="LOADTEST_GITHUB_TOKEN"):
        call()
    assert github.requests == []
