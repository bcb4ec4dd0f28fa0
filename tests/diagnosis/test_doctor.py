"""`loadtest doctor` on real places and local stand-ins: what is wrong is said with what to do, and nothing is changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from upath import UPath

from loadtest.cli import main
from loadtest.diagnosis import machine, places, scheduler, tokens
from loadtest.diagnosis.calibration import calibration
from loadtest.diagnosis.checks import Check, Level, looked_at
from loadtest.errors import ConfigurationError
from loadtest.settings import Settings
from tests.notifications.http_server import Answer, Request, Server, serve
from tests.support.small_include import build_include, build_schedules


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    include, runs = build_include(tmp_path), UPath(tmp_path / "runs")
    return Settings(tmp_path, include, runs, tmp_path / "scratch", f"sqlite:///{tmp_path / 'history.db'}")


def by_name(checks) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_a_sound_machine_and_its_places(settings: Settings) -> None:
    checks = by_name([*machine.versions(), *machine.kernel_facts(), *machine.listening(), *machine.limits(), *machine.clock()])
    assert checks["Python"].level is Level.OK and "locust" in checks["versions"].found
    assert checks["/proc"].level is Level.OK
    assert {"ports", "open files", "clock"} <= checks.keys()
    (stored,) = places.storage(settings)
    assert stored.level is Level.OK and list(settings.runs_root.iterdir()) == []
    (database,) = places.database(settings)
    assert database.level is Level.OK and "revision" in database.found


def test_a_storage_that_cannot_be_written_is_wrong(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (stored,) = places.storage(Settings(tmp_path, settings.include, UPath(tmp_path / "file"), tmp_path, "sqlite://"))
    assert stored.level is Level.WRONG and "LOADTEST_RUNS_ROOT" in stored.remedy


def test_a_broken_schedule_is_wrong(settings: Settings) -> None:
    build_schedules(settings.include, good="0 2 * * *", bad="often")
    (broken,) = places.schedules(settings)
    assert (broken.name, broken.level) == ("schedule bad", Level.WRONG)


def test_a_look_that_fails_is_a_finding_and_ends_no_other() -> None:
    def look():
        raise ConfigurationError("The file is damaged.")
        yield

    (found,) = looked_at("file", look)
    assert (found.name, found.level, found.found) == ("file", Level.WRONG, "The file is damaged.")


@pytest.mark.parametrize(
    ("answer", "level", "words"),
    [
        (Answer(200, {"ok": True, "user": "loadbot", "team": "Shop"}), Level.OK, "speaks as loadbot in Shop"),
        (Answer(200, {"ok": False, "error": "invalid_auth"}), Level.WRONG, "invalid_auth"),
        (Answer(500, b"<html>"), Level.WRONG, "no usable answer"),
    ],
)
def test_slack_is_asked_who_the_token_is(answer: Answer, level: Level, words: str) -> None:
    with serve(Server(lambda _: answer)) as server:
        extra = {"base_url": f"{server.url}/api/", "channel": "#perf"}
        connection = {"conn_type": "slack", "password": "xoxb-secret", "extra": extra}
        (check,) = tokens.slack({"AIRFLOW_CONN_LOADTEST_SLACK": json.dumps(connection)})
    assert check.level is level and words in check.found and "xoxb" not in check.found
    assert [request.path for request in server.requests] == ["/api/auth.test"]
    assert server.requests[0].headers["Authorization"] == "Bearer xoxb-secret"


@pytest.mark.parametrize(
    ("answer", "level", "words"),
    [
        (Answer(200, {"resources": {"core": {"remaining": 4999}}}), Level.OK, "4999 calls left"),
        (Answer(401, {"message": "Bad credentials"}), Level.WRONG, "HTTP 401"),
    ],
)
def test_github_is_asked_for_the_rate_limit(answer: Answer, level: Level, words: str) -> None:
    with serve(Server(lambda _: answer)) as server:
        (check,) = tokens.github({"LOADTEST_GITHUB_TOKEN": "ghp_secret", "LOADTEST_GITHUB_API_URL": server.url})
    assert check.level is level and words in check.found and "ghp" not in check.found
    assert [(request.method, request.path) for request in server.requests] == [("GET", "/rate_limit")]


def test_no_token_is_only_said() -> None:
    assert [check.level for check in (*tokens.slack({}), *tokens.github({}))] == [Level.NOTE, Level.NOTE]


def test_what_airflow_shows(settings: Settings) -> None:
    from loadtest.airflow_api.client import AirflowClient

    def answer(request: Request) -> Answer:
        path = request.path.removeprefix("/api/v2")
        if path == "/monitor/health":
            healthy = {"status": "healthy"}
            return Answer(200, {"metadatabase": healthy, "scheduler": {"status": "unhealthy"}, "dag_processor": healthy})
        if path == "/importErrors":
            return Answer(200, {"import_errors": [{"filename": "mine.py", "stack_trace": "x\nNameError: y"}]})
        known = {
            "/dags/load_test": {"is_paused": True},
            "/dags/load_test_watch": {"is_paused": False},
            "/pools/load_generator": {"slots": 4},
            "/connections/loadtest_slack": {"connection_id": "loadtest_slack"},
        }
        return Answer(200, known[path]) if path in known else Answer(404, {"detail": "not found"})

    build_schedules(settings.include, shop="0 2 * * *")
    with serve(Server(answer)) as server, AirflowClient(server.url, None, None, "token") as client:
        checks = by_name(scheduler.airflow(client, settings))
    assert checks["Airflow scheduler"].level is Level.WRONG and checks["Airflow dag_processor"].level is Level.OK
    assert "NameError: y" in checks["DAG file"].found
    assert "paused" in checks["DAG load_test"].found and "unpause load_test" in checks["DAG load_test"].remedy
    assert checks["DAG load_test__shop"].level is Level.WRONG and checks["DAG load_test_watch"].level is Level.OK
    assert checks["pool load_generator"].level is Level.NOTE
    assert checks["connection loadtest_slack"].level is Level.OK and checks["connection loadtest_github"].level is Level.NOTE
    assert {request.method for request in server.requests} == {"GET"}


def test_clocks_beside_each_other() -> None:
    (check,) = scheduler.clock_beside("Mon, 01 Jan 2024 00:00:00 GMT")
    assert check.level is Level.WRONG and "apart" in check.found
    assert list(scheduler.clock_beside(None)) == []


def test_the_command_says_all_and_exits_by_it(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("LOADTEST_HOME", str(settings.home))
    build_schedules(settings.include, bad="often")
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--no-calibrate", "--json"])
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)}
    assert ended.value.code == 1 and checks["schedule bad"]["level"] == "wrong" and checks["schedule bad"]["remedy"]


@pytest.mark.slow
def test_the_calibration_sends_and_counts() -> None:
    (check,) = calibration()
    assert check.name == "generator" and check.level is not Level.WRONG and "requests/s" in check.found
