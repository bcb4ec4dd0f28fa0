"""`loadtest baseline`: collect reference runs, accept them, look at them, go back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from loadtest.cli.printing import Format, FormatOption, print_table
from loadtest.cli.the_only_one import Environment, Scenario
from loadtest.errors import ConfigurationError

if TYPE_CHECKING:
    from loadtest.baselines.models import Baseline, BaselineFile

app = typer.Typer(help="The pinned reference runs that regressions are judged against.", no_args_is_help=True)

Profile = Annotated[str, typer.Option(help="How much load.")]
By = Annotated[str, typer.Option("--by", help="Who accepts it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why. People will read this years from now.")]
Force = Annotated[
    bool, typer.Option("--force", help="Accept runs that failed, warned, hide something muted or are invalid; recorded.")
]
Extend = Annotated[bool, typer.Option("--extend", help="Keep the anchor's runs and add these.")]


@app.command()
def collect(
    scenario: Scenario = "",
    environment: Environment = "",
    profile: Profile = "light",
    runs: Annotated[int, typer.Option(min=1, max=50, help="How many usable runs.")] = 8,
    spacing: Annotated[str, typer.Option(help="Wait between runs, such as 30m: noise differs over the day.")] = "0s",
    users: Annotated[str | None, typer.Option(help="Instead of the profile's number; later runs must use the same.")] = None,
    spawn_rate: Annotated[str | None, typer.Option(help="Instead of the profile's.")] = None,
    duration: Annotated[str | None, typer.Option(help="Instead of the profile's.")] = None,
    argument: Annotated[list[str] | None, typer.Option(help="name=value, of the Locust file's own parser.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only tasks with this tag.")] = None,
    exclude_tag: Annotated[list[str] | None, typer.Option(help="No tasks with this tag.")] = None,
    commit: Annotated[str | None, typer.Option(help="The code under test.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what was collected before.")] = False,
    accept: Annotated[bool, typer.Option("--promote", help="Accept the result at once; needs --by and --reason.")] = False,
    by: By = "",
    reason: Reason = "",
    force: Force = False,
    extend: Extend = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Run the same load several times and keep the runs as a candidate; with --promote, accept them.

    Example: loadtest baseline collect --profile light --runs 8 --spacing 1h
    """
    from loadtest.baselines import candidates, collecting, promotion
    from loadtest.cli.baseline_runs import Runner
    from loadtest.planning.quantities import parse_duration_s

    if accept:
        promotion.check_signature(by, reason)  # before the load, not after it
    try:
        spacing_s = parse_duration_s(spacing)
    except ValueError as error:
        raise ConfigurationError(f"--spacing {spacing!r}: {error}.") from None
    if fresh:
        candidates.discard_candidate(scenario, environment, profile)
    asked = {
        "scenario": scenario,
        "environment": environment,
        "profile": profile,
        "users": users,
        "spawn_rate": spawn_rate,
        "duration_s": duration,
        "arguments": argument,
        "tags": tag,
        "exclude_tags": exclude_tag,
    }
    with Runner(asked, runs=runs, commit=commit, reason=reason) as runner:
        candidate = collecting.collect(runner.run_one, runs=runs, spacing_s=spacing_s, report=runner.report)
    if accept:
        _accepted(promotion.promote(candidate, by=by, reason=reason, force=force, extend=extend), output)
    elif output is Format.JSON:
        print(candidate.model_dump_json(indent=2))
    else:
        _show_candidate(scenario, environment, profile)


