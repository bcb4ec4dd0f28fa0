"""Arguments, tags, several files and load shapes of Locust files: taken from the plan, refused before anything starts."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from loadtest.errors import ConfigurationError
from loadtest.load.control import run
from loadtest.load.control.scenario_check import check_scenario, inspect, stages_of_shape
from loadtest.load.models import StopReason
from loadtest.planning.models import Scenario
from loadtest.planning.profiles import Profile
from tests.load.control.conftest import Join
from tests.load.plans import folder_of, plan_of, write_scenario
from tests.support.http_server import CountingServer

ARGUMENTS = """
from locust import HttpUser, constant, events, task


@events.init_command_line_parser.add_listener
def add(parser):
    parser.add_argument("--color", choices=["red", "blue"], required=True)
    parser.add_argument("--page-size", type=int, default=10)
    parser.add_argument("--with-search", action="store_true")
    parser.add_argument("--token", is_secret=True, default="")
    parser.add_argument("--shops", nargs="*", default=[])


class Reader(HttpUser):
    wait_time = constant(0.05)

    @task
    def read(self):
        options = self.environment.parsed_options
        search = "search" if options.with_search else "list"
        path = f"/{options.color}/{search}/size{options.page_size}/{'+'.join(options.shops)}"
        self.client.get(path, headers={"X-Token": options.token})
"""
VALUES = {"color": "red", "page-size": 7, "with_search": True, "token": "${SCENARIO_TOKEN}", "shops": ("a", "b")}
SECRET = "f3k9-not-for-anybody-else"


def scenario_of(tmp_path: Path, text: str = ARGUMENTS, **more: object) -> Scenario:
    return Scenario(name="simple", folder=str(write_scenario(tmp_path / "scenario", text).parent), **more)


@pytest.mark.parametrize(
    "profile",
    [
        {},
        pytest.param({"workers": 2}, marks=pytest.mark.slow),
        pytest.param({"load_model": "open", "arrivals_per_s": 20, "users": 0}, marks=pytest.mark.slow),
    ],
)
def test_arguments_reach_the_locust_file_and_secrets_no_file(
    tmp_path: Path, server: CountingServer, monkeypatch: pytest.MonkeyPatch, profile: dict[str, object]
) -> None:
    monkeypatch.setenv("SCENARIO_TOKEN", SECRET)
    locustfile = write_scenario(tmp_path / "scenario", ARGUMENTS)
    folder = folder_of(tmp_path / "runs")
    plan = plan_of(locustfile, server.base_url, scenario={"arguments": VALUES}, **profile)
    plan.write(folder.plan)
    result = run.wait_for_load(run.start_load(plan, folder))
    assert (result.stop_reason, result.samples) == (StopReason.COMPLETED, server.total)
    assert set(server.counts) - {("GET", "/health")} == {("GET", "/red/search/size7/a+b")}
    assert server.request_headers["/red/search/size7/a+b"]["x-token"] == SECRET
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert kept == []


@pytest.mark.slow
def test_remote_workers_get_the_arguments_from_the_master(
    tmp_path: Path, server: CountingServer, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCENARIO_TOKEN", SECRET)
    locustfile = write_scenario(tmp_path / "scenario", ARGUMENTS)
    plan = plan_of(locustfile, server.base_url, scenario={"arguments": VALUES}, remote_workers=1)
    handle = run.start_load(plan, folder_of(tmp_path / "runs"))
    join("eu", text=ARGUMENTS)
    result = run.wait_for_load(handle)
    assert (result.stop_reason, result.samples) == (StopReason.COMPLETED, server.total)
    assert server.counts["GET", "/red/search/size7/a+b"] == server.total > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"colour": "red"}, "the scenario has no argument 'colour'; did you mean color?"),
        (
            {"color": "red", "users": 5},
            "the scenario has no argument 'users'; it has color, page_size, shops, token, with_search",
        ),
        ({"color": "green"}, "argument color: invalid choice: 'green' (choose from 'red', 'blue')"),
        ({"page_size": 5}, "the following arguments are required: color"),
        ({"color": "red", "page_size": "many"}, "argument page-size: invalid int value: 'many'"),
        ({"color": "red", "with_search": "perhaps"}, "argument with_search: it is a switch, true or false, not 'perhaps'"),
        ({"color": "red", "token": "abc"}, "the argument token is a secret; give it as ${SCENARIO_...}"),
        ({"color": "red", "token": "${SCENARIO_NOT_SET}"}, "needs the environment variable SCENARIO_NOT_SET, which is not set"),
    ],
)
def test_arguments_that_the_file_s_parser_refuses_are_one_sentence(
    tmp_path: Path, arguments: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check_scenario(scenario_of(tmp_path, arguments=arguments))
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


TAGS = """
from locust import HttpUser, TaskSet, constant, tag, task


