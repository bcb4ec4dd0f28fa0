"""The layout shows the architecture: arrows between rooms go one way, and the plugins folder loads one module."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "plugins" / "loadtest"
ADAPTERS = {"operators", "web", "notifications", "airflow_plugin"}
# Each room may import those before it; later stages may also read earlier stages' models.
ORDER = ["planning", "backend", "load", "analysis", "baselines", "gate", "history", "reporting"]
# Words that rooms share: what a run summary is (baselines store it, the gate makes it), what a health check found.
MODELS_OF_LATER = {"gate.models", "load.models"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_core_imports_no_airflow(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room not in ADAPTERS:
        assert not [name for name in imports(path) if name == "airflow" or name.startswith("airflow.")]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_arrow_runs_back(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0]
    if room not in ORDER:
        return
    later = [*ORDER[ORDER.index(room) + 1 :], "operators", "web", "cli", "notifications", "pipeline", "publishing"]
    for name in imports(path):
        if not name.startswith("loadtest.") or name.removeprefix("loadtest.") in MODELS_OF_LATER:
            continue
        assert name.split(".")[1] not in later, f"{path.relative_to(PACKAGE)} imports {name}"


def test_no_module_takes_a_library_s_name() -> None:
    taken = {"locust", "slack", "statistics", "types", "airflow", "github", "pandas", "logging", "json"}
    assert not [path for path in modules() if path.stem in taken]


def test_airflow_loads_exactly_one_module_of_the_plugins_folder() -> None:
    script = (
        "from airflow._shared.module_loading import find_path_from_directory as find;"
        f"print(sorted(p for p in find({str(ROOT / 'plugins')!r}, '.airflowignore', 'glob') if p.endswith('.py')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        script = script.replace("airflow._shared.module_loading", "airflow.utils.file")
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout.strip().splitlines()[-1]) == [str(PACKAGE / "airflow_plugin.py")]


def test_no_python_module_is_too_long_to_read_in_one_go() -> None:
    lengths = {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in modules()}
    assert not {name: length for name, length in lengths.items() if length > 420}
