"""`loadtest import`: results of other tools."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadtest.cli.printing import print_plain, print_table
from loadtest.errors import ConfigurationError, LoadTestError
from loadtest.settings import settings

if TYPE_CHECKING:
    from loadtest.importing.keep import Place, Span
    from loadtest.importing.parsed import ParsedRun
    from loadtest.run_folder import RunFolder

MOST_SHOWN = 12


def import_results(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Recognized by content; see docs/import_results.md.")],
    scenario: Annotated[str | None, typer.Option(help="Its name here; default: from the file's name.")] = None,
    environment: Annotated[str, typer.Option(help="Where it was measured.")] = "imported",
    profile: Annotated[str | None, typer.Option(help="How much load that was; default: the tool's name.")] = None,
    commit: Annotated[str | None, typer.Option(help="The build that was measured, if you know it.")] = None,
    duration: Annotated[
        str | None,
        typer.Option(help="How long that load lasted, such as 5m, where the files do not say; else rates stay unknown."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; only without it a preview is shown first.")] = False,
) -> None:
    """Take results of Locust, JMeter, k6, Gatling, Artillery or Taurus along, or targets from a baseline.json.

    All files or none. Shows what was found and asks; where nobody can answer, --yes is needed.

    Examples: loadtest import results_stats.csv results_stats_history.csv --scenario shop;
    loadtest import load.jtl --commit v1.4.0 --yes
    """
    from loadtest.importing.recognize import read_file

    found = [(path, read_file(path)) for path in files]
    targets = [(path, one) for path, one in found if isinstance(one, dict)]
    runs = [(path, one) for path, one in found if not isinstance(one, dict)]
    if targets and (runs or len(targets) > 1):
        raise ConfigurationError("Targets are imported alone, one file at a time; nothing was imported.")
    if targets:
        _import_targets(*targets[0], scenario, yes)
    else:
        _import_runs(_lasting(runs, duration), scenario, environment, profile, commit, yes)


def _lasting(found: list[tuple[Path, ParsedRun]], duration: str | None) -> list[tuple[Path, ParsedRun]]:
    """With the duration that somebody told, of those whose files tell none."""
    from dataclasses import replace

    from loadtest.planning.quantities import parse_duration_s

    if duration is None:
        return found
    try:
        seconds = parse_duration_s(duration)
    except ValueError as error:
        raise ConfigurationError(f"--duration: {error}; nothing was imported.") from None
    if seconds <= 0:
        raise ConfigurationError("--duration: a load lasts longer than 0 s; nothing was imported.")
    return [
        (path, replace(run, duration_s=seconds) if run.requests is None and run.duration_s is None else run)
        for path, run in found
    ]


def _import_targets(path: Path, found: dict[str, float], scenario: str | None, yes: bool) -> None:
    from loadtest.importing.targets import as_yaml, write_targets
    from loadtest.planning.config import the_one

    name = scenario or the_one(settings().scenarios, "scenario", usual="student_api")
    print_plain(as_yaml(found, path.name).rstrip())
    if max(found.values()) < 10:
        print_plain("Every target is below 10 ms: are these seconds? targets.yaml is in milliseconds.", error=True)
    _ask(f"Write this as targets.yaml of scenario {name}?", yes)
    print_plain(f"Written: {write_targets(found, path.name, settings().scenarios / name)}")


def _import_runs(
    found: list[tuple[Path, ParsedRun]],
    scenario: str | None,
    environment: str,
    profile: str | None,
    commit: str | None,
    yes: bool,
) -> None:
    from loadtest.cli.run import user_name
    from loadtest.importing.keep import Place, digest_of, folder_of, keep, span_of
    from loadtest.planning.quantities import slugify

    prepared: list[tuple[ParsedRun, Place, RunFolder, Span]] = []
    for paths, run in _pairs(found):
        place = Place(
            runs_root=settings().runs_root,
            scenario=scenario or slugify(paths[0].stem.removesuffix("_stats").removesuffix("_history").removesuffix("_stats")),
            environment=environment,
            profile=profile or slugify(run.tool),
            commit=commit,
            by=user_name(),
        )
        written_at = datetime.fromtimestamp(paths[0].stat().st_mtime, UTC)
        folder = folder_of(run, place, digest_of(paths))
        if any(folder == other for _, _, other, _ in prepared):
            raise ConfigurationError(f"{paths[0]} is given twice; nothing was imported.")
        prepared.append((run, place, folder, span_of(run, otherwise=written_at)))
    for run, place, _, span in prepared:
        _show(run, place, span)
    _ask(f"Import {'this run' if len(prepared) == 1 else f'these {len(prepared)} runs'}?", yes)
    for run, place, folder, span in prepared:
        keep(run, place, folder, span)
        _record(folder)
        print_plain(f"Imported {folder.run_id}: {folder.path}")


def _pairs(found: list[tuple[Path, ParsedRun]]) -> list[tuple[list[Path], ParsedRun]]:
    """One entry per run: Locust's two files of one run belong together, by their names."""
    from dataclasses import replace

    from loadtest.importing.from_locust import joined

    grouped: dict[str, list[tuple[Path, ParsedRun]]] = {}
    for path, run in found:
        key = str(path.resolve())
        if run.tool == "Locust":
            key = key.replace("_stats_history", "_stats")
        grouped.setdefault(key, []).append((path, run))
    runs: list[tuple[list[Path], ParsedRun]] = []
    for group in grouped.values():
        stats = [each for each in group if each[1].started_s is None]
        history = [each for each in group if each[1].started_s is not None]
        if len(stats) == len(history) == 1:
            run = replace(joined(stats[0][1], history[0][1]), files=(stats[0][0].name, history[0][0].name))
            runs.append(([stats[0][0], history[0][0]], run))
        else:
            runs += [([path], run) for path, run in group]
    return runs


def _show(run: ParsedRun, place: Place, span: Span) -> None:
    """What was found, so that a person can see whether it was read rightly."""
    from loadtest import wording
    from loadtest.importing.preview import rows_of

    kind = "aggregated" if run.aggregated else "every request"
    print_plain(f"{run.tool}, {kind}: {', '.join(run.files)}")
    users = f", up to {wording.plural(run.users, 'user')}" if run.users else ""
    when = "" if run.requests is not None or run.started_s is not None else " (when the file was written)"
    lasted = (
        wording.duration(span.seconds)
        if run.requests is not None or run.duration_s
        else "duration and rates unknown (--duration tells them)"
    )
    where = f"{place.scenario} on {place.environment}, {place.profile}"
    print_plain(f"  {where}: {wording.moment(span.started_at)}{when}, {lasted}{users}")
    rows = rows_of(run)
    print_table(("endpoint", "requests", "errors", "p50 ms", "p95 ms"), rows[:MOST_SHOWN])
    if len(rows) > MOST_SHOWN:
        print_plain(f"  and {len(rows) - MOST_SHOWN:,} more endpoints")
    for note in run.notes:
        print_plain(f"  Note: {note}")


def _ask(question: str, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigurationError("Nothing was imported yet: look at the preview, then give --yes.")
    if not typer.confirm(question, default=False):
        raise ConfigurationError("Nothing was imported.")


def _record(folder: RunFolder) -> None:
    """Into the history; where that fails the run folder is there, and can be recorded later."""
    from loadtest.history.record import record_run

    try:
        record_run(folder)
    except LoadTestError as error:
        print_plain(f"loadtest: {folder.run_id} is not in the history: {error} Later: loadtest history rebuild", error=True)
