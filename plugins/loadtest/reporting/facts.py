"""Facts about a run as label and value or as one sentence: what was planned, what came of it, how to do it again."""

from __future__ import annotations

import shlex

from loadtest import wording
from loadtest.planning.arguments import as_options
from loadtest.planning.build import CHANGED
from loadtest.planning.models import Plan
from loadtest.planning.profiles import LoadModel
from loadtest.reporting.escape import NAME_LIMIT, plain
from loadtest.reporting.inputs import RunFiles

Facts = tuple[tuple[str, str], ...]

MODEL_SENTENCES = {
    LoadModel.CLOSED: "Closed model: each user waits for an answer before the next request, so a slow system is asked less "
    "often and the wait of users who would have come meanwhile is not measured.",
    LoadModel.OPEN: "Open model: requests start at the planned rate whatever the answers do, and latency counts from the "
    "intended start; how people slow down on a slow system is not modeled.",
}


def title(files: RunFiles) -> str:
    """`student_api on staging, medium`: of the verdict, the plan, or the folder's name."""
    names = [plain(name, 80) for name in series(files)]
    return f"{names[0]} on {names[1]}, {names[2]}" if names else plain(files.run_id, NAME_LIMIT)


def load_line(files: RunFiles) -> str:
    """`6 users, 20s, 2026-11-27 04:33 UTC, commit 6a1d209c4e`: what of it is known."""
    plan, load = files.plan, files.load
    if plan is None:
        return ""
    when = f"{load.started_at if load else plan.created_at:%Y-%m-%d %H:%M} UTC"
    commit = f"commit {wording.commit(plain(plan.measured_commit, 80))}" if plan.measured_commit else ""
    return ", ".join(part for part in (*_load_parts(plan), when, commit) if part)


def series(files: RunFiles) -> list[str]:
    """Scenario, environment and profile; empty if neither plan nor verdict knows them."""
    if files.verdict and files.verdict.scenario:
        return [files.verdict.scenario, files.verdict.environment, files.verdict.profile]
    if files.plan:
        return [files.plan.scenario.name, files.plan.environment.name, files.plan.profile.name]
    return []


def no_verdict_sentence(files: RunFiles) -> str:
    if files.imported is not None:
        what = "totals" if files.imported.aggregated else "requests"
        return f"No verdict: these are the {what} of a run that {plain(files.imported.tool, 80)} measured; no gate judged it."
    if files.plan is None:
        return "No verdict: this run has no plan, so nothing was started."
    if files.load is None:
        return "No verdict: the load never ran, or left no result."
    return "No verdict was reached: the run was measured but not judged, so this report says nothing about good or bad."


def missing(files: RunFiles) -> tuple[str, ...]:
    """One sentence for each part of the report that cannot be shown, and why; damaged files first."""
    sentences = [plain(problem) for problem in files.problems]
    damaged = {problem.split()[0].rstrip(":") for problem in files.problems}
    if files.plan is None and "plan.json" not in damaged:
        sentences.append("There is no plan: the request was refused or never resolved.")
    elif files.load is None and "load.json" not in damaged:
        sentences.append("No load was sent, so there are no numbers.")
    elif files.metrics is None and "metrics.json" not in damaged:
        sentences.append("There is no metrics.json: the samples were not analyzed, so there are no numbers.")
    elif files.analysis is None and "analysis.json" not in damaged:
        sentences.append("There is no analysis.json: charts, failures and slowest requests are not shown.")
    if files.imported is not None:
        return (*sentences, *(plain(note) for note in files.imported.notes))
    if files.verdict is None and "verdict.json" not in damaged:
        sentences.append("There is no verdict.json: the run was not judged.")
    return tuple(sentences)


def notices(files: RunFiles) -> tuple[str, ...]:
    """What a reader must know before believing a number."""
    sentences = []
    if files.plan and files.plan.build_note:
        sentences.append(wording.sentence(plain(files.plan.build_note, 300)))
    if files.plan and files.plan.slowdown:
        sentences.append(
            f"The backend was slowed down on purpose ({plain(files.plan.slowdown, 200)}): this does not measure the real system."
        )
    if files.plan and files.plan.confirms:
        sentences.append(f"This run repeats {plain(files.plan.confirms, NAME_LIMIT)} to confirm or refute a suspicion.")
    if files.plan and files.plan.set_aside:
        parts = "; ".join(plain(part, 300) for part in files.plan.set_aside)
        sentences.append(f"Set aside from the Locust files: {parts}.")
    if files.load and files.load.grouping_warning:
        sentences.append(plain(files.load.grouping_warning))
    if files.analysis:
        sentences.extend(plain(warning.replace(f"{files.folder}/", "")) for warning in files.analysis.warnings[:10])
    if files.contract and files.contract.error:
        sentences.append(f"The data contract could not be checked: {plain(files.contract.error)}")
    return tuple(sentences)


