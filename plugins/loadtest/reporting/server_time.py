"""Server time by component beside the client's latency: rows of its chart and of its table."""

from __future__ import annotations

from loadtest import wording
from loadtest.analysis.models import EndpointMetrics
from loadtest.analysis.server_share import OUTSIDE, mean_parts
from loadtest.reporting.chart_data import MOST_ENDPOINTS, Rows, important_endpoints, labels, rounded
from loadtest.reporting.escape import NAME_LIMIT, plain
from loadtest.reporting.inputs import RunFiles
from loadtest.reporting.records import ServerPart, ServerRow

MOST_ROWS = 100  # endpoints in the table
COMPONENT_LENGTH = 30
SHORT_OUTSIDE = "outside"  # for legends and narrow columns; texts beside them say of what

CHART_TEXT = (
    "The mean latency of successful requests by where it was spent, from the Server-Timing headers; a request that did not "
    "report a component counts as 0. Outside what the server reports: network, queues, client, unreported work."
)


def chart_rows(files: RunFiles) -> Rows:
    """One row per endpoint and part of its mean latency; a part below zero (components overlap) is drawn as nothing."""
    reporting = _reporting(files)
    names = labels([metrics.endpoint for metrics in reporting[:MOST_ENDPOINTS]])
    rows = []
    for metrics in reporting[:MOST_ENDPOINTS]:
        parts = _parts(metrics)
        for rank, (name, mean_ms) in enumerate(mean_parts(metrics).items()):
            part = parts[name]
            rows.append(
                {
                    "endpoint": names[metrics.endpoint],
                    "full": plain(metrics.endpoint, NAME_LIMIT),
                    "component": part.name,
                    "ms": rounded(max(0.0, mean_ms)),
                    "p50": wording.ms(part.p50_ms),
                    "p95": wording.ms(part.p95_ms),
                    "reported": wording.percent(part.reported),
                    "rank": rank,
                }
            )
    return rows


def server_table(files: RunFiles) -> tuple[tuple[ServerRow, ...], int]:
    """The most important endpoints whose server reports its time, and how many more there are."""
    reporting = _reporting(files)
    rows = tuple(
        ServerRow(
            plain(metrics.endpoint, NAME_LIMIT), metrics.p50_ms, metrics.p95_ms, metrics.mean_ms, (*_parts(metrics).values(),)
        )
        for metrics in reporting[:MOST_ROWS]
    )
    return rows, len(reporting) - len(rows)


def _reporting(files: RunFiles) -> list[EndpointMetrics]:
    """Endpoints with server time, the important ones first."""
    endpoints = files.metrics.endpoints if files.metrics else ()
    by_name = {row.endpoint: row for row in endpoints if mean_parts(row)}
    return [by_name[name] for name in important_endpoints(files, len(endpoints)) if name in by_name]


def _parts(metrics: EndpointMetrics) -> dict[str, ServerPart]:
    """What was reported, then what is left over."""
    left = {
        name: ServerPart(SHORT_OUTSIDE if name == OUTSIDE else name, None, None, mean_ms, None)
        for name, mean_ms in mean_parts(metrics).items()
    }
    reported = {
        part.component: ServerPart(
            plain(part.component, COMPONENT_LENGTH), part.p50_ms, part.p95_ms, part.mean_ms, part.n / metrics.successes
        )
        for part in metrics.server
    }
    return reported | {name: part for name, part in left.items() if name not in reported}
