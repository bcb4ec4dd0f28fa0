"""A run's metrics sent over OTLP/HTTP, where the standard variables name a receiver."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from loadtest.analysis.durations import DurationHistogram
from loadtest.analysis.models import RunMetrics
from loadtest.masking import mask_secrets

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.resources import Resource

log = logging.getLogger(__name__)

OTLP_TIMEOUT_S = 2.0


def otlp_is_configured() -> bool:
    """Whether the standard variables name a receiver (and do not switch the SDK off)."""
    named = os.environ.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    return bool(named) and os.environ.get("OTEL_SDK_DISABLED", "").lower() != "true"


def push_otlp(metrics: RunMetrics, histograms: Sequence[DurationHistogram], *, timeout_s: float | None = None) -> str | None:
    """Send the metrics once, if a receiver is configured. Never raises and never waits long.

    Returns None when sent or not configured, else why it failed in one sentence (also logged).
    """
    if not otlp_is_configured():
        return None
    try:
        _push(metrics, histograms, timeout_s or OTLP_TIMEOUT_S)
    except Exception as error:  # whatever a foreign exporter or receiver does, the run's results stand
        problem = mask_secrets(f"The run's metrics could not be sent over OTLP: {type(error).__name__}: {error}.")[:500]
        log.warning(problem)
        return problem
    return None


def _push(metrics: RunMetrics, histograms: Sequence[DurationHistogram], timeout_s: float) -> None:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData, ResourceMetrics, ScopeMetrics
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from loadtest.analysis.otlp_metrics import otlp_metrics

    scope = ScopeMetrics(InstrumentationScope("loadtest.analysis"), otlp_metrics(metrics, histograms), schema_url="")
    data = MetricsData([ResourceMetrics(_resource(metrics), [scope], schema_url="")])

    def send(data: MetricsData) -> None:
        exporter = OTLPMetricExporter(timeout=timeout_s)
        try:
            if exporter.export(data, timeout_millis=timeout_s * 1000) is not MetricExportResult.SUCCESS:
                raise RuntimeError("the receiver did not accept them")
        finally:
            exporter.shutdown()

    _run_at_most(timeout_s, lambda: send(data))


def _run_at_most(seconds: float, action: Callable[[], None]) -> None:
    """The exporter's own timeout is of each read: a receiver that answers a byte at a time would hold us for minutes."""
    raised: list[Exception] = []

    def attempt() -> None:
        try:
            action()
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=attempt, name="otlp-export", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"not done after {seconds:g} s")
    if raised:
        raise raised[0]


def _resource(metrics: RunMetrics) -> Resource:
    from opentelemetry.sdk.resources import Resource

    run = metrics.run
    return Resource.create(
        {
            "service.name": os.environ.get("OTEL_SERVICE_NAME", "loadtest"),
            # tells the series of two scenarios apart and lets the next run of one continue them
            "service.instance.id": f"{run.scenario}/{run.environment}/{run.profile}",
            "deployment.environment.name": run.environment,
            "loadtest.run_id": run.run_id,
            "loadtest.scenario": run.scenario,
            "loadtest.profile": run.profile,
            **({"vcs.ref.head.revision": run.commit} if run.commit else {}),
        }
    )
