from __future__ import annotations

import io
from pathlib import Path

import pytest

from loadtest.load.failures import start_failure
from loadtest.load.supervision import log_capture
from loadtest.planning.models import Scenario


def test_a_log_without_end_keeps_its_beginning_its_end_and_the_number_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_capture, "HEAD_BYTES", 1000)
    monkeypatch.setattr(log_capture, "TAIL_LINES", 10)
    capture = log_capture.LogCapture(tmp_path / "log")
    capture.follow(io.BytesIO(b"".join(b"line %d\n" % number for number in range(10_000))))
    capture.close()
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[0] == "line 0" and lines[-1] == "line 9999"
    assert any("lines left out" in line for line in lines)
    assert len(lines) < 200


def test_secrets_and_endless_lines_do_not_reach_the_file(tmp_path: Path) -> None:
    capture = log_capture.LogCapture(tmp_path / "log")
    capture.follow(io.BytesIO(b"Authorization: Bearer abcdef0123456789\n" + b"x" * 5_000_000))
    capture.close()
    text = (tmp_path / "log").read_text()
    assert "abcdef0123456789" not in text
    assert max(len(line) for line in text.splitlines()) <= log_capture.MAX_LINE


TRACEBACK = """Traceback (most recent call last):
  File "/venv/lib/locust/main.py", line 100, in main
    load()
  File "/scenarios/a/locustfile.py", line 3, in <module>
    import helper
  File "/scenarios/a/helper.py", line 7
    def broken(:
               ^
SyntaxError: invalid syntax"""


def test_the_reason_of_a_failed_start_is_the_scenarios_own_line() -> None:
    sentence = start_failure(TRACEBACK.splitlines(), Scenario(name="a", folder="/scenarios/a"), 1)
    assert sentence == "The scenario could not be loaded: helper.py, line 7: SyntaxError: invalid syntax."


def test_without_a_traceback_the_last_error_line_is_told() -> None:
    lines = ["[2026-01-01 00:00:00,000] host/ERROR/locust.runners: The Locust master port was busy.", "bye"]
    assert "The Locust master port was busy." in start_failure(lines, Scenario(name="s", folder="/s"), 1)
    assert "no output" in start_failure([], Scenario(name="s", folder="/s"), 1)
