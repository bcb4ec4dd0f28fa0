"""Our part of a Locust process: starts the recorder, observes the process, ends the load at the planned time.

Runs the same in a local process, in a master and in its workers. It patches no scenario: a scenario's own load shape is
set aside, because the plan says how much load there is.
"""

from __future__ import annotations

import atexit
import gc
import inspect
import logging
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, perf_counter, time
from types import TracebackType

import gevent
import gevent.monkey
from gevent.event import Event
from locust import events
from locust.runners import MasterRunner, WorkerRunner

from loadtest.load import streams
from loadtest.load.agent_config import AgentConfig
from loadtest.load.inside_locust.access import give_access
from loadtest.load.inside_locust.caught_responses import report_every_response, settle_all
from loadtest.load.inside_locust.fleet_door import lock_the_door
from loadtest.load.inside_locust.open_loop import ArrivalCounts, use_open_loop
from loadtest.load.inside_locust.other_hosts import OtherHosts
from loadtest.load.inside_locust.own_endings import report_own_endings
from loadtest.load.inside_locust.pytest_users import make_plain_users
from loadtest.load.inside_locust.recorder import Recorder
from loadtest.load.inside_locust.request_hook import listen_first, make_recorded
from loadtest.load.inside_locust.self_observation import NAP_S, SelfObservation
from loadtest.load.inside_locust.shipping import (
    CONFIG_OPTION,
    HEADERS_OPTION,
    SLOTS_OPTION,
    STOP,
    Receiver,
    Shipper,
    stream_folder,
)
from loadtest.load.inside_locust.taking_turns import TurnTaker
from loadtest.load.inside_locust.task_errors import TaskErrors
from loadtest.load.inside_locust.tracing import trace_requests
from loadtest.load.inside_locust.user_patches import (
    apply_tags,
    desynchronize_users,
    keep_hosts_of_other_protocols,
    report_users_not_created,
    report_users_that_quit,
    stop_waiting_users_safely,
)
from loadtest.load.levels import Level
from loadtest.load.request_headers import RequestHeaders
from loadtest.load.turns import READY_WITHIN_S

logger = logging.getLogger(__name__)

EARLY_S = 2.0  # a worker hears of the start later than the master, on a busy machine by more than a second
GATHER_ON_QUIT_S = 4.0
ARRIVALS_LAG_S = 0.5
LEVEL_POLL_S = 0.2
LINGER_S = 5.0
LOCUST_LISTENER = "Runner.__init__.<locals>.on_request"


def install() -> None:
    """Called while Locust loads its files, after the scenario.

    With LOADTEST_RECORDER: a process that our supervisor started. Without: a remote worker, if it is a worker at all,
    which gets its configuration from the master.
    """
    lock_the_door()
    path = os.environ.get(streams.CONFIG_VARIABLE)
    config = AgentConfig.read(path) if path else None
    if config:
        refuse_without_users(config.locustfiles)
    agent = Agent(config, worker=os.environ.get(streams.WORKER_VARIABLE, "local/0"))
    events.init.add_listener(agent.on_init)


def refuse_without_users(locustfiles: tuple[str, ...]) -> None:
    """End before Locust tries to read files without users as pytest files, which only confuses."""
    from locust.util.load_locustfile import is_user_class

    names = [Path(locustfile).stem for locustfile in locustfiles]
    modules = [sys.modules.get(name) for name in names]
    if None in modules or len(set(names)) < len(names):  # of two files of one name Python knows the last only
        return
    if not any(is_user_class(value) or is_test(name) for module in modules for name, value in vars(module).items()):
        sys.stderr.write(f"No User class found in {', '.join(locustfiles)}\n")
        sys.exit(1)


def is_test(name: str) -> bool:
    """Whether pytest would collect what has this name."""
    return name.startswith(("test", "Test"))


