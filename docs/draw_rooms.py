"""Draws the rooms of `plugins/loadtest` and who imports whom, from the imports themselves.

    python docs/draw_rooms.py            prints the drawing and a table
    python docs/draw_rooms.py --write    puts them into docs/architecture.md

A room is a folder with modules; the loose modules at the top are one room, which everybody may use and nobody is drawn to.
"""

from __future__ import annotations

import argparse
import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "plugins" / "loadtest"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- drawn by docs/draw_rooms.py -->", "<!-- end of the drawing -->"
TOP = "loadtest"  # the loose modules


def modules() -> dict[str, Path]:
    """Dotted name below the package -> file; packages by their own name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if "migrations" not in parts:
            found[name] = path
    return found


def room_of(name: str, known: dict[str, Path]) -> str:
    """The folder a module lies in; a package's own `__init__` lies in it."""
    if name in known and known[name].name == "__init__.py":
        return name or TOP
    return name.rpartition(".")[0] or TOP


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """Modules of ours that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names] + [node.module]
        else:
            continue
        ours = [name.removeprefix("loadtest.") for name in names if name.startswith("loadtest.")]
        found |= {name for name in ours if name in known and known[name].name != "__init__.py"}
    return found


@cache
def arrows() -> dict[str, set[str]]:
    """Room -> rooms whose modules it imports, the loose ones at the top left out."""
    known = modules()
    drawn: dict[str, set[str]] = {room_of(name, known): set() for name in known}
    for name, path in known.items():
        drawn[room_of(name, known)] |= {room_of(other, known) for other in imported(path, known)}
    del drawn[TOP]
    return {room: {other for other in others if other not in (room, TOP)} for room, others in sorted(drawn.items())}


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        room = waiting.pop()
        if room not in seen:
            seen.add(room)
            waiting += graph[room]
    return seen


def reduced(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Without the arrows that a way over other rooms says already; what lies on a circle keeps all of its arrows."""
    less = {}
    for room, others in graph.items():
        implied = {far for near in others for far in reachable(graph, near) if near not in reachable(graph, far)}
        less[room] = others - implied
    return less


def drawing() -> str:
    known, graph = modules(), arrows()
    lines = ["```mermaid", "flowchart BT"]
    for room in graph:
        lines.append(f'  {_id(room)}["{room.replace(".", "/")}"]')
    for room, others in reduced(graph).items():
        lines += [f"  {_id(room)} --> {_id(other)}" for other in sorted(others)]
    lines += ["```", "", "| room | modules | imports from |", "| --- | --- | --- |"]
    for room, others in graph.items():
        files = [path for name, path in known.items() if room_of(name, known) == room and path.name != "__init__.py"]
        reads = ", ".join(one.replace(".", "/") for one in sorted(others))
        lines.append(f"| {room.replace('.', '/')} | {len(files)} | {reads} |")
    return "\n".join(lines)


def _id(room: str) -> str:
    return room.replace(".", "_")


def with_drawing(page: str) -> str:
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{drawing()}\n\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/architecture.md")
    if parser.parse_args().write:
        PAGE.write_text(with_drawing(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(drawing())


if __name__ == "__main__":
    main()
