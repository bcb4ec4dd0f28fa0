"""Did the load generator measure the service, or itself? Its processor, event loop, clocks and files."""

from __future__ import annotations

from collections.abc import Iterator

from loadtest.gate.records.findings import Finding
from loadtest.gate.rules.validity_facts import Facts, invalid, warn
from loadtest.load.models import TOLERATED_SATURATION, WorkerFacts
from loadtest.wording import ms, percent, plural

MOST_OVERSHOOT_MS = 5.0
MOST_OVERSHOOT_SHARE = 0.10  # of the median latency
MOST_CLOCK_STEP_MS = 100.0
SOME_STALLED_SHARE, MOST_STALLED_SHARE = 0.01, 0.05  # of the time: p99 holds them, then p95 does
LEAST_OBSERVED_SHARE = 0.90  # of the steady phase
LEAST_RAN_S = 1.0  # what a shorter load shows is how it started


def judge_generator(facts: Facts) -> Iterator[Finding]:
    median = facts.metrics.total.p50_ms if facts.metrics else None
    limit_ms = max(MOST_OVERSHOOT_MS, MOST_OVERSHOOT_SHARE * (median or 0.0))
    if facts.load.steady_started_at is None or facts.ran_s < LEAST_RAN_S:
        return  # nothing steady to observe; said by the rule about the ramp, or the load was aborted
    for worker in facts.load.workers:
        if worker.samples and not worker.lost:
            yield from _generator_process(worker, limit_ms)


def _generator_process(worker: WorkerFacts, limit_ms: float) -> Iterator[Finding]:
    share, overshoot = worker.saturated_share, worker.loop_overshoot_median_ms
    if share is None or overshoot is None:
        yield invalid(
            f"load generator {worker.worker} did not observe its own CPU and event loop, so it may have been the bottleneck",
            rule="generator_unobserved",
            worker=worker.worker,
        )
    elif worker.observed_share is not None and worker.observed_share < LEAST_OBSERVED_SHARE:
        yield invalid(
            f"load generator {worker.worker} observed itself in only {percent(worker.observed_share)} of the steady phase, so it "
            "may have been the bottleneck in the rest",
            rule="generator_unobserved",
            worker=worker.worker,
            observed_share=worker.observed_share,
        )
    if worker.stalled_share is not None and worker.stalled_share > SOME_STALLED_SHARE:
        say = invalid if worker.stalled_share > MOST_STALLED_SHARE else warn
        yield say(
            f"load generator {worker.worker} was stalled for {percent(worker.stalled_share)} of the steady phase (blocked by a "
            "task that does not yield, or frozen with its machine): latencies include that",
            rule="generator_stalled",
            worker=worker.worker,
            stalled_share=worker.stalled_share,
        )
    if share is not None and share > TOLERATED_SATURATION:
        yield invalid(
            f"load generator {worker.worker} was saturated for {percent(share)} of the steady phase (10 % allowed), "
            "so the latencies reflect the load generator, not your service",
            rule="generator_saturated",
            worker=worker.worker,
            saturated_share=share,
        )
    if overshoot is not None and overshoot > limit_ms:
        yield invalid(
            f"the event loop of load generator {worker.worker} ran {ms(overshoot)} late (median; {ms(limit_ms)} allowed): "
            "latencies include its own delay",
            rule="loop_overshoot",
            worker=worker.worker,
            overshoot_median_ms=overshoot,
            limit_ms=limit_ms,
        )


def judge_clocks(facts: Facts) -> Iterator[Finding]:
    for worker in facts.load.workers:
        if abs(worker.max_clock_step_ms) > MOST_CLOCK_STEP_MS:
            yield invalid(
                f"the clock of {worker.worker} jumped by {ms(abs(worker.max_clock_step_ms))} during the load, so its timestamps "
                "cannot be relied on",
                rule="clock_step",
                worker=worker.worker,
                step_ms=worker.max_clock_step_ms,
            )


def judge_samples(facts: Facts) -> Iterator[Finding]:
    lost = facts.load.lost_samples
    if lost > facts.load.torn_records:
        yield invalid(
            f"{plural(lost, 'request')} were recorded but never reached the run folder (a full disk?): the numbers lack them",
            rule="samples_lost",
            lost=lost,
        )
    if facts.load.unknown_names:
        yield invalid(
            f"the names of {plural(facts.load.unknown_names, 'request')} were lost (a full disk?), so their endpoints are "
            "unknown",
            rule="names_lost",
            lost=facts.load.unknown_names,
        )
