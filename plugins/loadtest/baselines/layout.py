"""Baseline files as text that reads well in a diff: one endpoint a line, no more digits than tell runs apart, all sorted."""

from __future__ import annotations

import json
from typing import Any

from loadtest.baselines.models import BaselineFile, Candidate
from loadtest.gate.records.summaries import EndpointSummary, RunSummary

SIGNIFICANT_DIGITS = 6  # of log latencies: a thousandth of a percent
VARIANCE_DIGITS = 3


def render(model: BaselineFile | Candidate) -> str:
    """JSON of the model, ending in a newline."""
    return _block(model.model_dump(mode="json", exclude_none=True), 0) + "\n"


def rounded(run: RunSummary) -> RunSummary:
    """The run as a file keeps it: few digits, endpoints by name. Rounding again changes nothing."""
    endpoints = sorted(run.endpoints, key=lambda endpoint: endpoint.endpoint)
    return run.model_copy(
        update={
            "endpoints": tuple(_rounded_endpoint(endpoint) for endpoint in endpoints),
            "rps": _round(run.rps, SIGNIFICANT_DIGITS),
            "duration_s": round(run.duration_s, 3),
        }
    )


def _rounded_endpoint(endpoint: EndpointSummary) -> EndpointSummary:
    numbers = {
        name: _round(value, VARIANCE_DIGITS if name.startswith("var_") else SIGNIFICANT_DIGITS)
        for name, value in endpoint.model_dump().items()
        if isinstance(value, float)
    }
    server = {
        field: {name: _round(value, 4) for name, value in sorted(getattr(endpoint, field).items())}
        for field in ("server_p50_ms", "server_mean_ms")
    }
    return endpoint.model_copy(update=numbers | server)


def _round(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _block(value: Any, depth: int) -> str:
    """Objects and lists over several lines, except small ones (an endpoint, a host class), which take one line."""
    if _fits_a_line(value):
        return json.dumps(value, ensure_ascii=False)
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(value, dict):
        lines = [f"{inner}{json.dumps(key, ensure_ascii=False)}: {_block(each, depth + 1)}" for key, each in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{outer}}}"
    return "[\n" + ",\n".join(f"{inner}{_block(each, depth + 1)}" for each in value) + f"\n{outer}]"


def _fits_a_line(value: Any) -> bool:
    if isinstance(value, dict):
        return "endpoint" in value or not any(isinstance(each, dict | list) for each in value.values())
    if isinstance(value, list):
        return not value
    return True
