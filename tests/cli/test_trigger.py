"""`loadtest trigger` against a stub of Airflow over real HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from loadtest.cli import trigger_follow
from loadtest.cli.trigger import push_run_id, run_conf, trigger
from loadtest.errors import ConfigurationError, InfrastructureError
from tests.cli.airflow_stub import AirflowStub, verdict_of, zipped
from tests.notifications.http_server import Answer, serve
from tests.support.run_folders import build_run_folder

SHA = "6a1d209c4e5f60718293a4b5c6d7e8f901234567"
RUN_ID = f"push__acme-shop-feature-x__{SHA}"
Trigger = Callable[..., Result]


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[AirflowStub]:
    monkeypatch.setattr(trigger_follow, "POLL_S", 0.01)
    with serve(AirflowStub()) as stub:
        yield stub


@pytest.fixture
def call(airflow: AirflowStub, monkeypatch: pytest.MonkeyPatch) -> Trigger:
    for name in ("USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"LOADTEST_AIRFLOW_{name}", raising=False)
    monkeypatch.setenv("LOADTEST_AIRFLOW_TOKEN", "good")
    app = typer.Typer()
    app.command()(trigger)

    def run(*arguments: str) -> Result:
        usual = ["--airflow-url", airflow.url, "--commit", SHA, "--branch", "feature/X", "--repository", "acme/shop"]
        result = CliRunner().invoke(app, [*usual, *arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def give_verdict(airflow: AirflowStub, tmp_path: Path, outcome: str | None, **options) -> None:
    folder = build_run_folder(tmp_path / "runs", outcome=outcome, **options)
    airflow.verdict = verdict_of(folder)


def test_creates_the_run_and_returns_at_once(airflow: AirflowStub, call: Trigger) -> None:
    result = call("--pull-request", "7", "--environment", "staging", "--profile", "smoke")
    assert result.exit_code == 0
    (body,) = airflow.created()
    assert body["dag_run_id"] == f"push__acme-shop-feature-x-staging-smoke__{SHA}" and body["logical_date"] is None
    assert body["conf"] == {
        "commit": SHA,
        "branch": "feature/X",
        "repository": "acme/shop",
        "pull_request": 7,
        "environment": "staging",
        "profile": "smoke",
    }


def test_waits_prints_and_fetches(airflow: AirflowStub, call: Trigger, tmp_path: Path) -> None:
    give_verdict(airflow, tmp_path, "fail")
    airflow.files = {"summary.md": b"# S", "metrics.json": b"{}", "report.html": b"<html>"}
    result = call("--wait", "30m", "--download", str(tmp_path / "out"))
    assert result.exit_code == 0  # it alerts, it does not block
    assert airflow.verdict["sentence"] in result.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["metrics.json", "report.html", "summary.md"]


@pytest.mark.parametrize(
    ("outcome", "code"), [("pass", 0), ("fail", 1), (None, 2), ("invalid", 3), ("inconclusive", 4), ("warn", 5)]
)
def test_exits_by_the_verdict_when_strict(
    airflow: AirflowStub, call: Trigger, tmp_path: Path, outcome: str | None, code: int
) -> None:
    give_verdict(airflow, tmp_path, outcome)
    assert call("--wait", "1m", "--strict").exit_code == code
    assert call("--wait", "1m").exit_code == 0


def test_the_same_commit_twice_is_one_run_and_one_verdict(airflow: AirflowStub, call: Trigger, tmp_path: Path) -> None:
    give_verdict(airflow, tmp_path, "pass")
    first, second = call("--wait", "1m"), call("--wait", "1m")
    assert list(airflow.runs) == [RUN_ID]
    assert "there already" in second.stderr and "there already" not in first.stderr
    assert first.stdout == second.stdout


def test_a_run_without_a_verdict_says_which_tasks_failed(airflow: AirflowStub, call: Trigger) -> None:
    airflow.states = ["queued", "failed"]
    airflow.tasks = [{"task_id": "setup.resolve_plan", "state": "failed", "try_number": 1}]
    airflow.files = None
    result = call("--wait", "1m", "--strict")
    assert result.exit_code == 2 and "setup.resolve_plan" in result.stdout


def test_gives_up_waiting_but_not_the_run(airflow: AirflowStub, call: Trigger) -> None:
    airflow.states = ["running", "running"]
    result = call("--wait", "0.05s")
    assert result.exit_code == 0 and "it goes on" in result.stderr
    assert call("--wait", "0.05s", "--strict").exit_code == 2


def test_shows_progress_and_approval(airflow: AirflowStub, call: Trigger) -> None:
    airflow.states = ["running", "success"]
    airflow.tasks = [{"task_id": "load_test.run_load", "state": "running", "try_number": 1}]
    airflow.progress = {"elapsed_s": 12.0, "users": 5, "requests": 340, "rps": 28.3, "p95_ms": 41.0, "failures": 0}
    usual, looks = airflow.handle, iter(range(100))
    airflow.handle = lambda request: (
        Answer(200, airflow.runs[RUN_ID]) if request.path.endswith(SHA) and next(looks) < 2 else usual(request)
    )
    assert "load_test.run_load, 12 s, 5 users, 340 requests, 28 rps, p95 41 ms" in call("--wait", "1m").stderr


def test_an_airflow_that_restarts_meanwhile_is_waited_for(airflow: AirflowStub, call: Trigger, tmp_path: Path) -> None:
    give_verdict(airflow, tmp_path, "pass")
    airflow.states = ["running", "success"]
    usual, answers = airflow.handle, iter([False] + [True] * 2 + [False] * 50)
    airflow.handle = lambda request: Answer(503, b"restarting") if next(answers) else usual(request)
    assert call("--wait", "1m", "--strict").exit_code == 0


def test_older_commits_that_wait_are_given_up_on_request(airflow: AirflowStub, call: Trigger) -> None:
    old = airflow.add_run(f"push__acme-shop-feature-x__{'a' * 40}", "queued", age_s=60)
    other_branch = airflow.add_run(f"push__acme-shop-main__{'b' * 40}", "queued", age_s=60)
    running = airflow.add_run(f"push__acme-shop-feature-x__{'c' * 40}", "running", age_s=90)
    result = call("--skip-overtaken")
    assert old["state"] == "failed" and old["note"] == f"Not run: overtaken by commit {SHA}."
    assert other_branch["state"] == "queued" and running["state"] == "running"
    assert airflow.runs[RUN_ID]["state"] == "queued" and "given up" in result.stderr


def test_a_run_that_was_overtaken_says_so(airflow: AirflowStub, call: Trigger) -> None:
    """Such a run stays queued until its turn comes; nobody waits for that."""
    airflow.add_run(RUN_ID, "queued")["note"] = "Not run: overtaken by commit abc."
    airflow.states = ["queued", "queued"]
    result = call("--wait", "1m", "--strict")
    assert "No verdict. Not run: overtaken by commit abc." in result.stdout and result.exit_code == 2


def test_a_paused_dag_is_pointed_out(airflow: AirflowStub, call: Trigger) -> None:
    airflow.paused = True
    assert "paused" in call().stderr


def test_password_login_and_an_expired_token(airflow: AirflowStub, call: Trigger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOADTEST_AIRFLOW_TOKEN")
    monkeypatch.setenv("LOADTEST_AIRFLOW_USERNAME", "ci")
    monkeypatch.setenv("LOADTEST_AIRFLOW_PASSWORD", "pw")
    usual, answers = airflow.handle, iter([False, False, True] + [False] * 50)  # login, create, expired
    airflow.handle = lambda request: Answer(401, {"detail": "expired"}) if next(answers) else usual(request)
    assert call("--wait", "1m").exit_code == 0
    assert airflow.logins == 2


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "wants a login"),
        ({"USERNAME": "ci"}, "wants a login"),
        ({"USERNAME": "ci", "PASSWORD": "wrong-secret"}, "refused the login"),
        ({"TOKEN": "old-secret"}, "does not accept this login"),
    ],
)
def test_a_bad_login_is_one_sentence_without_the_secret(
    airflow: AirflowStub, call: Trigger, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str
) -> None:
    monkeypatch.delenv("LOADTEST_AIRFLOW_TOKEN")
    for name, value in variables.items():
        monkeypatch.setenv(f"LOADTEST_AIRFLOW_{name}", value)
    with pytest.raises(ConfigurationError, match=words) as error:
        call()
    assert "secret" not in str(error.value)
    assert airflow.created() == [] or words == "does not accept this login"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--commit", "HEAD"),
        ("--commit", "../../etc"),
        ("--repository", "no-slash"),
        ("--repository", "owner/.."),
        ("--wait", "soon"),
        ("--download", "x"),
        ("--airflow-url", "airflow.example"),
        ("--profile", "enormous"),
    ],
)
def test_bad_input_is_one_sentence_and_starts_nothing(airflow: AirflowStub, call: Trigger, arguments: tuple[str, str]) -> None:
    with pytest.raises(ConfigurationError) as error:
        call(*arguments)
    assert "\n" not in str(error.value) and airflow.runs == {}


def test_nobody_there(call: Trigger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    with pytest.raises(InfrastructureError, match="does not answer"):
        call("--airflow-url", "http://127.0.0.1:9")


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..", "C:evil", "sub/.hidden"])
def test_an_archive_with_unsafe_names_is_refused_whole(airflow: AirflowStub, call: Trigger, tmp_path: Path, name: str) -> None:
    give_verdict(airflow, tmp_path, "pass")
    airflow.files = {"good.txt": b"1", name: b"2"}
    with pytest.raises(ConfigurationError, match="not safe"):
        call("--wait", "1m", "--download", str(tmp_path / "out"))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_damaged_archive(airflow: AirflowStub, call: Trigger, tmp_path: Path) -> None:
    give_verdict(airflow, tmp_path, "pass")
    usual = airflow.handle
    half = zipped({"summary.md": b"x" * 1000})[:40]
    airflow.handle = lambda request: Answer(200, half) if request.path.endswith(".zip") else usual(request)
    with pytest.raises(ConfigurationError, match="damaged"):
        call("--wait", "1m", "--download", str(tmp_path / "out"))


def test_hostile_verdicts_print_plainly(airflow: AirflowStub, call: Trigger, tmp_path: Path) -> None:
    give_verdict(airflow, tmp_path, "fail", hostile=True)
    assert "\x1b" not in call("--wait", "1m").stdout


@pytest.mark.parametrize("verdict", [{"outcome": "splendid"}, ["x"], {"schema_version": 99}])
def test_a_verdict_that_is_none_is_one_sentence(airflow: AirflowStub, call: Trigger, verdict: object) -> None:
    airflow.verdict = verdict
    with pytest.raises(ConfigurationError, match="verdict from Airflow"):
        call("--wait", "1m")


def test_run_ids_differ_where_the_request_differs() -> None:
    conf = run_conf(commit=SHA, repository="acme/shop", branch="main", profile=None)
    assert push_run_id(conf) == f"push__acme-shop-main__{SHA}"
    assert push_run_id(conf | {"profile": "light"}) != push_run_id(conf)
    assert len(push_run_id(conf | {"branch": "x" * 500})) < 200


def test_arguments_and_tags_are_params_and_part_of_the_name(airflow: AirflowStub, call: Trigger) -> None:
    assert call("--argument", "size=5", "--argument", "color=red", "--tag", "fast").exit_code == 0
    (body,) = airflow.created()
    assert body["conf"]["arguments"] == ["size=5", "color=red"] and body["conf"]["tags"] == ["fast"]
    assert body["dag_run_id"] == f"push__acme-shop-feature-x-size-5-color-red-fast__{SHA}"
