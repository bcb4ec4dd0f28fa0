"""Brings the streams of remote workers to the master's disk, over Locust's own connection: no shared disk is needed.

A remote worker sends what it would have written, compressed, each second; the master appends it to the same files that a
local worker writes. The offset in each chunk shows a loss on the way: then the worker's stream ends there.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from time import monotonic, time
from typing import Any

import gevent

from loadtest.load import streams

CHUNK, STOP, LAST = "loadtest_chunk", "loadtest_stop", "loadtest_last"
# These ride on Locust's spawn message, so that a worker has them before it sends a request.
CONFIG_OPTION = "loadtest_config"
HEADERS_OPTION = "loadtest_headers"
SLOTS_OPTION = "loadtest_slots"  # {client id: number of the worker among those that start}; Locust's own numbers have gaps


class Shipper:
    """Worker side. Call it with (file, bytes) for each write."""

    def __init__(self, runner, worker: str) -> None:
        self._runner, self._worker = runner, worker
        self._offsets = dict.fromkeys(streams.FILES, 0)

    def __call__(self, name: str, data: bytes) -> None:
        self._runner.send_message(
            CHUNK,
            {
                "worker": self._worker,
                "file": name,
                "offset": self._offsets[name],
                "data": zlib.compress(data, 1),
                "t": time(),
            },
        )
        self._offsets[name] += len(data)

    def last(self) -> None:
        self._runner.send_message(LAST, {"worker": self._worker})


class Receiver:
    """Master side: appends chunks under `folder`, and waits for the last of each worker at the end."""

    def __init__(self, runner, folder: Path) -> None:
        self._runner, self._folder = runner, folder
        self._open: set[str] = set()
        self._ended: set[str] = set()
        self._broken: set[str] = set()
        self._offset_s: dict[str, float] = {}
        runner.register_message(CHUNK, self._on_chunk)
        runner.register_message(LAST, self._on_last)

    def _on_chunk(self, environment, msg, **_: object) -> None:
        chunk: dict[str, Any] = msg.data
        worker, name = str(chunk["worker"]), str(chunk["file"])
        if name not in streams.FILES or worker in self._broken:
            return
        folder = self._folder / stream_folder(worker)
        folder.mkdir(parents=True, exist_ok=True)
        self._open.add(worker)
        path = folder / name
        size = path.stat().st_size if path.exists() else 0
        if size != chunk["offset"]:
            self._broken.add(worker)
            self._fact(folder, {"event": "stream_broken", "file": name, "at": size, "t": time()})
            return
        with path.open("ab") as stream:
            stream.write(zlib.decompress(chunk["data"]))
        offset_s = time() - chunk["t"]  # clock difference plus the way here; the smallest comes closest to the former
        if offset_s < self._offset_s.get(worker, float("inf")) - 0.001 and name == streams.FACTS:
            self._offset_s[worker] = offset_s
            (folder / streams.OFFSET).write_text(json.dumps({"offset_s": round(offset_s, 6)}))

    def _on_last(self, environment, msg, **_: object) -> None:
        self._ended.add(str(msg.data["worker"]))

    @staticmethod
    def _fact(folder: Path, fact: dict[str, object]) -> None:
        with (folder / streams.FACTS).open("a") as stream:
            stream.write(json.dumps(fact) + "\n")

    def gather(self, timeout_s: float) -> None:
        """Ask every worker to stop its users, and wait until all their samples are here or `timeout_s` is over."""
        self._runner.send_message(STOP)
        deadline = monotonic() + timeout_s
        while self._open - self._ended and monotonic() < deadline and self._runner.clients:
            gevent.sleep(0.05)


def stream_folder(worker: str) -> str:
    """Folder of a worker's streams; a name that came over the network cannot leave the streams folder."""
    safe = "".join(character if character.isalnum() or character in "_.-" else "-" for character in worker)
    return safe.lstrip(".") or "unnamed"
