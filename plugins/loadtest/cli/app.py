"""The commands of `loadtest`. Each room with more than one command has a module of its own beside this one."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from loadtest.cli.printing import Format, FormatOption, print_table
from loadtest.cli.run import run
from loadtest.errors import EXIT_USAGE
from loadtest.run_folder import RunFolder
from loadtest.settings import settings

app = typer.Typer(
    name="loadtest",
    help="Load testing that people can believe.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(run)

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or a run id below the runs root.")]


@app.command()
def analyze(run: RunArgument, output: FormatOption = Format.TEXT) -> None:
    """Samples to metrics again: metrics.json, analysis.json and the CSV files of a run."""
    from loadtest.analysis.analyze import analyze as analyze_folder
    from loadtest.analysis.models import Analysis
    from loadtest.history.folders import find_run
    from loadtest.history.imported import refuse_imported
    from loadtest.reporting.escape import plain

    folder = find_run(run)
    refuse_imported(folder, what="analyzed again", only_aggregated=True)
    metrics = analyze_folder(folder)
    for warning in Analysis.read(folder.analysis).warnings:
        print(f"loadtest: {plain(warning, 500)}", file=sys.stderr)
    if output is Format.JSON:
        print(metrics.model_dump_json(indent=2))
    else:
        print(f"{metrics.total.n:,} requests of {len(metrics.endpoints)} endpoints; written: {folder.metrics}")
    if metrics.total.n == 0:
        sys.exit(EXIT_USAGE)


@app.command()
def check(run: RunArgument, output: FormatOption = Format.TEXT, strict: bool = False) -> None:
    """Judge a run again: findings and verdict. Exits by the verdict."""
    from loadtest.gate.verdict import conclude
    from loadtest.history.folders import find_run
    from loadtest.history.imported import refuse_imported
    from loadtest.pipeline.stages import judge
    from loadtest.vocabulary import exit_code

    folder = find_run(run)
    refuse_imported(folder, what="judged here")
    judge(folder)
    verdict = conclude(folder)
    if output is Format.JSON:
        print(verdict.model_dump_json(indent=2))
    else:
        _show(folder)
    sys.exit(exit_code(verdict.outcome, strict=strict))


@app.command()
def report(run: RunArgument) -> None:
    """Write report.html, summary.md and junit.xml of a run again."""
    from loadtest.history.folders import find_run
    from loadtest.pipeline.publishing import write_full_report

    folder = find_run(run)
    write_full_report(folder)
    print(f"Written: {folder.report}, {folder.summary}, {folder.junit}")


@app.command()
def show(run: RunArgument) -> None:
    """Print a run's table and verdict."""
    from loadtest.history.folders import find_run

    _show(find_run(run))


@app.command()
def profiles(output: FormatOption = Format.TEXT) -> None:
    """How much load: the project's own profiles (include/profiles) and those that come with the product."""
    from loadtest.planning.config import load_profile, profile_names

    found = [load_profile(settings(), name) for name in profile_names(settings())]
    if output is Format.JSON:
        print(json.dumps([profile.model_dump(mode="json") for profile in found], indent=2))
        return
    from loadtest.planning.quantities import format_duration

    rows = []
    for profile in sorted(found, key=lambda profile: (profile.users, profile.name)):
        load = f"{profile.arrivals_per_s:g} arrivals/s" if profile.arrivals_per_s else f"{profile.users} users"
        if profile.shape == "scenario":
            load = "the scenario's shape"
        elif profile.search:
            load = f"{profile.search.start} to {profile.users} users"
        elif profile.stages:
            load = f"{len(profile.stages)} stages"
        lasts = format_duration(profile.duration_s) if profile.duration_s else "-"
        rows.append((profile.name, load, lasts, str(profile.evidence), profile.purpose))
    print_table(("profile", "load", "duration", "evidence", "purpose"), rows)


@app.command()
def environments(output: FormatOption = Format.TEXT) -> None:
    """Where the load goes: the environments of include/environments."""
    from loadtest.planning.config import known_names, load_environment

    found = [load_environment(settings(), name) for name in known_names(settings().environments)]
    if output is Format.JSON:
        print(json.dumps([environment.model_dump(mode="json") for environment in found], indent=2))
        return
    rows = []
    for environment in found:
        names = (environment.base_url, environment.base_url_variable, environment.base_url_connection)
        target = "starts its own backend" if environment.starts_backend else next(name for name in names if name)
        approval = "by a person" if environment.needs_approval else "none"
        rows.append((environment.name, target, approval, environment.purpose))
    print_table(("environment", "target", "approval", "purpose"), rows)


@app.command()
def scenarios(output: FormatOption = Format.TEXT) -> None:
    """What users do: the scenarios of include/scenarios."""
    from loadtest.planning.config import known_names, load_scenario

    found = [load_scenario(settings(), name) for name in known_names(settings().scenarios)]
    if output is Format.JSON:
        print(json.dumps([scenario.model_dump(mode="json") for scenario in found], indent=2))
        return
    rows = []
    for scenario in found:
        files = ", ".join(entry.name for entry in scenario.entries)
        rows.append((scenario.name, files, str(len(scenario.targets)), scenario.purpose))
    print_table(("scenario", "locustfile", "targets", "purpose"), rows)


@app.command()
def recover() -> None:
    """Bring measurements that could not be stored at their time from this host to their run folders."""
    from loadtest.load.control.run import ship_left_behind

    if waiting := ship_left_behind():
        for path, problem in waiting.items():
            print(f"loadtest: {path} has to wait: {problem}", file=sys.stderr)
        raise typer.Exit(EXIT_USAGE)
    print("All that was measured on this host is in its run folder; judge such a run with: loadtest analyze, loadtest check")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"loadtest {version('loadtest')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def _show(folder: RunFolder) -> None:
    from loadtest.reporting.terminal import print_run

    print_run(folder)


def _mount() -> None:
    """Rooms with commands of their own."""
    from loadtest.cli import (
        acknowledge,
        baseline,
        baseline_proposal,
        bisect,
        compare,
        doctor,
        explain,
        history,
        import_results,
        init,
        local,
        retention,
        schema,
        targets,
        trends,
        trigger,
        validate,
        worker,
    )

    baseline.app.command()(baseline_proposal.propose)
    app.add_typer(baseline.app, name="baseline")
    app.add_typer(history.app, name="history")
    app.add_typer(local.app, name="airflow")
    app.command()(bisect.bisect)
    app.command()(compare.compare)
    app.command()(explain.explain)
    app.command()(init.init)
    app.command("import")(import_results.import_results)
    app.command()(validate.validate)
    app.command()(schema.schema)
    app.command()(doctor.doctor)
    app.add_typer(targets.app, name="targets")
    app.command()(trigger.trigger)
    app.command()(trends.trends)
    app.command()(retention.retention)
    app.command()(worker.worker)
    for command in acknowledge.COMMANDS:
        app.command()(command)


_mount()
