"""How a comparison is said, the same in each format."""

from __future__ import annotations

from loadtest import wording
from loadtest.comparing.models import Difference, EndpointComparison, MetricChange, RunComparison, SideFacts, Standing
from loadtest.vocabulary import Outcome

LABELS = {
    Standing.SLOWER: "slower",
    Standing.MAYBE_SLOWER: "perhaps slower",
    Standing.OPEN: "undecided",
    Standing.ALIKE: "alike",
    Standing.MAYBE_FASTER: "perhaps faster",
    Standing.FASTER: "faster",
    Standing.NOT_COMPARED: "not compared",
}
SIGNS = {
    Standing.SLOWER: "▲",
    Standing.MAYBE_SLOWER: "△",
    Standing.OPEN: "?",
    Standing.ALIKE: "≈",
    Standing.MAYBE_FASTER: "▽",
    Standing.FASTER: "▼",
    Standing.NOT_COMPARED: wording.NONE,
}
# Colors and shapes of the charts are those of outcomes.
OUTCOMES = {
    Standing.SLOWER: Outcome.FAIL,
    Standing.MAYBE_SLOWER: Outcome.WARN,
    Standing.OPEN: Outcome.INCONCLUSIVE,
    Standing.ALIKE: Outcome.PASS,
    Standing.MAYBE_FASTER: Outcome.PASS,
    Standing.FASTER: Outcome.PASS,
    Standing.NOT_COMPARED: None,
}
SHORT_METRICS = {"typical_ms": "typical", "mean_ms": "mean", "tail_ratio": "tail"}


def side(name: str, facts: SideFacts) -> str:
    """`A  student_api on staging, smoke: 5 users, 20s, 2026-11-27 13:57 UTC, build 9768e19, 312 requests`."""
    load = [f"{facts.facts['Users']} users" if facts.facts.get("Users", "").isdecimal() else facts.facts.get("Users", "")]
    parts = [*load, facts.facts.get("Duration") or facts.facts.get("Lasted", ""), f"{facts.started_at:%Y-%m-%d %H:%M} UTC"]
    parts += [f"build {wording.commit(facts.build)}" if facts.build else "build unknown"]
    parts += [wording.plural(facts.requests, "request")]
    kind = " (aggregated)" if facts.kind == "aggregated" else ""
    return f"{name}{kind}  {facts.title}: {', '.join(part for part in parts if part)}"


def difference(one: Difference) -> str:
    return f"{one.name}: {one.first} → {one.second}"


def value(metric: str, number: float | None) -> str:
    """Without its unit, for a column: milliseconds, or a ratio."""
    if number is None:
        return wording.NONE
    return f"x{number:.2f}" if metric == "tail_ratio" else wording.ms_number(number)


def shared(comparison: RunComparison) -> str:
    """What all endpoints together did, in one sentence; empty where nobody knows."""
    found = comparison.shared
    if found is None:
        return ""
    text = f"All endpoints together {wording.change(found.effect)} (90 % interval {wording.change_interval(found.interval)})"
    if found.without_host is None:
        return f"{text}; without a host probe on both sides this may be the host."
    interval = wording.change_interval(found.without_host_interval)
    return f"{text}; beyond what the host probe explains {wording.change(found.without_host)} ({interval})."


def honesty(comparison: RunComparison) -> str:
    """What a single pair can and cannot say."""
    if not comparison.noise:
        return ""
    sizes = [change.detectable for row in comparison.endpoints for change in row.changes if change.metric == "typical_ms"]
    known = sorted(size for size in sizes if size is not None)
    smallest = ""
    if known:
        smallest = f" A slowdown of one endpoint by {wording.change(known[len(known) // 2]).lstrip('+')} would mostly be seen."
    return (
        f"One run a side: {comparison.noise}.{smallest} What all endpoints share is taken out of each change. "
        "A difference found here is a suspicion, not a verdict."
    )


def advice(comparison: RunComparison) -> str:
    """What would tell more."""
    if comparison.reasons and not comparison.anyway:
        return "Show the changes all the same, marked: --anyway"
    build = comparison.first.build
    if build and build != comparison.second.build and not build.endswith("-dirty"):
        return f"To be sure, let both builds take turns on one host: loadtest run --against {wording.commit(build)}"
    return ""


def telling(row: EndpointComparison) -> list[MetricChange]:
    """The metrics of an endpoint that a short table shows: typical latency and p95 where they are compared, the tail where it is
    what changed; else p50 and p95."""
    wanted = ["typical_ms", "p95_ms"] if row.change("typical_ms") else ["p50_ms", "p95_ms"]
    tail = row.change("tail_ratio")
    if tail and tail.standing not in (Standing.OPEN, Standing.ALIKE, Standing.NOT_COMPARED):
        wanted.append("tail_ratio")
    return [change for metric in wanted if (change := row.change(metric)) is not None]
