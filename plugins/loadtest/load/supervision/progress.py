"""Writes progress.json: on local scratch each second, in the run folder every few seconds."""

from __future__ import annotations

import contextlib
import threading
import time
from datetime import UTC, datetime

from loadtest.load.job import LoadJob, Scratch, run_folder_of
from loadtest.load.live import LiveStats
from loadtest.load.models import Progress

FOLDER_EVERY_S = 3.0


class ProgressWriter:
    """rps, p50 and p95 of the whole are of the last 10 s; the rows of endpoints are since the start."""

    def __init__(self, job: LoadJob, scratch: Scratch) -> None:
        self._job, self._scratch = job, scratch
        self._target = run_folder_of(job).attempt(job.attempt).progress
        self._copied_at = 0.0
        self._copying: threading.Thread | None = None
        self.started: float | None = None  # of the load, seconds since the epoch

    def write(
        self,
        stage: str,
        stats: LiveStats,
        users: int,
        *,
        warnings: tuple[str, ...] = (),
        force: bool = False,
    ) -> None:
        elapsed_s = time.time() - self.started if self.started else 0.0
        planned_s = self._job.plan.profile.planned_duration_s
        over = stage in ("converting", "done")
        recent = stats.recent
        progress = Progress(
            run_id=self._job.plan.run_id,
            stage=stage if self.started or over else "starting",
            updated_at=datetime.now(UTC),
            elapsed_s=round(elapsed_s, 2),
            remaining_s=0.0 if over else round(max(0.0, planned_s - elapsed_s), 2),
            users=users,
            requests=stats.total.requests,
            rps=stats.recent_rps,
            p50_ms=recent.quantile_ms(0.50),
            p95_ms=recent.quantile_ms(0.95),
            failures=stats.total.failures,
            endpoints=stats.endpoint_progress(elapsed_s),
            warnings=warnings,
        )
        progress.write(self._scratch.progress)
        self._copy(progress, force)

    def _copy(self, progress: Progress, force: bool) -> None:
        """To the run folder in a thread of its own: a slow object store must not hold up the watch over the load."""
        if force and self._copying is not None:
            self._copying.join(FOLDER_EVERY_S)
        busy = self._copying is not None and self._copying.is_alive()
        if busy or (not force and time.monotonic() - self._copied_at < FOLDER_EVERY_S):
            return
        self._copied_at = time.monotonic()

        def copy() -> None:
            with contextlib.suppress(Exception):  # progress is a courtesy; the result itself is written loudly
                progress.write(self._target)

        self._copying = threading.Thread(target=copy, daemon=True)
        self._copying.start()

    def close(self) -> None:
        """Wait a little for the last copy, so that no half-written file stays behind."""
        if self._copying is not None:
            self._copying.join(FOLDER_EVERY_S)
