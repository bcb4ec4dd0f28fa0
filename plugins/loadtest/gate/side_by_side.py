"""The findings of a comparison side by side: from the samples of both sides to sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loadtest import wording
from loadtest.analysis.samples import SampleFile
from loadtest.errors import ConfigurationError
from loadtest.files import AnyPath
from loadtest.gate.records.findings import Comparison, Detectable, Finding
from loadtest.gate.statistics.error_rates import ERROR_LEVEL, LEAST_RISE, p_more_errors
from loadtest.gate.statistics.multiplicity import benjamini_hochberg
from loadtest.gate.statistics.paired import METRICS, MIDDLE, SideSamples
from loadtest.gate.statistics.side_by_side import PROVING, Decision, decide, planned_pairs
from loadtest.load.turns import SETTLE_S, Turns
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Criterion, Outcome

_DETECTABLE_SDS = 2.0 + 0.84  # a warning at about two standard errors more than chance, 80 % power (normal approximation)


@dataclass(frozen=True)
class SideBySide:
    """What a comparison of two builds says."""

    decision: Decision
    comparison: Comparison
    findings: list[Finding]
    detectable: tuple[Detectable, ...]


def compare_side_by_side(plan: Plan, folder: RunFolder, turns: Turns | None = None) -> SideBySide:
    """Compare the run in `folder`, the candidate, with its base; `turns`: as if they had ended there. Raises
    ConfigurationError for missing or damaged files."""
    turns = turns or Turns.read(Path(str(folder.turns)))
    if turns is None:
        raise ConfigurationError(f"{folder.turns} does not exist: the sides never took turns; run the load again.")
    base, candidate = (_counted(path, turns, side) for side, path in enumerate((folder.base.samples, folder.samples)))
    pairs = len(turns.order) // 2
    endpoints = sorted(base.samples.keys() & candidate.samples.keys())
    tolerance = plan.scenario.criteria.tolerance or plan.profile.tolerance
    decision = decide(
        base.samples,
        candidate.samples,
        endpoints,
        pairs=pairs,
        planned=planned_pairs(plan.profile.duration_s),
        tolerance=tolerance,
        least_effect=plan.scenario.criteria.least_effect,
    )
    against = wording.commit(plan.against)
    known = _Known(decision, base, candidate, against, tolerance)
    findings = [*(known.of_endpoint(index) for index in range(len(endpoints))), *known.of_all(), *known.of_errors()]
    comparison = Comparison(compared=True, reason="", against=plan.against, pairs=pairs, candidate_runs=1)
    errors = decision.comparison.standard_error[0]
    detectable = tuple(
        Detectable(endpoint=name, metric=MIDDLE.name, effect=float(np.expm1(_DETECTABLE_SDS * error)))
        for name, error in zip(endpoints, errors, strict=True)
        if np.isfinite(error)
    )
    return SideBySide(decision, comparison, findings, detectable)


class _Counted:
    """One side: successes by endpoint with the pair they belong to, and requests and errors by endpoint."""

    def __init__(self) -> None:
        self.samples: dict[str, SideSamples] = {}
        self.requests: dict[str, int] = {}
        self.errors: dict[str, int] = {}


def paired(start_us: np.ndarray, turns: Turns, side: int) -> np.ndarray:
    """The pair of slices in which each request of a side started; -1 for those before, after, in the first moments of a slice,
    and in a slice of the other side: sent by a process that the machine let wait."""
    since_s = start_us / 1e6 - turns.starts_at
    number = np.floor(since_s / turns.slice_s).astype(np.int64)
    inside = (number >= 0) & (number < len(turns.order) // 2 * 2) & (since_s - number * turns.slice_s >= SETTLE_S)
    own = np.asarray(turns.order)[np.clip(number, 0, len(turns.order) - 1)] == side
    return np.where(inside & own, number // 2, -1)


def _counted(path: AnyPath, turns: Turns, side: int) -> _Counted:
    file = SampleFile(path)
    parts: dict[int, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
    for chunk in file.chunks(("start_us", "latency_us", "endpoint", "error")):
        pair = paired(chunk.start_us, turns, side)
        for code in np.unique(chunk.endpoint):
            mine = (chunk.endpoint == code) & (pair >= 0)
            parts.setdefault(int(code), []).append((pair[mine], chunk.latency_us[mine], chunk.failed[mine]))
    counted = _Counted()
    for code, found in parts.items():
        pair, latency_us, failed = (np.concatenate(column) for column in zip(*found, strict=True))
        name = file.endpoints.all[code]
        counted.requests[name], counted.errors[name] = len(pair), int(failed.sum())
        if (~failed).any():
            counted.samples[name] = SideSamples(pair[~failed], latency_us[~failed] / 1000)
    return counted


class _Known:
    """Everything that a finding's sentence needs."""

    def __init__(self, decision: Decision, base: _Counted, candidate: _Counted, against: str, tolerance: float) -> None:
        self._decision, self._base, self._candidate, self._against = decision, base, candidate, against
        self._tolerance = tolerance

    def of_endpoint(self, index: int) -> Finding:
        decision, comparison = self._decision, self._decision.comparison
        name = comparison.endpoints[index]
        judged = np.flatnonzero(np.isfinite(comparison.difference[:, index]))
        n = self._candidate.requests.get(name, 0)
        if not len(judged):
            sentence = f"{name}: too few requests to compare ({wording.plural(n, 'request')} of the candidate)"
            return Finding(criterion=Criterion.REGRESSION, outcome=Outcome.INCONCLUSIVE, endpoint=name, sentence=sentence, n=n)
        row = int(judged[np.argmin(decision.p_slower[judged, index])])
        alarming = decision.warned[:, index]
        if alarming.any():
            row = int(np.flatnonzero(alarming)[np.argmin(decision.p_slower[alarming, index])])
        low, high = (float(bound[row, index]) for bound in comparison.interval())
        difference = float(comparison.difference[row, index])
        sentence = (
            f"{name} {METRICS[row].label} {wording.log_change(difference)} ({wording.log_interval(low, high)}), "
            f"{wording.plural(comparison.pairs, 'pair')} of slices, base {self._against}"
        )
        upper = max(float(comparison.interval()[1][proving, index]) for proving in PROVING)
        if alarming.any():
            outcome = Outcome.FAIL if decision.regressed[:, index].any() else Outcome.WARN
            sentence += f", adj. p {wording.p_value(float(decision.p_slower[row, index]))}"
        elif decision.proven_endpoints[index]:
            outcome = Outcome.PASS
            sentence += f"; within {wording.percent(self._tolerance)}"
        else:
            outcome = Outcome.INCONCLUSIVE
            sentence += f"; cannot exclude {wording.log_change(upper)}" if np.isfinite(upper) else ""
        return Finding(
            criterion=Criterion.REGRESSION,
            outcome=outcome,
            sentence=sentence,
            endpoint=name,
            metric=METRICS[row].name,
            observed=float(np.exp(comparison.base[row, index] + difference)),
            reference=float(np.exp(comparison.base[row, index])),
            effect=float(np.expm1(difference)),
            interval=(float(np.expm1(low)), float(np.expm1(high))),
            p_adjusted=min(1.0, float(decision.p_slower[row, index])),
            n=n,
            evidence={
                "pairs": comparison.pairs,
                "base": self._against,
                "base_n": self._base.requests.get(name, 0),
                "standard_error": float(comparison.standard_error[row, index]),
            },
        )

    def of_all(self) -> list[Finding]:
        decision, comparison = self._decision, self._decision.comparison
        if not np.isfinite(comparison.common):
            return []
        outcome = Outcome.FAIL if decision.common_regressed else Outcome.WARN if decision.common_warned else Outcome.PASS
        sentence = (
            f"all endpoints together {wording.log_change(comparison.common)}, "
            f"{wording.plural(comparison.pairs, 'pair')} of slices, "
            f"base {self._against}, p {wording.p_value(comparison.p_common)}"
        )
        effect = float(np.expm1(comparison.common))
        return [
            Finding(
                criterion=Criterion.GLOBAL,
                outcome=outcome,
                sentence=sentence,
                effect=effect,
                evidence={"pairs": comparison.pairs},
            )
        ]

    def of_errors(self) -> list[Finding]:
        names = sorted(self._base.requests.keys() & self._candidate.requests.keys())
        counts = [
            (self._candidate.errors[n], self._candidate.requests[n], self._base.errors[n], self._base.requests[n]) for n in names
        ]
        asked = [(name, *count) for name, count in zip(names, counts, strict=True) if count[1] and count[3]]
        if not asked:
            return []
        adjusted = benjamini_hochberg(np.array([p_more_errors(x, n, x0, n0, 1.0) for _, x, n, x0, n0 in asked]))
        findings = []
        for (name, x, n, x0, n0), p in zip(asked, adjusted, strict=True):
            if p < ERROR_LEVEL and x / n - x0 / n0 >= LEAST_RISE:
                sentence = (
                    f"{name} fails more often: {wording.percent(x / n)} of {wording.plural(n, 'request')}, "
                    f"base {self._against} {wording.percent(x0 / n0)}, adj. p {wording.p_value(float(p))}"
                )
                findings.append(
                    Finding(
                        criterion=Criterion.ERRORS,
                        outcome=Outcome.FAIL,
                        sentence=sentence,
                        endpoint=name,
                        metric="error_rate",
                        observed=x / n,
                        reference=x0 / n0,
                        p_adjusted=float(p),
                        n=n,
                    )
                )
        return findings


def enough_evidence(endpoints: Sequence[str], sides: Sequence[Mapping[str, SideSamples]], pairs: int, planned: int) -> bool:
    """Whether a comparison may end after `pairs` of `planned` pairs."""
    return decide(sides[0], sides[1], endpoints, pairs=pairs, planned=planned).ends
