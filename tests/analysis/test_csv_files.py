from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.analysis.analyze import analyze
from loadtest.analysis.csv_files import percentile_name, safe_cell, split_endpoint
from loadtest.analysis.tally import LOCUST_PERCENTILES
from tests.analysis.builders import START_US, random_table, sample_table, write_run

# Locust 2.47.0, locust/stats.py, StatsCSV
LOCUST_STATS = (
    "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,Max Response Time,"
    "Average Content Size,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%"
)
LOCUST_FAILURES = "Method,Name,Error,Occurrences,First Seen,Last Seen"


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_stats_are_of_every_request_of_the_whole_run(tmp_path: Path) -> None:
    table = random_table(np.random.default_rng(1), 5_000)
    folder = write_run(tmp_path, table)
    analyze(folder)
    rows = read(Path(str(folder.stats_csv)))
    frame = table.to_pandas()
    assert folder.stats_csv.read_text().splitlines()[0] == LOCUST_STATS
    assert [row["Name"] for row in rows] == [*[f"/things/{number}" for number in range(3)], "Aggregated"]
    span_s = (int((frame.start_us + frame.latency_us).max()) - int(frame.start_us.min())) / 1e6
    for row, mine in zip(rows, [*[frame[frame.endpoint == f"GET /things/{n}"] for n in range(3)], frame], strict=True):
        latency_ms = mine.latency_us.astype(float) / 1000
        failures = (mine.error.astype(str) != "").sum()
        assert (int(row["Request Count"]), int(row["Failure Count"])) == (len(mine), failures)
        assert row["Type"] == ("" if row["Name"] == "Aggregated" else "GET")
        assert float(row["Average Response Time"]) == pytest.approx(latency_ms.mean(), abs=1e-4)
        assert float(row["Average Content Size"]) == pytest.approx(mine.response_bytes.mean(), abs=1e-4)
        assert float(row["Requests/s"]) == pytest.approx(len(mine) / span_s, abs=1e-4)
        for level in LOCUST_PERCENTILES:
            assert float(row[percentile_name(level)]) == pytest.approx(np.quantile(latency_ms, level), abs=1e-4)


def test_failures_are_complete_and_as_recorded(tmp_path: Path) -> None:
    table = random_table(np.random.default_rng(2), 5_000)
    folder = write_run(tmp_path, table)
    analyze(folder)
    rows = read(Path(str(folder.failures_csv)))
    frame = table.to_pandas()
    expected = frame[frame.error.astype(str) != ""].groupby(["endpoint", "error"], observed=True).size()
    assert folder.failures_csv.read_text().splitlines()[0] == LOCUST_FAILURES
    assert {(f"{row['Method']} {row['Name']}", row["Error"]): int(row["Occurrences"]) for row in rows} == expected.to_dict()
    assert rows[0]["First Seen"].startswith("2026-03-02T02:00:")


def test_a_cell_from_outside_is_never_a_formula(tmp_path: Path) -> None:
    names = ['GET =cmd|" /C calc"!A0', "@SUM(1)", "+1", "GET /a,b\n=1", "\t=1", "x\x00y"]
    table = sample_table(
        start_us=[START_US + 1] * len(names), latency_us=[1] * len(names), endpoint=names, error=["-2+3"] * len(names)
    )
    folder = write_run(tmp_path, table)
    analyze(folder)
    for path, columns in ((folder.stats_csv, ("Type", "Name")), (folder.failures_csv, ("Method", "Name", "Error"))):
        rows = read(Path(str(path)))
        assert len(rows) >= len(names)
        for row in rows:
            for column in columns:
                assert not row[column].lstrip().startswith(("=", "+", "-", "@"))
    assert pd.read_csv(str(folder.stats_csv))["Name"].tolist()[-1] == "Aggregated"


@given(st.text(max_size=50))
def test_safe_cells_start_with_nothing_a_spreadsheet_runs(text: str) -> None:
    assert not safe_cell(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert safe_cell("plain") == "plain"


def test_endpoints_split_into_method_and_name() -> None:
    assert split_endpoint("GET /a b") == ("GET", "/a b")
    assert split_endpoint("checkout flow") == ("", "checkout flow")
