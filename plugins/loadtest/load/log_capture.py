"""Output of a process to a capped, masked log file: the beginning and the end are kept, what lies between is counted."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path
from typing import BinaryIO, TextIO

from loadtest.masking import mask_secrets

HEAD_BYTES = 2_000_000
TAIL_LINES = 500
MAX_LINE = 2_000


class LogCapture:
    """Collects the output of several processes in one file, line by line, each by a thread of its own."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w", encoding="utf-8", errors="replace")
        self._lock = threading.Lock()
        self._written = 0
        self._omitted = 0
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._threads: list[threading.Thread] = []
        self.lines: deque[str] = deque(maxlen=TAIL_LINES)

    def follow(self, stream: BinaryIO, prefix: str = "") -> None:
        thread = threading.Thread(target=self._pump, args=(stream, prefix), daemon=True)
        thread.start()
        self._threads.append(thread)

    def _pump(self, stream: BinaryIO, prefix: str) -> None:
        with stream:
            while raw := stream.readline(MAX_LINE):
                self.write(prefix + raw.decode("utf-8", errors="replace").rstrip("\n"))

    def write(self, text: str) -> None:
        line = mask_secrets(text)
        with self._lock:
            self.lines.append(line)
            if self._written < HEAD_BYTES:
                self._file.write(line + "\n")
                self._file.flush()
                self._written += len(line) + 1
                return
            if len(self._tail) == TAIL_LINES:
                self._omitted += 1
            self._tail.append(line)

    def close(self) -> None:
        for thread in self._threads:
            thread.join(timeout=2)
        with self._lock:
            if self._omitted:
                self._file.write(f"... {self._omitted} lines left out ...\n")
            self._file.writelines(line + "\n" for line in self._tail)
            self._file.close()
