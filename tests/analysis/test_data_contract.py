from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import psutil
import pytest
from upath import UPath

from loadtest.analysis.analyze import analyze
from loadtest.analysis.contract_process import ContractProcess
from loadtest.analysis.contract_rules import rules
from loadtest.analysis.data_docs import inert, publish_docs
from loadtest.analysis.models import ContractCheck, DataContract, RunMetrics
from loadtest.load.models import AbortFacts, ArrivalFacts
from loadtest.planning.profiles import LoadModel
from loadtest.run_folder import RunFolder
from tests.analysis.builders import START, make_load, random_table, sample_table, write_run
from tests.support.waiting import until

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"


@pytest.fixture(scope="module")
def helper():  # importing Great Expectations takes seconds: once for all tests of this module
    with ContractProcess() as process:
        yield process


def analyzed(root: Path, table: object = None, **options: object) -> RunFolder:
    table = table if table is not None else random_table(np.random.default_rng(1), 2_000)
    folder = write_run(root, table, **options)
    analyze(folder)
    return folder


def grows(value: Callable[[], float], within_s: float = 0.5) -> bool:
    before = value()
    time.sleep(within_s)
    return value() > before


def broken(contract: DataContract) -> set[str]:
    return {check.name for check in contract.checks if not check.passed}


def test_sound_data_meets_every_rule_and_leaves_data_docs(tmp_path: Path, helper: ContractProcess) -> None:
    folder = analyzed(tmp_path)
    contract = helper.check(folder)
    assert broken(contract) == set()
    assert contract.passed
    assert (contract.error, contract.notes) == ("", ())
    assert [check.name for check in contract.checks] == [rule.name for rule in rules() if rule.name != "arrivals_achieved"]
    assert DataContract.read(folder.data_contract) == contract
    index = (folder.path / contract.data_docs).read_text()
    assert "Data contract of run-1: met" in index
    for check in contract.checks:
        assert f"<td>{check.name}</td><td>yes</td>" in index
    links = re.findall(r'href="([^"]+)"', index)
    assert len(links) == 6
    for link in links:
        assert (folder.data_docs / link).exists()


def test_data_docs_need_no_network_and_run_nothing(tmp_path: Path, helper: ContractProcess) -> None:
    hostile = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    table = sample_table(start_us=[int(START.timestamp() * 1e6) + 5_000_000], latency_us=[10], endpoint=[hostile])
    folder = analyzed(tmp_path, table)
    helper.check(folder)
    pages = [path.read_text() for path in Path(str(folder.data_docs)).rglob("*.html")]
    assert len(pages) >= 4
    for page in pages:
        assert "<script" not in page
        assert 'src="http' not in page
        assert "Content-Security-Policy" in page
        assert "onerror=alert" not in page
    size = sum(path.stat().st_size for path in Path(str(folder.data_docs)).rglob("*") if path.is_file())
    assert size < 500_000


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"samples": 1_999}, "samples_complete"),
        ({"torn_records": 2}, "torn_records"),
        ({"steady_started_at": None, "steady_ended_at": None}, "steady_reached"),
        ({"planned_duration_s": 60.0}, "duration_achieved"),
        ({"reached_users": 4}, "users_achieved"),
        ({"ended_at": START + timedelta(seconds=20), "steady_ended_at": START + timedelta(seconds=19)}, "starts_before_end"),
        ({"started_at": START + timedelta(seconds=1.5)}, "starts_after_begin"),
        (
            {"load_model": LoadModel.OPEN, "arrivals": ArrivalFacts(planned=1_000, started=989, late=0, dropped=11)},
            "arrivals_achieved",
        ),
        ({"load_model": LoadModel.OPEN, "arrivals": None}, "arrivals_achieved"),
    ],
)
def test_a_load_that_is_not_as_planned_breaks_its_rule(
    tmp_path: Path, helper: ContractProcess, change: dict[str, object], expected: str
) -> None:
    folder = analyzed(tmp_path, load=make_load(**{"samples": 2_000, **change}))
    contract = helper.check(folder)
    assert not contract.passed
    assert expected in broken(contract)
    assert contract.error == ""


