"""What the rules of validity look at, and the findings they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.analysis.models import RunMetrics
from loadtest.gate.records.findings import Finding
from loadtest.load.attempts import Sending
from loadtest.load.models import LoadResult, StopReason
from loadtest.planning.models import Plan
from loadtest.vocabulary import Criterion, Outcome


@dataclass(frozen=True)
class Usual:
    """What comparable runs did: median throughput, requests per second, and by how much this run's answers took longer
    on average, milliseconds (negative: faster)."""

    rps: float
    latency_rise_ms: float


@dataclass(frozen=True)
class Facts:
    """What the rules of validity look at; `usual` is what other runs of the baseline showed, None where there is none."""

    plan: Plan
    load: LoadResult
    metrics: RunMetrics | None
    usual: Usual | None
    sendings: Sequence[Sending] = ()

    @property
    def aborted(self) -> bool:
        return self.load.stop_reason is StopReason.ABORTED

    @property
    def ran_s(self) -> float:
        return (self.load.ended_at - self.load.started_at).total_seconds()


def invalid(sentence: str, *, rule: str, **evidence: float | int | str | None) -> Finding:
    return Finding(criterion=Criterion.VALIDITY, outcome=Outcome.INVALID, sentence=sentence, evidence={"rule": rule, **evidence})


def warn(sentence: str, *, rule: str, **evidence: float | int | str | None) -> Finding:
    return Finding(criterion=Criterion.VALIDITY, outcome=Outcome.WARN, sentence=sentence, evidence={"rule": rule, **evidence})
