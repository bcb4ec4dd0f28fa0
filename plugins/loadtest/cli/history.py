"""`loadtest history`: look at what is kept, build it again, move it."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from loadtest.cli.printing import Format, FormatOption, print_plain, print_table
from loadtest.errors import ConfigurationError
from loadtest.settings import settings

app = typer.Typer(help="The history database: list, show, rebuild, import, export.", no_args_is_help=True)

ScenarioOption = Annotated[str | None, typer.Option(help="Only this scenario.")]
EnvironmentOption = Annotated[str | None, typer.Option(help="Only this environment.")]
ProfileOption = Annotated[str | None, typer.Option(help="Only this profile.")]


class ExportFormat(StrEnum):
    """How `loadtest history export` writes its rows."""

    JSONL = "jsonl"
    CSV = "csv"


@app.command("list")
def list_runs(
    scenario: ScenarioOption = None,
    environment: EnvironmentOption = None,
    profile: ProfileOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 20,
    confirmations: Annotated[bool, typer.Option("--confirmations", help="Confirmation runs too.")] = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """The latest runs, newest first."""
    from loadtest.history.queries import recent_runs

    runs = recent_runs(scenario, environment, profile, limit=limit, confirmations=confirmations)
    if output is Format.JSON:
        print(json.dumps([run.model_dump(mode="json") for run in runs], indent=2))
        return
    if not runs:
        print("The history has no such run yet; see: loadtest run, loadtest history rebuild")
        return
    rows = [
        (
            f"{run.started_at:%Y-%m-%d %H:%M}",
            run.run_id,
            run.scenario,
            run.environment,
            run.profile,
            str(run.outcome or run.status),
            f"{run.requests:,}" if run.requests is not None else "",
            (run.commit or "")[:8],
        )
        for run in runs
    ]
    print_table(("started (UTC)", "run", "scenario", "environment", "profile", "outcome", "requests", "commit"), rows)


@app.command()
def show(run: Annotated[str, typer.Argument(metavar="RUN", help="A run id.")], output: FormatOption = Format.TEXT) -> None:
    """One run as the history keeps it, also when its folder is gone."""
    from loadtest.history.queries import run_entry

    entry = run_entry(run)
    if entry is None:
        raise ConfigurationError(f"The history knows no run {run!r}; see `loadtest history list`.")
    if output is Format.JSON:
        print(entry.model_dump_json(indent=2))
        return
    row = entry.run
    print_plain(f"{row.run_id}: {row.sentence or row.status}")
    print_plain(f"{row.scenario} on {row.environment} ({row.profile}), started {row.started_at:%Y-%m-%d %H:%M} UTC")
    for finding in entry.findings:
        if finding.outcome != "pass":
            print_plain(f"  {finding.outcome}{' (muted)' if finding.muted else ''}: {finding.sentence}")
    values = {(metric.endpoint, metric.metric): metric.value for metric in entry.metrics}
    columns = ("n", "error_rate", "rps", "p50_ms", "p95_ms", "p99_ms")
    rows = [
        (name, *(f"{values[name, column]:,.4g}" if (name, column) in values else "" for column in columns))
        for name in dict.fromkeys(metric.endpoint for metric in entry.metrics)
    ]
    if rows:
        print_table(("endpoint", *columns), rows)


@app.command()
def rebuild(
    runs_root: Annotated[str | None, typer.Option(help="Where the run folders are; default: LOADTEST_RUNS_ROOT.")] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Record every run folder and acknowledgement anew. Rows whose folders are gone stay."""
    from rich.console import Console
    from rich.progress import Progress
    from upath import UPath

    from loadtest.history.rebuild import rebuild as rebuild_all

    root = UPath(runs_root or settings().runs_root)
    if not root.exists():
        raise ConfigurationError(f"There is no runs root {root}; give --runs-root or set LOADTEST_RUNS_ROOT.")
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Reading run folders", total=None)
        result = rebuild_all(root, progress=lambda done, total, _run: bar.update(task, completed=done, total=total))
    if output is Format.JSON:
        print(json.dumps(vars(result), indent=2))
    else:
        print(f"Recorded {result.recorded} runs and {result.acknowledgements} acknowledgements from {root}.")
        for path, reason in result.skipped:
            print_plain(f"skipped: {path}: {reason}")
        for path, reason in result.damaged:
            print_plain(f"damaged: {path}: {reason}", error=True)
    if result.damaged:
        sys.exit(1)


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A .jsonl, .json or .csv file; see docs/operations.md.")],
    replace: Annotated[bool, typer.Option("--replace", help="Also replace runs that came from their own folder.")] = False,
) -> None:
    """Take runs from elsewhere: another installation, another tool. All of the file, or nothing of it."""
    from loadtest.history.exchange import import_file

    result = import_file(path, replace=replace)
    kept = f"; {result.kept} were there already and stay as they are (--replace overwrites them)" if result.kept else ""
    print(f"Imported {result.runs} runs and {result.acknowledgements} acknowledgements{kept}.")


@app.command()
def export(
    output_format: Annotated[ExportFormat, typer.Option("--format", help="jsonl: all; csv: metrics.")] = ExportFormat.JSONL,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file; default: standard output.")] = None,
    scenario: ScenarioOption = None,
) -> None:
    """Write the whole history for a backup, a move to another database, or a spreadsheet."""
    from loadtest.history.exchange import export_csv, export_json_lines

    write = export_csv if output_format is ExportFormat.CSV else export_json_lines
    if output is None:
        write(sys.stdout, scenario=scenario)
        return
    temporary = output.with_name(f".{output.name}.part")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as stream:
            count = write(stream, scenario=scenario)
        temporary.replace(output)
    except OSError as error:
        raise ConfigurationError(f"{output} cannot be written: {error.strerror}; choose another place.") from None
    finally:
        temporary.unlink(missing_ok=True)
    print(f"Wrote {count} runs to {output}.", file=sys.stderr)


@app.command()
def watch(output: FormatOption = Format.TEXT) -> None:
    """Did each scheduled run start, and is it finished in time? Exits 1 and says what is wrong; pings LOADTEST_HEARTBEAT_URL."""
    from loadtest.history.watch import send_heartbeat, watch_schedules

    judged = watch_schedules()
    problems = [text for text in (*(run.problem for run in judged), send_heartbeat()) if text]
    if output is Format.JSON:
        print(json.dumps(problems, indent=2))
    else:
        well = f"{len(judged)} schedules, all as they should be." if judged else "There is no schedule (include/schedules)."
        print_plain("\n".join(problems) or well)
    if problems:
        sys.exit(1)
