"""Files that the tools wrote (files/README.md says how) are read as what they say."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.importing.from_locust import joined
from loadtest.importing.parsed import ParsedRun
from loadtest.importing.recognize import read_file

FILES = Path(__file__).parent / "files"


def read(name: str) -> ParsedRun:
    found = read_file(FILES / name)
    assert isinstance(found, ParsedRun)
    return found


def counts(run: ParsedRun) -> dict[str, tuple[int, int]]:
    """Requests and failures by endpoint."""
    if run.requests is None:
        return {row.endpoint: (row.n, row.errors) for row in run.totals}
    requests = run.requests
    names = list(requests.endpoints)
    n = Counter(names[code] for code in requests.endpoint)
    failed = Counter(names[code] for code, cause in zip(requests.endpoint, requests.cause, strict=True) if cause)
    return {name: (n[name], failed[name]) for name in names}


def value(run: ParsedRun, endpoint: str, name: str) -> float:
    return next(row for row in run.totals if row.endpoint == endpoint).values[name]


def test_locust_s_statistics() -> None:
    run = read("locust_stats.csv")
    assert (run.tool, run.aggregated) == ("Locust", True)
    assert counts(run) == {"GET /fail": (27, 27), "GET /orders": (118, 0), "GET /orders/[id]": (67, 0)}
    assert value(run, "GET /orders", "p95_ms") == 61
    assert value(run, "GET /orders", "mean_ms") == pytest.approx(24.384, abs=0.001)
    assert run.total is not None and run.total.n == 212


def test_locust_s_history_alone_has_no_percentiles_of_the_whole_run_and_says_so() -> None:
    run = read("locust_stats_history.csv")
    assert counts(run) == counts(read("locust_stats.csv"))
    assert "p95_ms" not in run.totals[0].values
    assert run.users == 4 and run.duration_s == 7
    assert any("no percentiles" in note for note in run.notes)


def test_both_of_locust_s_files_are_one_run() -> None:
    stats, history = read("locust_stats.csv"), read("locust_stats_history.csv")
    both = joined(stats, history)
    assert (both.totals, both.started_s, both.users) == (stats.totals, history.started_s, 4)


def test_artillery_s_report() -> None:
    run = read("artillery.json")
    assert counts(run) == {"/fail": (80, 80), "/orders": (80, 0), "/orders/17 (order by id)": (80, 0)}
    assert value(run, "/fail", "p95_ms") == 96.6
    assert run.total is not None and (run.total.n, run.total.errors) == (240, 80)
    assert run.duration_s == pytest.approx(8.127)


@pytest.mark.parametrize("name", ["taurus.csv", "taurus.xml"])
def test_taurus_final_statistics_are_seconds(name: str) -> None:
    run = read(name)
    assert counts(run) == {"/orders": (143, 0), "/orders/[id]": (100, 0), "/fail": (36, 36)}
    assert value(run, "/orders", "p95_ms") == pytest.approx(26)
    assert value(run, "/orders", "mean_bytes") == 8
    assert run.users == 4
    assert run.duration_s == (8 if name.endswith("xml") else None)


def test_what_taurus_records_of_locust_are_all_requests() -> None:
    run = read("taurus_kpi.jtl")
    assert counts(run) == {"GET /orders": (143, 0), "GET /orders/[id]": (100, 0), "GET /fail": (36, 36)}
    assert run.requests is not None and max(run.requests.users) == 4


@pytest.mark.parametrize("name", ["jmeter.csv", "jmeter.xml", "jmeter_headless.jtl"])
def test_jmeter_s_samples(name: str) -> None:
    run = read(name)
    assert (run.tool, run.aggregated) == ("JMeter", False)
    found = counts(run)
    assert found["GET /fail"] == (75, 75)
    assert found["GET /orders"] == (75, 0)
    assert run.requests is not None
    assert "500 Internal Server Error" in run.requests.causes


def test_k6_s_summary_with_a_threshold_on_one_name() -> None:
    run = read("k6_summary.json")
    assert counts(run) == {"/orders": (300, 0)}
    assert run.total is not None and (run.total.n, run.total.errors) == (400, 20)
    assert (run.duration_s, run.users) == (30, 10)


def test_k6_s_samples_start_before_they_end_and_their_ids_are_folded() -> None:
    run = read("k6_samples.json")
    assert counts(run) == {"GET /orders/{id}": (2, 0), "POST create": (1, 1)}
    assert run.requests is not None
    first = run.requests
    assert first.latency_us[0] == 45_866 and first.start_us[0] % 1_000_000 == pytest.approx(625_742 - 45_866, abs=2)
    assert max(first.users) == 5


def test_gatling_s_requests_with_the_groups_around_them() -> None:
    run = read("gatling_stats.json")
    assert counts(run) == {"orders": (100, 10), "cart / add": (20, 0)}
    assert value(run, "orders", "p95_ms") == 51
    assert run.duration_s == 10


def test_gatling_s_global_statistics_are_one_endpoint() -> None:
    assert counts(read("gatling_global_stats.json")) == {"all requests": (120, 10)}


def test_a_baseline_json_is_targets() -> None:
    assert read_file(FILES / "baseline.json") == {"GET /orders": 120, "GET /orders/{id}": 80.5}


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_semicolons_tabs_and_a_byte_order_mark(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "from_a_spreadsheet.csv"
    path.write_text("\ufeff" + (FILES / "locust_stats.csv").read_text().replace(",", delimiter), encoding="utf-8")
    assert replace(read_file(path), files=()) == replace(read("locust_stats.csv"), files=())  # type: ignore[type-var]


def test_utf_16(tmp_path: Path) -> None:
    path = tmp_path / "utf16.csv"
    path.write_text((FILES / "taurus.csv").read_text(), encoding="utf-16")
    assert counts(read_file(path)) == counts(read("taurus.csv"))  # type: ignore[arg-type]
