"""Output of processes to a capped, masked log file: the beginning and the end are kept, what lies between is counted."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path
from typing import IO, TextIO

from loadtest.masking import mask_secrets

HEAD_BYTES = 1_000_000
TAIL_LINES = 500
MAX_LINE = 2_000


class LogCapture:
    """Collects the output of several processes in one file, line by line, each by a thread of its own.

    Only what is kept is masked: a scenario that logs an error for each request must not cost the supervisor its CPU.
    """

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w", encoding="utf-8", errors="replace")
        self._lock = threading.Lock()
        self._written = 0
        self._after_head = 0
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._threads: list[threading.Thread] = []

    def follow(self, stream: IO[bytes], prefix: str = "") -> None:
        """Read `stream` to its end in the background."""
        thread = threading.Thread(target=self._pump, args=(stream, prefix), daemon=True)
        thread.start()
        self._threads.append(thread)

    def _pump(self, stream: IO[bytes], prefix: str) -> None:
        begins = True
        with stream:
            while raw := stream.readline(MAX_LINE):
                if begins:  # the rest of a longer line is left out
                    self._add(prefix + raw.decode("utf-8", errors="replace").rstrip("\r\n"))
                begins = raw.endswith(b"\n")

    def _add(self, line: str) -> None:
        with self._lock:
            if self._file.closed:
                return
            self._tail.append(line)
            if self._written < HEAD_BYTES:
                masked = mask_secrets(line)
                self._file.write(masked + "\n")
                self._file.flush()
                self._written += len(masked) + 1
            else:
                self._after_head += 1

    @property
    def last_lines(self) -> list[str]:
        """The end of the output so far, masked; waits for what processes that ended have still in their pipes."""
        self._join()
        with self._lock:
            return [mask_secrets(line) for line in self._tail]

    def close(self) -> None:
        self._join()
        with self._lock:
            kept = min(self._after_head, len(self._tail))
            if self._after_head > kept:
                self._file.write(f"[... {self._after_head - kept} lines left out ...]\n")
            self._file.writelines(mask_secrets(line) + "\n" for line in list(self._tail)[len(self._tail) - kept :])
            self._file.close()

    def _join(self) -> None:
        for thread in self._threads:
            thread.join(timeout=2)
