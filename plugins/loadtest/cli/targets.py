"""`loadtest targets suggest RUN`: targets from what a run measured, to paste into targets.yaml."""

from __future__ import annotations

from typing import Annotated

import typer

from loadtest.cli.printing import print_plain

app = typer.Typer(help="What is fast enough.", no_args_is_help=True)


@app.callback()
def _targets() -> None:
    pass


@app.command()
def suggest(run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, a run id, or 'latest'.")] = "latest") -> None:
    """Print a targets.yaml from a run's own numbers: twice its p95, rounded up, at least 50 ms."""
    from loadtest.analysis.models import RunMetrics
    from loadtest.errors import ConfigurationError
    from loadtest.history.folders import find_run
    from loadtest.planning.models import Plan
    from loadtest.scaffolding.proposal import propose

    folder = find_run(run)
    metrics = RunMetrics.read(folder.metrics)
    if metrics.total.successes == 0:
        raise ConfigurationError(f"No request of run {folder.path.name} succeeded, so there is nothing to suggest targets from.")
    plan = Plan.read(folder.plan)
    print_plain(propose(metrics.endpoints, metrics.total).text(f"run {folder.path.name}").rstrip())
    print_plain(f"\nThis is for include/scenarios/{plan.scenario.name}/targets.yaml.", error=True)
