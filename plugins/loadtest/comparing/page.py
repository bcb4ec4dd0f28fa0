"""A comparison as one self-contained page, in the shell of the run report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from loadtest import wording
from loadtest.comparing import words
from loadtest.comparing.models import RunComparison
from loadtest.comparing.sides import Side
from loadtest.reporting.chart_data import MOST_ENDPOINTS, MOST_PICKED, labels
from loadtest.reporting.escape import NAME_LIMIT, plain

if TYPE_CHECKING:
    from loadtest.reporting.charts import Chart

_TEMPLATES = Path(__file__).parent / "templates"


def render_html(comparison: RunComparison, sides: tuple[Side, Side]) -> str:
    from loadtest.reporting.html import render_page

    context = {"comparison": comparison, "words": words}
    title = f"{comparison.first.run_id} and {comparison.second.run_id} compared"
    return render_page(title, "comparison.html.j2", context, _charts(comparison, sides), templates=_TEMPLATES)


def _charts(comparison: RunComparison, sides: tuple[Side, Side]) -> list[Chart]:
    return [chart for chart in (_effects(comparison), _distributions(comparison, sides)) if chart is not None]


def _effects(comparison: RunComparison) -> Chart | None:
    from loadtest.reporting.run_charts import effects_chart

    chosen = []
    for row in comparison.endpoints:
        told = [change for change in row.changes if change.effect is not None and change.interval and change.p_slower is not None]
        if told:
            chosen.append((row, min(told, key=lambda change: min(change.p_slower or 1.0, change.p_faster or 1.0))))
    chosen = chosen[:MOST_ENDPOINTS]
    if not chosen:
        return None
    names = labels([row.endpoint for row, _ in chosen])
    rows = [
        {
            "endpoint": names[row.endpoint],
            "full": row.endpoint,
            "metric": wording.metric_label(change.metric),
            "effect": change.effect,
            "low": change.interval[0],
            "high": change.interval[1],
            "outcome": words.OUTCOMES[change.standing] or "not judged",
        }
        for row, change in chosen
        if change.interval
    ]
    text = "The most telling metric of each endpoint with its 90 % interval; right of zero is slower. Dashed is the tolerance."
    return effects_chart(rows, "the first run", comparison.tolerance, text)


def _distributions(comparison: RunComparison, sides: tuple[Side, Side]) -> Chart | None:
    from loadtest.reporting.comparison_data import quantile_rows
    from loadtest.reporting.run_charts import distribution_chart

    first, second = ({plain(name, NAME_LIMIT): row for name, row in side.quantiles.items()} for side in sides)
    both = [row.endpoint for row in comparison.endpoints if row.endpoint in first and row.endpoint in second][:MOST_PICKED]
    if not both:
        return None
    names = labels(both)
    text = (
        "Latency below which a share of the successful requests stayed; the tail is stretched. Blue: the second run. Orange, "
        "dashed: the first."
    )
    return distribution_chart(quantile_rows(second, names), quantile_rows(first, names), [], list(names.values()), text)
