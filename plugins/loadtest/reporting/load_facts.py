"""What is known about the measurement itself, as label and value: how the load ended, and whether its generator kept up."""

from __future__ import annotations

from loadtest import wording
from loadtest.load.models import ArrivalFacts, HealthFacts, HostProbe, LoadResult, NeighborFacts, OtherHost, OutageKind
from loadtest.planning.profiles import LoadModel
from loadtest.reporting.escape import plain
from loadtest.reporting.inputs import RunFiles
from loadtest.wording import plural

MOST_OUTAGES = 5
OUTAGE_WORDS = {
    OutageKind.TIMEOUT: "no answer in time",
    OutageKind.REFUSED: "no connection",
    OutageKind.ANSWER: "an answer that is not healthy",
}


def validity_facts(files: RunFiles) -> tuple[tuple[str, str], ...]:
    rows = _load_facts(files.load) if files.load else []
    if files.contract and not files.contract.error:
        passed = sum(check.passed for check in files.contract.checks)
        rows.append(("Data contract", f"{passed} of {plural(len(files.contract.checks), 'check')} passed"))
        rows.extend((plain(check.name, 80), plain(check.sentence)) for check in files.contract.checks if not check.passed)
    if files.contract and files.contract.data_docs:
        rows.append(("Data docs", f"{plain(files.contract.data_docs, 200)} in the run folder"))
    return tuple(rows)


def _load_facts(load: LoadResult) -> list[tuple[str, str]]:
    rows = [
        ("End of the load", _end(load)),
        ("Samples", wording.number(load.samples) + (f", {load.torn_records:,} torn" if load.torn_records else "")),
    ]
    if load.load_model is LoadModel.CLOSED:
        rows.append(("Users", f"{load.reached_users:,} of {load.planned_users:,} reached"))
    if load.arrivals:
        rows.append(("Arrivals", _arrivals(load.arrivals)))
    if load.steady_started_at and load.steady_ended_at:
        steady_s = (load.steady_ended_at - load.steady_started_at).total_seconds()
        rows.append(("Steady phase", f"{wording.duration(steady_s)} from {wording.clock(load.steady_started_at)} UTC"))
    rows += [(f"Beside the service, {plain(other.host, 120)}", _other(other)) for other in load.other_hosts]
    rows += _generator(load)
    rows.append(("Health checks", _health(load.health)))
    rows += _outages(load)
    if load.host_probe:
        rows.append(("Host probe", _probe(load.host_probe)))
    if load.neighbors:
        rows.append(("Other processes of the host", _neighbors(load.neighbors)))
    if load.in_flight_at_end:
        rows.append(("In flight at the end", wording.number(load.in_flight_at_end)))
    return rows


def _other(other: OtherHost) -> str:
    """`120 requests, 2 failed, mean 40 ms`."""
    failed = f", {wording.number(other.failures)} failed" if other.failures else ""
    return f"{plural(other.requests, 'request')}{failed}, mean {wording.ms(other.mean_ms)}"


def _end(load: LoadResult) -> str:
    ran = wording.duration((load.ended_at - load.started_at).total_seconds())
    how = load.stop_reason.value.replace("_", " ")
    return f"{how} after {ran} of {wording.duration(load.planned_duration_s)}" + (f": {plain(load.error)}" if load.error else "")


def _arrivals(arrivals: ArrivalFacts) -> str:
    return f"{arrivals.started:,} of {arrivals.planned:,} sent, {arrivals.late:,} late, {arrivals.dropped:,} dropped"


def _generator(load: LoadResult) -> list[tuple[str, str]]:
    lost = sum(worker.lost for worker in load.workers)
    rows = [("Workers", f"{len(load.workers)} of {load.expected_workers} joined, {lost} lost")]
    saturated = [worker.saturated_share for worker in load.workers if worker.saturated_share is not None]
    if saturated:
        rows.append(("Load generator saturated", f"{wording.percent(max(saturated))} of the steady phase at most"))
    overshoot = [worker.loop_overshoot_median_ms for worker in load.workers if worker.loop_overshoot_median_ms is not None]
    if overshoot:
        rows.append(("Event loop late", f"{wording.ms(max(overshoot))} (median of the worst worker)"))
    return rows


def _health(health: HealthFacts) -> str:
    if not health.checks:
        return "none: nobody asked the service for its health"
    took = f", p95 {wording.ms(health.p95_ms)}" if health.p95_ms is not None else ""
    if not health.failures:
        return f"{health.checks}, none failed{took}"
    longest = f"longest {health.longest_failure_s:.1f} s"
    return f"{health.checks}, {health.failures} failed ({longest}){took} {plain(health.last_error, 200)}"


def _outages(load: LoadResult) -> list[tuple[str, str]]:
    """When the service was away, one line each."""
    return [
        (
            "Service away",
            f"{wording.clock(outage.started_at)} UTC for {outage.duration_s:.1f} s under {plural(outage.users, 'user')} "
            f"({OUTAGE_WORDS[outage.kind]})",
        )
        for outage in load.health.outages[:MOST_OUTAGES]
    ]


def _neighbors(neighbors: NeighborFacts) -> str:
    named = ", ".join(f"{plain(process.name, 40)} {wording.percent(process.share)}" for process in neighbors.processes)
    return f"{wording.percent(neighbors.share)} of its CPU in the steady phase" + (f": {named}" if named else "")


def _probe(probe: HostProbe) -> str:
    cpu = f"CPU {wording.ms(probe.cpu_before_s * 1000)} before, {wording.ms(probe.cpu_after_s * 1000)} after"
    before, after = wording.ms(probe.loopback_before_s * 1000), wording.ms(probe.loopback_after_s * 1000)
    return f"{cpu}; loopback {before} before, {after} after"
