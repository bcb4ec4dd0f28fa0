from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtest.analysis import tally as tally_module
from loadtest.analysis.analyze import analyze
from loadtest.analysis.models import QUANTILES, Analysis, RunMetrics
from loadtest.errors import ConfigurationError, InfrastructureError
from tests.analysis.builders import START, START_US, make_load, random_table, sample_table, write_run

QUANTILE_FIELDS = {"p50_ms": 0.5, "p90_ms": 0.9, "p95_ms": 0.95, "p99_ms": 0.99, "p999_ms": 0.999, "min_ms": 0, "max_ms": 1}


def steady_frame(table: object) -> pd.DataFrame:
    frame = table.to_pandas()
    return frame[(frame.start_us >= START_US + 2_000_000) & (frame.start_us < START_US + 29_000_000)]


@pytest.mark.parametrize("keep_rows", [0, 1_000_000], ids=["read twice", "kept in memory"])
def test_metrics_equal_pandas_on_the_raw_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep_rows: int) -> None:
    monkeypatch.setattr(tally_module, "KEEP_ROWS", keep_rows)
    table = random_table(np.random.default_rng(1), 20_000)
    folder = write_run(tmp_path, table, row_group_size=3_000)
    metrics = analyze(folder)
    frame = steady_frame(table)
    assert [endpoint.endpoint for endpoint in metrics.endpoints] == sorted(frame.endpoint.unique())
    for found, mine in [(one, frame[frame.endpoint == one.endpoint]) for one in metrics.endpoints] + [(metrics.total, frame)]:
        good = mine[mine.error.astype(str) == ""]
        assert (found.n, found.errors) == (len(mine), len(mine) - len(good))
        assert found.error_rate == found.errors / found.n
        assert found.rps == pytest.approx(len(mine) / 27)
        assert found.mean_ms == pytest.approx(good.latency_us.mean() / 1000)
        assert found.mean_bytes == pytest.approx(good.response_bytes.mean())
        for name, level in QUANTILE_FIELDS.items():
            assert getattr(found, name) == np.quantile(good.latency_us.astype(float), level) / 1000
        db = good.server_db_us.dropna()
        assert [(part.component, part.n) for part in found.server] == ([("db", len(db))] if len(db) else [])
        if len(db):
            assert found.server[0].p50_ms == np.quantile(db, 0.5) / 1000
            assert found.server[0].p95_ms == np.quantile(db, 0.95) / 1000
            assert found.server[0].mean_ms == pytest.approx(good.server_db_us.fillna(0).mean() / 1000)


def test_timeline_equals_pandas_and_covers_the_whole_run(tmp_path: Path) -> None:
    table = random_table(np.random.default_rng(2), 20_000)
    folder = write_run(tmp_path, table, row_group_size=7_000)
    analyze(folder, bin_s=10)
    analysis = Analysis.read(folder.analysis)
    frame = table.to_pandas()
    frame["bin"] = (frame.start_us - START_US) // 10_000_000
    assert [point.start_s for point in analysis.timeline] == [0, 10, 20]
    assert sum(point.n for point in analysis.timeline) == len(frame)
    assert {line.endpoint for line in analysis.endpoint_timelines} == set(frame.endpoint.unique())
    for endpoint, points in [(None, analysis.timeline), *((line.endpoint, line.points) for line in analysis.endpoint_timelines)]:
        for number, point in enumerate(points):
            mine = frame[(frame.bin == number) & ((frame.endpoint == endpoint) if endpoint else True)]
            good = mine[mine.error.astype(str) == ""].latency_us.astype(float)
            assert (point.n, point.errors, point.rps) == (len(mine), len(mine) - len(good), len(mine) / 10)
            assert point.p50_ms == np.quantile(good, 0.5) / 1000
            assert point.p95_ms == np.quantile(good, 0.95) / 1000
    assert [(phase.name, phase.start_s, phase.end_s) for phase in analysis.phases] == [
        ("ramp", 0, 2),
        ("steady", 2, 29),
        ("drain", 29, 30),
    ]
    assert {point.users for point in analysis.timeline} == {10}  # two workers, five users each


