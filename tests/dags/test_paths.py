"""Each path through the graph of `load_test`, run in one process with real backends, real Locust and real files."""

from __future__ import annotations

import pytest

from loadtest.analysis.models import RunMetrics
from loadtest.backend.models import BackendState
from loadtest.planning.models import Plan
from loadtest.vocabulary import Outcome, RunStatus

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(180)]

CONFIRMATIONS = ("regression.confirm_1", "regression.confirm_2", "regression.judge_confirmed")


def assert_cleaned_and_reported(ended) -> None:
    assert ended.tasks["cleanup.stop_backend"] == "success"
    if ended.folder.backend_state.exists():
        assert not BackendState.read(ended.folder.backend_state).identity.is_alive
    for file in (ended.folder.verdict, ended.folder.report, ended.folder.summary, ended.folder.junit):
        assert file.exists(), file


def test_all_well_is_green_and_nothing_is_confirmed(run_dag) -> None:
    ended = run_dag()
    assert ended.state == "success"
    assert ended.verdict.outcome is Outcome.PASS
    assert "indicative" in ended.verdict.sentence
    assert ended.note == ended.verdict.sentence
    assert {ended.tasks[name] for name in CONFIRMATIONS} == {"skipped"}
    assert_cleaned_and_reported(ended)
    names = {path.name for path in ended.folder.path.iterdir()}
    assert names >= {
        "plan.json",
        "samples.parquet",
        "loadtest_stats.csv",
        "loadtest_failures.csv",
        "loadtest_report.html",
        "analysis.json",
        "metrics.json",
        "regression_report.json",
        "data_contract.json",
        "verdict.json",
        "summary.md",
        "backend.log",
        "locust.log",
    }


ASKING = """
from locust import FastHttpUser, constant, events, tag, task


@events.init_command_line_parser.add_listener
def add(parser):
    parser.add_argument("--item", type=int, default=1)


class Visitor(FastHttpUser):
    host = "https://shop.example.com"
    wait_time = constant(0.02)

    @tag("one")
    @task
    def one_item(self):
        item = self.environment.parsed_options.item
        self.client.get(f"/items/{item}", name=f"item {item}")

    @task
    def list_items(self):
        self.client.get("/items")
"""


def test_arguments_and_tags_of_the_form_reach_the_locust_file(run_dag, airflow_home) -> None:
    scenario = airflow_home / "include" / "scenarios" / "asking"
    scenario.mkdir(exist_ok=True)
    (scenario / "locustfile.py").write_text(ASKING)
    ended = run_dag(scenario="asking", arguments=["item=18"], tags=["one"])
    assert ended.state == "success"
    plan = Plan.read(ended.folder.plan)
    assert (plan.scenario.arguments, plan.scenario.tags) == ({"item": "18"}, ("one",))
    assert "the host of its user classes (https://shop.example.com)" in plan.set_aside[0]
    assert [one.endpoint for one in RunMetrics.read(ended.folder.metrics).endpoints] == ["GET item 18"]
    ended = run_dag(scenario="asking", arguments=["itme=18"])
    assert (ended.state, ended.verdict.status) == ("failed", RunStatus.NOT_RUN)
    assert "the scenario has no argument 'itme'; did you mean item?" in ended.verdict.sentence


def test_a_failed_verdict_is_green_unless_it_blocks(run_dag) -> None:
    ended = run_dag(environment="failing")
    assert (ended.state, ended.verdict.outcome) == ("success", Outcome.FAIL)
    assert_cleaned_and_reported(ended)
    ended = run_dag(environment="failing", blocking=True)
    assert (ended.state, ended.verdict.outcome) == ("failed", Outcome.FAIL)
    assert ended.tasks["run_state"] == "failed"
    assert_cleaned_and_reported(ended)


def test_a_refused_request_is_red_and_says_why(run_dag) -> None:
    ended = run_dag(users=5000)
    assert ended.state == "failed"
    assert ended.verdict.status is RunStatus.NOT_RUN
    assert "5000 users are more than environment 'healthy' allows" in ended.verdict.sentence
    assert ended.folder.path.parent.name == "_refused"
    assert ended.note == ended.verdict.sentence
    assert ended.tasks["load_test.run_load"] == "upstream_failed"
    assert ended.tasks["reporting.report"] == "success"
    assert ended.folder.report.exists()


def test_a_scenario_without_users_is_refused_before_the_backend_starts(run_dag) -> None:
    ended = run_dag(scenario="nobody")
    assert ended.state == "failed"
    assert ended.verdict.status is RunStatus.NOT_RUN
    assert "no user class" in ended.verdict.sentence
    assert not ended.folder.backend_state.exists()


@pytest.mark.parametrize(
    ("environment", "failed", "words"),
    [
        ("broken", "backend.start_backend", "cannot read my configuration"),
        ("unhealthy", "backend.check_health", "500"),
    ],
)
def test_a_backend_that_does_not_start_or_is_unhealthy_fails(run_dag, environment, failed, words) -> None:
    ended = run_dag(environment=environment)
    assert ended.state == "failed"
    assert ended.tasks[failed] == "failed"
    assert ended.tasks["load_test.run_load"] == "upstream_failed"
    assert ended.verdict.outcome is Outcome.FAIL
    assert words in " ".join((ended.verdict.sentence, *ended.verdict.reasons))
    assert_cleaned_and_reported(ended)


def test_a_backend_that_dies_in_mid_run_is_not_a_pass(run_dag) -> None:
    ended = run_dag(environment="dying")
    assert ended.verdict.outcome in (Outcome.INVALID, Outcome.FAIL)
    assert_cleaned_and_reported(ended)


def test_the_dag_is_as_documented(dagbag) -> None:
    assert dagbag.import_errors == {}
    dag = dagbag.get_dag("load_test")
    assert not dag.timetable.can_be_scheduled  # by hand and on pushes; what comes again is a schedule's DAG
    assert dag.max_active_runs == 1
    assert set(dag.task_group.children) >= {"setup", "backend", "load_test", "analysis", "regression", "cleanup", "reporting"}
    assert dag.doc_md
    for param in dag.params.values():
        assert param  # a default that its own schema accepts
