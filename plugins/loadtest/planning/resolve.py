"""From a request to a plan: everything looked up, overridden, checked, and given a digest, before anything starts."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from pydantic import ValidationError

from loadtest.errors import ConfigurationError
from loadtest.files import first_problem
from loadtest.planning.access import filled_headers
from loadtest.planning.arguments import canonical, check_arguments, joined
from loadtest.planning.config import check_search_bounds, load_environment, load_profile, load_scenario
from loadtest.planning.fleet import check_fleet
from loadtest.planning.host_class import host_class, versions
from loadtest.planning.models import Environment, Plan, Scenario, TriggerKind
from loadtest.planning.profiles import MAX_DURATION_S, LoadModel, Profile, Stage
from loadtest.planning.quantities import format_duration, slugify
from loadtest.planning.references import ConnectionLookup, provide
from loadtest.planning.request import Request
from loadtest.planning.slowdown import parse_slowdown
from loadtest.planning.variables import values_of
from loadtest.settings import Settings

ShapeLookup = Callable[[Scenario, float], tuple[Stage, ...]]  # of the scenario's own shape, at most so many seconds of it


def no_connections(_connection: str, _field: str) -> str | None:
    """Without Airflow there are none."""
    return None


def _no_shapes(scenario: Scenario, at_most_s: float) -> tuple[Stage, ...]:
    raise ConfigurationError(f"The load shape of scenario {scenario.name!r} cannot be asked here; choose another profile.")


LEAST_COMPARED_S = 36  # six pairs of slices


def resolve(
    request: Request,
    settings: Settings,
    *,
    connections: ConnectionLookup = no_connections,
    stages_of_shape: ShapeLookup = _no_shapes,
) -> Plan:
    """The validated plan of a request; raises ConfigurationError with one sentence. Sends and writes nothing.

    `stages_of_shape` asks the scenario's own load shape, where the profile obeys it.
    """
    scenario, profile, environment = check_together(request, settings, stages_of_shape)
    provide(environment.texts_with_references, connections)
    check_references(environment)
    base_url = None if environment.starts_backend else _base_url(environment, connections)
    if environment.starts_backend and environment.base_url:
        checked_url(environment.base_url.replace("{port}", "1"), f"environment {environment.name!r}")
    _check_host(request.host, base_url, environment)
    check_fleet(profile, environment, base_url)
    _check_against(request, environment, profile)
    values_of(settings.home, scenario, environment, with_connections=False)  # those of connections only a task can look up
    return Plan(
        run_id=request.run_id or new_run_id(),
        scenario=scenario,
        profile=profile,
        environment=environment,
        base_url=base_url,
        trigger=request.trigger,
        slowdown=request.slowdown,
        blocking=request.blocking,
        against=request.against,
        any_build=request.any_build,
        confirms=request.confirms,
        created_at=datetime.now(UTC),
        digest=plan_digest(scenario, profile, environment, side_by_side=request.against is not None),
        host_class=host_class(request.executor),
        versions=versions(),
    )


def check_together(
    request: Request, settings: Settings, stages_of_shape: ShapeLookup | None = None
) -> tuple[Scenario, Profile, Environment]:
    """The three that a request names, with its overrides, if they fit each other; raises ConfigurationError. What only the
    machine that sends the load knows, such as base URLs in variables, is not looked at; nor a load shape without a lookup."""
    environment = load_environment(settings, request.environment)
    if request.load_generator is not None:
        environment = environment.model_copy(update={"load_generator": request.load_generator})
    profile = _with_overrides(load_profile(settings, request.profile), request)
    scenario = _as_asked(load_scenario(settings, request.scenario), profile, request)
    if profile.shape == "scenario" and stages_of_shape is not None:
        profile = _with_shape(profile, stages_of_shape(scenario, profile.duration_s or MAX_DURATION_S))
    _check_allowed(profile, environment)
    _check_abort_criteria(profile)
    _check_search(profile, scenario, request)
    _check_slowdown(request.slowdown, environment)
    return scenario, profile, environment


def new_run_id() -> str:
    return f"{datetime.now(UTC):%Y%m%dt%H%M%S}-{secrets.token_hex(2)}"


def run_id_from(name: str) -> str:
    """A run id from a foreign name (an Airflow run id): readable, safe in paths, different for different names."""
    slug = slugify(name.replace("+00:00", ""))
    return slug if slug == name else f"{slug}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def plan_digest(scenario: Scenario, profile: Profile, environment: Environment, *, side_by_side: bool = False) -> str:
    """Digest of what changes the measurement (gate.md "Comparable or not"): not commit, slowdown, targets or criteria."""
    covered: dict[str, object] = {
        "profile": profile.model_dump(
            mode="json",
            include={
                "users",
                "spawn_rate",
                "duration_s",
                "load_model",
                "arrivals_per_s",
                "max_concurrency",
                "stages",
                "workers",
                "remote_workers",
            },
        ),
        "scenario": scenario.model_dump(mode="json", include={"name", "locustfile", "grouping", "files_digest"}),
        "environment": environment.name,
    } | ({"side_by_side": True} if side_by_side else {})
    # Only where they are there: plans of earlier versions keep their digests.
    env = {name: value for one in (scenario, environment) for name, value in one.env.items() if isinstance(value, str)}
    chosen = (
        ("arguments", canonical(scenario.arguments)),
        ("tags", scenario.tags),
        ("exclude_tags", scenario.exclude_tags),
        ("env", env),
        ("search", profile.search.model_dump(mode="json") if profile.search else None),
    )
    covered |= {name: value for name, value in chosen if value}
    return hashlib.sha256(json.dumps(covered, sort_keys=True).encode()).hexdigest()[:16]


def _with_overrides(profile: Profile, request: Request) -> Profile:
    overrides = {name: value for name in ("users", "spawn_rate", "duration_s") if (value := getattr(request, name)) is not None}
    if not overrides:
        return profile
    if profile.stages:
        raise ConfigurationError(
            f"Profile {profile.name!r} has stages, so users, spawn rate and duration cannot be overridden; edit its file."
        )
    if overrides.keys() - {"duration_s"} and profile.shape == "scenario":
        raise ConfigurationError(
            f"Profile {profile.name!r} obeys the scenario's load shape, so users and spawn rate cannot be overridden."
        )
    if "users" in overrides and profile.load_model is LoadModel.OPEN:
        raise ConfigurationError(f"Profile {profile.name!r} is open-loop: it has arrivals, not users; edit its file.")
    try:
        return Profile.model_validate(profile.model_dump() | overrides)
    except ValidationError as error:
        raise ConfigurationError(f"Bad override: {first_problem(error)}.") from None


def _as_asked(scenario: Scenario, profile: Profile, request: Request) -> Scenario:
    """The scenario with the arguments and tags of this run: the request's go before the profile's, these before its own."""
    chosen = {
        "arguments": joined(scenario.arguments, request.arguments),
        "tags": request.tags or profile.tags or scenario.tags,
        "exclude_tags": request.exclude_tags or profile.exclude_tags or scenario.exclude_tags,
    }
    check_arguments(request.arguments, "The request")
    try:
        return Scenario.model_validate(scenario.model_dump() | chosen)
    except ValidationError as error:
        raise ConfigurationError(f"Bad request: {first_problem(error)}.") from None


def _with_shape(profile: Profile, stages: tuple[Stage, ...]) -> Profile:
    lasting_s = sum(stage.duration_s for stage in stages)
    return Profile.model_validate(profile.model_dump() | {"stages": stages, "duration_s": lasting_s})


def _check_allowed(profile: Profile, environment: Environment) -> None:
    allowed = environment.allowed_profiles
    if allowed is not None and profile.name not in allowed:
        raise ConfigurationError(
            f"Profile {profile.name!r} is not allowed in environment {environment.name!r}; allowed are: {', '.join(allowed)} "
            f"(allowed_profiles in its file)."
        )
    if profile.load_model is LoadModel.OPEN:
        most, what = profile.max_concurrency, f"requests in flight (max_concurrency of profile {profile.name!r})"
    else:
        most, what = max([profile.users, *(stage.users or 0 for stage in profile.stages)]), "users"
    if most > environment.max_users:
        raise ConfigurationError(
            f"{most} {what} are more than environment {environment.name!r} allows; at most {environment.max_users} "
            "(max_users in its file)."
        )


def _check_abort_criteria(profile: Profile) -> None:
    """A profile knows how long its load lasts. An environment's criteria are for every load: in a short one they rest."""
    for criterion in profile.abort_when:
        if criterion.for_s > profile.planned_duration_s:
            lasting, load = format_duration(criterion.for_s), format_duration(profile.planned_duration_s)
            raise ConfigurationError(
                f"The abort criterion of profile {profile.name!r} on {criterion.metric} for {lasting} can never be met, because "
                f"the load lasts {load}; shorten the one or lengthen the other."
            )


