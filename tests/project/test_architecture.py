"""The layout shows the architecture: arrows between rooms go one way, and the plugins folder loads one module."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "plugins" / "loadtest"
ADAPTERS = {"operators", "web", "notifications", "dags", "deployment"}
# From the bottom up: a room imports rooms that stand before it, and the loose modules at the top of the package.
ORDER = [
    "planning",
    "load",  # what the three processes of a load share
    "load.inside_locust",
    "backend",
    "load.supervision",
    "load.control",
    "analysis",
    "builds",
    "gate.records",
    "gate.statistics",
    "gate.rules",
    "baselines",
    "gate.advice",
    "gate",
    "history",
    "reporting",
    "comparing",
    "importing",
    "trends",
    "retention",
    "pipeline",
    "scaffolding",
    "airflow_api",
    "diagnosis",
    "notifications.policy",
    "notifications.slack",
    "notifications.github",
    "notifications",
    "operators",
    "dags",
    "web",
    "cli",
    "deployment",
]
# Walls that the order alone would let through.
ONLY = {
    "load.inside_locust": {"load"},  # Locust's processes import nothing that they do not need
    "gate.statistics": {"planning", "load", "analysis", "gate.records"},
    "notifications.policy": {"planning", "gate.records", "history"},
}
UNREACHED = {"load.inside_locust", "cli", "dags", "deployment", "web"}  # nobody imports them: others start them


def _drawing() -> object:
    spec = importlib.util.spec_from_file_location("draw_rooms", ROOT / "docs" / "draw_rooms.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rooms = _drawing()


def paths() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", paths(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_core_imports_no_airflow(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room not in ADAPTERS:
        assert not [name for name in imports(path) if name == "airflow" or name.startswith("airflow.")]


def test_every_room_has_its_place_in_the_order() -> None:
    assert sorted(rooms.arrows()) == sorted(ORDER)


@pytest.mark.parametrize("room", ORDER)
def test_arrows_go_one_way(room: str) -> None:
    allowed = ONLY.get(room, set(ORDER[: ORDER.index(room)])) - UNREACHED
    assert not rooms.arrows()[room] - allowed


def test_the_drawing_is_of_today() -> None:
    page = rooms.PAGE.read_text()
    assert rooms.with_drawing(page) == page, "run: python docs/draw_rooms.py --write"


def test_the_loose_modules_are_few_and_used_by_many_rooms() -> None:
    known = rooms.modules()
    at_top = {name for name in known if rooms.room_of(name, known) == rooms.TOP}
    loose = {name for name in at_top if known[name].name not in ("__init__.py", "__main__.py")}
    read = {other: rooms.imported(path, known) for other, path in known.items()}
    users = {name: {rooms.room_of(other, known) for other in known if name in read[other]} for name in loose}
    assert len(loose) <= 10
    assert not {name for name, found in users.items() if len(found) < 3}


def test_no_module_takes_a_library_s_name() -> None:
    taken = {"locust", "slack", "statistics", "types", "airflow", "github", "pandas", "logging", "json"}
    assert not [path for path in paths() if path.stem in taken]


def test_airflow_loads_exactly_one_module_of_the_plugins_folder() -> None:
    script = (
        "from airflow._shared.module_loading import find_path_from_directory as find;"
        f"print(sorted(p for p in find({str(ROOT / 'plugins')!r}, '.airflowignore', 'glob') if p.endswith('.py')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        script = script.replace("airflow._shared.module_loading", "airflow.utils.file")
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout.strip().splitlines()[-1]) == [str(PACKAGE / "web" / "airflow_plugin.py")]


def test_no_python_module_is_too_long_to_read_in_one_go() -> None:
    lengths = {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in paths()}
    assert not {name: length for name, length in lengths.items() if length > 420}
