"""The supervisor's watch over running Locust processes: second by second until they have ended, whatever ends them."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from typing import Protocol

from loadtest.backend.health_client import HealthClient
from loadtest.backend.health_watch import HealthWatcher
from loadtest.backend.process_watch import BackendWatch
from loadtest.backend.restart_watch import RestartWatch
from loadtest.load import locust_command, streams
from loadtest.load.abort import AbortWatch, criteria_of
from loadtest.load.agent_config import AgentConfig
from loadtest.load.failures import start_failure
from loadtest.load.job import OVERTIME_S, STOP_AFTER_S, LoadJob, Scratch, run_folder_of, start_wait_s
from loadtest.load.live import LiveStats
from loadtest.load.supervision.doubts import doubts_so_far
from loadtest.load.supervision.facts import SATURATED_BUSY_SHARE, ProcessFacts
from loadtest.load.supervision.live_metrics import LiveMetrics
from loadtest.load.supervision.live_otlp import LivePush
from loadtest.load.supervision.neighbors import NeighborWatch
from loadtest.load.supervision.progress import ProgressWriter
from loadtest.load.supervision.result import Observed
from loadtest.load.supervision.search import SearchControl
from loadtest.load.supervision.tail import WorkerTail
from loadtest.load.turns import READY_WITHIN_S

log = logging.getLogger("loadtest.load.supervision.watch")

SILENT_S = 6.0  # a worker of which no facts came for so long is lost
FRESH_S = 2.0  # facts come each second


class Request(Protocol):
    """Somebody asked from outside that the load end; `came` is true from then on."""

    came: bool


class LoadWatch:
    """Fills `observed` and `facts` (by stream folder)."""

    def __init__(
        self,
        job: LoadJob,
        scratch: Scratch,
        config: AgentConfig,
        processes: list[locust_command.LocustProcess],
        observed: Observed,
        stop_request: Request,
    ) -> None:
        self.scratch, self.config, self.processes, self.observed = scratch, config, processes, observed
        self.profile, self._scenario = job.plan.profile, job.plan.scenario
        self.facts: dict[str, ProcessFacts] = {}
        self._tails: dict[str, WorkerTail] = {}
        self._heard_at: dict[str, float] = {}  # on our clock, monotonic: when the last facts came; remote clocks may be wrong
        self._stats = LiveStats()
        self._stop_request = stop_request
        self._stop_sent_at: float | None = None
        self._progress = ProgressWriter(job, scratch)
        asked = not job.turns or bool(job.side)  # of two that take turns, the candidate's
        self._live = LiveMetrics(job.plan, asked=asked), LivePush(job.plan, asked=asked)
        self._abort = AbortWatch(criteria_of(job.plan))
        self._planned_end = math.inf  # by our monotonic clock
        self._health = HealthWatcher(HealthClient.of(job.base_url, job.plan.environment))
        self._restarts = RestartWatch(job.base_url, job.plan.environment)
        self._backend = BackendWatch(run_folder_of(job), [process.process.pid for process in processes])
        self._neighbors = NeighborWatch(job.base_url, self._backend.state)
        observed.neighbors = self._neighbors
        self._search = SearchControl(job.plan, scratch.levels, self._neighbors.share) if self.profile.search else None

    def until_end(self) -> None:
        """Returns when no process runs any more or those left must be killed."""
        if not self.processes:
            return
        self._health.start()
        self._restarts.start()
        wait_s = start_wait_s(self.profile)
        deadline = time.monotonic() + wait_s
        load_began = False
        next_second = time.monotonic()
        while any(process.is_running for process in self.processes):
            now = time.monotonic()
            if self._stop_request.came and self._stop_sent_at is None:
                self.observed.signaled = True
                self._stop()
            if self._stop_sent_at is not None and now - self._stop_sent_at > STOP_AFTER_S:
                log.warning("Locust did not end in time and is killed")
                return
            if now > deadline and self._stop_sent_at is None:
                self.observed.error = (
                    "Locust did not end by itself after its planned time and was stopped."
                    if load_began
                    else f"Locust did not start to send load within {wait_s:.0f} s."
                )
                self._stop()
            if now >= next_second:
                next_second = max(next_second + 1, now)
                self._second()
                if not load_began and self._started_at() is not None:
                    load_began = True
                    if self._search:
                        self._search.started()
                    self._planned_end = now + self.profile.planned_duration_s
                    deadline = self._planned_end + OVERTIME_S + (READY_WITHIN_S if self.config.turns else 0)
            time.sleep(0.05)

    def afterwards(self, log_lines: Sequence[str]) -> None:
        """Read what the processes left, and say why they never started when they did not."""
        if self.processes:
            self.observed.health = self._health.stop()
            self.observed.restarts = self._restarts.stop()
        self.observed.death = self._backend.death()
        self.observed.backend_use = self._backend.use()
        self._collect()
        self._write_progress("converting")
        if not self.processes:
            return
        self.observed.exit_code = self.processes[0].process.returncode
        if self.processes[0].worker != streams.MASTER:
            self.observed.lost.clear()  # the only process: its end is the load's own, told by the exit code
        if self._started_at() is None and not self.observed.signaled and not self.observed.error:
            failed = next((code for process in self.processes if (code := process.process.returncode)), self.observed.exit_code)
            self.observed.error = start_failure(log_lines, self._scenario, failed)

    def close(self) -> None:
        self._write_progress("done")
        self._progress.close()
        for live in self._live:
            live.close()

    # -- each second --------------------------------------------------------------------------------------------

    def _second(self) -> None:
        self._collect()
        counts = self._stats.second()
        self._find_lost_workers()
        self._backend.look()
        self._neighbors.look()
        is_sending = self._stop_sent_at is None and time.monotonic() < self._planned_end and not self._is_searched
        if is_sending and (abort := self._abort.second(counts, self._waiting())):
            log.warning("abort criterion met: %s", abort.criterion)
            self.observed.abort = abort
            self._stop()
        if self._search and self._started_at() is not None:
            self._search.second(counts, waiting=self._waiting(), saturated=self._is_saturated())
            self.observed.steps = tuple(self._search.steps)
        self._write_progress("load")

    def _stop(self) -> None:
        self._stop_sent_at = time.monotonic()
        locust_command.stop_gracefully(self.processes)

    def _collect(self) -> None:
        """Read what is new in all streams."""
        for folder in sorted(self.scratch.streams.iterdir()):
            tail = self._tails.setdefault(folder.name, WorkerTail(folder))
            facts = self.facts.setdefault(folder.name, ProcessFacts(worker=folder.name))
            if news := tail.read_facts():
                self._heard_at[folder.name] = time.monotonic()
                facts.add(news)
            while len(samples := tail.read_samples()):
                self._stats.add(samples, tail.names["endpoint"])

    def _write_progress(self, stage: str) -> None:
        self._progress.started = self._started_at()
        doubts = doubts_so_far(self._senders(), self.observed.lost, self._health.facts(), self._neighbors.recent())
        for live in self._live:
            doubts += (live.problem,) if live.problem else ()
            live.tell(self._stats, self._users())
        self._progress.write(stage, self._stats, self._users(), warnings=doubts, force=stage != "load")

    # -- workers ------------------------------------------------------------------------------------------------

    def _find_lost_workers(self) -> None:
        """Workers that ended, or were silent, without their marker while the load should run."""
        time_is_up = self._is_searched or any(facts.event("time_up") for facts in self.facts.values())
        if self._stop_sent_at is not None or time_is_up or self._started_at() is None:
            return
        completed = {facts.worker for facts in self._senders() if facts.completed}
        ended = {process.worker for process in self.processes if not process.is_running}
        silent = {facts.worker for facts in self._senders() if facts.event("test_start")} - self._heard_within(SILENT_S)
        for worker in (ended | silent) - completed - self.observed.lost - {streams.MASTER}:
            log.warning("worker %s is lost", worker)
            self.observed.lost.add(worker)
        workers = {facts.worker for facts in self._senders()} | {process.worker for process in self.processes}
        if workers - {streams.MASTER} and workers - {streams.MASTER} <= self.observed.lost:
            if silent - ended - completed:
                self.observed.error = (
                    f"The load was stopped because no load-generating process gave a sign of life for {SILENT_S:.0f} s: frozen, "
                    "or held up by the scenario."
                )
            self._stop()

    def _heard_within(self, seconds: float) -> set[str]:
        """Workers that lately said something."""
        now = time.monotonic()
        return {facts.worker for folder, facts in self.facts.items() if now - self._heard_at.get(folder, -math.inf) <= seconds}

    def _users(self) -> int:
        return sum(facts.users for facts in self._senders() if facts.worker not in self.observed.lost)

    def _waiting(self) -> int:
        """Requests that wait for an answer; a process that is held up itself tells nothing about answers."""
        heard = self._heard_within(FRESH_S)
        return sum(facts.latest("in_flight") for facts in self._senders() if facts.worker in heard)

    @property
    def _is_searched(self) -> bool:
        """Whether a search for the capacity came to its end."""
        return self._search is not None and self._search.ended

    def _is_saturated(self) -> bool:
        """Whether a process that sends load had no time to spare in its last second."""
        return any(facts.seconds[-1]["busy"] >= SATURATED_BUSY_SHARE for facts in self._senders() if facts.seconds)

    def _senders(self) -> list[ProcessFacts]:
        return [facts for facts in list(self.facts.values()) if facts.worker != streams.MASTER]

    def _started_at(self) -> float | None:
        return min((event["t"] for facts in self.facts.values() if (event := facts.event("test_start"))), default=None)
