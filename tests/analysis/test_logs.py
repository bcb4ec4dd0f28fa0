from __future__ import annotations

from pathlib import Path

from loadtest.analysis.logs import LINE_LENGTH, TAIL_LINES, digest_log


def test_errors_are_counted_and_the_end_is_kept_masked_and_readable(tmp_path: Path) -> None:
    log = tmp_path / "backend.log"
    lines = [f"INFO request {number} errors=0" for number in range(100)]
    lines += ["ERROR boom", "2026 CRITICAL x", "Traceback (most recent call last)", "fatal: no", "INFO terror ERRORS"]
    lines += ["\x1b[31mred\x1b[0m\x07 password=hunter2", "y" * 5_000]
    log.write_bytes("\n".join(lines).encode() + b"\n\xff\xfe broken")
    digest = digest_log(log, "backend.log")
    assert digest is not None
    assert digest.errors == 4
    assert len(digest.tail) == TAIL_LINES
    assert digest.tail[-1].endswith("broken")
    assert len(digest.tail[-2]) == LINE_LENGTH
    assert digest.tail[-3].startswith("red password=")
    assert "hunter2" not in str(digest)


def test_a_log_that_is_not_there_has_no_digest(tmp_path: Path) -> None:
    assert digest_log(tmp_path / "none.log", "none.log") is None


def test_an_empty_log_and_one_without_line_ends(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_bytes(b"")
    assert digest_log(log, "x").tail == ()
    log.write_bytes(b"z" * 1_000_000)
    digest = digest_log(log, "x")
    assert digest is not None
    assert all(len(line) <= LINE_LENGTH for line in digest.tail)
