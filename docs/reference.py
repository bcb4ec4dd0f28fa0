"""Writes the reference pages from what they describe: commands, file models, the form of the DAG.

python docs/reference.py            says which pages are out of date
python docs/reference.py --write    writes them
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

FOLDER = Path(__file__).resolve().parent / "reference"
HEAD = "<!-- written by docs/reference.py; edit the code it describes -->\n\n"


def pages() -> dict[str, str]:
    """File name below docs/reference -> text."""
    return {"commands.md": commands(), "files.md": files(), "form.md": form()}


def commands() -> str:
    import typer
    from typer.cli import get_docs_for_click

    from loadtest.cli.app import app

    group = typer.main.get_command(app)
    context = typer.Context(group, info_name="loadtest")
    text: str = get_docs_for_click(obj=group, ctx=context, name="loadtest", title="Commands")
    return HEAD + text.rstrip() + "\n"


def files() -> str:
    from loadtest.planning.criteria import CommonCriteria, Criteria
    from loadtest.planning.models import Environment, Scenario
    from loadtest.planning.profiles import Profile
    from loadtest.planning.schedules import Schedule

    kinds: list[tuple[str, str, type[BaseModel], set[str]]] = [
        ("Profile", "include/profiles/<name>.yaml", Profile, {"name"}),
        ("Environment", "include/environments/<name>.yaml", Environment, {"name"}),
        ("Schedule", "include/schedules/<name>.yaml", Schedule, {"name"}),
        ("Scenario", "include/scenarios/<name>/scenario.yaml", Scenario, COMPUTED),
        ("Criteria of all scenarios", "include/criteria.yaml", CommonCriteria, set()),
        ("Criteria", "include/scenarios/<name>/criteria.yaml", Criteria, set()),
    ]
    parts = [
        "# Files\n\nEvery key of the files below `include/`. A key that is not listed is refused, with the nearest known one. "
        "Durations are written `30s`, `5m` or `1h30m`, shares `0.05` or `5%`.\n"
    ]
    for title, path, model, left_out in kinds:
        parts.append(f"## {title}\n\n`{path}`\n")
        parts += list(_tables(model, left_out))
    return HEAD + "\n".join([*parts, *_targets()])


def _targets() -> Iterator[str]:
    from loadtest.planning.criteria import TARGET_MEANINGS

    yield "## Targets\n\n`include/scenarios/<name>/targets.yaml`\n"
    yield (
        "| key | value | default | what it does |\n| --- | --- | --- | --- |\n"
        "| `endpoints` | mapping to [limits](#limits) |  | Limits of single endpoints, by name, such as `GET /items/{id}`. |\n"
        "| `total` | [limits](#limits) |  | Limits of all requests together. |\n"
    )
    yield "### Limits\n\nHow surely each must be met is in [verdicts](../verdicts.md).\n"
    rows = ["| key | value | default | what it does |", "| --- | --- | --- | --- |"]
    rows += [f"| `{metric}` | {value} |  | {meaning} |" for metric, (value, meaning) in TARGET_MEANINGS.items()]
    yield "\n".join(rows) + "\n"


COMPUTED = {"name", "folder", "targets", "criteria", "files_digest"}


def _tables(model: type[BaseModel], left_out: set[str]) -> Iterator[str]:
    schema = model.model_json_schema(by_alias=True)
    yield _table(schema, schema, left_out)
    reached = _references(schema, left_out)
    for name, part in schema.get("$defs", {}).items():
        if name in reached and "properties" in part:
            yield f"### {name}\n\n{_first_paragraph(part)}\n"
            yield _table(part, schema, set())


def _references(schema: dict[str, Any], left_out: set[str]) -> set[str]:
    """Names of the models that the keys lead to, through other models as well."""
    waiting: list[Any] = [value for key, value in schema["properties"].items() if key not in left_out]
    found: set[str] = set()
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            name = part.get("$ref", "").rpartition("/")[2]
            if name and name not in found:
                found.add(name)
                waiting.append(schema["$defs"][name])
            waiting += [value for value in part.values() if isinstance(value, (dict, list))]
    return found


def _table(part: dict[str, Any], whole: dict[str, Any], left_out: set[str]) -> str:
    rows = ["| key | value | default | what it does |", "| --- | --- | --- | --- |"]
    required = set(part.get("required", ()))
    for key, value in part["properties"].items():
        if key not in left_out:
            default = "required" if key in required else _default(value)
            rows.append(f"| `{key}` | {_kind(value, whole)} | {default} | {value.get('description', '')} |")
    return "\n".join(rows) + "\n"


def _default(value: dict[str, Any]) -> str:
    default = value.get("default")
    if default is None or default == "" or isinstance(default, list | dict):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _kind(value: dict[str, Any], whole: dict[str, Any]) -> str:
    """Type and limits in words."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        known = whole["$defs"][name]
        return _choices(known["enum"]) if "enum" in known else f"[{name}](#{name.lower()})"
    if "anyOf" in value:
        kinds = [_kind(one, whole) for one in value["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in value:
        return _choices(value["enum"])
    if "const" in value:
        return f"`{value['const']}`"
    kind = value.get("type", "")
    if kind == "array":
        items = value.get("items")
        return f"list of {_kind(items, whole)}" if items else "list"
    if kind == "object":
        values = value.get("additionalProperties")
        return f"mapping to {_kind(values, whole)}" if isinstance(values, dict) else "mapping"
    word = {"integer": "whole number", "number": "number", "string": "text", "boolean": "`true` or `false`"}.get(kind, kind)
    limits = [f"{sign} {value[name]:g}" for name, sign in LIMITS.items() if name in value]
    return ", ".join([word, *limits])


LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def _choices(values: list[Any]) -> str:
    return " or ".join(f"`{value}`" for value in values)


def _first_paragraph(part: dict[str, Any]) -> str:
    return " ".join(part.get("description", "").split("\n\n")[0].split())


def form() -> str:
    logging.disable(logging.INFO)
    from loadtest.dags.load_test import dag

    rows = ["| param | | allowed | what it does |", "| --- | --- | --- | --- |"]
    for name in dag.params:
        param = dag.params.get_param(name)
        schema = param.schema
        kinds = schema.get("type", "")
        kinds = [kinds] if isinstance(kinds, str) else [kind for kind in kinds if kind != "null"]
        allowed = _choices([value for value in schema["enum"] if value is not None]) if "enum" in schema else ", ".join(kinds)
        text = " ".join((schema.get("description_md") or schema.get("description") or "").split())
        rows.append(f"| `{name}` | {schema.get('title', '')} | {allowed} | {text} |")
    return (
        HEAD
        + "# The form of the DAG `load_test`\n\nThe parameters of a manual run, in the UI (*Trigger*), over REST (`conf`) and by "
        + "`loadtest trigger`. The choices are those of this repository's `include/`.\n\n"
        + "\n".join(rows)
        + "\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args().write
    old = {name for name, text in pages().items() if not (FOLDER / name).exists() or (FOLDER / name).read_text("utf-8") != text}
    for name in sorted(old):
        if write:
            FOLDER.mkdir(exist_ok=True)
            (FOLDER / name).write_text(pages()[name], encoding="utf-8")
        print(f"{'written' if write else 'out of date'}: docs/reference/{name}")
    sys.exit(1 if old and not write else 0)


if __name__ == "__main__":
    os.environ.setdefault("LOADTEST_HOME", str(FOLDER.parents[1]))
    main()
