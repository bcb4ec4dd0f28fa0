"""`loadtest bisect` over a real repository: real builds, real load."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from loadtest.cli import main
from tests.builds.repositories import commit, git, new_repository
from tests.support.small_include import TOY, build_include, write

SLOW = TOY.read_text().replace("time.sleep((", 'time.sleep((40 * (self.path == "/items") + ')
TOY_OPTIONS = ("--scenario", "toy", "--environment", "made")


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))
    include = build_include(tmp_path)
    backend = {"command": [sys.executable, "toy.py", "{port}", "--delay-ms", "10"], "start_timeout": "10s"}
    write(include / "environments/made.yaml", {"backend": backend, "builds": {"repository": "service"}})
    profile = {"purpose": "test", "users": 4, "spawn_rate": 4, "duration": "36s", "host_probe": False}
    write(include / "profiles/side_by_side.yaml", profile)
    folder = new_repository(tmp_path / "service")
    commit(folder, {"toy.py": TOY.read_text()}, "first")
    return folder


def bisect(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["bisect", *arguments])
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_slow_one_of_sixteen_commits_is_found_and_a_second_call_knows_it(
    service: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = git(service, "rev-parse", "HEAD")
    shas = [commit(service, {"n": str(n)} | ({"toy.py": SLOW} if n == 10 else {}), f"change {n}") for n in range(16)]
    code, out, _ = bisect(capsys, good, "main", "--endpoint", "GET /items", *TOY_OPTIONS)
    assert code == 0, out
    assert "16 commits between" in out and "at most 4 comparisons and a check" in out
    assert len(re.findall(" against ", out)) <= 5
    assert f"Found: {shas[10]}" in out and "Ada: change 10" in out and re.search(r"GET /items .*\+\d+ %", out)
    _, again, _ = bisect(capsys, good, "main", "--endpoint", "GET /items", *TOY_OPTIONS)
    assert " against " not in again and f"Found: {shas[10]}" in again


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("nowhere", "main"), "is no branch, tag or commit"),
        (("main", "main"), "not an ancestor"),
        (("main", "v0"), "not an ancestor"),
    ],
)
def test_what_cannot_be_searched_is_refused(
    service: Path, capsys: pytest.CaptureFixture[str], names: tuple[str, str], words: str
) -> None:
    git(service, "tag", "v0")
    commit(service, {"n": "1"})
    code, _, error = bisect(capsys, *names, *TOY_OPTIONS)
    assert code == 2 and words in error and len(error.strip().splitlines()) == 1


def test_an_environment_without_builds_is_refused(service: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, error = bisect(capsys, "main", "main", "--scenario", "toy", "--environment", "healthy")
    assert code == 2 and "makes no builds" in error
