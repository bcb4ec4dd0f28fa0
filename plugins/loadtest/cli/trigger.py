"""`loadtest trigger`: CI asks a running Airflow for a load test of one commit, waits for it and fetches its results."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from loadtest.errors import ConfigurationError
from loadtest.planning.quantities import parse_duration_s, slugify

DAG_ID = "load_test"
SCENARIO_PARAMS = ("arguments", "tags", "exclude_tags")
_SHA = re.compile(r"[0-9a-fA-F]{7,64}")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*/(?!\.{1,2}$)[A-Za-z0-9_.-]+")


def trigger(
    airflow_url: Annotated[str, typer.Option(envvar="LOADTEST_AIRFLOW_URL", help="Address of Airflow.", show_default=False)],
    commit: Annotated[str, typer.Option(help="Hash of the commit under test.", show_default=False)],
    branch: Annotated[str | None, typer.Option(help="Its branch.", show_default=False)] = None,
    repository: Annotated[str | None, typer.Option(help="owner/name on GitHub.", show_default=False)] = None,
    pull_request: Annotated[
        int | None, typer.Option(help="Its number; the verdict is posted there as a comment.", show_default=False, min=1)
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Default: the DAG's own for pushes.", show_default=False)] = None,
    environment: Annotated[str | None, typer.Option(help="Default: the DAG's own.", show_default=False)] = None,
    scenario: Annotated[str | None, typer.Option(help="Default: the DAG's own.", show_default=False)] = None,
    users: Annotated[int | None, typer.Option(help="Instead of the profile's number.", show_default=False, min=1)] = None,
    duration: Annotated[str | None, typer.Option(help="Instead of the profile's: 30s, 5m.", show_default=False)] = None,
    argument: Annotated[
        list[str] | None, typer.Option(help="name=value, of the Locust file's own parser; may be repeated.", show_default=False)
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only tasks with it; may be repeated.", show_default=False)] = None,
    exclude_tag: Annotated[list[str] | None, typer.Option(help="No tasks with it; may be repeated.", show_default=False)] = None,
    blocking: Annotated[bool, typer.Option("--blocking", help="Turn the DAG run red when the verdict is fail.")] = False,
    against: Annotated[
        str | None,
        typer.Option(help="Compare side by side with this branch, tag or commit, or merge-base.", show_default=False),
    ] = None,
    any_build: Annotated[
        bool, typer.Option("--any-build", help="Measure what runs there, also if it is not the commit.")
    ] = False,
    wait: Annotated[str | None, typer.Option(help="Wait that long for the verdict: 30m, 1h.", show_default=False)] = None,
    download: Annotated[Path | None, typer.Option(help="Put the run's files there.", show_default=False)] = None,
    skip_overtaken: Annotated[
        bool, typer.Option("--skip-overtaken", help="Give up older commits of this branch that still wait for their turn.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit by the verdict: 1 fail, 2 not run, 3 invalid, 4 inconclusive, 5 warn.")
    ] = False,
) -> None:
    """Run a load test of a commit on a running Airflow (for CI).

    The run is named after branch and commit: asked for twice, it runs once, and the second call waits for the first.
    Log in with LOADTEST_AIRFLOW_TOKEN, or LOADTEST_AIRFLOW_USERNAME and LOADTEST_AIRFLOW_PASSWORD. Without --strict the
    exit code is 0 whatever the verdict; 2 if the request itself is wrong or Airflow cannot be reached.

    Example: loadtest trigger --commit $GITHUB_SHA --against merge-base --wait 30m
    """
    from loadtest.airflow_api.client import AirflowClient
    from loadtest.cli.trigger_follow import fetch_files, follow, give_up_overtaken, report_created, show_verdict
    from loadtest.vocabulary import exit_code

    wait_s = _seconds(wait)
    if download is not None and wait_s is None:
        raise ConfigurationError("--download needs --wait: there is nothing to fetch before the run has ended.")
    conf = run_conf(
        commit=commit,
        branch=branch,
        repository=repository,
        pull_request=pull_request,
        profile=profile,
        environment=environment,
        scenario=scenario,
        users=users,
        duration=duration,
        arguments=argument or None,
        tags=tag or None,
        exclude_tags=exclude_tag or None,
        blocking=blocking,
        against=against,
        any_build=any_build,
    )
    run_id = push_run_id(conf)
    token, username, password = _credentials()
    with AirflowClient(airflow_url, username, password, token) as client:
        run = client.create_run(DAG_ID, run_id, conf)
        report_created(client, run)
        if skip_overtaken:
            give_up_overtaken(client, run)
        if wait_s is None:
            return
        ended = follow(client, run, wait_s)
        verdict = show_verdict(client, ended)
        if download is not None and ended.finished:
            fetch_files(client, run.run_id, download)
    if strict:
        sys.exit(exit_code(verdict.outcome if verdict else None, strict=True))


def run_conf(*, commit: str, repository: str | None, **values: Any) -> dict[str, Any]:
    """The DAG params of a push; raises ConfigurationError for what cannot be a commit or repository."""
    if not _SHA.fullmatch(commit):
        raise ConfigurationError(f"--commit is a commit's hash, 7 to 64 hexadecimal digits, not {commit[:80]!r}.")
    if repository is not None and not _REPOSITORY.fullmatch(repository):
        raise ConfigurationError(f"--repository is written owner/name, not {repository[:80]!r}.")
    conf = {"commit": commit.lower(), "repository": repository} | values
    return {name: value for name, value in conf.items() if value not in (None, "", False)}


def push_run_id(conf: dict[str, Any]) -> str:
    """`push__<slug>__<sha>`: the same for the same commit of the same branch with the same request, so that Airflow itself
    refuses a second run (409). What was asked for explicitly (profile, environment, ...) is part of the slug."""
    where = ("repository", "branch", "scenario", "environment")
    asked = (*where, "profile", "users", "duration", "against", "any_build", *SCENARIO_PARAMS)
    slug = slugify("-".join(str(conf[name]) for name in asked if name in conf) or "push")
    return f"push__{slug}__{conf['commit']}"


def _seconds(wait: str | None) -> float | None:
    if wait is None:
        return None
    try:
        seconds = parse_duration_s(wait)
    except ValueError:
        raise ConfigurationError(f"--wait is a duration such as 30m or 1h, not {wait[:40]!r}.") from None
    return float(seconds)


def _credentials() -> tuple[str | None, str | None, str | None]:
    """Token, user name and password, from the environment only: a command line is visible to everyone on the machine."""
    token, username, password = (os.environ.get(f"LOADTEST_AIRFLOW_{name}") or None for name in ("TOKEN", "USERNAME", "PASSWORD"))
    if token is None and (username is None or password is None):
        raise ConfigurationError(
            "Airflow wants a login; set LOADTEST_AIRFLOW_TOKEN, or LOADTEST_AIRFLOW_USERNAME and LOADTEST_AIRFLOW_PASSWORD."
        )
    return token, username, password
