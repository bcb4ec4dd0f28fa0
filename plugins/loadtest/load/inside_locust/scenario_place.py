"""The scenario's own line among the frames of a stack or a traceback."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterable
from pathlib import Path
from traceback import FrameSummary

import loadtest

_NOT_THE_SCENARIO = (
    *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")),
    str(Path(loadtest.__file__).parent),
    "<",  # generated code
)


def place_in_scenario(frames: Iterable[FrameSummary]) -> str:
    """`locustfile.py line 10`, the innermost; empty where no frame is the scenario's. `frames`: outermost first."""
    inner = next((frame for frame in reversed(list(frames)) if not frame.filename.startswith(_NOT_THE_SCENARIO)), None)
    return f"{Path(inner.filename).name} line {inner.lineno}" if inner else ""
