"""The detached process that runs one load attempt from start to load.json: `python -m loadtest.load.supervisor <scratch>`.

It outlives the caller (a CLI, an Airflow task), so that a retry can rejoin it. SIGTERM stops the load within seconds and
keeps the data; if it is killed, Locust notices and quits.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from loadtest.load import host_probe, locust_command, streams
from loadtest.load.abort import AbortWatch
from loadtest.load.facts import ProcessFacts
from loadtest.load.failures import start_failure
from loadtest.load.finish import finish_attempt
from loadtest.load.job import OVERTIME_S, LoadJob, Scratch, agent_config, planned_duration_s
from loadtest.load.live import LiveStats
from loadtest.load.log_capture import LogCapture
from loadtest.load.progress import ProgressWriter
from loadtest.load.result import Observed
from loadtest.load.tail import WorkerTail

log = logging.getLogger("loadtest.load.supervisor")

START_TIMEOUT_S = 60.0
STOP_AFTER_S = 6.0  # how long a stopped Locust may take before it is killed

SILENT_S = 6.0  # a worker that wrote no facts for so long is lost


class Supervisor:
    """One attempt. `run` returns when load.json is written."""

    def __init__(self, scratch: Scratch) -> None:
        self.scratch = scratch
        self.job = LoadJob.read(scratch.job)
        self.profile = self.job.plan.profile
        self.config = agent_config(self.job, scratch)
        self.observed = Observed(started_at=datetime.now(UTC))
        self.stats = LiveStats()
        self.tails: dict[str, WorkerTail] = {}
        self.facts: dict[str, ProcessFacts] = {}
        self.processes: list[locust_command.LocustProcess] = []
        self.progress = ProgressWriter(self.job, scratch)
        self.abort_watch = AbortWatch((*self.profile.abort_when, *self.job.plan.environment.abort_when))
        self._stop_requested = False
        self._stop_sent_at: float | None = None

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        self.scratch.empty.mkdir(exist_ok=True)
        self.scratch.streams.mkdir(exist_ok=True)
        self.scratch.agent_config.write_text(self.config.to_json(), encoding="utf-8")
        before = host_probe.probe() if self.profile.host_probe else None
        capture = LogCapture(self.scratch.locust_log)
        self._supervise(capture)
        self.progress.write("converting", self.stats, self._users(), force=True)
        after = host_probe.probe() if self.profile.host_probe else None
        self.observed.host_probe = host_probe.joined(before, after)
        capture.close()
        self._collect()
        finish_attempt(self.job, self.scratch, self.observed, list(self.facts.values()))
        self.progress.write("done", self.stats, 0, force=True)

    def _on_signal(self, number: int, _frame: object) -> None:
        log.info("signal %s: stopping the load", number)
        self._stop_requested = True

    # -- while load runs ----------------------------------------------------------------------------------------

    def _supervise(self, capture: LogCapture) -> None:
        if self._stop_requested:
            self.observed.signaled = True
            return
        watcher = _health_watcher(self.job)
        try:
            self.processes = locust_command.start_all(self.config, self.scratch, self.profile.remote_wait_s)
            for process in self.processes:
                several = len(self.processes) > 1
                capture.follow(process.process.stdout, f"[worker {process.worker}] | " if several else "")
            if watcher:
                watcher.start()
            self._watch()
        except OSError as error:
            self.observed.error = f"Locust could not be started: {error}."
        finally:
            locust_command.kill_all(self.processes)
            if watcher:
                self.observed.health = watcher.stop()
        self._judge_exit(capture)

    def _watch(self) -> None:
        """Once a second until all processes have ended, whatever ends them."""
        began = time.monotonic()
        wait_s = START_TIMEOUT_S + (self.profile.remote_wait_s if self.profile.remote_workers else 0)
        deadline = began + wait_s
        load_began: float | None = None
        next_second = began + 1
        while any(process.is_running for process in self.processes):
            time.sleep(min(0.1, max(0.0, next_second - time.monotonic())))
            now = time.monotonic()
            if self._stop_requested and self._stop_sent_at is None:
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
            if now < next_second:
                continue
            next_second = max(next_second + 1, now)
            self._second()
            if load_began is None and any(facts.event("test_start") for facts in self.facts.values()):
                load_began = now
                deadline = now + planned_duration_s(self.profile) + OVERTIME_S

    def _second(self) -> None:
        self._collect()
        counts = self.stats.second()
        self._find_lost_workers()
        if self._stop_sent_at is None and (abort := self.abort_watch.second(counts)):
            self.observed.abort = abort
            self._stop()
        self.progress.write("load", self.stats, self._users(), started=self._started_at(), warnings=self._warnings())

    def _stop(self) -> None:
        self._stop_sent_at = time.monotonic()
        locust_command.stop_gracefully(self.processes)

    def _collect(self) -> None:
        """Read what is new in all streams."""
        for folder in sorted(self.scratch.streams.iterdir()):
            tail = self.tails.setdefault(folder.name, WorkerTail(folder))
            facts = self.facts.setdefault(folder.name, ProcessFacts(worker=folder.name))
            facts.add(tail.read_facts())
            while len(samples := tail.read_samples()):
                self.stats.add(samples, tail.names["endpoint"])

    def _find_lost_workers(self) -> None:
        """A process that ended, or was silent, without its marker while the load should run."""
        if self._stop_sent_at is not None or self._time_is_up():
            return
        for process in self.processes:
            if process.worker != streams.MASTER and not process.is_running and not self._completed(process.worker):
                self._lost(process.worker)
        if len(self.processes) == 1:
            return
        for facts in self.facts.values():
            silent = facts.event("test_start") and time.time() - facts.last_t > SILENT_S
            if facts.worker != streams.MASTER and silent and not facts.completed:
                self._lost(facts.worker)
        workers = [facts for facts in self.facts.values() if facts.worker != streams.MASTER]
        if workers and self._started_at() and all(facts.worker in self.observed.lost for facts in workers):
            self._stop()

    def _lost(self, worker: str) -> None:
        if worker not in self.observed.lost:
            log.warning("worker %s is lost", worker)
            self.observed.lost.add(worker)

    def _completed(self, worker: str) -> bool:
        return any(facts.completed for facts in self.facts.values() if facts.worker == worker)

    def _time_is_up(self) -> bool:
        return any(facts.event("time_up") for facts in self.facts.values())

    def _started_at(self) -> float | None:
        return min((event["t"] for facts in self.facts.values() if (event := facts.event("test_start"))), default=None)

    def _users(self) -> int:
        return sum(facts.users for facts in self.facts.values() if facts.worker != streams.MASTER)

    def _warnings(self) -> tuple[str, ...]:
        return tuple(f"load-generating process {worker} is lost" for worker in sorted(self.observed.lost))

    # -- afterwards ---------------------------------------------------------------------------------------------

    def _judge_exit(self, capture: LogCapture) -> None:
        self._collect()
        first = self.processes[0] if self.processes else None
        self.observed.exit_code = first.process.returncode if first else None
        never_started = not any(facts.event("test_start") for facts in self.facts.values())
        if never_started and not self.observed.signaled and not self.observed.error:
            failed = next((p.process.returncode for p in self.processes if p.process.returncode), self.observed.exit_code)
            self.observed.error = start_failure(list(capture.lines), self.config.locustfile, failed)
        if len(self.processes) == 1 and self.observed.lost:
            self.observed.lost.clear()  # the only process: its end is a crash, told by the exit code


def _health_watcher(job: LoadJob):
    """The backend's health during the load; None until the environment has a health path."""
    try:
        from loadtest.backend.health import HealthWatcher
    except ImportError:
        return None
    return HealthWatcher(job.base_url, job.plan.environment.health_path)


def main(arguments: list[str]) -> int:
    scratch = Scratch(Path(arguments[0]))
    logging.basicConfig(filename=scratch.supervisor_log, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    os.chdir(scratch.path)
    try:
        Supervisor(scratch).run()
    except Exception:
        log.exception("the supervisor failed")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
