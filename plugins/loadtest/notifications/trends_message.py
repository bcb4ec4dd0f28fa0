"""The monthly trends in Slack: once per month, however often the DAG runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from upath import UPath

from loadtest.notifications.pipeline_alerts import PipelineAlerts
from loadtest.notifications.slack import messages
from loadtest.trends.words import summary_lines

if TYPE_CHECKING:
    from loadtest.trends.models import TrendsReport


def tell_trends(runs_root: UPath | Path | str, report: TrendsReport, page: UPath) -> bool:
    """Send the month's trends; returns whether they went out now. Raises DeliveryError."""
    from loadtest.notifications.airflow_connections import connected

    channels, _ = connected()
    title = f"Load test trends, {report.month}"
    first, *lines = summary_lines(report)
    blocks = [
        messages.header(title),
        messages.paragraph(first),
        *messages.bullets("Where things are going", lines, most=12),
        messages.context(f"Charts: {page}"),
    ]
    return PipelineAlerts(runs_root, channels.slack).once(f"trends/{report.month}", messages.message(f"{title}: {first}", blocks))
