"""Logs of backends, masked before anybody keeps or quotes them."""

from __future__ import annotations

import os
from pathlib import Path

from loadtest.files import AnyPath, write_bytes
from loadtest.masking import mask_secrets


def write_masked_log(source: Path, target: AnyPath, *, limit_bytes: int = 1_000_000) -> None:
    """Copy the log file `source` to `target`, masked, whole lines only, at most about `limit_bytes`: its beginning and its end.

    A line that is cut is left out, for a secret cut in two could not be recognized.
    """
    size = source.stat().st_size
    with source.open("rb") as stream:
        if size <= limit_bytes:
            text = _decode(stream.read(limit_bytes))
        else:
            half = limit_bytes // 2
            head = stream.read(half).rpartition(b"\n")[0]
            stream.seek(-half, os.SEEK_END)
            tail = stream.read(half).partition(b"\n")[2]
            left_out = size - len(head) - len(tail)
            text = f"{_decode(head)}\n[... {left_out} bytes left out ...]\n{_decode(tail)}"
    write_bytes(target, mask_secrets(text).encode("utf-8", errors="replace"))


def last_line(log: Path, *, limit: int = 300) -> str:
    """The last line of a log that is not blank, masked and shortened; empty where there is none."""
    return "".join(last_lines(log, 1, limit=limit))


def last_lines(log: Path, count: int, *, limit: int = 300) -> list[str]:
    """The last lines of a log that are not blank, oldest first, each as `last_line` gives it."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(log.stat().st_size - 65_536, 0))
            text = _decode(stream.read())
    except OSError:
        return []
    lines = [mask_secrets(line.strip()) for line in text.splitlines() if line.strip()][-count:]
    return [line if len(line) <= limit else line[: limit - 1] + "…" for line in lines]


def _decode(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")
