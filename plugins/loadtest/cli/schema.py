"""`loadtest schema`: JSON Schemas of the project's YAML files, for editors."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from loadtest.cli.printing import print_plain


class Kind(StrEnum):
    """The kinds of YAML files that people write."""

    PROFILE = "profile"
    ENVIRONMENT = "environment"
    SCHEDULE = "schedule"
    SCENARIO = "scenario"
    TARGETS = "targets"
    CRITERIA = "criteria"
    COMMON_CRITERIA = "common-criteria"


def schema(
    kind: Annotated[Kind | None, typer.Argument(help="The kind of file; left out: write the schemas of all kinds.")] = None,
) -> None:
    """JSON Schemas of the project's YAML files, so that an editor completes keys and marks mistakes.

    With a kind, prints its schema. Without, writes all of them to include/.schemas and prints the setting that tells an
    editor with the YAML language server (VS Code, Neovim, JetBrains) which file has which.

    Example: loadtest schema
    """
    from loadtest.files import write_text
    from loadtest.scaffolding.editor_schemas import KINDS, editor_schema
    from loadtest.settings import settings

    if kind is not None:
        print_plain(json.dumps(editor_schema(kind), indent=2, ensure_ascii=False))
        return
    folder = settings().include / ".schemas"
    folder.mkdir(parents=True, exist_ok=True)
    for name in KINDS:
        write_text(folder / f"{name}.json", json.dumps(editor_schema(name), indent=2, ensure_ascii=False) + "\n")
    told = f"Wrote {len(KINDS)} schemas to {folder}. Put this into .vscode/settings.json, or your editor's own settings:"
    print_plain(told, error=True)
    mapping = {f"./include/.schemas/{name}.json": kind.files for name, kind in KINDS.items()}
    print_plain(json.dumps({"yaml.schemas": mapping}, indent=2))
