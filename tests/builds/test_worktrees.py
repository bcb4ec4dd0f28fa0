"""A commit of a real repository made runnable: checked out apart, prepared once, kept, and told when it cannot be."""

from __future__ import annotations

import base64
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import ValidationError

from loadtest.builds.worktrees import KEPT, base_of, commit_of, is_repository, known_commit, prepared
from loadtest.errors import ConfigurationError, NotRunError
from loadtest.planning.build import Builds
from loadtest.planning.models import BackendCommand, Environment
from loadtest.planning.references import provide
from tests.builds.repositories import commit, git, new_repository


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))
    folder = new_repository(tmp_path / "service")
    commit(folder, {"version": "1"})
    return folder


def test_each_commit_is_prepared_once_in_a_folder_of_its_own(repository: Path) -> None:
    builds = Builds(repository="service", prepare=(("sh", "-c", "echo x >> made"),))
    first, second = commit_of(builds, "main"), commit(repository, {"version": "2"})
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
    folders = [prepared(builds, commit(repository, {"version": str(number)})) for number in range(KEPT + 2)]
    assert [folder.exists() for folder in folders] == [False] * 2 + [True] * KEPT


def test_a_build_that_runs_is_not_removed(repository: Path) -> None:
    builds = Builds(repository="service")
    first = prepared(builds, commit_of(builds, "main"))
    with subprocess.Popen([sys.executable, "-c", "input()"], cwd=first, stdin=subprocess.PIPE) as running:
        for number in range(KEPT + 1):
            prepared(builds, commit(repository, {"version": f"v{number}"}))
        assert first.exists()
        running.communicate(b"\n")
    prepared(builds, commit(repository, {"version": "last"}))
    assert not first.exists()


def test_commands_are_told_the_commit(repository: Path) -> None:
    builds = Builds(repository="service", prepare=(("sh", "-c", "echo {commit} > made"),))
    sha = commit_of(builds, "main")
    assert (prepared(builds, sha) / "made").read_text() == f"{sha}\n"


def test_a_machine_without_git_has_no_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the image: a run there is of the build that the image holds, and is not refused."""
    builds = Builds(repository=str(repository))
    assert is_repository(builds)
    monkeypatch.setenv("PATH", str(repository))
    assert not is_repository(builds)
    assert known_commit(builds, "main") is None


def test_a_repository_that_is_elsewhere_is_copied_and_fetched_into(repository: Path) -> None:
    builds = Builds(repository=repository.as_uri())
    first = commit_of(builds, "main")
    second = commit(repository, {"version": "2"})
    assert commit_of(builds, second) == commit_of(builds, "main") == second != first
    assert (prepared(builds, second) / "version").read_text() == "2"
    git(repository, "tag", "v2")
    assert commit_of(builds, "v2") == second
    with pytest.raises(NotRunError, match="cannot be read"):
        commit_of(Builds(repository=f"{repository.as_uri()}/nowhere"), "main")


def test_a_token_reaches_git_through_its_environment_and_nothing_else(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builds = Builds(repository=repository.as_uri(), token_variable="SERVICE_TOKEN")
    with pytest.raises(ConfigurationError, match="needs the environment variable SERVICE_TOKEN, which is not set"):
        commit_of(builds, "main")
    monkeypatch.setenv("SERVICE_TOKEN", "s3cr3t-t0ken")
    sha = commit_of(builds, "main")
    prepared(builds, sha)
    kept = [path.read_bytes() for path in repository.parent.joinpath("scratch").rglob("*") if path.is_file()]
    assert kept and not any(b"s3cr3t" in content for content in kept)
    with pytest.raises(ValidationError, match="must hold no password"):
        Builds(repository="https://me:s3cr3t@example.org/app.git")


class _Guarded(SimpleHTTPRequestHandler):
    """A repository that only one token opens."""

    def do_GET(self) -> None:
        login = base64.b64encode(b"x-access-token:s3cr3t-t0ken").decode()
        if self.headers.get("Authorization") == f"Basic {login}":
            super().do_GET()
        else:
            self.send_error(401)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def guarded(repository: Path) -> Iterator[str]:
    git(repository, "clone", "-q", "--bare", ".", str(repository.parent / "served.git"))
    git(repository.parent / "served.git", "update-server-info")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Guarded, directory=str(repository.parent)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/served.git"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_private_repository_opens_with_the_password_of_a_connection(
    guarded: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds = Builds(repository=guarded, connection="service_git")
    environment = Environment(name="made", backend=BackendCommand(command=("true",)), builds=builds)
    with pytest.raises(ConfigurationError, match="needs password of the Airflow connection 'service_git'"):
        commit_of(builds, "main")
    passwords = {("service_git", "password"): "wr0ng-t0ken"}
    monkeypatch.setenv("LOADTEST_CONN_SERVICE_GIT_PASSWORD", "")  # so that what is provided ends with this test
    monkeypatch.delenv("LOADTEST_CONN_SERVICE_GIT_PASSWORD")
    provide(environment.texts_with_references, lambda *field: passwords.get(field))
    with pytest.raises(NotRunError, match="cannot be read") as error:
        commit_of(builds, "main")
    assert "wr0ng" not in str(error.value)
    monkeypatch.setenv("LOADTEST_CONN_SERVICE_GIT_PASSWORD", "s3cr3t-t0ken")
    assert commit_of(builds, "main") == git(repository, "rev-parse", "main")
    kept = [path.read_bytes() for path in repository.parent.joinpath("scratch").rglob("*") if path.is_file()]
    assert kept and not any(b"t0ken" in content for content in kept)
    with pytest.raises(ValidationError, match="not both"):
        Builds(repository=guarded, connection="service_git", token_variable="SERVICE_TOKEN")


def test_the_base_of_a_commit_is_where_it_left_main_and_of_main_s_own_the_one_before(repository: Path) -> None:
    builds = Builds(repository="service")
    first = commit_of(builds, "main")
    git(repository, "checkout", "-q", "-b", "feature")
    feature = [commit(repository, {"version": name}) for name in ("a", "b")][-1]
    git(repository, "checkout", "-q", "main")
    second = commit(repository, {"version": "2"})
    assert (base_of(builds, feature), base_of(builds, second)) == (first, first)
    with pytest.raises(ConfigurationError, match="has none before it"):
        base_of(builds, first)
