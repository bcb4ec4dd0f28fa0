"""What people read of a Locust file that says more than what users do: told at load time, in the log, and in the report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.small_include import build_include, write

PLUGINS = Path(__file__).parents[2] / "plugins"
LOCUSTFILE = """
from locust import FastHttpUser, LoadTestShape, constant, events, tag, task


@events.init_command_line_parser.add_listener
def add(parser):
    parser.add_argument("--item", type=int, default=1)


class Visitor(FastHttpUser):
    host = "https://shop.example.com"
    wait_time = constant(0.02)

    @tag("items")
    @task
    def one_item(self):
        self.client.get(f"/items/{self.environment.parsed_options.item}", name=f"item {self.environment.parsed_options.item}")

    @task
    def list_items(self):
        self.client.get("/items")


class Waves(LoadTestShape):
    def tick(self):
        return None if self.get_run_time() > 3 else (3, 3)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    include = build_include(tmp_path)
    (include / "scenarios/toy/locustfile.py").write_text(LOCUSTFILE)
    (include / "scenarios/toy/targets.yaml").unlink()
    write(include / "profiles/waves.yaml", {"purpose": "as the file says", "shape": "scenario", "host_probe": False})
    return tmp_path


def loadtest(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    kept = ("LOADTEST_HOST_LOCK",)
    environment = {name: value for name, value in os.environ.items() if name in kept or not name.startswith("LOADTEST_")}
    environment |= {"LOADTEST_HOME": str(root), "PYTHONPATH": str(PLUGINS)}
    command = [sys.executable, "-c", "from loadtest.cli import main; main()", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def run(root: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    """A run, and its folder."""
    done = loadtest(root, "run", "--scenario", "toy", "--environment", "healthy", *options)
    (plan,) = (root / "runs").rglob("plan.json")
    return done, plan.parent


def test_what_is_set_aside_is_told_in_one_block_and_in_the_report(root: Path) -> None:
    done, folder = run(root, "--argument", "item=17", "--tag", "items")
    assert done.returncode == 0, done.stdout + done.stderr
    block = done.stderr[done.stderr.index("Set aside from the Locust files:") :].splitlines()
    assert block[1].startswith("  - the load shape Waves: the profile says how much load there is")
    assert block[2].startswith("  - the host of its user classes (https://shop.example.com)")
    assert "the load shape Waves" in (folder / "report.html").read_text()
    assert "set aside from the Locust files: the load shape Waves" in next(folder.rglob("locust.log")).read_text()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert [one["endpoint"] for one in metrics["endpoints"]] == ["GET item 17"]
    assert "--argument item=17 --tag items" in (folder / "report.html").read_text()


@pytest.mark.slow
def test_a_profile_obeys_the_file_s_shape(root: Path) -> None:
    done, folder = run(root, "--profile", "waves")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the load shape Waves" not in done.stderr
    plan = json.loads((folder / "plan.json").read_text())
    assert [stage["users"] for stage in plan["profile"]["stages"]] == [3]
    assert json.loads((folder / "load.json").read_text())["reached_users"] == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--argument", "item"], "an argument is written name=value, not 'item'"),
        (["--argument", "itme=3"], "the scenario has no argument 'itme'; did you mean item?"),
        (
            ["--argument", "item=${HOME}"],
            "only variables whose names begin with SCENARIO_ reach a scenario, and ${HOME} does not",
        ),
        (["--argument", "api_token=wx82-kd71-secret"], "argument api_token: this looks like a secret"),
        (["--tag", "itmes"], "no task is left with these tags; the scenario's tags are: items"),
        (["--profile", "waves", "--users", "5"], "obeys the scenario's load shape, so users and spawn rate cannot be overridden"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(root: Path, options: list[str], words: str) -> None:
    done = loadtest(root, "run", "--scenario", "toy", "--environment", "healthy", *options)
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert words in said and "?." not in said
    assert "Traceback" not in done.stderr and "wx82" not in done.stderr
    assert not list((root / "runs").rglob("attempts"))


def test_validate_asks_the_file_s_parser_too(root: Path) -> None:
    (root / "include/scenarios/toy/scenario.yaml").write_text("arguments: {item: many}\n")
    done = loadtest(root, "validate", "scenario", "toy")
    assert done.returncode == 2
    assert "argument item: invalid int value: 'many'" in done.stdout
