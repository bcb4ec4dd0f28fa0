"""The rules of the data contract: what has to hold before a run may be judged. Each is one Great Expectations expectation.

Rules about whether the plan was achieved do not apply to a load that an abort criterion stopped: that is a result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from loadtest.analysis.contract_tables import LATENCIES
from loadtest.load.models import LoadResult
from loadtest.planning.profiles import LoadModel

LONGEST_LATENCY_MS = 2**32 / 1000  # what the recorder can hold
CLOCK_SLACK_S = 1.0
LEAST_SHARE_OF_DURATION = 0.95
LEAST_SHARE_OF_ARRIVALS = 0.99


@dataclass(frozen=True)
class Rule:
    """`expectation`: name of a Great Expectations class; `sentence`: what has to hold, in words;
    `only`: the load model it applies to, None: both."""

    table: str
    name: str
    sentence: str
    expectation: str
    arguments: dict[str, Any]
    about_plan: bool = False
    only: LoadModel | None = None

    def applies(self, load: LoadResult) -> bool:
        return not (self.about_plan and load.abort is not None) and self.only in (None, load.load_model)


def rules() -> tuple[Rule, ...]:
    return tuple(_all())


def _all() -> Iterator[Rule]:
    yield from _run_rules()
    yield from _metric_rules()
    yield from _sample_rules()


def _run_rules() -> Iterator[Rule]:
    yield _equal("samples_complete", "every recorded request is in the samples", "samples_in_file", "samples_reported")
    yield _between("columns_present", "the samples have all their columns", "columns_missing", 0, 0)
    yield _between("no_missing_cells", "no start, endpoint or outcome is missing", "missing_cells", 0, 0)
    yield _at_most("torn_records", "each process tore its last record at most", "torn_records", "processes")
    yield _between("starts_after_begin", "no request started before the load", "first_start_s", -CLOCK_SLACK_S, None)
    yield _between(
        "starts_before_end", "no request started after the load ended", "last_start_before_end_s", -CLOCK_SLACK_S, None
    )
    yield _between("steady_reached", "there was a steady phase", "steady_s", 0.001, None, about_plan=True)
    yield _between("steady_measured", "requests were measured in the steady phase", "steady_requests", 1, None, about_plan=True)
    yield _equal("total_adds_up", "the endpoints' requests add up to the total", "steady_requests", "endpoint_requests")
    yield _equal("endpoints_unique", "each endpoint is listed once", "endpoints", "endpoint_names")
    yield _between(
        "duration_achieved",
        f"the load ran at least {LEAST_SHARE_OF_DURATION:.0%} of its planned time".replace("%", " %"),
        "ran_share_of_plan",
        LEAST_SHARE_OF_DURATION,
        None,
        about_plan=True,
    )
    users = _at_most("users_achieved", "all planned users were there", "users_planned", "users_reached", about_plan=True)
    yield replace(users, only=LoadModel.CLOSED)
    arrivals = _between(
        "arrivals_achieved",
        f"at least {LEAST_SHARE_OF_ARRIVALS:.0%} of the planned arrivals were started".replace("%", " %"),
        "arrivals_share_of_plan",
        LEAST_SHARE_OF_ARRIVALS,
        None,
        about_plan=True,
    )
    yield replace(arrivals, only=LoadModel.OPEN)


def _metric_rules() -> Iterator[Rule]:
    columns = ["endpoint", "n", "errors", "error_rate", "rps", "mean_ms", *LATENCIES]
    yield Rule(
        "metrics",
        "metrics_columns",
        "the metrics have all their columns",
        "ExpectTableColumnsToMatchSet",
        {"column_set": columns, "exact_match": False},
    )
    yield _between("counts_not_negative", "counts are zero or more", "n", 0, None, table="metrics")
    yield _between("errors_not_negative", "error counts are zero or more", "errors", 0, None, table="metrics")
    yield _at_most("errors_within_requests", "there are no more errors than requests", "errors", "n", table="metrics")
    yield _between("error_rate_range", "error rates lie between 0 and 1", "error_rate", 0, 1, table="metrics")
    yield _between("rate_not_negative", "request rates are zero or more", "rps", 0, None, table="metrics")
    yield _equal(
        "latencies_complete",
        "an endpoint has latencies exactly if it had a success",
        "latencies",
        "latencies_expected",
        table="metrics",
    )
    for low, high in pairwise(LATENCIES):
        yield _at_most(f"order_{low[:-3]}_{high[:-3]}", f"{low} is at most {high}", low, high, table="metrics")
    yield _at_most("mean_above_min", "the mean is at least the minimum", "min_ms", "mean_upper_ms", table="metrics")
    yield _at_most("mean_below_max", "the mean is at most the maximum", "mean_lower_ms", "max_ms", table="metrics")
    yield _between("server_order", "server-time p50 is at most its p95", "server_p50_above_p95", 0, 0, table="metrics")


def _sample_rules() -> Iterator[Rule]:
    yield Rule(
        "samples",
        "samples_columns",
        "the samples can be read as a table",
        "ExpectTableColumnsToMatchSet",
        {"column_set": ["start_s", "latency_ms", "endpoint", "failed", "status"], "exact_match": True},
    )
    yield _between("latency_range", "latencies lie in the recorder's range", "latency_ms", 0, LONGEST_LATENCY_MS, table="samples")
    yield _between("status_range", "status codes lie between 0 and 999", "status", 0, 999, table="samples")
    yield Rule(
        "samples",
        "endpoint_named",
        "every request has an endpoint",
        "ExpectColumnValuesToNotMatchRegex",
        {"column": "endpoint", "regex": r"^\s*$|^\(unnamed\)$"},
    )


def _between(
    name: str, sentence: str, column: str, low: float | None, high: float | None, *, table: str = "run", about_plan: bool = False
) -> Rule:
    arguments = {"column": column, "min_value": low, "max_value": high}
    return Rule(table, name, sentence, "ExpectColumnValuesToBeBetween", arguments, about_plan)


def _equal(name: str, sentence: str, left: str, right: str, *, table: str = "run") -> Rule:
    return Rule(table, name, sentence, "ExpectColumnPairValuesToBeEqual", {"column_A": left, "column_B": right})


def _at_most(name: str, sentence: str, low: str, high: str, *, table: str = "run", about_plan: bool = False) -> Rule:
    arguments = {"column_A": high, "column_B": low, "or_equal": True, "ignore_row_if": "either_value_is_missing"}
    return Rule(table, name, sentence, "ExpectColumnPairValuesAToBeGreaterThanB", arguments, about_plan)
