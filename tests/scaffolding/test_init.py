"""`loadtest init`, through the real command: the folder works, its file runs in Locust, and a service accepts what it sends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.cli import main
from tests.scaffolding.shop import shop
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
                "2",
                "-r",
                "2",
                "-t",
                "2s",
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
