"""Each command that the product advises exists, with the options that it names."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperGroup

from loadtest.baselines.store import collect_command
from loadtest.cli import app as cli
from tests.support.commands import program, unknown

PACKAGE = Path(cli.__file__).resolve().parents[1]
# A command in a sentence: lower-case words after the program's name, then whatever looks like an option.
COMMAND = re.compile(r"(?<![\w./@-])loadtest ((?:[a-z][a-z-]* ?)+)((?:[^`.;\n]|\.(?=\w))*)")


def texts() -> Iterator[tuple[str, str]]:
    """(place, text) of every string that the package holds, docstrings left out; what is filled in stands as VALUE."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documentation = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body and isinstance(node.body[0], ast.Expr)
        }
        inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)} - {
            id(node) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
        }
        for node in ast.walk(tree):
            place = f"{path.relative_to(PACKAGE)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.JoinedStr):
                yield place, "".join(str(part.value) if isinstance(part, ast.Constant) else "VALUE" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation | inside:
                yield place, node.value


def printed() -> list[tuple[str, str, str]]:
    """(place, words, rest) of each command in the texts: it begins a text, follows a colon, a backtick or 'with'."""
    found = []
    for place, text in texts():
        for match in COMMAND.finditer(text):
            before = text[: match.start()]
            if before == "" or re.search(r"(?:[:`]\s?|\bwith:? |\bby |\bNext: )$", before):
                found.append((place, match[1].strip(), match[2]))
    return found


def test_commands_are_found_at_all() -> None:
    assert len(printed()) > 20


@pytest.mark.parametrize(("place", "words", "rest"), [pytest.param(*each, id=f"{each[0]} {each[1]}") for each in printed()])
def test_a_printed_command_exists(place: str, words: str, rest: str) -> None:
    assert not unknown(words, rest), f"{place}: loadtest {words}{rest}"


@pytest.mark.parametrize(
    "line",
    [
        collect_command("shop", "staging", "light")
        + " --users 8 --duration 15s --fresh --runs 8 --promote --by NAME --reason TEXT",
        collect_command("shop", "staging", "light") + " --runs 3 --extend",
        "loadtest run --scenario shop --environment staging --profile light --users 8 --spawn-rate 2 --duration 15s",
        "loadtest baseline promote --scenario shop --environment staging --profile light --by NAME --reason TEXT",
    ],
)
def test_what_is_put_together_from_parts_can_be_parsed(line: str) -> None:
    arguments = shlex.split(line)[1:]
    command = program()
    context = command.context_class(command)
    while isinstance(command, TyperGroup):
        command = command.commands[arguments.pop(0)]
    command.make_context("loadtest", arguments, parent=context)
