"""Two loads that take turns: the base's and the candidate's, each with a backend of its own, never both at once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loadtest.errors import InfrastructureError
from loadtest.load.control.host_turn import host_turn
from loadtest.load.control.run import POLL_S, LoadHandle, find_live_load, load_result, read_progress, start_load, stop_load
from loadtest.load.models import LoadResult, Progress
from loadtest.load.supervision.tail import WorkerTail
from loadtest.load.turns import READY_WITHIN_S, Turns
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder

LEAD_S = 1.0

log = logging.getLogger(__name__)

Look = Callable[[Turns, int, "tuple[SideArrays, SideArrays]"], bool]


@dataclass(frozen=True)
class Side:
    """One of the two: its plan, its folder, where its backend listens."""

    plan: Plan
    folder: RunFolder
    base_url: str


@dataclass(frozen=True)
class SideArrays:
    """What a side has recorded so far, successes: start in microseconds since the epoch, latency in microseconds, endpoint."""

    start_us: np.ndarray
    latency_us: np.ndarray
    endpoint: np.ndarray  # names


def run_side_by_side(
    base: Side,
    candidate: Side,
    *,
    order: tuple[int, ...],
    slice_s: float,
    looks: tuple[int, ...],
    enough: Look,
    on_progress: Callable[[Progress], None],
) -> tuple[LoadResult, LoadResult, Turns]:
    """Send both loads in turns and wait for their end; rejoins them where both are on their way already. After each number of
    slices in `looks`, `enough` is asked whether the evidence suffices; then both end early. Raises InfrastructureError where a
    side does not get ready."""
    path = Path(str(candidate.folder.path)).resolve() / candidate.folder.turns.name
    sides = (base, candidate)
    handles = [live for side in sides if (live := find_live_load(side.folder))]
    try:
        turns = Turns.read(path) if len(handles) == len(sides) else None
        if turns is None:
            while handles:  # one without the other, or neither had its turn yet
                stop_load(handles.pop())
            path.unlink(missing_ok=True)
            with host_turn(candidate.folder.run_id, log.info):  # one for both; they keep it
                for number, side in enumerate(sides):
                    handles.append(start_load(side.plan, side.folder, side.base_url, turns=path, side=number))
            _wait_until_ready(handles, sides)
            turns = Turns(time.time() + LEAD_S, slice_s, order)
            turns.write(path)
        turns = _follow(handles, turns, path, looks, enough, on_progress)
        while any(handle.is_running for handle in handles):
            time.sleep(POLL_S)
    except BaseException:
        for handle in handles:
            stop_load(handle)
        raise
    return load_result(handles[0]), load_result(handles[1]), turns


def _wait_until_ready(handles: list[LoadHandle], sides: tuple[Side, Side]) -> None:
    """Until all users of both sides are there; none has sent anything yet."""
    deadline = time.monotonic() + READY_WITHIN_S
    waiting = {"base": (handles[0], sides[0]), "candidate": (handles[1], sides[1])}
    while waiting:
        for name, (handle, side) in list(waiting.items()):
            if not handle.is_running:
                raise InfrastructureError(f"The load of the {name} ended before it began: {load_result(handle).error}")
            progress = read_progress(handle)
            if progress is not None and progress.users >= side.plan.profile.users:
                del waiting[name]
        if waiting and time.monotonic() > deadline:
            late = " and the ".join(waiting)
            raise InfrastructureError(f"The users of the {late} were not there after {READY_WITHIN_S:.0f} s.")
        time.sleep(POLL_S)


def _follow(
    handles: list[LoadHandle],
    turns: Turns,
    path: Path,
    looks: tuple[int, ...],
    enough: Look,
    on_progress: Callable[[Progress], None],
) -> Turns:
    left = [look for look in looks if look < len(turns.order)]
    readers = [_StreamReader(handle.scratch.streams) for handle in handles]
    while time.time() < turns.ends_at and all(handle.is_running for handle in handles):
        if left and (turns.slice_at(time.time()) or 0) >= left[0]:
            slices = left.pop(0)
            if enough(turns, slices, (readers[0].read(), readers[1].read())):
                turns = turns.after((turns.slice_at(time.time()) or slices) + 1)
                turns.write(path)
        progress = read_progress(handles[1])
        if progress is not None:
            remaining = max(0.0, turns.ends_at - time.time())
            on_progress(progress.model_copy(update={"remaining_s": remaining}))
        time.sleep(POLL_S)
    return turns


class _StreamReader:
    """All samples of a load so far, from the raw streams."""

    def __init__(self, streams: Path) -> None:
        self._streams = streams
        self._tails: dict[Path, WorkerTail] = {}
        self._read: list[SideArrays] = []

    def read(self) -> SideArrays:
        for folder in sorted(self._streams.iterdir()) if self._streams.is_dir() else []:
            tail = self._tails.setdefault(folder, WorkerTail(folder))
            samples = tail.read_samples()
            good = samples[samples["error"] == 0]
            names = tail.names["endpoint"]
            endpoint = np.array([names.get(int(number), "") for number in good["endpoint"]], dtype=object)
            self._read.append(SideArrays(good["start_us"], good["latency_us"], endpoint))
        parts = self._read or [SideArrays(np.array([]), np.array([]), np.array([], dtype=object))]
        return SideArrays(
            np.concatenate([part.start_us for part in parts]),
            np.concatenate([part.latency_us for part in parts]),
            np.concatenate([part.endpoint for part in parts]),
        )
