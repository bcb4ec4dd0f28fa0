"""What a Locust file finds around it: its folder's files in the working directory, and the packages that it lists."""

from __future__ import annotations

import importlib.metadata
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from loadtest.errors import ConfigurationError
from loadtest.load.control import run
from loadtest.load.control.scenario_check import check_scenario
from loadtest.load.models import StopReason
from loadtest.load.packages import packages_of
from loadtest.planning.models import Scenario
from tests.load.control.conftest import Join
from tests.load.plans import folder_of, plan_of, write_scenario
from tests.support.http_server import CountingServer

PROFILES = [
    {},
    pytest.param({"workers": 2}, marks=pytest.mark.slow),
    pytest.param({"load_model": "open", "arrivals_per_s": 20, "users": 0}, marks=pytest.mark.slow),
]
READER = """
import csv
import os
from pathlib import Path

from locust import HttpUser, constant, task

with open("users.csv") as file:
    NAMES = [row["name"] for row in csv.DictReader(file)]
Path("written.txt").write_text("beside them")
assert not os.access("users.csv", os.W_OK) or os.geteuid() == 0


class Reader(HttpUser):
    wait_time = constant(0.05)

    @task
    def read(self):
        import helper  # late, when Locust has loaded the file

        self.client.get("/" + helper.chosen(NAMES))
        self.client.get("/" + Path("data/more.txt").read_text())
"""


def lay_files(folder: Path) -> None:
    write_scenario(folder, READER)
    (folder / "users.csv").write_text("name\nada\n")
    (folder / "helper.py").write_text("def chosen(names):\n    return names[0]\n")
    (folder / "data").mkdir()
    (folder / "data" / "more.txt").write_text("more")
    (folder / "locust.conf").write_text("users = 500\nheadless = false\nmaster = true\n")
    (folder / "pyproject.toml").write_text("[tool.locust]\nprocesses = 4\n")


def names_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if "__pycache__" not in path.parts}


@pytest.mark.parametrize("profile", PROFILES)
def test_data_files_are_read_where_they_lie_and_stay_as_they_are(
    tmp_path: Path, server: CountingServer, profile: dict[str, object]
) -> None:
    folder = tmp_path / "scenario"
    lay_files(folder)
    before = names_in(folder)
    plan = plan_of(folder / "locustfile.py", server.base_url, **profile)
    check_scenario(plan.scenario)
    handle = run.start_load(plan, folder_of(tmp_path / "runs"))
    result = run.wait_for_load(handle)
    assert (result.stop_reason, result.samples, result.task_errors) == (StopReason.COMPLETED, server.total, 0)
    assert {path for _, path in server.counts} - {"/health"} == {"/ada", "/more"}
    assert names_in(folder) == before
    assert not handle.scratch.work.exists()


@pytest.mark.slow
def test_a_remote_worker_reads_the_files_of_its_own_machine(
    tmp_path: Path, server: CountingServer, join: Join, own_scratch: Path
) -> None:
    lay_files(tmp_path / "scenario")
    handle = run.start_load(
        plan_of(tmp_path / "scenario" / "locustfile.py", server.base_url, remote_workers=1), folder_of(tmp_path / "runs")
    )
    elsewhere = tmp_path / "eu" / "scenarios" / "simple"
    lay_files(elsewhere)
    (elsewhere / "users.csv").write_text("name\ngrace\n")
    join("eu", text=READER)
    result = run.wait_for_load(handle)
    assert result.samples == server.total > 0
    assert {path for _, path in server.counts} - {"/health"} == {"/grace", "/more"}


GREETER = """
from locust import HttpUser, constant, task
import greeting_of_tests
import locust
import pydantic


class Greeter(HttpUser):
    wait_time = constant(0.05)

    @task
    def greet(self):
        self.client.get(f"/{greeting_of_tests.WORD}/{locust.__version__}", headers={"X-Pydantic": pydantic.VERSION})
"""


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A package of our own, and one that calls itself Locust: installed without an index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name, module, text in (
        ("greeting_of_tests", "greeting_of_tests", 'WORD = "hello"\n'),
        ("locust", "locust", '__version__ = "0.0"\n'),
        ("pydantic", "pydantic", 'VERSION = "of the scenario"\n'),
    ):
        info = f"{name}-1.0.dist-info"
        with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{module}.py", text)
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "".join(f"{file},,\n" for file in (*wheel.namelist(), f"{info}/RECORD")))
    return folder


