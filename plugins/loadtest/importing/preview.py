"""What of a parsed run a person looks at before it is imported."""

from __future__ import annotations

import numpy as np

from loadtest import wording
from loadtest.importing.parsed import ParsedRun, Requests
from loadtest.reporting.escape import NAME_LIMIT, plain


def rows_of(run: ParsedRun) -> list[tuple[str, ...]]:
    """Endpoint, requests, errors, p50 and p95 in ms as text, the busiest first."""
    found = _of_requests(run.requests) if run.requests is not None else _of_totals(run)
    return [
        (plain(name, NAME_LIMIT), wording.number(n), wording.percent(errors / n), wording.ms_number(p50), wording.ms_number(p95))
        for name, n, errors, p50, p95 in sorted(found, key=lambda row: (-row[1], row[0]))
    ]


def _of_totals(run: ParsedRun) -> list[tuple[str, int, int, float | None, float | None]]:
    return [(row.endpoint, row.n, row.errors, row.values.get("p50_ms"), row.values.get("p95_ms")) for row in run.totals]


def _of_requests(requests: Requests) -> list[tuple[str, int, int, float | None, float | None]]:
    codes, latency, failed = np.asarray(requests.endpoint), np.asarray(requests.latency_us), np.asarray(requests.cause) > 0
    rows: list[tuple[str, int, int, float | None, float | None]] = []
    for name, code in requests.endpoints.items():
        own = codes == code
        good = latency[own & ~failed]
        p50, p95 = (float(value) / 1000 for value in np.quantile(good, (0.5, 0.95))) if len(good) else (None, None)
        rows.append((name, int(own.sum()), int((own & failed).sum()), p50, p95))
    return rows
