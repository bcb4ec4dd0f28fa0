"""`loadtest init`, through the real command: the folder works, its file runs in Locust, and a service accepts what it sends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from loadtest.cli import main
from loadtest.processes import free_port
from tests.scaffolding.shop import shop
from tests.support.http_server import counting_server
from tests.support.validating_stub import ValidatingStub


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "shop.json"
    path.write_text(json.dumps(shop()))
    return path


def init(folder: Path, *options: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["init", str(folder), "--no-input", *options])
    assert ended.value.code in (0, None)


def test_a_document_alone_is_enough(tmp_path: Path, document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init(tmp_path / "tests", "--openapi", str(document))
    text = (tmp_path / "tests/include/scenarios/corner-shop/locustfile.py").read_text()
    assert "def list_items" in text and "def add_item" not in text
    assert "base_url: https://shop.example\n" in (tmp_path / "tests/include/environments/service.yaml").read_text()
    assert "export SCENARIO_KEY=..." in (tmp_path / "tests/README.md").read_text()
    assert "4 tasks" in capsys.readouterr().out


def test_the_folder_is_a_repository_in_waiting(tmp_path: Path, document: Path) -> None:
    folder = tmp_path / "tests"
    init(folder, "--openapi", str(document))
    compose = yaml.safe_load((folder / "compose.yaml").read_text())
    assert compose["services"]["airflow"]["image"] == "${LOADTEST_IMAGE:-loadtest:latest}"
    assert "loadtest.dags" in (folder / "dags/load_tests.py").read_text()
    workflow = yaml.safe_load((folder / ".github/workflows/load-tests.yml").read_text())
    assert workflow["jobs"]["validate"]["steps"][-1] == {"run": "loadtest validate all"}
    assert "loadtest" in (folder / "requirements.txt").read_text()
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    (folder / "runs").mkdir()
    (folder / "runs/x").touch()
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    added = subprocess.run(["git", "ls-files"], cwd=folder, capture_output=True, text=True, check=True).stdout.split()
    assert {"README.md", ".gitignore", "compose.yaml", "dags/load_tests.py", "include/baselines/.gitkeep"} <= set(added)
    assert "runs/x" not in added


def test_a_service_that_is_down_is_no_hindrance_where_a_document_is_at_hand(
    tmp_path: Path, document: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    init(tmp_path / "tests", "--openapi", str(document), "--base-url", url)
    text = (tmp_path / "tests/include/scenarios/corner-shop/locustfile.py").read_text()
    assert f"locust -f locustfile.py --host {url}`" in text
    assert f"does not answer at {url}, so nothing was tried" in capsys.readouterr().out


@pytest.mark.slow
def test_the_first_real_run_ends_in_a_verdict_by_the_proposed_targets(
    tmp_path: Path, document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCENARIO_KEY", "k")
    with ValidatingStub(shop(), "/api/v1") as stub:
        init(tmp_path / "tests", "--openapi", str(document), "--base-url", stub.url)
        targets = tmp_path / "tests/include/scenarios/corner-shop/targets.yaml"
        assert targets.read_text().startswith("# PROPOSED from run")
        run = [sys.executable, "-m", "loadtest", "run", "--format", "json"]
        done = subprocess.run(run, cwd=tmp_path / "tests", capture_output=True, text=True, check=False, timeout=110)
    assert json.loads(done.stdout)["outcome"] == "pass", done.stderr


@pytest.mark.slow
def test_a_trial_in_which_nothing_succeeded_is_no_success(
    tmp_path: Path, document: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with counting_server() as server, pytest.raises(SystemExit) as ended:
        server.control.status = 500
        main(["init", str(tmp_path / "tests"), "--no-input", "--openapi", str(document), "--base-url", server.base_url])
    assert ended.value.code in (1, 3)
    assert "So no targets are proposed." in capsys.readouterr().out


@pytest.mark.parametrize("there", ["notes.txt", ".env"])
def test_nothing_of_anybody_is_overwritten(tmp_path: Path, there: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / there).write_text("mine")
    with pytest.raises(SystemExit) as ended:
        main(["init", str(tmp_path), "--no-input"])
    assert ended.value.code == 2
    assert f"is not empty (it holds {there})" in capsys.readouterr().err


def test_locust_runs_the_file_and_the_service_accepts_all_of_it(tmp_path: Path, document: Path) -> None:
    data = shop()
    with ValidatingStub(data, "/api/v1") as stub:
        init(tmp_path / "tests", "--openapi", str(document), "--base-url", stub.url, "--writes", "--no-smoke")
        file = tmp_path / "tests/include/scenarios/corner-shop/locustfile.py"
        stub.refused.clear()  # init asked for paths that services have for their health
        quick = file.with_name("quick.py")
        quick.write_text(file.read_text().replace("between(0.5, 1.5)", "between(0.01, 0.02)"))
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "locust",
                "-f",
                str(quick),
                "--headless",
                "-u",
                "6",
                "-r",
                "6",
                "-t",
                "6s",
                "--host",
                stub.url,
            ],
            env={"PATH": os.environ["PATH"], "SCENARIO_KEY": "k"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert "Traceback" not in done.stderr, done.stderr
    assert not stub.refused, stub.reasons
    methods = {name.split()[0] for name in stub.accepted}
    assert methods == {"GET", "POST", "PUT"}
