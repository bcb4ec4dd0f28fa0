"""Advised commands are printed as the product was called, so that they can be typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.wording import as_called

BIN = Path(sys.executable).parent


def advice(tmp_path: Path, command: list[str], path: str) -> str:
    """What the product answers to a question about a run that there cannot be: a sentence with a command in it."""
    environment = {"PATH": path, "LOADTEST_HOME": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(
        [*command, "explain", "latest"], env=environment, capture_output=True, text=True, check=False, cwd=BIN.parent
    )
    assert done.returncode == 2
    return done.stderr


@pytest.mark.parametrize(
    ("command", "path", "expected"),
    [
        (["loadtest"], f"{BIN}:/usr/bin:/bin", ": loadtest run"),
        (["bin/loadtest"], "/usr/bin:/bin", ": bin/loadtest run"),
        ([sys.executable, "-m", "loadtest"], "/usr/bin:/bin", f": {sys.executable} -m loadtest run"),
        (["python", "-m", "loadtest"], f"{BIN}:/usr/bin:/bin", ": python -m loadtest run"),
    ],
)
def test_advice_can_be_typed(tmp_path: Path, command: list[str], path: str, expected: str) -> None:
    program = str(BIN / command[0]) if command[0] in ("loadtest", "python") else command[0]
    assert expected in advice(tmp_path, [program, *command[1:]], path)


def test_only_commands_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/loadtest"])
    monkeypatch.setenv("PATH", "/nowhere")
    assert as_called("loadtest explain x") == ".venv/bin/loadtest explain x"
    assert as_called("start one with: loadtest run, or `loadtest init`") == (
        "start one with: .venv/bin/loadtest run, or `.venv/bin/loadtest init`"
    )
    assert as_called("what loadtest needs; /opt/loadtest run") == "what loadtest needs; /opt/loadtest run"
