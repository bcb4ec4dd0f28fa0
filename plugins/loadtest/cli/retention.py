"""`loadtest retention`: what is old enough to go; deletes it only with --apply."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from loadtest.cli.printing import Format, FormatOption, print_plain


def retention(
    apply: Annotated[bool, typer.Option("--apply", help="Delete; without it nothing is deleted.")] = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Show, or with --apply delete, bulky artifacts past their environment's days and what interrupted runs left.

    History, baselines, verdicts and the evidence of open regressions stay.
    """
    from loadtest.retention.models import readable_size as size
    from loadtest.retention.sweep import carry_out, plan_sweep

    plan = plan_sweep()
    result = carry_out(plan) if apply else None
    problems = (*plan.problems, *(result.problems if result else ()))
    if output is Format.JSON:
        print((result or plan).model_dump_json(indent=2))
    else:
        for deletion in result.deleted if result else plan.deletions:
            print_plain(f"{deletion.kind:>9}  {size(deletion.size_bytes):>9}  {deletion.path}  ({deletion.reason})")
        for kept in plan.kept:
            print_plain(f"     kept             {kept.path}  ({kept.reason})")
        for problem in problems:
            print_plain(f"problem: {problem}", error=True)
        if result:
            print(f"Deleted {len(result.deleted)} items, {size(result.size_bytes)}.")
        else:
            print(f"Would delete {len(plan.deletions)} items, {size(plan.size_bytes)}; to do it: loadtest retention --apply")
    if problems:
        sys.exit(1)
