"""Appends the streams of one process: buffers, interned names, the order in which things reach the disk."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from loadtest.load import streams
from loadtest.masking import mask_known, mask_secrets


class NameTable:
    """Ids for names, at most `limit` of them; what comes later shares the id of `(other)`."""

    def __init__(self, kind: str, limit: int, lines: list[str], first: str | None = None) -> None:
        self._kind, self._limit, self._lines = kind, limit, lines
        self._ids: dict[str, int] = {} if first is None else {first: 0}

    def id_of(self, name: str) -> int:
        number = self._ids.get(name)
        if number is None and len(self._ids) >= self._limit:
            name = streams.OTHER
            number = self._ids.get(name)
        if number is None:
            number = self._ids[name] = len(self._ids)
            mask = mask_secrets if self._kind == "error" else mask_known
            self._lines.append(json.dumps({"kind": self._kind, "id": number, "name": mask(name)}))
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
        self._unwritten = {streams.SAMPLES: self.samples, streams.SERVER: self.server}
        self._unwritten |= {name: bytearray() for name in self.lines}

    def flush(self) -> None:
        """Write everything so far: names before the records that use them. What a full disk does not take is kept for the
        next time, and the OSError is raised."""
        for name, lines in self.lines.items():
            self._unwritten[name] += "".join(line + "\n" for line in lines).encode()
            lines.clear()
        for name in streams.FILES:
            buffer = self._unwritten[name]
            if name in self._files:
                while buffer:
                    self._ship_first(name, os.write(self._files[name], bytes(buffer)))
            elif buffer:
                self._ship_first(name, len(buffer))

    def _ship_first(self, name: str, length: int) -> None:
        """Done with the first `length` bytes of a buffer, which are also sent where somebody wants them."""
        buffer = self._unwritten[name]
        if self._ship:
            self._ship(name, bytes(buffer[:length]))
        del buffer[:length]
