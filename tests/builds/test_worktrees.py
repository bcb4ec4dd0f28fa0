"""A commit of a real repository made runnable: checked out apart, prepared once, kept, and told when it cannot be."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from loadtest.builds.worktrees import KEPT, commit_of, prepared
from loadtest.errors import ConfigurationError, NotRunError
from loadtest.planning.models import Builds


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))
    folder = tmp_path / "service"
    folder.mkdir()
    _git(folder, "init", "-q", "-b", "main")
    commit(folder, "1")
    return folder


def _git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    return subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True).stdout


def commit(folder: Path, content: str) -> str:
    (folder / "version").write_text(content)
    _git(folder, "add", ".")
    _git(folder, "commit", "-q", "-m", content)
    return _git(folder, "rev-parse", "HEAD").strip()


def test_each_commit_is_prepared_once_in_a_folder_of_its_own(repository: Path) -> None:
    builds = Builds(repository="service", prepare=(("sh", "-c", "echo x >> made"),))
    first, second = commit_of(builds, "main"), commit(repository, "2")
    folders = [prepared(builds, one) for one in (first, second, first)]
    assert folders[0] == folders[2] != folders[1]
    assert [(folder / "version").read_text() for folder in folders[:2]] == ["1", "2"]
    assert (folders[0] / "made").read_text() == "x\n"
    assert (repository / "version").read_text() == "2" and not (repository / "made").exists()


def test_what_cannot_be_prepared_says_why_with_the_end_of_its_log_and_no_secret(repository: Path) -> None:
    builds = Builds(repository="service", prepare=(("sh", "-c", "echo compiling; echo password=hunter2 missing lib; exit 3"),))
    with pytest.raises(NotRunError, match=r"could not be prepared: .*exit code 3.*missing lib") as refused:
        prepared(builds, commit_of(builds, "main"))
    assert "hunter2" not in str(refused.value).split("exit code 3", 1)[1]


@pytest.mark.parametrize("reference", ["nowhere", "--upload-pack=x", "0" * 40])
def test_an_unknown_reference_is_refused(repository: Path, reference: str) -> None:
    with pytest.raises(ConfigurationError, match="is no branch, tag or commit"):
        commit_of(Builds(repository="service"), reference)


def test_only_the_newest_are_kept(repository: Path) -> None:
    builds = Builds(repository="service")
    folders = [prepared(builds, commit(repository, f"v{number}")) for number in range(KEPT + 2)]
    assert [folder.exists() for folder in folders] == [False] * 2 + [True] * KEPT