class Reader(HttpUser):
    wait_time = constant(0.05)

    @tag("fast")
    @task
    def fast(self):
        self.client.get("/fast")

    @tag("slow", "reports")
    @task
    def slow(self):
        self.client.get("/slow")

    @task
    def plain(self):
        self.client.get("/plain")


class Reporter(HttpUser):
    wait_time = constant(0.05)

    @tag("reports")
    @task
    class Reports(TaskSet):
        @task
        def report(self):
            self.client.get("/report")
"""


@pytest.mark.parametrize(
    ("chosen", "paths"),
    [
        ({"tags": ("fast",)}, {"/fast"}),
        ({"tags": ("reports",)}, {"/slow", "/report"}),
        ({"exclude_tags": ("reports",)}, {"/fast", "/plain"}),
        ({"tags": ("reports",), "exclude_tags": ("slow",)}, {"/report"}),
    ],
)
@pytest.mark.parametrize(
    "profile",
    [
        {},
        pytest.param({"workers": 2}, marks=pytest.mark.slow),
        pytest.param({"load_model": "open", "arrivals_per_s": 30, "users": 0}, marks=pytest.mark.slow),
    ],
)
def test_tags_choose_tasks(
    tmp_path: Path, server: CountingServer, chosen: dict[str, object], paths: set[str], profile: dict[str, object]
) -> None:
    locustfile = write_scenario(tmp_path / "scenario", TAGS)
    plan = plan_of(locustfile, server.base_url, scenario=chosen, **{"users": 4} | profile)
    result = run.wait_for_load(run.start_load(plan, folder_of(tmp_path / "runs")))
    assert {path for _, path in server.counts} - {"/health"} == paths
    assert (result.samples, result.task_errors) == (server.total, 0)


@pytest.mark.slow
@pytest.mark.parametrize("profile", [{"users": 4}, {"load_model": "open", "arrivals_per_s": 30, "users": 0}])
def test_remote_workers_get_the_tags_from_the_master(
    tmp_path: Path, server: CountingServer, join: Join, profile: dict[str, object]
) -> None:
    locustfile = write_scenario(tmp_path / "scenario", TAGS)
    plan = plan_of(locustfile, server.base_url, scenario={"tags": ("reports",)}, remote_workers=1, **profile)
    handle = run.start_load(plan, folder_of(tmp_path / "runs"))
    join("eu", text=TAGS)
    result = run.wait_for_load(handle)
    assert (result.samples, result.task_errors) == (server.total, 0)
    assert {path for _, path in server.counts} - {"/health"} == {"/slow", "/report"}


def test_tags_that_leave_nothing_to_do_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no task is left with these tags; the scenario's tags are: fast, reports, slow"):
        check_scenario(scenario_of(tmp_path, TAGS, tags=("quick",)))


ONE = """
from locust import HttpUser, constant, task
from _paths import PATH


class {name}(HttpUser):
    wait_time = constant(0.05)

    @task
    def go(self):
        self.client.get(PATH + "{name}")
"""


@pytest.mark.parametrize("locustfile", [("buyers.py", "flows"), "."])
def test_several_files_and_folders_run_together(
    tmp_path: Path, server: CountingServer, locustfile: tuple[str, ...] | str
) -> None:
    folder = tmp_path / "scenario"
    (folder / "flows").mkdir(parents=True)
    for name, path in (("Buyer", "buyers.py"), ("Seller", "flows/sellers.py"), ("Admin", "flows/admins.py")):
        (folder / path).write_text(ONE.format(name=name))
    (folder / ".venv").mkdir()
    (folder / ".venv" / "of_somebody.py").write_text("raise SystemExit(1)\n")
    for place in (folder, folder / "flows"):
        (place / "_paths.py").write_text('PATH = "/"\n')
    plan = plan_of(folder / "buyers.py", server.base_url, users=6)
    plan = plan.model_copy(update={"scenario": plan.scenario.model_copy(update={"locustfile": locustfile})})
    assert set(check_scenario(plan.scenario).user_classes) == {"Buyer", "Seller", "Admin"}
    result = run.wait_for_load(run.start_load(plan, folder_of(tmp_path / "runs")))
    assert result.samples == server.total
    assert {path for _, path in server.counts} - {"/health"} == {"/Buyer", "/Seller", "/Admin"}


SHAPE = """
import time
from time import monotonic
from locust import HttpUser, LoadTestShape, constant, task


