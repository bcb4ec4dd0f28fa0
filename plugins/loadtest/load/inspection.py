"""What Locust finds in a scenario's files, before anything starts."""

from __future__ import annotations

from loadtest.files import FileModel


class Inspection(FileModel):
    """`set_aside`: what the files say and the plan decides, one clause each; `problems`: clauses for which the scenario is
    refused; `asked`: (users, started or stopped per second) of each second, where the load shape was asked."""

    user_classes: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    shape: str = ""
    asked: tuple[tuple[float, float], ...] = ()
    shape_ended: bool = True
    shape_error: str = ""