def comparison_sentence(files: RunFiles) -> str:
    comparison = files.comparison
    if comparison is None:
        return "Nothing was compared with a baseline." if files.metrics else ""
    reason = plain(comparison.reason)
    if not comparison.compared:
        return reason or "Nothing was compared with a baseline."
    if comparison.against:
        pairs = wording.plural(comparison.pairs, "pair")
        return f"Compared side by side with commit {wording.commit(comparison.against)}, in {pairs} of slices on one host."
    version = f" (version {comparison.baseline_version})" if comparison.baseline_version is not None else ""
    parts = [
        f"Compared with the baseline{version} of {wording.plural(comparison.baseline_runs, 'run')} "
        f"from {wording.plural(comparison.builds, 'build')}"
    ]
    if comparison.candidate_runs > 1:
        parts.append(f"this build measured {comparison.candidate_runs} times")
    if comparison.confirmed_against:
        base, pairs = wording.commit(comparison.confirmed_against), wording.plural(comparison.pairs, "pair")
        parts.append(f"suspicions measured again side by side with the baseline's build, {base}, in {pairs} of slices")
    if comparison.host_factor is not None:
        parts.append(f"host factor {wording.change(comparison.host_factor)} removed")
    return ", ".join(parts) + "." + (f" {reason}" if reason else "")


def detectable_sentence(files: RunFiles) -> str:
    if files.plan and files.plan.profile.search:
        return "A search sees a change of the capacity, not of single latencies; earlier searches say how small a change."
    if not files.detectable:
        return "What this run could have detected is unknown: there is nothing to compare with."
    effects = sorted(item.effect for item in files.detectable)
    low, high = wording.change(effects[0]), wording.change(effects[-1])
    span = low if low == high else f"{low} to {high}, depending on the endpoint"
    if files.comparison is not None and not files.comparison.compared:
        return (
            "Nothing was compared, so no regression can have been seen. Against a baseline of eight runs this run could at best "
            f"detect, with 80 % probability, one of {span}."
        )
    return f"With 80 % probability this run would have detected a regression of {span}. A smaller one may have gone unseen."


def plan_facts(files: RunFiles) -> Facts:
    plan = files.plan
    rows: list[tuple[str, str]] = [("Run", plain(files.run_id, NAME_LIMIT))]
    if plan is None:
        return tuple(rows)
    trigger = plan.trigger
    asked = " ".join(part for part in (trigger.kind.value, f"by {plain(trigger.by, 80)}" if trigger.by else "") if part)
    rows += [
        ("Scenario", _with_purpose(plan.scenario.name, plan.scenario.purpose)),
        ("Environment", _with_purpose(plan.environment.name, plan.environment.purpose)),
        ("Address", plain(plan.base_url, 200) if plan.base_url else "started for this run"),
        ("Profile", _with_purpose(plan.profile.name, plan.profile.purpose)),
        ("Load", _load_sentence(plan)),
        *_of_the_scenario(plan),
        ("Load model", MODEL_SENTENCES[plan.profile.load_model]),
        ("Asked for", asked + (f": {plain(trigger.reason, 200)}" if trigger.reason else "")),
        ("Commit", plain(plan.measured_commit, 80) if plan.measured_commit else "unknown"),
    ]
    if trigger.commit and plan.build_note:
        rows.append(("Commit asked for", plain(trigger.commit, 80)))
    if trigger.branch:
        rows.append(("Branch", plain(trigger.branch, 120)))
    if trigger.pull_request:
        rows.append(("Pull request", f"{plain(trigger.repository or '', 120)}#{trigger.pull_request}"))
    if files.load:
        rows.append(("Time", f"{wording.moment(files.load.started_at)} to {wording.clock(files.load.ended_at)}"))
    if files.lost_attempts:
        rows.append(("Not believed, and measured again", plain("; ".join(files.lost_attempts), 600)))
    if files.regression and files.regression.confirmation_runs:
        rows.append(("Confirmation runs", ", ".join(plain(run, NAME_LIMIT) for run in files.regression.confirmation_runs[:10])))
    rows += [
        ("Host", plain(plan.host_class.label, 300)),
        ("Plan digest", plan.digest),
        (
            "Versions",
            ", ".join(f"{plain(name, 40)} {plain(version, 40)}" for name, version in sorted(plan.versions.items())) or "unknown",
        ),
    ]
    return tuple(rows)