class Reader(HttpUser):
    host = "https://shop.example.com"
    wait_time = constant(0.1)

    @task
    def read(self):
        self.client.get("/read")


class Steps(LoadTestShape):
    began = monotonic()

    def tick(self):
        {tick}
"""
BY_RUN_TIME = "return None if self.get_run_time() > 6 else (6, 2) if self.get_run_time() < 4 else (2, 100)"
BY_A_CLOCK_OF_ITS_OWN = """
        if self.get_run_time() < 1:
            self.began = monotonic()
        passed = monotonic() - self.began
        return None if passed > 6 else (6, 2) if passed < 4 else (2, 100)
"""


@pytest.mark.parametrize("tick", [BY_RUN_TIME, BY_A_CLOCK_OF_ITS_OWN])
def test_a_shape_is_asked_ahead(tmp_path: Path, tick: str) -> None:
    stages = stages_of_shape(scenario_of(tmp_path, SHAPE.format(tick=tick)), 3600)
    users = [(stage.duration_s, stage.users, stage.ramp) for stage in stages]
    assert users in ([(3, 6, True), (1, 6, False), (2, 2, False)], [(3, 6, True), (1, 6, False), (3, 2, False)])


def test_a_shape_may_ask_how_long_the_load_is(tmp_path: Path) -> None:
    tick = "return (4, 4) if self.get_run_time() < self.runner.environment.parsed_options.run_time / 2 else (2, 4)"
    stages = stages_of_shape(scenario_of(tmp_path, SHAPE.format(tick=tick)), 20)
    assert [(stage.duration_s, stage.users) for stage in stages] == [(10, 4), (10, 2)]


@pytest.mark.parametrize(
    ("tick", "words"),
    [
        ("return (5, 1)", "goes on for more than 6h; give the profile a duration"),
        ("return self.runner.stats.total.fail_ratio / 0", "cannot be asked before the load starts (ZeroDivisionError"),
        ("return (5, 1, [Reader])", "it picks user classes, and a plan holds their number only"),
        ("return (0, 1) if self.get_run_time() < 5 else None", "asks for no users"),
        ("return (50_000, 50_000) if self.get_run_time() < 5 else None", "asks for what cannot be sent: users"),
    ],
)
def test_a_shape_that_cannot_be_planned_is_refused(tmp_path: Path, tick: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        stages_of_shape(scenario_of(tmp_path, SHAPE.format(tick=tick)), 6 * 3600)
    assert words in str(refused.value)


def test_a_scenario_without_a_shape_cannot_be_obeyed(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="obeys the scenario's load shape, but scenario 'simple' has none"):
        stages_of_shape(scenario_of(tmp_path, TAGS), 60)


def test_what_a_plan_decides_instead_of_the_files_is_told(tmp_path: Path) -> None:
    scenario = scenario_of(tmp_path, SHAPE.format(tick="return (5, 1)"))
    (tmp_path / "scenario" / "locust.conf").write_text("users = 500\n")
    told = "\n".join(inspect(scenario, open_loop=True).set_aside)
    for part in ("the load shape Steps", "https://shop.example.com", "the wait times", "locust.conf"):
        assert part in told
    assert "load shape" not in "\n".join(check_scenario(scenario, Profile(name="x", purpose="x", shape="scenario")).set_aside)


def test_an_obeyed_shape_is_what_is_sent(tmp_path: Path, server: CountingServer) -> None:
    locustfile = write_scenario(tmp_path / "scenario", SHAPE.format(tick=BY_RUN_TIME))
    stages = stages_of_shape(scenario_of(tmp_path, SHAPE.format(tick=BY_RUN_TIME)), 3600)
    plan = plan_of(locustfile, server.base_url, users=0, shape="scenario", stages=stages)
    folder = folder_of(tmp_path / "runs")
    result = run.wait_for_load(run.start_load(plan, folder))
    assert (result.stop_reason, result.planned_users, result.reached_users) == (StopReason.COMPLETED, 6, 6)
    assert result.samples == server.total
    frame = pd.read_parquet(str(folder.samples))
    assert Counter(frame.endpoint) == {"GET /read": server.total}
    steady_s = (result.steady_ended_at - result.steady_started_at).total_seconds()
    assert steady_s == stages[1].duration_s
    assert json.loads(plan.model_dump_json())["profile"]["shape"] == "scenario"
