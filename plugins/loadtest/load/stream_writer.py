"""Appends the streams of one process: buffers, interned names, the order in which things reach the disk."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from loadtest.load import streams

OTHER = "(other)"


class NameTable:
    """Ids for names, at most `limit` of them; what comes later shares the id of `(other)`."""

    def __init__(self, kind: str, limit: int, lines: list[str], first: str | None = None) -> None:
        self._kind, self._limit, self._lines = kind, limit, lines
        self._ids: dict[str, int] = {} if first is None else {first: 0}

    def id_of(self, name: str) -> int:
        number = self._ids.get(name)
        if number is None and len(self._ids) >= self._limit:
            name = OTHER
            number = self._ids.get(name)
        if number is None:
            number = self._ids[name] = len(self._ids)
            self._lines.append(json.dumps({"kind": self._kind, "id": number, "name": name}))
        return number


class StreamWriter:
    """`samples` and `server` are buffers to append to; `folder` None writes nothing here (a remote worker).

    `ship`: called with (file name, bytes) of everything written.
    """

    def __init__(self, folder: Path | None, ship: Callable[[str, bytes], None] | None = None) -> None:
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._files = {name: os.open(folder / name, flags, 0o644) for name in streams.FILES if folder}
        self._ship = ship
        self.samples = bytearray()
        self.server = bytearray()
        self.lines: dict[str, list[str]] = {name: [] for name in (streams.NAMES, streams.EXEMPLARS, streams.FACTS)}

    def flush(self) -> None:
        """Write everything so far: names before the records that use them."""
        for name in streams.FILES:
            data = self._take(name)
            if data and name in self._files:
                self._write(self._files[name], data)
            if data and self._ship:
                self._ship(name, data)

    def _take(self, name: str) -> bytes:
        if name in self.lines:
            lines = "".join(line + "\n" for line in self.lines[name])
            self.lines[name].clear()
            return lines.encode()
        buffer = self.samples if name == streams.SAMPLES else self.server
        data = bytes(buffer)
        buffer.clear()
        return data

    @staticmethod
    def _write(descriptor: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
