"""Whatever a run summary holds comes back from a baseline file, to the digits that files keep."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.baselines.layout import render, rounded
from loadtest.baselines.models import Candidate
from loadtest.gate.records.summaries import EndpointSummary, RunSummary
from tests.gate.run_facts import HOST, STARTED_AT

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
number = st.none() | st.floats(-1e6, 1e6)
variance = st.none() | st.floats(0, 10)
endpoints = st.builds(
    EndpointSummary,
    endpoint=names,
    n=st.integers(0, 10**9),
    errors=st.integers(0, 10**9),
    lm=number,
    var_lm=variance,
    log_p95=number,
    var_log_p95=variance,
    sh=number,
    server_p50_ms=st.dictionaries(names, st.floats(0, 1e6), max_size=3),
    server_mean_ms=st.dictionaries(names, st.floats(0, 1e6), max_size=3),
)
runs = st.builds(
    RunSummary,
    run_id=names,
    started_at=st.just(STARTED_AT),
    duration_s=st.floats(0, 1e6),
    digest=names,
    host_class=st.just(HOST),
    commit=st.none() | names,
    rps=st.floats(0, 1e6),
    endpoints=st.lists(endpoints, max_size=4, unique_by=lambda endpoint: endpoint.endpoint).map(tuple),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(runs, max_size=3))
def test_what_is_rendered_is_read_back(collected: list[RunSummary]) -> None:
    candidate = Candidate(scenario="shop", environment="staging", profile="light", runs=tuple(rounded(run) for run in collected))
    text = render(candidate)
    assert Candidate.parse(text, "file") == candidate
    assert render(Candidate.parse(text, "file")) == text
    lines = [line for line in text.split("\n") if line.lstrip().startswith('{"endpoint": ')]
    assert len(lines) == sum(len(run.endpoints) for run in collected)


@settings(max_examples=50, deadline=None)
@given(runs)
def test_rounding_keeps_what_tells_runs_apart(run: RunSummary) -> None:
    kept = rounded(run)
    before = {row.endpoint: row for row in run.endpoints}
    assert rounded(kept) == kept
    assert [row.endpoint for row in kept.endpoints] == sorted(before)
    for row in kept.endpoints:
        assert (row.n, row.errors) == (before[row.endpoint].n, before[row.endpoint].errors)
        if row.lm is not None:
            assert abs(row.lm - before[row.endpoint].lm) <= 1e-5 * max(abs(row.lm), 1e-300)
