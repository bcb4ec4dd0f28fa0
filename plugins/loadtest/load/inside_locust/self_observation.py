"""What a load-generating process knows about its own health: CPU, waiting for a CPU, event loop, clocks.

Signals and thresholds: a main thread that runs or waits to run for 90 % of a second is saturated; the overshoot of a
short sleep shows how late the event loop serves what is ready (measured: 0.15 ms idle, 0.6-1 ms paced, 1-11 ms saturated).
"""

from __future__ import annotations

from pathlib import Path
from time import monotonic, process_time, time

SCHEDSTAT = Path("/proc/self/schedstat")
NAP_S = 0.05


class SelfObservation:
    """One record a second from naps of NAP_S; `napped` after each nap, `second` once a second."""

    def __init__(self) -> None:
        self._overshoots_us: list[int] = []
        self._wall, self._monotonic = time(), monotonic()
        self._busy_s = _busy_s()

    def napped(self, seconds: float) -> None:
        """Record how long a nap of NAP_S really took."""
        self._overshoots_us.append(max(0, round((seconds - NAP_S) * 1_000_000)))

    def second(self) -> dict[str, object]:
        """The facts since the last call: wall time, length, busy share, overshoots, step of the wall clock."""
        wall, now, busy_s = time(), monotonic(), _busy_s()
        length = max(now - self._monotonic, 1e-6)
        facts: dict[str, object] = {
            "t": wall,
            "length_s": round(length, 4),
            "busy": round((busy_s - self._busy_s) / length, 4),
            "overshoots_us": self._overshoots_us,
            "clock_step_ms": round((wall - self._wall - length) * 1000, 3),
        }
        self._wall, self._monotonic, self._busy_s = wall, now, busy_s
        self._overshoots_us = []
        return facts


def _busy_s() -> float:
    """Seconds the main thread has run or waited in the run queue; CPU time alone where the kernel does not tell: without
    scheduler statistics it says zero, always."""
    try:
        on_cpu_ns, waiting_ns, _ = SCHEDSTAT.read_text().split()
        return max((int(on_cpu_ns) + int(waiting_ns)) / 1e9, process_time())
    except (OSError, ValueError):
        return process_time()