def take_over_statistics(environment):
    """Take out Locust's own listener, which keeps statistics of every URL it ever saw; our recorder feeds them instead."""
    listeners = environment.events.request._handlers
    for listener in [listener for listener in listeners if getattr(listener, "__qualname__", "") == LOCUST_LISTENER]:
        listeners.remove(listener)
        return environment.stats
    return None


def leave_at_last(exit_code: int) -> None:
    """All is written: threads and exit handlers of the scenario (exporters, clients) get a moment, and then hold up nothing."""
    gevent.monkey.get_original("time", "sleep")(LINGER_S)
    os._exit(exit_code)


def remote_worker_name(index: int) -> str:
    """`<region>/<number>`; the region is LOADTEST_REGION, or the host's name."""
    region = os.environ.get("LOADTEST_REGION") or socket.gethostname()
    return f"{region}/{index}" if index >= 0 else f"{region}/{os.getpid()}"


class Agent:
    """One per process. `worker`: `<region>/<number>`, or `_master`; `config` None: a remote worker."""

    def __init__(self, config: AgentConfig | None, worker: str) -> None:
        self._config = config
        self.worker = worker
        self.is_remote = config is None
        self.arrivals: ArrivalCounts | None = None
        self.receiver: Receiver | None = None
        self.shipper: Shipper | None = None
        self.turns: TurnTaker | None = None
        self.others: OtherHosts | None = None
        self.started_at: float | None = None  # monotonic
        self.task_errors = TaskErrors()
        self.users_quit = 0
        self.ended_itself = False
        self.headers = RequestHeaders.taken_from_environment()
        self._started = Event()
        self._parent = os.getppid()

    @property
    def config(self) -> AgentConfig:
        """Known from the start, on a remote worker from the start of the load."""
        assert self._config is not None
        return self._config

    def on_init(self, environment, runner, **_: object) -> None:
        self.environment, self.runner = environment, runner
        if not self.is_remote:
            self.prepare()
            listen_first(environment.events.test_start, self.on_test_start)
        elif isinstance(runner, WorkerRunner):
            listen_first(environment.events.test_start, self.on_remote_start)

    def on_remote_start(self, **_: object) -> None:
        text = getattr(self.environment.parsed_options, CONFIG_OPTION, None)
        if not text:
            logger.warning("the master sends no load test configuration: nothing is recorded here")
            return
        self._config = AgentConfig.from_json(text)
        self.headers = RequestHeaders.from_json(getattr(self.environment.parsed_options, HEADERS_OPTION))
        self.worker = remote_worker_name(self.runner.worker_index)
        self.shipper = Shipper(self.runner, self.worker)
        self.runner.register_message(STOP, self.on_remote_stop, concurrent=True)
        self.prepare()
        self.event("scenario", digest=os.environ.get(streams.SCENARIO_VARIABLE, ""))
        self.on_test_start()

    def on_remote_stop(self, **_: object) -> None:
        self.runner.stop()
        if self.shipper:
            self.shipper.last()

    def prepare(self) -> None:
        """Everything that must be in place before the first request."""
        environment, runner, config = self.environment, self.runner, self.config
        folder = None if self.is_remote else Path(config.streams) / stream_folder(self.worker)
        stats = None if isinstance(runner, MasterRunner) else take_over_statistics(environment)
        self.recorder = Recorder(
            folder,
            worker=self.worker,
            patterns=list(config.patterns),
            ship=self.shipper,
            stats=stats,
            open_loop=config.open_loop,
            longest_s=config.duration_s + config.stop_timeout_s,
        )
        self._observation = SelfObservation()
        if environment.shape_class is not None:
            environment.shape_class = None  # where a profile obeys it, the plan's stages are what it asked for
        make_plain_users(environment.user_classes)
        keep_hosts_of_other_protocols(environment.user_classes)
        if config.set_aside and not isinstance(runner, WorkerRunner):
            logger.warning("set aside from the Locust files: %s", "; ".join(config.set_aside))
        apply_tags(environment)
        if config.open_loop:
            processes = max(1, config.expected_workers + config.remote_workers)
            self.arrivals = use_open_loop(
                environment,
                schedule=config.schedule(),
                max_concurrency=-(-config.max_concurrency // processes),
                processes=processes,
                stop_timeout_s=config.stop_timeout_s,
            )
        else:
            desynchronize_users(config.duration_s)
            report_users_not_created(runner, self.on_task_error)
            report_users_that_quit(self.on_user_quit)
        stop_waiting_users_safely()
        report_own_endings(runner, self.on_own_ending)
        if config.turns:
            self.turns = TurnTaker(Path(config.turns), config.side)
            self.turns.hold_requests_back()
        if isinstance(runner, MasterRunner):
            if config.remote_workers:
                self.receiver = receiver = Receiver(runner, Path(config.streams))
                vars(environment.parsed_options)[CONFIG_OPTION] = config.to_json()
                vars(environment.parsed_options)[HEADERS_OPTION] = self.headers.to_json()
                environment.events.quitting.add_listener(lambda **_: receiver.gather(GATHER_ON_QUIT_S))
        else:
            trace_requests(self.recorder, config.base_url, config.allowed_hosts)
            give_access(config.base_url, self.headers.values, config.tls, config.tls_context())
            record: Callable[..., None] = self.recorder.on_request
            if config.allowed_hosts:
                self.others = OtherHosts(self.recorder, config.allowed_hosts)
                record = self.others.on_request
            make_recorded(environment.events.request).record = record
            report_every_response()
        listen_first(environment.events.user_error, self.on_task_error)
        listen_first(environment.events.spawning_complete, self.on_spawning_complete)
        listen_first(environment.events.test_stop, self.on_test_stop)
        environment.events.quitting.add_listener(lambda **_: self.recorder.flush())
        if not self.is_remote:
            environment.events.quit.add_listener(self.on_quit)
            atexit.register(self.recorder.flush)
        gevent.spawn(self.observe)
        if not isinstance(runner, WorkerRunner):
            gevent.spawn(self.control)

    # -- events -------------------------------------------------------------------------------------------------

    def on_test_start(self, **_: object) -> None:
        # Modules and classes live as long as the process. The collector need not walk through them again and again: each time
        # it held up all users for 20 ms, 1.5 % of the time of a saturated process.
        gc.collect()
        gc.freeze()
        if isinstance(self.runner, MasterRunner):
            slots = {client_id: slot for slot, client_id in enumerate(sorted(self.runner.clients))}
            vars(self.environment.parsed_options)[SLOTS_OPTION] = slots
        self.started_at = monotonic()
        self.event("test_start")
        self._started.set()

    def on_spawning_complete(self, user_count: int, **_: object) -> None:
        self.event("spawning_complete", users=user_count)

    def on_task_error(self, exception: BaseException, tb: TracebackType | None = None, **_: object) -> None:
        if first := self.task_errors.add(exception, tb):
            self.event("task_error", **first)

    def on_user_quit(self) -> None:
        self.users_quit += not self.ended_itself

    def on_own_ending(self, what: str) -> None:
        if not self.ended_itself:
            self.ended_itself = True
            self.event("own_ending", what=what)

    def on_test_stop(self, **_: object) -> None:
        elapsed = monotonic() - self.started_at if self.started_at is not None else 0.0
        settle_all(self.recorder.in_flight)
        self.second()
        self.event("unanswered", endpoints=self.recorder.unanswered())
        whole = self.turns.ended.is_set() if self.turns else self.search_ended or elapsed >= self.config.duration_s - EARLY_S
        self.event("completed" if whole else "cut_short", elapsed_s=round(elapsed, 3))

    def on_quit(self, exit_code: int | None = None, **_: object) -> None:
        self.second()
        self.event("quit", exit_code=exit_code, own_exit_code=self.environment.process_exit_code)
        gevent.monkey.get_original("_thread", "start_new_thread")(leave_at_last, (exit_code or 0,))

    def event(self, name: str, **more: object) -> None:
        self.recorder.fact({"event": name, "t": time(), **more})
        self.recorder.flush()

    # -- greenlets ----------------------------------------------------------------------------------------------

    def observe(self) -> None:
        """Every nap the number of users and the lateness of the loop; every second the facts, written out."""
        next_second = monotonic() + 1
        while True:
            before = perf_counter()
            gevent.sleep(NAP_S)
            self._observation.napped(perf_counter() - before)
            self.recorder.users = self.users
            if monotonic() >= next_second:
                next_second = monotonic() + 1
                try:
                    self.second()
                    self.recorder.flush()
                except Exception as error:  # a full disk, for a while; without its seconds the load would not be believed
                    logger.error("cannot record: %s", error)
                if not self.is_remote and os.getppid() != self._parent:
                    self.leave("the supervisor is gone")

    @property
    def users(self) -> int:
        """Users running in this process; in the open model, arrivals in flight."""
        return self.arrivals.in_flight if self.arrivals else self.runner.user_count

    def second(self) -> None:
        recorder = self.recorder
        recorder.drain()
        recorder.fact(
            self._observation.second()
            | {
                "users": self.users,
                "samples": recorder.samples,
                "raw_names": recorder.raw_names,
                "in_flight": len(recorder.in_flight),
                "task_errors": self.task_errors.count,
                "users_quit": self.users_quit,
            }
            | (self.arrivals.facts() if self.arrivals else {})
            | (self.others.facts() if self.others else {})
        )

    @property
    def level(self) -> Level | None:
        """What a search for the capacity wants now, if this load is one."""
        return Level.read(Path(self.config.levels)) if self.config.levels else None

    @property
    def search_ended(self) -> bool:
        return (level := self.level) is not None and level.ended

    def control(self) -> None:
        """Changes the number of users, by the plan's stages or as a search wants, and ends the load at its planned time."""
        inspect.stack()  # Locust's stop() calls it; the first call blocks the event loop for tens of milliseconds
        self._started.wait()
        config, started_at = self.config, self.started_at or monotonic()
        schedule = config.schedule() if config.stages and not config.open_loop else None
        level = None
        if self.turns:
            self.turns.ended.wait(config.duration_s + READY_WITHIN_S)
            started_at = monotonic() - config.duration_s
        while (elapsed := monotonic() - started_at) < config.duration_s:
            wake = min(elapsed + (LEVEL_POLL_S if config.levels else 1.0), config.duration_s)
            wanted = self.level
            if wanted and wanted.ended:
                break
            if schedule or wanted:
                users = wanted.users if wanted else round(schedule.level_to_reach(elapsed)) if schedule else 0
                if users != level:
                    self.runner.start(users, max(1, abs(users - (level or 0))))
                    level = users
                wake = min(wake, schedule.next_edge(elapsed) if schedule else wake)
            gevent.sleep(wake - elapsed)
        if self.arrivals:
            self.let_arrivals_end(self.arrivals)
        self.event("time_up")
        if self.receiver:
            self.receiver.gather(config.stop_timeout_s + GATHER_ON_QUIT_S)
        self.runner.quit()

    @staticmethod
    def let_arrivals_end(arrivals: ArrivalCounts) -> None:
        """Processes count time from their own first moment, a little after ours: their last arrivals are still to come."""
        deadline = monotonic() + ARRIVALS_LAG_S
        while not arrivals.all_sent and monotonic() < deadline:
            gevent.sleep(0.01)

    def leave(self, reason: str) -> None:
        """End this process soon, whatever the scenario does."""
        self.event("leaving", reason=reason)
        gevent.spawn(self.runner.quit)
        gevent.sleep(2.0)
        self.recorder.flush()
        os._exit(1)
