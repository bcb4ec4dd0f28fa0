"""Reads profiles, environments and scenarios from `include/`; every mistake ends in one sentence naming file and place."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from loadtest.errors import ConfigurationError
from loadtest.files import Record
from loadtest.planning.access import Tls
from loadtest.planning.arguments import check_arguments
from loadtest.planning.criteria import TARGET_METRICS, CommonCriteria, Criteria, Target
from loadtest.planning.models import Environment, Scenario
from loadtest.planning.mutes import require_metric
from loadtest.planning.problems import got, message_of, problems_of, refusal
from loadtest.planning.profiles import MAX_DURATION_S, LoadModel, Profile
from loadtest.planning.quantities import format_duration, slug_pattern
from loadtest.settings import BUILTIN_PROFILES, Settings

Model = TypeVar("Model", bound=Record)

LEAST_STEPS = 6  # of a search for the capacity

# Files of a scenario's folder that do not change the load, and so not the plan digest.
NOT_LOAD = {"targets.yaml", "criteria.yaml", "scenario.yaml", "README.md"}


class _UniqueKeysLoader(yaml.SafeLoader):
    """Refuses a key that is there twice: YAML forbids it, PyYAML silently takes the last one."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.value in lines:
                problem = f"the key {key.value!r} is there already in line {lines[key.value]}"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            lines[key.value] = key.start_mark.line + 1
        return node


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that must hold a mapping; an empty file is an empty mapping."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeysLoader)  # noqa: S506 (it extends SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "cannot be parsed"
        raise ConfigurationError(f"{path}{place} is not valid YAML: {problem}; correct it.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigurationError(f"{path} must hold a mapping (key: value), not a {type(data).__name__}.")
    return data


def known_names(folder: Path) -> list[str]:
    """Names of the YAML files, or of the scenario folders, in a folder of `include/`."""
    if not folder.is_dir():
        return []
    files = {path.stem for path in folder.glob("*.yaml")}
    folders = {path.parent.name for file in ("scenario.yaml", "locustfile.py") for path in folder.glob(f"*/{file}")}
    return sorted(files | folders)


def the_one(folder: Path, kind: str, *, usual: str) -> str:
    """What is meant where nobody named one: the usual one, or the only one; raises ConfigurationError among several."""
    names = known_names(folder)
    if usual in names:
        return usual
    if len(names) != 1:
        remedy = f"choose one with --{kind}: {', '.join(names)}" if names else f"add one in {folder}, or run: loadtest init"
        raise ConfigurationError(f"There are {len(names) or 'no'} {kind}s; {remedy}.")
    return names[0]


def profile_names(settings: Settings) -> list[str]:
    """The project's own profiles and those that come with the product."""
    return sorted({*known_names(settings.profiles), *known_names(BUILTIN_PROFILES)})


def profile_file(settings: Settings, name: str) -> Path:
    """The file of a known profile: the project's own goes before the product's."""
    own = settings.profiles / f"{name}.yaml"
    return own if own.exists() else BUILTIN_PROFILES / f"{name}.yaml"


def load_profile(settings: Settings, name: str) -> Profile:
    check_known(name, profile_names(settings), "profile", settings.profiles)
    path = profile_file(settings, name)
    profile = validated(Profile, {"name": name} | read_yaml(path), path)
    _check_load_model(profile, path)
    if profile.search:
        _check_search(profile, path)
    return _with_duration_of_stages(profile, path) if profile.stages else profile


def _check_load_model(profile: Profile, path: Path) -> None:
    """Nothing that stands in a profile is silently ignored: its load is users or arrivals, or stages of them."""
    if profile.load_model is LoadModel.CLOSED and profile.arrivals_per_s is not None:
        raise ConfigurationError(
            f"{path}: arrivals_per_s belongs to the open model, but the load model is closed; remove arrivals_per_s, or remove "
            "users and add load_model: open."
        )
    if profile.load_model is LoadModel.OPEN and profile.users:
        raise ConfigurationError(f"{path}: an open-loop profile has arrivals, not users; remove users.")
    if profile.shape == "scenario":
        if profile.load_model is LoadModel.OPEN or profile.stages or profile.users:
            raise ConfigurationError(
                f"{path}: with shape: scenario the Locust file says how many users there are; remove users, stages, load_model."
            )
    elif profile.stages:
        _check_stages(profile, path)
    elif "duration_s" not in profile.model_fields_set:
        raise ConfigurationError(f"{path}: a profile needs a duration, such as 5m, or stages.")
    elif profile.load_model is LoadModel.CLOSED and profile.users < 1:
        raise ConfigurationError(f"{path}: users must be at least 1 (got {profile.users}).")
    elif profile.load_model is LoadModel.OPEN and profile.arrivals_per_s is None:
        raise ConfigurationError(f"{path}: an open-loop profile needs arrivals_per_s or stages.")


def _check_search(profile: Profile, path: Path) -> None:
    """A search has its own levels: up to `users`, for `duration` at most."""
    search = profile.search
    assert search is not None
    if profile.load_model is LoadModel.OPEN or profile.stages or profile.shape == "scenario" or profile.remote_workers:
        raise ConfigurationError(
            f"{path}: a search for the capacity chooses its numbers of users itself, on this machine; remove load_model, stages, "
            "shape and remote_workers."
        )
    check_search_bounds(profile, str(path))
    if search.settle_s > search.step_s / 2:
        raise ConfigurationError(f"{path}: search.settle must be at most half of search.step; shorten it or lengthen the step.")


def check_search_bounds(profile: Profile, where: str) -> None:
    """Users and duration leave room for a search; raises ConfigurationError."""
    search = profile.search
    if search is None:
        return
    if profile.users < search.start:
        raise ConfigurationError(
            f"{where}: the search starts with {search.start} users (search.start), more than the {profile.users} that it may use "
            "(users); raise users or lower search.start."
        )
    least_s = LEAST_STEPS * search.step_s + search.hold_s
    if profile.duration_s < least_s:
        raise ConfigurationError(
            f"{where}: a search needs at least {format_duration(least_s)} ({LEAST_STEPS} steps of "
            f"{format_duration(search.step_s)}, and {format_duration(search.hold_s)} at the load that was found), but the "
            f"duration is {format_duration(profile.duration_s)}; lengthen it, or shorten search.step."
        )


def _check_stages(profile: Profile, path: Path) -> None:
    """Every stage has a level of the profile's own load model, some stage has load, all together end in time."""
    level, other = ("users", "arrivals_per_s") if profile.load_model is LoadModel.CLOSED else ("arrivals_per_s", "users")
    if getattr(profile, level):
        raise ConfigurationError(f"{path}: each stage says its {level}; remove {level} beside the stages.")
    for number, stage in enumerate(profile.stages, start=1):
        if getattr(stage, level) is None or getattr(stage, other) is not None:
            raise ConfigurationError(
                f"{path}: stage {number} must have {level} and no {other}, because the load model is {profile.load_model}."
            )
    if not any(getattr(stage, level) for stage in profile.stages):
        raise ConfigurationError(f"{path}: no stage has {level} above 0, so no load would be sent; raise one.")
    if profile.planned_duration_s > MAX_DURATION_S:
        raise ConfigurationError(f"{path}: the stages last longer than {format_duration(MAX_DURATION_S)} together; shorten them.")


def _with_duration_of_stages(profile: Profile, path: Path) -> Profile:
    """The stages say how long the load lasts; a duration beside them may only say the same."""
    lasting = profile.planned_duration_s
    if "duration_s" in profile.model_fields_set and not math.isclose(profile.duration_s, lasting):
        raise ConfigurationError(
            f"{path}: the duration is {format_duration(profile.duration_s)}, but the stages last {format_duration(lasting)} "
            "together; remove the duration."
        )
    return profile.model_copy(update={"duration_s": lasting})


def load_environment(settings: Settings, name: str) -> Environment:
    path = _known(settings.environments, name, "environment") / f"{name}.yaml"
    environment = validated(Environment, {"name": name} | read_yaml(path), path)
    sources = (environment.backend, environment.base_url, environment.base_url_variable, environment.base_url_connection)
    if not any(sources):
        raise ConfigurationError(
            f"{path} names no target; give base_url, base_url_variable, base_url_connection, or a backend to start."
        )
    if environment.tls is None:
        return environment
    return environment.model_copy(update={"tls": _usable(environment.tls, settings.home, path)})


def _usable(tls: Tls, home: Path, path: Path) -> Tls:
    """The same with absolute paths; raises ConfigurationError for files that are not there, or no certificate and its key."""
    files = {name: str(home / value) for name in ("ca_file", "cert_file", "key_file") if (value := getattr(tls, name))}
    for name, file in files.items():
        if not Path(file).is_file():
            raise ConfigurationError(f"{path}: tls.{name}: there is no file {file}; name a PEM file, relative to {home}.")
    found = tls.model_copy(update=files)
    try:
        found.context()
    except OSError as error:
        named = ", ".join(files.values())
        raise ConfigurationError(
            f"{path}: tls: {named} cannot be used ({error.strerror or error}); give a certificate in PEM form, and its private "
            "key without a passphrase."
        ) from None
    return found


def load_scenario(settings: Settings, name: str) -> Scenario:
    folder = _known(settings.scenarios, name, "scenario") / name
    targets, criteria = (
        read_targets(folder / "targets.yaml"),
        read_criteria(folder / "criteria.yaml", read_common_criteria(settings.criteria)),
    )
    return described_scenario(folder, targets, criteria)


def described_scenario(folder: Path, targets: Sequence[Target] = (), criteria: Criteria | None = None) -> Scenario:
    """What scenario.yaml says (it may be missing), with the targets and criteria that stand beside it."""
    described = read_yaml(folder / "scenario.yaml") if (folder / "scenario.yaml").exists() else {}
    scenario = validated(
        Scenario,
        {"name": folder.name}
        | described
        | {
            "folder": str(folder),
            "targets": tuple(targets),
            "criteria": criteria or Criteria(),
            "files_digest": files_digest(folder),
        },
        folder / "scenario.yaml",
    )
    check_arguments(scenario.arguments, str(folder / "scenario.yaml"))
    for entry in scenario.entries:
        if not entry.exists():
            name = entry.relative_to(folder) if entry.is_relative_to(folder) else entry
            raise ConfigurationError(
                f"{folder / 'scenario.yaml'}: locustfile {str(name)!r} does not exist in {folder}; create it or correct the name."
            )
    if not scenario.locustfiles:
        raise ConfigurationError(
            f"{folder / 'scenario.yaml'}: locustfile names no Python file; put one there or correct the name."
        )
    for pattern in scenario.grouping:
        try:
            re.compile(pattern.match)
        except re.error as error:
            raise ConfigurationError(
                f"{folder / 'scenario.yaml'}: grouping pattern {pattern.match!r} is not a regular expression: {error}."
            ) from None
    return scenario


def files_digest(folder: Path) -> str:
    """SHA-256 over names and contents of every file of the scenario that changes the load."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in NOT_LOAD and "__pycache__" not in path.parts:
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def read_common_criteria(path: Path) -> dict[str, Any]:
    """What `include/criteria.yaml` says of all scenarios, checked; nothing where it is missing."""
    data = read_yaml(path) if path.exists() else {}
    own = sorted({"endpoints", "muted", "least_capacity"} & data.keys())
    if own:
        raise ConfigurationError(
            f"{path}: {', '.join(own)} can only be said of one scenario; write it into its own criteria.yaml."
        )
    validated(CommonCriteria, data, path)
    return data


def read_criteria(path: Path, common: dict[str, Any] | None = None) -> Criteria:
    """A scenario's criteria; what it does not say, `common` says."""
    criteria = validated(Criteria, (common or {}) | (read_yaml(path) if path.exists() else {}), path)
    for metric in (mute.metric for mute in criteria.muted if mute.metric is not None):
        try:
            require_metric(metric)
        except ConfigurationError as error:
            raise ConfigurationError(f"{path}, muted: {error}") from None
    return criteria


def read_targets(path: Path) -> list[Target]:
    """`endpoints: {"GET /x": {p95_ms: 100}}` and `total: {error_rate: 1%}` as a flat list."""
    if not path.exists():
        return []
    data = read_yaml(path)
    unknown = set(data) - {"endpoints", "total"}
    if unknown:
        raise ConfigurationError(f"{path}: unknown key {sorted(map(str, unknown))[0]!r}; allowed are endpoints and total.")
    endpoints = data.get("endpoints") or {}
    if not isinstance(endpoints, dict):
        raise ConfigurationError(f"{path}: endpoints must be a mapping such as GET /items: {{p95_ms: 100}}.")
    groups: dict[str | None, Any] = dict(endpoints)
    if data.get("total") is not None:
        groups[None] = data["total"]
    targets, problems = [], []
    for endpoint, limits in groups.items():
        place = endpoint or "total"
        if not isinstance(limits, dict):
            problems.append(f"{place} must be a mapping such as {{p95_ms: 100}}")
            continue
        for metric, limit in limits.items():
            try:
                targets.append(_target(endpoint, metric, limit))
            except ValueError as error:
                problems.append(f"{place}{error}")
    if problems:
        raise refusal(path, problems)
    return targets


def _target(endpoint: str | None, metric: Any, limit: Any) -> Target:
    """One limit; raises ValueError with what follows the endpoint in a sentence."""
    if metric not in TARGET_METRICS:
        raise ValueError(f": there is no metric {metric!r}; allowed are {', '.join(TARGET_METRICS)}")
    try:
        target = Target(endpoint=endpoint, metric=metric, limit=limit)
    except ValidationError as error:
        raise ValueError(f", {metric}: {message_of(error.errors()[0])}{got(limit)}") from None
    if metric == "error_rate" and target.limit >= 1:  # not refused by Target: plans of earlier runs may hold it
        never = "an error rate of 100% or more can never be missed; give a share such as 0.01, or 1%"
        raise ValueError(f", {metric}: {never}{got(limit)}")
    return target


def _known(folder: Path, name: str, kind: str) -> Path:
    check_known(name, known_names(folder), kind, folder)
    return folder


def check_known(name: str, names: list[str], kind: str, folder: Path) -> None:
    if not re.fullmatch(slug_pattern, name) or name not in names:
        raise ConfigurationError(f"Unknown {kind} {name[:60]!r}; known are: {', '.join(names) or 'none'} (add one in {folder}).")


def validated(model: type[Model], data: dict[str, Any], path: Path) -> Model:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise refusal(path, problems_of(error)) from None
