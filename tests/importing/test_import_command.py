"""`loadtest import`: preview, all or nothing, a run folder and a row of the history; and what is never done with such a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from loadtest.analysis.models import Analysis, RunMetrics
from loadtest.cli.app import app
from loadtest.comparing.compare import compare_runs
from loadtest.errors import ConfigurationError
from loadtest.history.folders import find_run
from loadtest.history.queries import run_entry, summaries
from loadtest.run_folder import RunFolder
from loadtest.trends.compute import compute_trends
from tests.importing.conftest import FILES
from tests.support.http_server import counting_server


def run_import(*arguments: object):
    return CliRunner().invoke(app, ["import", *map(str, arguments)])


def imported(root: Path) -> list[RunFolder]:
    return [RunFolder(path.parent) for path in sorted(Path(root).glob("*/*/*/*/plan.json"))]  # type: ignore[arg-type]


def test_nothing_is_imported_without_a_word_of_consent(runs_root: Path) -> None:
    result = run_import(FILES / "artillery.json")
    assert "/orders" in result.stdout and "240" not in result.stdout.split("endpoint")[0]
    assert isinstance(result.exception, ConfigurationError) and "--yes" in str(result.exception)
    assert not runs_root.exists()


def test_old_results_are_not_pushed_as_if_they_were_new(runs_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with counting_server() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.base_url)
        assert run_import(FILES / "jmeter.csv", "--yes").exit_code == 0
        assert run_import(FILES / "artillery.json", "--yes").exit_code == 0
    assert len(imported(runs_root)) == 2
    assert not receiver.counts


def test_totals_become_a_run_that_is_marked_and_has_no_verdict(runs_root: Path) -> None:
    assert run_import(FILES / "artillery.json", "--scenario", "shop", "--yes").exit_code == 0
    (folder,) = imported(runs_root)
    metrics = RunMetrics.read(folder.metrics)
    assert {row.endpoint: row.n for row in metrics.endpoints} == {"/fail": 80, "/orders": 80, "/orders/17 (order by id)": 80}
    entry = run_entry(folder.run_id)
    assert entry is not None and entry.run.outcome is None and entry.run.status == "measured" and entry.summary is None
    shown = CliRunner().invoke(app, ["show", folder.run_id]).stdout
    assert "Artillery measured; no gate judged it" in " ".join(shown.split())  # wrapped where the terminal ends


def test_requests_become_a_run_with_a_distribution_and_a_summary(runs_root: Path) -> None:
    assert run_import(FILES / "jmeter.csv", "--commit", "v1.4.0", "--yes").exit_code == 0
    (folder,) = imported(runs_root)
    metrics = RunMetrics.read(folder.metrics)
    orders = next(row for row in metrics.endpoints if row.endpoint == "GET /orders")
    assert (orders.n, orders.errors) == (75, 0) and orders.p95_ms is not None
    assert Analysis.read(folder.analysis).distributions
    entry = run_entry(folder.run_id)
    assert entry is not None and entry.run.commit == "v1.4.0"


def test_locust_s_two_files_are_one_run(runs_root: Path) -> None:
    result = run_import(FILES / "locust_stats.csv", FILES / "locust_stats_history.csv", "--yes")
    assert result.exit_code == 0 and len(imported(runs_root)) == 1
    assert RunMetrics.read(imported(runs_root)[0].metrics).users == 4


def test_one_bad_file_among_good_ones_imports_nothing(runs_root: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jtl"
    bad.write_text("timeStamp,elapsed,label\n1795789343205,NaN,x\n")
    result = run_import(FILES / "artillery.json", bad, "--yes")
    assert isinstance(result.exception, ConfigurationError)
    assert imported(runs_root) == []


def test_the_same_content_is_imported_once(runs_root: Path, tmp_path: Path) -> None:
    assert run_import(FILES / "taurus.csv", "--scenario", "shop", "--yes").exit_code == 0
    copy = tmp_path / "copy.csv"
    copy.write_bytes((FILES / "taurus.csv").read_bytes())
    result = run_import(copy, "--scenario", "shop", "--yes")
    assert "was imported before" in str(result.exception)
    assert "given twice" in str(run_import(FILES / "taurus.xml", FILES / "taurus.xml", "--yes").exception)
    assert len(imported(runs_root)) == 1


@pytest.mark.parametrize(("command", "words"), [("check", "cannot be judged here"), ("analyze", "cannot be analyzed again")])
def test_no_gate_and_no_second_analysis_of_totals(runs_root: Path, command: str, words: str) -> None:
    run_import(FILES / "artillery.json", "--yes")
    (folder,) = imported(runs_root)
    before = folder.metrics.read_bytes()
    result = CliRunner().invoke(app, [command, folder.run_id])
    assert words in str(result.exception)
    assert folder.metrics.read_bytes() == before and not folder.verdict.exists()


def test_totals_are_never_compared_with_requests(runs_root: Path) -> None:
    run_import(FILES / "taurus.csv", "--scenario", "shop", "--yes")
    run_import(FILES / "taurus_kpi.jtl", "--scenario", "shop", "--yes")
    runs = [folder.run_id for folder in imported(runs_root)]
    comparison, _ = compare_runs(*runs, anyway=True)
    assert not comparison.comparable
    assert any("only aggregated numbers" in reason for reason in comparison.reasons)
    assert not any(change.interval for row in comparison.endpoints for change in row.changes)


def test_two_runs_of_requests_are_compared(runs_root: Path) -> None:
    run_import(FILES / "jmeter.csv", "--scenario", "shop", "--commit", "v1", "--yes")
    run_import(FILES / "jmeter.xml", "--scenario", "shop", "--commit", "v2", "--yes")
    comparison, _ = compare_runs("v1", "v2")
    assert comparison.comparable, comparison.reasons
    change = comparison.endpoints[0].change("typical_ms") or comparison.endpoints[1].change("typical_ms")
    assert change is not None and change.interval is not None
    assert any("on which host" in note for note in comparison.notes)


def test_imported_runs_are_no_baseline_and_another_kind_in_the_trends(runs_root: Path) -> None:
    where = ("--scenario", "shop", "--environment", "staging", "--profile", "smoke")
    run_import(FILES / "taurus.csv", *where, "--yes")
    run_import(FILES / "artillery.json", *where, "--yes")
    assert summaries("shop", "staging", "smoke") == []
    entries = [run_entry(folder.run_id) for folder in imported(runs_root)]
    assert len({entry.run.digest for entry in entries if entry}) == 2
    assert compute_trends is not None


def test_a_name_that_cannot_be_part_of_a_path_is_refused(runs_root: Path) -> None:
    result = run_import(FILES / "taurus.csv", "--scenario", "../../x", "--yes")
    assert isinstance(result.exception, ConfigurationError) and not runs_root.exists()


def test_targets_are_written_once(tmp_path: Path) -> None:
    folder = tmp_path / "include" / "scenarios" / "shop"
    folder.mkdir(parents=True)
    (folder / "locustfile.py").write_text("from locust import HttpUser\n\nclass U(HttpUser):\n    pass\n")
    result = run_import(FILES / "baseline.json", "--scenario", "shop", "--yes")
    assert result.exit_code == 0, result.exception
    text = (folder / "targets.yaml").read_text()
    assert "GET /orders:\n    p95_ms: 120\n" in text and "GET /orders/{id}:\n    p95_ms: 80.5\n" in text
    again = run_import(FILES / "baseline.json", "--scenario", "shop", "--yes")
    assert "is there already" in str(again.exception) and (folder / "targets.yaml").read_text() == text
    assert "There is no scenario 'other'" in str(run_import(FILES / "baseline.json", "--scenario", "other", "--yes").exception)


def test_an_imported_run_is_found_like_any_other(runs_root: Path) -> None:
    run_import(FILES / "artillery.json", "--yes")
    (folder,) = imported(runs_root)
    assert find_run(folder.run_id).path == find_run("latest").path


def test_where_nothing_tells_the_duration_rates_are_unknown_or_a_person_tells_it(runs_root: Path) -> None:
    done = run_import(FILES / "taurus.csv", "--yes")
    assert "duration and rates unknown (--duration tells them)" in done.output
    (folder,) = imported(runs_root)
    assert RunMetrics.read(folder.metrics).total.rps == 0
    done = run_import(FILES / "taurus.csv", "--scenario", "timed", "--duration", "20s", "--yes")
    assert done.exit_code == 0, done.output
    timed = next(each for each in imported(runs_root) if each.path != folder.path)
    total = RunMetrics.read(timed.metrics).total
    assert total.rps == pytest.approx(total.n / 20)
    assert "a duration is" in str(run_import(FILES / "taurus.csv", "--duration", "soon", "--yes").exception)
