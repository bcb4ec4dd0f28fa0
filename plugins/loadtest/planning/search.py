"""A profile that looks for the highest load at which all targets hold: in which steps, and how often."""

from __future__ import annotations

from pydantic import Field

from loadtest.files import BY_NAME_TOO, Record
from loadtest.planning.quantities import DurationS, ShareOrPercent


class CapacitySearch(Record):
    """Steps of `step` seconds each: from `start` users on doubled until a target is missed, then halved between what held and
    what did not, then up and down around it for `repeats` steps. Neighboring levels differ by `resolution`. The first `settle`
    seconds of a step are not judged. At the end `hold` seconds at the load that was found: what tables and charts of the run
    show."""

    start: int = Field(default=4, ge=1, le=20_000, description="Users in the first step.")
    step_s: DurationS = Field(default=20, alias="step", ge=5, le=3600, description="How long each step lasts, such as `20s`.")
    settle_s: DurationS = Field(
        default=5, alias="settle", ge=1, le=600, description="Time at the start of each step that is not judged, such as `5s`."
    )
    hold_s: DurationS = Field(
        default=60,
        alias="hold",
        ge=10,
        le=3600,
        description="How long the load that was found is held at the end; the tables and charts of the run show this time.",
    )
    resolution: ShareOrPercent = Field(
        default=0.10, ge=0.01, le=0.5, description="Distance between neighboring loads, such as `10%`."
    )
    repeats: int = Field(default=8, ge=4, le=100, description="Number of steps around the limit once it has been found.")

    model_config = BY_NAME_TOO

    def levels(self, most: int) -> tuple[int, ...]:
        """All numbers of users that a step may have, ascending; `most` is the last."""
        found = [self.start]
        while found[-1] < most:
            found.append(min(most, max(found[-1] + 1, round(found[-1] * (1 + self.resolution)))))
        return tuple(found)
