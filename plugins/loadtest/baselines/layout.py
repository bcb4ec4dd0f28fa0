"""Baseline files as text that reads well in a diff: one endpoint a line, numbers to six digits, everything sorted."""

from __future__ import annotations

import json
from typing import Any

from loadtest.baselines.models import BaselineFile, Candidate
from loadtest.gate.models import EndpointSummary, RunSummary

SIGNIFICANT_DIGITS = 6  # latencies are recorded to the microsecond; more digits are noise in a diff


def render(model: BaselineFile | Candidate) -> str:
    """JSON of the model, ending in a newline; `parse` of the models reads it back to equal numbers after `rounded`."""
    return _block(model.model_dump(mode="json", exclude_none=True), 0) + "\n"


def rounded(run: RunSummary) -> RunSummary:
    """The run as a file keeps it: its statistics to six significant digits, endpoints by name."""
    endpoints = sorted(run.endpoints, key=lambda endpoint: endpoint.endpoint)
    return run.model_copy(update={"endpoints": tuple(_rounded_endpoint(endpoint) for endpoint in endpoints)})


def _rounded_endpoint(endpoint: EndpointSummary) -> EndpointSummary:
    numbers = {
        name: float(f"{value:.{SIGNIFICANT_DIGITS}g}")
        for name, value in endpoint.model_dump(exclude={"endpoint", "n", "errors"}).items()
        if value is not None
    }
    return endpoint.model_copy(update=numbers)


def _block(value: Any, depth: int) -> str:
    """Objects and lists over several lines, except small ones (an endpoint, a host class), which take one line."""
    if _is_flat(value):
        return json.dumps(value, ensure_ascii=False)
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(value, dict):
        lines = [f"{inner}{json.dumps(key, ensure_ascii=False)}: {_block(each, depth + 1)}" for key, each in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{outer}}}"
    return "[\n" + ",\n".join(f"{inner}{_block(each, depth + 1)}" for each in value) + f"\n{outer}]"


def _is_flat(value: Any) -> bool:
    if isinstance(value, dict):
        return not any(isinstance(each, dict | list) for each in value.values())
    if isinstance(value, list):
        return not any(isinstance(each, dict | list) for each in value)
    return True
