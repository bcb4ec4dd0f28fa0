"""The build that a run measures: looked at before the load and after it, and held against the one that was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable

from loadtest.builds.running import running_build
from loadtest.builds.worktrees import environment_of_build, is_repository, known_commit, prepared
from loadtest.errors import NotRunError
from loadtest.planning.build import Build, fuller_name, same_build
from loadtest.planning.models import Plan
from loadtest.planning.quantities import format_duration
from loadtest.run_folder import RunFolder

ASK_AGAIN_S = 5.0


def with_build_made(plan: Plan, folder: RunFolder) -> Plan:
    """The plan whose backend runs in a prepared worktree of the commit that was asked for, where the environment can make
    builds; else the plan as it is. Raises NotRunError when the commit cannot be prepared."""
    builds, commit = plan.environment.builds, plan.trigger.commit
    if builds is None or commit is None or not makes_builds(plan):
        return plan
    environment = environment_of_build(plan.environment, prepared(builds, commit), commit)
    plan = plan.model_copy(update={"environment": environment, "build": Build(version=commit)})
    plan.write(folder.plan)
    return plan


def with_build_known(plan: Plan, folder: RunFolder, base_url: str, say: Callable[[str], None] = lambda _: None) -> Plan:
    """The plan with the build that is about to be measured, written to `plan.json`.

    Waits up to the environment's `wait_for_build` for the commit that was asked for. Raises NotRunError with one sentence that
    names both where another build runs, unless any build will do.
    """
    made = _is_made(plan)
    build = plan.build if made and plan.build else running_build(plan.environment, base_url)
    asked = plan.build.version if plan.confirms and plan.build else plan.trigger.commit
    if asked and not made:
        if not plan.any_build:
            build = _awaited(plan, asked, build, base_url, say)
        if build.version is not None and _is_asked(plan, asked, build.version):
            build = Build(version=fuller_name(asked, build.version))
        elif build.version is not None and not plan.any_build:
            waited = plan.environment.wait_for_build_s
            since = f" after {format_duration(waited)} of waiting" if waited and plan.trigger.commit == asked else ""
            raise NotRunError(
                f"Commit {asked[:40]} was asked for, but environment {plan.environment.name} runs {build.version[:50]}{since}; "
                "deploy it first, or measure what runs with --any-build."
            )
    plan = plan.model_copy(update={"build": build})
    plan.write(folder.plan)
    return plan


def makes_builds(plan: Plan) -> bool:
    """Whether the plan's environment can make builds here. An image has the files of a project, not its repository: there the
    backend is of the image's own build."""
    builds = plan.environment.builds
    return builds is not None and plan.environment.starts_backend and is_repository(builds)


def keep_build_after_load(folder: RunFolder, base_url: str) -> None:
    """Look once more when the load is over: a deployment in between makes the run worthless, and the verdict says so."""
    plan = Plan.read(folder.plan)
    if plan.build is not None and plan.build.version is not None and not _is_made(plan):
        after = running_build(plan.environment, base_url)
        if after.version is not None and _is_asked(plan, plan.build.version, after.version):
            after = plan.build
        plan.model_copy(update={"build_after": after}).write(folder.plan)


def _is_made(plan: Plan) -> bool:
    """Whether the backend runs in a worktree of ours, where nobody deploys."""
    return plan.trigger.commit is not None and plan.build is not None and makes_builds(plan)


def _awaited(plan: Plan, asked: str, build: Build, base_url: str, say: Callable[[str], None]) -> Build:
    give_up = time.monotonic() + plan.environment.wait_for_build_s
    said = None
    while not (build.version and _is_asked(plan, asked, build.version)):
        left_s = give_up - time.monotonic()
        if left_s <= 0:
            break
        if build != said:
            said = build
            say(f"waiting for build {asked[:40]}; {build.version or f'unknown ({build.problem})'} runs")
        time.sleep(min(ASK_AGAIN_S, left_s))
        build = running_build(plan.environment, base_url)
    return build


def _is_asked(plan: Plan, asked: str, version: str) -> bool:
    """By name, or because a tag and a hash mean one commit of the repository at hand."""
    if same_build(asked, version):
        return True
    commits = [known_commit(plan.environment.builds, name) for name in (asked, version)]
    return None not in commits and commits[0] == commits[1]
