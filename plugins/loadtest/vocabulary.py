"""The closed vocabulary of the product: outcomes, statuses, metrics and criteria. Used in code, files, UI and messages."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How a finding or a run is judged."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


# Worst first: a run's outcome is the first of these that any counted finding has.
SEVERITY = (Outcome.INVALID, Outcome.FAIL, Outcome.WARN, Outcome.INCONCLUSIVE, Outcome.PASS)


class RunStatus(StrEnum):
    """`judged` runs have an outcome; `not_run` ones were refused, rejected or canceled before load went out."""

    JUDGED = "judged"
    NOT_RUN = "not_run"


class Criterion(StrEnum):
    """Which rule a finding comes from."""

    VALIDITY = "validity"
    CONTRACT = "contract"
    SERVICE = "service"
    TARGET = "target"
    REGRESSION = "regression"
    GLOBAL = "global"
    ERRORS = "errors"
    THROUGHPUT = "throughput"
    REQUIRED = "required"
    DRIFT = "drift"
    CAPACITY = "capacity"


class Evidence(StrEnum):
    """What a profile's numbers can carry: `indicative` ones only fail what is surely exceeded."""

    INDICATIVE = "indicative"
    CONCLUSIVE = "conclusive"


# What a finding can be about, so what can be muted: metrics of targets and of comparisons.
FINDING_METRICS = (
    "typical_ms",
    "p50_ms",
    "p90_ms",
    "p95_ms",
    "p99_ms",
    "mean_ms",
    "tail_ratio",
    "error_rate",
    "rps",
    "capacity_users",
)

EXIT_CODES = {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.INVALID: 3, Outcome.INCONCLUSIVE: 4, Outcome.WARN: 5}
LENIENT = (Outcome.INCONCLUSIVE, Outcome.WARN)  # exit 0 unless --strict


def exit_code(outcome: Outcome | None, *, strict: bool) -> int:
    """Exit code of a run: 2 for `not_run` (no outcome); warn and inconclusive count only when `strict`."""
    if outcome is None:
        return 2
    if outcome in LENIENT and not strict:
        return 0
    return EXIT_CODES[outcome]


def worst(outcomes: list[Outcome]) -> Outcome:
    """The worst of several outcomes; `pass` of none."""
    return next((level for level in SEVERITY if level in outcomes), Outcome.PASS)
