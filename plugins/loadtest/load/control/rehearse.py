"""One turn of a scenario's tasks against a service: what `loadtest run --dry-run` shows. Nothing is recorded."""

from __future__ import annotations

import subprocess
from pathlib import Path

from loadtest.errors import ConfigurationError
from loadtest.load.control.own_process import ask
from loadtest.load.failures import start_failure
from loadtest.load.job import request_headers
from loadtest.load.rehearsal import Rehearsal, Step
from loadtest.load.request_headers import VARIABLE as HEADERS_VARIABLE
from loadtest.masking import SECRETS_VARIABLE, learn_secrets, mask_secrets
from loadtest.planning.allowed_hosts import origins_of
from loadtest.planning.models import Plan
from loadtest.planning.variables import secret_names, values_of
from loadtest.settings import settings

MOST_S = 120.0
START_S = 60.0


def rehearse(plan: Plan, base_url: str) -> Rehearsal:
    """Each task of each user class once; secrets are masked in what is returned. Raises ConfigurationError where Locust cannot
    load the files, or a variable or header has no value."""
    scenario, environment = plan.scenario, plan.environment
    values, headers = values_of(settings().home, scenario, environment), request_headers(plan)
    names = secret_names(scenario, environment)
    learn_secrets([*(values[name] for name in names), *headers.secrets])
    question = {
        "files": scenario.locustfiles,
        "folder": str(Path(scenario.folder).resolve()),
        "base_url": base_url.rstrip("/"),
        "tls": environment.tls.model_dump() if environment.tls else None,
        "allowed_hosts": origins_of(environment.allowed_hosts),
        "tags": scenario.tags,
        "exclude_tags": scenario.exclude_tags,
        "most_s": MOST_S,
    }
    variables = values | {SECRETS_VARIABLE: ",".join(names), HEADERS_VARIABLE: headers.to_json()}
    try:
        asked = ask("rehearsal", question, scenario, variables, timeout_s=START_S + MOST_S)
    except subprocess.TimeoutExpired:
        raise ConfigurationError(
            f"The dry run was not over within {START_S + MOST_S:.0f} s: a task, or the module level of the Locust file, "
            "blocks the whole process; look for loops and calls that wait without end."
        ) from None
    if asked.answer is None:
        raise ConfigurationError(mask_secrets(start_failure(asked.lines, scenario, asked.exit_code)))
    seen = Rehearsal.parse(asked.answer, "The dry run's answer")
    return seen.model_copy(update={"steps": tuple(map(_masked, seen.steps)), "printed": tuple(map(mask_secrets, asked.lines))})


def _masked(step: Step) -> Step:
    texts = {name: value for name, value in step if isinstance(value, str)}
    lists = {name: value for name, value in step if isinstance(value, tuple)}
    return step.model_copy(
        update={name: mask_secrets(text) for name, text in texts.items()}
        | {name: tuple(map(mask_secrets, lines)) for name, lines in lists.items()}
    )