def requirements_of(wheels: Path) -> str:
    return "".join(f"{wheel}\n" for wheel in sorted(wheels.glob("*.whl")))


@pytest.mark.parametrize("profile", PROFILES)
def test_listed_packages_are_there_and_locust_stays_ours(
    tmp_path: Path, server: CountingServer, wheels: Path, profile: dict[str, object]
) -> None:
    locustfile = write_scenario(tmp_path / "scenario", GREETER)
    (tmp_path / "scenario" / "requirements.txt").write_text(requirements_of(wheels))
    plan = plan_of(locustfile, server.base_url, **profile)
    check_scenario(plan.scenario)
    result = run.wait_for_load(run.start_load(plan, folder_of(tmp_path / "runs")))
    assert (result.stop_reason, result.samples) == (StopReason.COMPLETED, server.total)
    path = f"/hello/{importlib.metadata.version('locust')}"
    assert {path for _, path in server.counts} - {"/health"} == {path}
    assert server.request_headers[path]["x-pydantic"] == "of the scenario"


@pytest.mark.slow
def test_a_remote_worker_installs_them_itself(tmp_path: Path, server: CountingServer, wheels: Path, join: Join) -> None:
    locustfile = write_scenario(tmp_path / "scenario", GREETER)
    for folder in (tmp_path / "scenario", tmp_path / "eu" / "scenarios" / "simple"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "requirements.txt").write_text(requirements_of(wheels))
    handle = run.start_load(plan_of(locustfile, server.base_url, remote_workers=1), folder_of(tmp_path / "runs"))
    join("eu", text=GREETER, LOADTEST_SCRATCH=str(tmp_path / "scratch-of-eu"))
    result = run.wait_for_load(handle)
    assert result.samples == server.total > 0
    assert list((tmp_path / "scratch-of-eu" / "packages").glob("*/greeting_of_tests.py"))


def test_of_several_that_need_them_at_once_all_get_the_same_whole_folder(tmp_path: Path, wheels: Path) -> None:
    (tmp_path / "scenario").mkdir()
    (tmp_path / "scenario" / "requirements.txt").write_text(requirements_of(wheels))

    def installed(_: int) -> tuple[Path | None, bool]:
        folder = packages_of(tmp_path / "scenario")
        return folder, folder is not None and (folder / "greeting_of_tests.py").exists()

    with ThreadPoolExecutor() as pool:
        ((_, is_whole),) = set(pool.map(installed, range(4)))
    assert is_whole


def test_without_the_list_the_sentence_names_the_package_and_the_way(tmp_path: Path) -> None:
    scenario = Scenario(name="simple", folder=str(write_scenario(tmp_path / "scenario", GREETER).parent))
    with pytest.raises(ConfigurationError) as refused:
        check_scenario(scenario)
    message = str(refused.value)
    assert "locustfile.py, line 3: ModuleNotFoundError: No module named 'greeting_of_tests'" in message
    assert f"list it in {tmp_path / 'scenario' / 'requirements.txt'}" in message


def test_a_package_that_cannot_be_installed_is_one_sentence(tmp_path: Path, own_scratch: Path) -> None:
    scenario = Scenario(name="simple", folder=str(write_scenario(tmp_path / "scenario").parent))
    (tmp_path / "scenario" / "requirements.txt").write_text(f"{tmp_path}/no-such-package-1.0-py3-none-any.whl\n")
    with pytest.raises(ConfigurationError, match=r"requirements\.txt could not be installed: .*no-such-package") as refused:
        check_scenario(scenario)
    assert "\n" not in str(refused.value)
    assert not list((own_scratch / "packages").glob("*/.complete"))
