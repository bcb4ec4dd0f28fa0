"""Is the backend healthy: waited for before the load, watched during it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from types import TracebackType
from typing import Self

import httpx
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_exponential

from loadtest.backend.down import BackendDiedError, BackendNotStartedError, down_is_a_result
from loadtest.backend.logs import last_line
from loadtest.backend.models import BackendState, HealthReport
from loadtest.backend.stop import require_this_machine
from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.load.models import HealthFacts, Outage, OutageKind
from loadtest.masking import mask_secrets
from loadtest.planning.models import Plan
from loadtest.processes import ProcessIdentity
from loadtest.run_folder import RunFolder

CHECK_TIMEOUT_S = 2.0
CHECK_EVERY_S = 1.0
OUTAGES_KEPT = 20
_BODY_SHOWN = 2_000  # bytes; what follows is not even read


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
            kind = BackendDiedError if identity.is_here else BackendNotStartedError
            raise kind(_died(identity, log))
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
    """Wait until the plan's backend is healthy, ours (by `backend.json`) or somebody else's. Errors as `wait_healthy`.

    A service that is down is a result: why is kept for the verdict (`ServiceDown`) until it answers.
    """
    with down_is_a_result(folder):
        return _check_health(plan, folder)


def _check_health(plan: Plan, folder: RunFolder) -> HealthReport:
    environment = plan.environment
    if not environment.starts_backend:
        if plan.base_url is None:
            raise ConfigurationError(f"The plan of run {plan.run_id} names no base URL to check.")
        return wait_healthy(plan.base_url, environment.health_path, environment.health_timeout_s)
    state = BackendState.read(folder.backend_state)
    require_this_machine(state)
    if state.identity is None or state.stopped_at is not None:
        raise BackendNotStartedError(f"The backend of run {plan.run_id} is not running; start it first.")
    return wait_healthy(
        state.base_url, environment.health_path, environment.health_timeout_s, state.identity, log=Path(state.log_path)
    )


class HealthWatcher:
    """Asks for the backend's health each second in a thread of its own, and adds up what it sees.

    with HealthWatcher(base_url, "/health") as watcher:
        ...  # load; watcher.facts() at any time
    facts = watcher.facts()
    """

    def __init__(
        self,
        base_url: str,
        path: str = "/health",
        *,
        every_s: float = CHECK_EVERY_S,
        users_now: Callable[[], int] = lambda: 0,
    ) -> None:
        """`users_now`: how many users run at this moment, for the record of an outage."""
        self._base_url = base_url
        self._path = path
        self._every_s = every_s
        self._users_now = users_now
        self._facts = HealthFacts()
        self._took_ms: list[float] = []
        self._outages: list[Outage] = []
        self._outage: _OpenOutage | None = None
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
            outages = [*self._outages, *([self._outage.until(time.monotonic())] if self._outage else [])]
            longest = sorted(outages, key=lambda outage: -outage.duration_s)[:OUTAGES_KEPT]
            p50_ms, p95_ms = _median_and_p95(self._took_ms)
            return self._facts.model_copy(
                update={
                    "p50_ms": p50_ms,
                    "p95_ms": p95_ms,
                    "longest_failure_s": longest[0].duration_s if longest else 0.0,
                    "outage_count": len(outages),
                    "outages": tuple(sorted(longest, key=lambda outage: outage.started_at)),
                }
            )

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
        now = time.monotonic()
        with self._lock:
            facts = self._facts
            self._took_ms.append((now - started) * 1000)
            if answer.healthy:
                self._facts = facts.model_copy(update={"checks": facts.checks + 1})
                if self._outage is not None:
                    self._outages.append(self._outage.until(now))
                    self._outage = None
                return
            if self._outage is None:
                self._outage = _OpenOutage(started, answer, self._users_now())
            self._outage.failures += 1
            self._facts = facts.model_copy(
                update={
                    "checks": facts.checks + 1,
                    "failures": facts.failures + 1,
                    "first_failure_at": facts.first_failure_at or answer.at,
                    "last_error": answer.text,
                }
            )


class _OpenOutage:
    """An outage that has not ended yet. `started`: of its first check, on the monotonic clock."""

    def __init__(self, started: float, first: _Answer, users: int) -> None:
        self._started, self._kind, self._users = started, first.kind, users
        self._started_at = datetime.now(UTC) - timedelta(seconds=time.monotonic() - started)
        self.failures = 0

    def until(self, now: float) -> Outage:
        return Outage(
            started_at=self._started_at,
            duration_s=round(now - self._started, 3),
            failures=self.failures,
            users=self._users,
            kind=self._kind,
        )


def _median_and_p95(took_ms: list[float]) -> tuple[float | None, float | None]:
    if len(took_ms) < 2:
        return (took_ms[0], took_ms[0]) if took_ms else (None, None)
    at = quantiles(took_ms, n=100, method="inclusive")
    return round(at[49], 3), round(at[94], 3)


class _Answer:
    """One check. `status` is 0 where there was no answer; `text` says what was wrong, without the address."""

    def __init__(self, status: int, text: str, kind: OutageKind = OutageKind.ANSWER) -> None:
        self.status = status
        self.text = text
        self.kind = kind
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
        return _Answer(0, f"no answer within {timeout_s:.3g} s", OutageKind.TIMEOUT)
    except httpx.ConnectError as error:
        reason = str(error).rpartition("] ")[2]  # without the number: "Connection refused", "Name or service not known"
        return _Answer(0, f"no connection: {reason[:200].lower() or 'unknown reason'}", OutageKind.REFUSED)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return _Answer(0, f"no valid answer: {mask_secrets(str(error))[:200] or type(error).__name__}")
    shown = " ".join(mask_secrets(body).split())[:200]
    return _Answer(response.status_code, f"answered {response.status_code}{f' ({shown})' if shown else ''}")


def _never_healthy(base_url: str, path: str, timeout_s: float, answers: list[_Answer]) -> str:
    return (
        f"Health check failed: {base_url}{path} did not return 2xx within {timeout_s:.3g} s "
        f"({len(answers)} attempts; last response: {answers[-1].text})."
    )


def _died(identity: ProcessIdentity, log: Path | None) -> str:
    if not identity.is_here:
        return f"The backend was started on {identity.host} and does not run here; send all tasks of a run to one host."
    line = last_line(log).rstrip(".") if log else ""
    return f"The backend ended before it was healthy; {f'its last words: {line}' if line else 'see backend.log'}."