def test_an_open_loop_load_is_not_asked_for_users(tmp_path: Path, helper: ContractProcess) -> None:
    arrivals = ArrivalFacts(planned=1_000, started=1_000, late=3, dropped=0)
    load = make_load(2_000, load_model=LoadModel.OPEN, arrivals=arrivals, reached_users=0)
    assert helper.check(analyzed(tmp_path, load=load)).passed


def test_a_frozen_helper_thaws_to_check(tmp_path: Path, helper: ContractProcess) -> None:
    folder = analyzed(tmp_path)
    assert helper.wait_ready()
    helper.pause()
    assert helper.check(folder).passed


def test_a_frozen_helper_uses_no_processor_time() -> None:
    busy = "import threading\nfrom loadtest.analysis import contract_worker as w, data_contract\n"
    busy += "def spin():\n    print('started', flush=True)\n    while True: pass\n"
    busy += "data_contract.import_great_expectations = spin\nw.main()"
    with ContractProcess(command=[sys.executable, "-c", busy]) as process:
        helper = psutil.Process(process._process.pid)
        until(lambda: helper.cpu_times().user > 0.5)
        process.pause()
        until(lambda: not grows(lambda: helper.cpu_times().user))
        process.resume()
        until(lambda: grows(lambda: helper.cpu_times().user))


def test_a_load_stopped_by_a_criterion_is_not_held_to_its_plan(tmp_path: Path, helper: ContractProcess) -> None:
    abort = AbortFacts(criterion="error_rate > 0.5 for 10 s", value=0.9, at=START)
    load = make_load(2_000, planned_duration_s=600.0, reached_users=3, abort=abort)
    assert helper.check(analyzed(tmp_path, load=load)).passed


def test_quantiles_out_of_order_and_sums_that_do_not_add_up_are_found(tmp_path: Path, helper: ContractProcess) -> None:
    folder = analyzed(tmp_path)
    metrics = RunMetrics.read(folder.metrics)
    wrong = metrics.endpoints[0].model_copy(update={"p95_ms": 0.001, "n": 1, "errors": 2, "error_rate": 2.0})
    metrics.model_copy(update={"endpoints": (wrong, *metrics.endpoints[1:])}).write(folder.metrics)
    contract = helper.check(folder)
    assert broken(contract) >= {"order_p90_p95", "errors_within_requests", "error_rate_range", "total_adds_up"}
    sentence = next(check.sentence for check in contract.checks if check.name == "order_p90_p95")
    assert "p90_ms is at most p95_ms" in sentence
    assert "1 of 4 rows" in sentence


def test_no_samples_are_no_pass(tmp_path: Path, helper: ContractProcess) -> None:
    empty = sample_table(start_us=[], latency_us=[], endpoint=[])
    contract = helper.check(analyzed(tmp_path, empty))
    assert not contract.passed
    assert "steady_measured" in broken(contract)


@pytest.mark.parametrize("missing", ["load", "metrics", "samples", "plan"])
def test_a_missing_file_is_a_failed_check(tmp_path: Path, helper: ContractProcess, missing: str) -> None:
    folder = analyzed(tmp_path)
    getattr(folder, missing).unlink()
    contract = helper.check(folder)
    assert not contract.passed
    assert "does not exist" in contract.checks[0].sentence


def test_an_old_result_does_not_outlive_a_check_that_cannot_be_written(tmp_path: Path, helper: ContractProcess) -> None:
    folder = analyzed(tmp_path)
    folder.data_contract.mkdir()  # nothing can be renamed onto a folder
    contract = helper.check(folder)
    assert not contract.passed
    assert "data_contract.json cannot be written" in contract.error


def test_data_docs_that_cannot_be_written_are_noted_and_hurt_nothing(tmp_path: Path, helper: ContractProcess) -> None:
    folder = analyzed(tmp_path)
    folder.data_docs.write_text("in the way")
    contract = helper.check(folder)
    assert contract.passed
    assert contract.data_docs is None
    assert "Data Docs could not be written" in contract.notes[0]