@app.command()
def add(run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder or run id.")]) -> None:
    """Put an ordinary judged run into the candidate."""
    from loadtest.baselines.candidates import add_run
    from loadtest.history.folders import find_run

    candidate = add_run(find_run(run))
    _show_candidate(candidate.scenario, candidate.environment, candidate.profile)


@app.command()
def promote(
    by: By,
    reason: Reason,
    scenario: Scenario = "",
    environment: Environment = "",
    profile: Profile = "light",
    without: Annotated[list[str] | None, typer.Option(help="A run to leave out; may be repeated.")] = None,
    force: Force = False,
    extend: Extend = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Accept the candidate: it becomes the next version and the anchor."""
    from loadtest.baselines import candidates, promotion

    candidate = candidates.read_candidate(scenario, environment, profile)
    for run_id in without or ():
        candidate = candidates.leave_out(scenario, environment, profile, run_id, f"left out by {by}")
    _accepted(promotion.promote(candidate, by=by, reason=reason, force=force, extend=extend), output)


@app.command()
def show(
    scenario: Scenario = "",
    environment: Environment = "",
    profile: Profile = "light",
    version: Annotated[int | None, typer.Option(help="Default: the anchor.")] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """The anchor (or another version): its runs, its endpoints, what it cannot carry yet; and the candidate."""
    from loadtest.baselines import promotion

    file = _read(scenario, environment, profile)
    baseline = promotion.find_version(file, version) if version is not None else file.anchor
    if output is Format.JSON:
        print(baseline.model_dump_json(indent=2) if baseline else "null")
        return
    if baseline is None:
        from loadtest.baselines.store import collect_command

        print(f"There is no baseline yet for {scenario} on {environment} with profile {profile}.")
        print(f"Next: {collect_command(scenario, environment, profile)} --runs 8 --promote --by NAME --reason TEXT")
    else:
        _show_baseline(file, baseline)
    _show_candidate(scenario, environment, profile)


@app.command()
def diff(
    scenario: Scenario = "",
    environment: Environment = "",
    profile: Profile = "light",
    before: Annotated[int | None, typer.Option("--from", help="Default: the version before the anchor.")] = None,
    after: Annotated[int | None, typer.Option("--to", help="Default: the anchor.")] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """What changed between two versions, endpoint by endpoint."""
    from dataclasses import asdict

    from loadtest.baselines import changes, promotion

    file = _read(scenario, environment, profile)
    second = promotion.find_version(file, after) if after is not None else file.anchor
    first = promotion.find_version(file, before if before is not None else _before_anchor(file))
    change = changes.diff(first, second or first)
    if output is Format.JSON:
        numbers = [asdict(row) | {"typical_change": row.typical_change, "p95_change": row.p95_change} for row in change.endpoints]
        facts = {"from": change.before.version, "to": change.after.version, "comparable": change.comparable}
        print(json.dumps(facts | {"added": change.added, "removed": change.removed, "endpoints": numbers}, indent=2))
        return
    print(f"Version {change.before.version} to {change.after.version}: +{len(change.added)} runs, -{len(change.removed)} runs")
    if not change.comparable:
        print("The two have different plans or host classes: their latencies are not comparable.")
    rows = [
        (
            row.endpoint,
            *(_ms(row.typical_before_ms), _ms(row.typical_after_ms), _change(row.typical_change)),
            *(_ms(row.p95_before_ms), _ms(row.p95_after_ms), _change(row.p95_change)),
        )
        for row in change.endpoints
    ]
    print_table(("endpoint", "typical", "now", "change", "p95", "now", "change"), rows)


@app.command()
def history(
    scenario: Scenario = "",
    environment: Environment = "",
    profile: Profile = "light",
    output: FormatOption = Format.TEXT,
) -> None:
    """All versions: who accepted them, when and why."""
    file = _read(scenario, environment, profile)
    if output is Format.JSON:
        versions = [
            {
                "version": each.version,
                **each.provenance.model_dump(mode="json"),
                "runs": [run.run_id for run in each.runs],
                "builds": each.builds,
                "digest": each.digest,
                "host_class": each.host_class.model_dump(),
            }
            for each in file.versions
        ]
        print(json.dumps(versions, indent=2))
        return
    print_table(
        ("version", "accepted", "by", "runs", "builds", "reason"),
        [
            (
                str(each.version),
                f"{each.provenance.accepted_at:%Y-%m-%d %H:%M}",
                each.provenance.accepted_by,
                str(len(each.runs)),
                str(len(each.builds)),
                each.provenance.reason
                + (f" (brings back version {each.provenance.from_version})" if each.provenance.from_version else "")
                + (" (forced)" if each.provenance.forced else ""),
            )
            for each in file.versions
        ],
    )


@app.command()
def rollback(
    by: By,
    reason: Reason,
    scenario: Scenario = "",
    environment: Environment = "",
    profile: Profile = "light",
    to: Annotated[int | None, typer.Option("--to", help="The version to bring back; default: the one before the anchor.")] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Bring an older version back, as a new version."""
    from loadtest.baselines import promotion

    version = to if to is not None else _before_anchor(_read(scenario, environment, profile))
    _accepted(promotion.rollback(scenario, environment, profile, version, by=by, reason=reason), output)


def _read(scenario: str, environment: str, profile: str) -> BaselineFile:
    from loadtest.baselines.store import read_baselines

    return read_baselines(scenario, environment, profile)


def _before_anchor(file: BaselineFile) -> int:
    if len(file.versions) < 2:
        where = f"{file.scenario} on {file.environment} with profile {file.profile}"
        raise ConfigurationError(f"There is no version before the anchor for {where}: it has {len(file.versions)} of at least 2.")
    return len(file.versions) - 1


def _accepted(baseline: Baseline, output: Format) -> None:
    from loadtest.baselines.promotion import weaknesses

    if output is Format.JSON:
        print(baseline.model_dump_json(indent=2))
        return
    by = baseline.provenance.accepted_by
    print(f"Accepted by {by}: version {baseline.version} with {len(baseline.runs)} runs is the anchor.")
    for sentence in weaknesses(baseline):
        print(sentence)


def _show_baseline(file: BaselineFile, baseline: Baseline) -> None:
    from loadtest.baselines import changes, promotion

    provenance = baseline.provenance
    print(f"{file.scenario} on {file.environment}, profile {file.profile}: version {baseline.version} of {len(file.versions)}")
    print(f"Accepted by {provenance.accepted_by} on {provenance.accepted_at:%Y-%m-%d %H:%M} UTC: {provenance.reason}")
    print(f"Host class: {baseline.host_class.label}; plan {baseline.digest}")
    print(f"{len(baseline.runs)} runs of {len(baseline.builds)} builds; {len(file.refresh)} later runs refresh the variances")
    for sentence in (*promotion.weaknesses(baseline), *(f"Overruled: {each}" for each in provenance.overruled)):
        print(sentence)
    names = sorted({row.endpoint for run in baseline.runs for row in run.endpoints})
    rows = [
        (
            name,
            f"{sum(row.n for run in baseline.runs for row in run.endpoints if row.endpoint == name):,}",
            *(_ms(changes.level_ms(baseline, name, field)) for field in ("lm", "log_p50", "log_p95", "log_p99")),
        )
        for name in names
    ]
    print_table(("endpoint", "requests", "typical", "p50", "p95", "p99"), rows)
    runs = [(run.run_id, f"{run.started_at:%Y-%m-%d %H:%M}", (run.commit or "")[:12], f"{run.rps:.1f}") for run in baseline.runs]
    print_table(("run", "started", "commit", "requests/s"), runs)


def _show_candidate(scenario: str, environment: str, profile: str) -> None:
    from loadtest.baselines.candidates import read_candidate

    candidate = read_candidate(scenario, environment, profile)
    if not candidate.runs and not candidate.left_out:
        return
    print(f"Candidate: {len(candidate.runs)} runs, not accepted yet.")
    for run_id, why in candidate.objections.items():
        print(f"  {run_id}: {why}")
    for run_id, why in candidate.left_out.items():
        print(f"  {run_id} is left out: {why}")
    where = f"--scenario {scenario} --environment {environment} --profile {profile}"
    print(f"Next: loadtest baseline promote {where} --by NAME --reason TEXT")


def _ms(value: float | None) -> str:
    from loadtest.wording import ms

    return "-" if value is None else ms(value)


def _change(value: float | None) -> str:
    from loadtest.wording import change

    return "-" if value is None else change(value)
