"""Whether a command line of `loadtest` is one that exists."""

from __future__ import annotations

import re

import typer.main
from typer.core import TyperGroup

from loadtest.cli import app as cli


def program() -> TyperGroup:
    group = typer.main.get_command(cli.app)
    assert isinstance(group, TyperGroup)
    return group


def unknown(words: str, rest: str) -> str:
    """What is wrong with a command; empty if it exists with the options that it names."""
    command = program()
    for word in words.split():
        if not isinstance(command, TyperGroup):
            break  # an argument
        if word not in command.commands:
            return f"there is no command {word!r}"
        command = command.commands[word]
    if isinstance(command, TyperGroup):
        return "the command is not complete"
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return "".join(
        f"no option {name}; " for name in re.findall(r"(?<!\S)--[a-z][a-z-]*", rest) if name not in options | {"--help"}
    )
