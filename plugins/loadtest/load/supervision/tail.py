"""Reads the streams of the load-generating processes while they grow: whole records and whole lines, each once."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from loadtest.load import streams

SAMPLE_DTYPE = np.dtype(streams.SAMPLE_FIELDS)
SERVER_DTYPE = np.dtype(streams.SERVER_FIELDS)
MAX_READ_BYTES = 28 * 1_000_000  # at most a million samples at a time, so that memory stays flat
assert SAMPLE_DTYPE.itemsize == streams.SAMPLE.size
assert SERVER_DTYPE.itemsize == streams.SERVER_RECORD.size


class FileTail:
    """New bytes of a file that may not exist yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read(self, unit: int | None = None) -> bytes:
        """What is new and complete: a multiple of `unit` bytes, or whole lines when None."""
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._offset)
                data = stream.read(MAX_READ_BYTES // (unit or 1) * (unit or 1))
        except FileNotFoundError:
            return b""
        data = data[: len(data) // unit * unit] if unit else data[: data.rfind(b"\n") + 1]
        self._offset += len(data)
        return data

    def read_all(self) -> bytes:
        """Every whole line that is new."""
        return b"".join(iter(self.read, b""))


class WorkerTail:
    """The streams of one process. `names[kind][id]` grows as they are read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: dict[str, dict[int, str]] = {"endpoint": {}, "error": {0: ""}, "component": {}}
        self._samples = FileTail(folder / streams.SAMPLES)
        self._names = FileTail(folder / streams.NAMES)
        self._facts = FileTail(folder / streams.FACTS)

    @property
    def clock_offset_s(self) -> float | None:
        """Master's clock minus that of a remote worker; None for a process of this machine."""
        try:
            return float(json.loads((self.folder / streams.OFFSET).read_text())["offset_s"])
        except (OSError, ValueError, KeyError):
            return None

    def read_samples(self) -> np.ndarray:
        """New records as an array of SAMPLE_DTYPE; the names they use are known afterwards."""
        data = self._samples.read(streams.SAMPLE.size)
        self.read_names()
        return np.frombuffer(data, dtype=SAMPLE_DTYPE)

    def read_names(self) -> None:
        for entry in parse_lines(self._names.read_all()):
            with suppress(KeyError, TypeError):  # no name entry
                self.names[entry["kind"]][entry["id"]] = entry["name"]

    def read_facts(self) -> list[dict[str, Any]]:
        return [fact for fact in parse_lines(self._facts.read_all()) if isinstance(fact, dict)]


def parse_lines(data: bytes) -> list[Any]:
    """JSON, one value a line; a damaged line (torn by a full disk) is left out."""
    found = []
    for line in data.splitlines():
        with suppress(ValueError):
            found.append(json.loads(line))
    return found


def worker_folders(folder: Path) -> list[Path]:
    """Folders of processes that send load (not the master's), by name."""
    if not folder.is_dir():
        return []
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and entry.name != streams.MASTER)