def _check_search(profile: Profile, scenario: Scenario, request: Request) -> None:
    """A search needs to know what must hold."""
    if profile.search is None:
        return
    if request.trigger.kind is TriggerKind.BASELINE:
        raise ConfigurationError(
            f"Profile {profile.name!r} looks for the capacity, which is compared with earlier searches and needs no baseline; "
            "collect one with another profile."
        )
    check_search_bounds(profile, f"Profile {profile.name!r}")
    if not any(target.metric != "rps" for target in scenario.targets):
        raise ConfigurationError(
            f"Profile {profile.name!r} looks for the highest load at which all targets hold, but scenario {scenario.name!r} has "
            "no target on a latency or an error rate; add one to its targets.yaml, or take those of a run from: loadtest targets "
            "suggest RUN"
        )


def check_references(environment: Environment) -> None:
    """All that headers need is there; raises ConfigurationError. What a backend needs is asked for when it starts."""
    filled_headers(environment.headers, f"Environment {environment.name!r}")
    if environment.health:
        filled_headers(environment.health.headers, f"The health check of environment {environment.name!r}")


def _base_url(environment: Environment, connections: ConnectionLookup) -> str:
    connection, variable = environment.base_url_connection, environment.base_url_variable
    url = environment.base_url
    if not url and variable:
        url = os.environ.get(variable)
    if not url and connection:
        url = connections(connection, "url")
    if not url:
        ways = [f"the Airflow connection {connection!r}"] * bool(connection)
        ways += [f"the environment variable {variable}"] * bool(variable)
        raise ConfigurationError(f"Environment {environment.name!r} has no base URL; set {' or '.join(ways)}.")
    return checked_url(url, f"environment {environment.name!r}")