def _of_the_scenario(plan: Plan) -> Facts:
    """Arguments and tags, where the run had any. Secrets among the former are variables."""
    scenario = plan.scenario
    arguments = ", ".join(as_options(scenario.arguments)[1::2])
    rows = (("Arguments", arguments), ("Tags", ", ".join(scenario.tags)), ("Without tags", ", ".join(scenario.exclude_tags)))
    return tuple((label, plain(text, 500)) for label, text in rows if text)


def _with_purpose(name: str, purpose: str) -> str:
    return f"{name}: {plain(purpose, 200)}" if purpose else name


def _load_sentence(plan: Plan) -> str:
    profile = plan.profile
    workers = f"{profile.workers} workers" if profile.workers == "auto" else wording.plural(int(profile.workers), "worker")
    how_much, how_long = _load_parts(plan)
    is_closed = not profile.stages and not profile.search and profile.load_model is LoadModel.CLOSED
    spawn_rate = f"{profile.spawn_rate:g} started per second" if is_closed else ""
    return ", ".join(part for part in (how_much, spawn_rate, how_long, workers) if part)


def _load_parts(plan: Plan) -> tuple[str, str]:
    """How much load, and for how long."""
    profile = plan.profile
    if profile.stages:
        return wording.plural(len(profile.stages), "stage"), wording.duration(sum(stage.duration_s for stage in profile.stages))
    if profile.search:
        return (
            f"steps of {profile.search.start} to {wording.plural(profile.users, 'user')}",
            f"at most {wording.duration(profile.duration_s)}",
        )
    if profile.load_model is LoadModel.OPEN:
        return f"{profile.arrivals_per_s or 0:g} requests per second", wording.duration(profile.duration_s)
    return wording.plural(profile.users, "user"), wording.duration(profile.duration_s)


def reproduce(files: RunFiles) -> Facts:
    """What for, and the exact command line."""
    plan = files.plan
    run = shlex.quote(plain(files.run_id, 200))
    again = [
        (
            "Recompute every number of this report, without load",
            " && ".join(f"loadtest {stage} {run}" for stage in ("analyze", "check", "report")),
        )
    ]
    if plan is None:
        return ()
    if plan.measured_commit:
        commit = plain(plan.measured_commit.removesuffix(CHANGED), 100)
        again.insert(0, ("Go to the code that was measured", f"git checkout {shlex.quote(commit)}"))
    again.insert(len(again) - 1, ("Run the same load again", shlex.join(run_command(plan))))
    if files.load is None:
        again.pop()
    return tuple(again)


def run_command(plan: Plan) -> list[str]:
    """Arguments of the `loadtest run` that sends the same load, also after the profile's file has changed."""
    profile = plan.profile
    command = [
        "loadtest",
        "run",
        "--scenario",
        plan.scenario.name,
        "--environment",
        plan.environment.name,
        "--profile",
        profile.name,
    ]
    if not profile.stages:
        if profile.load_model is LoadModel.CLOSED:
            command += ["--users", str(profile.users), "--spawn-rate", f"{profile.spawn_rate:g}"]
        command += ["--duration", wording.duration(profile.duration_s)]
    if plan.slowdown:
        command += ["--slowdown", plain(plan.slowdown, 2_000)]
    command += as_options(plan.scenario.arguments)
    for option, tags in (("--tag", plan.scenario.tags), ("--exclude-tag", plan.scenario.exclude_tags)):
        command += [part for tag in tags for part in (option, tag)]
    return command


def links(files: RunFiles) -> Facts:
    """Addresses a reader may follow; only http and https ones."""
    url = files.verdict.airflow_url if files.verdict else files.plan.trigger.airflow_url if files.plan else None
    return (("Airflow run", plain(url, 500)),) if url and url.startswith(("http://", "https://")) else ()
