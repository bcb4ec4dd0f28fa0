"""Which build is running, asked of real services, commands and checkouts; what they answer is not trusted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.builds.running import running_build
from loadtest.errors import ConfigurationError
from loadtest.planning.build import BuildSource, same_build
from loadtest.planning.config import load_environment
from loadtest.planning.models import BackendCommand, Environment
from loadtest.settings import settings
from tests.builds.repositories import commit, git, new_repository
from tests.support.http_server import CountingServer, counting_server
from tests.support.small_include import build_include, write

SHA = "6a1d209c4e5f60718293a4b5c6d7e8f901234567"


@pytest.fixture
def server():
    with counting_server() as running:
        yield running


def environment(**source: object) -> Environment:
    return Environment(name="there", base_url="http://x", build=BuildSource.model_validate(source))


@pytest.mark.parametrize(
    ("pointer", "body", "version"),
    [
        ("version", f'{{"version": "{SHA}"}}', SHA),
        ("/build/0/a~1b", '{"build": [{"a/b": "v1.2"}]}', "v1.2"),
        ("version", '{"version": 7}', "7"),
    ],
)
def test_the_health_check_says_it(server: CountingServer, pointer: str, body: str, version: str) -> None:
    server.control.body = body.encode()
    assert running_build(environment(**{"from": "health", "json": pointer}), server.base_url).version == version


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<html>", "does not answer with JSON"),
        ("{}", "has nothing at version"),
        ('{"version": {"a": 1}}', "no name of one"),
        ('{"version": "x\\n<script>"}', "no name of one"),
        ("[" * 100_000, "does not answer with JSON"),
        ('{"version": "' + "a" * 2_000_000 + '"}', "more than"),
    ],
)
def test_nonsense_is_an_unknown_build_with_its_reason(server: CountingServer, body: str, words: str) -> None:
    server.control.body = body.encode()
    build = running_build(environment(**{"from": "health", "json": "version"}), server.base_url)
    assert build.version is None and words in build.problem


def test_a_header_says_it(server: CountingServer) -> None:
    server.control.headers = {"X-Version": "v1.2.3"}
    assert running_build(environment(**{"from": "header", "header": "x-version"}), server.base_url).version == "v1.2.3"
    assert "has no header" in running_build(environment(**{"from": "header", "header": "Server"}), server.base_url).problem


def test_a_command_says_it_and_gets_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    ask = environment(**{"from": "command", "command": ["sh", "-c", "echo asking; echo v-${LOADTEST_BASE_URL##*:}"]})
    assert running_build(ask, "http://127.0.0.1:81").version == "v-81"
    failed = running_build(environment(**{"from": "command", "command": ["false"]}), "http://x")
    assert "exit code 1" in failed.problem


def test_a_checkout_says_it_and_whether_it_was_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    monkeypatch.delenv("LOADTEST_COMMIT", raising=False)
    folder = new_repository(tmp_path / "service")
    sha = commit(folder, {"app.py": "1"})
    ours = Environment(name="ours", backend=BackendCommand(command=("x",), working_dir="service"))
    assert running_build(ours, "").version == sha
    (folder / "made").write_text("untracked")
    assert running_build(ours, "").version == sha
    (folder / "app.py").write_text("2")
    assert running_build(ours, "").version == f"{sha}-dirty"
    git(folder, "checkout", "-q", ".")
    elsewhere = Environment(name="ours", backend=BackendCommand(command=("x",), working_dir="."))
    assert "no git checkout" in running_build(elsewhere, "").problem


@pytest.mark.parametrize(
    ("build", "words"),
    [
        ({"from": "health"}, "a build from health needs json"),
        ({"from": "git", "header": "X"}, "a build from git takes no header"),
        ({"from": "moon"}, "from"),
    ],
)
def test_a_source_that_says_too_little_or_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, build: dict[str, object], words: str
) -> None:
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    write(build_include(tmp_path) / "environments/there.yaml", {"base_url": "http://127.0.0.1:1", "build": build})
    with pytest.raises(ConfigurationError, match=words):
        load_environment(settings(), "there")


@given(length=st.integers(7, 40), other=st.text("0123456789abcdef", min_size=7, max_size=40))
def test_a_hash_and_its_beginning_are_one_build_and_nothing_else_is(length: int, other: str) -> None:
    assert same_build(SHA, SHA[:length].upper()) and same_build(SHA[:length], SHA)
    assert same_build(SHA, other) == SHA.startswith(other)
    assert not same_build(SHA, f"{SHA}-dirty")
