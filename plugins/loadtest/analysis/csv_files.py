"""`loadtest_stats.csv` and `loadtest_failures.csv`: Locust's columns, computed from every one of our samples.

Unlike Locust's own files they are complete and exact: percentiles (numpy's type 7) with microseconds kept, whole run,
failures included, as Locust counts.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from loadtest.analysis.failures import RawFailures
from loadtest.analysis.tally import LOCUST_PERCENTILES, Tally
from loadtest.analysis.time_grid import EARLIEST_US, LATEST_US
from loadtest.files import AnyPath, write_text
from loadtest.masking import mask_secrets

if TYPE_CHECKING:
    import pandas as pd

_METHOD = re.compile(r"([A-Z]{2,10}) (.*)", re.DOTALL)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
ERROR_LENGTH = 2_000


def write_csv_files(stats_path: AnyPath, failures_path: AnyPath, tally: Tally | None, errors: Sequence[str]) -> None:
    """Write both; with only their headers when there are no samples."""
    write_text(stats_path, _to_csv(stats_table(tally)))
    write_text(failures_path, _to_csv(failures_table(tally, errors)))


def stats_table(tally: Tally | None) -> pd.DataFrame:
    """One row per endpoint, sorted by name, and `Aggregated` last. Times in ms, rates per second from first to last request."""
    import pandas as pd

    percentiles = [percentile_name(level) for level in LOCUST_PERCENTILES]
    columns = (
        *("Type", "Name", "Request Count", "Failure Count", "Median Response Time", "Average Response Time"),
        *("Min Response Time", "Max Response Time", "Average Content Size", "Requests/s", "Failures/s", *percentiles),
    )
    if tally is None or tally.first_us is None or tally.last_end_us is None:
        return pd.DataFrame(columns=list(columns))
    span_s = max((tally.last_end_us - tally.first_us) / 1e6, 1e-6)
    rows: list[Mapping[str, object]] = []
    counts = tally.count.sum(axis=1)
    failed = tally.count[:, 1] + tally.count[:, 3]
    named = sorted(range(len(tally.endpoints)), key=tally.endpoints.__getitem__)
    for code in [*named, None]:
        at = slice(None) if code is None else [code]
        n, failures = int(counts[at].sum()), int(failed[at].sum())
        timed = int(tally.timed[at].sum())
        if not n:
            continue
        quantiles_ms = (tally.whole_total if code is None else tally.whole[code]) / 1000
        method, name = ("", "Aggregated") if code is None else split_endpoint(tally.endpoints[code])
        rows.append(
            {
                "Type": safe_cell(method),
                "Name": safe_cell(name),
                "Request Count": n,
                "Failure Count": failures,
                "Median Response Time": quantiles_ms[1],
                "Average Response Time": tally.latency_sum[at].sum() / timed / 1000 if timed else math.nan,
                "Min Response Time": quantiles_ms[0],
                "Max Response Time": quantiles_ms[-1],
                "Average Content Size": tally.bytes_sum[at].sum() / n,
                "Requests/s": n / span_s,
                "Failures/s": failures / span_s,
                **dict(zip(percentiles, quantiles_ms[1:], strict=True)),
            }
        )
    return pd.DataFrame(rows, columns=list(columns))


def failures_table(tally: Tally | None, errors: Sequence[str]) -> pd.DataFrame:
    """One row per (endpoint, error text, status) of the whole run, as it was recorded: nothing folded or left out."""
    import pandas as pd

    columns = ["Method", "Name", "Error", "Occurrences", "First Seen", "Last Seen"]
    raw: list[RawFailures] = tally.failures.raw() if tally else []
    if not raw or tally is None:
        return pd.DataFrame(columns=columns)
    table = pd.DataFrame(raw)
    table = table.sort_values(["endpoint", "occurrences", "error", "status"], ascending=[True, False, True, True])
    split = {code: split_endpoint(tally.endpoints[code]) for code in table["endpoint"].unique()}
    texts = {code: safe_cell(mask_secrets(errors[code][:ERROR_LENGTH])) for code in table["error"].unique()}
    return pd.DataFrame(
        {
            "Method": table["endpoint"].map({code: safe_cell(method) for code, (method, _) in split.items()}),
            "Name": table["endpoint"].map({code: safe_cell(name) for code, (_, name) in split.items()}),
            "Error": table["error"].map(texts),
            "Occurrences": table["occurrences"],
            "First Seen": _utc(table["first_us"]),
            "Last Seen": _utc(table["last_us"]),
        },
        columns=columns,
    )


def split_endpoint(endpoint: str) -> tuple[str, str]:
    """`GET /students` -> (`GET`, `/students`); a name without a method has the method ``."""
    match = _METHOD.fullmatch(endpoint)
    return (match[1], match[2]) if match else ("", endpoint)


def safe_cell(text: str) -> str:
    """Text that a spreadsheet will not run as a formula: it gets an apostrophe in front (OWASP, "CSV Injection")."""
    text = _CONTROL.sub(" ", text)
    return f"'{text}" if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA[:4]) else text


def percentile_name(level: float) -> str:
    """`99.9%` of 0.999, as Locust spells it."""
    return f"{level * 100:.6g}%"


def _to_csv(table: pd.DataFrame) -> str:
    buffer = io.StringIO()
    table.to_csv(buffer, index=False, float_format=_decimal, lineterminator="\r\n")
    return buffer.getvalue()


def _decimal(value: Any) -> str:
    return f"{round(float(value), 4):.12g}"


def _utc(times_us: pd.Series[int]) -> pd.Series[str]:
    import pandas as pd

    return pd.to_datetime(times_us.clip(EARLIEST_US, LATEST_US), unit="us").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
