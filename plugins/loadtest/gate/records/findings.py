"""Single statements of the gate, and what they rest on."""

from __future__ import annotations

from datetime import datetime

from loadtest.files import Record
from loadtest.vocabulary import Criterion, Outcome


class Finding(Record):
    """One judged comparison. `effect`, `interval` and `limit` are relative (0.31 = +31 %) for regressions, in the
    metric's unit for targets. `sentence` is what every channel prints; it is not escaped for any of them."""

    criterion: Criterion
    outcome: Outcome
    sentence: str
    endpoint: str | None = None
    metric: str | None = None
    observed: float | None = None  # in the metric's unit
    reference: float | None = None  # baseline's value or target, in the metric's unit
    effect: float | None = None
    interval: tuple[float, float] | None = None
    p_adjusted: float | None = None
    n: int | None = None
    suspect: bool = False
    muted: bool = False  # recorded and shown, not counted
    mute_reason: str = ""
    muted_by: str = ""
    muted_until: datetime | None = None
    evidence: dict[str, float | int | str | None] = {}

    @property
    def counts(self) -> bool:
        return not self.muted

    @property
    def alarms(self) -> bool:
        """Whether it says that something is wrong, or may be; a mute changes nothing about that."""
        return self.outcome in (Outcome.INVALID, Outcome.FAIL, Outcome.WARN) or self.suspect


class Comparison(Record):
    """With what the run was compared, or why not."""

    compared: bool
    reason: str = ""  # one sentence when not compared or only with reduced force
    baseline_version: int | None = None
    baseline_path: str | None = None
    baseline_runs: int = 0
    builds: int = 0
    host_factor: float | None = None  # relative: 0.06 = this run's host was 6 % slower
    candidate_runs: int = 1  # 3 after confirmation
    against: str | None = None  # side by side with this commit, instead of a baseline
    confirmed_against: str | None = None  # suspicions were measured again side by side with this commit, the baseline's
    pairs: int = 0  # of slices, side by side
    awaiting_acceptance: int = 0  # runs of this plan that were collected and that nobody has accepted yet


class Detectable(Record):
    """The smallest regression of one endpoint that this run could have detected (80 % power), relative."""

    endpoint: str
    metric: str
    effect: float


class Recommendation(Record):
    """What the pattern of findings suggests, why, and what to do next."""

    title: str
    evidence: str
    next_step: str
    command: str = ""


class Coverage(Record):
    """How much of a pass is proven: endpoints whose regression beyond the tolerance is excluded."""

    judged: int
    proven: int
    sentence: str
