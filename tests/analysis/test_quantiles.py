from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from loadtest.analysis import quantiles as module
from loadtest.analysis.quantiles import GroupedQuantiles, View, bucket_of

LEVELS = (0.0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0)
ANY_LATENCY = st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 50), st.sampled_from([0, 1, 2**24, 2**24 + 1, 2**32 - 1]))


@given(hnp.arrays(np.uint32, st.integers(2, 300), elements=ANY_LATENCY), st.integers(0, 8))
def test_buckets_are_monotonic_and_in_range(values: np.ndarray, bits: int) -> None:
    buckets = bucket_of(np.sort(values), bits)
    assert (np.diff(buckets) >= 0).all()
    assert buckets.min() >= 0
    assert buckets.max() < 33 << bits


@settings(max_examples=60)
@given(
    rows=st.lists(st.tuples(st.integers(0, 3), ANY_LATENCY), max_size=300),
    bits=st.integers(0, 8),
    chunk=st.integers(1, 100),
)
def test_grouped_quantiles_equal_numpy_for_every_group_and_view(rows: list[tuple[int, int]], bits: int, chunk: int) -> None:
    row = np.array([group for group, _ in rows], np.int32)
    values = np.array([value for _, value in rows], np.uint32)
    views = {
        "each": View(np.arange(4), 4, LEVELS),
        "all": View(np.zeros(4, np.int64), 1, (0.5, 0.95)),
        "odd": View(np.array([-1, 0, -1, 0]), 1, (0.123,)),
    }
    selection = GroupedQuantiles(4, views, values=len(rows), max_bits=bits)
    for start in range(0, len(row), chunk):
        selection.count(row[start : start + chunk], values[start : start + chunk])
    selection.plan()
    for start in reversed(range(0, len(row), chunk)):
        selection.collect(row[start : start + chunk], values[start : start + chunk])
    each = selection.result("each")
    for group in range(4):
        mine = values[row == group].astype(np.float64)
        expected = np.quantile(mine, LEVELS) if len(mine) else np.full(len(LEVELS), np.nan)
        assert np.array_equal(each[group], expected, equal_nan=True)
        assert selection.group_sizes("each")[group] == len(mine)
    for view, chosen in (("all", values), ("odd", values[row % 2 == 1])):
        levels = views[view].quantiles
        expected = np.quantile(chosen.astype(np.float64), levels) if len(chosen) else np.full(len(levels), np.nan)
        assert np.array_equal(selection.result(view)[0], expected, equal_nan=True)


def test_equal_values_are_merged_so_that_a_narrow_distribution_costs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPRESS_ABOVE", 100)
    rng = np.random.default_rng(3)
    values = rng.integers(5_000, 5_020, 10_000).astype(np.uint32)
    row = np.zeros(len(values), np.int32)
    selection = GroupedQuantiles(1, {"each": View(np.zeros(1, np.int64), 1, LEVELS)}, values=10_000, max_bits=3)
    selection.count(row, values)
    selection.plan()
    for part in np.array_split(values, 50):
        selection.collect(row[: len(part)], part)
    assert np.array_equal(selection.result("each")[0], np.quantile(values.astype(np.float64), LEVELS))


@pytest.mark.parametrize("values", [0, 10, 10**6, 10**12])
def test_the_table_stays_small_however_many_rows_and_values_there_are(values: int) -> None:
    for rows in (1, 2_000, 60_000):
        views = {"each": View(np.arange(rows), rows, (0.5,))}
        selection = GroupedQuantiles(rows, views, values=values)
        assert rows * selection.buckets <= max(module.MAX_CELLS, 33 * rows)