def test_a_helper_that_cannot_import_says_why(tmp_path: Path) -> None:
    folder = analyzed(tmp_path)
    command = [sys.executable, "-c", "raise ImportError('great_expectations is broken')"]
    with ContractProcess(command=command) as process:
        assert not process.wait_ready()
        contract = process.check(folder)
    assert not contract.passed
    assert "great_expectations is broken" in contract.error
    assert DataContract.read(folder.data_contract) == contract


def test_a_helper_that_cannot_start_is_no_pass(tmp_path: Path) -> None:
    folder = analyzed(tmp_path)
    with ContractProcess(command=["/nonexistent/python"]) as process:
        contract = process.check(folder)
    assert not contract.passed
    assert "could not be started" in contract.error


def test_a_helper_that_never_answers_is_ended(tmp_path: Path) -> None:
    folder = analyzed(tmp_path)
    command = [sys.executable, "-c", "import sys; print('{}', flush=True); sys.stdin.read()"]
    with ContractProcess(command=command) as process:
        contract = process.check(folder, timeout_s=0.2)
    assert "more than 0.2 s" in contract.error


def test_a_helper_that_talks_nonsense_is_no_pass(tmp_path: Path) -> None:
    folder = analyzed(tmp_path)
    with ContractProcess(command=[sys.executable, "-c", "print('nonsense', flush=True); input()"]) as process:
        assert not process.check(folder).passed
    with ContractProcess(command=[sys.executable, "-c", "print('{}', flush=True); input(); print('{}', flush=True)"]) as process:
        contract = process.check(folder)
    assert not contract.passed
    assert "no contract" in contract.error


def test_a_helper_that_is_killed_is_no_pass(tmp_path: Path) -> None:
    folder = analyzed(tmp_path)
    command = [sys.executable, "-c", "import os, sys; print('{}', flush=True); sys.stdin.readline(); os.kill(os.getpid(), 9)"]
    with ContractProcess(command=command) as process:
        contract = process.check(folder)
    assert not contract.passed
    assert "exit code -9" in contract.error


@pytest.mark.parametrize("frozen", [False, True], ids=["importing", "frozen"])
def test_the_helper_ends_with_its_parent(frozen: bool) -> None:
    script = (
        "import sys, time; from loadtest.analysis.contract_process import ContractProcess; p = ContractProcess(); p.start();"
        + ("p.pause();" if frozen else "")
        + "print(p._process.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(PLUGINS)}
    )
    assert parent.stdout is not None
    helper = psutil.Process(int(parent.stdout.readline()))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    gone, _ = psutil.wait_procs([helper], timeout=30)
    assert gone


def test_pages_lose_scripts_and_everything_from_other_hosts() -> None:
    page = b'<head><link href="https://x/y.css"><link href="a.css"></head><script src="//x">1</script>'
    page += b'<img src="https://x/p?d=1"><p onclick="a()" class="b" onload="c()">'
    assert b'<p class="b">' in inert(page)
    assert b"https:" not in inert(page)
    assert b"script" not in inert(page).replace(b"script-src", b"")
    assert b'<link href="a.css">' in inert(page)


def test_a_run_folder_on_object_storage_is_read_in_process(tmp_path: Path) -> None:
    local = analyzed(tmp_path)
    memory = RunFolder(UPath("memory://runs/student_api/run-1"))
    for path in local.path.iterdir():
        if path.is_file():
            (memory.path / path.name).write_bytes(path.read_bytes())
    assert analyze(memory).total == RunMetrics.read(local.metrics).total


def test_data_docs_reach_object_storage(tmp_path: Path) -> None:
    (tmp_path / "validations/run").mkdir(parents=True)
    (tmp_path / "validations/run/page.html").write_text("<head></head><script>1</script>fine")
    target = UPath("memory://runs/docs-test/data_docs")
    check = ContractCheck(name="a", passed=False, sentence="<b>not met</b>")
    assert publish_docs(tmp_path, target, "run-1", False, [check]) == "data_docs/index.html"
    assert "script>" not in (target / "validations/run/page.html").read_text()
    assert "&lt;b&gt;not met" in (target / "index.html").read_text()
