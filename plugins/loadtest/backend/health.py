"""Is the backend healthy: waited for before the load, watched during it."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_exponential

from loadtest.backend.logs import last_line
from loadtest.backend.models import BackendState, HealthReport
from loadtest.backend.stop import require_this_host
from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.load.models import HealthFacts
from loadtest.masking import mask_secrets
from loadtest.planning.models import Plan
from loadtest.processes import ProcessIdentity
from loadtest.run_folder import RunFolder

CHECK_TIMEOUT_S = 2.0
CHECK_EVERY_S = 1.0
_BODY_SHOWN = 2_000  # bytes; what follows is not even read


class BackendDiedError(InfrastructureError):
    """The backend's process ended; checking again is of no use."""


def wait_healthy(
    base_url: str,
    path: str = "/health",
    timeout_s: float = 30.0,
    identity: ProcessIdentity | None = None,
    *,
    log: Path | None = None,
) -> HealthReport:
    """Ask `base_url` + `path` with growing pauses until it answers 2xx.

    With `identity`, the process that should answer, fails as soon as it is gone (BackendDiedError, with the last line of
    `log`). Raises InfrastructureError with what was answered, and how often, after `timeout_s` seconds.
    """
    start = time.monotonic()
    answers: list[_Answer] = []

    def ask() -> _Answer:
        if identity is not None and not identity.is_alive:
            raise BackendDiedError(_died(identity, log))
        left_s = timeout_s - (time.monotonic() - start)
        answers.append(_ask(client, path, timeout_s=min(CHECK_TIMEOUT_S, max(left_s, 0.1))))
        return answers[-1]

    def give_up(_state: RetryCallState) -> _Answer:
        raise InfrastructureError(_never_healthy(base_url, path, timeout_s, answers))

    with _client(base_url) as client:
        answer = Retrying(
            retry=retry_if_result(lambda answer: not answer.healthy),
            wait=wait_exponential(multiplier=0.1, max=1.0),
            stop=stop_after_delay(timeout_s),
            retry_error_callback=give_up,
        )(ask)
    return HealthReport(attempts=len(answers), waited_s=round(time.monotonic() - start, 3), status=answer.status)


def check_health(plan: Plan, folder: RunFolder) -> HealthReport:
    """Wait until the plan's backend is healthy, ours (by `backend.json`) or somebody else's. Errors as `wait_healthy`."""
    environment = plan.environment
    if not environment.starts_backend:
        if plan.base_url is None:
            raise ConfigurationError(f"The plan of run {plan.run_id} names no base URL to check.")
        return wait_healthy(plan.base_url, environment.health_path, environment.health_timeout_s)
    state = BackendState.read(folder.backend_state)
    require_this_host(state)
    if state.identity is None or state.stopped_at is not None:
        raise BackendDiedError(f"The backend of run {plan.run_id} is not running; start it first.")
    return wait_healthy(
        state.base_url, environment.health_path, environment.health_timeout_s, state.identity, log=Path(state.log_path)
    )


class HealthWatcher:
    """Asks for the backend's health each second in a thread of its own, and adds up what it sees.

    with HealthWatcher(base_url, "/health") as watcher:
        ...  # load; watcher.facts() at any time
    facts = watcher.facts()
    """

    def __init__(self, base_url: str, path: str = "/health", *, every_s: float = CHECK_EVERY_S) -> None:
        self._base_url = base_url
        self._path = path
        self._every_s = every_s
        self._facts = HealthFacts()
        self._failing_since: float | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="health-watcher", daemon=True)

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> HealthFacts:
        """End the thread, at the latest after one check, and return all it saw."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(CHECK_TIMEOUT_S + 1)
        return self.facts()

    def facts(self) -> HealthFacts:
        """What was seen so far; a failure that lasts counts up to now."""
        with self._lock:
            return self._with_current_failure(time.monotonic())

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _run(self) -> None:
        with _client(self._base_url) as client:
            while not self._stopping.is_set():
                started = time.monotonic()
                self._record(started, _ask(client, self._path, timeout_s=CHECK_TIMEOUT_S))
                self._stopping.wait(max(started + self._every_s - time.monotonic(), 0))

    def _record(self, started: float, answer: _Answer) -> None:
        with self._lock:
            facts = self._facts
            if answer.healthy:
                self._facts = self._with_current_failure(time.monotonic()).model_copy(update={"checks": facts.checks + 1})
                self._failing_since = None
                return
            if self._failing_since is None:
                self._failing_since = started
            self._facts = facts.model_copy(
                update={
                    "checks": facts.checks + 1,
                    "failures": facts.failures + 1,
                    "first_failure_at": facts.first_failure_at or answer.at,
                    "last_error": answer.text,
                }
            )

    def _with_current_failure(self, now: float) -> HealthFacts:
        if self._failing_since is None:
            return self._facts
        longest_s = max(self._facts.longest_failure_s, round(now - self._failing_since, 3))
        return self._facts.model_copy(update={"longest_failure_s": longest_s})


class _Answer:
    """One check. `status` is 0 where there was no answer; `text` says what was wrong, without the address."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        self.text = text
        self.at = datetime.now(UTC)

    @property
    def healthy(self) -> bool:
        return 200 <= self.status < 300


def _client(base_url: str) -> httpx.Client:
    # Straight to the backend, as the load goes: no proxy of the environment, no redirect to another host. Each check connects
    # anew: a backend that hangs up on idle connections is not ill, one that takes no new ones is.
    try:
        return httpx.Client(base_url=base_url, trust_env=False, follow_redirects=False, headers={"Connection": "close"})
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"{base_url!r} is not a base URL ({error}); write http://host:port.") from None


def _ask(client: httpx.Client, path: str, *, timeout_s: float) -> _Answer:
    try:
        with client.stream("GET", path, timeout=timeout_s) as response:
            if response.is_success:
                return _Answer(response.status_code, "")
            body = next(response.iter_bytes(_BODY_SHOWN), b"")[:_BODY_SHOWN].decode("utf-8", errors="replace")
    except httpx.TimeoutException:
        return _Answer(0, f"no answer within {timeout_s:.3g} s")
    except httpx.ConnectError as error:
        reason = str(error).rpartition("] ")[2]  # without the number: "Connection refused", "Name or service not known"
        return _Answer(0, f"no connection: {reason[:200].lower() or 'unknown reason'}")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return _Answer(0, f"no valid answer: {mask_secrets(str(error))[:200] or type(error).__name__}")
    shown = " ".join(mask_secrets(body).split())[:200]
    return _Answer(response.status_code, f"answered {response.status_code}{f' ({shown})' if shown else ''}")


def _never_healthy(base_url: str, path: str, timeout_s: float, answers: list[_Answer]) -> str:
    return (
        f"The backend did not become healthy within {timeout_s:.3g} s: {base_url}{path} was asked {len(answers)} times, "
        f"the last result is: {answers[-1].text}."
    )


def _died(identity: ProcessIdentity, log: Path | None) -> str:
    if not identity.is_here:
        return f"The backend was started on {identity.host} and does not run here; send all tasks of a run to one host."
    line = last_line(log).rstrip(".") if log else ""
    return f"The backend ended before it was healthy; {f'its last words: {line}' if line else 'see backend.log'}."
