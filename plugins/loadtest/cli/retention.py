"""`loadtest retention`: what is old enough to go; deletes it only with --apply."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from loadtest.cli.printing import Format, FormatOption, print_plain

NOTHING = "Nothing is old enough to be deleted."


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
            print(f"Deleted {_items(len(result.deleted))}, {size(result.size_bytes)}." if result.deleted else NOTHING)
        elif plan.deletions:
            print(f"Would delete {_items(len(plan.deletions))}, {size(plan.size_bytes)}; to do it: loadtest retention --apply")
        else:
            print(NOTHING)
    if problems:
        sys.exit(1)


def _items(count: int) -> str:
    return f"{count} item{'s' if count != 1 else ''}"
