"""Params of the load test DAGs: the trigger form of the UI and the `conf` of the REST API."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

from loadtest.planning.config import known_names, profile_names
from loadtest.planning.load_generators import usual_environment
from loadtest.planning.request import MAX_USERS
from loadtest.planning.schedules import Schedule
from loadtest.settings import settings

LOAD, JUDGING, CODE = "Load", "Judging", "Code under test"


def load_params() -> dict[str, Param]:
    """Where, what and how much: shared by every DAG that sends load."""
    places = settings()
    profiles = profile_names(places)
    environments, scenarios = known_names(places.environments), known_names(places.scenarios)
    return {
        "environment": Param(
            usual_environment(places),
            type="string",
            enum=environments or ["staging"],
            title="Environment",
            section=LOAD,
            description_md="Where the load goes (`include/environments/`). Some environments want a person's approval.",
        ),
        "profile": Param(
            _default("smoke", profiles),
            type="string",
            enum=profiles,
            title="Profile",
            section=LOAD,
            description_md="How much load (`loadtest profiles`). Left as it is, *Compare with* takes *side_by_side*.",
        ),
        "scenario": Param(
            _default("student_api", scenarios),
            type="string",
            enum=scenarios or ["student_api"],
            title="Scenario",
            section=LOAD,
            description_md="What users do: a Locust file with its targets (`include/scenarios/`).",
        ),
        "users": _optional("integer", "Users", "Instead of the profile's number.", minimum=1, maximum=MAX_USERS),
        "spawn_rate": _optional(
            "number", "Spawn rate", "Users started per second, instead of the profile's.", exclusiveMinimum=0, maximum=5000
        ),
        "duration": _optional(
            "string",
            "Duration",
            "Instead of the profile's, for example `30s`, `5m`, `1h30m`.",
            pattern=r"^\s*(\d+(\.\d+)?\s*(ms|s|m|min|h|d)?\s*)*$",
            examples=["30s", "2m", "10m"],
        ),
        "host": _optional("string", "Host", "Only a double-check: refused unless it is the environment's own host."),
        "arguments": _lines(
            "Arguments",
            "Of the scenario's Locust file, `name=value` a line, instead of those in `scenario.yaml`. Secrets as "
            "`${SCENARIO_NAME}`: a variable of the machine that sends the load.",
        ),
        "tags": _lines("Tags", "Only tasks with one of these tags, one a line."),
        "exclude_tags": _lines("Without tags", "No tasks with one of these tags, one a line."),
        "slowdown": _optional(
            "string",
            "Slowdown",
            "Slows endpoints of the sample backend, to watch a regression being caught: `GET /api/v1/courses=+400ms`, "
            "`=x1.5`, `=+300ms@5%`; several joined by `;`. Only where the environment allows it.",
            examples=["GET /api/v1/courses=+400ms"],
        ),
    }


def run_params(schedule: Schedule | None = None) -> dict[str, Param]:
    """All params of a load test's DAG; those of a schedule begin with its values."""
    params = load_params() | judging_params()
    for name, value in (schedule.form_values() if schedule else {}).items():
        params[name] = Param(value, description=params[name].description, **params[name].schema)
    return params


def judging_params() -> dict[str, Param]:
    """What becomes of the verdict, and which code it is about."""
    return {
        "blocking": Param(
            False,
            type="boolean",
            title="Blocking",
            section=JUDGING,
            description_md="Turns this DAG run red when the verdict is *fail*. By default load tests alert and block nothing.",
        ),
        "reason": _optional("string", "Reason", "Why this run; stands in the report.", section=JUDGING),
        "commit": _optional(
            "string",
            "Commit",
            "The code under test: built where the environment can build, else it must be what runs there.",
            section=CODE,
        ),
        "against": _optional(
            "string",
            "Compare with",
            "Side by side with the build of this branch, tag or commit, or of `merge-base`: where the commit left the main "
            "branch. Needs no baseline. A push is compared with its merge base where the environment can make builds.",
            section=CODE,
            examples=["merge-base", "main"],
        ),
        "any_build": Param(
            False,
            type="boolean",
            title="Any build",
            section=CODE,
            description_md="Measure what runs, also where it is not the commit above; the verdict then belongs to that build.",
        ),
        "branch": _optional("string", "Branch", "Its branch.", section=CODE),
        "repository": _optional("string", "Repository", "`owner/name` on GitHub.", section=CODE),
        "pull_request": _optional(
            "integer", "Pull request", "Its number; the verdict is posted there as a comment.", section=CODE, minimum=1
        ),
    }


def _default(wanted: str, known: list[str]) -> str:
    """A default that the DAG accepts even where somebody removed our examples."""
    return wanted if wanted in known or not known else known[0]


def _lines(title: str, text: str) -> Param:
    items = {"type": "string", "maxLength": 2_000}
    return Param(None, type=["null", "array"], items=items, title=title, section=LOAD, description_md=text)


def _optional(kind: str, title: str, text: str, *, section: str = LOAD, **rules: Any) -> Param:
    return Param(None, type=["null", kind], title=title, section=section, description_md=text, **rules)