def checked_url(url: str, where: str) -> str:
    """Scheme, host and optional path of a URL without trailing slash; refuses credentials, so that none ends in a plan."""
    try:
        parts = urlsplit(url.strip())
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # from urlsplit or from .port
        is_one = False
    if not is_one:
        raise ConfigurationError(f"The base URL of {where} is invalid; it must look like https://host:port.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(
            f"The base URL of {where} holds credentials or a query; give scheme, host, port and path only, "
            "and pass secrets to the scenario under secrets: in its file."
        )
    return url.strip().rstrip("/")


def _check_host(host: str | None, base_url: str | None, environment: Environment) -> None:
    if host is None:
        return
    wanted = checked_url(host, "the request (host)")
    if base_url is None:
        raise ConfigurationError(
            f"Host {wanted} is not the environment's: {environment.name!r} starts its own backend on a free port; "
            "leave the host out, or describe an environment with this base_url."
        )
    if urlsplit(wanted)[:2] != urlsplit(base_url)[:2]:
        raise ConfigurationError(
            f"Host {wanted} is not the environment's: {environment.name!r} is {base_url}; "
            "leave the host out, or describe an environment with this base_url."
        )


def _check_against(request: Request, environment: Environment, profile: Profile) -> None:
    if request.against is None:
        return
    if environment.builds is None or not environment.starts_backend:
        raise ConfigurationError(
            f"Environment {environment.name!r} cannot make builds to compare with; give it a backend and a `builds:` section, or "
            "leave out what to compare with."
        )
    if not takes_turns(profile):
        raise ConfigurationError(
            f"Profile {profile.name!r} cannot be sent side by side: it takes a constant number of users and one local worker; "
            "use the profile side_by_side."
        )
    if profile.duration_s < LEAST_COMPARED_S:
        raise ConfigurationError(
            f"A load of {format_duration(profile.duration_s)} is too short to compare two builds; it takes at least "
            f"{format_duration(LEAST_COMPARED_S)}, and three minutes to see 20 %: use the profile side_by_side."
        )


def takes_turns(profile: Profile) -> bool:
    """Whether this load can go to two builds in turns: a constant number of users, from one local worker."""
    varies = profile.load_model is LoadModel.OPEN or profile.stages or profile.search
    return not varies and not profile.remote_workers and profile.workers == 1


def _check_slowdown(slowdown: str | None, environment: Environment) -> None:
    if slowdown is None:
        return
    if not environment.allows_slowdown:
        raise ConfigurationError(
            f"Environment {environment.name!r} does not allow a slowdown; leave it out (allows_slowdown in its file)."
        )
    if not environment.starts_backend:
        raise ConfigurationError(
            f"Environment {environment.name!r} allows a slowdown but starts no backend that could be slowed; leave it out."
        )
    parse_slowdown(slowdown)