def test_distributions_hold_the_quantiles_of_each_endpoint_and_of_all(tmp_path: Path) -> None:
    table = random_table(np.random.default_rng(4), 5_000)
    folder = write_run(tmp_path, table)
    analyze(folder)
    good = steady_frame(table)
    good = good[good.error.astype(str) == ""]
    found = {one.endpoint: one.quantiles_ms for one in Analysis.read(folder.analysis).distributions}
    assert list(found) == [*sorted(good.endpoint.unique()), "Total"]
    assert list(found["Total"]) == list(np.quantile(good.latency_us.astype(float), QUANTILES) / 1000)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(-5_000_000, 40_000_000), st.integers(0, 2**32 - 1), st.sampled_from("ab=é"), st.booleans()),
        max_size=40,
    )
)
def test_any_samples_give_valid_files(tmp_path: Path, rows: list[tuple[int, int, str, bool]]) -> None:
    table = sample_table(
        start_us=[START_US + start for start, *_ in rows],
        latency_us=[latency for _, latency, *_ in rows],
        endpoint=[name for *_, name, _ in rows],
        error=["boom" if failed else "" for *_, failed in rows],
    )
    folder = write_run(tmp_path, table)
    metrics = analyze(folder)
    steady = [row for row in rows if 2_000_000 <= row[0] < 29_000_000]
    assert metrics.total.n == len(steady)
    assert metrics.total.errors == sum(failed for *_, failed in steady)
    good = [float(row[1]) for row in steady if not row[3]]
    assert metrics.total.p95_ms == (np.quantile(good, 0.95) / 1000 if good else None)
    assert RunMetrics.read(folder.metrics) == metrics
    assert sum(group.count for group in Analysis.read(folder.analysis).failures) == sum(failed for *_, failed in rows)


def test_without_samples_everything_is_zero_and_said(tmp_path: Path) -> None:
    folder = write_run(tmp_path, None)
    metrics = analyze(folder)
    assert (metrics.total.n, metrics.total.p95_ms, metrics.endpoints) == (0, None, ())
    assert "does not exist" in Analysis.read(folder.analysis).warnings[0]
    for path in (folder.metrics, folder.analysis, folder.stats_csv, folder.failures_csv, folder.prometheus):
        assert path.exists()


def test_without_load_json_the_samples_are_shown_but_nothing_is_steady(tmp_path: Path) -> None:
    folder = write_run(tmp_path, random_table(np.random.default_rng(5), 500), load=None)
    metrics = analyze(folder)
    assert metrics.total.n == 0
    assert len(metrics.endpoints) == 3
    analysis = Analysis.read(folder.analysis)
    assert sum(point.n for point in analysis.timeline) == 500
    assert any("load.json" in warning for warning in analysis.warnings)


def test_a_steady_phase_that_was_never_reached_gives_no_metrics(tmp_path: Path) -> None:
    table = random_table(np.random.default_rng(6), 500)
    folder = write_run(tmp_path, table, load=make_load(500, steady_started_at=None, steady_ended_at=None))
    metrics = analyze(folder)
    assert (metrics.duration_s, metrics.total.n, metrics.total.p50_ms) == (0, 0, None)
    assert "never reached" in Analysis.read(folder.analysis).warnings[0]


def test_a_load_cut_short_is_steady_until_it_ended(tmp_path: Path) -> None:
    folder = write_run(tmp_path, random_table(np.random.default_rng(6), 500), load=make_load(500, steady_ended_at=None))
    assert analyze(folder).duration_s == 28


def test_only_errors_have_a_rate_but_no_latency(tmp_path: Path) -> None:
    table = sample_table(
        start_us=[START_US + 3_000_000 + number for number in range(10)],
        latency_us=[1000] * 10,
        endpoint=["GET /x"] * 10,
        error=["Connection refused"] * 10,
        status=[0] * 10,
    )
    metrics = analyze(write_run(tmp_path, table))
    assert (metrics.total.n, metrics.total.errors, metrics.total.error_rate) == (10, 10, 1.0)
    assert (metrics.total.p50_ms, metrics.total.mean_ms, metrics.total.max_ms) == (None, None, None)


def test_one_sample_is_all_its_quantiles(tmp_path: Path) -> None:
    table = sample_table(start_us=[START_US + 3_000_000], latency_us=[12_345], endpoint=["GET /x"])
    total = analyze(write_run(tmp_path, table)).total
    assert {total.min_ms, total.p50_ms, total.p999_ms, total.max_ms, total.mean_ms} == {12.345}


def test_a_damaged_file_counts_as_no_samples(tmp_path: Path) -> None:
    folder = write_run(tmp_path, random_table(np.random.default_rng(7), 5_000))
    data = bytearray(folder.samples.read_bytes())
    data[200:4000] = bytes(3800)
    folder.samples.write_bytes(bytes(data))
    assert analyze(folder).total.n == 0
    assert any("damaged" in warning or "cannot be read" in warning for warning in Analysis.read(folder.analysis).warnings)


def test_a_missing_plan_is_one_sentence(tmp_path: Path) -> None:
    folder = write_run(tmp_path, None)
    folder.plan.unlink()
    with pytest.raises(ConfigurationError, match=r"plan.json does not exist"):
        analyze(folder)


