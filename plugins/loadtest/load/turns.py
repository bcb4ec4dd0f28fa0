"""Whose turn it is: how two loads that run side by side take turns, one slice of time after the other.

One file for both, written when both are ready; a load whose turn it is not holds its requests back. Standard library only: it
is read inside Locust.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

READY_WITHIN_S = 90.0  # how long the sides wait for each other
SETTLE_S = 0.3  # of each slice: the answers of the other side come in, held back requests go out a little at a time


@dataclass(frozen=True)
class Turns:
    """`order`: the side (0 base, 1 candidate) of each slice; times in seconds since the Unix epoch."""

    starts_at: float
    slice_s: float
    order: tuple[int, ...]

    @property
    def ends_at(self) -> float:
        return self.starts_at + self.slice_s * len(self.order)

    def slice_at(self, now: float) -> int | None:
        """Number of the slice; None before the first and after the last."""
        number = int((now - self.starts_at) // self.slice_s)
        return number if 0 <= number < len(self.order) else None

    def edge_after(self, now: float) -> float:
        """When the next slice begins."""
        return self.starts_at + self.slice_s * (int((now - self.starts_at) // self.slice_s) + 1)

    def after(self, slices: int) -> Turns:
        """The same, ended after so many slices."""
        return Turns(self.starts_at, self.slice_s, self.order[:slices])

    def write(self, path: Path) -> None:
        temporary = path.with_name(f".{path.name}")
        temporary.write_text(json.dumps(asdict(self)), encoding="utf-8")
        temporary.replace(path)

    @classmethod
    def read(cls, path: Path) -> Turns | None:
        """None while there is no such file."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return cls(data["starts_at"], data["slice_s"], tuple(data["order"]))
