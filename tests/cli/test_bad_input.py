"""What people type and write wrongly, through the real command: one sentence on standard error, exit code 2, nothing started."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import psutil
import pytest

from loadtest.cli import main
from loadtest.load.inspection import Inspection
from tests.support.small_include import build_include, write

TOY = ["run", "--scenario", "toy", "--environment", "healthy"]


@pytest.fixture
def include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    for name in ("LOADTEST_INCLUDE", "LOADTEST_RUNS_ROOT", "LOADTEST_SCRATCH", "LOADTEST_DATABASE_URL", "TOY_URL"):
        monkeypatch.delenv(name, raising=False)
    return build_include(tmp_path)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The sentence with which the command refuses; stages that it went through may stand before it."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    printed = capsys.readouterr()
    assert ended.value.code == 2
    assert printed.out == ""
    assert "Traceback" not in printed.err
    *stages, sentence = printed.err.splitlines()
    assert sentence.startswith("loadtest: ")
    assert set(stages) <= {"set-up", "backend", "clean-up"}
    assert "load" not in stages
    assert not [line for line in command_lines_of_children() if "toy_backend" in line or "locust" in line]
    return sentence


def command_lines_of_children() -> list[str]:
    """Of those that still run: a child that has ended, reaped or not, has none."""
    found = []
    for child in psutil.Process(os.getpid()).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # ZombieProcess is one
            found.append(" ".join(child.cmdline()))
    return found


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--profile", "huge"], "Unknown profile 'huge'; known are: capacity, heavy, light"),
        (["--profile", "../smoke"], "Unknown profile"),
        (["--profile", ""], "Unknown profile"),
        (["--environment", "mars"], "Unknown environment 'mars'"),
        (["--scenario", "none"], "Unknown scenario 'none'"),
        (["--users", "0"], "users: input should be greater than or equal to 1"),
        (["--users", "1000000"], "users: input should be less than or equal to 20000"),
        (["--users", "2000"], "at most 1000"),
        (["--users", "abc"], "users"),
        (["--users", "1.5"], "users"),
        (["--duration", "abc"], "duration: a duration is a number with a unit"),
        (["--duration", "-5s"], "duration"),
        (["--duration", "0"], "between 1s and 6h"),
        (["--duration", "99999h"], "between 1s and 6h"),
        (["--duration", "nan"], "duration"),
        (["--spawn-rate", "0"], "spawn_rate"),
        (["--spawn-rate", "nan"], "spawn_rate"),
        (["--host", "http://example.com"], "not the environment's"),
        (["--host", "http://[::1"], "must look like https://host:port"),
        (["--host", "javascript:alert(1)"], "must look like https://host:port"),
        (["--commit", "$(reboot)"], "is no commit"),
        (["--environment", "guarded"], "set the environment variable TOY_URL"),
        (["--environment", "guarded", "--profile", "light"], "allowed are: smoke"),
        (["--format", "json", "--users", "0"], "users"),
    ],
)
def test_options(include: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str) -> None:
    assert words in refused(capsys, *TOY, *options)
    assert not (include.parent / "runs").exists()


def test_nobody_there_to_approve(include: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_URL", "http://127.0.0.1:9")
    assert "wants a person's approval" in refused(capsys, *TOY, "--environment", "guarded")
    assert "does not allow a slowdown" in refused(capsys, *TOY, "--environment", "guarded", "--slowdown", "GET /=+1ms")
    monkeypatch.setenv("TOY_URL", "http://user:secret@127.0.0.1:9")
    assert "secret@" not in refused(capsys, *TOY, "--environment", "guarded")


@pytest.mark.parametrize("slowdown", ["nonsense", ";", "GET /=x0", "GET /=+99999s", "GET items=+1ms", "GET /=+1ms@0%"])
def test_slowdowns(include: Path, capsys: pytest.CaptureFixture[str], slowdown: str) -> None:
    assert "slowdown" in refused(capsys, *TOY, "--slowdown", slowdown)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("profiles/smoke.yaml", "purpose: [a\nb: c: d", "not valid YAML"),
        ("profiles/smoke.yaml", "- a", "must hold a mapping"),
        ("profiles/smoke.yaml", "purpose: a\x07b", "not valid YAML"),
        ("profiles/smoke.yaml", "", "purpose: field required"),
        ("profiles/smoke.yaml", "{purpose: x, users: 1, duration: 1s, bogus: 3}", "bogus: unknown key"),
        ("profiles/smoke.yaml", "{purpose: x, users: 1, duration: 1s, workers: 0}", "workers"),
        ("profiles/smoke.yaml", "{purpose: x, users: 1, duration: 2026-01-01}", "a duration is a number with a unit"),
        ("profiles/smoke.yaml", "{purpose: x, duration: 5s, stages: [{duration: 5s, users: 0}]}", "no load would be sent"),
        ("profiles/smoke.yaml", "{purpose: x, duration: 5s, stages: [{duration: 5s, arrivals_per_s: 3}]}", "must have users"),
        (
            "profiles/smoke.yaml",
            "{purpose: x, duration: 5s, stages: [{duration: 5h, users: 1}, {duration: 5h, users: 2}]}",
            "longer than 6h",
        ),
        ("environments/healthy.yaml", "purpose: x", "names no target"),
        ("environments/healthy.yaml", "base_url: 'http://[::1'", "must look like"),
        ("environments/healthy.yaml", "base_url: ftp://host", "must look like"),
        ("environments/healthy.yaml", "{base_url: 'http://127.0.0.1:9', health_path: '@elsewhere/'}", "health_path"),
        ("environments/healthy.yaml", "backend: {command: python}", "backend.command: this must be a list"),
        ("environments/healthy.yaml", "backend: {command: ['no-such-program', '{port}']}", "cannot be started"),
        ("environments/healthy.yaml", "backend: {command: [sh], working_dir: nowhere}", "does not exist"),
        ("environments/healthy.yaml", "backend: {command: [sh]}", "does not say where its backend listens"),
        ("scenarios/toy/targets.yaml", "endpoints: [a]", "endpoints must be a mapping"),
        ("scenarios/toy/targets.yaml", "{1: 2, a: 3}", "allowed are endpoints and total"),
        ("scenarios/toy/targets.yaml", "endpoints: {GET /: {p95: 100}}", "metric"),
        ("scenarios/toy/targets.yaml", "endpoints: {GET /: {p95_ms: soon}}", "a duration is a number with a unit"),
        ("scenarios/toy/targets.yaml", "endpoints: {GET /: {p95_ms: .nan}}", "finite"),
        ("scenarios/toy/scenario.yaml", "grouping: [{match: '(', name: x}]", "regular expression"),
    ],
)
def test_files(
    include: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, file: str, text: str, words: str
) -> None:
    # Whether Locust can load the scenario takes a second, and is asked by its own test below.
    monkeypatch.setattr("loadtest.load.control.scenario_check.check_scenario", lambda *_: Inspection())
    (include / file).write_text(text)
    assert words in refused(capsys, *TOY)


@pytest.mark.parametrize(
    ("locustfile", "words"),
    [("import locust\n", "defines no user class"), ("def f(:\n", "line 1: SyntaxError")],
)
def test_scenarios(include: Path, capsys: pytest.CaptureFixture[str], locustfile: str, words: str) -> None:
    (include / "scenarios/toy/locustfile.py").write_text(locustfile)
    assert words in refused(capsys, *TOY)


def test_a_port_in_use(include: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        write(include / "environments/healthy.yaml", {"backend": {"command": ["sleep", "60"]}, "base_url": url})
        assert f"Something else already listens on {url}" in refused(capsys, *TOY)


@pytest.mark.parametrize("command", ["analyze", "check", "report", "show", "explain"])
@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_no_run(
    include: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert "No run" in refused(capsys, command, name)


def test_runs_root_that_cannot_be_written(
    include: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LOADTEST_RUNS_ROOT", str(tmp_path / "file"))
    assert "Files cannot be read or written: Not a directory" in refused(capsys, *TOY)
