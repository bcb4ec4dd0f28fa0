"""Is the backend healthy: waited for before the load. `health_watch` watches it during the load."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_exponential

from loadtest.backend.down import BackendDiedError, BackendNotStartedError, down_is_a_result
from loadtest.backend.health_client import Answer, HealthClient
from loadtest.backend.logs import last_line
from loadtest.backend.models import BackendState, HealthReport
from loadtest.backend.stop import require_this_machine
from loadtest.errors import ConfigurationError, InfrastructureError, NotRunError
from loadtest.planning.models import Plan
from loadtest.processes import ProcessIdentity
from loadtest.run_folder import RunFolder

ENOUGH_REFUSALS = 3  # a service that answers 4xx so often on end is up, and will not change its mind


def wait_healthy(
    client: HealthClient,
    timeout_s: float = 30.0,
    identity: ProcessIdentity | None = None,
    *,
    log: Path | None = None,
    environment: str = "",
) -> HealthReport:
    """Ask with growing pauses until the answer is good.

    With `identity`, the process that should answer, fails as soon as it is gone (BackendDiedError, with the last line of
    `log`). Raises InfrastructureError with what was answered, and how often, after `timeout_s` seconds; NotRunError at
    once where waiting is of no use: the service is up and refuses the question, or its certificate is not trusted.
    `environment`: whose file that sentence is to name.
    """
    start = time.monotonic()
    answers: list[Answer] = []

    def ask() -> Answer:
        if identity is not None and not identity.is_alive:
            kind = BackendDiedError if identity.is_here else BackendNotStartedError
            raise kind(_died(identity, log))
        left_s = timeout_s - (time.monotonic() - start)
        answers.append(client.ask(at_most_s=max(left_s, 0.1)))
        if mistake := _mistake(client, answers, environment):
            raise NotRunError(mistake)
        return answers[-1]

    def give_up(_state: RetryCallState) -> Answer:
        raise InfrastructureError(_never_healthy(client, timeout_s, answers))

    with client:
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
        client = HealthClient.of(plan.base_url, environment)
        return wait_healthy(client, environment.health_timeout_s, environment=environment.name)
    state = BackendState.read(folder.backend_state)
    require_this_machine(state)
    if state.identity is None or state.stopped_at is not None:
        raise BackendNotStartedError(f"The backend of run {plan.run_id} is not running; start it first.")
    client = HealthClient.of(state.base_url, environment)
    log = Path(state.log_path)
    return wait_healthy(client, environment.health_timeout_s, state.identity, log=log, environment=environment.name)


def _mistake(client: HealthClient, answers: Sequence[Answer], environment: str) -> str:
    """The sentence where it is the environment's file that must change, not the service; empty otherwise."""
    file = f"the file of environment {environment!r}" if environment else "the environment's file"
    if answers[-1].certificate:
        return (
            f"The certificate of {client.base_url} is not trusted ({answers[-1].certificate}); name its authority in {file} "
            "(tls: {ca_file: ...}), or accept any certificate (tls: {verify: false})."
        )
    last = answers[-ENOUGH_REFUSALS:]
    if client.check is None or len(last) < ENOUGH_REFUSALS or not all(400 <= answer.status < 500 for answer in last):
        return ""
    login = " and, behind a login, `headers`," if answers[-1].status in (401, 403) else ""
    return (
        f"The service is up, but it {answers[-1].text} to its health check {client.address}, {ENOUGH_REFUSALS} times on end; "
        f"give `health:` (or `health_path`) in {file} a path{login} that answers {client.check.expected}, or write "
        "`health: none`."
    )


def _never_healthy(client: HealthClient, timeout_s: float, answers: Sequence[Answer]) -> str:
    wanted = f"return {client.check.expected}" if client.check else "accept connections"
    return (
        f"Health check failed: {client.address} did not {wanted} within {timeout_s:.3g} s "
        f"({len(answers)} attempts; last response: {answers[-1].text})."
    )


def _died(identity: ProcessIdentity, log: Path | None) -> str:
    if not identity.is_here:
        return f"The backend was started on {identity.host} and does not run here; send all tasks of a run to one host."
    line = last_line(log).rstrip(".") if log else ""
    return f"The backend ended before it was healthy; {f'its last words: {line}' if line else 'see backend.log'}."
