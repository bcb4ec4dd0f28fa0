"""Arguments that a scenario adds to Locust's parser: their values come from the plan, in a variable, as a command line can be
seen by everybody on the machine."""

from __future__ import annotations

import json
import os
import sys
from argparse import Action, ArgumentParser
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

VARIABLE = "LOADTEST_ARGUMENTS"  # as in load.locust_command


def taken() -> dict[str, Any]:
    """The values of this process; the scenario does not see the variable."""
    return dict(json.loads(os.environ.pop(VARIABLE, "{}")))


def own_actions(parser: ArgumentParser, usual: Iterable[str]) -> dict[str, Action]:
    """What the scenario added, by name; `usual`: names (`dest`) of Locust's own."""
    known = {*usual, "help", "version"}
    return {action.dest: action for action in parser._actions if action.option_strings and action.dest not in known}


def options_of(actions: Mapping[str, Action], values: Mapping[str, Any]) -> list[str]:
    """The command line of `values`; raises ValueError with a clause for one that the scenario does not know."""
    found = {spelling: action for dest, action in actions.items() for spelling in _spellings(dest, action)}
    options: list[str] = []
    for name, value in values.items():
        action = found.get(name.replace("-", "_"))
        if action is None:
            near = get_close_matches(name, actions, n=1)
            known = f"it has {', '.join(sorted(actions))}" if actions else "it adds none to Locust's parser"
            hint = f"did you mean {near[0]}?" if near else known
            raise ValueError(f"the scenario has no argument {name[:60]!r}; {hint}")
        options += _option(action, name, value)
    return options


def _spellings(dest: str, action: Action) -> set[str]:
    return {dest.replace("-", "_"), *(option.lstrip("-").replace("-", "_") for option in action.option_strings)}


def _option(action: Action, name: str, value: Any) -> list[str]:
    option = max(action.option_strings, key=len)
    if action.nargs == 0:
        if str(value).lower() not in ("true", "false"):
            raise ValueError(f"argument {name}: it is a switch, true or false, not {str(value)[:60]!r}")
        return [option] * (str(value).lower() == "true")
    if isinstance(value, list | tuple):
        return [option, *map(str, value)] if action.nargs else [part for one in value for part in (f"{option}={one}",)]
    return [f"{option}={value}"]


def hand_over(values: Mapping[str, Any], *, is_worker: bool) -> None:
    """Let Locust's `main` find the values on its command line. A worker gets them from its master when the load starts, so that
    it can start without those that must be given."""
    from locust import main

    get_parser: Callable[..., ArgumentParser] = main.get_parser

    def get_parser_with_values(*arguments: Any, **more: Any) -> ArgumentParser:
        from locust.argument_parser import default_args_dict

        parser = get_parser(*arguments, **more)
        actions = own_actions(parser, default_args_dict())
        if is_worker:
            for action in actions.values():
                action.required = False
        sys.argv += options_of(actions, values)
        return parser

    main.get_parser = get_parser_with_values  # type: ignore[assignment]
