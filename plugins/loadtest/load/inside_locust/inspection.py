"""Looks into a scenario's Locust files in a process of its own, as Locust would load them, and tells what it found.

`python -m loadtest.load.inside_locust.inspection <question.json> <answer.json>`; what cannot be loaded ends as Locust ends then.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

from loadtest.load.inside_locust import own_arguments
from loadtest.load.inside_locust.own_packages import add_packages


def look(question: dict[str, Any]) -> dict[str, Any]:
    """`question`: files, folder, tags, exclude_tags, open_loop; literal: names of arguments that are no variables'; sample_s: how
    far the load shape is to be asked ahead (0: not); run_time_s: what the plan says, for shapes that ask. The answer has the
    fields of `load.inspection.Inspection`."""
    from locust.main import merge_locustfiles_content

    users, _, _, shape = merge_locustfiles_content(question["files"])
    classes = list(users.values())
    options, problems = _options(question)
    answer: dict[str, Any] = {
        "user_classes": list(users),
        "set_aside": _set_aside(classes, shape, question),
        "problems": problems + _untagged(classes, question),
        "shape": type(shape).__name__ if shape else "",
    }
    if question["sample_s"] and shape and not problems:
        answer |= _ask_shape(shape, classes, options, question)
    return answer


def _options(question: dict[str, Any]) -> tuple[Any, list[str]]:
    """What Locust's parser, with the scenario's own arguments, makes of the plan's values; or what it refuses."""
    from locust.argument_parser import default_args_dict, get_parser

    parser = get_parser(default_config_files=[])
    actions = own_arguments.own_actions(parser, default_args_dict())

    def refuse(message: str) -> None:
        raise ValueError(message.replace("--", ""))

    parser.error = refuse  # type: ignore[method-assign]
    try:
        options = parser.parse_args(own_arguments.options_of(actions, own_arguments.taken()))
    except ValueError as error:
        return None, [str(error)]
    open_secrets = [name for name, action in actions.items() if getattr(action, "is_secret", False)]
    return options, [
        f"the argument {name} is a secret; give it as ${{SCENARIO_...}}, a variable that is set where the load is started"
        for name in question["literal"]
        if name.replace("-", "_") in open_secrets
    ]


def _untagged(classes: list[Any], question: dict[str, Any]) -> list[str]:
    """Tags that leave nothing to do. They are not applied here: that cannot be undone."""
    wanted, unwanted = set(question["tags"]), set(question["exclude_tags"])
    if not wanted and not unwanted:
        return []
    tagged = [tags for user_class in classes for tags in _tags_of(user_class)]
    if any((not wanted or tags & wanted) and not tags & unwanted for tags in tagged):
        return []
    known = ", ".join(sorted(set().union(*tagged))) or "none"
    return [f"no task is left with these tags; the scenario's tags are: {known}"]


def _tags_of(holder: Any) -> list[set[str]]:
    """The tags of each task, those of the sets around it included."""
    found: list[set[str]] = []
    for task in getattr(holder, "tasks", []):
        own = set(getattr(task, "locust_tag_set", ()))
        found += [own | inner for inner in _tags_of(task)] if hasattr(task, "tasks") else [own]
    return found


def _set_aside(classes: list[Any], shape: Any, question: dict[str, Any]) -> list[str]:
    """What the files say and a plan decides: how much load, and where it goes."""
    from locust import User

    from loadtest.load.inside_locust.user_patches import names_another_protocols_host

    found = []
    if shape and not question["sample_s"]:
        found.append(
            f"the load shape {type(shape).__name__}: the profile says how much load there is; obey it with a profile that says "
            "shape: scenario"
        )
    hosts = {user_class.host for user_class in classes if user_class.host and not names_another_protocols_host(user_class)}
    if hosts:
        found.append(f"the host of its user classes ({', '.join(sorted(map(str, hosts)))}): the environment says where load goes")
    if question["open_loop"] and any(user_class.wait_time is not User.wait_time for user_class in classes):
        found.append("the wait times: arrivals come at the profile's rate")
    for name in ("locust.conf", ".locust.conf"):
        if (Path(question["folder"]) / name).is_file():
            found.append(f"{name}: profile, environment and scenario.yaml say what it says")
    return found


def _ask_shape(shape: Any, classes: list[Any], options: Any, question: dict[str, Any]) -> dict[str, Any]:
    from locust import events
    from locust.env import Environment

    from loadtest.load.inside_locust.shape_sampling import ask_ahead

    environment = Environment(user_classes=classes, shape_class=shape, events=events, parsed_options=options)
    environment.create_local_runner()
    options.run_time = question["run_time_s"]
    try:
        asked, ended = ask_ahead(shape, at_most_s=question["sample_s"], folder=question["folder"])
    except Exception as error:
        return {"shape_error": f"{type(error).__name__}: {error}"[:300]}
    return {"asked": asked, "shape_ended": ended}


if __name__ == "__main__":
    question_file, answer_file = map(Path, sys.argv[1:])
    sys.argv[1:] = []
    add_packages()
    logging.getLogger("locust").setLevel(logging.ERROR)
    found = look(json.loads(question_file.read_text(encoding="utf-8")))
    answer_file.write_text(json.dumps(found), encoding="utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    import os

    os._exit(0)  # nothing of the scenario's (threads, greenlets, exit handlers) keeps us waiting
