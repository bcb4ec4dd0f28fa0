"""`loadtest baseline propose`: the accepted baseline as a pull request, for people to review as a diff."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from loadtest.cli.the_only_one import Environment, Scenario
from loadtest.errors import ConfigurationError


def propose(
    repository: Annotated[str, typer.Option(help="owner/name on GitHub.", show_default=False)],
    scenario: Scenario = "",
    environment: Environment = "",
    profile: Annotated[str, typer.Option(help="How much load.")] = "light",
    folder: Annotated[str, typer.Option(help="Where this project is in the repository, such as load-testing.")] = "",
    base: Annotated[str | None, typer.Option(help="Branch to merge into; default: the repository's.", show_default=False)] = None,
) -> None:
    """Open a pull request with the accepted baseline, or bring the open one up to date.

    Log in with LOADTEST_GITHUB_TOKEN; LOADTEST_GITHUB_API_URL for GitHub Enterprise.
    """
    from github import Auth

    from loadtest.baselines.layout import render
    from loadtest.baselines.store import read_baselines, reviewed_path
    from loadtest.notifications.github.baseline import propose_baseline
    from loadtest.notifications.github.delivery import connect
    from loadtest.settings import settings

    token = os.environ.get("LOADTEST_GITHUB_TOKEN")
    if not token:
        raise ConfigurationError(
            "GitHub wants a login; set LOADTEST_GITHUB_TOKEN to a token that may write contents and pull requests."
        )
    name = f"{scenario}/{environment}/{profile}"
    file = read_baselines(scenario, environment, profile)
    anchor = file.anchor
    if anchor is None:
        raise ConfigurationError(f"There is no accepted baseline of {name} to propose; next: loadtest baseline promote.")
    path = reviewed_path(scenario, environment, profile)
    if not path.is_relative_to(settings().home):
        raise ConfigurationError(
            f"{path} is outside of the project {settings().home}, so its place in the repository is not known."
        )
    url = propose_baseline(
        connect(Auth.Token(token), os.environ.get("LOADTEST_GITHUB_API_URL") or None),
        repository,
        path="/".join(part for part in (folder.strip("/"), path.relative_to(settings().home).as_posix()) if part),
        content=render(file),
        name=name,
        by=anchor.provenance.accepted_by,
        reason=anchor.provenance.reason,
        base=base,
    )
    print(f"Proposed version {anchor.version}: {url}")