def test_exemplars_and_doubts_reach_the_analysis(tmp_path: Path) -> None:
    table = sample_table(start_us=[START_US - 10, START_US + 5_000_000], latency_us=[1, 2], endpoint=["GET /x"] * 2)
    folder = write_run(tmp_path, table, load=make_load(2, grouping_warning="Too many names."))
    one = {"endpoint": "GET /x", "start": START.isoformat(), "latency_ms": 2.0, "status": 500, "error": "e" * 900}
    slower = {**one, "latency_ms": 9.0, "start": (START + timedelta(seconds=1)).isoformat()}
    folder.exemplars.write_text(json.dumps({"schema_version": 1, "exemplars": [one, slower]}))
    analyze(folder)
    analysis = Analysis.read(folder.analysis)
    assert [one.latency_ms for one in analysis.exemplars] == [9.0, 2.0]
    assert len(analysis.exemplars[0].error) == 500
    assert analysis.warnings == ("1 of 2 requests started outside the time of the load.", "Too many names.")


def test_more_endpoints_than_timelines_keep_their_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally_module, "MOST_TIMELINES", 2)
    table = random_table(np.random.default_rng(8), 3_000, endpoints=5)
    folder = write_run(tmp_path, table)
    assert len(analyze(folder).endpoints) == 5
    analysis = Analysis.read(folder.analysis)
    assert len(analysis.endpoint_timelines) == 2
    assert sum(point.n for point in analysis.timeline) == 3_000
    good = table.to_pandas()
    good = good[good.error.astype(str) == ""]
    first = good[good.start_us < START_US + 1_000_000].latency_us.astype(float)
    assert analysis.timeline[0].p95_ms == np.quantile(first, 0.95) / 1000


def test_names_from_another_dictionary_in_each_row_group_stay_apart(tmp_path: Path) -> None:
    names = [f"GET /{number // 10}" for number in range(1_000)]
    table = sample_table(start_us=START_US + 3_000_000 + np.arange(1_000), latency_us=np.arange(1_000), endpoint=names)
    metrics = analyze(write_run(tmp_path, table, row_group_size=64))
    assert {endpoint.endpoint: endpoint.n for endpoint in metrics.endpoints} == dict.fromkeys(names, 10)


def test_files_that_cannot_be_written_are_one_sentence_and_leave_no_metrics(tmp_path: Path) -> None:
    folder = write_run(tmp_path, random_table(np.random.default_rng(9), 100))
    folder.stats_csv.mkdir()
    with pytest.raises(InfrastructureError, match="cannot be written"):
        analyze(folder)
    assert not folder.metrics.exists()


def test_a_log_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    folder = write_run(tmp_path, random_table(np.random.default_rng(9), 100))
    folder.backend_log.mkdir()
    analyze(folder)
    assert any("backend.log cannot be read" in warning for warning in Analysis.read(folder.analysis).warnings)


@pytest.mark.parametrize("start_us", [-(2**63), -(2**62), 0, 2**62, 2**63 - 1])
@pytest.mark.parametrize("load", ["default", None], ids=["load.json", "no load.json"])
def test_impossible_clocks_crash_nothing(tmp_path: Path, start_us: int, load: str | None) -> None:
    table = sample_table(
        start_us=[start_us, START_US + 5_000_000], latency_us=[2**32 - 1, 7], endpoint=["GET /x"] * 2, error=["late", ""]
    )
    folder = write_run(tmp_path, table, load=load)
    assert analyze(folder).total.n == (1 if load else 0)
    assert sum(point.n for point in Analysis.read(folder.analysis).timeline) == 2
    assert len(folder.failures_csv.read_text().splitlines()) == 2


def test_a_second_analysis_writes_the_same_bytes(tmp_path: Path) -> None:
    folder = write_run(tmp_path, random_table(np.random.default_rng(10), 3_000), row_group_size=500)
    paths = (folder.metrics, folder.analysis, folder.stats_csv, folder.failures_csv, folder.prometheus)
    analyze(folder)
    first = [path.read_bytes() for path in paths]
    analyze(folder)
    assert [path.read_bytes() for path in paths] == first


@pytest.mark.parametrize("median_ms", [2, 7, 45, 180, 950])
def test_quantiles_are_exact_at_every_scale(tmp_path: Path, median_ms: int) -> None:
    rng = np.random.default_rng(median_ms)
    latency = (median_ms * 1000 * np.exp(0.3 * rng.standard_normal(4_000))).astype(np.uint32)
    table = sample_table(start_us=START_US + 3_000_000 + np.arange(4_000), latency_us=latency, endpoint=["GET /x"] * 4_000)
    total = analyze(write_run(tmp_path, table)).total
    for name, level in QUANTILE_FIELDS.items():
        assert getattr(total, name) == np.quantile(latency.astype(float), level) / 1000
