"""Baselines as files: versions that never change, each with the runs it rests on and who accepted it, when and why."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Self

from pydantic import Field, model_validator

from loadtest.files import FileModel, Record
from loadtest.gate.records.summaries import RunSummary
from loadtest.planning.models import HostClass
from loadtest.planning.quantities import Slug

FULL_RUNS = 8
LEAST_RUNS = 3  # with fewer nothing is compared
MOST_REFRESH = 12  # a rolling window


class Provenance(Record):
    """Who accepted a version, when and why; and what had to be overruled."""

    accepted_by: str = Field(min_length=1)
    accepted_at: datetime
    reason: str = Field(min_length=3)
    forced: bool = False
    overruled: tuple[str, ...] = Field(default=(), description="what spoke against it when it was forced")
    from_version: int | None = Field(default=None, description="the older version this one brings back (rollback)")


class Baseline(Record):
    """One accepted version: the runs are what later runs are compared with. Immutable; the newest one is the anchor."""

    version: int = Field(ge=1)
    provenance: Provenance
    digest: str
    host_class: HostClass
    runs: tuple[RunSummary, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _runs_belong_together(self) -> Self:
        ids = [run.run_id for run in self.runs]
        if len(set(ids)) != len(ids):
            raise ValueError("a run is in it twice")
        strangers = [run.run_id for run in self.runs if run.digest != self.digest or run.host_class != self.host_class]
        if strangers:
            raise ValueError(f"run {strangers[0]} has another plan digest or host class than the baseline")
        return self

    @property
    def builds(self) -> tuple[str, ...]:
        """Commits its runs were made of, sorted; runs without a commit count as one unknown build."""
        return tuple(sorted({run.commit or "unknown" for run in self.runs}))

    @property
    def span_h(self) -> float:
        """Hours between its first and its last run."""
        starts = [run.started_at for run in self.runs]
        return (max(starts) - min(starts)).total_seconds() / 3600


class BaselineFile(FileModel):
    """`<scenario>/<environment>-<profile>.json`: all versions, oldest first, and runs that refresh the variances.

    `refresh`: accepted runs since the anchor. They tell how much runs differ, never where the anchor is.
    """

    SCHEMA_VERSION: ClassVar[int] = 1

    scenario: Slug
    environment: Slug
    profile: Slug
    versions: tuple[Baseline, ...] = ()
    refresh: tuple[RunSummary, ...] = Field(default=(), max_length=MOST_REFRESH)

    @model_validator(mode="after")
    def _versions_count_up(self) -> Self:
        numbers = [baseline.version for baseline in self.versions]
        if numbers != list(range(1, len(numbers) + 1)):
            raise ValueError(f"versions must be 1, 2, 3, ... in this order, not {numbers}")
        return self

    @property
    def anchor(self) -> Baseline | None:
        return self.versions[-1] if self.versions else None


class Candidate(FileModel):
    """Runs collected for a version that nobody has accepted yet, and those that cannot be part of it, with the reason."""

    SCHEMA_VERSION: ClassVar[int] = 1

    scenario: Slug
    environment: Slug
    profile: Slug
    runs: tuple[RunSummary, ...] = ()
    objections: dict[str, str] = Field(default={}, description="run id -> why a person must overrule something to accept it")
    left_out: dict[str, str] = Field(default={}, description="run id -> why it is not among the runs")
