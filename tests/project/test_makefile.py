"""`make run`: what it hands on, when it sends nothing, what it refuses. With a stub in place of the product."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[2] / "Makefile"


@pytest.fixture
def make(tmp_path):
    """Runs make in a directory that looks installed; returns the result and what the stub was called with."""
    called = tmp_path / "called"
    stub = tmp_path / "stub"
    stub.write_text(f'#!/bin/sh\nfor word; do echo "$word"; done > {called}\nexit ${{STUB_EXIT:-0}}\n')
    stub.chmod(0o755)
    for name in ("requirements.txt", "pyproject.toml", ".venv/installed"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def run(*arguments: str, stub_exit: int = 0) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        result = subprocess.run(
            ["make", "-f", str(MAKEFILE), *arguments, f"LOADTEST={stub}"],
            cwd=tmp_path,
            env=environment | {"STUB_EXIT": str(stub_exit)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return result, called.read_text().splitlines() if called.exists() else []

    return run


def test_a_run_gets_its_parameters_as_they_are(make):
    result, called = make("run", "--no-print-directory", "PROFILE=light", "SLOWDOWN=GET /a=+4ms", "REASON=n q=t")
    assert result.returncode == 0, result.stderr
    assert called == ["airflow", "run", "--profile", "light", "--slowdown", "GET /a=+4ms", "--reason", "n q=t"]


@pytest.mark.parametrize(("product", "ours"), [(0, 0), (1, 1), (3, 2)])
def test_a_failed_verdict_is_told_by_the_exit_code(make, product, ours):
    assert make("run", stub_exit=product)[0].returncode == ours


@pytest.mark.parametrize("flag", ["-n", "-q", "-t", "--dry-run", "-sn"])
def test_asking_what_make_would_do_sends_nothing(make, flag):
    assert make(flag, "run", "PROFILE=light")[1] == []


@pytest.mark.parametrize("flags", [(), ("-n",)])
def test_a_misspelled_variable_is_refused(make, flags):
    result, called = make(*flags, "run", "PROFLIE=light")
    assert (result.returncode, called) == (2, [])
    assert "Unknown variable PROFLIE: make run takes PROFILE " in result.stderr


def test_variables_of_the_installation_are_known(make):
    assert make("run", "SEED=1", "AIRFLOW_HOME=elsewhere", "LOADTEST_RUNS_ROOT=runs", "PYTHON3=python3")[0].returncode == 0
